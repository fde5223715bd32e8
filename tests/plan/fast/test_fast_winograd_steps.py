"""The steps of Winograd convolutions in a net, by blocks and over the whole batch, against the inspect plan."""

import numpy as np
import pytest

from minicaffe import TEST, TRAIN, Net
from minicaffe.kernels import unfold
from minicaffe.plan.fast import winograd
from minicaffe.plan.fast.convolution import Conv
from minicaffe.plan.fast.lowering import LOWERINGS

NET = """
name: "two"
layer {{
  name: "data" type: "DummyData" top: "x" top: "target"
  dummy_data_param {{
    shape {{ dim: {images} dim: {channels} dim: {side} dim: {side} }}
    shape {{ dim: {images} dim: {outputs} dim: {after} dim: {after} }}
    data_filler {{ type: "gaussian" std: 1 }}
    data_filler {{ type: "gaussian" std: 1 }}
  }}
}}
layer {{
  name: "one" type: "Convolution" bottom: "x" top: "a"
  convolution_param {{
    num_output: {channels} kernel_size: {taps} pad: {pad} group: {group} bias_term: false
    weight_filler {{ type: "gaussian" std: 0.1 }}
  }}
}}
layer {{
  name: "two" type: "Convolution" bottom: "a" top: "b"
  convolution_param {{
    num_output: {outputs} kernel_size: {taps} group: {group} bias_term: false
    weight_filler {{ type: "gaussian" std: 0.1 }}
  }}
}}
layer {{ name: "loss" type: "EuclideanLoss" bottom: "b" bottom: "target" top: "loss" }}
"""


class Lowered:
    """A lone convolution."""

    made = 0

    def __init__(self, b, conv):
        self.b, self.conv = b, conv
        Lowered.made += 1

    def forward(self):
        winograd.forward(self.b, self.conv)

    def backward(self):
        winograd.backward(self.b, self.conv, self.b.diff_lanes(self.conv.y))


def lower(b, group):
    node, options, window = group.nodes[0], group.nodes[0].layer.options, group.nodes[0].layer.window_options
    if len(group.nodes) > 1:
        return None
    x, y = b.image(node.bottoms[0]), b.image(node.tops[0])
    w = unfold.windows(
        b.images, x.channels // options.group, (1, x.height, x.width), (1, y.height, y.width),
        (1, *window.kernel * 2)[:3], (1, 1, 1), (0, *(window.pad or (0,)) * 2)[:3], (1, 1, 1),
    )  # fmt: skip
    conv = Conv(node, node.bottoms[0], node.tops[0], w, options.group, options.num_output // options.group)
    assert winograd.fits(b, conv)
    assert winograd.cost(b, conv) > 0
    return Lowered(b, conv)


def write(tmp_path, images=9, channels=6, outputs=20, side=9, taps=3, group=1):
    path = tmp_path / "net.prototxt"
    pad = taps // 2
    text = NET.format(
        images=images, channels=channels, outputs=outputs, side=side, after=side - taps + 1, taps=taps, pad=pad,
        group=group,
    )  # fmt: skip
    path.write_text(text)
    return path


SHARED = """
layer {
  name: "data" type: "DummyData" top: "x" top: "target"
  dummy_data_param {
    shape { dim: 5 dim: 16 dim: 9 dim: 9 }
    shape { dim: 5 dim: 32 dim: 9 dim: 9 }
    data_filler { type: "gaussian" std: 1 }
    data_filler { type: "gaussian" std: 1 }
  }
}
layer {
  name: "one" type: "Convolution" bottom: "x" top: "a" param { name: "w" }
  convolution_param {
    num_output: 32 kernel_size: 3 pad: 1 bias_term: false weight_filler { type: "gaussian" std: 0.1 }
  }
}
layer {
  name: "two" type: "Convolution" bottom: "a" top: "b" param { name: "w" }
  convolution_param { num_output: 32 kernel_size: 3 pad: 1 group: 2 bias_term: false }
}
layer {
  name: "three" type: "Convolution" bottom: "b" top: "c" param { name: "w" }
  convolution_param { num_output: 32 kernel_size: 3 pad: 1 group: 2 bias_term: false }
}
layer { name: "loss" type: "EuclideanLoss" bottom: "c" bottom: "target" top: "loss" }
"""


def run(path, phase, plan, backward):
    with Net(str(path), phase, plan=plan, seed=3) as net:
        out = {}
        for _ in range(2):
            net.clear_param_diffs()
            out["loss"] = float(net.forward()["loss"])
            if backward:
                net.backward()
        for name, blobs in net.params.items():
            out[name] = blobs[0].diff.copy()
        return out


@pytest.fixture(params=[(False, False), (True, True), (False, True)], ids=["blocks", "whole", "mixed"])
def schedule(request, monkeypatch):
    """Whether the whole batch goes at once, forward and backward."""
    monkeypatch.setitem(LOWERINGS, "Convolution", lower)
    monkeypatch.setattr(winograd.Shape, "whole", lambda self, backward: request.param[backward])


@pytest.mark.usefixtures("schedule")
@pytest.mark.parametrize("case", [{}, {"taps": 5}, {"channels": 32, "outputs": 64, "group": 2}, {"images": 3}])
def test_training(tmp_path, case):
    path = write(tmp_path, **case)
    made = Lowered.made
    expected, found = (run(path, TRAIN, plan, True) for plan in ("inspect", "fast"))
    assert Lowered.made == made + 2
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-5)
    for name in ("one", "two"):
        scale = np.sqrt((expected[name] ** 2).mean())
        assert scale > 0
        np.testing.assert_allclose(found[name], expected[name], atol=1e-4 * scale)


@pytest.mark.usefixtures("schedule")
@pytest.mark.parametrize("images", [1, 3, 9])
def test_inference(tmp_path, images):
    path = write(tmp_path, images=images, side=13)
    expected, found = (run(path, TEST, plan, False) for plan in ("inspect", "fast"))
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-5)


@pytest.mark.usefixtures("schedule")
def test_shared_weights_in_different_groups(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(SHARED)
    expected, found = (run(path, TRAIN, plan, True) for plan in ("inspect", "fast"))
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-5)
    scale = np.sqrt((expected["one"] ** 2).mean())
    assert scale > 0
    np.testing.assert_allclose(found["one"], expected["one"], atol=1e-4 * scale)
