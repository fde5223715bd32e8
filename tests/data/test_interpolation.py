"""Interpolation along each axis, beside sums written out."""

import numpy as np
import pytest

from minicaffe.data.interpolation import interpolate

IMAGE = np.array([[(7 * i + 5 * j * j + 3 * k) % 11 for k in range(2)] for i in range(5) for j in range(6)], float)
IMAGE = IMAGE.reshape(5, 6, 2)


def at(line, place, order):
    """The value of a line of numbers at a place, from its definition."""
    inside = [line[min(max(i, 0), len(line) - 1)] for i in range(-3, len(line) + 3)]
    total = 0.0
    for i, value in enumerate(inside):
        d = abs(place - (i - 3))
        if order == 1:
            weight = max(0, 1 - d)
        elif d <= 1:
            weight = 1.5 * d**3 - 2.5 * d**2 + 1
        else:
            weight = -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2 if d < 2 else 0
        total = total + weight * value
    return total


def naive(image, height, width, order):
    def along(lines, size):
        return np.array([at(lines, (i + 0.5) * len(lines) / size - 0.5, order) for i in range(size)])

    rows = along(image, height)
    result = along(rows.swapaxes(0, 1), width).swapaxes(0, 1)
    return np.clip(result, image.min(), image.max())


@pytest.mark.parametrize("order", [1, 3])
@pytest.mark.parametrize("size", [(5, 6), (10, 3), (1, 1), (7, 13), (2, 6)])
def test_as_defined(order, size):
    result = interpolate(IMAGE, *size, order)
    assert result.dtype == np.float32 and result.shape == (*size, 2)
    np.testing.assert_allclose(result, naive(IMAGE, *size, order), rtol=1e-6, atol=1e-6)


def test_nearest():
    line = np.arange(4.0).reshape(1, 4, 1)
    assert interpolate(line, 2, 8, 0)[1, :, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert interpolate(line, 1, 2, 0)[0, :, 0].tolist() == [1, 3]


@pytest.mark.parametrize("order", [0, 1, 3])
def test_one_value_stays_one_value(order):
    assert (interpolate(np.full((3, 4, 1), 0.7), 8, 5, order) == np.float32(0.7)).all()
