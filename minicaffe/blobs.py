"""Blobs: arrays with their gradients, as a net shows them; the names are pycaffe's."""

from __future__ import annotations

import math

import numpy as np

from .errors import UsageError, shape_text
from .execution import Execution
from .layers.shapes import Sized
from .proto.blobs import MOST_NUMBERS

__all__ = ["Blob", "ParamBlob", "ValueBlob"]


class Blob(Sized):
    """An array and its gradient: ``data`` and ``diff``, both writable views of the net's own memory.

    Arrays are C-contiguous, float32 unless the net was built with another ``dtype``. Write into them
    (``blob.data[...] = x``); another array cannot take their place.
    """

    __slots__ = ("_data", "_diff")

    def __init__(self, data: np.ndarray, diff: np.ndarray):
        self._data, self._diff = data, diff

    @property
    def data(self) -> np.ndarray:
        """The numbers, of shape ``shape``. Raises UsageError where the fast plan keeps none."""
        return self._data

    @property
    def diff(self) -> np.ndarray:
        """The gradient of the net's loss with respect to ``data``, after ``backward``; of the same shape.

        Raises UsageError where the fast plan keeps none.
        """
        return self._diff

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of all axes; ``num``, ``channels``, ``height``, ``width`` are the first four."""
        return self._data.shape

    def reshape(self, *shape: int) -> None:
        """Give an input of the net another shape; the net follows in ``net.reshape()`` or in its next forward.

        Raises UsageError for other blobs, for dimensions below 1 and for more than 2^31 - 1 numbers.
        """
        raise UsageError("a parameter cannot be given another shape; expected an input of the net")

    def __repr__(self) -> str:
        return f"<Blob {shape_text(self.shape)} {self._data.dtype}>"

    def _repr_html_(self, name: str = "") -> str:
        from .notebook import blob_html

        return blob_html(self, name)


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
        return self._kept(self._run.shown_diff(self._id), "diff")

    @property
    def shape(self) -> tuple[int, ...]:
        return self._run.graph.values[self._id].shape

    def reshape(self, *shape: int) -> None:
        graph = self._run.graph
        value = graph.values[self._id]
        producer = graph.nodes[value.producer]
        while producer.bottoms and graph.in_place(producer):
            value = graph.values[producer.bottoms[0]]
            producer = graph.nodes[value.producer]
        if producer.type != "Input":
            raise UsageError(f'blob "{value.name}" is shaped by layer "{producer.name}"; expected an input of the net')
        if not all(isinstance(n, (int, np.integer)) for n in shape):
            raise UsageError(f"the shape is {', '.join(map(repr, shape))}; expected one integer after the other")
        if min(shape, default=1) < 1:
            raise UsageError(f"the shape is {shape_text(shape)}; expected dimensions of at least 1")
        if math.prod(shape) > MOST_NUMBERS:
            raise UsageError(f"the shape is {shape_text(shape)}; expected at most {MOST_NUMBERS:,} numbers")
        self._run.give_shape(value.id, tuple(int(n) for n in shape))
        if value.id != self._id:  # written again in place: its last version must follow at once
            self._run.settle()

    def _kept(self, array: np.ndarray | None, what: str) -> np.ndarray:
        if array is None:
            raise UsageError(f'the fast plan keeps no {what} of blob "{self._name}"; expected plan="inspect"')
        return array

    def __repr__(self) -> str:
        return f'<Blob "{self._name}" {shape_text(self.shape)} {self._run.dtype}>'

    def _repr_html_(self, name: str = "") -> str:
        return super()._repr_html_(name or self._name)

    @property
    def _name(self) -> str:
        return self._run.graph.values[self._id].name


class ParamBlob(Blob):
    """A parameter: whoever takes its ``data`` or ``diff`` may change it, which the net must hear of."""

    __slots__ = ("_run",)

    def __init__(self, data: np.ndarray, diff: np.ndarray, run: Execution):
        super().__init__(data, diff)
        self._run = run

    @property
    def data(self) -> np.ndarray:
        return self._run.watched(self._data)

    @property
    def diff(self) -> np.ndarray:
        return self._run.watched_diff(self._diff)
