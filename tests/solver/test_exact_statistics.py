"""Tests with exact statistics: what they score, and that the training beside them stays the same to the bit."""

import numpy as np
import pytest

import minicaffe as caffe
from minicaffe import bn_stats
from minicaffe.errors import GraphError, SolverError
from minicaffe.solver.events import Listener

NET = """
name: "noisy"
layer { name: "x" type: "DummyData" top: "x" top: "t"
  dummy_data_param { shape { dim: 8 dim: 3 dim: 4 dim: 4 } shape { dim: 8 dim: 4 }
                     data_filler { type: "gaussian" mean: 1 } data_filler { type: "gaussian" } } }
layer { name: "conv" type: "Convolution" bottom: "x" top: "conv"
  convolution_param { num_output: 5 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "bn" include { phase: TRAIN } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "bn" include { phase: TEST }
        batch_norm_param { use_global_stats: true } }
layer { name: "drop" type: "Dropout" bottom: "bn" top: "bn" }
layer { name: "ip" type: "InnerProduct" bottom: "bn" top: "ip"
  inner_product_param { num_output: 4 weight_filler { type: "xavier" } } }
layer { name: "norm" type: "BatchNorm" bottom: "ip" top: "norm" }
layer { name: "loss" type: "EuclideanLoss" bottom: "norm" bottom: "t" top: "loss" }
"""

SOLVER = """
net: "net.prototxt" test_iter: 3 test_interval: 4 base_lr: 0.1 lr_policy: "fixed" momentum: 0.9
max_iter: 10 snapshot_prefix: "snap/x" random_seed: 6 snapshot_after_train: false
"""


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.prototxt").write_text(NET)
    (tmp_path / "solver.prototxt").write_text(SOLVER)
    (tmp_path / "commented.prototxt").write_text("# minicaffe: test_bn_stats: exact:2\n" + SOLVER)


def run(file="solver.prototxt", steps=10, resume=None, **how):
    """A trained solver, and the losses of its tests."""
    tests = []

    class Record(Listener):
        def tested(self, result):
            tests.append(result.outputs[0].value)

    solver = caffe.get_solver(file, listener=Record(), **how)
    if resume:
        solver.restore(resume)
    solver.step(steps)
    return solver, tests


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_training_is_the_same_to_the_bit(plan):
    plain, scores = run(plan=plan)
    exact, others = run(plan=plan, test_bn_stats="exact:2")
    for a, b in ((plain.net.arena.learned, exact.net.arena.learned), (plain.net.arena.state, exact.net.arena.state)):
        np.testing.assert_array_equal(a, b)
    assert plain.net.state() == exact.net.state()
    assert len(scores) == len(others) == 3
    assert scores != others
    plain.close()
    exact.close()


def test_a_test_scores_what_statistics_measured_now_score():
    solver, _ = run(steps=5, test_bn_stats="exact:2")
    (result,) = solver.test_all()
    with caffe.Net("net.prototxt", caffe.TRAIN, seed=6) as train, caffe.Net("net.prototxt", caffe.TEST, seed=7) as test:
        for net in (train, test):
            for name, blobs in solver.net.params.items():
                for blob, value in zip(net.params[name], blobs):
                    blob.data[...] = value.data
        bn_stats.put(test, bn_stats.measure(train, 2))
        for _ in range(3 * 2):  # two test passes came before
            test.forward()
        losses = [float(test.forward()["loss"]) for _ in range(3)]
    assert result.outputs[0].value == pytest.approx(float(np.mean(losses)), rel=1e-5)
    solver.close()


def test_a_resumed_run_goes_on_as_if_it_had_not_stopped():
    whole, scores = run(test_bn_stats="exact:2", overrides={"snapshot": "6"})
    solver, later = run(resume="snap/x_iter_6.solverstate", steps=4, test_bn_stats="exact:2", seed=99)
    assert later == scores[2:]
    np.testing.assert_array_equal(whole.net.arena.learned, solver.net.arena.learned)
    np.testing.assert_array_equal(whole.net.arena.state, solver.net.arena.state)
    whole.close()
    solver.close()


def test_a_comment_of_the_solver_file_asks_for_it_and_an_argument_wins():
    _, asked = run("commented.prototxt", 1)
    _, exact = run(steps=1, test_bn_stats="exact:2")
    _, stored = run("commented.prototxt", 1, test_bn_stats="stored")
    _, plain = run(steps=1)
    assert asked == exact != stored == plain
    solver = caffe.get_solver("commented.prototxt")
    assert solver.notes[0] == "tests use BatchNorm statistics measured over 2 training batches, not the stored ones"
    solver.close()


@pytest.mark.parametrize(
    ("comment", "said"),
    [
        ("test_bn_stat: exact", ':1: minicaffe has no setting "test_bn_stat"; did you mean "test_bn_stats"?'),
        ("test_bn_stats", ':1: the setting "test_bn_stats" is not of the form NAME: VALUE'),
        (
            "test_bn_stats: exact:0",
            ':1: test_bn_stats is "exact:0"; expected stored, exact, or exact:N for N batches',
        ),
        (
            "test_bn_stats: exact\n#minicaffe:test_bn_stats=exact",
            ":2: test_bn_stats is set a second time; expected one setting",
        ),
    ],
)
def test_a_comment_that_is_no_setting_is_refused(tmp_path, comment, said):
    (tmp_path / "solver.prototxt").write_text(f"# minicaffe: {comment}\n{SOLVER}")
    with pytest.raises(SolverError) as error:
        caffe.get_solver("solver.prototxt")
    assert str(error.value) == f"solver.prototxt{said}"


def test_other_comments_are_comments(tmp_path):
    (tmp_path / "solver.prototxt").write_text(
        f"# trained with minicaffe: see below\nnet_param {{\n{NET}}}\n" + SOLVER.replace('net: "net.prototxt"', "")
    )
    caffe.get_solver("solver.prototxt").close()


def test_a_net_without_statistics_is_refused(tmp_path):
    (tmp_path / "net.prototxt").write_text(NET.replace('type: "BatchNorm"', 'type: "ReLU"').replace(
        "batch_norm_param { use_global_stats: true }", ""
    ))  # fmt: skip
    with pytest.raises(GraphError, match='net "noisy" has no layer that normalises by its batch\'s statistics'):
        caffe.get_solver("solver.prototxt", test_bn_stats="exact")
