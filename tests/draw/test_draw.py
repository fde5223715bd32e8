"""Pictures of nets, by pycaffe's names."""

import glob
import io
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from PIL import Image

import minicaffe
from minicaffe import draw
from minicaffe.errors import UsageError
from minicaffe.proto import caffe_pb2, parse_net

NET = """
name: "small & <odd>"
layer { name: "train" type: "Data" top: "data" top: "label" include { phase: TRAIN } data_param { batch_size: 64 } }
layer { name: "test" type: "Data" top: "data" top: "label" include { phase: TEST } data_param { batch_size: 10 } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 20 kernel_h: 3 kernel_w: 5 stride: 2 pad: 1 group: 2 dilation: 2 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { pool: AVE global_pooling: true } }
layer { name: "ip" type: "InnerProduct" bottom: "pool" top: "ip" inner_product_param { num_output: 7 } }
layer { name: "sum" type: "Eltwise" bottom: "ip" bottom: "extra" top: "sum" }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "sum" bottom: "label" top: "loss" }
"""


@pytest.fixture
def net():
    return parse_net(NET, "net.prototxt").param


def test_the_diagram_of_a_phase(net):
    drawing = draw.diagram(net, minicaffe.TRAIN)
    names = [box.lines[0] for box in drawing.boxes]
    assert names == ["train", "conv", "relu", "pool", "ip", "extra", "sum", "loss"]
    arrows = [(names[arrow.tail], names[arrow.head], arrow.label) for arrow in drawing.arrows]
    assert arrows == [
        ("train", "conv", "data Batch 64"),
        ("conv", "relu", "20"),
        ("relu", "pool", ""),
        ("pool", "ip", ""),
        ("ip", "sum", "7"),
        ("extra", "sum", ""),
        ("sum", "loss", ""),
        ("train", "loss", "label Batch 64"),
    ]
    conv, pool = drawing.boxes[1], drawing.boxes[3]
    assert conv.lines == (
        *("conv", "(Convolution)", "kernel size: 3x5", "stride: 2", "pad: 1", "dilation: 2", "groups: 2"),
    )
    assert pool.lines == ("pool", "(AVE Pooling)", "global")
    assert all(arrow.tail < arrow.head for arrow in drawing.arrows)


def test_all_phases_at_once(net):
    drawing = draw.diagram(net)
    names = [box.lines[0] for box in drawing.boxes]
    into_conv = [names[arrow.tail] for arrow in drawing.arrows if names[arrow.head] == "conv"]
    assert into_conv == ["train", "test"]
    assert draw.diagram(net, "TEST").boxes[0].lines[0] == "test"
    marks = {box.lines[0]: box.mark for box in drawing.boxes}
    assert (marks["train"], marks["test"], marks["conv"]) == ("only in TRAIN", "only in TEST", "")


def test_an_arrow_leads_only_to_layers_of_its_phase(net):
    net.layer.add(name="accuracy", type="Accuracy", bottom=["sum", "label"]).include.add(phase=1)
    drawing = draw.diagram(net)
    names = [box.lines[0] for box in drawing.boxes]
    into = [names[arrow.tail] for arrow in drawing.arrows if names[arrow.head] == "accuracy"]
    assert into == ["sum", "test"]


def test_a_layer_of_a_stage(net):
    net.layer.add(name="input", type="Input", top=["data"]).include.add(stage=["deploy"])
    drawing = draw.diagram(net)
    assert [box.mark for box in drawing.boxes if box.lines[0] == "input"] == ["only in another stage"]
    (state,) = draw.plain_states(net, "TEST", 0, ("deploy",))
    assert (state.title, sorted(state.layers)) == ("TEST", list(range(1, len(net.layer))))


def test_what_is_known_of_layers(net):
    """Shapes on arrows, once where several leave; counts in boxes; a box for what no layer reads."""
    told = {0: draw.Told(("64 x 8", "64"), "0"), 2: draw.Told(("64 x 20",), "1,820"), 3: draw.Told(("64 x 20",), "0")}
    test = {1: draw.Told(("10 x 8", "10"), "0"), 2: draw.Told(("10 x 20",), "1,820"), 3: draw.Told(("10 x 20",), "0")}
    states = [draw.State("TRAIN", told), draw.State("TEST", test)]
    drawing = draw.diagram(net, rankdir="TB", states=states)
    names = [" ".join(box.lines) for box in drawing.boxes]
    conv = "conv (Convolution) kernel size: 3x5, stride: 2, pad: 1, dilation: 2, groups: 2 1,820 parameters"
    assert names[:4] == ["train (Data)", "test (Data)", conv, "relu (ReLU)"]
    assert sorted(names[4:]) == ["conv 64/10 x 20", "label 10", "label 64"]
    labels = {arrow.label for arrow in drawing.arrows}
    assert labels == {"data 64 x 8", "data 10 x 8", "64/10 x 20", ""}


def test_long_names_are_cut_in_the_middle(net):
    net.layer[2].name = "a" * 40 + "b" * 40
    box = draw.diagram(net).boxes[2]
    assert box.lines[0] == "a" * 23 + "…" + "b" * 23


def test_older_forms():
    net = caffe_pb2.NetParameter(input=["data"], input_dim=[1, 3, 8, 8])
    net.layers.add(name="conv", type="CONVOLUTION", bottom=["data"], top=["conv"]).convolution_param.num_output = 4
    assert [box.lines[1] for box in draw.diagram(net).boxes] == ["(Input)", "(Convolution)"]
    assert len(net.layers) == 1  # the net that is given stays as it is


def test_labels(net):
    layers = {layer.name: layer for layer in net.layer}
    assert draw.get_layer_label(layers["pool"], "TB") == "pool (AVE Pooling) global"
    assert draw.get_layer_label(layers["relu"], "LR") == "relu\n(ReLU)"
    assert [draw.get_edge_label(layers[name]) for name in ("train", "conv", "ip", "relu")] == [
        "Batch 64",
        "20",
        "7",
        "",
    ]
    assert draw.get_pooling_types_dict() == {0: "MAX", 1: "AVE", 2: "STOCHASTIC"}
    assert draw.get_layer_label(layers["ip"], "LR", True) == "ip\n(InnerProduct)\nlr_mult: 1, 1"
    layers["conv"].param.add(lr_mult=0.5)
    layers["conv"].convolution_param.bias_term = False
    assert [draw.get_layer_lr_mult(layers[name]) for name in ("conv", "relu")] == ["0.5", ""]
    assert draw.choose_color_by_layertype("Pooling") != draw.choose_color_by_layertype("LRN")


@pytest.mark.parametrize("rankdir", ["TB", "BT", "LR", "RL"])
def test_svg(net, rankdir):
    root = ET.fromstring(draw.draw_net(net, rankdir, "svg", minicaffe.TEST))
    texts = ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"test", "(SoftmaxWithLoss)", "extra", "label Batch 10"} <= set(texts)
    assert texts.count("label Batch 10") == 1
    assert root.find("{http://www.w3.org/2000/svg}title").text == "small & <odd>"
    rects = [element for element in root.iter("{http://www.w3.org/2000/svg}rect") if element.get("rx")]
    place = {"LR": ("x", 1), "RL": ("x", -1), "TB": ("y", 1), "BT": ("y", -1)}[rankdir]
    first, last = (float(rects[i].get(place[0])) for i in (0, -1))
    assert (last - first) * place[1] > 100


def test_png(net, tmp_path):
    image = Image.open(io.BytesIO(draw.draw_net(net, "TB")))
    assert image.format == "PNG" and image.height > image.width
    assert len(image.convert("RGB").getcolors(1 << 20)) > 6
    path = tmp_path / "net.png"
    draw.draw_net_to_file(net, path, "LR", minicaffe.TRAIN)
    with Image.open(path) as wide:
        assert wide.width > wide.height


def test_light_and_dark(net):
    either, dark = (draw.draw_net(net, ext="svg", dark=dark).decode() for dark in (False, True))
    assert either.count(".back { fill: #") == 2 and "prefers-color-scheme: dark" in either
    assert dark.count(".back { fill: #") == 1 and "prefers-color-scheme" not in dark
    corners = [Image.open(io.BytesIO(draw.draw_net(net, dark=dark))).getpixel((0, 0)) for dark in (False, True)]
    assert corners[0] == (255, 255, 255) and max(corners[1]) < 40
    assert 'bgcolor="#16181d"' in draw.draw_net(net, ext="dot", dark=True).decode()


def test_a_long_png_is_made_smaller():
    net = caffe_pb2.NetParameter()
    for i in range(400):
        net.layer.add(name=f"relu{i}", type="ReLU", bottom=[f"x{i}"], top=[f"x{i + 1}"])
    assert max(Image.open(io.BytesIO(draw.draw_net(net, "LR"))).size) == 32000


def test_dot(net, tmp_path):
    path = tmp_path / "net.DOT"
    draw.draw_net_to_file(net, path, phase=minicaffe.TRAIN)
    text = path.read_text()
    assert text.startswith('digraph "small & <odd>" {\nrankdir=LR;')
    assert 'n1 -> n2 [label="20"];' in text and 'label="pool\\n(AVE Pooling)\\nglobal"' in text


def test_every_model_and_an_empty_net():
    root = Path(__file__).parents[2]
    files = [path for path in glob.glob(f"{root}/models/*/*.prototxt") if "solver" not in path]
    assert files
    for path in files:
        net = parse_net(Path(path).read_text(), path).param
        assert len(draw.draw_net(net, "TB", "svg")) > 1000
    for ext in ("svg", "png", "dot"):
        assert draw.draw_net(caffe_pb2.NetParameter(), ext=ext)


def test_errors(net, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match='rankdir is "UP"; expected one of TB, BT, LR, RL'):
        draw.draw_net(net, "UP")
    with pytest.raises(UsageError, match='a picture of kind "pnk"; expected one of svg, png, dot; did you mean "png"'):
        draw.draw_net_to_file(net, tmp_path / "net.pnk")
    with pytest.raises(UsageError, match="phase is 7; expected TRAIN or TEST"):
        draw.draw_net(net, phase=7)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(UsageError, match=r"a drawing as png needs pillow, .* pip install minicaffe\[draw\]"):
        draw.draw_net(net)
    monkeypatch.setitem(sys.modules, "pydot", None)
    with pytest.raises(UsageError, match=r"get_pydot_graph needs pydot, .* pip install minicaffe\[draw\]"):
        draw.get_pydot_graph(net, "LR")


def test_pydot(net):
    pytest.importorskip("pydot")
    text = draw.get_pydot_graph(net, "LR", phase=minicaffe.TRAIN).to_string()
    assert '"conv_blob" -> "relu_ReLU"' in text and '"relu_ReLU" -> "conv_blob"' in text
