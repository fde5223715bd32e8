"""Values side by side along the channels: channels last where one of them is, else in Caffe's order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...graph import Node
from ...kernels.fast import concat_rows as kernels
from ...kernels.fast.copy_rows import Copy, copy
from ...layers.base import count
from .builder import NOTHING, Buffer, Builder, Group, Part
from .lowering import lowers


@dataclass
class Concat:
    """One layer; ``lanes``: whether it runs channels last."""

    b: Builder
    node: Node
    lanes: bool = True

    def forward(self) -> None:
        b, (y,) = self.b, self.node.tops
        self.lanes = any(b.has_lanes(x) for x in self.node.bottoms)
        if self.lanes:
            parts = b.parts(b.image(y).pixels)
            buffers = [b.lanes(x) for x in self.node.bottoms]
            for values in self._slices(buffers, b.new_lanes(y), parts):
                b.step(kernels.concat, values, parts)
            return
        buffers = [b.planes(x) for x in self.node.bottoms]
        target = b.new_planes(y)
        for x, (first, last) in zip(buffers, self.node.layer.spans):
            b.step(copy, Copy(x, Part(target, first), last - first))

    def backward(self) -> None:
        b, (y,) = self.b, self.node.tops
        wanted = [b.wanted(self.node, i) for i in range(len(self.node.bottoms))]
        if self.lanes:
            dy = b.diff_lanes(y)
            buffers = [b.new_diff_lanes(x) if want else self._unread(x) for x, want in zip(self.node.bottoms, wanted)]
            for values in self._slices(buffers, dy, 1):
                b.step(kernels.concat_backward, values)
            return
        dy = b.diff_planes(y)
        for x, want, (first, last) in zip(self.node.bottoms, wanted, self.node.layer.spans):
            if want:
                b.step(copy, Copy(Part(dy, first), b.new_diff_planes(x), last - first))

    def _slices(self, buffers: list[Buffer], y: Buffer, parts: int) -> Iterator[kernels.Slices]:
        """Steps of MOST values at a time."""
        image = self.b.image(self.node.tops[0])
        channels = [self.b.image(x).channels for x in self.node.bottoms]
        for i in range(0, len(buffers), kernels.MOST):
            some, sizes = buffers[i : i + kernels.MOST], channels[i : i + kernels.MOST]
            missing = kernels.MOST - len(some)
            some, sizes = some + [NOTHING] * missing, sizes + [0] * missing
            yield kernels.Slices(*some, y, *sizes, sum(channels[:i]), image.lanes, image.pixels, parts)

    def _unread(self, x: int) -> Buffer:
        image = self.b.image(x)
        return self.b.buffer(f"{self.node.name}.unread", image.pixels * image.lanes)


@lowers("Concat")
def lower(b: Builder, group: Group) -> Concat | None:
    """None along other axes than the channels."""
    (node,) = group.nodes
    (top,) = node.tops
    if not all(b.fits(value) for value in (*node.bottoms, top)):
        return None
    shapes = [b.graph.values[x].shape for x in node.bottoms]
    channels = sum(shape[1] for shape in shapes)
    whole = b.graph.values[top].shape
    if whole[1] != channels or any(count(shape, 2) != count(whole, 2) for shape in shapes):
        return None
    return Concat(b, node)
