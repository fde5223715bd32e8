"""How nets, blobs and solvers show themselves in a notebook: HTML with its pictures inside, which needs nothing else.

Colours are those of the page, or greys that can be read on light and dark ones. Names are escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

from .errors import UsageError, plural, shape_text
from .graph import Node, layer_work
from .layers.base import count
from .report.charts import histogram_svg
from .report.facts import Numbers
from .report.markup import image
from .report.numbers import numbers_of
from .report.pictures import color_tiles, extremes, fitting, number_tiles

__all__ = ["blob_html", "net_html", "net_text", "solver_html", "solver_text"]

_LONG = 40  # layers, from where on the table is folded
_PIXELS, _TILES = 1 << 14, 16  # of a picture
_ENDS = "display:flex;justify-content:space-between;font-size:10px"
_RULE = "1px solid rgba(128,128,128,.4)"
_RED = "#d9534f"


# -- nets ----------------------------------------------------------------------------------------------------


def net_text(net: Any) -> str:
    """``<Net "lenet" TEST, inspect plan: 9 layers, 431,080 parameters>``."""
    return f'<Net "{net.name}" {_phase(net)}, {_plan(net)} plan: {_size(net)}>'


def net_html(net: Any) -> str:
    """A table of the layers: type, tops, parameters, multiply-adds; and what the net takes and gives."""
    nodes = [node for node in net.graph.nodes if node.type != "Split"]
    works = [_work(net.graph, node) for node in nodes]
    most = max(works, default=0) or 1
    rows = [
        (
            node.name,
            node.type,
            ", ".join(_top(net.graph, node, top) for top in node.tops),
            _number(sum(count(net.graph.params[i].shape) for i in node.params)),
            (_number(work), work / most),
        )
        for node, work in zip(nodes, works)
    ]
    head = f"{_title(net.name or 'net')} {_phase(net)}, {_plan(net)} plan: {_size(net)}, {sum(works):,} multiply-adds"
    ends = [f"{what}: {_names(net, names)}" for what, names in (("in", net.inputs), ("out", net.outputs)) if names]
    table = _table(("layer", "type", "tops", "parameters", "multiply-adds"), rows, 3)
    opened = "" if len(rows) > _LONG else " open"
    body = f"<details{opened}><summary>{plural(len(rows), 'layer')}</summary>{table}</details>"
    return _box([head, *map(_small, ends), body])


def _phase(net: Any) -> str:
    return net.graph.phase


def _plan(net: Any) -> str:
    return "inspect" if net.runner is None else "fast"


def _size(net: Any) -> str:
    layers = sum(node.type != "Split" for node in net.graph.nodes)
    own = sum(count(fact.shape) for fact in net.graph.params if fact.owner == fact.id)
    return f"{plural(layers, 'layer')}, {own:,} parameters"


def _work(graph: Any, node: Node) -> int:
    bottoms, tops = ([graph.values[i].shape for i in ids] for ids in (node.bottoms, node.tops))
    return layer_work(node.type, bottoms, tops, [graph.params[i].shape for i in node.params])


def _top(graph: Any, node: Node, top: int) -> str:
    value = graph.values[top]
    return shape_text(value.shape) if value.name == node.name else f"{value.name} {shape_text(value.shape)}"


def _names(net: Any, names: Iterable[str]) -> str:
    return escape(", ".join(f"{name} {shape_text(net.blobs[name].shape)}" for name in names))


# -- blobs ---------------------------------------------------------------------------------------------------


def blob_html(blob: Any, name: str = "") -> str:
    """Shape, range, mean and deviation of the numbers; a picture of images, a histogram of anything else."""
    title = _title(f"blob {name}".strip())
    try:
        data = blob.data
    except UsageError as error:
        return _box([f"{title} {shape_text(blob.shape)}", _small(escape(str(error)))])
    numbers = numbers_of(data)
    lines = [f"{title} {shape_text(data.shape)} {data.dtype}", _small(_said(numbers))]
    pictured = data.ndim == 4 and min(data.shape) > 0 and min(data.shape[2:]) > 1
    shown = _picture(data) if pictured else _histogram(numbers)
    try:
        diff = blob.diff
    except UsageError:
        diff = np.zeros(0)
    return _box([*lines, shown, *([_small(f"diff: {_said(numbers_of(diff))}")] if diff.any() else [])])


def _said(numbers: Numbers) -> str:
    """What the numbers are like, in words."""
    size, broken = numbers.size, numbers.broken
    parts = [f'<b style="color:{_RED}">{broken:,} of {size:,} not finite</b>'] if broken else []
    if numbers.mean is not None and size == 1:
        parts = [f"{numbers.mean:.6g}"]
    elif numbers.mean is not None:
        parts = [f"{numbers.min or 0:.4g} to {numbers.max:.4g}, mean {numbers.mean:.4g}, std {numbers.std:.4g}", *parts]
    return ", ".join(parts) or "no numbers"


def _histogram(numbers: Numbers) -> str:
    """How often which numbers occur, as a strip; zeros are left out, as they would hide the others."""
    if numbers.histogram is None:
        return ""
    edges = numbers.histogram.edges
    zeros = f"without {plural(numbers.zeros, 'zero')}" if numbers.zeros else ""
    ends = "".join(f"<span>{text}</span>" for text in (f"{edges[0]:.4g}", zeros, f"{edges[-1]:.4g}"))
    chart = histogram_svg(numbers.histogram, "", "numbers", 48)
    return f'<div style="width:320px">{chart}<div style="{_ENDS}">{ends}</div></div>'


def _picture(array: np.ndarray) -> str:
    """Images (N, K, H, W), in colour for three channels, blue first; of many channels those of the first item."""
    if array.shape[1] in (1, 3):
        tiles, what = array, "images"
    else:
        tiles, what = array[0], "channels of the first item"
    height, width = tiles.shape[-2:]
    shown, side = fitting(len(tiles), height, width, _PIXELS, _TILES)
    first = tiles[:shown]
    if what == "images":
        picture = color_tiles(first, len(tiles), what, *extremes(first), rgb=False, side=side)
    else:
        picture = number_tiles(first, len(tiles), what, side)
    scale = "" if what == "images" else f"; colours from {picture.low:.4g} to {picture.high:.4g}"
    told = _small(f"{picture.shown} of {picture.of} {what}{scale}")
    return f'<div style="image-rendering:pixelated">{image(picture, what)}{told}</div>'


# -- solvers -------------------------------------------------------------------------------------------------


def solver_text(solver: Any) -> str:
    """``<Solver SGD "lenet", iteration 500 of 10,000, lr 0.01, loss 0.12>``."""
    loss = solver.smoothed_loss
    said = "" if loss is None else f", loss {loss:.4g}"
    return f'<Solver {solver.param.type} "{solver.net.name}", {_progress(solver)}, lr {solver.lr:.4g}{said}>'


def solver_html(solver: Any) -> str:
    """How far the training is, its rate and loss, the last scores, and what comes next."""
    param, loss = solver.param, solver.smoothed_loss
    rows: list[tuple] = [("net", solver.net.name), ("learning rate", f"{solver.lr:.6g} ({param.lr_policy})")]
    if loss is not None:
        mean = f", mean of the last {param.average_loss}" if param.average_loss > 1 else ""
        rows.append(("loss", f"{loss:.6g}{mean}"))
    for index, test in sorted(solver.last_tests.items()):
        scores = ", ".join(f"{output.name} {output.value:.4g}" for output in test.outputs[:6])
        rows.append((f"test net #{index}", f"{scores} at iteration {test.iteration:,}"))
    rows += [("next test", _next_test(solver)), ("next snapshot", _next_snapshot(solver))]
    done = min(1.0, solver.iter / param.max_iter) if param.max_iter else 1.0
    bar = (
        f'<svg width="320" height="6" style="display:block;margin:4px 0"><g fill="currentColor">'
        f'<rect width="320" height="6" opacity=".2"/><rect width="{320 * done:.1f}" height="6" opacity=".7"/></g></svg>'
    )
    return _box([f"{_title(f'{param.type} solver')} {_progress(solver)}", bar, _table((), rows, 2)])


def _progress(solver: Any) -> str:
    return f"iteration {solver.iter:,} of {solver.param.max_iter:,}"


def _next_test(solver: Any) -> str:
    param = solver.param
    if not solver.test_nets or not param.test_interval:
        return "none"
    at = -(-solver.iter // param.test_interval) * param.test_interval
    if at == 0 and not param.test_initialization:
        at = param.test_interval
    return _when(at, param)


def _next_snapshot(solver: Any) -> str:
    param = solver.param
    if not param.snapshot:
        return f"at the end, iteration {param.max_iter:,}" if param.snapshot_after_train else "none"
    return _when((solver.iter // param.snapshot + 1) * param.snapshot, param, param.snapshot_after_train)


def _when(at: int, param: Any, at_end: bool = False) -> str:
    if at <= param.max_iter:
        return f"iteration {at:,}"
    return f"at the end, iteration {param.max_iter:,}" if at_end else "none"


# -- pieces --------------------------------------------------------------------------------------------------


def _box(parts: Iterable[str]) -> str:
    lines = "".join(f"<div>{part}</div>" for part in parts if part)
    return f'<div style="font:13px/1.5 system-ui,sans-serif;max-width:60em">{lines}</div>'


def _title(text: str) -> str:
    return f"<b>{escape(text)}</b>"


def _small(html: str) -> str:
    return f'<div style="opacity:.8;font-size:12px">{html}</div>'


def _number(value: int) -> str:
    return f"{value:,}" if value else ""


def _table(head: Sequence[str], rows: Sequence[Sequence], left: int) -> str:
    """The first ``left`` columns to the left, numbers to the right; a cell may be (text, part of a bar behind it)."""
    cell = 'style="padding:1px 10px 1px 2px;border-bottom:{};text-align:{};{}"'
    lines = []
    for tag, row in [*([("th", head)] if head else []), *(("td", row) for row in rows)]:
        cells = []
        for i, item in enumerate(row):
            text, part = item if isinstance(item, tuple) else (item, 0.0)
            grey, end = "rgba(128,128,128,.3)", f"{100 * part:.1f}%"
            bar = f"background:linear-gradient(to left,{grey} {end},transparent {end})" if part else ""
            style = cell.format(_RULE, "left" if i < left else "right", bar)
            cells.append(f"<{tag} {style}>{escape(text)}</{tag}>")
        lines.append(f'<tr style="background:none">{"".join(cells)}</tr>')
    return f'<table style="border-collapse:collapse;margin:2px 0">{"".join(lines)}</table>'
