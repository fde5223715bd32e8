"""A net in the making: layers one by one, each with its parameters, its shapes known as soon as it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import LayerError, plural, shape_text
from ..layers import layer_class
from ..layers.base import Inferred, Shape
from ..net_spec import assign_proto
from ..proto import caffe_pb2


@dataclass(frozen=True)
class Imported:
    """A net and its weights: LayerParameters without blobs, float32 arrays by layer, what there is to say of it."""

    name: str
    layers: list[Any]
    arrays: dict[str, list[np.ndarray]]
    notes: tuple[str, ...]

    @property
    def param(self) -> Any:
        """The NetParameter, without weights."""
        return caffe_pb2.NetParameter(name=self.name, layer=self.layers)


class Builder:
    """The layers of a net called ``name``. ``shapes`` has the shape of every blob; ``notes`` are for the user."""

    def __init__(self, name: str):
        self.name = name
        self.layers: list[Any] = []
        self.arrays: dict[str, list[np.ndarray]] = {}
        self.shapes: dict[str, Shape] = {}
        self.notes: list[str] = []
        self._taken: set[str] = set()

    def done(self) -> Imported:
        """The net as it is now."""
        return Imported(self.name, self.layers, self.arrays, tuple(dict.fromkeys(self.notes)))

    def input(self, name: str, shape: Sequence[int]) -> str:
        """An Input of this shape; its top."""
        return self.add("Input", name, (), shape={"dim": [int(n) for n in shape]})

    def add(
        self,
        kind: str,
        name: str,
        bottoms: Sequence[str],
        arrays: Sequence[np.ndarray] = (),
        *,
        in_place: bool = False,
        **options: Any,
    ) -> str:
        """A layer with one top, which is called as the layer, or as bottom 0 ``in_place`` where the type can be.

        ``options`` are fields of the type's own message. Raises LayerError, with the bare sentence, for options and
        shapes that do not fit and for ``arrays`` of other shapes than the layer's parameters.
        """
        name = self.unique(name)
        top = bottoms[0] if in_place and layer_class(kind).in_place else name
        self._append(kind, name, bottoms, [top], arrays, options)
        return top

    def add_many(self, kind: str, name: str, bottoms: Sequence[str], count: int, **options: Any) -> list[str]:
        """A layer with ``count`` tops, none of which is the layer's name; see ``add``."""
        name = self.unique(name)
        tops = [self.unique(f"{name}_{i}") for i in range(count)]
        self._append(kind, name, bottoms, tops, (), options)
        return tops

    def silence(self, name: str, tops: Sequence[str]) -> None:
        """Let nobody take ``tops`` for outputs of the net."""
        if tops:
            self._append("Silence", self.unique(name), tops, [], (), {})

    def show(self, top: str) -> None:
        """Make an output of ``top``, though other layers read it: its name with ``_output`` behind it."""
        if any(top in layer.bottom and top not in layer.top for layer in self.layers):
            self.add("Split", f"{top}_output", [top])

    def unique(self, name: str) -> str:
        """``name``, or that with the first number behind it that makes it new."""
        found, number = name, 2
        while found in self._taken:
            found, number = f"{name}_{number}", number + 1
        self._taken.add(found)
        return found

    def _append(
        self,
        kind: str,
        name: str,
        bottoms: Sequence[str],
        tops: Sequence[str],
        arrays: Sequence[np.ndarray],
        options: dict[str, Any],
    ) -> None:
        param = caffe_pb2.LayerParameter(name=name, type=kind, bottom=bottoms, top=tops)
        cls = layer_class(kind)
        if options and cls.options_field:
            assign_proto(param, cls.options_field, options)
        inferred = cls(param, "TEST").infer(*(self.shapes[bottom] for bottom in bottoms))
        arrays = [np.asarray(array, np.float32, order="C") for array in arrays]
        _check_arrays(name, arrays, inferred)
        for top, shape in zip(tops, inferred.tops):
            if min(shape, default=1) < 1:
                raise LayerError(f'"{top}" would be {shape_text(shape)}; expected sizes of at least 1')
            self.shapes[top] = tuple(int(n) for n in shape)
        self.layers.append(param)
        if arrays:
            self.arrays[name] = arrays


def _check_arrays(name: str, arrays: list[np.ndarray], inferred: Inferred) -> None:
    if len(arrays) != len(inferred.params):
        wanted = ", ".join(param.name for param in inferred.params) or "none"
        raise LayerError(f'"{name}" has {plural(len(arrays), "parameter")}; expected {wanted}')
    for array, param in zip(arrays, inferred.params):
        if array.shape != tuple(param.shape):
            raise LayerError(
                f'the {param.name} of "{name}" are {shape_text(array.shape)}; expected {shape_text(param.shape)}'
            )
