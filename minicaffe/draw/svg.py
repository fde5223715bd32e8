"""A picture as SVG: one file, nothing around it needed, light or dark as the reader's screen."""

from __future__ import annotations

from xml.sax.saxutils import escape

from .layout import LINE, PADDING, Label, Picture, Placed, Route
from .tones import DARK, INK, LIGHT, Tones

_STYLE = (
    f"text {{ font: 11px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; text-anchor: middle; "
    f"fill: {INK} }}",
    ".name { font-weight: bold }",
    ".mark { fill: #ffffff; font-weight: bold }",
    "path { fill: none }",
)


def svg_text(picture: Picture, dark: bool = False) -> str:
    """The picture, light or dark as the page around it asks for; always dark with ``dark``."""
    size = f"{picture.width:.0f} {picture.height:.0f}"
    width, height = size.split()
    style = [*_STYLE, *_toned(DARK if dark else LIGHT)]
    if not dark:
        style += ["@media (prefers-color-scheme: dark) {", *_toned(DARK), "}"]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="minicaffe-net" viewBox="0 0 {size}" width="{width}" '
        f'height="{height}" role="img">',
        f"<title>{escape(picture.name)}</title>",
        "<style>",
        *(line if line[0] in "@}" else f".minicaffe-net {line}" for line in style),
        "</style>",
        '<defs><marker id="minicaffe-tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto"><path class="tip" d="M0 0 L8 4 L0 8 z"/></marker></defs>',
        '<rect class="back" width="100%" height="100%"/>',
        *dict.fromkeys(map(_route, picture.routes)),
        *map(_label, picture.labels),
        *map(_box, picture.boxes),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _toned(tones: Tones) -> list[str]:
    return [
        f".back {{ fill: {tones.ground}; stroke: none }}",
        f".label {{ fill: {tones.label} }}",
        f"path {{ stroke: {tones.arrow} }}",
        f".tip {{ fill: {tones.arrow}; stroke: none }}",
        f".box {{ stroke: {tones.rim} }}",
    ]


def _texts(lines: tuple[str, ...], x: float, top: float, kinds: tuple[str, ...] = ()) -> str:
    """Lines of text, the first with its upper edge at ``top``; ``kinds`` are classes of the first of them."""
    texts = []
    for i, line in enumerate(lines):
        kind = f'class="{kinds[min(i, len(kinds) - 1)]}" ' if kinds else ""
        texts.append(f'<text {kind}x="{x:.1f}" y="{top + i * LINE + 11:.1f}">{escape(line)}</text>')
    return "".join(texts)


def _box(placed: Placed) -> str:
    box, width, height = placed.box, placed.width, placed.height
    x, y = placed.x - width / 2, placed.y - height / 2
    frame = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="5"'
    strip = ""
    if box.mark:
        base = y + PADDING + len(box.lines) * LINE
        end = y + height
        strip = (
            f'<path d="M{x:.1f} {base + 3:.1f} h{width:.1f} V{end - 5:.1f} a5 5 0 0 1 -5 5 h{10 - width:.1f} '
            f'a5 5 0 0 1 -5 -5 z" style="fill:{box.mark_color};stroke:none"/>'
            + _texts((box.mark,), placed.x, base + 5, ("mark",))
        )
    texts = _texts(box.lines[:1], placed.x, y + PADDING, ("name",))
    texts += _texts(box.lines[1:], placed.x, y + PADDING + LINE)
    return f'<rect class="box" {frame} fill="{box.color}"/>{strip}{texts}'


def _label(label: Label) -> str:
    x, y = label.x - label.width / 2, label.y - label.height / 2
    ground = f'<rect class="back" x="{x:.1f}" y="{y:.1f}" width="{label.width:.1f}" height="{label.height:.1f}"/>'
    return ground + _texts(label.lines, label.x, y + 2, ("label",))


def _route(route: Route) -> str:
    (x, y), *rest = route.points
    path = f"M{x:.1f} {y:.1f}"
    for to_x, to_y in rest:
        if route.across:
            middle = (x + to_x) / 2
            path += f" C{middle:.1f} {y:.1f} {middle:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"
        else:
            middle = (y + to_y) / 2
            path += f" C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}"
        x, y = to_x, to_y
    return f'<path d="{path}" marker-end="url(#minicaffe-tip)"/>'
