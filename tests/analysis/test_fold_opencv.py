"""Folded nets in OpenCV's reader of Caffe's files: it takes them, and its outputs are ours."""

from pathlib import Path

import numpy as np
import pytest
from fold_cases import CONV, SCALE, folded, net

from minicaffe.analysis.fold import net_text, write_both
from minicaffe.proto import parse_net, read_net

cv2 = pytest.importorskip("cv2")
if int(cv2.__version__.split(".")[0]) >= 5:
    pytest.skip("OpenCV 5 reads no files of Caffe", allow_module_level=True)

MODELS = Path(__file__).parents[2] / "models"


def outputs_agree(file, folder):
    """What OpenCV computes from the folded files is what the net computed before."""
    found, before = folded(file)
    (name,), (output,) = before.inputs, before.outputs
    x = np.random.default_rng(1).normal(0, 5, before.blobs[name].shape).astype(np.float32)
    expected = before.forward(**{name: x})[output]
    write_both(folder / "n.prototxt", folder / "n.caffemodel", net_text(found, file), found)
    theirs = cv2.dnn.readNetFromCaffe(str(folder / "n.prototxt"), str(folder / "n.caffemodel"))
    theirs.setInput(x)
    result = theirs.forward()
    assert np.abs(result.reshape(expected.shape) - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("name", ["cifar10_bn", "cifar10_bn_scale", "resnet20", "mobilenet"])
def test_models(name, tmp_path):
    file = read_net(MODELS / name / "deploy.prototxt")
    file.param.layer[0].input_param.shape[0].dim[0] = 1
    if file.param.layer[-1].type == "Softmax":  # it would hide what it is sure of
        del file.param.layer[-1]
    outputs_agree(file, tmp_path)


@pytest.mark.parametrize(
    "layers",
    [
        ("c Deconvolution x " + CONV % "stride: 2 bias_term: false", "b BatchNorm c", "s Scale b " + SCALE, "r ReLU s"),
        ("b BatchNorm x", "s Scale b " + SCALE, "c Convolution s " + CONV % "group: 2 bias_term: false", "r ReLU c"),
        ("c Convolution x " + CONV % "", "d Convolution x " + CONV % "", "e Concat c,d", "b BatchNorm e", "r ReLU b"),
        ("b BatchNorm x", "s Scale b " + SCALE, "r ReLU s", "i InnerProduct r | inner_product_param { num_output: 3 }"),
        ("b BatchNorm x", "f Flatten b", "i InnerProduct f | inner_product_param { num_output: 3 }", "s Scale i"),
    ],
    ids=["deconvolution", "after", "concat", "merged", "inner product"],
)
def test_small_nets(layers, tmp_path):
    outputs_agree(parse_net(net(*layers, shape=(1, 4, 6, 6))), tmp_path)
