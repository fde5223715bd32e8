"""Every public name of pycaffe is there, is told of in its docstring, and does what pycaffe documents.

What has a test of its own stands elsewhere: ``test_io``, ``test_net_spec``, ``test_coord_map``, ``test_classifier``,
``draw``, ``test_net_running``, ``solver/test_kinds``, ``layers/test_python``.
"""

import inspect
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minicaffe as caffe
from minicaffe import settings
from minicaffe.errors import UsageError
from minicaffe.proto import caffe_pb2, parse_net

PACKAGE = str(Path(caffe.__file__).parents[1])
NAMES = {
    "caffe": """Net SGDSolver NesterovSolver AdaGradSolver RMSPropSolver AdaDeltaSolver AdamSolver get_solver Layer
        TRAIN TEST set_mode_cpu set_mode_gpu set_device set_random_seed layer_type_list init_log log has_nccl NCCL Timer
        solver_count set_solver_count solver_rank set_solver_rank set_multiprocess __version__ io net_spec layers params
        NetSpec to_proto coord_map draw Classifier Detector classifier detector proto pycaffe""",
    "caffe.pycaffe": "Net SGDSolver NesterovSolver AdaGradSolver RMSPropSolver AdaDeltaSolver AdamSolver NCCL Timer",
    "caffe.io": """Transformer load_image resize_image oversample blobproto_to_array array_to_blobproto
        arraylist_to_blobprotovector_str blobprotovector_str_to_arraylist array_to_datum datum_to_array caffe_pb2""",
    "caffe.net_spec": """layers params NetSpec Function Top Layers Parameters to_proto assign_proto param_name_dict
        caffe_pb2""",
    "caffe.coord_map": """coord_map coord_map_from_to crop compose inverse PASS_THROUGH_LAYERS UndefinedMapException
        AxisMismatchException""",
    "caffe.draw": """draw_net draw_net_to_file get_pydot_graph get_layer_label get_edge_label get_pooling_types_dict
        choose_color_by_layertype""",
    "caffe.proto.caffe_pb2": "NetParameter LayerParameter SolverParameter BlobProto Datum TRAIN TEST Phase DESCRIPTOR",
    "net": """blobs params layer_dict layers _layer_names _blob_names inputs outputs top_names bottom_names
        blob_loss_weights forward backward forward_all forward_backward_all reshape copy_from share_with save load_hdf5
        save_hdf5 set_input_arrays clear_param_diffs before_forward after_forward before_backward after_backward
        from_proto _inputs _outputs _blobs _layers _blob_loss_weights _top_ids _bottom_ids _forward _backward
        _set_input_arrays""",
    "blob": "data diff shape num channels height width count reshape",
    "layer": "type blobs setup",
    "caffe.Layer": "type blobs setup reshape forward backward param_str phase",
    "solver": """net test_nets iter param lr step solve snapshot restore apply_update share_weights add_callback""",
    "solver.param": "max_iter display layer_wise_reduce base_lr",
    "transformer": """inputs transpose channel_swap raw_scale mean input_scale preprocess deprocess set_transpose
        set_channel_swap set_raw_scale set_mean set_input_scale""",
    "caffe.Classifier": "predict",
    "caffe.Detector": "detect_windows detect_selective_search crop configure_crop",
    "caffe.NetSpec": "update keys vals to_proto",
}
NET = """
name: "small"
layer { name: "data" type: "Input" top: "data" top: "label"
  input_param { shape { dim: 2 dim: 3 dim: 4 dim: 4 } shape { dim: 2 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "accuracy" type: "Accuracy" bottom: "ip" bottom: "label" top: "accuracy" }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" loss_weight: 2 }
"""


def build(phase=caffe.TRAIN, **how):
    net = caffe.Net(parse_net(NET), phase, seed=1, **how)
    net.blobs["data"].data[...] = np.random.default_rng(1).normal(size=net.blobs["data"].shape)
    net.blobs["label"].data[...] = [0, 2]
    return net


@pytest.fixture
def solver(tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    path = tmp_path / "solver.prototxt"
    path.write_text(f'net: "{tmp_path}/net.prototxt" base_lr: 0.01 lr_policy: "fixed" max_iter: 3 random_seed: 1')
    return path


def test_every_name_is_there(solver):
    net = build()
    known = {
        "caffe": caffe,
        "net": net,
        "blob": net.blobs["data"],
        "layer": net.layers[1],
        "solver": caffe.get_solver(solver),
        "transformer": caffe.io.Transformer({"data": (1, 3, 4, 4)}),
    }
    missing = [
        f"{owner}.{name}"
        for owner, names in NAMES.items()
        for name in names.split()
        if not hasattr(eval(owner, known), name) and (owner, name) != ("caffe.Layer", "blobs")
    ]
    assert missing == []


def undocumented(thing, name):
    """Public functions, classes, methods and properties of ``thing`` that have no docstring."""
    if inspect.ismodule(thing):
        for own in getattr(thing, "__all__", ()):
            value = getattr(thing, own)
            if inspect.isclass(value) or inspect.isfunction(value):
                yield from undocumented(value, f"{name}.{own}")
        return
    if not inspect.isclass(thing):
        if callable(thing) and not inspect.getdoc(thing):
            yield name
        return
    if not thing.__doc__:
        yield name
    for cls in thing.__mro__:
        if not cls.__module__.startswith("minicaffe"):
            continue
        for key, value in vars(cls).items():
            method = inspect.isfunction(value) or isinstance(value, (property, classmethod, staticmethod))
            if not key.startswith("_") and method and not inspect.getdoc(getattr(thing, key)):
                yield f"{name}.{key}"


def test_every_public_name_has_a_docstring():
    assert [name for own in caffe.__all__ for name in undocumented(getattr(caffe, own), own)] == []


@pytest.mark.parametrize(
    "bind",
    ["import minicaffe; minicaffe.install_as_caffe()", "import sys, minicaffe; sys.modules['caffe'] = minicaffe"],
)
def test_modules_by_their_names_under_caffe(bind):
    code = f"""
{bind}
import caffe, caffe.io, caffe.draw, caffe.pycaffe, caffe.proto.caffe_pb2
from caffe import layers as L, params as P
from caffe.proto import caffe_pb2
from caffe.pycaffe import Net, SGDSolver
from caffe.coord_map import coord_map_from_to, crop
from caffe.classifier import Classifier
from caffe.detector import Detector
from google.protobuf import text_format
assert Net is caffe.Net is minicaffe.Net and SGDSolver is caffe.SGDSolver
assert caffe.io.caffe_pb2 is caffe_pb2 is caffe.proto.caffe_pb2 and caffe_pb2.TEST == caffe.TEST == 1
assert Classifier is caffe.Classifier and Detector is caffe.Detector
net = text_format.Merge('layer {{ name: "a" type: "Input" top: "a" input_param {{ shape {{ dim: 2 }} }} }}',
                        caffe_pb2.NetParameter())
assert text_format.MessageToString(net) == str(net)
assert list(caffe.Net.from_proto(net, caffe.TEST).forward()) == ["a"]
a = L.Input(shape=dict(dim=[1, 1, 9, 9]))
assert isinstance(crop(a, L.ReLU(a)), caffe.net_spec.Top)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_another_caffe_keeps_its_modules(tmp_path):
    (tmp_path / "caffe").mkdir()
    for name, value in (("__init__", 1), ("io", 2)):
        (tmp_path / "caffe" / f"{name}.py").write_text(f"value = {value}")
    code = """
import caffe, minicaffe
minicaffe.install_as_caffe()
import caffe.io
assert (caffe.value, caffe.io.value) == (1, 2)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": PACKAGE})


def test_a_net_from_a_message():
    message = parse_net(NET).param
    message.layer[4].include.add(phase=caffe.TEST, stage=["scored"])
    message.layer[5].include.add(min_level=1)
    before = message.SerializeToString()
    assert caffe.Net.from_proto(message, caffe.TRAIN).outputs == ["ip", "label"]
    assert caffe.Net.from_proto(message, caffe.TEST, stages=["scored"], level=1).outputs == ["accuracy", "loss"]
    assert message.SerializeToString() == before
    with pytest.raises(UsageError, match="the net is a SolverParameter; expected a NetParameter"):
        caffe.Net.from_proto(caffe_pb2.SolverParameter(), caffe.TRAIN)
    with pytest.raises(UsageError, match="the net is a str; expected a NetParameter"):
        caffe.Net.from_proto(NET, caffe.TRAIN)


def test_weights_for_a_net_from_a_message(tmp_path):
    net = build()
    net.save(tmp_path / "w.caffemodel")
    other = caffe.Net.from_proto(parse_net(NET).param, caffe.TEST, weights=tmp_path / "w.caffemodel", seed=2)
    np.testing.assert_array_equal(other.params["conv"][0].data, net.params["conv"][0].data)


def test_pycaffe_s_keywords(tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    build().save(tmp_path / "w.caffemodel")
    files = {"network_file": str(tmp_path / "net.prototxt"), "weights": str(tmp_path / "w.caffemodel")}
    net = caffe.Net(**files, phase=caffe.TEST, level=0, stages=[])
    np.testing.assert_array_equal(net.params["ip"][0].data, build().params["ip"][0].data)


def test_layers_and_blobs_by_number():
    net = build()
    assert list(net.blobs) == net._blob_names
    assert net._blob_names[:3] == ["data", "label", "label_data_1_split_0"]
    assert [net._blob_names[i] for i in net._inputs] == net.inputs == ["data", "label"]
    assert [net._blob_names[i] for i in net._outputs] == net.outputs == ["accuracy", "loss"]
    assert list(net.blob_loss_weights.items()) == list(zip(net._blob_names, net._blob_loss_weights))
    assert net.blob_loss_weights["loss"] == 2 and sum(net._blob_loss_weights) == 2
    assert [blob.shape for blob in net._blobs] == [blob.shape for blob in net.blobs.values()]
    for number, name in enumerate(net._layer_names):
        assert net._layers[number] is net.layers[number] is net.layer_dict[name]
        assert [net._blob_names[i] for i in net._top_ids(number)] == net.top_names[name]
        assert [net._blob_names[i] for i in net._bottom_ids(number)] == net.bottom_names[name]


def test_running_layers_by_number():
    net, whole = build(), build()
    whole.forward()
    whole.backward()
    last = len(net.layers) - 1
    assert net._forward(0, last) == pytest.approx(whole.loss, rel=1e-6) == pytest.approx(2 * net.blobs["loss"].data)
    assert net._forward(0, last - 1) == 0
    net._backward(last, 0)
    np.testing.assert_array_equal(net.params["conv"][0].diff, whole.params["conv"][0].diff)
    for call in (net._forward, net._backward):
        with pytest.raises(UsageError, match=rf"layers \d+ to \d+; expected numbers from 0 to {last}"):
            call(last + 1, last + 1)


def test_blobs_that_the_net_lacks():
    net = build()
    with pytest.raises(UsageError, match='the net has no blob "cnv"; did you mean "conv"'):
        net.forward(blobs=["cnv"])
    with pytest.raises(UsageError, match='the net has no blob "dta"; did you mean "data"'):
        net.backward(diffs=["dta"])


def test_all_four_hooks_in_a_part_of_a_net():
    net, seen = build(), []
    net.forward()
    for when in ("before_forward", "after_forward", "before_backward", "after_backward"):
        getattr(net, when)(lambda number, when=when: seen.append((when, net._layer_names[number])))
    net.forward(start="conv", end="relu")
    net.backward(start="ip", end="relu")
    pairs = [("forward", "conv"), ("forward", "relu"), ("backward", "ip"), ("backward", "relu")]
    assert seen == [(f"{when}_{way}", layer) for way, layer in pairs for when in ("before", "after")]


class Counting(caffe.Layer):
    """y = x + 1; counts its calls."""

    calls: list = []

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        Counting.calls.append(f"{self.name} forward")
        top[0].data[...] = bottom[0].data + 1

    def backward(self, top, propagate_down, bottom):
        Counting.calls.append(f"{self.name} backward")
        bottom[0].diff[...] = top[0].diff


def chain(plan):
    layer = 'layer {{ name: "{0}" type: "Python" bottom: "{1}" top: "{0}" python_param {{ module: "{2}" {3} }} }}'
    text = 'force_backward: true layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 } } }'
    for name, below in ("ax", "ba", "cb", "dc"):
        text += layer.format(name, below, __name__, 'layer: "Counting"')
    Counting.calls.clear()
    return caffe.Net(parse_net(text), caffe.TRAIN, plan=plan)


@pytest.mark.parametrize("start, end", [("b", "c"), (None, "b"), ("c", None), ("d", "d"), (None, None)])
def test_a_part_of_a_net_runs_no_other_layer(start, end):
    """Python layers may change shapes as they run: they too are left alone outside of the part."""
    net = chain("inspect")
    names = "abcd"[(" abcd".index(start) - 1 if start else 0) : (" abcd".index(end) if end else 4)]
    assert list(net.forward(start=start, end=end)) == [end or "d"]
    assert Counting.calls == [f"{name} forward" for name in names]
    Counting.calls.clear()
    below = net.backward(start=end, end=start)
    assert list(below) == [("x" if start is None else "xabc"["abcd".index(start)])]
    assert Counting.calls == [f"{name} backward" for name in reversed(names)]


def test_a_part_of_a_net_starts_from_what_stands_in_the_blobs():
    net = chain("inspect")
    net.forward()
    net.blobs["b"].data[...] = 10
    assert net.forward(start="c")["d"].tolist() == [12, 12]
    net.blobs["c"].diff[...] = 3
    assert net.backward(start="c", end="b")["a"].tolist() == [3, 3]
    assert net.blobs["x"].diff.tolist() == [0, 0]


def test_the_fast_plan_says_that_it_runs_whole_nets_only():
    net = chain("fast")
    for call in (lambda: net.forward(start="c"), lambda: net.forward(end="c"), lambda: net.backward(end="c")):
        with pytest.raises(
            UsageError, match=r"the fast plan cannot run a part of a net, .*; expected plan=\"inspect\""
        ):
            call()
    assert Counting.calls == []
    net.after_forward(print)
    with pytest.raises(UsageError, match=r"or stop at layers; expected plan=\"inspect\""):
        net.forward()


def test_the_net_s_layers_are_the_user_s_own_objects():
    """Scripts hand data to a Python layer through ``net.layers``."""
    net = chain("inspect")
    layer = net.layers[1]
    assert type(layer) is Counting and net.layer_dict["a"] is layer
    assert (layer.type, layer.name, layer.phase, list(layer.blobs)) == ("Python", "a", caffe.TRAIN, [])
    assert net.layers[0].type == "Input"


class Made(caffe.Layer):
    """Made as pycaffe makes it, with one argument that it passes on; doubles by a parameter."""

    def __init__(self, param, *more):
        super().__init__(param, *more)
        self.made_of = param.name

    def setup(self, bottom, top):
        self.blobs.add_blob(1)
        self.blobs[0].data[0] = 2

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        top[0].data[...] = self.blobs[0].data * bottom[0].data


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_a_layer_s_own_blobs_are_the_net_s_parameters(plan):
    text = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 } } }'
    text += f'layer {{ name: "m" type: "Python" bottom: "x" top: "y" python_param {{ module: "{__name__}" '
    net, other = (caffe.Net(parse_net(text + 'layer: "Made" } }'), caffe.TEST, plan=plan) for _ in range(2))
    assert net.layers[1].made_of == "m"
    net.layers[1].blobs[0].data[0] += 3
    assert net.params["m"][0].data.tolist() == [5]
    net.blobs["x"].data[...] = 1
    assert net.forward()["y"].tolist() == [5, 5]
    other.share_with(net)
    net.params["m"][0].data[...] = 7
    assert other.layers[1].blobs[0].data.tolist() == [7]


def test_get_solver_gives_the_class_that_the_file_names(solver):
    for kind in ("SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam"):
        made = caffe.get_solver(solver, overrides={"type": kind})
        assert type(made) is getattr(caffe, f"{kind}Solver")


def test_a_solver_s_parameters_are_read_again_in_each_iteration(solver):
    made = caffe.SGDSolver(solver)
    assert (made.param.max_iter, made.lr, made.iter) == (3, pytest.approx(0.01), 0)
    made.param.base_lr = 0.5
    assert made.lr == 0.5


def test_one_solver_in_one_process():
    assert (caffe.solver_count(), caffe.solver_rank(), caffe.has_nccl()) == (1, 0, False)
    caffe.set_solver_count(1)
    caffe.set_solver_rank(0)
    caffe.set_multiprocess(True)
    with pytest.raises(UsageError, match="the number of solvers is 2; expected 1"):
        caffe.set_solver_count(2)
    with pytest.raises(UsageError, match="the solver's rank is 1; expected 0"):
        caffe.set_solver_rank(1)
    for call in (caffe.NCCL, caffe.NCCL.new_uid):
        with pytest.raises(UsageError, match="NCCL joins GPUs, this program trains on the CPU"):
            call()


def test_the_stopwatch(monkeypatch):
    times = iter([10.0, 10.25, 10.5, 20.0, 20.125])
    monkeypatch.setattr(settings.time, "perf_counter", lambda: next(times))
    timer = caffe.Timer()
    assert timer.ms == 0
    timer.start()
    assert timer.ms == 250
    timer.stop()
    timer.stop()
    assert timer.ms == 500 == timer.ms
    timer.start()
    timer.stop()
    assert timer.ms == 125


def test_the_log(capsys):
    logger = logging.getLogger("minicaffe")
    level, handlers = logger.level, list(logger.handlers)
    try:
        logger.handlers.clear()
        caffe.init_log()
        caffe.log("a line")
        caffe.init_log(1)
        caffe.log("one that is not wanted")
        assert capsys.readouterr().err == "a line\n"
    finally:
        logger.setLevel(level)
        logger.handlers[:] = handlers
