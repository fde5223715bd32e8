"""What forks of Caffe do to images of bytes before the crop: ``resize_param`` and ``noise_param``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError, LayerError, plural, shape_text
from .draws import draw
from .noise import apply_noise, check_noise
from .warping import RESIZE, turn

if TYPE_CHECKING:
    from ..proto import Message

__all__ = ["Augmentation"]

_RESIZE, _INTERPOLATION, _ANGLE, _NOISE, _PLACES = range(5)  # lanes of random numbers
_SUM = 0.01  # how far probabilities may be from 1 in sum and still mean it

Shape = tuple[int, int, int]


class Augmentation:
    """One ``resize_param`` and then one ``noise_param`` of a ``transform_param``, drawn by their ``prob``.

    Where the probabilities do not add up to 1, an image stays as it is with what is left. All draws for an image come
    from one number of 64 bits. Resizing: WARP makes ``height`` x ``width``; FIT_SMALL_SIZE keeps the proportions and
    makes the image cover that, FIT_LARGE_SIZE_AND_PAD makes it fit in and pads it. One ``interp_mode`` is drawn for
    each image; ``max_angle`` turns it beforehand, by up to that many degrees. Noise: see ``noise.py``.

    Sources: the forks of SSD and of the CaffeNet128 benchmark, with OpenCV's arithmetic. Departures: records that are
    not encoded are treated like the others; ``prob`` has its meaning where there is one of a kind, too; Lab is what
    a colour space of floats is, not its bytes read as pixels.

    Raises LayerError for options that make no sense.
    """

    def __init__(self, param: Message) -> None:
        self._resizes, self._noises = list(param.resize_param), list(param.noise_param)
        for one in self._resizes:
            _check_resize(one)
        for one in self._noises:
            if not one.HasField("prob"):
                raise LayerError("noise_param has no prob; expected one, 1 for noise in every image")
            check_noise(one)
        self._of_resize = _bounds("resize_param", self._resizes)
        self._of_noise = _bounds("noise_param", self._noises)

    def __bool__(self) -> bool:
        return bool(self._resizes or self._noises)

    @property
    def by_lot(self) -> bool:
        """Whether images of one size may come out in several."""
        certain = bool(self._resizes) and self._of_resize[-1] >= 1
        forms = {(one.resize_mode, one.height, one.width) for one in self._resizes if one.prob > 0}
        return bool(self._resizes) and not (certain and (len(forms) == 1 or self.size is not None))

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width of all images, where these do not depend on the image's own; else None."""
        if not self._resizes or self._of_resize[-1] < 1:
            return None
        sizes = {_fixed(one) for one in self._resizes if one.prob > 0}
        return sizes.pop() if len(sizes) == 1 else None

    def sizes_of(self, height: int, width: int) -> list[tuple[int, int]]:
        """All sizes that an image of ``height`` x ``width`` may come out in."""
        sizes = [_inner_and_outer(one, height, width)[1] for one in self._resizes if one.prob > 0]
        stays = not self._resizes or self._of_resize[-1] < 1
        return list(dict.fromkeys([*sizes, (height, width)] if stays else sizes))

    def size_of(self, height: int, width: int, lot: int = 0) -> tuple[int, int]:
        """Height and width of what becomes of an image of ``height`` x ``width`` with the draws of ``lot``."""
        resize = self._drawn(self._resizes, self._of_resize, lot, _RESIZE)
        return _inner_and_outer(resize, height, width)[1] if resize else (height, width)

    def __call__(self, image: np.ndarray, lot: int) -> np.ndarray:
        """What becomes of ``image`` (C, H, W; uint8) with the draws of ``lot``; DataError, the bare sentence."""
        if image.dtype != np.uint8:
            raise DataError(
                f"an image of {shape_text(image.shape)} floats; expected bytes for resize_param and noise_param"
            )
        resize = self._drawn(self._resizes, self._of_resize, lot, _RESIZE)
        if resize:
            image = _resized(image, resize, lot)
        noise = self._drawn(self._noises, self._of_noise, lot, _NOISE)
        return apply_noise(image, noise, int(draw(lot, _PLACES, 0, 1)[0])) if noise else image

    def _drawn(self, params: list, bounds: list[float], lot: int, lane: int) -> Message | None:
        """The one of ``params`` that is drawn; None for none."""
        if not params:
            return None
        number = _unit(lot, lane)
        return next((param for param, bound in zip(params, bounds) if number < bound), None)


def _unit(lot: int, lane: int) -> float:
    return int(draw(lot, lane, 0, 1)[0] >> np.uint64(11)) * 2.0**-53


def _bounds(field: str, params: list) -> list[float]:
    """Where in 0 to 1 each of ``params`` ends; the last at 1 if the probabilities add up to about that."""
    for param in params:
        if not 0 <= param.prob <= 1:
            raise LayerError(f"prob of a {field} is {param.prob:g}; expected 0 to 1")
    ends = np.cumsum([param.prob for param in params], dtype=np.float64).tolist()
    if ends and ends[-1] > 1 + _SUM:
        raise LayerError(f"prob of all {field} add up to {ends[-1]:g}; expected at most 1")
    scale = ends[-1] if ends and abs(ends[-1] - 1) < _SUM else 1
    return [end / scale for end in ends]


def _check_resize(param: Message) -> None:
    for field in ("height", "width"):
        if getattr(param, field) < 1:
            raise LayerError(f"resize_param has no {field}; expected at least 1")
    if param.center_object:
        raise LayerError("center_object of resize_param is not known here; expected false")
    if not 0 <= param.max_angle <= 360:
        raise LayerError(f"max_angle of resize_param is {param.max_angle:g}; expected 0 to 360 degrees")


def _mode(param: Message) -> str:
    return param.Resize_mode.Name(param.resize_mode)


def _fixed(param: Message) -> tuple[int, int] | None:
    return None if _mode(param) == "FIT_SMALL_SIZE" else (param.height, param.width)


def _inner_and_outer(param: Message, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Height and width to which an image of ``height`` x ``width`` is resized, and those it is then padded to."""
    wanted, mode, proportion = (param.height, param.width), _mode(param), width / height
    if mode == "WARP":
        return wanted, wanted
    wider = proportion > param.width / param.height
    small = mode == "FIT_SMALL_SIZE"
    if wider == small:  # the height is met
        inner = (param.height, max(1, math.floor(proportion * param.height)))
    else:
        inner = (max(1, math.floor(param.width / proportion)), param.width)
    return inner, inner if small else wanted


def _resized(image: np.ndarray, param: Message, lot: int) -> np.ndarray:
    names = [param.Interp_mode.Name(mode) for mode in param.interp_mode] or ["LINEAR"]
    mode = names[int(_unit(lot, _INTERPOLATION) * len(names))]
    border = param.Pad_mode.Name(param.pad_mode)
    fill = _fill(param, image)
    if param.max_angle > 0:
        image = turn(image, param.max_angle * (2 * _unit(lot, _ANGLE) - 1), mode, border, fill)
    inner, outer = _inner_and_outer(param, *image.shape[1:])
    image = image if image.shape[1:] == inner else RESIZE[mode](image, *inner)
    if inner == outer:
        return image
    above, left = ((whole - part) // 2 for whole, part in zip(outer, inner))
    pads = [(0, 0), (above, outer[0] - inner[0] - above), (left, outer[1] - inner[1] - left)]
    if border != "CONSTANT":
        return np.pad(image, pads, "reflect" if border == "MIRRORED" else "edge")
    padded = np.empty((len(image), *outer), np.uint8)
    padded[:] = fill.reshape(-1, 1, 1)
    padded[:, above : above + inner[0], left : left + inner[1]] = image
    return padded


def _fill(param: Message, image: np.ndarray) -> np.ndarray:
    """What lies beyond the edge of ``image``, one value per channel: ``pad_value`` rounded to a byte, or 0."""
    values, channels = list(param.pad_value) or [0], len(image)
    if len(values) not in (1, channels):
        raise DataError(
            f"an image of {shape_text(image.shape)}, but resize_param has {plural(len(values), 'pad_value')}; "
            f"expected 1 or {channels}"
        )
    return np.resize(np.clip(np.rint(values), 0, 255).astype(np.uint8), channels)
