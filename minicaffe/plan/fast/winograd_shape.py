"""What the steps of one Winograd convolution have in common: sizes, how it is cut, buffers that steps share."""

from __future__ import annotations

from typing import Any

from ...kernels.fast import piece_rows as pieces
from ...kernels.fast import winograd_panels as panels
from ...kernels.fast import winograd_parts as parts
from ...kernels.fast import winograd_rows as rows
from ...kernels.fast.transforms import OUTPUTS
from ...kernels.fast.vector import LANES
from ...kernels.fast.winograd import whole_vectors
from .builder import NOTHING, Buffer, Builder, Part, Step
from .conv import Conv

_BLOCK = 5 * 2**15
"""Elements of a block's transforms that the second-level cache holds beside what they meet."""

_LARGEST_BLOCK = 5 * 2**17
"""The same where the weights do not fit that cache, and fewer blocks read them less often."""

RESIDENT = 2**16
"""Most transformed weights that stay in the cache beside a block."""

_CHUNK = 2**16
"""Elements of x and y of one call, about, where the batch runs in chunks."""

_PAYS = 2
"""How much more memory must be read by blocks before the whole batch at once, which cannot overlap it, is faster."""


class Shape:
    """What the steps of one convolution have in common."""

    def __init__(self, b: Builder, conv: Conv):
        w = conv.w
        self.b, self.conv, self.w, self.taps, self.groups = b, conv, w, w.kernel_h, conv.groups
        self.channels, self.outputs = w.channels, conv.outputs
        self.points = (self.taps + OUTPUTS - 1) ** 2
        self.lanes_in, self.lanes_out = whole_vectors(self.channels), whole_vectors(self.outputs)
        self.row_in, self.row_out = _row(self.lanes_in), _row(self.lanes_out)
        self.across = -(-w.out_width // OUTPUTS)
        self.tiles = self.across * -(-w.out_height // OUTPUTS)
        self.tile = self.points * (self.row_in + self.row_out)  # elements of a tile, transformed
        self.plane_weights = self.channels * self.lanes_out + parts.GAP
        self.weights = self.groups * self.points * self.channels * self.lanes_out
        self.panels_size = self.groups * self.points * self.plane_weights
        self.parts = b.parts(self.tiles)

    @property
    def calls(self) -> int:
        """About how often the kernels of ``blocks`` are called."""
        b, w = self.b, self.w
        if not b.chunked:
            return b.images * self.parts
        image = self.groups * (w.height * w.width * self.lanes_in + w.out_height * w.out_width * self.lanes_out)
        return -(-b.images // max(1, min(b.group, _CHUNK // image)))

    def whole(self, backward: bool) -> bool:
        """Whether writing out all transforms moves much less memory than reading the weights for each call."""
        if self.weights <= RESIDENT:
            return False
        reads = self.weights * self.calls * (4 if backward else 1)
        return reads > _PAYS * 2 * self.b.images * self.tiles * self.groups * self.tile * (2 if backward else 1)

    @property
    def block(self) -> int:
        """Tiles of a block."""
        elements = min(max(_BLOCK, self.weights // self.groups // 2), _LARGEST_BLOCK)
        return max(8, elements // self.tile // 8 * 8)

    def values(self, whole: bool, **others: Any) -> parts.Winograd:
        """A row with ``work`` of its own."""
        conv, w = self.conv, self.w
        fields = dict.fromkeys(("x", "y", "dx", "shift", "residual", "weights", "sums", "work", "tiled"), NOTHING)
        fields.update(dict.fromkeys(("shifted", "added", "relu", "gather", "gather_gradient", "scatter", "product"), 0))
        fields.update(
            taps=self.taps,
            height=w.height,
            width=w.width,
            out_height=w.out_height,
            out_width=w.out_width,
            pad_h=w.pad_h,
            pad_w=w.pad_w,
            groups=self.groups,
            channels=self.channels,
            outputs=self.outputs,
            lanes_in=self.lanes_in,
            lanes_out=self.lanes_out,
            row_in=self.row_in,
            row_out=self.row_out,
            across=self.across,
            tiles=self.tiles,
            parts=self.parts,
            block=0 if whole else self.block,
            images=self.b.images if whole else self.b.group,
        )
        row = parts.Winograd(**{**fields, **others})
        return row._replace(work=self.b.private(f"{conv.node.name}.winograd.work", rows.work_size(row)))

    def inputs(self) -> dict[str, Buffer | int]:
        """The fields of x."""
        return {"x": self.b.lanes(self.conv.x), "gather": parts.gather_inputs.address}

    def tiled(self, what: str, row: int) -> Buffer:
        """The transforms of the whole batch."""
        elements = self.groups * self.points * self.plane(row)
        return self.b.one(f"{self.conv.node.name}.winograd.{what}", elements)

    def kept_inputs(self) -> Buffer | None:
        """The transforms of x, if forward wrote them out."""
        for step in self.b.forward:
            if isinstance(step, Step) and step.kernel is rows.winograd_inputs:
                if step.values.tiled.label == f"{self.conv.node.name}.winograd.inputs":
                    return step.values.tiled
        return None

    def plane(self, row: int) -> int:
        """The distance of points in ``tiled``."""
        return self.b.images * self.tiles * row + LANES

    def panels(self) -> Buffer:
        """The transformed weights, made only once where layers share them."""
        b, conv = self.b, self.conv
        weights, factor = b.param(conv.node, 0), conv.factor or NOTHING
        for step in b.prepare:
            if step.kernel is panels.winograd_weights and step.values.weights is weights:
                if step.values.factor is factor and step.values.groups == self.groups:
                    return step.values.panels
        made = b.one(f"{conv.node.name}.winograd.weights", self.panels_size)
        work = b.private(f"{conv.node.name}.winograd.stage", panels.work_size(self.taps))
        row = panels.Weights(
            weights, made, factor, work, self.taps, self.groups, self.channels, self.outputs, self.lanes_out,
            int(conv.factor is not None),
        )  # fmt: skip
        b.before(panels.units(self.groups, self.channels, self.outputs), panels.winograd_weights, row)
        return made

    def swapped(self) -> Buffer:
        """The transformed weights, outputs and channels exchanged."""
        b, name = self.b, self.conv.node.name
        source = self.panels()
        for step in b.prepare:
            if step.kernel is panels.winograd_swap and step.values.panels is source:
                return step.values.swapped
        planes = self.groups * self.points
        made = b.one(f"{name}.winograd.swapped", planes * (self.outputs * self.lanes_in + parts.GAP))
        work = b.private(f"{name}.winograd.stage", panels.work_size(self.taps))
        row = panels.Swap(source, made, work, planes, self.channels, self.outputs, self.lanes_in, self.lanes_out)
        b.before(planes, panels.winograd_swap, row)
        return made

    def finish(self, sums: Buffer, count: int, gradient: Buffer) -> None:
        """Bring the gradient of the transformed weights back."""
        work = self.b.private(f"{self.conv.node.name}.winograd.stage", panels.work_size(self.taps))
        if count > 1:
            stretches = -(-self.panels_size // pieces.STRETCH)
            self.b.after(stretches, pieces.add_pieces, pieces.AddPieces(sums, count, self.panels_size))
        sizes = self.taps, self.groups, self.channels, self.outputs, self.lanes_out
        row = panels.Gradient(sums, gradient, work, *sizes, add=1)
        units = panels.units(self.groups, self.channels, self.outputs)
        self.b.after(units, panels.winograd_weights_gradient, row)

    def product(self, a: Buffer | Part, b: Buffer | Part, c: Buffer | Part, work: float, **numbers: Any) -> None:
        """A product for each point over the whole batch."""
        points = self.groups * self.points
        units = points * -(-numbers["columns"] // parts.PANEL)
        row = rows.Product(a, b, c, points=points, product=parts.products.address, **numbers)
        self.b.over(units, rows.winograd_product, row, work=work)

    @property
    def work(self) -> float:
        """Multiply-adds of the products of one pass."""
        return float(self.b.images * self.tiles * self.groups * self.points * self.channels * self.lanes_out)


def _row(lanes: int) -> int:
    """The distance of tiles: rows half a page apart would all fall into a few sets of the cache."""
    return lanes + LANES if lanes * 4 % 1024 == 0 else lanes
