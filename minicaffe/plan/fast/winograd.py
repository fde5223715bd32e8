"""Convolutions by Winograd's algorithm: the steps, how they are cut, and what they cost."""

from __future__ import annotations

from ...kernels.choice import fits_winograd
from ...kernels.fast import piece_rows as pieces
from ...kernels.fast import winograd_panels as panels
from ...kernels.fast import winograd_parts as parts
from ...kernels.fast import winograd_rows as rows
from ...kernels.fast.transforms import OUTPUTS
from ...kernels.fast.vector import LANES
from ...kernels.fast.winograd import whole_vectors
from .builder import NOTHING, Buffer, Builder
from .conv import Conv

_BLOCK = 5 * 2**15
"""Elements of a block's transforms that the second-level cache holds beside what they meet."""

_LARGEST_BLOCK = 5 * 2**17
"""The same where the weights do not fit that cache, and fewer blocks read them less often."""

_RESIDENT = 2**16
"""Most transformed weights that stay in the cache beside a block."""

_CHUNK = 2**16
"""Elements of x and y of one call, about, where the batch runs in chunks."""

_PAYS = 2
"""How much more memory must be read by blocks before the whole batch at once, which cannot overlap it, is faster."""

_DEPTH = 11
"""Sums of fewer channels take as long as these."""

_NARROW = 0.35
"""How much longer products of a lone vector of columns take."""

_CONVERTED = 24
"""One element brought channels last, which is needed where x is the net's input."""

_FEW = 4
"""Most channels of what is probably the net's input."""

_GATHER = {3: 4300, 5: 8400}
"""What the transform of one vector of a tile of inputs costs, in multiply-adds, by taps."""

_SCATTER = {3: 3800, 5: 5600}
"""The like for outputs."""

_READ = {True: 12, False: 3}
"""One transformed weight read from memory, by whether it is used once only: small batches run many weights."""

_PREPARED = 25
"""One transformed weight made anew, or brought back."""


def fits(b: Builder, conv: Conv) -> bool:
    """Whether ``forward`` and ``backward`` can take it."""
    aligned = conv.groups == 1 or (conv.outputs % LANES == 0 and conv.w.channels % LANES == 0)
    return fits_winograd(conv.w) and aligned


class _Shape:
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
        self.weights = self.groups * self.points * self.channels * self.lanes_out
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
        if self.weights <= _RESIDENT:
            return False
        reads = self.weights * self.calls * (4 if backward else 1)
        return reads > _PAYS * 2 * self.b.images * self.tiles * self.groups * self.tile * (2 if backward else 1)

    @property
    def block(self) -> int:
        """Tiles of a block."""
        elements = min(max(_BLOCK, self.weights // self.groups // 2), _LARGEST_BLOCK)
        return max(8, elements // self.tile // 8 * 8)

    def values(self, whole: bool, **others) -> parts.Winograd:
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

    def tiled(self, what: str, row: int) -> Buffer:
        """The transforms of the whole batch."""
        elements = self.groups * self.points * self.plane(row)
        return self.b.one(f"{self.conv.node.name}.winograd.{what}", elements)

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
        made = b.one(f"{conv.node.name}.winograd.weights", self.weights)
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
        made = b.one(f"{name}.winograd.swapped", planes * self.outputs * self.lanes_in)
        work = b.private(f"{name}.winograd.stage", panels.work_size(self.taps))
        row = panels.Swap(source, made, work, planes, self.channels, self.outputs, self.lanes_in, self.lanes_out)
        b.before(planes, panels.winograd_swap, row)
        return made

    def finish(self, sums: Buffer, count: int, gradient: Buffer) -> None:
        """Bring the gradient of the transformed weights back."""
        work = self.b.private(f"{self.conv.node.name}.winograd.stage", panels.work_size(self.taps))
        if count > 1:
            stretches = -(-self.weights // pieces.STRETCH)
            self.b.after(stretches, pieces.add_pieces, pieces.AddPieces(sums, count, self.weights))
        row = panels.Gradient(
            sums, gradient, work, self.taps, self.groups, self.channels, self.outputs, self.lanes_out
        )
        units = panels.units(self.groups, self.channels, self.outputs)
        self.b.after(units, panels.winograd_weights_gradient, row)

    def product(self, a, b, c, work, **numbers) -> None:
        """A product for each point over the whole batch."""
        shares = -(-numbers["columns"] // parts.PANEL)
        units = self.groups * self.points * shares
        row = rows.Product(
            a, b, c, points=self.groups * self.points, shares=shares, product=parts.products.address, **numbers
        )
        self.b.over(units, rows.winograd_product, row, work=work)

    @property
    def work(self) -> float:
        """Multiply-adds of the products of one pass."""
        return float(self.b.images * self.tiles * self.groups * self.points * self.channels * self.lanes_out)


def _row(lanes: int) -> int:
    """The distance of tiles: rows half a page apart would all fall into a few sets of the cache."""
    return lanes + LANES if lanes * 4 % 1024 == 0 else lanes


def forward(b: Builder, conv: Conv) -> None:
    """Add the steps that make y."""
    s = _Shape(b, conv)
    x, weights = b.lanes(conv.x), s.panels()
    residual = NOTHING if conv.residual is None else b.lanes(conv.residual)
    ends = {
        "shift": conv.shift or NOTHING,
        "shifted": int(conv.shift is not None),
        "residual": residual,
        "added": int(conv.residual is not None),
        "relu": int(conv.relu),
        "scatter": parts.scatter_outputs.address,
    }
    if not s.whole(False):
        row = s.values(
            False, x=x, y=b.new_lanes(conv.y), weights=weights, gather=parts.gather_inputs.address,
            product=parts.products.address, **ends,
        )  # fmt: skip
        b.step(rows.winograd_forward, row, s.parts, s.work)
        return
    inputs, outputs = s.tiled("inputs", s.row_in), s.tiled("outputs", s.row_out)
    row = s.values(True, x=x, tiled=inputs, gather=parts.gather_inputs.address)
    b.step(rows.winograd_inputs, row, s.parts)
    s.product(
        inputs, weights, outputs, s.work,
        a_point=s.plane(s.row_in), a_row=s.row_in, a_step=1,
        b_point=s.channels * s.lanes_out, b_panel=s.channels, b_row=0,
        c_point=s.plane(s.row_out), c_panel=1, c_row=s.row_out,
        rows=b.images * s.tiles, columns=s.lanes_out, depth=s.channels,
    )  # fmt: skip
    b.step(rows.winograd_outputs, s.values(True, y=b.new_lanes(conv.y), tiled=outputs, **ends), s.parts)


def backward(b: Builder, conv: Conv, dy: Buffer) -> None:
    """Add the steps that make dx and add to the weights' gradient, each where wanted.

    ``dy``: the gradient, channels last, of y before residual and relu.
    """
    s, gradient, wanted = _Shape(b, conv), b.param_diff(conv.node, 0), b.wanted(conv.node)
    if gradient is None and not wanted:
        return
    (_whole_backward if s.whole(True) else _block_backward)(s, dy, gradient, wanted)


def _block_backward(s: _Shape, dy: Buffer, gradient: Buffer | None, wanted: bool) -> None:
    b, conv = s.b, s.conv
    fields = {"y": dy, "gather_gradient": parts.gather_gradients.address, "product": parts.products.address}
    if gradient is not None:
        sums = b.partials(f"{conv.node.name}.winograd.sums", s.weights)
        fields.update(x=b.lanes(conv.x), sums=sums, gather=parts.gather_inputs.address)
    if wanted:
        fields.update(weights=s.swapped(), dx=b.new_diff_lanes(conv.x), scatter=parts.scatter_gradients.address)
    b.step(rows.winograd_backward, s.values(False, **fields), work=s.work * (wanted + (gradient is not None)))
    if gradient is not None:
        s.finish(sums, b.groups, gradient)


def _whole_backward(s: _Shape, dy: Buffer, gradient: Buffer | None, wanted: bool) -> None:
    b, conv = s.b, s.conv
    gradients = s.tiled("gradients", s.row_out)
    row = s.values(True, y=dy, tiled=gradients, gather_gradient=parts.gather_gradients.address)
    b.step(rows.winograd_gradients, row)
    if gradient is not None:
        inputs = s.tiled("inputs", s.row_in)
        row = s.values(True, x=b.lanes(conv.x), tiled=inputs, gather=parts.gather_inputs.address)
        b.step(rows.winograd_inputs, row)
        sums = b.one(f"{conv.node.name}.winograd.sums", s.weights)
        s.product(
            inputs, gradients, sums, s.work,
            a_point=s.plane(s.row_in), a_row=1, a_step=s.row_in,
            b_point=s.plane(s.row_out), b_panel=1, b_row=s.row_out,
            c_point=s.channels * s.lanes_out, c_panel=s.channels, c_row=0,
            rows=s.channels, columns=s.lanes_out, depth=b.images * s.tiles,
        )  # fmt: skip
        s.finish(sums, 1, gradient)
    if wanted:
        out = s.tiled("input_gradients", s.row_in)
        s.product(
            gradients, s.swapped(), out, s.work,
            a_point=s.plane(s.row_out), a_row=s.row_out, a_step=1,
            b_point=s.outputs * s.lanes_in, b_panel=s.outputs, b_row=0,
            c_point=s.plane(s.row_in), c_panel=1, c_row=s.row_in,
            rows=b.images * s.tiles, columns=s.lanes_in, depth=s.outputs,
        )  # fmt: skip
        row = s.values(True, dx=b.new_diff_lanes(conv.x), tiled=out, scatter=parts.scatter_gradients.address)
        b.step(rows.winograd_input_gradients, row)


def cost(b: Builder, conv: Conv) -> float:
    """What a forward pass costs one core, in multiply-adds at the micro-kernel's speed.

    Backward costs about twice as much, as it does for other kernels.
    """
    s = _Shape(b, conv)
    whole = s.whole(False)
    calls = 1 if whole else s.calls
    together = min(b.images * s.tiles // calls, b.images * s.tiles if whole else s.block)
    slow = max(1.0, 8 / max(1, together)) * max(1.0, _DEPTH / s.channels)
    odd = s.lanes_out // LANES % 2 * LANES / s.lanes_out
    vectors = b.images * s.tiles * s.groups / LANES
    transforms = vectors * (s.lanes_in * _GATHER[s.taps] + s.lanes_out * _SCATTER[s.taps])
    read = 1 if s.weights <= _RESIDENT and b.chunked else calls
    weights = s.weights * (read * _READ[not b.chunked] + (_PREPARED if b.training else 0))
    moved = 2.0 * b.images * s.tiles * s.groups * s.tile if whole else 0.0
    converted = _CONVERTED * b.images * s.w.height * s.w.width * s.lanes_in if s.channels <= _FEW else 0
    return s.work * slow * (1 + _NARROW * odd) + transforms + weights + moved + converted
