import numpy as np
import pytest
from harness import gradient_check, layer_param, make

import minicaffe as caffe
from minicaffe.errors import DataError, GraphError, LayerError
from minicaffe.layers import layer_class
from minicaffe.proto import blob_from_array, write_message

MODES = ["", "normalization: FULL", "normalization: BATCH_SIZE", "normalization: NONE", "normalize: false"]


def labels(shape, classes):
    return np.random.default_rng(1).integers(0, classes, shape)


@pytest.mark.parametrize("norm", ["L1", "L2"])
@pytest.mark.parametrize("shape, label", [((4, 5), (4,)), ((3, 2, 2, 1), (3, 1, 1)), ((6, 2), (6, 1))])
def test_hinge_gradient(norm, shape, label):
    text = f'type: "HingeLoss" hinge_loss_param {{ norm: {norm} }}'
    gradient_check(text, [shape, label], values=[None, labels(label, shape[1])])


@pytest.mark.parametrize("legacy", ["false", "true"])
@pytest.mark.parametrize("shape", [(6, 4), (6, 4, 1, 1), (6, 3, 2)])
def test_contrastive_gradient(legacy, shape):
    """Far apart, where Caffe's 1e-4 in the denominator is nothing."""
    margin = 200.0**2 if legacy == "true" else 200
    text = f'type: "ContrastiveLoss" contrastive_loss_param {{ margin: {margin} legacy_version: {legacy} }}'
    random = np.random.default_rng(0)
    a, b = random.standard_normal((2, *shape)) * 60
    gradient_check(text, [shape, shape, (6,)], values=[a, b, [0, 1, 0, 1, 0, 0]], rtol=1e-5)


def test_contrastive_pairs_by_hand():
    run = make('type: "ContrastiveLoss" contrastive_loss_param { margin: 2 }', (3, 2), (3, 2), (3, 1))
    (loss,) = run.forward([[3, 4], [0, 1], [3, 4]], 0, [[1], [0], [0]])
    assert float(loss) == pytest.approx((25 + 1 + 0) / 6)
    da, db, _ = run.backward()
    np.testing.assert_allclose(da, [[1, 4 / 3], [0, -1 / 3 / 1.0001], [0, 0]], rtol=1e-6)
    np.testing.assert_array_equal(db, -da)


def test_multinomial_gradient_and_floor():
    text = 'type: "MultinomialLogisticLoss"'
    p = np.random.default_rng(0).uniform(0.1, 1, (4, 3, 2))
    gradient_check(text, [(4, 3, 2), (4,)], values=[p, labels(4, 6)], rtol=1e-4)
    run = make(text, (2, 2), (2,))
    (loss,) = run.forward([[0, 1], [0.5, 0.5]], [0, 1])
    assert float(loss) == pytest.approx((-np.log(1e-20) + np.log(2)) / 2)
    np.testing.assert_allclose(run.backward()[0], [[-0.5e20, 0], [0, -1]], rtol=1e-6)


@pytest.mark.parametrize("options", MODES)
@pytest.mark.parametrize("ignored", ["", "ignore_label: 1 "])
def test_sigmoid_cross_entropy_gradient(options, ignored):
    target = np.random.default_rng(1).choice([0, 0.3, 0.9, 1], (3, 4, 2))
    text = f'type: "SigmoidCrossEntropyLoss" loss_param {{ {ignored}{options} }}'
    gradient_check(text, [(3, 4, 2), (3, 8)], values=[None, target.reshape(3, 8)])


@pytest.mark.parametrize(
    "options, divisor",
    [
        ("", 2),
        ("normalize: true", 5),
        ("normalize: false", 2),
        ("normalization: VALID", 5),
        ("normalization: VALID normalize: false", 5),
        ("normalization: FULL", 6),
        ("normalization: NONE", 1),
    ],
)
def test_what_sigmoid_cross_entropy_is_divided_by(options, divisor):
    run = make(f'type: "SigmoidCrossEntropyLoss" loss_param {{ ignore_label: -1 {options} }}', (2, 3), (2, 3))
    (loss,) = run.forward(np.zeros((2, 3)), [[0, 1, -1], [0.5, -0.5, 2]])
    assert float(loss) == pytest.approx(5 * np.log(2) / divisor)


def test_sigmoid_cross_entropy_cuts_targets_to_integers_when_it_looks_for_the_ignored_one():
    run = make('type: "SigmoidCrossEntropyLoss" loss_param { ignore_label: 0 }', (1, 3), (1, 3))
    (loss,) = run.forward([[0, 5, 5]], [[1, 0.9, -0.9]])
    assert float(loss) == pytest.approx(np.log(2))
    np.testing.assert_allclose(run.backward()[0], [[-0.5, 0, 0]])


@pytest.mark.parametrize("loss", ["SigmoidCrossEntropyLoss", "InfogainLoss"])
def test_all_ignored_gives_zero_and_no_gradient(loss):
    shapes = [(2, 3), (2, 3)] if loss.startswith("Sigmoid") else [(2, 3), (2,), (3, 3)]
    run = make(f'type: "{loss}" loss_param {{ ignore_label: 1 normalization: VALID }}', *shapes)
    (top,) = run.forward(np.ones((2, 3)), 1, *([2] if len(shapes) > 2 else []))
    assert float(top) == 0
    assert not run.backward()[0].any()


@pytest.mark.parametrize("tops", [1, 2])
@pytest.mark.parametrize("options", MODES)
@pytest.mark.parametrize("axis, shape, label", [(1, (2, 3, 4, 2), (2, 4, 2)), (-1, (4, 3), (4,)), (0, (3, 5), (5,))])
def test_infogain_gradient(options, tops, axis, shape, label):
    text = f'type: "InfogainLoss" infogain_loss_param {{ axis: {axis} }} loss_param {{ ignore_label: 1 {options} }}'
    matrix = np.random.default_rng(2).uniform(0, 1, (3, 3))
    gradient_check(text, [shape, label, (3, 3)], values=[None, labels(label, 3), matrix], tops=tops)


def test_infogain_of_the_identity_is_softmax_with_loss():
    x, label = np.random.default_rng(0).standard_normal((4, 3, 2)), labels((4, 2), 3)
    ours, plain = (
        make('type: "InfogainLoss"', (4, 3, 2), (4, 2), (3, 3)),
        make('type: "SoftmaxWithLoss"', x.shape, (4, 2)),
    )
    np.testing.assert_allclose(ours.forward(x, label, np.eye(3))[0], plain.forward(x, label)[0], rtol=1e-6)
    np.testing.assert_allclose(ours.backward()[0], plain.backward()[0], rtol=1e-5, atol=1e-8)


# -- bad input -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["HingeLoss", "MultinomialLogisticLoss", "InfogainLoss"])
@pytest.mark.parametrize("label, text", [(3, r"label 3 .* 3 classes \(0 to 2\)"), (-1, "label -1"), (0.5, "label 0.5")])
def test_a_label_that_is_no_class(loss, label, text):
    matrix = [(3, 3)] if loss == "InfogainLoss" else []
    run = make(f'type: "{loss}"', (2, 3), (2,), *matrix)
    with pytest.raises(DataError, match=text):
        run.forward(0.5, [0, label], *([1] if matrix else []))


def test_a_similarity_is_0_or_1():
    run = make('type: "ContrastiveLoss"', (2, 3), (2, 3), (2,))
    with pytest.raises(DataError, match=r"label -1 at batch index 1 is outside the 2 classes \(0 to 1\)"):
        run.forward(0, 0, [1, -1])


@pytest.mark.parametrize(
    "loss, shapes, text",
    [
        ("HingeLoss", [(2, 3), (3,)], "the labels are 3, but bottom 0 is 2 x 3: expected 2 labels"),
        ("HingeLoss", [(2, 3), (1, 2)], "the labels are 1 x 2, but bottom 0 is 2 x 3: expected 2 labels"),
        ("HingeLoss", [(), ()], "bottom 0 is a scalar; expected at least one axis, the items"),
        ("MultinomialLogisticLoss", [(2, 3), (2, 2)], "the labels are 2 x 2, but bottom 0 is 2 x 3: expected 2 labels"),
        ("ContrastiveLoss", [(2, 3), (2, 4), (2,)], "compares 2 x 3 with 2 x 4; expected equal numbers"),
        ("ContrastiveLoss", [(2, 3), (3, 2), (2,)], "compares 2 x 3 with 3 x 2; expected equal numbers"),
        ("ContrastiveLoss", [(2, 3), (2, 3), (2, 2)], "the labels are 2 x 2, but bottom 0 is 2 x 3"),
        ("SigmoidCrossEntropyLoss", [(2, 3), (2,)], "compares 2 x 3 with targets of 2; expected equal numbers"),
        ("SigmoidCrossEntropyLoss", [(2, 3), (3, 2)], "compares 2 x 3 with targets of 3 x 2; expected equal numbers"),
        ("SigmoidCrossEntropyLoss", [(), ()], "compares scalar with targets of scalar"),
        ("InfogainLoss", [(2, 3), (3,), (3, 3)], r"bottom 1 holds 3 labels \(3\), but bottom 0"),
        ("InfogainLoss", [(2, 3), (2,), (3, 2)], r"H \(bottom 2\) is 3 x 2; expected 3 x 3, one row per class"),
        ("InfogainLoss", [(3,), (3,), (3, 3)], "axis is 1, but the bottom has 1 axes"),
        ("InfogainLoss", [(2, 3), (2,)], "infogain_loss_param has no source; expected a binaryproto with H, or"),
    ],
)
def test_shapes_that_do_not_fit(loss, shapes, text):
    with pytest.raises(LayerError, match=text):
        make(f'type: "{loss}"', *shapes)


def test_only_infogain_without_a_third_bottom_reads_files():
    text = 'type: "InfogainLoss" infogain_loss_param { source: "nowhere" }'
    assert layer_class("InfogainLoss").reads_files
    assert not make(text, (2, 3), (2,), (3, 3)).layer.reads_files


NET = """
layer {{ name: "d" type: "DummyData" top: "x" top: "l"
  dummy_data_param {{ shape {{ dim: 2 dim: 3 }} shape {{ dim: {labels} }} }} }}
layer {{ name: "loss" type: "InfogainLoss" bottom: "x" bottom: "l" top: "loss"
  infogain_loss_param {{ source: "{source}" }} }}
"""


def infogain_net(folder, source, labels=2):
    path = folder / "net.prototxt"
    path.write_text(NET.format(source=source, labels=labels))
    return caffe.Net(path, caffe.TRAIN)


def test_infogain_files(tmp_path):
    write_message(tmp_path / "H", blob_from_array(np.ones((1, 1, 3, 3))))
    net = infogain_net(tmp_path, "H")
    assert float(net.forward()["loss"]) == pytest.approx(3 * np.log(3))
    write_message(tmp_path / "four", blob_from_array(np.ones((4, 4))))
    (tmp_path / "text").write_text("no matrix")
    for source, text in [
        ("four", r'layer "loss" \(InfogainLoss\): H \(four\) is 4 x 4; expected 3 x 3, one row per class'),
        ("G", "G: no such file, expected a binaryproto of one blob"),
        ("text", "expected a binaryproto of one blob"),
    ]:
        with pytest.raises(GraphError, match=text):
            infogain_net(tmp_path, source)


def test_infogain_outline_needs_no_file():
    param = layer_param('type: "InfogainLoss" infogain_loss_param { source: "nowhere" }', 2, 1)
    layer = layer_class("InfogainLoss")(param, "TRAIN")
    assert layer.outline((2, 3), (2,)).tops == [()]
    with pytest.raises(LayerError, match="holds 3 labels"):
        layer.outline((2, 3), (3,))
