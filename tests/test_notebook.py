"""What nets, blobs and solvers show in a notebook, and in one line."""

import base64
import io
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

import minicaffe as caffe
from minicaffe.graph import layer_work
from minicaffe.proto import parse_net

NET = """
name: "a<b>&c"
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 dim: 40 dim: 36 } } }
layer { name: "<i>conv" type: "Convolution" bottom: "x" top: "conv" convolution_param { num_output: 4 kernel_size: 5
  weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "one" type: "Pooling" bottom: "conv" top: "one" pooling_param { global_pooling: true } }
layer { name: "sum" type: "Reduction" bottom: "one" top: "sum" }
layer { name: "ip" type: "InnerProduct" bottom: "one" top: "ip" inner_product_param { num_output: 10
  weight_filler { type: "xavier" } } }
"""
SOLVER = """
net_param { name: "tiny"
  layer { name: "x" type: "DummyData" top: "x" dummy_data_param { shape { dim: 2 dim: 3 }
    data_filler { type: "gaussian" } } }
  layer { name: "ip" type: "InnerProduct" bottom: "x" top: "ip" inner_product_param { num_output: 2
    weight_filler { type: "xavier" } } }
  layer { name: "loss" type: "EuclideanLoss" bottom: "ip" bottom: "ip" top: "none" include { phase: TEST } }
  layer { name: "sum" type: "Reduction" bottom: "ip" top: "loss" loss_weight: 1 } }
test_iter: 1 test_interval: 4 base_lr: 0.01 lr_policy: "fixed" max_iter: 10 snapshot: 6 snapshot_prefix: "s"
average_loss: 2 momentum: 0.9 type: "Nesterov"
"""


class Tags(HTMLParser):
    """Whether all tags are closed in their order, and what text there is."""

    def __init__(self, html):
        super().__init__()
        self.open, self.texts, self.tags = [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag != "img":
            self.open.append(tag)
        self.tags.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return "|".join(self.texts)


@pytest.fixture
def net():
    with caffe.Net(parse_net(NET), caffe.TEST, seed=1) as made:
        made.blobs["x"].data[...] = np.random.default_rng(0).normal(size=made.blobs["x"].shape)
        made.forward()
        yield made


def test_a_net(net):
    assert repr(net) == '<Net "a<b>&c" TEST, inspect plan: 6 layers, 354 parameters>'
    html = net._repr_html_()
    shown = Tags(html)
    assert "a<b>&c| TEST, inspect plan: 6 layers, 354 parameters, 691,280 multiply-adds|" in shown.text
    assert "in: x 2 x 3 x 40 x 36|" in shown.text and "out: ip 2 x 10, sum scalar|" in shown.text
    assert "<i>conv|Convolution|conv 2 x 4 x 36 x 32|304|691,200|relu|ReLU|conv 2 x 4" in shown.text
    assert "i" not in shown.tags and "split" not in shown.text and "<details open>" in html
    assert not re.search(r"https?:|<script|url\(", html)


def test_a_long_net_is_folded_and_the_fast_plan_named():
    layers = "".join(f'layer {{ name: "r{i}" type: "AbsVal" bottom: "x" top: "r{i}" }} ' for i in range(45))
    text = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }' + layers
    with caffe.Net(parse_net(text), caffe.TEST, plan="fast") as net:
        assert repr(net) == '<Net "" TEST, fast plan: 46 layers, 0 parameters>'
        assert "<details><summary>46 layers" in net._repr_html_()


def test_blobs(net):
    assert repr(net.blobs["conv"]) == '<Blob "conv" 2 x 4 x 36 x 32 float32>'
    assert repr(net.params["ip"][0]) == "<Blob 10 x 4 float32>"
    data = net.blobs["ip"].data
    shown = Tags(net.blobs["ip"]._repr_html_())
    assert f"blob ip| 2 x 10 float32|{data.min():.4g} to {data.max():.4g}, mean {data.mean():.4g}" in shown.text
    counts = np.histogram(data[data != 0], 48)[0]
    bars = re.search('class="bars" d="([^"]*)"', net.blobs["ip"]._repr_html_())[1]
    assert bars.count("M") == np.count_nonzero(counts) and "without" not in shown.text
    net.blobs["ip"].data[0, :3] = 0
    assert "|without 3 zeros|" in Tags(net.blobs["ip"]._repr_html_()).text
    assert Tags(net.blobs["sum"]._repr_html_()).text == f"blob sum| scalar float32|{net.blobs['sum'].data:.6g}"
    assert Tags(net.params["<i>conv"][1]._repr_html_()).text == "blob| 4 float32|0 to 0, mean 0, std 0"


def test_pictures(net):
    images = Tags(net.blobs["x"]._repr_html_())
    assert "2 of 2 images" in images.text and images.tags.count("img") == 1
    channels = Tags(net.blobs["conv"]._repr_html_())
    assert "4 of 4 channels of the first item; colours from 0 to " in channels.text
    assert "10 of" not in channels.text and len(net.blobs["conv"]._repr_html_()) < 60_000


def pixels(blob):
    """The picture of a blob, (H, W, 4)."""
    png = base64.b64decode(re.search('src="data:image/png;base64,([^"]*)"', blob._repr_html_())[1])
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def test_a_picture_is_its_image(net):
    net.blobs["x"].data[...] = 0
    net.blobs["x"].data[0, 0] = 1  # blue
    net.blobs["x"].data[1, :, :, 18:] = 1
    found = pixels(net.blobs["x"])
    assert found.shape == (40, 36 + 1 + 36, 4)
    assert (found[:, :36] == (0, 0, 255, 255)).all() and (found[:, 36, 3] == 0).all()
    assert (found[:, 37:55] == (0, 0, 0, 255)).all() and (found[:, 55:] == 255).all()


def test_numbers_that_are_not_finite(net):
    net.blobs["x"].data[0, 0, 0, :3] = np.nan, np.inf, -np.inf
    assert "3 of 8,640 not finite" in Tags(net.blobs["x"]._repr_html_()).text
    assert (pixels(net.blobs["x"]) == (255, 0, 200, 255)).all(-1).sum() == 3
    net.blobs["ip"].data[...] = np.nan
    assert "20 of 20 not finite" in Tags(net.blobs["ip"]._repr_html_()).text


def test_a_diff_where_there_is_one(net):
    assert "diff" not in net.params["ip"][0]._repr_html_()
    net.params["ip"][0].diff[0, 0] = 2
    assert "diff: 0 to 2, mean 0.05" in Tags(net.params["ip"][0]._repr_html_()).text


def test_what_the_fast_plan_does_not_keep():
    again = 'layer { name: "c" type: "Convolution" bottom: "conv" top: "c" convolution_param '
    text = NET[: NET.index('layer { name: "relu"')] + again + "{ num_output: 4 kernel_size: 3 } }"
    with caffe.Net(parse_net(text), caffe.TEST, plan="fast") as net:
        net.forward()
        shown = Tags(net.blobs["conv"]._repr_html_())
        assert 'blob conv| 2 x 4 x 36 x 32|the fast plan keeps no data of blob "conv"; exp' in shown.text


def test_a_solver(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "solver.prototxt").write_text(SOLVER)
    solver = caffe.get_solver("solver.prototxt", seed=1)
    assert repr(solver) == '<Solver Nesterov "tiny", iteration 0 of 10, lr 0.01>'
    shown = Tags(solver._repr_html_()).text
    assert "Nesterov solver| iteration 0 of 10|net|tiny|learning rate|0.01 (fixed)|next test|iteration 0|next" in shown
    solver.step(5)
    shown = Tags(solver._repr_html_()).text
    assert f"|loss|{solver.smoothed_loss:.6g}, mean of the last 2|test net #0|" in shown
    assert " at iteration 4|next test|iteration 8|next snapshot|iteration 6" in shown
    solver.step(2)
    assert "next snapshot|at the end, iteration 10" in Tags(solver._repr_html_()).text
    assert re.fullmatch(r'<Solver Nesterov "tiny", iteration 7 of 10, lr 0\.01, loss -?\d\S*>', repr(solver))
    solver.close()


def test_work_by_type():
    assert layer_work("Convolution", [(2, 3, 9, 9)], [(2, 4, 9, 9)], [(4, 3, 3, 3), (4,)]) == 2 * 4 * 81 * 27
    assert layer_work("ReLU", [(2, 3)], [(2, 3)], []) == 0


def test_nothing_of_it_is_imported_before_it_is_asked_for():
    code = "import sys, minicaffe; minicaffe.Net, minicaffe.get_solver; print('minicaffe.notebook' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
