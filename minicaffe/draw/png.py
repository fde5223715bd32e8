"""A picture as PNG, painted with pillow."""

from __future__ import annotations

import io
import math

from ..data.images import pillow
from .layout import LINE, Picture, Point, Route

_SCALE = 2
_LARGEST = 120_000_000  # pixels; a drawing beyond it is made smaller
_STEPS = 12  # straight pieces of a curve


def png_bytes(picture: Picture) -> bytes:
    """The PNG's bytes; DataError where pillow is not installed."""
    Image = pillow()
    from PIL import ImageDraw, ImageFont

    scale = min(_SCALE, math.sqrt(_LARGEST / (picture.width * picture.height)))
    image = Image.new("RGB", (math.ceil(picture.width * scale), math.ceil(picture.height * scale)), "white")
    draw = ImageDraw.Draw(image)
    try:
        font = ImageFont.load_default(11 * scale)
    except TypeError:  # pillow before 10.1 has one size
        font = ImageFont.load_default()
    for route in picture.routes:
        curve = [(x * scale, y * scale) for x, y in _curve(route)]
        draw.line(curve, fill="#666666", width=max(1, round(scale)))
        draw.polygon(_tip(curve, 8 * scale), fill="#666666")
        if route.label:
            x, y = route.label_at
            draw.text((x * scale, (y - 10) * scale), _plain(route.label), fill="#555555", font=font)
    for placed in picture.boxes:
        left, top = placed.x - placed.width / 2, placed.y - placed.height / 2
        corners = [left * scale, top * scale, (left + placed.width) * scale, (top + placed.height) * scale]
        draw.rounded_rectangle(corners, 5 * scale, fill=placed.box.color, outline="#333333", width=max(1, round(scale)))
        above = placed.y - len(placed.box.lines) * LINE / 2 + 1
        for i, line in enumerate(map(_plain, placed.box.lines)):
            x = placed.x * scale - draw.textlength(line, font=font) / 2
            draw.text((x, (above + i * LINE) * scale), line, fill="#111111", font=font)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _plain(text: str) -> str:
    """Text that the font of every pillow can write."""
    return text.encode("latin-1", "replace").decode("latin-1")


def _curve(route: Route) -> list[Point]:
    points = [route.points[0]]
    for (x, y), (to_x, to_y) in zip(route.points, route.points[1:]):
        for step in range(1, _STEPS + 1):
            t = step / _STEPS
            eased = t * t * (3 - 2 * t)  # along one axis evenly, along the other as the curve of the SVG does
            along, aside = (1.5 * t - 1.5 * t * t + t**3, eased)
            pair = (along, aside) if route.across else (aside, along)
            points.append((x + (to_x - x) * pair[0], y + (to_y - y) * pair[1]))
    return points


def _tip(curve: list[Point], length: float) -> list[Point]:
    """The triangle at the end of a curve."""
    (x0, y0), (x, y) = curve[-2:]
    distance = math.hypot(x - x0, y - y0) or 1
    dx, dy = (x - x0) / distance * length, (y - y0) / distance * length
    return [(x, y), (x - dx + dy / 2, y - dy - dx / 2), (x - dx - dy / 2, y - dy + dx / 2)]
