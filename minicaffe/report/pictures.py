"""Arrays to PNG bytes, by zlib alone: tiles of numbers in colours, and images."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from .facts import Picture

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["ANCHORS", "color_tiles", "extremes", "fitting", "number_tiles", "png_bytes"]

ANCHORS = {
    "signed": "0c2c84 417ec4 aacbe6 f5f5f5 f4b296 cd5448 780824",
    "positive": "161030 2c3576 216d8e 24a082 78cc56 f7e63c",
}
"""Colours from the lowest number to the highest, evenly spaced; 0 is the middle of "signed" and begins "positive"."""

_GAP, _BROKEN, _FIRST = 0, 1, 2  # places in a palette: between tiles, NaN or infinite, the lowest number
_STEPS = 256 - _FIRST
_MAGENTA = (255, 0, 200)


def png_bytes(pixels: np.ndarray, palette: np.ndarray | None = None) -> bytes:
    """A PNG of ``pixels``, uint8: (H, W, 4) RGBA, or (H, W) indices of ``palette`` (256, 3), whose first is clear."""
    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + pixels[0].size), np.uint8)  # each row begins with its filter: none
    rows[:, 1:] = pixels.reshape(height, -1)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6 if palette is None else 3, 0, 0, 0))]
    if palette is not None:
        chunks += [(b"PLTE", palette.astype(np.uint8).tobytes()), (b"tRNS", b"\0")]
    chunks += [(b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b"")]
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def fitting(tiles: int, height: int, width: int, pixels: int, most: int = 64, side: int = 64) -> tuple[int, int]:
    """How many tiles to show, and the longest side of one, so that they take about ``pixels`` at most."""
    shown, longest = min(tiles, most), min(max(height, width), side)
    aspect = min(height, width) / max(height, width)
    while shown * longest * longest * aspect > pixels and (shown > 4 or longest > 8):
        if shown > 16 or longest <= 12:
            shown = max(4, shown * 3 // 4)
        else:
            longest = max(8, longest * 7 // 8)
    return shown, longest


def number_tiles(tiles: np.ndarray, of: int, what: str, side: int = 64, columns: int = 0) -> Picture:
    """A picture of ``tiles`` (n, H, W), one scale of colours for all; sides above ``side`` are averaged down.

    The scale ends at the 99.5th percentile of the absolute numbers. NaN and infinite numbers are magenta.
    """
    small = np.stack([_shrunk(tile, side) for tile in tiles])
    finite = np.isfinite(small)
    known = np.abs(small[finite])
    bound = float(np.quantile(known, 0.995)) or float(known.max()) if known.size else 0.0
    signed = bool((small[finite] < 0).any())
    low = -bound if signed else 0.0
    span = bound - low
    with np.errstate(invalid="ignore"):
        place = (np.where(finite, small, 0) - low) / span if span else np.zeros(small.shape)
    indices = (_FIRST + np.clip(np.rint(place * (_STEPS - 1)), 0, _STEPS - 1)).astype(np.uint8)
    indices[~finite] = _BROKEN
    scale = "signed" if signed else "positive"
    sheet = _sheet(indices, columns or _columns(len(small), small.shape[2]), _GAP)
    height, width = sheet.shape[:2]
    return Picture(png_bytes(sheet, _palette(scale)), width, height, what, len(tiles), of, low, bound, scale)


def color_tiles(tiles: np.ndarray, of: int, what: str, low: float, high: float, rgb: bool, side: int = 96) -> Picture:
    """A picture of ``tiles`` (n, 3, H, W), as colours from ``low`` (black) to ``high``; blue first unless ``rgb``.

    Tiles (n, 1, H, W) are grey. NaN and infinite numbers are magenta.
    """
    small = np.stack([np.stack([_shrunk(channel, side) for channel in tile], -1) for tile in tiles])
    finite = np.isfinite(small)
    small = np.where(finite, small, low)[..., slice(None) if rgb else slice(None, None, -1)]
    scaled = np.clip((small - low) / ((high - low) or 1.0), 0, 1) * 255
    opaque = np.full((*scaled.shape[:3], 4), 255, np.uint8)
    opaque[..., :3] = np.rint(scaled)
    opaque[~finite.all(-1), :3] = _MAGENTA
    sheet = _sheet(opaque, _columns(len(small), small.shape[2]), 0)
    height, width = sheet.shape[:2]
    return Picture(png_bytes(sheet), width, height, what, len(tiles), of, float(low), float(high), "rgb")


def extremes(array: np.ndarray) -> tuple[float, float]:
    """The least and the largest finite number; 0 and 1 where there are none."""
    finite = array[np.isfinite(array)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def _columns(tiles: int, width: int) -> int:
    return min(tiles, 16 if width <= 8 else 8)


def _palette(scale: str) -> np.ndarray:
    anchors = np.array([list(bytes.fromhex(color)) for color in ANCHORS[scale].split()], float)
    places = np.linspace(0, len(anchors) - 1, _STEPS)
    colors = np.stack([np.interp(places, range(len(anchors)), anchors[:, i]) for i in range(3)], 1)
    return np.concatenate([[(0, 0, 0), _MAGENTA], np.rint(colors)])


def _shrunk(tile: np.ndarray, side: int) -> np.ndarray:
    """The means of even pieces, where the tile is longer than ``side``."""
    tile = tile.astype(np.float64)
    for axis in (0, 1):
        size = tile.shape[axis]
        if size > side:
            starts = np.arange(side) * size // side
            with np.errstate(invalid="ignore", over="ignore"):
                tile = np.add.reduceat(tile, starts, axis)
            widths = np.diff([*starts, size])
            tile = tile / (widths[:, None] if axis == 0 else widths)
    return tile


def _sheet(tiles: np.ndarray, columns: int, gap: ArrayLike) -> np.ndarray:
    """Tiles (n, h, w, ...) in rows of ``columns``, a pixel of ``gap`` between them."""
    n, height, width = tiles.shape[:3]
    rows = -(-n // columns)
    sheet = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1, *tiles.shape[3:]), gap, np.uint8)
    for i, tile in enumerate(tiles):
        y, x = i // columns * (height + 1), i % columns * (width + 1)
        sheet[y : y + height, x : x + width] = tile
    return sheet
