"""A layer as a section of the page."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ..errors import plural, shape_text
from .charts import histogram_svg, norm_charts
from .facts import LayerFacts, Norm, Numbers, ParamFacts, Picture, Units
from .markup import escape, figure, number, share

__all__ = ["layer_section", "output_shape"]

_ROWS = 64


def layer_section(layer: LayerFacts, anchor: str, is_open: bool) -> str:
    """All that is known of ``layer``, in parts that fold."""
    tags = "".join(f' <span class="tag">{escape(flag)}</span>' for flag in dict.fromkeys(layer.flags))
    parts = [
        f'<p class="formula">{escape(layer.formula)}</p>' if layer.formula else "",
        _wiring(layer),
        *(f'<p class="finding">{escape(text)}</p>' for text in layer.findings),
        _norm(layer.norm) if layer.norm else "",
        _part("Activation maps" if layer.maps and "map" in layer.maps.what else "Activations", layer.maps, layer.name),
        _part("Filters" if layer.filters and "filter" in layer.filters.what else "Weights", layer.filters, layer.name),
        _histograms(layer),
        _units(layer.units) if layer.units else "",
    ]
    return (
        f'<details class="layer"{" open" if is_open else ""}><summary><h3>{escape(layer.name)}</h3>'
        f'<span class="kind">{escape(layer.type)}</span><span class="size">{escape(output_shape(layer))}</span>{tags}'
        f'</summary><div class="inside" id="{anchor}">{"".join(parts)}</div></details>'
    )


def output_shape(layer: LayerFacts) -> str:
    return ", ".join(shape_text(top.data.shape) for top in layer.tops) or "no tops"


def _wiring(layer: LayerFacts) -> str:
    reads = ", ".join(f"<code>{escape(name)}</code>" for name in layer.bottoms) or "nothing"
    makes = ", ".join(f"<code>{escape(top.name)}</code>" for top in layer.tops) or "nothing"
    place = " (in place)" if layer.tops and layer.bottoms[:1] == (layer.tops[0].name,) else ""
    learned = sum(param.data.size for param in layer.params if param.learned)
    held = f"; {plural(learned, 'learned number').replace(str(learned), f'{learned:,}', 1)}" if learned else ""
    return f'<p class="soft">Reads {reads}, writes {makes}{place}{held}.</p>'


def _fold(title: str, body: str, is_open: bool = True) -> str:
    return f'<details class="part"{" open" if is_open else ""}><summary>{title}</summary>{body}</details>'


def _part(title: str, picture: Picture | None, name: str) -> str:
    return _fold(title, figure(picture, name)) if picture else ""


def _histograms(layer: LayerFacts) -> str:
    charts = []
    for top in layer.tops:
        kind = "Activations" if layer.bottoms and top.data.shape else "Values"
        charts.append(_histogram(top.data, "act", f"{kind} of {top.name}"))
        if top.gradient is not None:
            charts.append(_histogram(top.gradient, "grad", f"Gradient of {top.name}"))
    for param in layer.params:
        if layer.norm is not None:
            continue
        charts.append(_histogram(param.data, "weight", f"{param.label.capitalize()} ({shape_text(param.data.shape)})"))
        if param.gradient is not None:
            charts.append(_histogram(param.gradient, "grad", f"Gradient of {param.label}", _ratio(param)))
    charts = [chart for chart in charts if chart]
    return _fold("Distributions", f'<div class="hists">{"".join(charts)}</div>') if charts else ""


def _histogram(numbers: Numbers, kind: str, title: str, more: str = "") -> str:
    if not numbers.size:
        return ""
    told = [f"mean {number(numbers.mean)}", f"std {number(numbers.std)}"] if numbers.size > 1 else []
    if numbers.zeros:
        told.append(f"{share(numbers.zeros, numbers.size)} zeros")
    if numbers.broken:
        told.append(f"{numbers.broken:,} not finite")
    if numbers.histogram is None:
        value = "all zero" if numbers.zeros == numbers.size else number(numbers.max)
        body = f"<p>{value}</p>" if numbers.size == numbers.zeros or numbers.size == 1 else _ends(numbers)
    else:
        body = histogram_svg(numbers.histogram, kind, title) + _ends(numbers)
    return f'<div><h4>{escape(title)}</h4>{body}<div class="told">{", ".join(told)}{more}</div></div>'


def _ends(numbers: Numbers) -> str:
    return f'<div class="ends"><span>{number(numbers.min)}</span><span>{number(numbers.max)}</span></div>'


def _ratio(param: ParamFacts) -> str:
    return "" if param.ratio is None else f"; {number(param.ratio)} of the size of {escape(param.label)}"


def _units(units: Units) -> str:
    count = len(units.share)
    if units.kind == "dead":
        words = f"{len(units.silent)} of {plural(count, 'unit')} 0 over the whole batch"
        column = "share of zeros"
    else:
        words = f"{len(units.silent)} of {plural(count, 'unit')} saturated over the whole batch"
        column = "share saturated"
    listed = ", ".join(map(str, units.silent[:_ROWS])) + (", …" if len(units.silent) > _ROWS else "")
    named = f" Units {listed}." if units.silent else ""
    counts, edges = np.histogram(units.share, 10, (0, 1))
    cells = "".join(f"<td>{n}</td>" for n in counts)
    heads = "".join(f"<th>{100 * a:.0f}–{b:.0%}</th>" for a, b in pairwise(edges))
    table = (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{column}"><table><tr><th>{column}</th>{heads}</tr>'
        f"<tr><td>units</td>{cells}</tr></table></div>"
    )
    return _fold("Units", f"<p>{words}, {units.places:,} outputs each.{named}</p>{table}")


def _norm(norm: Norm) -> str:
    used = "those that were stored" if norm.used == "stored" else "those of this batch"
    forwards = norm.stored_forwards
    told = f"about {plural(round(forwards), 'forward')}" if forwards is not None else "many forwards"
    if norm.factor == 0:
        told = "nothing stored"
    words = (
        f"<p>Blobs 0 and 1 are running sums of means and variances, blob 2 their weight, the factor: "
        f"<b>{number(norm.factor)}</b> ({told}; moving_average_fraction {norm.fraction:g}). Divided by it they are the "
        f"stored statistics. In this run the layer normalised by {used}; eps is {norm.eps:g}. The batch's come from "
        f"{norm.places:,} numbers per channel.</p>"
    )
    return _fold("Statistics: stored and of this batch", words + norm_charts(norm) + _norm_table(norm))


def _norm_table(norm: Norm) -> str:
    channels = np.arange(len(norm.ratio))
    title = "Channel by channel"
    if len(channels) > _ROWS:
        with np.errstate(all="ignore"):
            far = np.abs(np.log(norm.ratio)) + np.abs(norm.shift)
        channels = np.sort(np.argsort(-np.nan_to_num(far, posinf=1e30), kind="stable")[: _ROWS // 2])
        title = f"The {len(channels)} of {len(norm.ratio)} channels that differ most"
    rows = []
    for c in channels:
        off = ' class="off"' if not 0.5 <= norm.ratio[c] <= 2 else ""
        shifted = ' class="off"' if not abs(norm.shift[c]) <= 0.5 else ""
        values = (norm.stored_mean, norm.batch_mean, norm.shift, norm.stored_variance, norm.batch_variance, norm.ratio)
        cells = "".join(
            f"<td{(off if i == 5 else shifted if i == 2 else '')}>{number(float(v[c]))}</td>"
            for i, v in enumerate(values)
        )
        rows.append(f"<tr><td>{c}</td>{cells}</tr>")
    head = "".join(
        f"<th>{text}</th>"
        for text in ("stored mean", "batch mean", "apart, in std", "stored variance", "batch variance", "ratio")
    )
    return (
        f'<p class="told">{title}. Marked: variances apart by more than a factor of 2, means by more than half a '
        f'standard deviation.</p><div class="scroll" tabindex="0" role="region" aria-label="{title}"><div class="tall">'
        f"<table><thead><tr><th>channel</th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div></div>"
    )
