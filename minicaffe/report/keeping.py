"""An inspection is an observer: what it changes in a net as it runs is put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

__all__ = ["kept"]


@contextmanager
def kept(net: Any) -> Iterator[None]:
    """Put back, when the block ends: statistics, parameter gradients, hidden states, data positions, inputs.

    Within the block the gradients of parameters begin as zeros. Blobs other than overwritten inputs keep what the
    block leaves in them.
    """
    graph = net.graph
    state = net.state()
    arrays = [net.blobs[graph.values[first].name].data for first, _ in graph.overwritten_inputs()]
    diffs = []
    for node in graph.nodes:
        layer = node.layer
        arrays += [layer.params[i] for i, param in enumerate(node.params) if not graph.params[param].learned]
        arrays += [getattr(layer.scratch, name) for name in getattr(layer, "hidden", ())]
        diffs += [diff for diff in layer.param_diffs if diff is not None]
    copies = [array.copy() for array in arrays]
    held = [diff.copy() if np.any(diff) else None for diff in diffs]
    for diff in diffs:
        diff.fill(0)
    try:
        yield
    finally:
        for array, copy in zip(arrays, copies):
            array[...] = copy
        for diff, old in zip(diffs, held):
            diff[...] = 0 if old is None else old
        net.restore_state(state)
