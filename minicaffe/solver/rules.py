"""Update rules: from gradients in the arena to new parameters. One class per solver type, one kernel each.

All begin alike: g = clip(sum of gradients) / iter_size + decay, and end with w -= step, which stays in the diff.
``rate`` below is the policy's rate * lr_mult. Where the rate is not in the history, Caffe keeps the history of a
parameter with lr_mult 0 going (from its decay alone); so it is here.
"""

from __future__ import annotations

import math

import numpy as np

from ..arena import Arena, Segment, aligned_zeros
from ..errors import SolverError, did_you_mean
from ..kernels import update
from ..kernels._threads import run
from ..proto import Message

_REGULARIZATIONS = ("L2", "L1")


class SGD:
    """Stochastic gradient descent with momentum: v = momentum * v + rate * g; step = v.

    ``histories`` are arrays with the arena's layout; ``history`` is all of them, one after the other.
    """

    kernel = staticmethod(update.sgd_update)
    slots = 1
    rate_in_history = True

    def __init__(self, param: Message, arena: Arena) -> None:
        if param.regularization_type not in _REGULARIZATIONS:
            raise SolverError(
                f'regularization_type is "{param.regularization_type}"; expected L1 or L2'
                f"{did_you_mean(param.regularization_type, _REGULARIZATIONS)}"
            )
        self.param, self.arena = param, arena
        self._check()
        size, dtype = arena.learned.size, arena.learned.dtype
        self.history = aligned_zeros(self.slots * size, dtype)
        self.histories = tuple(self.history[i * size : (i + 1) * size] for i in range(self.slots))
        self._blocks, owners = _cut([segment for segment in arena.segments if self._moves(segment)])
        self._lr_mult = np.array([segment.lr_mult for segment in owners])
        self._decay_mult = np.array([segment.decay_mult for segment in owners])
        self._rates = np.zeros((len(self._blocks), 2), dtype)
        self._partial = np.zeros(len(self._blocks))

    def gradient_norm(self) -> float:
        """The L2 norm of all gradients together; NaN or infinite if any of them is."""
        arrays = self._blocks, self.arena.learned_diff, self._partial
        run(update.squared_norms, len(self._blocks), *arrays, grain=update.GRAIN)
        return math.sqrt(math.fsum(self._partial.tolist()))  # NumPy's sum takes longer where it is seldom called

    def apply(self, rate: float, norm: float, iteration: int = 0) -> None:
        """The update of ``iteration`` with learning rate ``rate``, from gradients whose norm is ``norm``."""
        param, arena, real = self.param, self.arena, self.arena.learned.dtype.type
        scale = 1.0 / param.iter_size
        if 0 <= param.clip_gradients < norm:
            scale *= param.clip_gradients / norm
        self._rates[:, 0] = rate * self._correction(iteration) * self._lr_mult
        self._rates[:, 1] = param.weight_decay * self._decay_mult
        scalars = (real(value) for value in (*self._numbers(), scale))
        l1 = param.regularization_type == "L1"
        arrays = (arena.learned, arena.learned_diff, *self.histories)
        run(self.kernel, len(self._blocks), self._blocks, self._rates, *scalars, l1, *arrays, grain=update.GRAIN)

    def _check(self) -> None:
        """Raise SolverError for options that this rule cannot take."""
        self._below_one("momentum")

    def _numbers(self) -> tuple[float, ...]:
        """The kernel's own scalars."""
        return (self.param.momentum,)

    def _correction(self, iteration: int) -> float:
        return 1.0

    def _moves(self, segment: Segment) -> bool:
        """Whether the rule changes anything of a parameter: itself, or its history."""
        decays = self.param.weight_decay * segment.decay_mult != 0
        return segment.lr_mult != 0 or (decays and not self.rate_in_history)

    def _below_one(self, field: str) -> None:
        value = getattr(self.param, field)
        if not 0 <= value < 1:
            raise SolverError(f"{field} is {value:g}; expected at least 0 and below 1")

    def _positive_delta(self) -> None:
        if self.param.delta < 0:
            raise SolverError(f"delta is {self.param.delta:g}; expected at least 0")

    def _no_momentum(self) -> None:
        if self.param.momentum:
            kind = f'solver type "{self.param.type}" has none'
            raise SolverError(f"momentum is {self.param.momentum:g}; {kind}, so expected no momentum")


class Nesterov(SGD):
    """Nesterov's accelerated gradient: v' = momentum * v + rate * g; step = (1 + momentum) * v' - momentum * v.

    Y. Nesterov, 1983, in the form of I. Sutskever et al., 2013.
    """

    kernel = staticmethod(update.nesterov_update)


class AdaGrad(SGD):
    """h = h + g^2; step = rate * g / (sqrt(h) + delta). J. Duchi et al., 2011."""

    kernel = staticmethod(update.adagrad_update)
    rate_in_history = False

    def _check(self) -> None:
        self._no_momentum()
        self._positive_delta()

    def _numbers(self) -> tuple[float, ...]:
        return (self.param.delta,)


class RMSProp(SGD):
    """h = d * h + (1 - d) * g^2; step = rate * g / (sqrt(h) + delta), d the field rms_decay. T. Tieleman, 2012."""

    kernel = staticmethod(update.rmsprop_update)
    rate_in_history = False

    def _check(self) -> None:
        self._no_momentum()
        self._below_one("rms_decay")
        self._positive_delta()

    def _numbers(self) -> tuple[float, ...]:
        return self.param.rms_decay, 1 - self.param.rms_decay, self.param.delta


class AdaDelta(SGD):
    """h = m * h + (1 - m) * g^2; s = g * sqrt((k + delta) / (h + delta)); k = m * k + (1 - m) * s^2; step = rate * s.

    m is the field momentum. Histories: h, k. M. Zeiler, 2012.
    """

    kernel = staticmethod(update.adadelta_update)
    slots = 2
    rate_in_history = False

    def _check(self) -> None:
        self._below_one("momentum")
        self._positive_delta()

    def _numbers(self) -> tuple[float, ...]:
        return self.param.momentum, 1 - self.param.momentum, self.param.delta


class Adam(SGD):
    """m = a * m + (1 - a) * g; v = b * v + (1 - b) * g^2; step = rate * c * m / (sqrt(v) + delta).

    a and b are the fields momentum and momentum2, c = sqrt(1 - b^t) / (1 - a^t), t = iteration + 1. Histories: m, v.
    D. Kingma and J. Ba, 2015.
    """

    kernel = staticmethod(update.adam_update)
    slots = 2
    rate_in_history = False

    def _check(self) -> None:
        self._below_one("momentum")
        self._below_one("momentum2")
        self._positive_delta()

    def _numbers(self) -> tuple[float, ...]:
        param = self.param
        return param.momentum, 1 - param.momentum, param.momentum2, 1 - param.momentum2, param.delta

    def _correction(self, iteration: int) -> float:
        t = iteration + 1
        return math.sqrt(1 - self.param.momentum2**t) / (1 - self.param.momentum**t)


RULES = {rule.__name__: rule for rule in (SGD, Nesterov, AdaGrad, RMSProp, AdaDelta, Adam)}


def rule_class(param: Message) -> type[SGD]:
    """The class of the rule that the solver's ``type`` names; SolverError for an unknown one."""
    if param.type not in RULES:
        raise SolverError(
            f'solver type is "{param.type}"; expected one of {", ".join(RULES)}{did_you_mean(param.type, RULES)}'
        )
    return RULES[param.type]


def make_rule(param: Message, arena: Arena) -> SGD:
    """The rule that the solver's ``type`` names."""
    return rule_class(param)(param, arena)


def _cut(segments: list[Segment]) -> tuple[np.ndarray, list[Segment]]:
    """Blocks of at most BLOCK numbers, none across a segment's border, and the segment of each."""
    blocks, owners = [], []
    for segment in segments:
        for start in range(segment.start, segment.stop, update.BLOCK):
            blocks.append((start, min(start + update.BLOCK, segment.stop)))
            owners.append(segment)
    return np.array(blocks, np.int64).reshape(-1, 2), owners
