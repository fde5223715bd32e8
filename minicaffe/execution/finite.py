"""Numbers that are NaN or infinite: where the first one stands, and the sentence about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import NonFiniteError, plural
from ..graph import Node


@dataclass(frozen=True)
class NonFinite:
    """``array`` (``blob "x"``, ``parameter 0 (weights)``) of layer ``node`` holds numbers that are not finite.

    ``value`` is the first of them, at ``index``; ``count`` of the ``size`` numbers are such. ``index`` is None for what
    the fast plan keeps in an order of its own. ``diff`` tells that it is the gradient, not the array itself.
    """

    node: Node
    array: str
    value: float
    index: tuple[int, ...] | None = None
    count: int = 0
    size: int = 0
    diff: bool = False

    @property
    def where(self) -> str:
        """``blob "x" of layer "conv" (Convolution)``."""
        return f'{self.array} of layer "{self.node.name}" ({self.node.type})'

    def __str__(self) -> str:
        said = f"{'the diff of ' * self.diff}{self.where} holds {self.value:g}"
        if self.index is None:
            return said
        place = f" at {', '.join(map(str, self.index))}" if self.index else ""
        are = "is" if self.count == 1 else "are"
        return f"{said}{place}; {self.count:,} of its {plural(self.size, 'number')} {are} not finite"


def broken(node: Node, array: str, numbers: np.ndarray | None, diff: bool = False) -> NonFinite | None:
    """What there is to say of ``numbers``; None where all are finite, or there are none."""
    if numbers is None:
        return None
    finite = np.isfinite(numbers)
    if finite.all():
        return None
    index = tuple(int(i) for i in np.unravel_index(int(np.argmin(finite)), numbers.shape))
    count = numbers.size - int(np.count_nonzero(finite))
    return NonFinite(node, array, float(numbers[index]), index, count, numbers.size, diff)


def refuse(found: NonFinite | None, more: str = "") -> None:
    """Raise NonFiniteError where something was found; ``more`` ends its sentence."""
    if found is not None:
        raise NonFiniteError(f"{found}{more}")
