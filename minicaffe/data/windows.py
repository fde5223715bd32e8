"""Windows of images, cut and warped to one size, by lot: how R-CNN is trained."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import DataError, shape_text
from .draws import draw
from .images import decode_image, read_image, resize
from .source import Source
from .window_file import WindowFile

__all__ = ["WindowOptions", "WindowSource", "warp"]

_PICK, _FLIP = range(5, 7)  # lanes of random numbers


@dataclass(frozen=True)
class WindowOptions:
    """``size``: crop_size. ``mean``: (C, H, W) or (C, 1, 1), or None. The rest as in Caffe's window_data_param."""

    size: int
    batch_size: int
    fg_threshold: float = 0.5
    bg_threshold: float = 0.5
    fg_fraction: float = 0.25
    context_pad: int = 0
    square: bool = False
    mirror: bool = False
    scale: float = 1
    mean: np.ndarray | None = None
    cache: bool = False
    root: str = ""


class WindowSource(Source):
    """Windows of a window file, as they go into the blob: (3, size, size) float32, and the class; 0 is background.

    Of each batch the first part are background windows (overlap below bg_threshold), the last fg_fraction foreground
    (overlap from fg_threshold on), each drawn by lot from the seed and its number alone: ``position`` counts windows
    since the start. Raises DataError that names the file's line.
    """

    def __init__(self, windows: WindowFile, options: WindowOptions, find: Callable[[str], str] = str):
        self.path, self._windows, self._options, self._find = windows.path, windows, options, find
        self.shape, self.dtype = (3, options.size, options.size), np.dtype(np.float32)
        self.count = len(windows.label)
        self._position = 0
        self._cache: dict[int, bytes] = {}
        self._drawn: tuple[tuple[int, int], list[tuple[int, bool]]] | None = None
        self._foreground = math.floor(np.float32(options.batch_size) * np.float32(options.fg_fraction))
        above = windows.overlap >= np.float32(options.fg_threshold)
        below = ~above & (windows.overlap < np.float32(options.bg_threshold))
        self._sets = np.flatnonzero(below), np.flatnonzero(above)
        self._check(above)

    @property
    def position(self) -> int:
        return self._position

    def seek(self, position: int) -> None:
        if position < 0:
            raise DataError(f"{self.path}: no window {position} to resume at; expected at least 0")
        self._position = position

    def record(self) -> tuple[np.ndarray, int]:
        window, flip, foreground = self._lot()
        box = tuple(self._windows.box[window].tolist())
        try:
            values = warp(self._image(window), box, flip, self._options)
        except DataError as error:
            raise DataError(f"{self.place()}: {error}") from None
        return values, int(self._windows.label[window]) if foreground else 0

    def step(self) -> bool:
        self._position += 1
        return False

    def place(self) -> str:
        return f"{self.path}:{self._windows.line[self._lot()[0]]}"

    def close(self) -> None:
        """Nothing is kept open."""

    def _check(self, above: np.ndarray) -> None:
        options, windows = self._options, self._windows
        bad = np.flatnonzero(above & (windows.label < 1))
        if len(bad):
            raise DataError(
                f"{self.path}:{windows.line[bad[0]]}: class {windows.label[bad[0]]} with overlap "
                f"{windows.overlap[bad[0]]:g}; expected at least 1 in the foreground"
            )
        wanted = (options.batch_size - self._foreground, self._foreground)
        texts = (f"an overlap below {options.bg_threshold:g}", f"an overlap of at least {options.fg_threshold:g}")
        for k, kind in enumerate(("background", "foreground")):
            if wanted[k] and not len(self._sets[k]):
                raise DataError(f"{self.path}: no {kind} window ({texts[k]}), but each batch takes {wanted[k]}")

    def _lot(self) -> tuple[int, bool, int]:
        """The window at ``position``, whether it is flipped, whether it is of the foreground."""
        batch, at = divmod(self._position, self._options.batch_size)
        size = self._options.batch_size
        if self._drawn is None or self._drawn[0] != (self.seed, batch):
            first = batch * size
            bits = ((draw(self.seed, lane, first, size) >> np.uint64(32)).tolist() for lane in (_PICK, _FLIP))
            self._drawn = (self.seed, batch), list(zip(*bits))
        foreground = at >= size - self._foreground
        among = self._sets[foreground]
        pick, flip = self._drawn[1][at]
        return int(among[pick * len(among) >> 32]), self._options.mirror and flip >> 31 == 1, foreground

    def _image(self, window: int) -> np.ndarray:
        number = int(self._windows.image[window])
        path = self._find(self._options.root + self._windows.images[number])
        if not self._options.cache:
            return read_image(path, True)
        if number not in self._cache:
            read_image(path, True)  # says what is wrong
            with open(path, "rb") as file:
                self._cache[number] = file.read()
        return decode_image(self._cache[number], True)


@dataclass(frozen=True)
class _Crop:
    """What is cut out of an image (x1, y1, x2, y2, all inside), the size it gets, and where it is put."""

    box: tuple[int, int, int, int]
    height: int
    width: int
    top: int
    left: int


def warp(image: np.ndarray, box: tuple[int, int, int, int], flip: bool, options: WindowOptions) -> np.ndarray:
    """The window ``box`` of an image (C, H, W; uint8), as (C, size, size) float32: (x - mean) * scale, 0 around it."""
    crop = _place(box, image.shape, flip, options)
    x1, y1, x2, y2 = crop.box
    if not (0 <= x1 <= x2 < image.shape[2] and 0 <= y1 <= y2 < image.shape[1] and crop.height > 0 and crop.width > 0):
        raise DataError(f"the window {box} has no place in an image of {shape_text(image.shape)}")
    cut = resize(image[:, y1 : y2 + 1, x1 : x2 + 1], crop.height, crop.width)
    out = np.zeros((len(image), options.size, options.size), np.float32)
    inside = out[:, crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
    inside[...] = cut[:, :, ::-1] if flip else cut
    if options.mean is not None:
        inside -= _mean(options.mean, options, crop)
    inside *= np.float32(options.scale)
    return out


def _mean(mean: np.ndarray, options: WindowOptions, crop: _Crop) -> np.ndarray:
    if mean.shape[1:] == (1, 1):
        return mean
    off = (mean.shape[2] - options.size) // 2  # Caffe goes by the width, for both directions
    top, left = off + crop.top, off + crop.left
    return mean[:, top : top + crop.height, left : left + crop.width]


def _place(box: tuple[int, int, int, int], shape: tuple[int, ...], flip: bool, options: WindowOptions) -> _Crop:
    """Caffe's geometry, in its float32: the window grows by its context, or to a square, and is cut at the edges."""
    size, pad = options.size, options.context_pad
    if not (pad or options.square):
        return _Crop(box, size, size, 0, 0)
    across, down = (_grow(box[k], box[k + 2], box[1 - k], box[3 - k], shape[2 - k], options) for k in range(2))
    left = across.after if flip else across.before
    width, height = min(across.length, size - left), min(down.length, size - down.before)
    return _Crop((across.first, down.first, across.last, down.last), height, width, down.before, left)


@dataclass(frozen=True)
class _Span:
    """One direction of a window: the pixels it takes, their length when warped, and the empty ones around them."""

    first: int
    last: int
    length: int
    before: int
    after: int


def _grow(first: int, last: int, other_first: int, other_last: int, edge: int, options: WindowOptions) -> _Span:
    f = np.float32
    context = f(options.size) / f(options.size - 2 * options.context_pad)
    half, other = f(last - first + 1) / f(2), f(other_last - other_first + 1) / f(2)
    centre = f(first) + half
    if options.square:
        half = max(half, other)
    first, last = _round(centre - half * context), _round(centre + half * context)
    scale = f(options.size) / f(last - first + 1)
    before, after = max(0, -first), max(0, last - edge + 1)
    first, last = first + before, last - after
    return _Span(first, last, _round(f(last - first + 1) * scale), _round(f(before) * scale), _round(f(after) * scale))


def _round(value: float | np.floating) -> int:
    """To the nearest integer, halves away from zero, as C does it."""
    return int(math.copysign(math.floor(abs(float(value)) + 0.5), float(value)))
