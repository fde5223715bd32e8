"""Small pieces of HTML."""

from __future__ import annotations

import base64
import html
import math

from .facts import Picture
from .pictures import ANCHORS

__all__ = ["escape", "figure", "image", "number", "share"]


def escape(text: object) -> str:
    return html.escape(str(text), quote=True)


def number(value: float | None) -> str:
    """Three digits; a dash for what is not there, or a word for what is not finite."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "−∞"
    return f"{value + 0.0:.3g}".replace("-", "−")  # no −0


def share(part: int, whole: int) -> str:
    """A part as per cent; tiny ones are not shown as none, nor nearly all as all."""
    if not whole:
        return "–"
    text = f"{100 * part / whole:.1f}"
    if part and text == "0.0":
        return "<0.1 %"
    if part < whole and text == "100.0":
        return ">99.9 %"
    return f"{text.removesuffix('.0')} %"


def image(picture: Picture, alt: str, widest: int = 560, most: int = 8) -> str:
    """The picture, enlarged by a whole number where there is room."""
    zoom = max(1, min(most, widest // picture.width))
    data = base64.b64encode(picture.png).decode()
    return (
        f'<img src="data:image/png;base64,{data}" width="{picture.width * zoom}" height="{picture.height * zoom}" '
        f'alt="{escape(alt)}">'
    )


def figure(picture: Picture, name: str) -> str:
    """The picture with what it shows, and its scale of colours."""
    many = "" if picture.shown >= picture.of or "row" in picture.what else f"; {picture.shown} of {picture.of} shown"
    if "side by side" in picture.what and picture.shown < picture.of:
        many = f"; {picture.shown:,} of {picture.of:,} tiles shown"
    if picture.scale == "rgb":
        scale = f" Black is {number(picture.low)}, full colour {number(picture.high)}."
    else:
        scale = (
            f'<span class="scale"><span>{number(picture.low)}</span><span class="ramp {picture.scale}"></span>'
            f"<span>{number(picture.high)}</span></span>"
        )
    text = picture.what[0].upper() + picture.what[1:]
    return (
        f'<figure class="picture">{image(picture, f"{picture.what} of {name}")}'
        f"<figcaption>{escape(text + many)}.{scale}</figcaption></figure>"
    )


def ramps() -> str:
    """The style of the scales of colours."""
    rules = []
    for name, anchors in ANCHORS.items():
        colors = ",".join(f"#{color}" for color in anchors.split())
        rules.append(f".ramp.{name}{{background:linear-gradient(90deg,{colors})}}")
    return "".join(rules)
