"""An inspection as one page of HTML: pictures and style inside, no script, nothing from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import plural
from .charts import depth_chart
from .facts import LayerFacts
from .markup import escape, image, number, share
from .sections import layer_section, output_shape
from .style import STYLE

if TYPE_CHECKING:
    from .inspection import Inspection

__all__ = ["page"]

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_OPEN = 24
"""Up to so many layers all sections begin unfolded; of more, those with findings."""

_OPEN_FINDINGS = 6
_READING = (
    '<p class="soft">Maps and filters of one picture share one scale of colours. Bars of the distributions are as high '
    "as the square root of their counts; numbers that are exactly 0 are left out of the bars and told below them. "
    "Gradients are those of the loss of this batch.</p>"
)


def page(found: Inspection) -> str:
    """The whole document."""
    anchors = {name: f"layer-{i}" for i, name in enumerate(found.layers)}
    title = f"{found.name or 'net'}, {found.phase}: inspection"
    links = _links(found, anchors)
    body = (
        f'<div class="page"><nav class="side" aria-label="Layers">{links}</nav><main>{_header(found)}'
        f'<nav class="menu" id="layers" aria-label="Layers"><details><summary>{plural(len(found.layers), "layer")}'
        f"</summary>{links}</details></nav>{_findings(found, anchors)}{_predictions(found)}{_depth(found, anchors)}"
        f"{_overview(found, anchors)}<h2>Layer by layer</h2>{_READING}{_sections(found, anchors)}</main></div>"
        '<a class="top" href="#layers">Layers</a>'
    )
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" '
        f'content="light dark"><title>{escape(title)}</title><style>{STYLE}</style></head><body>{body}</body></html>\n'
    )


def _links(found: Inspection, anchors: dict[str, str]) -> str:
    items = []
    for name, layer in found.layers.items():
        mark = '<span class="mark" title="findings">!</span>' if layer.findings else ""
        items.append(
            f'<li><a href="#{anchors[name]}"><b>{escape(name)}</b>{mark}<span>{escape(layer.type)}</span></a></li>'
        )
    return f"<ol>{''.join(items)}</ol>"


def _header(found: Inspection) -> str:
    learned = sum(p.data.size for layer in found.layers.values() for p in layer.params if p.learned)
    weights = "as they are in memory"
    if found.weights is not None:
        weights = ", ".join(found.weights) or "none: first values"
    uses = sorted({layer.norm.used for layer in found.layers.values() if layer.norm})
    facts: dict[str, Any] = {
        "Phase": found.phase,
        "Weights": weights,
        "Batch": "–" if found.batch is None else plural(found.batch, "item"),
        "Layers shown": len(found.layers),
        "Parameters in them": f"{learned:,}",
        "Loss": number(found.loss) if found.loss is not None else None,
        "BatchNorm uses": " and ".join({"stored": "stored statistics", "batch": "the batch's"}[one] for one in uses),
    }
    terms = "".join(f"<div><dt>{k}</dt><dd>{escape(v)}</dd></div>" for k, v in facts.items() if v not in ("", None))
    notes = list(found.notes)
    if found.weights == ():
        notes.insert(0, "First values, not trained: no weights were given, so all below is what the fillers made.")
    said = "".join(f'<p class="note">{escape(note)}</p>' for note in notes)
    return f'<header><h1>{escape(found.name or "net")}</h1><dl class="facts">{terms}</dl>{said}</header>'


def _findings(found: Inspection, anchors: dict[str, str]) -> str:
    items = [
        f'<li class="finding"><a href="#{anchors[layer.name]}">{escape(layer.name)}</a>: {escape(text)}</li>'
        for layer in found.layers.values()
        for text in layer.findings
    ]
    if not items:
        return '<h2>Findings</h2><p><span class="fine">Nothing out of the ordinary</span> in this batch.</p>'
    few, rest = items[:5], items[5:]
    more = (
        f'<details><summary>{len(rest)} more</summary><ul class="findings">{"".join(rest)}</ul></details>'
        if rest
        else ""
    )
    return f'<h2>Findings</h2><ul class="findings">{"".join(few)}</ul>{more}'


def _predictions(found: Inspection) -> str:
    if not found.predictions:
        if not found.images:
            return ""
        pictures = "".join(image(one, one.what, 96) for one in found.images)
        return f'<h2>Images of the batch</h2><div class="strip">{pictures}</div>'
    cards = []
    for one in found.predictions:
        thumb = ""
        if one.item < len(found.images):
            thumb = f'<div class="thumb">{image(found.images[one.item], f"item {one.item}", 96)}</div>'
        rows = "".join(
            f"<li{' class=true' if c == one.truth else ''}><span>{escape(_class(found, c))}</span>"
            f"<span>{_percent(p)}</span>"
            f'<meter min="0" max="1" value="{p if p == p else 0:.4f}">{_percent(p)}</meter></li>'
            for c, p in zip(one.classes, one.probabilities)
        )
        truth = f": <b>{escape(_class(found, one.truth))}</b>" if one.truth is not None else ""
        verdict = ""
        if one.truth is not None:
            verdict = " ✓" if one.classes[:1] == (one.truth,) else " ✗"
        cards.append(
            f'<div class="card">{thumb}<div class="what">Item {one.item}{truth}{verdict}<ol>{rows}</ol></div></div>'
        )
    known = any(one.truth is not None for one in found.predictions)
    words = "The five largest probabilities of the softmax"
    words += "; the label stands above, ✓ where it comes first." if known else "."
    return f'<h2>Predictions</h2><p class="soft">{words}</p><div class="cards">{"".join(cards)}</div>'


def _class(found: Inspection, index: int) -> str:
    return found.labels[index] if 0 <= index < len(found.labels) else f"class {index}"


def _percent(probability: float) -> str:
    return f"{probability:.1%}" if probability == probability else "NaN"


def _depth(found: Inspection, anchors: dict[str, str]) -> str:
    points = []
    for layer in found.layers.values():
        top = layer.tops[0] if layer.tops else None
        if top is None or len(top.data.shape) < 2:
            continue
        gradient = top.gradient.rms if top.gradient else None
        points.append((anchors[layer.name], layer.name, top.data.std, gradient, layer.norm is not None))
    chart = depth_chart(points)
    if not chart:
        return ""
    norms = '<span><i class="key norms"></i>a BatchNorm layer</span>' if any(point[4] for point in points) else ""
    grads = ""
    if any(point[3] for point in points):
        grads = '<span><i class="key grad"></i>gradients (root mean square)</span>'
    return (
        '<h2>Signal through the net</h2><p class="soft">From the first layer on the left to the last, on a logarithmic '
        "scale. Curves that fall or rise steadily mean that signal or gradient fades or explodes with depth. Each dot "
        f'leads to its layer.</p>{chart}<p class="legend"><span><i class="key act"></i>activations (standard deviation)'
        f"</span>{grads}{norms}</p>"
    )


def _overview(found: Inspection, anchors: dict[str, str]) -> str:
    rows = "".join(_row(layer, anchors[name]) for name, layer in found.layers.items())
    head = (
        '<th>layer</th><th class="left">type</th><th class="left">output</th><th>parameters</th><th>min</th>'
        "<th>max</th><th>mean</th><th>std</th><th>zeros</th><th>silent</th>"
    )
    return (
        f"<h2>Overview</h2><details{' open' if len(found.layers) <= _OPEN else ''}><summary>"
        f"{plural(len(found.layers), 'layer')}, a row each</summary>"
        '<div class="scroll" tabindex="0" role="region" aria-label="Overview"><table class="layers">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        '<p class="told">Silent units are 0 (ReLU) or saturated (Sigmoid, TanH) over the whole batch.</p></details>'
    )


def _row(layer: LayerFacts, anchor: str) -> str:
    held = sum(param.data.size for param in layer.params if param.learned)
    first = layer.tops[0].data if layer.tops else None
    values = ["–"] * 5
    if first is not None:
        values = [*map(number, (first.min, first.max, first.mean, first.std)), share(first.zeros, first.size)]
    silent = f"{len(layer.units.silent)} of {len(layer.units.share)}" if layer.units else ""
    tags = " ".join(f'<span class="tag">{escape(flag)}</span>' for flag in dict.fromkeys(layer.flags))
    cells = "".join(f"<td>{value}</td>" for value in values)
    return (
        f'<tr><td><a href="#{anchor}">{escape(layer.name)}</a> {tags}</td><td class="left">{escape(layer.type)}</td>'
        f'<td class="left">{escape(output_shape(layer))}</td><td>{f"{held:,}" if held else ""}</td>{cells}'
        f"<td>{silent}</td></tr>"
    )


def _sections(found: Inspection, anchors: dict[str, str]) -> str:
    few, left, parts = len(found.layers) <= _OPEN, _OPEN_FINDINGS, []
    for name, layer in found.layers.items():
        shown = few or (bool(layer.findings) and left > 0)
        left -= bool(layer.findings)
        parts.append(layer_section(layer, anchors[name], shown))
    return "".join(parts)
