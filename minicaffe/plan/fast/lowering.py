"""How lowerings are found: by the type of a group's first layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .builder import Builder, Group


class Lowered(Protocol):
    """A group that will run as row kernels. Each method adds steps to the builder it was made with."""

    def forward(self) -> None:
        """Make the group's top (``new_lanes`` or ``new_planes``) from its bottoms."""

    def backward(self) -> None:
        """Make the gradients of the bottoms that want one (``new_diff_lanes``, ``new_diff_planes``), and add to those
        of the parameters, from the gradient of the top. Called only where a gradient is wanted and there."""


Lowering = Callable[[Builder, Group], Lowered | None]
LOWERINGS: dict[str, Lowering] = {}


def lowers(*types: str) -> Callable[[Lowering], Lowering]:
    """Decorator: ``function(builder, group)`` lowers groups that begin with one of ``types``.

    It returns None, without adding a step, for a group that it cannot lower; a single layer then runs plain.
    """

    def decorate(function: Lowering) -> Lowering:
        LOWERINGS.update(dict.fromkeys(types, function))
        return function

    return decorate
