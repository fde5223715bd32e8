"""A picture as PNG, painted with pillow."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .layout import LINE, PADDING, Label, Picture, Placed, Point, Route
from .tones import DARK, INK, LIGHT, Tones

if TYPE_CHECKING:
    from PIL import Image

_SCALE = 2
_LARGEST, _LONGEST = 120_000_000, 32_000  # pixels, and those of a side; a drawing beyond either is made smaller
_STEPS = 12  # straight pieces of a curve
_LETTERS = 11


def png_bytes(picture: Picture, dark: bool = False) -> bytes:
    """The PNG's bytes, on white, or with ``dark`` on a dark ground; UsageError where pillow is not installed."""
    try:
        from PIL import Image
    except ImportError:
        raise UsageError(
            "a drawing as png needs pillow, which is not installed: pip install minicaffe[draw] "
            "(svg and dot need nothing)"
        ) from None
    tones, scale = DARK if dark else LIGHT, png_scale(picture)
    size = (math.ceil(picture.width * scale), math.ceil(picture.height * scale))
    image = Image.new("RGB", size, tones.ground)
    painter = _Painter(image, scale, tones)
    for route in picture.routes:
        painter.route(route)
    for label in picture.labels:
        painter.label(label)
    for placed in picture.boxes:
        painter.box(placed)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def png_scale(picture: Picture) -> float:
    """Pixels of the PNG to one of the picture: 2, or fewer where it would be too large for programs that show it."""
    area, side = picture.width * picture.height, max(picture.width, picture.height)
    return min(_SCALE, math.sqrt(_LARGEST / area), _LONGEST / side)


class _Painter:
    """Paints on an image, ``scale`` pixels to each of the picture."""

    def __init__(self, image: Image.Image, scale: float, tones: Tones) -> None:
        from PIL import ImageDraw

        self._draw = ImageDraw.Draw(image)
        self._scale, self._tones = scale, tones
        self._thick = max(1, round(scale))
        self._fonts: dict[int, object] = {}

    def route(self, route: Route) -> None:
        curve = [(x * self._scale, y * self._scale) for x, y in _curve(route)]
        self._draw.line(curve, fill=self._tones.arrow, width=self._thick)
        self._draw.polygon(_tip(curve, 8 * self._scale), fill=self._tones.arrow)

    def label(self, label: Label) -> None:
        wide = max(self._draw.textlength(_plain(line), font=self._font(_LETTERS)) for line in label.lines) / self._scale
        ground = replace(label, width=min(label.width, wide + 8))
        self._draw.rectangle(self._corners(ground), fill=self._tones.ground)
        for i, line in enumerate(label.lines):
            self._text(line, label.x, label.y - label.height / 2 + 2 + i * LINE, label.width - 4, self._tones.label)

    def box(self, placed: Placed) -> None:
        box, top = placed.box, placed.y - placed.height / 2
        frame: dict[str, Any] = {"radius": 5 * self._scale, "width": self._thick}
        corners, room = self._corners(placed), placed.width - PADDING
        self._draw.rounded_rectangle(corners, fill=box.color, outline=self._tones.rim, **frame)
        for i, line in enumerate(box.lines):
            self._text(line, placed.x, top + PADDING + i * LINE, room, INK)
        if box.mark:
            base = PADDING + len(box.lines) * LINE
            left, _, right, end = corners
            strip = [left, (top + base + 3) * self._scale, right, end]
            self._draw.rounded_rectangle(strip, fill=box.mark_color, corners=(False, False, True, True), **frame)
            self._text(box.mark, placed.x, top + base + 5, room, "#ffffff")

    def _corners(self, item: Label | Placed) -> list[float]:
        left, top = item.x - item.width / 2, item.y - item.height / 2
        return [side * self._scale for side in (left, top, left + item.width, top + item.height)]

    def _text(self, line: str, x: float, top: float, room: float, color: str) -> None:
        """A line with its middle at ``x``, in smaller letters where it is wider than ``room``."""
        line, size = _plain(line), _LETTERS
        while size > 4 and self._draw.textlength(line, font=self._font(size)) > room * self._scale:
            size -= 1
        font = self._font(size)
        left = x * self._scale - self._draw.textlength(line, font=font) / 2
        self._draw.text((left, (top + (LINE - size) / 2 - 1) * self._scale), line, fill=color, font=font)

    def _font(self, size: int) -> Any:
        from PIL import ImageFont

        if size not in self._fonts:
            try:
                self._fonts[size] = ImageFont.load_default(size * self._scale)
            except TypeError:  # pillow before 10.1 has one size
                self._fonts[size] = ImageFont.load_default()
        return self._fonts[size]


def _plain(text: str) -> str:
    """Text that the font of every pillow can write."""
    return text.replace("…", "...").encode("latin-1", "replace").decode("latin-1")


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
