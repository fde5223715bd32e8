"""Images of bytes, blue first, in other colours: whole-number arithmetic as in OpenCV, but for Lab."""

from __future__ import annotations

import numpy as np

__all__ = ["from_ycrcb", "gray", "to_hsv", "to_lab", "to_ycrcb"]

_BITS = 14
_HALF = 1 << (_BITS - 1)
_WHITE = (0.950456, 1.0, 1.088754)  # D65
_XYZ = np.array(  # of linear sRGB, red first
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)


def gray(image: np.ndarray) -> np.ndarray:
    """(3, H, W) as (1, H, W): 0.114 B + 0.587 G + 0.299 R, weights in whole 2**-15."""
    blue, green, red = image.astype(np.int32)
    return ((blue * 3735 + green * 19235 + red * 9798 + (1 << 14)) >> 15).astype(np.uint8)[None]


def to_ycrcb(image: np.ndarray) -> np.ndarray:
    """(3, H, W) as Y = 0.114 B + 0.587 G + 0.299 R, 128 + 0.713 (R - Y), 128 + 0.564 (B - Y), weights in 2**-14."""
    blue, green, red = image.astype(np.int32)
    light = (blue * 1868 + green * 9617 + red * 4899 + _HALF) >> _BITS
    middle = (128 << _BITS) + _HALF
    both = ((red - light) * 11682 + middle) >> _BITS, ((blue - light) * 9241 + middle) >> _BITS
    return _bytes(light, *both)


def from_ycrcb(image: np.ndarray) -> np.ndarray:
    """The inverse of ``to_ycrcb``, but for rounding."""
    light, red, blue = image.astype(np.int32)
    red, blue = red - 128, blue - 128
    return _bytes(
        light + ((blue * 29049 + _HALF) >> _BITS),
        light + ((blue * -5636 + red * -11698 + _HALF) >> _BITS),
        light + ((red * 22987 + _HALF) >> _BITS),
    )


def to_hsv(image: np.ndarray) -> np.ndarray:
    """(3, H, W) as hue in steps of two degrees (0 to 179), saturation and value (0 to 255), in whole numbers."""
    blue, green, red = image.astype(np.int32)
    value = image.max(axis=0).astype(np.int32)
    spread = value - image.min(axis=0)
    numbers = np.maximum(np.arange(256), 1)
    by_value, by_spread = (np.rint((span << 12) / numbers).astype(np.int32) for span in (255, 30))
    by_value[0] = by_spread[0] = 0
    sixths = np.where(
        value == red, green - blue, np.where(value == green, blue - red + 2 * spread, red - green + 4 * spread)
    )
    hue = (sixths * by_spread[spread] + (1 << 11)) >> 12
    return _bytes(np.where(hue < 0, hue + 180, hue), (spread * by_value[value] + (1 << 11)) >> 12, value)


def to_lab(image: np.ndarray) -> np.ndarray:
    """(3, H, W) as CIE L* (0 to 100), a*, b*: float32, from sRGB with white D65."""
    x = image[::-1].astype(np.float64) / 255
    linear = np.where(x > 0.04045, ((x + 0.055) / 1.055) ** 2.4, x / 12.92)
    # no product of matrices: its bits would depend on the machine
    parts = [(row[0] * linear[0] + row[1] * linear[1] + row[2] * linear[2]) / white for row, white in zip(_XYZ, _WHITE)]
    f, g, h = (np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116) for t in parts)
    return np.stack([116 * g - 16, 500 * (f - g), 200 * (g - h)]).astype(np.float32)


def _bytes(*planes: np.ndarray) -> np.ndarray:
    return np.clip(np.stack(planes), 0, 255).astype(np.uint8)
