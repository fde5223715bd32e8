"""Convolutions by Winograd's algorithm: the steps, and what they cost."""

from __future__ import annotations

from ...kernels.choice import fits_winograd
from ...kernels.fast import winograd_parts as parts
from ...kernels.fast import winograd_rows as rows
from ...kernels.fast.vector import LANES
from .builder import NOTHING, Buffer, Builder
from .conv import Conv
from .winograd_shape import RESIDENT, Shape

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
"""One transformed weight read, by whether the blocks of a small batch read it: these use it but a few times."""

_COLD = 30
"""What more the first time takes, at small batches: from memory, while products of the whole batch go on."""

_PREPARED = 25
"""One transformed weight made anew, or brought back."""


def fits(b: Builder, conv: Conv) -> bool:
    """Whether ``forward`` and ``backward`` can take it."""
    aligned = conv.groups == 1 or (conv.outputs % LANES == 0 and conv.w.channels % LANES == 0)
    return fits_winograd(conv.w) and aligned


def forward(b: Builder, conv: Conv) -> None:
    """Add the steps that make y."""
    s = Shape(b, conv)
    x, weights = s.inputs(), s.panels()
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
        row = s.values(False, y=b.new_lanes(conv.y), weights=weights, product=parts.products.address, **x, **ends)
        b.step(rows.winograd_forward, row, s.parts, s.work)
        return
    inputs, outputs = s.tiled("inputs", s.row_in), s.tiled("outputs", s.row_out)
    b.step(rows.winograd_inputs, s.values(True, tiled=inputs, **x), s.parts)
    s.product(
        inputs, weights, outputs, s.work,
        a_point=s.plane(s.row_in), a_row=s.row_in, a_step=1,
        b_point=s.plane_weights, b_panel=s.channels, b_row=0,
        c_point=s.plane(s.row_out), c_panel=1, c_row=s.row_out,
        rows=b.images * s.tiles, columns=s.lanes_out, depth=s.channels,
    )  # fmt: skip
    b.step(rows.winograd_outputs, s.values(True, y=b.new_lanes(conv.y), tiled=outputs, **ends), s.parts)


def backward(b: Builder, conv: Conv, dy: Buffer) -> None:
    """Add the steps that make dx and add to the weights' gradient, each where wanted.

    ``dy``: the gradient, channels last, of y before residual and relu.
    """
    s, gradient, wanted = Shape(b, conv), b.param_diff(conv.node, 0), b.wanted(conv.node)
    if gradient is None and not wanted:
        return
    (_whole_backward if s.whole(True) else _block_backward)(s, dy, gradient, wanted)


def _block_backward(s: Shape, dy: Buffer, gradient: Buffer | None, wanted: bool) -> None:
    b, conv = s.b, s.conv
    fields = {"y": dy, "gather_gradient": parts.gather_gradients.address, "product": parts.products.address}
    if gradient is not None:
        sums = b.partials(f"{conv.node.name}.winograd.sums", s.panels_size)
        fields.update(sums=sums, **s.inputs())
    if wanted:
        fields.update(weights=s.swapped(), dx=b.new_diff_lanes(conv.x), scatter=parts.scatter_gradients.address)
    b.step(rows.winograd_backward, s.values(False, **fields), work=s.work * (wanted + (gradient is not None)))
    if gradient is not None:
        s.finish(sums, b.groups, gradient)


def _whole_backward(s: Shape, dy: Buffer, gradient: Buffer | None, wanted: bool) -> None:
    b, conv = s.b, s.conv
    gradients = s.tiled("gradients", s.row_out)
    row = s.values(True, y=dy, tiled=gradients, gather_gradient=parts.gather_gradients.address)
    b.step(rows.winograd_gradients, row)
    inputs = s.kept_inputs() if gradient is not None else s.tiled("input_gradients", s.row_in)
    if inputs is None:
        inputs = s.tiled("inputs", s.row_in)
        b.step(rows.winograd_inputs, s.values(True, tiled=inputs, **s.inputs()))
    sums = b.one(f"{conv.node.name}.winograd.sums", s.panels_size) if gradient is not None else NOTHING
    if wanted:
        work = b.private(f"{conv.node.name}.winograd.turned", rows.turned_size(s.outputs))
        values = rows.Points(
            inputs, gradients, s.panels(), sums, work, int(gradient is not None), s.channels, s.outputs, s.lanes_in,
            s.lanes_out, s.row_in, s.row_out, b.images * s.tiles, parts.products.address,
        )  # fmt: skip
        b.over(s.groups * s.points, rows.winograd_point_gradients, values, work=s.work * (1 + (gradient is not None)))
        row = s.values(True, dx=b.new_diff_lanes(conv.x), tiled=inputs, scatter=parts.scatter_gradients.address)
        b.step(rows.winograd_input_gradients, row)
    else:
        s.product(
            inputs, gradients, sums, s.work,
            a_point=s.plane(s.row_in), a_row=1, a_step=s.row_in,
            b_point=s.plane(s.row_out), b_panel=1, b_row=s.row_out,
            c_point=s.plane_weights, c_panel=s.channels, c_row=0,
            rows=s.channels, columns=s.lanes_out, depth=b.images * s.tiles,
        )  # fmt: skip
    if gradient is not None:
        s.finish(sums, 1, gradient)


def cost(b: Builder, conv: Conv) -> float:
    """What a forward pass costs one core, in multiply-adds at the micro-kernel's speed.

    Backward costs about twice as much, as it does for other kernels.
    """
    s = Shape(b, conv)
    whole = s.whole(False)
    calls = 1 if whole else s.calls
    together = min(b.images * s.tiles // calls, b.images * s.tiles if whole else s.block)
    slow = max(1.0, 8 / max(1, together)) * max(1.0, _DEPTH / s.channels)
    odd = s.lanes_out // LANES % 2 * LANES / s.lanes_out
    vectors = b.images * s.tiles * s.groups / LANES
    transforms = vectors * (s.lanes_in * _GATHER[s.taps] + s.lanes_out * _SCATTER[s.taps])
    read = 1 if s.weights <= RESIDENT and b.chunked else calls
    weights = s.weights * (read * _READ[not b.chunked and not whole] + (_PREPARED if b.training else 0))
    moved = 2.0 * b.images * s.tiles * s.groups * s.tile if whole else 0.0
    converted = _CONVERTED * b.images * s.w.height * s.w.width * s.lanes_in if s.channels <= _FEW else 0
    products = s.work * slow * (1 + _NARROW * odd)
    if not b.chunked:
        products = max(products, _COLD * s.weights) if whole else products + _COLD * s.weights
    return products + transforms + weights + moved + converted
