"""Python layers: pycaffe's interface, loaded only from the folder that was allowed."""

import importlib
import sys

import numpy as np
import pytest

import minicaffe
from minicaffe.errors import GraphError, LayerError

CODE = """
import caffe
import numpy as np
from caffe.proto import caffe_pb2

class Distance(caffe.Layer):
    def setup(self, bottom, top):
        if len(bottom) != 2:
            raise Exception("two bottoms are needed")
        self.blobs.add_blob(1)
        self.blobs[0].data[...] = float(self.param_str)

    def reshape(self, bottom, top):
        self.diff = np.zeros_like(bottom[0].data)
        top[0].reshape(1)

    def forward(self, bottom, top):
        self.diff[...] = bottom[0].data - bottom[1].data
        self.half = np.sum(self.diff ** 2) / bottom[0].num / 2.0
        top[0].data[...] = self.blobs[0].data * self.half

    def backward(self, top, propagate_down, bottom):
        self.blobs[0].diff[...] += top[0].diff * self.half
        for i, sign in ((0, 1), (1, -1)):
            if propagate_down[i]:
                bottom[i].diff[...] = top[0].diff * self.blobs[0].data * sign * self.diff / bottom[i].num

class First(caffe.Layer):
    rows = 0
    def setup(self, bottom, top):
        pass
    def reshape(self, bottom, top):
        First.rows = First.rows % bottom[0].num + 1
        top[0].reshape(First.rows, *bottom[0].shape[1:])
    def forward(self, bottom, top):
        top[0].data[...] = bottom[0].data[: First.rows]
    def backward(self, top, propagate_down, bottom):
        bottom[0].diff[...] = 0
        bottom[0].diff[: First.rows] = top[0].diff

class Wrong(caffe.Layer):
    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)
    def forward(self, bottom, top):
        raise ValueError("it went wrong")
"""

INPUTS = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 4 dim: 3 } } }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "ip" inner_product_param { num_output: 2
  weight_filler { type: "xavier" } } }
"""
TARGET = 'layer { name: "t" type: "Input" top: "t" input_param { shape { dim: 4 dim: 2 } } }\n'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "own_layers.py").write_text(CODE)
    return tmp_path


def build(folder, text, allowed=True, **how):
    (folder / "net.prototxt").write_text(text)
    code = folder / "code" if allowed is True else allowed
    return minicaffe.Net(folder / "net.prototxt", minicaffe.TRAIN, seed=1, python_layers=code, **how)


def python(cls, bottoms, more=""):
    bottoms = " ".join(f'bottom: "{name}"' for name in bottoms)
    options = f'python_param {{ module: "own_layers" {cls} }}'
    return f'layer {{ name: "own" type: "Python" {bottoms} top: "y" {more} {options} }}'


def distance(parameter=1):
    return INPUTS + TARGET + python(f'layer: "Distance" param_str: "{parameter}"', ["ip", "t"], "loss_weight: 3")


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_a_loss_written_in_python_equals_euclidean_loss(folder, plan):
    own = build(folder, distance(), plan=plan)
    caffe = build(
        folder,
        INPUTS + TARGET + 'layer { name: "l" type: "EuclideanLoss" bottom: "ip" bottom: "t" top: "y" loss_weight: 3 }',
    )
    random = np.random.default_rng(0)
    x, t = random.standard_normal((4, 3)), random.standard_normal((4, 2))
    for net in (own, caffe):
        net.blobs["x"].data[...], net.blobs["t"].data[...] = x, t
        net.forward()
        net.clear_param_diffs()
        net.backward()
    assert own.loss == pytest.approx(caffe.loss, rel=1e-5)
    np.testing.assert_allclose(own.params["ip"][0].diff, caffe.params["ip"][0].diff, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(own.params["own"][0].diff, caffe.loss, rtol=1e-5)


def test_parameters_begin_as_setup_leaves_them_and_are_saved(folder):
    net = build(folder, distance(2.5))
    assert net.params["own"][0].data == 2.5
    net.save(folder / "w.caffemodel")
    other = build(folder, distance(1))
    other.copy_from(folder / "w.caffemodel")
    assert other.params["own"][0].data == 2.5


def test_shapes_change_from_one_forward_to_the_next(folder):
    text = INPUTS + python('layer: "First"', ["ip"])
    text += 'layer { name: "top" type: "InnerProduct" bottom: "y" top: "z" inner_product_param { num_output: 2 } }'
    net = build(folder, text)
    rows = [net.forward()["z"].shape[0] for _ in range(8)]
    assert sorted(rows) == [1, 1, 2, 2, 3, 3, 4, 4]
    assert net.blobs["y"].shape == (rows[-1], 2) == net.blobs["y"].diff.shape
    np.testing.assert_array_equal(net.blobs["y"].data, net.blobs["ip"].data[: rows[-1]])


def test_the_fast_plan_refuses_another_shape(folder):
    net = build(folder, INPUTS + python('layer: "First"', ["ip"]), plan="fast")
    with pytest.raises(LayerError, match=r'blob "y" becomes .* after .*; expected plan="inspect"'):
        for _ in range(4):
            net.forward()


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_nothing_runs_unless_allowed(folder, plan):
    with pytest.raises(GraphError, match=r"own_layers.Distance, which is not allowed; expected --allow-python-layers"):
        build(folder, distance(), allowed=None, plan=plan)


@pytest.mark.parametrize(
    "layer, sentence",
    [
        ('layer: "Distanze"', 'has no class "Distanze"; did you mean "Distance"'),
        ("", "python_param has no layer"),
        ('layer: "Distance" param_str: "1"', r"setup of own_layers.Distance failed: Exception: two bottoms are needed"),
    ],
)
def test_what_is_wrong_is_said_when_the_net_is_built(folder, layer, sentence):
    with pytest.raises(GraphError, match=sentence):
        build(folder, INPUTS + python(layer, ["ip"]))


def test_a_module_is_found_only_in_the_folder(folder):
    text = INPUTS + python('layer: "Distance"', ["ip"]).replace("own_layers", "json")
    with pytest.raises(GraphError, match='has no module "json"'):
        build(folder, text)


def test_a_failing_module_is_named_with_its_line(folder):
    (folder / "code" / "broken.py").write_text("import caffe\nx = 1 / 0\n")
    text = INPUTS + python('layer: "Distance"', ["ip"]).replace("own_layers", "broken")
    with pytest.raises(GraphError, match=r"ZeroDivisionError.*broken.py:2"):
        build(folder, text)


def test_an_exception_in_forward_names_class_file_and_line(folder):
    net = build(folder, INPUTS + python('layer: "Wrong"', ["ip"]))
    with pytest.raises(
        LayerError, match=r'layer "own" \(Python\): forward of .*Wrong failed: ValueError: it went wrong'
    ):
        net.forward()


class Double(minicaffe.Layer):
    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        top[0].data[...] = 2 * bottom[0].data


def test_a_class_that_the_running_program_has_defined_needs_no_folder(folder):
    text = INPUTS + python('layer: "Double"', ["ip"]).replace("own_layers", __name__)
    net = build(folder, text, allowed=None)
    net.blobs["x"].data[...] = 1
    net.forward()
    np.testing.assert_array_equal(net.blobs["y"].data, 2 * net.blobs["ip"].data)
    with pytest.raises(GraphError, match="which is not allowed"):
        build(folder, text.replace("Double", "Path"), allowed=None)


def test_a_class_of_a_package_or_of_the_running_script(folder, tmp_path, monkeypatch):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "inner.py").write_text("from test_python import Double\nclass Twice(Double):\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "test_python", sys.modules[__name__])
    importlib.import_module("package.inner")
    text = INPUTS + python('layer: "Twice"', ["ip"])
    net = build(folder, text.replace("own_layers", "inner"), allowed=None)
    assert type(net.layer_dict["own"]).__module__ == "package.inner"
    with pytest.raises(GraphError, match=r"inner_two.Twice, which is not allowed"):
        build(folder, text.replace("own_layers", "inner_two"), allowed=None)
    monkeypatch.setattr(sys.modules["__main__"], "__file__", "/somewhere/script.py", raising=False)
    monkeypatch.setattr(Double, "__module__", "__main__")
    net = build(folder, INPUTS + python('layer: "Double"', ["ip"]).replace("own_layers", "script"), allowed=None)
    assert type(net.layer_dict["own"]) is Double


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_a_layer_that_puts_something_else_where_the_numbers_were(tmp_path, plan):
    (tmp_path / "odd.py").write_text(
        "import caffe\nclass Odd(caffe.Layer):\n def setup(self, b, t): pass\n"
        " def reshape(self, b, t): t[0].reshape(2)\n def forward(self, b, t): t[0].data = 1\n"
    )
    python = 'layer { name: "p" type: "Python" bottom: "ip" top: "y" python_param { module: "odd" layer: "Odd" } }'
    (tmp_path / "net.prototxt").write_text(INPUTS + python)
    net = minicaffe.Net(tmp_path / "net.prototxt", minicaffe.TEST, plan=plan, python_layers=tmp_path)
    with pytest.raises(LayerError, match=r"forward of odd.Odd failed: TypeError: data or diff of a blob is no array"):
        net.forward()
