import numpy as np
import pytest
from harness import gradient_check, make

from minicaffe.errors import DataError, LayerError

LOSS = 'type: "SoftmaxWithLoss"'


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("axis, shape", [(1, (4, 5)), (0, (4, 5)), (1, (2, 3, 4)), (-1, (2, 3, 4)), (0, (3,))])
def test_softmax_gradient(axis, shape, in_place):
    gradient_check(f'type: "Softmax" softmax_param {{ axis: {axis} }}', [shape], in_place=in_place)


def test_softmax_refuses_an_axis_that_is_not_there():
    with pytest.raises(LayerError, match="axis is 1, but the bottom has 1 axes: expected -1 to 0"):
        make('type: "Softmax"', (3,))


@pytest.mark.parametrize("tops", [1, 2])
@pytest.mark.parametrize(
    "options", ["", "normalization: FULL", "normalization: BATCH_SIZE", "normalization: NONE", "normalize: false"]
)
def test_loss_gradient(options, tops):
    label = np.random.default_rng(1).integers(0, 3, (2, 4, 2))
    text = f"{LOSS} loss_param {{ ignore_label: 1 {options} }}"
    gradient_check(text, [(2, 3, 4, 2), (2, 4, 2)], values=[None, label], tops=tops)


def test_the_second_top_is_the_probabilities():
    run = make(LOSS, (2, 3), (2,), tops=2)
    loss, probability = run.forward([[0, 0, 0], [0, np.log(2), 0]], [2, 1])
    np.testing.assert_allclose(probability, [[1 / 3] * 3, [0.25, 0.5, 0.25]], rtol=1e-6)
    assert float(loss) == pytest.approx((np.log(3) + np.log(2)) / 2, rel=1e-6)


def test_all_labels_ignored_gives_zero_and_no_gradient():
    run = make(f"{LOSS} loss_param {{ ignore_label: 7 }}", (2, 3), (2,))
    (loss,) = run.forward(np.ones((2, 3)), [7, 7])
    assert float(loss) == 0
    assert not run.backward()[0].any()


def test_a_probability_of_zero_costs_minus_log_of_the_smallest_float():
    (loss,) = make(LOSS, (1, 2), (1,)).forward([[1000, 0]], [1])
    assert float(loss) == pytest.approx(87.3365, abs=1e-4)


def test_a_non_finite_score_gives_a_non_finite_loss():
    (loss,) = make(LOSS, (1, 2), (1,)).forward([[np.nan, 0]], [1])
    assert np.isnan(loss)


@pytest.mark.parametrize("layer", ["SoftmaxWithLoss", "Accuracy"])
@pytest.mark.parametrize(
    "shape, label, text",
    [
        ((4, 10), [0, 9, 1, 12], r"label 12 at batch index 3 is outside the 10 classes \(0 to 9\)"),
        ((2, 10), [-1, 0], r"label -1 at batch index 0 is outside the 10 classes \(0 to 9\)"),
        ((2, 10), [1.5, 0], "label 1.5 at batch index 0 is not a class; expected a whole number from 0 to 9"),
        ((2, 10), [0, np.nan], "label nan at batch index 1 is not a class"),
        ((1, 3, 2, 2), [[[0, 0], [3, 0]]], r"label 3 at batch index 0, position \(1, 0\), is outside the 3 classes"),
        ((2, 3), [[0], [3]], r"label 3 at batch index 1 is outside the 3 classes \(0 to 2\)"),
    ],
)
def test_a_label_that_is_no_class_is_named(layer, shape, label, text):
    label = np.array(label)
    run = make(f'type: "{layer}"', shape, label.shape)
    with pytest.raises(DataError, match=f"^{text}"):
        run.forward(np.zeros(shape), label)


@pytest.mark.parametrize("layer", ["SoftmaxWithLoss", "Accuracy"])
@pytest.mark.parametrize(
    "shapes, text",
    [
        (
            [(2, 3, 4), (2,)],
            r"bottom 1 holds 2 labels \(2\), but bottom 0 \(2 x 3 x 4, classes on axis 1\) needs 8 \(2 x 4\)",
        ),
        ([(3,), (1,)], "axis is 1, but the bottom has 1 axes"),
    ],
)
def test_labels_that_do_not_fit_the_scores(layer, shapes, text):
    with pytest.raises(LayerError, match=text):
        make(f'type: "{layer}"', *shapes)
