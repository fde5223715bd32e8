"""Every update rule under both plans: one net, the same losses, parameters and history."""

import numpy as np
import pytest

from minicaffe.solver import get_solver

RATES = {"SGD": 0.05, "Nesterov": 0.05, "AdaGrad": 0.02, "RMSProp": 0.002, "AdaDelta": 1.0, "Adam": 0.002}


def options(rule):
    momentum = "0" if rule in ("AdaGrad", "RMSProp") else "0.9"
    return {"type": rule, "momentum": momentum, "base_lr": str(RATES[rule]), "delta": "1e-3", "clip_gradients": "5"}


@pytest.mark.parametrize("rule", RATES)
def test_plans_agree(tiny, tmp_path, rule):
    # without the bias in front of BatchNorm, which nothing but rounding moves
    net = tmp_path / "net.prototxt"
    net.write_text(net.read_text().replace("num_output: 4", "num_output: 4 bias_term: false"))
    inspect, fast = (get_solver(tiny, overrides=options(rule), plan=plan) for plan in ("inspect", "fast"))
    for iteration in range(8):
        assert fast.step(1) == pytest.approx(inspect.step(1), rel=1e-4), f"loss of iteration {iteration}"
    for name, blobs in inspect.net.params.items():
        for i, (ours, wanted) in enumerate(zip(fast.net.params[name], blobs)):
            scale = max(np.abs(wanted.data).max(), 0.1)
            np.testing.assert_allclose(ours.data / scale, wanted.data / scale, atol=1e-4, rtol=0, err_msg=f"{name}/{i}")
    for ours, wanted in zip(fast.rule.histories, inspect.rule.histories):
        np.testing.assert_allclose(ours, wanted, rtol=2e-3, atol=1e-3 * np.abs(wanted).max())
