"""The nets of a solver: how they are built, and the numbers that they put out."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..bn_stats import ExactTests
from ..errors import SolverError
from ..net import Net
from ..proto import Message
from ..settings import fresh_seed
from .definition import Definition, NetSource
from .events import Output
from .extras import exact_batches

_LARGEST_SEED = 2**63 - 1  # what a snapshot can hold


def first_seed(param: Message, seed: int | None) -> int:
    """``seed``, or the solver's, or one of the system's."""
    if seed is not None:
        if not 0 <= seed <= _LARGEST_SEED:
            raise SolverError(f"the seed is {seed}; expected 0 to {_LARGEST_SEED}")
        return seed
    if param.random_seed >= 0:
        return param.random_seed
    return fresh_seed()


def build_net(source: NetSource, seed: int, **how: Any) -> Net:
    """The net of a solver, in the state that it runs in."""
    return Net(
        source.file,
        source.phase,
        level=source.level,
        stages=source.stages,
        seed=seed,
        **how,
    )


def exact_tests(definition: Definition, training: Net, **how: Any) -> ExactTests | None:
    """What gives tests exact statistics, where the solver's extras ask for it; it shares ``training``'s parameters."""
    batches = exact_batches(definition.extras)
    if batches is None:
        return None
    net = build_net(definition.train, training.seed, share_with=training, **how)
    try:
        return ExactTests(net, batches)
    except BaseException:
        net.close()
        raise


def batch_size(net: Net) -> int:
    """The first dimension of the first blob that comes from outside; 1 where there is none."""
    sources = [value for value in net.graph.values if not net.graph.nodes[value.producer].bottoms]
    return sources[0].shape[0] if sources and sources[0].shape else 1


def outputs_of(net: Net, arrays: Any) -> tuple[Output, ...]:
    """The numbers of the net's outputs, from ``arrays`` by name."""
    weights = net.blob_loss_weights
    numbers = [(name, float(value)) for name in net.outputs for value in np.ravel(arrays[name])]
    return tuple(Output(i, name, value, weights[name]) for i, (name, value) in enumerate(numbers))
