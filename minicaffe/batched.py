"""A net over more items than one batch: cut, run, put together again. The calls are pycaffe's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from .errors import UsageError

__all__ = ["forward_all", "forward_backward_all"]


def forward_all(net: Any, blobs: Iterable[str], inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Outputs, and ``blobs``, of ``net`` for all items of ``inputs``; the last batch is filled up with zeros.

    Returns arrays by name, as long as the inputs.
    """
    gathered: dict[str, list[np.ndarray]] = {}
    for batch in _batches(net, net.inputs, inputs):
        for name, array in net.forward(blobs=blobs, **batch).items():
            gathered.setdefault(name, []).append(array.copy())
    return _joined(gathered, _items(inputs))


def forward_backward_all(
    net: Any, blobs: Iterable[str], diffs: Iterable[str], arrays: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Outputs and input diffs, with ``blobs`` and ``diffs`` beside them, for all items of ``arrays``.

    ``arrays`` hold the net's inputs by name, and diffs for its outputs where wanted.
    """
    inputs = {name: array for name, array in arrays.items() if name in net.inputs}
    given = {name: array for name, array in arrays.items() if name not in inputs}
    data: dict[str, list[np.ndarray]] = {}
    diff: dict[str, list[np.ndarray]] = {}
    tops = _batches(net, net.outputs, given) if given else iter(lambda: {}, None)
    for batch, top in zip(_batches(net, net.inputs, inputs), tops):
        for name, array in net.forward(blobs=blobs, **batch).items():
            data.setdefault(name, []).append(array.copy())
        for name, array in net.backward(diffs=diffs, **top).items():
            diff.setdefault(name, []).append(array.copy())
    count = _items(arrays)
    return _joined(data, count), _joined(diff, count)


def _items(arrays: Mapping[str, np.ndarray]) -> int:
    counts = {len(array) for array in arrays.values()}
    if len(counts) != 1:
        raise UsageError(f"the arrays have {sorted(counts) or 'no'} items; expected as many in each")
    return counts.pop()


def _batches(net: Any, names: list[str], arrays: Mapping[str, np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
    """Pieces as long as the net's batch."""
    count = _items(arrays)
    size = len(net.blobs[names[0]].data) if names else 1
    for start in range(0, count, size):
        piece = {name: np.asarray(array)[start : start + size] for name, array in arrays.items()}
        missing = size - min(size, count - start)
        yield {name: np.pad(a, [(0, missing)] + [(0, 0)] * (a.ndim - 1)) for name, a in piece.items()}


def _joined(gathered: Mapping[str, list[np.ndarray]], count: int) -> dict[str, np.ndarray]:
    return {
        name: np.concatenate([np.atleast_1d(array) for array in arrays])[:count] for name, arrays in gathered.items()
    }
