"""Learning-rate policies against the rates that Caffe logged, and their errors."""

from pathlib import Path

import numpy as np
import pytest

from minicaffe.errors import SolverError
from minicaffe.proto import caffe_pb2, parse_text
from minicaffe.solver.rates import check_policy, current_step, learning_rate

GOLDEN = Path(__file__).parent.parent / "golden" / "solvers"


def solver(text):
    return parse_text(text, caffe_pb2.SolverParameter)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("lr_*.npz")), ids=lambda path: path.stem)
def test_rates_are_caffes(path):
    case = np.load(path)
    param = solver(str(case["solver"]))
    check_policy(param)
    ours = [learning_rate(param, i) for i in range(len(case["lr"]))]
    np.testing.assert_allclose(ours, case["lr"], rtol=2e-6, atol=1e-12)


@pytest.mark.parametrize(
    "policy, iteration, expected",
    [
        ("'fixed'", 99, 0.5),
        ("'step' gamma: 0.1 stepsize: 10", 9, 0.5),
        ("'step' gamma: 0.1 stepsize: 10", 10, 0.05),
        ("'exp' gamma: 0.5", 2, 0.125),
        ("'inv' gamma: 1 power: 2", 1, 0.125),
        ("'multistep' gamma: 0.1 stepvalue: 5 stepvalue: 7", 4, 0.5),
        ("'multistep' gamma: 0.1 stepvalue: 5 stepvalue: 7", 5, 0.05),
        ("'multistep' gamma: 0.1 stepvalue: 5 stepvalue: 7", 8, 0.005),
        ("'poly' power: 2 max_iter: 10", 5, 0.125),
        ("'sigmoid' gamma: 1 stepsize: 10", 10, 0.25),
    ],
)
def test_formulas(policy, iteration, expected):
    assert learning_rate(solver(f"base_lr: 0.5 lr_policy: {policy}"), iteration) == pytest.approx(expected)


@pytest.mark.parametrize(
    "policy, iteration",
    [
        ("'exp' gamma: 10", 400),
        ("'step' gamma: 1e30 stepsize: 1", 20),
        ("'inv' gamma: -3 power: 0.5", 1),
        ("'poly' power: -1 max_iter: 10", 10),
    ],
)
def test_a_rate_that_is_no_finite_number_is_refused(policy, iteration):
    with pytest.raises(SolverError, match=f"iteration {iteration}: lr_policy .* gives no finite learning rate"):
        learning_rate(solver(f"base_lr: 0.5 lr_policy: {policy}"), iteration)


def test_current_step_is_what_caffe_stores():
    assert current_step(solver("lr_policy: 'step' stepsize: 3"), 7) == 2
    assert current_step(solver("lr_policy: 'multistep' stepvalue: 2 stepvalue: 5"), 5) == 2
    assert current_step(solver("lr_policy: 'fixed'"), 5) == 0


@pytest.mark.parametrize(
    "text, message",
    [
        ("base_lr: 1 lr_policy: 'stp'", 'lr_policy is "stp"; expected one of fixed, step, .*did you mean "step"'),
        ("lr_policy: 'fixed'", 'lr_policy "fixed" needs base_lr'),
        ("base_lr: 1 lr_policy: 'step' gamma: 1", 'lr_policy "step" needs stepsize'),
        ("base_lr: 1 lr_policy: 'step' gamma: 1 stepsize: 0", "stepsize is 0"),
        ("base_lr: 1 lr_policy: 'multistep' gamma: 1", "needs stepvalue"),
        ("base_lr: 1 lr_policy: 'multistep' gamma: 1 stepvalue: 5 stepvalue: 2", r"\[5, 2\]; expected .* rising"),
        ("base_lr: 1 lr_policy: 'sigmoid' gamma: -1 stepsize: 3", 'gamma is -1; lr_policy "sigmoid"'),
    ],
)
def test_bad_policies(text, message):
    with pytest.raises(SolverError, match=message):
        check_policy(solver(text))
