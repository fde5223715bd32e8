"""A picture as SVG: one file, nothing around it needed, light or dark as the reader's screen."""

from __future__ import annotations

from xml.sax.saxutils import escape

from .layout import LINE, Picture, Placed, Route

_STYLE = """
text { font: 11px ui-monospace, Menlo, Consolas, monospace; text-anchor: middle; fill: #111 }
.name { font-weight: bold } .label { text-anchor: start; fill: #555 }
rect { stroke: #333 } .back { fill: #fff; stroke: none }
path { fill: none; stroke: #666 } .tip { fill: #666; stroke: none }
@media (prefers-color-scheme: dark) {
  .back { fill: #16181d } .label { fill: #b5b9c2 } path { stroke: #9aa0ab } .tip { fill: #9aa0ab } rect { stroke: #ddd }
}
"""


def svg_text(picture: Picture) -> str:
    size = f"{picture.width:.0f} {picture.height:.0f}"
    width, height = size.split()
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{width}" height="{height}" role="img">',
        f"<title>{escape(picture.name)}</title>",
        f"<style>{_STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path class="tip" d="M0 0 L8 4 L0 8 z"/></marker></defs>',
        '<rect class="back" width="100%" height="100%"/>',
        *map(_route, picture.routes),
        *map(_box, picture.boxes),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _box(placed: Placed) -> str:
    x, y = placed.x - placed.width / 2, placed.y - placed.height / 2
    top = placed.y - len(placed.box.lines) * LINE / 2 + 11
    texts = "".join(
        f'<text{" class=" + chr(34) + "name" + chr(34) if i == 0 else ""} x="{placed.x:.1f}" y="{top + i * LINE:.1f}">'
        f"{escape(line)}</text>"
        for i, line in enumerate(placed.box.lines)
    )
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{placed.width:.1f}" height="{placed.height:.1f}" rx="5" '
        f'fill="{placed.box.color}"/>{texts}'
    )


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
    label_x, label_y = route.label_at
    label = f'<text class="label" x="{label_x:.1f}" y="{label_y:.1f}">{escape(route.label)}</text>'
    return f'<path d="{path}" marker-end="url(#tip)"/>' + (label if route.label else "")
