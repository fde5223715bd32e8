import itertools

import numpy as np
import pytest

from minicaffe.data import Transformer
from minicaffe.errors import DataError, LayerError
from minicaffe.proto import caffe_pb2, write_mean
from minicaffe.proto.text import parse_text

SHAPE = (3, 6, 8)


def make(text="", phase="TEST", shape=SHAPE, find=str):
    return Transformer(parse_text(text, caffe_pb2.TransformationParameter, "test"), phase, shape, find)


def run(transformer, images, seed=0, first=0):
    out = np.full((len(images), *transformer.output_shape), np.nan, np.float32)
    transformer(images, out, seed, first)
    return out


def naive(image, mean, scale, crop, top, left, flip):
    """One value after the other; ``mean(c, y, x)`` of the whole image."""
    channels, height, width = image.shape
    height, width = (crop, crop) if crop else (height, width)
    out = np.empty((channels, height, width), np.float32)
    for c, y, x in np.ndindex(out.shape):
        value = np.float32(image[c, top + y, left + x]) - np.float32(mean(c, top + y, left + x))
        out[c, y, width - 1 - x if flip else x] = value * np.float32(scale)
    return out


def pictures(count, shape=SHAPE, dtype=np.uint8):
    return np.random.default_rng(1).integers(0, 256, (count, *shape)).astype(dtype)


@pytest.fixture
def means(tmp_path):
    """By prototxt text: the mean as a function of (c, y, x)."""
    image = np.random.default_rng(2).uniform(0, 255, SHAPE).astype(np.float32)
    write_mean(str(tmp_path / "mean.binaryproto"), image)
    return {
        "": lambda c, y, x: 0,
        "mean_value: 100.5": lambda c, y, x: 100.5,
        "mean_value: 1 mean_value: 20.25 mean_value: 300": lambda c, y, x: (1, 20.25, 300)[c],
        f'mean_file: "{tmp_path}/mean.binaryproto"': lambda c, y, x: image[c, y, x],
    }


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("scale", [1, 0.00390625, -3])
def test_mean_and_scale(means, scale, dtype):
    images = pictures(2, dtype=dtype)
    for text, mean in means.items():
        transformer = make(f"{text} scale: {scale}")
        assert transformer.output_shape == SHAPE
        expected = [naive(image, mean, scale, 0, 0, 0, False) for image in images]
        assert (run(transformer, images) == expected).all(), text


@pytest.mark.parametrize("crop, top, left", [(6, 0, 1), (3, 1, 2), (1, 2, 3)])
def test_the_crop_is_in_the_middle_when_testing(means, crop, top, left):
    images = pictures(2)
    for text, mean in means.items():
        transformer = make(f"{text} crop_size: {crop} scale: 2")
        assert transformer.output_shape == (3, crop, crop)
        expected = [naive(image, mean, 2, crop, top, left, False) for image in images]
        assert (run(transformer, images) == expected).all(), text


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
@pytest.mark.parametrize("crop", [0, 4])
@pytest.mark.parametrize("mirror", ["true", "false"])
def test_random_choices_are_all_taken_and_keep_mean_and_image_together(means, phase, crop, mirror):
    image = np.arange(3 * 6 * 8, dtype=np.uint8).reshape(SHAPE)  # every pixel tells its place
    images = np.repeat(image[None], 400, axis=0)
    moves = crop and phase == "TRAIN"
    places = itertools.product(range(3), range(5)) if moves else [(1, 2) if crop else (0, 0)]
    choices = list(itertools.product(places, [True, False] if mirror == "true" else [False]))
    for text, mean in means.items():
        expected = {naive(image, mean, 1, crop, *place, flip).tobytes() for place, flip in choices}
        found = run(make(f"{text} crop_size: {crop} mirror: {mirror}", phase), images, seed=3)
        assert {one.tobytes() for one in found} == expected, text
        assert len(expected) == len(choices)


def test_every_choice_is_equally_likely():
    shape = (1, 3, 3)
    images = np.repeat(np.arange(9, dtype=np.uint8).reshape(1, *shape), 9000, axis=0)
    found = run(make("crop_size: 2 mirror: true", "TRAIN", shape), images)
    counts = np.unique(found.reshape(9000, 4), axis=0, return_counts=True)[1]
    assert len(counts) == 8
    assert abs(counts - 1125).max() < 5 * 1125**0.5


@pytest.mark.parametrize("text", ["crop_size: 3 mirror: true", "crop_size: 3", "mirror: true"])
def test_choices_depend_on_seed_and_count_alone(text):
    images, transformer = pictures(40), make(text, "TRAIN")
    whole = run(transformer, images, seed=5, first=100)
    parts = [run(transformer, images[k : k + 8], seed=5, first=100 + k) for k in (32, 0, 8, 24, 16)]
    assert (whole == np.concatenate([parts[k] for k in (1, 2, 4, 3, 0)])).all()
    assert (whole != run(transformer, images, seed=6, first=100)).any()
    assert (whole != run(transformer, images, seed=5, first=101)).any()


def test_the_mean_file_is_looked_for(tmp_path):
    write_mean(str(tmp_path / "m.binaryproto"), np.full((1, 1, 1), 3, np.float32))
    transformer = make('mean_file: "m.binaryproto"', shape=(1, 1, 1), find=lambda path: str(tmp_path / path))
    assert run(transformer, np.full((1, 1, 1, 1), 10, np.uint8)).item() == 7


# -- what can be wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, message",
    [
        ("crop_size: 7", "crop_size is 7, but the images are 3 x 6 x 8"),
        ("mean_value: 1 mean_value: 2", "2 mean_value, but the images have 3 channels: expected 1 or 3"),
        ('mean_file: "m" mean_value: 1', "both mean_file and mean_value are given; expected at most one of them"),
    ],
)
def test_options_that_make_no_sense(text, message):
    with pytest.raises(LayerError) as caught:
        make(text)
    assert str(caught.value) == message


def test_a_mean_of_another_size(tmp_path):
    path = tmp_path / "mean.binaryproto"
    write_mean(str(path), np.zeros((3, 8, 6), np.float32))
    with pytest.raises(DataError) as caught:
        make(f'mean_file: "{path}"')
    assert str(caught.value) == f"{path}: a mean of 3 x 8 x 6, but the images are 3 x 6 x 8"


def test_a_mean_that_is_missing_or_none(tmp_path):
    with pytest.raises(DataError, match=f"^{tmp_path}/none.binaryproto: no such file"):
        make(f'mean_file: "{tmp_path}/none.binaryproto"')
    (tmp_path / "text").write_text("mean")
    with pytest.raises(DataError, match=f"^{tmp_path}/text: "):
        make(f'mean_file: "{tmp_path}/text"')
