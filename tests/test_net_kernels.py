"""A net trained with the fast kernels agrees with one trained by plain sums."""

import numpy as np
import pytest

import minicaffe as caffe
from minicaffe.errors import UsageError
from minicaffe.solver import get_solver

NET = """
name: "five"
layer { name: "data" type: "DummyData" top: "data" top: "label"
  dummy_data_param { shape { dim: 32 dim: 3 dim: 28 dim: 24 } shape { dim: 32 }
    data_filler { type: "gaussian" std: 1 } data_filler { type: "constant" value: 1 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 32 kernel_size: 5 pad: 2 weight_filler { type: "xavier" } } }
layer { name: "bn" type: "BatchNorm" bottom: "conv1" top: "bn" }
layer { name: "sigmoid" type: "Sigmoid" bottom: "bn" top: "bn" }
layer { name: "conv2" type: "Convolution" bottom: "bn" top: "conv2"
  convolution_param { num_output: 48 group: 2 kernel_size: 5 pad: 1 weight_filler { type: "xavier" } } }
layer { name: "conv3" type: "Convolution" bottom: "conv2" top: "conv3"
  convolution_param { num_output: 24 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "ip" type: "InnerProduct" bottom: "conv3" top: "ip"
  inner_product_param { num_output: 4 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""


def train(folder, kernels):
    (folder / "net.prototxt").write_text(NET)
    solver_file = folder / "solver.prototxt"
    solver_file.write_text(
        f'net: "{folder}/net.prototxt" base_lr: 0.02 momentum: 0.9 lr_policy: "fixed" max_iter: 3 random_seed: 4\n'
    )
    solver = get_solver(solver_file, kernels=kernels)
    losses = [solver.step(1) for _ in range(3)]
    families = [node.layer.family.name for node in solver.net.graph.nodes if node.type == "Convolution"]
    params = {(name, i): b.data for name, blobs in solver.net.params.items() for i, b in enumerate(blobs)}
    return losses, params, families


def test_three_iterations_agree(tmp_path):
    fast, plain = train(tmp_path, "auto"), train(tmp_path, "direct")
    assert fast[2] == ["winograd"] * 3 and plain[2] == ["plain"] * 3
    np.testing.assert_allclose(fast[0], plain[0], rtol=1e-5)
    for name, expected in plain[1].items():
        distance = np.linalg.norm(fast[1][name] - expected) / max(np.linalg.norm(expected), 1e-3)
        assert distance < 2e-5, name


def test_float64_is_always_plain(tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    net = caffe.Net(tmp_path / "net.prototxt", caffe.TRAIN, dtype="float64")
    assert {node.layer.family.name for node in net.graph.nodes if node.type == "Convolution"} == {"plain"}


def test_unknown_kernels(tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    with pytest.raises(UsageError, match=r"kernels is 'fast'; expected one of auto, direct"):
        caffe.Net(tmp_path / "net.prototxt", caffe.TRAIN, kernels="fast")
