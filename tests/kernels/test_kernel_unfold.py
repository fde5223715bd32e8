"""Windows as planes: what a tap of a plane holds, and that fold is the transpose of unfold."""

import itertools

import numpy as np
import pytest

from minicaffe.kernels.unfold import BLOCK, fold, positions, tile_at, unfold, windows

# images, channels, inputs, kernel, stride, pad, dilation
CASES = {
    "plain": (3, 2, (1, 5, 7), (1, 3, 3), (1, 1, 1), (0, 1, 1), (1, 1, 1)),
    "strided": (2, 3, (1, 11, 9), (1, 5, 4), (1, 2, 3), (0, 2, 3), (1, 1, 1)),
    "dilated": (1, 2, (1, 13, 9), (1, 4, 2), (1, 4, 2), (0, 3, 1), (1, 2, 4)),
    "unmet_rows_between": (2, 2, (1, 9, 9), (1, 3, 3), (1, 1, 1), (0, 0, 0), (1, 3, 4)),
    "volume": (2, 2, (5, 4, 6), (2, 3, 2), (2, 1, 2), (1, 1, 0), (2, 1, 2)),
    "images_together": (13, 1, (1, 2, 3), (1, 2, 2), (1, 1, 1), (0, 1, 1), (1, 1, 1)),
    "wide": (1, 1, (1, 3, 1200), (1, 2, 3), (1, 1, 1), (0, 0, 1), (1, 1, 1)),
}


def make(case):
    images, channels, inputs, kernel, stride, pad, dilation = CASES[case]
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    outputs = tuple((n + 2 * p - r) // s + 1 for n, p, r, s in zip(inputs, pad, reach, stride))
    w = windows(images, channels, inputs, outputs, kernel, stride, pad, dilation)
    x = np.random.default_rng(5).standard_normal((images, channels, *inputs))
    planes = np.full(w.block * kernel[0] * kernel[2] * w.plane, np.nan)
    return w, x, planes


@pytest.mark.parametrize("case", CASES)
def test_every_tap_meets_its_input_element(case):
    w, x, planes = make(case)
    _, channels, _, kernel, stride, pad, dilation = CASES[case]
    padded = np.pad(x, ((0, 0), (0, 0), *((p, p + 9) for p in pad)))
    seen = np.zeros((w.images, w.out_depth, w.out_height, w.out_width), int)
    taps = list(itertools.product(range(w.block), *map(range, kernel)))
    for index in range(w.tiles):
        t = tile_at(w, index)
        unfold(w, t, x.reshape(-1), 0, channels, min(w.block, channels), planes, 0)
        assert positions(w, t) == t.rows * w.tile_images * w.tile_columns
        for r, i, c in itertools.product(range(t.rows), range(t.images), range(t.columns)):
            image, place = t.image + i, (t.depth, t.row + r, t.column + c)
            seen[(image, *place)] += 1
            at = (r * w.tile_images + i) * w.tile_columns + c
            for offset, (channel, *tap) in zip(w.taps, taps):
                source = (o * s + k * d for o, s, k, d in zip(place, stride, tap, dilation))
                assert planes[offset + at] == padded[(image, channel, *source)]
    assert (seen == 1).all()


@pytest.mark.parametrize("case", CASES)
def test_fold_is_the_transpose(case):
    w, x, planes = make(case)
    channels = CASES[case][1]
    rng = np.random.default_rng(6)
    for index in range(w.tiles):
        t = tile_at(w, index)
        planes[:] = 0
        unfold(w, t, x.reshape(-1), 0, channels, min(w.block, channels), planes, 0)
        other, back = rng.standard_normal(planes.size), np.zeros_like(x)
        fold(w, t, other, 0, back.reshape(-1), 0, channels, min(w.block, channels))
        np.testing.assert_allclose((planes * other).sum(), (x * back).sum(), rtol=1e-10)


@pytest.mark.parametrize(
    "side, images, channels, k", [(224, 1, 64, 3), (7, 1, 512, 7), (1, 64, 4096, 1), (32, 100, 3, 5)]
)
def test_planes_stay_in_the_cache(side, images, channels, k):
    out = side if k % 2 and k < side else side - k + 1
    pad = (side + k - 1 - side) // 2 if out == side else 0
    w = windows(images, channels, (1, side, side), (1, out, out), (1, k, k), (1, 1, 1), (0, pad, pad), (1, 1, 1))
    assert 1 <= w.block <= channels
    assert w.block == 1 or w.block * k * w.plane <= BLOCK
    assert w.tile_rows * w.tile_images * w.tile_columns <= 512
