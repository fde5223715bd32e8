# ruff: noqa: E501
"""Folding: what goes where, what stays and why, and the same outputs, on every model, small nets and random ones."""

from pathlib import Path

import numpy as np
import pytest
from fold_cases import CONV, SCALE, fill_trained, folded, net
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minicaffe import Net
from minicaffe.analysis.check import check_net
from minicaffe.analysis.fold import data_batches, fold, net_text, write_both
from minicaffe.analysis.fold.compare import distance
from minicaffe.deploy import Deployed, alone, shapes_given
from minicaffe.errors import ProtoError, UsageError, WeightsError
from minicaffe.proto import parse_net, read_net, read_weights

MODELS = Path(__file__).parents[2] / "models"
FOLDED = {  # how many layers are gone
    "caffenet": 2,
    "caffenet128": 14,
    "cifar10_bn": 3,
    "cifar10_bn_scale": 6,
    "cifar10_full": 0,
    "cifar10_quick": 0,
    "googlenet": 1,
    "lenet": 0,
    "mobilenet": 54,
    "resnet20": 42,
    "resnet50": 106,
    "shapes10_bn": 3,
}
LARGE = ("caffenet", "googlenet", "resnet50")  # under the inspect plan alone


def where(found):
    return {change.layer: (change.how, change.into) for change in found.changes}


def why(found):
    return {left.layer: "; ".join(left.reasons) for left in found.left}


@pytest.mark.parametrize("name", sorted(path.parent.name for path in MODELS.glob("*/deploy.prototxt")))
def test_every_model(name):
    file = read_net(MODELS / name / "deploy.prototxt")
    for shape in (shape for layer in file.param.layer for shape in layer.input_param.shape):
        shape.dim[0] = 1
    for layer in file.param.layer:
        layer.convolution_param.ClearField("weight_filler")
        if layer.type == "InnerProduct":
            layer.inner_product_param.ClearField("weight_filler")
            layer.inner_product_param.num_output = min(layer.inner_product_param.num_output, 100)
    found, _ = folded(file, plans=("inspect",) if name in LARGE else ("inspect", "fast"))
    assert len(found.changes) == FOLDED[name] and not found.left


SMALL = {
    "before, not in place": (("c Convolution x " + CONV % "bias_term: false", "b BatchNorm c", "s Scale b " + SCALE), 2),
    "before, in place": (("c Convolution x " + CONV % "", "b BatchNorm c -> c", "s Scale c -> c " + SCALE, "r ReLU c -> c"), 2),
    "groups": (("c Convolution x " + CONV % "group: 2 pad: 1", "b BatchNorm c"), 1),
    "depthwise": (("c ConvolutionDepthwise x " + CONV % "pad: 1", "b BatchNorm c"), 1),
    "deconvolution": (("c Deconvolution x " + CONV % "group: 2 stride: 2 bias_term: false", "b BatchNorm c", "s Scale b " + SCALE), 2),
    "inner product": (("c InnerProduct x | inner_product_param { num_output: 5 }", "b BatchNorm c", "s Bias b"), 2),
    "transposed": (("c InnerProduct x | inner_product_param { num_output: 5 transpose: true bias_term: false }", "b BatchNorm c"), 1),
    "after, without padding": (("b BatchNorm x", "s Scale b " + SCALE, "c Convolution s " + CONV % "group: 2 bias_term: false"), 2),
    "after, no shift": (("s Scale x", "c Convolution s " + CONV % "pad: 1"), 1),
    "after, two readers": (("s Scale x " + SCALE, "c Convolution s " + CONV % "", "d Deconvolution s | convolution_param { num_output: 4 kernel_size: 1 group: 2 }"), 1),
    "after, deconvolution": (("s Scale x", "c Deconvolution s " + CONV % "pad: 1 stride: 2 group: 2"), 1),
    "after, inner product": (("s Scale x " + SCALE, "p Pooling s | pooling_param { pool: AVE kernel_size: 2 }", "f Flatten p", "c InnerProduct f | inner_product_param { num_output: 3 }"), 1),
    "each number its own": (("s Scale x | scale_param { num_axes: 3 bias_term: true }", "c InnerProduct s | inner_product_param { num_output: 3 transpose: true bias_term: false }"), 1),
    "inner product of rows": (("r ReLU x", "s Scale r | scale_param { axis: 3 bias_term: true }", "c InnerProduct s | inner_product_param { num_output: 3 axis: 3 }"), 1),
    "average": (("c Convolution x " + CONV % "", "p Pooling c | pooling_param { pool: AVE kernel_size: 3 stride: 2 }", "b BatchNorm p", "s Scale b " + SCALE), 2),
    "concat": (("c Convolution x " + CONV % "", "d Convolution x " + CONV % "bias_term: false", "e Concat c,d", "b BatchNorm e"), 1),
    "concat, after": (("s Scale x " + SCALE, "r ReLU x", "e Concat r,s", "c Convolution e " + CONV % ""), 1),
    "eltwise": (("c Convolution x " + CONV % "", "d Convolution x " + CONV % "", "e Eltwise c,d | eltwise_param { coeff: 0.5 coeff: -2 }", "b BatchNorm e"), 1),
    "one summand takes a shift": (("r ReLU x", "c Convolution x " + CONV % "pad: 1", "e Eltwise r,c", "b Bias e"), 1),
    "a shift through a sum": (("r ReLU x", "b Bias r", "e Eltwise b,x | eltwise_param { coeff: -2 coeff: 3 }", "c Convolution e " + CONV % ""), 1),
    "flattened": (("c Convolution x " + CONV % "", "f Flatten c", "p Power f | power_param { scale: 3 shift: -1 }"), 1),
    "dropout": (("r ReLU x", "d Dropout r", "e Dropout d -> d", "s Sigmoid d"), 2),
    "dropout at the end": (("r ReLU x", "d Dropout r"), 1),
    "affine": (("c Convolution x " + CONV % "", "a EltwiseAffine c"), 1),
    "two become one": (("b BatchNorm x", "s Scale b " + SCALE, "r ReLU s", "t Scale r", "u Bias t", "v TanH u"), 2),
    "each number, merged": (("s Scale x | scale_param { axis: 2 num_axes: 2 }", "b Bias s", "r ReLU b"), 1),
    "two become one where the first was": (("b BatchNorm x", "r ReLU x -> x", "s Scale b -> b", "t TanH b"), 1),
    "NVIDIA's": (("c Convolution x " + CONV % "", "b BatchNorm c -> c | batch_norm_param { scale_bias: true }"), 1),
    "NVIDIA's, by its filler": (("c Convolution x " + CONV % "", "b BatchNorm c -> c | batch_norm_param { bias_filler { value: 1 } }"), 1),
    "PSPNet's": (("c Convolution x " + CONV % "bias_term: false", "b BN c | bn_param { slope_filler { value: 1 } momentum: 0.95 }"), 1),
    "SegNet's": (("c Convolution x " + CONV % "", "b BN c | bn_param { bn_mode: INFERENCE }"), 1),
    "split by hand": (("c Convolution x " + CONV % "", "h Split c -> h1,h2", "r ReLU h1", "s Sigmoid h2"), 0),
}  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
def test_small_nets(name):
    layers, gone = SMALL[name]
    found, _ = folded(net(*layers), bound=1e-5)
    assert len(found.changes) == gone, found


def test_where_they_go():
    found, _ = folded(net("c Convolution x " + CONV % "", "p Pooling c | pooling_param { pool: MAX kernel_size: 2 }",
                          "b BatchNorm p", "s Scale b " + SCALE, "d Convolution s " + CONV % "", "e Dropout d"))  # fmt: skip
    assert where(found) == {"b": ("before", ("c",)), "s": ("after", ("d",)), "e": ("removed", ())}
    found, _ = folded(net("b BatchNorm x", "s Scale b " + SCALE, "r ReLU s"))
    assert where(found) == {"b": ("merged", ("s",))}
    assert why(found)["s"] == '"b" (BatchNorm) before it takes in no factors; "r" (ReLU) after it takes in no factors'


STAY = {
    "padding": (("b BatchNorm x", "c Convolution b " + CONV % "pad: 1"), 'its shift does not reach the padding of "c" (Convolution)'),
    "strides": (("b BatchNorm x", "c Deconvolution b " + CONV % ""), 'its shift does not reach every number of "c" (Deconvolution) alike'),
    "readers": (("c Convolution x " + CONV % "", "b BatchNorm c", "r ReLU c"), 'several layers read "c": "b", "r"'),
    "output": (("b BatchNorm x",), 'the blob "x" is an input or output of the net, or to be kept; the blob "b" is an input or output'),
    "shared": (("c Convolution x " + CONV % "bias_term: false" + 'param { name: "w" }', "d Convolution x " + CONV % "bias_term: false" + 'param { name: "w" }', "b BatchNorm c"), '"c" (Convolution) shares its weights with "d"'),
    "several tops": (("y ReLU x", "c Convolution x,y -> c,d " + CONV % "", "b BatchNorm c"), '"c" (Convolution) has several tops, which share its weights'),
    "product": (("c Convolution x " + CONV % "pad: 1", "e Eltwise c,x | eltwise_param { operation: PROD }", "b BatchNorm e"), '"e" (Eltwise) before it is a product'),
    "residual": (("c Convolution x " + CONV % "pad: 1", "e Eltwise c,x", "b BatchNorm e"), 'the blob "x" is an input'),
    "maximum": (("c Convolution x " + CONV % "", "p Pooling c | pooling_param { pool: MAX kernel_size: 2 }", "b Power p | power_param { scale: -1 }"), '"p" (Pooling) beside it takes the largest, and some factors are negative'),
    "average": (("c Convolution x " + CONV % "", "p Pooling c | pooling_param { pool: AVE kernel_size: 2 pad: 1 }", "b BatchNorm p"), 'the average of "p" (Pooling) beside it counts padding, which a shift does not reach'),
    "mask": (("c Convolution x " + CONV % "", "p Pooling c -> p,m | pooling_param { pool: MAX kernel_size: 2 }", "b BatchNorm p"), '"p" (Pooling) beside it has a mask or is STOCHASTIC'),
    "each number": (("c Convolution x " + CONV % "pad: 1", "b Scale c | scale_param { axis: 2 }"), "its factors or shifts differ within a channel"),
    "items": (("f Flatten x", "b Scale f | scale_param { axis: 0 num_axes: 1 }", "c InnerProduct b | inner_product_param { num_output: 2 }"), "its factors or shifts differ from item to item"),
    "two bottoms": (("r ReLU x", "b Scale x,r | scale_param { axis: 0 }"), "its factors come from another blob"),
    "batches": (("c Convolution x " + CONV % "", "b BatchNorm c | batch_norm_param { use_global_stats: false }"), "it normalises by the statistics of each batch"),
    "SegNet's batches": (("c Convolution x " + CONV % "", "b BN c | bn_param { shift_filler { value: 1 } }"), "it normalises by the statistics of each batch"),
    "power": (("c Convolution x " + CONV % "", "b Power c | power_param { power: 2 }"), "its power is 2, not 1"),
    "a factor before a sum": (("b Scale x", "r ReLU x", "e Eltwise b,r", "c Convolution e " + CONV % ""), '"e" (Eltwise) after it joins it with others'),
    "written again and again": (
        ("l ReLU x -> x", "b BatchNorm x", "m ReLU x -> x", "i InnerProduct b | inner_product_param { num_output: 3 }"),
        'the blob "x" is written again before "i" reads it',
    ),
    "written again": (("b Scale x", "r ReLU x -> x", "c Convolution b " + CONV % ""), 'the blob "x" is written again before "c" reads it'),
    "per activation": (("r ReLU x", "b BatchNorm r | batch_norm_param { per_activation: true }", "c Convolution b " + CONV % "pad: 1"), "its factors or shifts differ within a channel"),
    "twice": (("b Scale x", "e Eltwise b,b"), 'a layer reads "b" twice'),
}  # fmt: skip


@pytest.mark.parametrize("name", STAY)
def test_what_stays_and_why(name):
    layers, said = STAY[name]
    found, _ = folded(net(*layers))
    assert not found.changes
    assert said in why(found)["b"]


def test_kept_blobs_keep_their_numbers():
    text = net("c Convolution x " + CONV % "", "b BatchNorm c", "s Scale b", "r ReLU s")
    assert "b" in where(folded(text)[0])
    found, _ = folded(text, keep=("c",))
    assert where(found) == {"b": ("merged", ("s",))}
    with pytest.raises(UsageError, match='the net has no blob "cc" to keep; did you mean "c"'):
        folded(text, keep=("cc",))


def test_a_version_without_its_name_gets_another():
    """Without the Dropout, s reads the first numbers named a after r has written the second ones."""
    layers = ("c Convolution x -> a " + CONV % "", "d Dropout a -> b", "r ReLU a -> a", "s Sigmoid b", "t TanH a")
    found, _ = folded(net(*layers))
    assert where(found) == {"d": ("removed", ())}
    assert [(*layer.bottom, *layer.top) for layer in found.layers[1:]] == [
        ("x", "a_before_r"),
        ("a_before_r", "a"),
        ("a_before_r", "s"),
        ("a", "t"),
    ]


def test_statistics_that_were_never_gathered():
    file = parse_net(net("c Convolution x " + CONV % "", "b BatchNorm c"), "n.prototxt")
    with pytest.raises(WeightsError, match=r'^n.prototxt:3: layer "b" \(BatchNorm\): has no statistics .* bn-stats'):
        fold(Net(file, "TEST"))


def test_factors_that_are_not_finite_stay():
    file = parse_net(net("c Convolution x " + CONV % "", "b BatchNorm c", "s Scale b"))
    before = Net(file, "TEST", seed=1)
    fill_trained(before)
    before.params["b"][1].data[0] = -1
    found = fold(before)
    assert why(found)["b"] == "its factors are not finite"
    before.params["b"][1].data[0], before.params["s"][0].data[0] = 1, 3e38
    before.params["c"][0].data[...] *= 100
    with pytest.raises(WeightsError, match=r'layer "c" \(Convolution\): a folded weight is too large for float32'):
        fold(before)


def deployed(text, **given):
    file = parse_net(text)
    given = shapes_given(file, given)
    (state,) = check_net(file, ("TEST",), given=given)
    assert not state.problems
    return alone(file, state.outline.incoming(), given)


def test_the_form_for_use_alone():
    text = """
    layer { name: "d" type: "Data" top: "data" top: "label" include { phase: TRAIN } data_param { source: "a" batch_size: 9 } }
    layer { name: "d" type: "Data" top: "data" top: "label" include { phase: TEST }
      transform_param { crop_size: 8 } data_param { source: "b" batch_size: 9 } }
    layer { name: "f" type: "Power" bottom: "label" top: "flat" }
    layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 3 } }
    layer { name: "quiet" type: "Silence" bottom: "flat" }
    layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" softmax_param { axis: -1 } }
    layer { name: "acc" type: "Accuracy" bottom: "ip" bottom: "label" top: "acc" include { phase: TEST } }
    layer { name: "far" type: "EuclideanLoss" bottom: "ip" bottom: "ip" top: "far" }
    """
    found = deployed(text, data=(4, 3, 8, 8))
    layers = found.net.param.layer
    assert [(layer.name, layer.type, *layer.top) for layer in layers] == [
        ("d", "Input", "data"),
        ("ip", "InnerProduct", "ip"),
        ("loss", "Softmax", "prob"),
    ]
    assert list(layers[0].input_param.shape[0].dim) == [4, 3, 8, 8] and not layers[0].include
    assert layers[2].softmax_param.axis == -1 and found.data.transform_param.crop_size == 8
    assert Net(found.net, "TEST").outputs == ["prob"]
    assert list(deployed(text).net.param.layer[0].input_param.shape[0].dim) == [1, 3, 8, 8]
    with pytest.raises(UsageError, match=r'--shape dat: is no input of the net \(data, label\); did you mean "data"'):
        deployed(text, dat=(1, 1))


def test_of_two_losses_the_last_is_prob():
    labels = 'layer { name: "y" type: "DummyData" top: "y" dummy_data_param { shape { dim: 2 } } }'
    ip = "| inner_product_param { num_output: 2 }"
    found = deployed(labels + net("a InnerProduct x " + ip, "l1 SoftmaxWithLoss a,y", "l2 SigmoidCrossEntropyLoss a,a"))
    kinds = [(layer.type, *layer.top) for layer in found.net.param.layer]
    assert kinds == [("Input", "x"), ("InnerProduct", "a"), ("Softmax", "l1"), ("Sigmoid", "prob")]


def test_constants_stay_where_others_bring_the_data():
    dummy = 'layer { name: "k" type: "DummyData" top: "k" dummy_data_param { shape { dim: 2 dim: 4 dim: 6 dim: 6 } } }'
    found = deployed(dummy + net("e Eltwise x,k"))
    assert [layer.type for layer in found.net.param.layer] == ["DummyData", "Input", "Eltwise"]
    alone = deployed(dummy + 'layer { name: "r" type: "ReLU" bottom: "k" top: "r" }')
    assert [layer.type for layer in alone.net.param.layer] == ["Input", "ReLU"]


def test_data_for_a_net_with_several_inputs():
    file = parse_net(net("e Eltwise x,y").replace('"x" input', '"x" top: "y" input'))
    with pytest.raises(UsageError, match="--data: the net has the inputs x, y; expected one, for images"):
        next(data_batches(Net(file, "TEST"), "db", 1, Deployed(file)))


def test_data_of_unknown_shape():
    text = 'layer { name: "h" type: "HDF5Data" top: "h" hdf5_data_param { source: "none" batch_size: 2 } }'
    text += 'layer { name: "i" type: "InnerProduct" bottom: "h" top: "i" inner_product_param { num_output: 2 } }'
    with pytest.raises(UsageError, match='the shape of "h" is not known; expected it as --shape h=N,C,H,W'):
        deployed(text)
    assert list(deployed(text, h=(3, 7)).net.param.layer[0].input_param.shape[0].dim) == [3, 7]


def test_files_are_both_written_or_none(tmp_path):
    text = "# of the net\n\n" + net("c Convolution x " + CONV % "", "b BatchNorm c")
    text = text.replace('layer { name: "c"', '# kept\nlayer { name: "c"').replace(
        'layer { name: "b"', '# goes\nlayer { name: "b"'
    )
    found, _ = folded(text)
    out = net_text(found, parse_net(text), text)
    assert out.startswith("# of the net\nlayer {\n") and '}\n# kept\nlayer {\n  name: "c"' in out and "goes" not in out
    with pytest.raises(ProtoError, match="cannot be written, as there is no folder"):
        write_both(tmp_path / "n.prototxt", tmp_path / "none" / "w.caffemodel", out, found)
    assert list(tmp_path.iterdir()) == []
    for weights in ("w.caffemodel", "w.caffemodel.h5"):
        write_both(tmp_path / "n.prototxt", tmp_path / weights, out, found)
        for one, two in zip(read_weights(tmp_path / weights)["c"], found.arrays["c"]):
            np.testing.assert_array_equal(one, two)
    again = Net(str(tmp_path / "n.prototxt"), "TEST", weights=str(tmp_path / "w.caffemodel"))
    assert again.outputs == ["b"]


def test_distances():
    one = np.array([1, -4, np.inf, np.nan])
    assert distance(one, one) == (0, 0)
    assert distance(one[:2], np.array([1.5, -4])) == (0.5, 0.125)
    assert distance(one[:2], one[1:3]) == (np.inf, np.inf)
    assert distance(np.zeros(2), np.ones(2)) == (1, np.inf)


AFFINE = ("BatchNorm", "Scale", "Bias", "Dropout", "Power", "EltwiseAffine")
OPTIONS = {
    "Bias": "bias_param { filler { type: 'gaussian' } }",
    "Convolution": "convolution_param { num_output: 4 kernel_size: 3 pad: %d group: %d bias_term: %s }",
    "Deconvolution": "convolution_param { num_output: 4 kernel_size: 3 pad: %d group: %d bias_term: %s }",
    "InnerProduct": "inner_product_param { num_output: 3 transpose: %s bias_term: %s }",
    "LRN": "lrn_param { local_size: 3 }",
    "Pooling": "pooling_param { pool: %s kernel_size: 2 stride: 1 pad: %d }",
    "Power": "power_param { scale: 0.5 shift: 0.25 }",
    "Scale": "scale_param { bias_term: %s num_axes: %d }",
}


@st.composite
def nets(draw):
    """A net of 3 to 10 layers, each reading any blobs that are there, in place or not."""
    pick = lambda *choices: draw(st.sampled_from(choices))  # noqa: E731
    blobs, lines = {"x": (2, 4, 5, 5)}, []
    for i in range(draw(st.integers(3, 10))):
        bottom = pick(*blobs) if draw(st.integers(0, 2)) == 0 else list(blobs)[-1]
        shape, name, top, bottoms = blobs[bottom], f"l{i}", f"l{i}", bottom
        kinds = [*AFFINE, *AFFINE, "ReLU", "Sigmoid", "Eltwise", "Concat", "InnerProduct", "Flatten"]
        if len(shape) == 4:
            kinds += ["Pooling", "LRN"] + ["Convolution"] * 4 + ["Deconvolution"] * 2
        kind = pick(*kinds)
        options = OPTIONS.get(kind, "")
        size, flag = max(shape[2:], default=0), pick("true", "false")
        if kind in ("Convolution", "Deconvolution"):
            pad = pick(0, 1) if kind == "Convolution" and 3 <= size < 9 else 1
            group = 2 if shape[1] % 2 == 0 and pick(True, False) else 1
            options, shape = options % (pad, group, flag), (2, 4, *(n - 2 + 2 * pad for n in shape[2:]))
            shape = shape if kind == "Convolution" else (2, 4, *blobs[bottom][2:])
        elif kind == "InnerProduct":
            options, shape = options % (flag, pick("true", "false")), (2, 3)
        elif kind == "Pooling":
            pad = pick(0, 1) if size < 8 and size > 1 else 1
            options, shape = options % (pick("MAX", "AVE"), pad), (*shape[:2], *(n - 1 + 2 * pad for n in shape[2:]))
        elif kind == "Scale":
            options = options % (flag, pick(1, 1, len(shape) - 1))
        elif kind == "Flatten":
            shape = (2, int(np.prod(shape[1:])))
        elif kind in ("Eltwise", "Concat"):
            other = pick(*(blob for blob, known in blobs.items() if known == shape))
            bottoms = f"{bottom},{other}"
            shape = (2, 2 * shape[1], *shape[2:]) if kind == "Concat" else shape
            if kind == "Eltwise":
                options = pick("eltwise_param { coeff: 2 coeff: -1 }", "eltwise_param { operation: MAX }", "")
        if kind in (*AFFINE, "ReLU", "Sigmoid") and pick(True, False):
            top = bottom
        lines.append(f"{name} {kind} {bottoms} -> {top} | {options}")
        blobs.pop(top, None)  # the last is the likeliest to be read
        blobs[top] = shape
    return net(*lines, shape=(2, 4, 5, 5))


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(nets(), st.integers(0, 99))
def test_random_nets(text, seed):
    folded(text, seed=seed)


@pytest.mark.parametrize("name", sorted(path.parent.name for path in MODELS.glob("*/train_test.prototxt")))
def test_what_trains_becomes_what_is_deployed(name):
    """The models' own deploy nets, which were written by hand, have the same layers."""
    shape = (1, 28, 28) if name == "lenet" else (3, 128, 128) if name == "caffenet128" else (3, 32, 32)
    file = read_net(MODELS / name / "train_test.prototxt")
    given = shapes_given(file, {"data": (1, *shape)})
    (state,) = check_net(file, ("TEST",), given=given)
    found = alone(file, state.outline.incoming(), given).net
    deploy = read_net(MODELS / name / "deploy.prototxt")
    wires = [[(layer.type, *layer.bottom, *layer.top) for layer in one.param.layer] for one in (found, deploy)]
    assert wires[0] == wires[1]
    assert found.param.layer[0].input_param.shape[0].dim[1:] == deploy.param.layer[0].input_param.shape[0].dim[1:]
