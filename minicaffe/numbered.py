"""Layers and blobs by number, under the names with an underscore that scripts take from pycaffe's inside."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from .blobs import Blob
from .errors import UsageError
from .execution import Span


class Numbered:
    """What Net shows by number: layer ``i`` is ``_layer_names[i]``, blob ``i`` is ``_blob_names[i]``."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """What Net has."""

    @property
    def _layers(self) -> list:
        return self.layers

    @property
    def _blobs(self) -> list[Blob]:
        return list(self.blobs.values())

    @property
    def _blob_loss_weights(self) -> list[float]:
        return list(self.blob_loss_weights.values())

    @property
    def _inputs(self) -> list[int]:
        """The numbers of the blobs that are the net's inputs."""
        return [self._blob_names.index(name) for name in self.inputs]

    @property
    def _outputs(self) -> list[int]:
        """The numbers of the blobs that are the net's outputs."""
        return [self._blob_names.index(name) for name in self.outputs]

    def _top_ids(self, layer: int) -> list[int]:
        """The numbers of the blobs that layer number ``layer`` writes."""
        return self._numbers(self.graph.nodes[layer].tops)

    def _bottom_ids(self, layer: int) -> list[int]:
        """The numbers of the blobs that layer number ``layer`` reads."""
        return self._numbers(self.graph.nodes[layer].bottoms)

    def _numbers(self, values: Iterable[int]) -> list[int]:
        return [self._blob_names.index(self.graph.values[i].name) for i in values]

    def _forward(self, start: int, end: int) -> float:
        """Run the layers number ``start`` to ``end``, both included; return the weighted sum of their losses."""
        self._forward_told(self._span(start, end))
        losses = [(value, weight) for value, weight in self.graph.loss_values() if start <= value.producer <= end]
        return float(sum(weight * float(np.sum(self.value(value.id).data)) for value, weight in losses))

    def _backward(self, start: int, end: int) -> None:
        """Run the layers number ``start`` back to ``end``, both included."""
        self._backward_told(self._span(end, start))

    def _span(self, first: int, last: int) -> Span:
        if not 0 <= first <= last < len(self.graph.nodes):
            raise UsageError(f"layers {first} to {last}; expected numbers from 0 to {len(self.graph.nodes) - 1}")
        return Span(first, last)

    def _set_input_arrays(self, data: np.ndarray, labels: np.ndarray) -> None:
        self.set_input_arrays(data, labels)
