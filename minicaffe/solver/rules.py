"""Update rules: from gradients in the arena to new parameters. One class per solver type, one kernel each."""

from __future__ import annotations

import math

import numpy as np

from ..arena import Arena, Segment, aligned_zeros
from ..errors import SolverError, did_you_mean
from ..kernels._jit import run
from ..kernels.update import BLOCK, sgd_update, squared_norms

_REGULARIZATIONS = ("L2", "L1")


class SGD:
    """Stochastic gradient descent with momentum, as Caffe has it: the rate is inside the history.

    Per parameter: g = clip(sum of gradients) / iter_size + decay; v = momentum * v + rate * lr_mult * g; w -= v.
    ``history`` has the arena's layout.
    """

    def __init__(self, param, arena: Arena):
        if param.regularization_type not in _REGULARIZATIONS:
            raise SolverError(
                f'regularization_type is "{param.regularization_type}"; expected L1 or L2'
                f"{did_you_mean(param.regularization_type, _REGULARIZATIONS)}"
            )
        if not 0 <= param.momentum < 1:
            raise SolverError(f"momentum is {param.momentum:g}; expected at least 0 and below 1")
        self.param, self.arena = param, arena
        self.history = aligned_zeros(arena.learned.size, arena.learned.dtype)
        self._segments = [segment for segment in arena.segments if segment.lr_mult]
        self._blocks, owners = _cut(self._segments)
        self._lr_mult = np.array([segment.lr_mult for segment in owners])
        self._decay_mult = np.array([segment.decay_mult for segment in owners])
        self._rates = np.zeros((len(self._blocks), 2), arena.learned.dtype)
        self._partial = np.zeros(len(self._blocks))

    def gradient_norm(self) -> float:
        """The L2 norm of all gradients together; NaN or infinite if any of them is."""
        run(squared_norms, len(self._blocks), self._blocks, self.arena.learned_diff, self._partial)
        return math.sqrt(float(self._partial.sum()))

    def apply(self, rate: float, norm: float) -> None:
        """One update with learning rate ``rate``, from gradients whose norm is ``norm``."""
        param, real = self.param, self.arena.learned.dtype.type
        scale = 1.0 / param.iter_size
        if 0 <= param.clip_gradients < norm:
            scale *= param.clip_gradients / norm
        self._rates[:, 0] = rate * self._lr_mult
        self._rates[:, 1] = param.weight_decay * self._decay_mult
        run(
            sgd_update,
            len(self._blocks),
            self._blocks,
            self._rates,
            real(param.momentum),
            real(scale),
            param.regularization_type == "L1",
            self.arena.learned,
            self.arena.learned_diff,
            self.history,
        )


RULES = {"SGD": SGD}


def make_rule(param, arena: Arena) -> SGD:
    """The rule that the solver's ``type`` names."""
    if param.type not in RULES:
        raise SolverError(
            f'solver type is "{param.type}"; expected {" or ".join(RULES)}{did_you_mean(param.type, RULES)}'
        )
    return RULES[param.type](param, arena)


def _cut(segments: list[Segment]) -> tuple[np.ndarray, list[Segment]]:
    """Blocks of at most BLOCK numbers, none across a segment's border, and the segment of each."""
    blocks, owners = [], []
    for segment in segments:
        for start in range(segment.start, segment.stop, BLOCK):
            blocks.append((start, min(start + BLOCK, segment.stop)))
            owners.append(segment)
    return np.array(blocks, np.int64).reshape(-1, 2), owners
