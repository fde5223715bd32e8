"""The windows of an input laid out as columns, over any number of axes."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..kernels.choice import Family
from .base import Shape, count
from .spatial import Window


class Patches:
    """columns[n, c, *tap, *position] = x[n, c, *(position * stride + tap * dilation - pad)], 0 outside x.

    ``unfold`` writes the columns, ``fold`` is its transpose. What follows the spatial axes of both arrays moves along.
    """

    def __init__(self, inputs: Shape, outputs: Shape, window: Window):
        self.kernel, self.padded = window.kernel, any(window.pad)
        self.inside: list = []
        self.axes = [
            [_overlap(tap * d - p, s, n, m) for tap in range(k)]
            for n, m, k, s, p, d in zip(inputs, outputs, window.kernel, window.stride, window.pad, window.dilation)
        ]

    def unfold(self, x: np.ndarray, columns: np.ndarray) -> None:
        """Overwrite ``columns``."""
        if self.padded:
            columns.fill(0)
        for target, source in self._parts():
            columns[target] = x[source]

    def fold(self, columns: np.ndarray, x: np.ndarray) -> None:
        """Overwrite ``x`` with the sum of the columns that each of its elements went to, added in their order."""
        x.fill(0)
        for target, source in self._parts():
            into = x[source]
            np.add(into, columns[target], out=into)

    def _parts(self) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
        every = (slice(None), slice(None))
        for tap in np.ndindex(*self.kernel):
            parts = [axis[k] for axis, k in zip(self.axes, tap)]
            yield (*every, *tap, *(to for to, _ in parts)), (*every, *(of for _, of in parts))


def _overlap(offset: int, stride: int, size: int, positions: int) -> tuple[slice, slice]:
    """The positions p with 0 <= p * stride + offset < size, and these inputs."""
    least = max(0, -(offset // stride))
    stop = max(least, min(positions, (size - 1 - offset) // stride + 1))
    first = least * stride + offset
    return slice(least, stop), slice(first, first + (stop - least) * stride, stride) if stop > least else slice(0, 0)


class MoreAxes:
    """A ``Family`` over more than three spatial axes: those before the last three become images and channels.

    An image for each position along them, a channel for each of the window's elements along them; then ``family`` is
    a convolution over the last three. Slow, and takes memory, but exact.
    """

    def __init__(self, family: Family, images: int, channels: Shape, inputs: Shape, outputs: Shape, window: Window):
        """``channels``: of the image and of the map, in all groups."""
        lead = len(inputs) - 3
        self.name, self.plan, self.family = family.name, family.plan, family
        ahead = Window(window.kernel[:lead], window.stride[:lead], window.pad[:lead], window.dilation[:lead])
        self.patches = Patches(inputs[:lead], outputs[:lead], ahead)
        positions, inner = outputs[:lead], count(inputs, lead)
        self.image = (images, channels[0], *inputs[:lead], inner)
        self.map = (images, channels[1], count(positions), count(outputs, lead))
        self.columns = (images, *positions, channels[0], *ahead.kernel, inner)
        taps = range(1 + lead, 2 + 2 * lead)
        self.order = (0, *taps, *range(1, 1 + lead), 2 + 2 * lead)

    def work_shapes(self, plan: Any) -> dict[str, Shape]:
        images, channels, positions, inner = self.map
        return self.family.work_shapes(plan) | {"columns": self.columns, "map": (images, positions, channels, inner)}

    def forward(
        self, plan: Any, x: np.ndarray, weights: np.ndarray, bias: np.ndarray, work: SimpleNamespace, y: np.ndarray
    ) -> None:
        self._unfold(x, work)
        self.family.forward(plan, work.columns.reshape(-1), weights, bias, work, work.map.reshape(-1))
        np.copyto(y.reshape(self.map), work.map.swapaxes(1, 2))

    def backward(
        self,
        plan: Any,
        x: np.ndarray,
        weights: np.ndarray,
        dy: np.ndarray,
        work: SimpleNamespace,
        dx: np.ndarray | None,
        dw: np.ndarray | None,
    ) -> None:
        np.copyto(work.map.swapaxes(1, 2), dy.reshape(self.map))
        columns, map_diff = work.columns.reshape(-1), work.map.reshape(-1)
        if dw is not None:
            self._unfold(x, work)
            self.family.backward(plan, columns, weights, map_diff, work, None, dw)
        if dx is not None:
            self.family.backward(plan, columns, weights, map_diff, work, columns, None)
            self.patches.fold(work.columns.transpose(self.order), dx.reshape(self.image))

    def _unfold(self, x: np.ndarray, work: SimpleNamespace) -> None:
        self.patches.unfold(x.reshape(self.image), work.columns.transpose(self.order))
