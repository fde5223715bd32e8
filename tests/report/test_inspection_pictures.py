"""Arrays as pictures, read back by pillow."""

import io

import numpy as np
from PIL import Image

from minicaffe.report.pictures import color_tiles, fitting, number_tiles, png_bytes


def read(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def test_png():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 4), dtype=np.uint8)
    np.testing.assert_array_equal(read(png_bytes(pixels)), pixels)
    palette = np.arange(768, dtype=np.uint8).reshape(256, 3)
    indices = np.array([[0, 1, 255], [2, 3, 4]], np.uint8)
    found = read(png_bytes(indices, palette))
    np.testing.assert_array_equal(found[..., :3], palette[indices])
    np.testing.assert_array_equal(found[..., 3] == 0, indices == 0)


def test_numbers_in_colours():
    tiles = np.zeros((3, 4, 4))
    tiles[0], tiles[1], tiles[2, 0, 0] = -2, 2, np.nan
    picture = number_tiles(tiles, 9, "maps")
    pixels = read(picture.png)
    assert pixels.shape == (4, 14, 4) and (picture.width, picture.height) == (14, 4)
    assert (picture.shown, picture.of, picture.low, picture.high, picture.scale) == (3, 9, -2, 2, "signed")
    assert pixels[1, 1, 2] > pixels[1, 1, 0] and pixels[1, 6, 0] > pixels[1, 6, 2]  # blue below 0, red above
    assert pixels[1, 4, 3] == 0 and pixels[0, 10].tolist() == [255, 0, 200, 255]
    assert pixels[2, 12, :3].min() > 240  # 0 is nearly white
    positive = number_tiles(np.array([[[0.0, 1.0]]]), 1, "maps")
    assert positive.scale == "positive" and read(positive.png)[0, 1, :3].sum() > read(positive.png)[0, 0, :3].sum()


def test_long_sides_become_means():
    tile = np.repeat(np.arange(4.0), 3)[None, None].repeat(10, 1)
    picture = number_tiles(tile, 1, "maps", side=4)
    assert (picture.width, picture.height) == (4, 4)
    colors = read(picture.png)[0]
    reference = read(number_tiles(np.arange(4.0)[None, None], 1, "maps").png)[0]
    np.testing.assert_allclose(colors, reference, atol=2)  # the end of the scale is a percentile


def test_colours():
    tile = np.zeros((1, 3, 2, 2))
    tile[0, 0] = 1
    assert read(color_tiles(tile, 1, "filters", 0, 1, rgb=True).png)[0, 0].tolist() == [255, 0, 0, 255]
    assert read(color_tiles(tile, 1, "filters", 0, 1, rgb=False).png)[0, 0].tolist() == [0, 0, 255, 255]


def test_numbers_without_extent():
    for tiles in (np.zeros((2, 3, 3)), np.full((2, 3, 3), np.nan), np.full((1, 1, 1), 5.0)):
        assert read(number_tiles(tiles, 2, "maps").png).shape[2] == 4


def test_what_fits():
    assert fitting(20, 24, 24, 100_000) == (20, 24)
    for pixels in (4_000, 20_000, 100_000):
        shown, side = fitting(2048, 112, 112, pixels)
        assert shown >= 4 and shown * side * side <= pixels
