"""The colours of drawings. Text on a box is dark on light and dark grounds alike."""

from __future__ import annotations

from dataclasses import dataclass

IN_PLACE, OPEN = "#90EE90", "#E0E0E0"
"""Colours of layers that write over what they read, and of blobs that no layer makes, or none reads."""

MARKS = ("#10408C", "#7A2E00", "#4A1470", "#0E4F3A")
"""The grounds of marks, one for each state of a net; white can be read on all."""

INK = "#111111"
"""What is written on boxes."""


@dataclass(frozen=True)
class Tones:
    """The ground, the writing on it, arrows, and the rims of boxes."""

    ground: str
    label: str
    arrow: str
    rim: str


LIGHT = Tones(ground="#ffffff", label="#454b54", arrow="#666666", rim="#333333")
DARK = Tones(ground="#16181d", label="#c3c8d1", arrow="#9aa0ab", rim="#dddddd")
