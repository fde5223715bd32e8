"""Blobs: arrays with their gradients, as a net shows them; the names are pycaffe's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .errors import UsageError
from .execution import Execution
from .layers.base import count

__all__ = ["Blob", "ParamBlob", "ValueBlob"]


class Blob:
    """An array and its gradient: ``data`` and ``diff``, both writable views of the net's own memory."""

    __slots__ = ("_data", "_diff")

    def __init__(self, data: np.ndarray, diff: np.ndarray):
        self._data, self._diff = data, diff

    @property
    def data(self) -> np.ndarray:
        return self._data

    @property
    def diff(self) -> np.ndarray:
        return self._diff

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape

    @property
    def count(self) -> int:
        return self._data.size

    def __repr__(self) -> str:
        return f"<Blob {' x '.join(map(str, self.shape)) or 'scalar'} {self._data.dtype}>"


class ValueBlob(Blob):
    """A blob of a net, as its plan holds it: under the fast plan not all can be read, and shapes may change."""

    __slots__ = ("_id", "_run")

    def __init__(self, run: Execution, value: int):
        self._run, self._id = run, value

    @property
    def data(self) -> np.ndarray:
        return self._kept(self._run.data[self._id], "data")

    @property
    def diff(self) -> np.ndarray:
        return self._kept(self._run.diff[self._id], "diff")

    @property
    def shape(self) -> tuple[int, ...]:
        return self._run.graph.values[self._id].shape

    @property
    def count(self) -> int:
        return count(self.shape)

    def _kept(self, array: np.ndarray | None, what: str) -> np.ndarray:
        if array is None:
            name = self._run.graph.values[self._id].name
            raise UsageError(f'the fast plan keeps no {what} of blob "{name}"; expected plan="inspect"')
        return array

    def __repr__(self) -> str:
        return f"<Blob {' x '.join(map(str, self.shape)) or 'scalar'} {self._run.dtype}>"


class ParamBlob(Blob):
    """A parameter: whoever takes its ``data`` may change it, which the net must hear of."""

    __slots__ = ("_watched",)

    def __init__(self, data: np.ndarray, diff: np.ndarray, watched: Callable[[np.ndarray], np.ndarray]):
        super().__init__(data, diff)
        self._watched = watched

    @property
    def data(self) -> np.ndarray:
        return self._watched(self._data)
