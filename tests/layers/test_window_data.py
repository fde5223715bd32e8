"""WindowData against Caffe's geometry, pixel by pixel; which windows are drawn; what can be wrong."""

import itertools
import math

import numpy as np
import pytest
from harness import LayerRun, layer_param
from PIL import Image

from minicaffe.data.images import resize
from minicaffe.data.windows import WindowOptions, warp
from minicaffe.errors import DataError, LayerError
from minicaffe.layers import layer_class
from minicaffe.proto import write_mean


def rounded(value):
    return math.floor(value + 0.5) if value >= 0 else -math.floor(-value + 0.5)


def oracle(image, box, flip, size, pad, square, mean, scale):
    """One window after Caffe's rules, in plain numbers; ``mean(c, y, x)`` is of the crop's own place."""
    x1, y1, x2, y2 = box
    height, width = image.shape[1:]
    pad_w = pad_h = 0
    wide = high = size
    if pad or square:
        ratio = np.float32(size) / np.float32(size - 2 * pad)
        half_h, half_w = np.float32(y2 - y1 + 1) / 2, np.float32(x2 - x1 + 1) / 2
        cx, cy = np.float32(x1) + half_w, np.float32(y1) + half_h
        if square:
            half_h = half_w = max(half_h, half_w)
        x1, x2 = rounded(cx - half_w * ratio), rounded(cx + half_w * ratio)
        y1, y2 = rounded(cy - half_h * ratio), rounded(cy + half_h * ratio)
        sx, sy = np.float32(size) / np.float32(x2 - x1 + 1), np.float32(size) / np.float32(y2 - y1 + 1)
        left, right = max(0, -x1), max(0, x2 - width + 1)
        up, down = max(0, -y1), max(0, y2 - height + 1)
        x1, x2, y1, y2 = x1 + left, x2 - right, y1 + up, y2 - down
        wide, high = rounded(np.float32(x2 - x1 + 1) * sx), rounded(np.float32(y2 - y1 + 1) * sy)
        pad_h = rounded(np.float32(up) * sy)
        pad_w = rounded(np.float32(right if flip else left) * sx)
        wide, high = min(wide, size - pad_w), min(high, size - pad_h)
    cut = resize(image[:, y1 : y2 + 1, x1 : x2 + 1], high, wide)
    out = np.zeros((3, size, size), np.float32)
    for c, y, x in np.ndindex(3, high, wide):
        pixel = np.float32(cut[c, y, wide - 1 - x if flip else x])
        out[c, y + pad_h, x + pad_w] = (pixel - mean(c, y + pad_h, x + pad_w)) * np.float32(scale)
    return out


BOXES = [(3, 4, 20, 12), (0, 0, 0, 0), (0, 0, 29, 19), (25, 2, 29, 19), (1, 15, 6, 19), (10, 3, 11, 18)]


@pytest.mark.parametrize("pad, square", [(pad, square) for pad in (0, 1, 4) for square in (False, True)])
def test_windows_are_caffes(pad, square):
    random = np.random.default_rng(2)
    image = random.integers(0, 256, (3, 20, 30)).astype(np.uint8)
    picture, values = random.uniform(0, 255, (3, 19, 17)).astype(np.float32), np.float32([1, 2, 3]).reshape(3, 1, 1)
    means = [
        (None, lambda c, y, x: np.float32(0)),
        (values, lambda c, y, x: values[c, 0, 0]),
        (picture, lambda c, y, x: picture[c, y + 3, x + 3]),
    ]
    for box, flip, (mean, at) in itertools.product(BOXES, [False, True], means):
        options = WindowOptions(size=11, batch_size=1, context_pad=pad, square=square, scale=0.25, mean=mean)
        found = warp(image, box, flip, options)
        assert (found == oracle(image, box, flip, 11, pad, square, at, 0.25)).all(), (box, flip)


@pytest.fixture
def source(tmp_path):
    """Three images of one colour each; windows with the overlaps 0 to 1, of classes 1 to 3."""
    lines = []
    for k in range(3):
        Image.fromarray(np.full((10, 12, 3), 50 * k, np.uint8)).save(tmp_path / f"{k}.png")
        lines += [f"# {k}", f"{k}.png", "3", "10", "12", "3"]
        lines += [f"{k + 1} {overlap} 1 2 8 9" for overlap in (0.1, 0.5, 0.9)]
    (tmp_path / "windows.txt").write_text("\n".join(lines) + "\n")
    return tmp_path / "windows.txt"


@pytest.fixture
def run(source):
    made = []

    def make(options="", transform="crop_size: 4", **more):
        text = (
            f'type: "WindowData" window_data_param {{ source: "{source}" root_folder: "{source.parent}/" '
            f"batch_size: 8 {options} }} transform_param {{ {transform} }}"
        )
        made.append(LayerRun(layer_param(text, 0, 2), [], "TRAIN", **more))
        return made[-1]

    yield make
    for one in made:
        one.layer.close()


def take(run, count):
    batches = []
    for _ in range(count):
        run.forward()
        batches.append([top.copy() for top in run.tops])
    return batches


def same(first, second):
    return all((a == b).all() for one, other in zip(first, second, strict=True) for a, b in zip(one, other))


@pytest.mark.parametrize("fraction, count", [("", 2), ("fg_fraction: 0.5", 4), ("fg_fraction: 0", 0)])
@pytest.mark.parametrize("cache", ["", "cache_images: true"])
def test_background_first_then_foreground(run, fraction, count, cache):
    one = run(f"{fraction} {cache}")
    assert not one.layer.dynamic
    assert [top.shape for top in one.tops] == [(8, 3, 4, 4), (8,)]
    colours = [set(), set()]
    for images, labels in take(one, 30):
        assert (labels[: 8 - count] == 0).all()
        for n, (image, label) in enumerate(zip(images, labels)):
            colour = image.min()
            assert (image == colour).all()
            assert n < 8 - count or label == colour / 50 + 1
            colours[n >= 8 - count].add(colour)
    assert colours[0] == {0, 50, 100}
    assert colours[1] == ({0, 50, 100} if count else set())


def test_thresholds(run):
    ((_, labels),) = take(run("fg_threshold: 0.1 bg_threshold: 0.05 fg_fraction: 1"), 1)
    assert (labels > 0).all()
    with pytest.raises(DataError, match=r"no background window \(an overlap below 0.05\), but each batch takes 6$"):
        run("fg_threshold: 0.1 bg_threshold: 0.05")
    with pytest.raises(DataError, match=r"no foreground window \(an overlap of at least 2\), but each batch takes 2$"):
        run("fg_threshold: 2")


@pytest.mark.parametrize("taken", [0, 1, 4])
def test_a_restored_layer_goes_on_exactly(run, taken):
    options = ("context_pad: 1", "crop_size: 6 mirror: true")
    straight = run(*options)
    take(straight, taken)
    state = straight.layer.state()
    expected = take(straight, 5)
    other = run(*options)
    take(other, 3)
    other.layer.restore(state)
    assert same(take(other, 5), expected)
    assert not same(take(run(*options, seed=9), 5), take(run(*options, seed=8), 5))


def test_mean_and_scale(run, tmp_path):
    ((plain, _),) = take(run(), 1)
    ((images, _),) = take(run("", "crop_size: 4 mean_value: 10 scale: 0.5"), 1)
    assert (images == (plain - 10) / 2).all()
    mean = np.arange(3 * 36, dtype=np.float32).reshape(3, 6, 6)
    write_mean(str(tmp_path / "mean"), mean)
    ((images, _),) = take(run("", f'crop_size: 4 mean_file: "{tmp_path}/mean"'), 1)
    assert (images == plain - mean[:, 1:5, 1:5]).all()
    write_mean(str(tmp_path / "mean"), np.zeros((3, 3, 3), np.float32))
    with pytest.raises(DataError, match="a mean of 3 x 3 x 3; expected 3 channels, and room for windows of 4 x 4"):
        run("", f'crop_size: 4 mean_file: "{tmp_path}/mean"')


def test_outline():
    text = 'type: "WindowData" window_data_param { source: "none" batch_size: 2 } transform_param { crop_size: 5 }'
    assert layer_class("WindowData")(layer_param(text, 0, 2), "TRAIN").outline().tops == [(2, 3, 5, 5), (2,)]


@pytest.mark.parametrize(
    "options, transform, message",
    [
        ("", "", "transform_param has no crop_size; expected the size of the windows"),
        ('crop_mode: "squar"', "crop_size: 4", 'crop_mode is "squar"; did you mean "square"?'),
        ("context_pad: 2", "crop_size: 4", "context_pad is 2; expected less than half the crop_size, 4"),
        ("fg_fraction: 2", "crop_size: 4", "fg_fraction is 2; expected 0 to 1"),
    ],
)
def test_options_that_make_no_sense(run, options, transform, message):
    with pytest.raises(LayerError) as caught:
        run(options, transform)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "line, message",
    [
        ("0 0.9 1 2 8 9", "class 0 with overlap 0.9; expected at least 1 in the foreground"),
        ("1 0.1 1 2 12 9", "the window (1, 2, 12, 9) has no place in an image of 3 x 10 x 12"),
    ],
)
def test_windows_that_make_no_sense(run, source, line, message):
    source.write_text("\n".join(["# 0", "0.png", "3 10 12", "2", "1 0.6 0 0 1 1", line]))
    with pytest.raises(DataError) as caught:
        take(run("fg_fraction: 0.5" if "0.1" in line else "fg_fraction: 1"), 1)
    assert str(caught.value) == f"{source}:6: {message}"


@pytest.mark.parametrize("cache", ["", "cache_images: true"])
def test_a_missing_image(run, source, cache):
    (source.parent / "1.png").unlink()
    with pytest.raises(DataError, match=rf"^{source}:\d+: {source.parent}/1.png: no such file"):
        take(run(cache), 3)
