"""How nets, blobs and solvers show themselves in a notebook: HTML and SVG that need nothing else.

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

__all__ = ["blob_html", "net_html", "net_text", "solver_html", "solver_text"]

_LONG = 40  # layers, from where on the table is folded
_BINS, _BAR, _HEIGHT = 64, 5, 48  # of a histogram, in pixels
_SIDE, _PIXELS, _TILES = 32, 4096, 16  # of a picture: the longest side of a tile, all pixels, all tiles
_LEVELS = 16
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
    lines = [f"{title} {shape_text(data.shape)} {data.dtype}", _small(_said(data))]
    shown = _picture(data) if data.ndim == 4 and min(data.shape) > 0 and min(data.shape[2:]) > 1 else _histogram(data)
    try:
        diff = blob.diff
    except UsageError:
        diff = np.zeros(0)
    return _box([*lines, shown, *([_small(f"diff: {_said(diff)}")] if diff.any() else [])])


def _said(array: np.ndarray) -> str:
    """What the numbers are like, in words."""
    finite = _finite(array)
    broken = array.size - finite.size
    parts = [f'<b style="color:{_RED}">{broken:,} of {array.size:,} not finite</b>'] if broken else []
    if finite.size == 1 and array.size == 1:
        parts = [f"{finite.item():.6g}"]
    elif finite.size:
        mean, std = finite.mean(dtype=np.float64), finite.std(dtype=np.float64)
        parts = [f"{finite.min():.4g} to {finite.max():.4g}, mean {mean:.4g}, std {std:.4g}", *parts]
    return ", ".join(parts) or "no numbers"


def _finite(array: np.ndarray) -> np.ndarray:
    finite = np.isfinite(array)
    return array if finite.all() else array[finite]


def _histogram(array: np.ndarray) -> str:
    """How often which numbers occur, as a strip."""
    finite = _finite(array)
    if finite.size < 2 or finite.min() == finite.max():
        return ""
    counts, edges = np.histogram(finite, _BINS, (float(finite.min()), float(finite.max())))
    bars = "".join(
        f'<rect x="{i * _BAR}" y="{_HEIGHT - h:.1f}" width="{_BAR - 1}" height="{h:.1f}"/>'
        for i, h in enumerate(counts / counts.max() * _HEIGHT)
        if h
    )
    width = _BINS * _BAR
    ends = f'<text y="{_HEIGHT + 12}">{edges[0]:.4g}</text>'
    ends += f'<text y="{_HEIGHT + 12}" x="{width}" text-anchor="end">{edges[-1]:.4g}</text>'
    line = f'<path d="M0 {_HEIGHT + 0.5}h{width}" stroke="currentColor" opacity=".5"/>'
    return (
        f'<svg width="{width}" height="{_HEIGHT + 16}" fill="currentColor" font-size="10" style="display:block">'
        f'<g opacity=".6">{bars}</g>{line}{ends}</svg>'
    )


def _picture(array: np.ndarray) -> str:
    """Images (N, K, H, W), in colour for three channels, blue first; of many channels those of the first item."""
    colour = array.shape[1] == 3
    images = array.transpose(0, 2, 3, 1)[..., ::-1] if colour else array.reshape(-1, *array.shape[2:], 1)
    of = len(images) if array.shape[1] in (1, 3) else array.shape[1]
    step = max(1, -(-max(images.shape[1:3]) // _SIDE))
    images = images[:, ::step, ::step]
    shown = min(of, _TILES, max(1, _PIXELS // (images.shape[1] * images.shape[2])))
    levels = _levels(images[:shown])
    height, width = levels.shape[1:3]
    scale = max(1, min(8, 64 // max(height, width)))
    columns = min(shown, 8)
    tiles = [
        f'<g transform="translate({n % columns * (width + 1)} {n // columns * (height + 1)})">{_tile(tile)}</g>'
        for n, tile in enumerate(levels)
    ]
    wide, tall = columns * (width + 1) - 1, -(-shown // columns) * (height + 1) - 1
    what = "images" if array.shape[1] in (1, 3) else "channels of the first item"
    return (
        f'<svg width="{wide * scale}" height="{tall * scale}" viewBox="0 0 {wide} {tall}" '
        f'shape-rendering="crispEdges" style="display:block">{"".join(tiles)}</svg>' + _small(f"{shown} of {of} {what}")
    )


def _levels(images: np.ndarray) -> np.ndarray:
    """Images as few levels, from the least number to the largest; what is not finite is -1."""
    finite = np.isfinite(images)
    known = images[finite]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    place = (np.where(finite, images, low) - low) / ((high - low) or 1.0)
    levels = np.rint(place * (_LEVELS - 1)).astype(np.int64)
    return np.where(finite.all(-1, keepdims=True), levels, -1)


def _tile(levels: np.ndarray) -> str:
    """One image (H, W, K): a path of runs for each of its colours."""
    runs: dict[tuple[int, ...], list[str]] = {}
    for y, row in enumerate(levels.tolist()):
        start = 0
        for x in range(1, len(row) + 1):
            if x == len(row) or row[x] != row[start]:
                runs.setdefault(tuple(row[start]), []).append(f"M{start} {y}h{x - start}v1h{start - x}z")
                start = x
    return "".join(f'<path fill="{_colour(key)}" d="{"".join(paths)}"/>' for key, paths in runs.items())


def _colour(levels: Sequence[int]) -> str:
    if levels[0] < 0:
        return _RED
    one = [f"{level * 15 // (_LEVELS - 1):x}" for level in levels]
    return "#" + "".join(one if len(one) == 3 else one * 3)


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
