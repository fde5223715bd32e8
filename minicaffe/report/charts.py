"""Charts as inline SVG; colours come from the page's style, by class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .facts import Histogram, Norm
from .markup import escape, number

__all__ = ["depth_chart", "histogram_svg", "norm_charts"]

_DOTS = 256


def histogram_svg(histogram: Histogram, kind: str, what: str, height: int = 96) -> str:
    """Bars as high as the roots of the counts; a line at 0 where it is within. ``kind`` is a class of the style.

    Without a style all is grey, and ``height`` pixels high.
    """
    counts, edges = histogram.counts, histogram.edges
    heights = np.rint(np.sqrt(counts / max(1, counts.max())) * 110).astype(int)
    bars = "".join(f"M{10 * i} 112V{112 - h}h9V112z" for i, h in enumerate(np.maximum(heights, counts > 0)) if h)
    width = 10 * len(counts)
    zero = ""
    if edges[0] < 0 < edges[-1]:
        x = width * -edges[0] / (edges[-1] - edges[0])
        zero = f'<path class="zero" stroke="gray" d="M{x:.0f} 0V120"/>'
    return (
        f'<svg class="hist {kind}" width="100%" height="{height}" fill="gray" '
        f'viewBox="0 0 {width} 120" preserveAspectRatio="none" role="img" '
        f'aria-label="histogram of {escape(what)}"><path class="bars" d="{bars}"/>'
        f'<path class="base" stroke="gray" d="M0 113H{width}"/>{zero}</svg>'
    )


def norm_charts(norm: Norm) -> str:
    """Stored statistics over the batch's, a dot for each channel: means, and standard deviations on log scales."""
    charts = [_scatter(norm.batch_mean, norm.stored_mean, "Means", "")]
    if norm.factor:
        batch, stored = (np.log10(np.sqrt(v + norm.eps)) for v in (norm.batch_variance, norm.stored_variance))
        charts.append(_scatter(batch, stored, "Standard deviations", ", on logarithmic scales"))
    return f'<div class="pair">{"".join(charts)}</div>'


def _scatter(x: np.ndarray, y: np.ndarray, title: str, how: str) -> str:
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite][:_DOTS], y[finite][:_DOTS]
    if not x.size:
        return ""
    low, high = min(x.min(), y.min()), max(x.max(), y.max())
    span = (high - low) or 1.0
    places = zip(10 + 180 * (x - low) / span, 190 - 180 * (y - low) / span)
    dots = "".join(f"M{a:.0f} {b:.0f}h0" for a, b in places)
    said = f"{title}{how}: to the right the batch's, upwards the stored; on the line they agree."
    return (
        f'<figure><svg class="scatter" viewBox="0 0 200 200" role="img" aria-label="{escape(said)}">'
        '<path class="frame" d="M1 1H199V199H1z"/><path class="same" d="M10 190L190 10"/>'
        f'<path class="dots" d="{dots}"/></svg><figcaption><b>{title}</b>{how}. Right: this batch. Up: stored.'
        "</figcaption></figure>"
    )


Point = tuple[Any, ...]
"""A layer: its anchor, its name, the deviation of its activations, the size of its gradients, whether it normalises."""

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 720, 220, 56, 8, 12


def depth_chart(points: Sequence[Point]) -> str:
    """Two curves over the layers, on a logarithmic scale; "" for fewer than three numbers."""
    values = [v for point in points for v in point[2:4] if v]
    if len(values) < 3:
        return ""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    step = (_WIDTH - _LEFT - 16) / max(1, len(points) - 1)

    def across(i: int) -> float:
        return _LEFT + 8 + i * step

    def down(value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - math.log10(value)) / (high - low)

    lines = []
    for decade in range(low, high + 1, max(1, -(-(high - low) // 6))):
        y = down(10.0**decade)
        lines.append(f'<path class="grid" d="M{_LEFT} {y:.0f}H{_WIDTH}"/>')
        lines.append(f'<text x="{_LEFT - 6}" y="{y + 4:.0f}">{10.0**decade:g}</text>')
    bands = "".join(f"M{across(i):.0f} {_TOP}V{_HEIGHT - _BOTTOM}" for i, point in enumerate(points) if point[4])
    curves = []
    for column, kind, what in ((2, "act", "activations"), (3, "grad", "gradients")):
        known = [(across(i), down(point[column]), point) for i, point in enumerate(points) if point[column]]
        curves.append(_curve(known, kind, what, column, 4 if step > 16 else 2))
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="chart"><svg class="depth" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="activations and gradients, layer by layer">'
        f'<path class="norms" stroke-width="{min(8, 0.7 * step):.1f}" d="{bands}"/>'
        f"{''.join(lines)}{''.join(curves)}</svg></div>"
    )


def _curve(known: Sequence[tuple[float, float, Point]], kind: str, what: str, column: int, radius: int) -> str:
    """A line, and a dot for each layer that leads there."""
    if not known:
        return ""
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y, _ in known)
    dots = "".join(
        f'<a href="#{point[0]}"><circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}">'
        f"<title>{escape(point[1])}: {what} {number(point[column])}</title></circle></a>"
        for x, y, point in known
    )
    return f'<path class="curve {kind}" d="M{path}"/>{dots}'
