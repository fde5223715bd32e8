"""Resizing by a ``resize_param``: sizes, padding, draws, and what can be wrong."""

import numpy as np
import pytest

from minicaffe.data import Augmentation, Transformer
from minicaffe.data.warping import RESIZE
from minicaffe.errors import DataError, LayerError
from minicaffe.proto import caffe_pb2
from minicaffe.proto.text import parse_text


def parse(text):
    return parse_text(text, caffe_pb2.TransformationParameter, "test")


def make(text):
    return Augmentation(parse(text))


def picture(*shape):
    return np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)


@pytest.mark.parametrize("mode", RESIZE)
def test_warp(mode):
    image = picture(3, 12, 20)
    augment = make(f"resize_param {{ height: 8 width: 9 interp_mode: {mode} }}")
    assert (augment(image, 5) == RESIZE[mode](image, 8, 9)).all()
    assert augment.size == (8, 9) and not augment.by_lot


@pytest.mark.parametrize(
    "shape, size", [((60, 100), (30, 50)), ((100, 60), (50, 30)), ((30, 30), (30, 30)), ((7, 50), (30, 214))]
)
def test_fit_small_size(shape, size):
    augment = make("resize_param { height: 30 width: 30 resize_mode: FIT_SMALL_SIZE }")
    image = picture(1, *shape)
    assert (augment(image, 0) == RESIZE["LINEAR"](image, *size)).all()
    assert augment.size_of(*shape) == size and augment.sizes_of(*shape) == [size]
    assert augment.size is None and not augment.by_lot


@pytest.mark.parametrize("shape, inner, start", [((60, 100), (18, 30), (6, 0)), ((100, 60), (30, 18), (0, 6))])
@pytest.mark.parametrize(
    "pad, numpys",
    [
        ("", {"mode": "constant"}),
        ("pad_value: 104", {"mode": "constant", "constant_values": 104}),
        ("pad_mode: MIRRORED", {"mode": "reflect"}),
        ("pad_mode: REPEAT_NEAREST", {"mode": "edge"}),
    ],
)
def test_fit_large_size_and_pad(shape, inner, start, pad, numpys):
    augment = make(f"resize_param {{ height: 30 width: 30 resize_mode: FIT_LARGE_SIZE_AND_PAD {pad} }}")
    image = picture(3, *shape)
    expected = np.pad(RESIZE["LINEAR"](image, *inner), [(0, 0), (start[0],) * 2, (start[1],) * 2], **numpys)
    assert (augment(image, 0) == expected).all()
    assert augment.size == (30, 30)


def test_padding_with_a_value_per_channel():
    augment = make(
        "resize_param { height: 4 width: 2 resize_mode: FIT_LARGE_SIZE_AND_PAD "
        "pad_value: 1 pad_value: 2.6 pad_value: 300 }"
    )
    found = augment(np.full((3, 5, 5), 9, np.uint8), 0)
    assert found[:, 0].tolist() == [[1, 1], [3, 3], [255, 255]] and (found[:, 1:3] == 9).all()


def test_the_interpolation_is_drawn_and_follows_the_number():
    image = picture(1, 6, 6)
    augment = make("resize_param { height: 9 width: 9 interp_mode: LINEAR interp_mode: NEAREST interp_mode: CUBIC }")
    expected = {RESIZE[mode](image, 9, 9).tobytes(): mode for mode in ("LINEAR", "NEAREST", "CUBIC")}
    found = [expected[augment(image, lot).tobytes()] for lot in range(300)]
    assert min(found.count(mode) for mode in expected.values()) > 70
    assert [expected[augment(image, lot).tobytes()] for lot in range(300)] == found


def test_one_of_several_is_drawn_by_prob():
    augment = make(
        "resize_param { prob: 0.5 height: 4 width: 4 } resize_param { prob: 0.2 height: 5 width: 5 }"
        "resize_param { prob: 0.2 height: 6 width: 6 resize_mode: FIT_SMALL_SIZE }"
    )
    sizes = [augment(picture(1, 8, 8), lot).shape[1] for lot in range(1000)]
    assert all(abs(sizes.count(size) - count) < 60 for size, count in ((4, 500), (5, 200), (6, 200), (8, 100)))
    assert set(sizes) == {4, 5, 6, 8}
    assert sizes == [augment.size_of(8, 8, lot)[0] for lot in range(1000)]
    assert augment.sizes_of(8, 16) == [(4, 4), (5, 5), (6, 12), (8, 16)]
    assert augment.by_lot and augment.size is None


def test_noise_is_drawn_by_prob():
    augment = make("noise_param { prob: 0.3 inverse: true }")
    image = picture(1, 2, 2)
    struck = sum((augment(image, lot) == 255 - image).all() for lot in range(1000))
    assert abs(struck - 300) < 60
    assert augment.size is None and not augment.by_lot and augment.sizes_of(2, 2) == [(2, 2)]


def test_max_angle_turns_by_lot():
    augment = make("resize_param { height: 20 width: 20 max_angle: 10 interp_mode: NEAREST }")
    image = picture(1, 20, 20)
    found = [augment(image, lot) for lot in (1, 1, 2)]
    assert (found[0] == found[1]).all() and (found[0] != found[2]).any() and (found[0] != image).any()


# -- with the rest of the transformation ----------------------------------------------------------------------


BOTH = (
    "crop_size: 5 mirror: true scale: 0.5 mean_value: 10 "
    "resize_param { resize_mode: FIT_SMALL_SIZE height: 7 width: 7 interp_mode: AREA interp_mode: CUBIC max_angle: 9 }"
    "noise_param { prob: 0.5 inverse: true saltpepper: true saltpepper_param { fraction: 0.1 value: 0 } }"
)


def test_choices_depend_on_seed_and_count_alone():
    transformer = Transformer(parse(BOTH), "TRAIN", (3, 10, 12))
    images = np.repeat(picture(1, 3, 10, 12), 40, axis=0)

    def run(seed, first, count):
        out = np.full((count, 3, 5, 5), np.nan, np.float32)
        transformer(images[:count], out, seed, first)
        return out

    whole = run(5, 100, 40)
    parts = np.concatenate([run(5, 100 + k, 8) for k in range(0, 40, 8)])
    assert (whole == parts).all() and (whole != run(6, 100, 40)).any() and (whole != run(5, 101, 40)).any()


def test_the_mean_is_of_a_resized_image_and_the_crop_comes_after():
    text = "crop_size: 4 mean_value: 1 resize_param { height: 6 width: 8 }"
    image, out = picture(1, 3, 5), np.empty((1, 4, 4), np.float32)
    transformer = Transformer(parse(text), "TEST", image.shape)
    assert transformer.output_shape == (1, 4, 4)
    transformer.one(image, out, transformer.lots(1, 0, 0)[0])
    assert (out == RESIZE["LINEAR"](image, 6, 8)[:, 1:5, 2:6] - np.float32(1)).all()


def test_lab_is_not_cut_to_bytes():
    transformer = Transformer(parse("scale: 2 noise_param { prob: 1 convert_to_lab: true }"), "TEST", (3, 1, 1))
    out = np.empty((1, 3, 1, 1), np.float32)
    transformer(np.array([255, 0, 0], np.uint8).reshape(1, 3, 1, 1), out)
    assert out.ravel() / 2 == pytest.approx([32.3, 79.2, -107.9], abs=0.1)


# -- what can be wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, message",
    [
        ("resize_param { width: 3 }", "resize_param has no height; expected at least 1"),
        ("resize_param { height: 3 }", "resize_param has no width; expected at least 1"),
        (
            "resize_param { height: 3 width: 3 center_object: true }",
            "center_object of resize_param is not known here; expected false",
        ),
        (
            "resize_param { height: 3 width: 3 max_angle: -1 }",
            "max_angle of resize_param is -1; expected 0 to 360 degrees",
        ),
        ("resize_param { height: 3 width: 3 prob: 2 }", "prob of a resize_param is 2; expected 0 to 1"),
        (
            "noise_param { prob: 0.7 } noise_param { prob: 0.5 }",
            "prob of all noise_param add up to 1.2; expected at most 1",
        ),
        ("noise_param { inverse: true }", "noise_param has no prob; expected one, 1 for noise in every image"),
    ],
)
def test_options_that_make_no_sense(text, message):
    with pytest.raises(LayerError) as caught:
        make(text)
    assert str(caught.value) == message


def test_a_crop_beyond_what_is_resized():
    text = "crop_size: 5 resize_param { prob: 0.5 height: 6 width: 6 } resize_param { prob: 0.5 height: 4 width: 6 }"
    with pytest.raises(LayerError, match=r"^crop_size is 5, but the images are 3 x 4 x 6$"):
        Transformer(parse(text), "TRAIN", (3, 9, 9))


@pytest.mark.parametrize(
    "text, image, message",
    [
        (
            "resize_param { height: 2 width: 2 }",
            np.zeros((1, 2, 2), np.float32),
            "an image of 1 x 2 x 2 floats; expected bytes for resize_param and noise_param",
        ),
        (
            "resize_param { height: 2 width: 2 pad_value: 1 pad_value: 2 }",
            np.zeros((3, 2, 2), np.uint8),
            "an image of 3 x 2 x 2, but resize_param has 2 pad_values; expected 1 or 3",
        ),
    ],
)
def test_images_that_do_not_suit(text, image, message):
    with pytest.raises(DataError) as caught:
        make(text)(image, 0)
    assert str(caught.value) == message
