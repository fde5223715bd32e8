"""pycaffe's solver classes and calls."""

import numpy as np
import pytest

import minicaffe as caffe
from minicaffe import settings
from minicaffe.errors import UsageError
from minicaffe.solver.rules import RULES

NET = """
force_backward: true
layer { name: "data" type: "DummyData" top: "data" top: "label" dummy_data_param { num: 5 channels: 2 height: 3 width: 4
  num: 5 channels: 1 height: 1 width: 1 data_filler { type: "gaussian" std: 1 } data_filler { type: "constant" } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 10
  weight_filler { type: "gaussian" std: 2.5 } bias_filler { type: "constant" value: -3 } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.prototxt").write_text(NET)
    path = tmp_path / "solver.prototxt"
    path.write_text(
        'net: "net.prototxt" test_iter: 2 test_interval: 10 base_lr: 0.01 lr_policy: "inv" gamma: 0.0001 power: 0.75 '
        'display: 100 max_iter: 20 snapshot_after_train: false snapshot_prefix: "model" random_seed: 1'
    )
    return path


@pytest.mark.parametrize("kind", RULES)
def test_a_class_for_every_type(file, kind):
    solver = getattr(caffe, f"{kind}Solver")(file)
    assert solver.param.type == kind == type(solver.rule).__name__
    assert solver.iter == 0
    solver.solve()
    assert solver.iter == 20
    assert solver.lr == pytest.approx(0.01 * (1 + 0.0001 * 20) ** -0.75)


def test_an_update_from_gradients_of_one_s_own(file):
    solver = caffe.SGDSolver(file)
    blob = solver.net.layers[1].blobs[0]
    blob.data[...] = 0
    blob.diff[...] = 1
    solver.apply_update()
    np.testing.assert_allclose(blob.data, -solver.lr, rtol=1e-6)
    assert solver.iter == 0


def test_callbacks_run_around_the_gradients(file):
    solver, seen = caffe.get_solver(file), []
    solver.add_callback(lambda: seen.append("start"), lambda: seen.append(solver.net.params["ip"][0].diff.any()))
    solver.step(2)
    assert seen == ["start", True] * 2


def test_nets_outlive_their_solver(file):
    solver = caffe.get_solver(file)
    nets = [solver.net, *solver.test_nets]
    solver.step(1)
    del solver
    total = sum(blob.data.sum() + blob.diff.sum() for net in nets for blob in net.blobs.values())
    assert np.isfinite(total + sum(p.data.sum() for net in nets for ps in net.params.values() for p in ps))


def test_another_net_takes_the_solver_s_weights(file):
    solver = caffe.get_solver(file)
    other = caffe.Net("net.prototxt", caffe.TEST)
    solver.share_weights(other)
    solver.step(1)
    np.testing.assert_array_equal(other.params["ip"][0].data, solver.net.params["ip"][0].data)


def test_a_seed_for_all_that_follows(file):
    def first(index):
        caffe.set_random_seed(7)
        return [caffe.Net("net.prototxt", caffe.TRAIN) for _ in range(2)][index].params["ip"][0].data

    np.testing.assert_array_equal(first(0), first(0))
    assert (first(0) != first(1)).any()
    settings._seed = None
    with pytest.raises(UsageError, match="seed is -1; expected at least 0"):
        caffe.set_random_seed(-1)


def test_calls_that_have_no_effect_on_a_cpu(caplog):
    caffe.set_mode_cpu()
    caffe.set_device(0)
    caffe.set_mode_gpu()
    assert caffe.has_nccl() is False
    assert "this program runs on the CPU" in caplog.text
    assert "Convolution" in caffe.layer_type_list()


@pytest.mark.parametrize("iterations", [2.5, -1, "3"])
def test_steps_are_counted_in_integers(file, iterations):
    with pytest.raises(UsageError, match=r"number of iterations is .*; expected an integer of at least 0"):
        caffe.SGDSolver(file).step(iterations)
