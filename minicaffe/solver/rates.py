"""Learning-rate policies: pure functions of the iteration, with Caffe's names and fields."""

from __future__ import annotations

import math

from ..errors import SolverError, did_you_mean
from ..proto import Message

POLICIES = {
    "fixed": "base_lr",
    "step": "base_lr * gamma ^ floor(iter / stepsize)",
    "exp": "base_lr * gamma ^ iter",
    "inv": "base_lr * (1 + gamma * iter) ^ -power",
    "multistep": "base_lr * gamma ^ (number of stepvalues that iter has reached)",
    "poly": "base_lr * (1 - iter / max_iter) ^ power",
    "sigmoid": "base_lr / (1 + exp(-gamma * (iter - stepsize)))",
}
"""The rate of iteration iter under each policy."""

_NEEDS: dict[str, tuple[str, ...]] = {
    "fixed": (),
    "step": ("gamma", "stepsize"),
    "exp": ("gamma",),
    "inv": ("gamma", "power"),
    "multistep": ("gamma", "stepvalue"),
    "poly": ("power", "max_iter"),
    "sigmoid": ("gamma", "stepsize"),
}


def check_policy(param: Message) -> None:
    """Raise SolverError if ``param`` (a SolverParameter) names no known policy or lacks one of its fields."""
    policy = param.lr_policy
    if policy not in _NEEDS:
        raise SolverError(f'lr_policy is "{policy}"; expected one of {", ".join(_NEEDS)}{did_you_mean(policy, _NEEDS)}')
    for field in ("base_lr", *_NEEDS[policy]):
        given = len(param.stepvalue) if field == "stepvalue" else param.HasField(field)
        if not given:
            raise SolverError(f'lr_policy "{policy}" needs {field}, but the solver gives none')
    if policy in ("step", "sigmoid") and param.stepsize < 1:
        raise SolverError(f'stepsize is {param.stepsize}; lr_policy "{policy}" expects at least 1')
    if policy == "sigmoid" and param.gamma < 0:
        raise SolverError(f'gamma is {param.gamma:g}; lr_policy "sigmoid" expects at least 0')
    if list(param.stepvalue) != sorted(param.stepvalue):
        raise SolverError(f"stepvalue is {list(param.stepvalue)}; expected iterations in rising order")


def current_step(param: Message, iteration: int) -> int:
    """How many steps the rate has taken: what Caffe keeps in a solver state as ``current_step``."""
    if param.lr_policy == "step":
        return iteration // param.stepsize
    if param.lr_policy == "multistep":
        return sum(iteration >= value for value in param.stepvalue)
    return 0


def learning_rate(param: Message, iteration: int) -> float:
    """The rate of ``iteration`` (counted from 0) under the policy of ``param``, a checked SolverParameter.

    Raises SolverError where it is no finite number, as with a gamma above 1 after many steps.
    """
    try:
        rate = _rate(param, iteration)
    except (OverflowError, ZeroDivisionError):
        rate = math.inf
    if isinstance(rate, complex) or not math.isfinite(rate):
        raise SolverError(f'iteration {iteration}: lr_policy "{param.lr_policy}" gives no finite learning rate')
    return rate


def _rate(param: Message, iteration: int) -> float | complex:
    base, gamma, power = param.base_lr, param.gamma, param.power
    policy = param.lr_policy
    if policy in ("step", "multistep"):
        return base * gamma ** current_step(param, iteration)
    if policy == "exp":
        return base * gamma**iteration
    if policy == "inv":
        return base * (1.0 + gamma * iteration) ** -power
    if policy == "poly":
        return base * (max(0.0, 1.0 - iteration / param.max_iter) if param.max_iter else 0.0) ** power
    if policy == "sigmoid":
        return base / (1.0 + math.exp(min(700.0, -gamma * (iteration - param.stepsize))))
    return base
