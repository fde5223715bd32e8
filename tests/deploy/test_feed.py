"""Images and records in place of what a net would read."""

import numpy as np
import pytest

from minicaffe.data.lmdb_writer import write_lmdb
from minicaffe.deploy import Look, with_database, with_images
from minicaffe.errors import DataError
from minicaffe.proto import parse_net

LIST = """
layer { name: "d" type: "ImageData" top: "data" top: "label" transform_param { crop_size: 4 scale: 0.5 }
  image_data_param { source: "none" batch_size: 2 %s } }
layer { name: "r" type: "ReLU" bottom: "data" top: "data" }
"""
INPUTS = """
layer { name: "in" type: "Input" top: "data" top: "label" top: "other"
  input_param { shape { dim: 3 dim: 1 dim: 4 dim: 4 } shape { dim: 3 } shape { dim: 7 dim: 2 } } }
"""


@pytest.fixture
def grey(tmp_path):
    """A grey picture of 8 x 6, a ramp to the right."""
    from PIL import Image

    pixels = np.tile(np.arange(0, 160, 20, dtype=np.uint8), (6, 1))
    Image.fromarray(pixels).save(tmp_path / "grey.png")
    return str(tmp_path / "grey.png")


def test_images_as_a_list_would_bring_them(grey):
    """In colour and of the list's size before the crop, if these are its options."""
    fed = with_images(parse_net(LIST % "new_height: 6 new_width: 8"), [grey], [], Look("TEST"))
    assert [layer.type for layer in fed.file.param.layer] == ["Input", "ReLU"] and not fed.labelled
    assert fed.arrays["data"].shape == (1, 3, 4, 4) and fed.arrays["label"].tolist() == [0]
    np.testing.assert_array_equal(fed.arrays["data"][0, 0, 0], [20, 30, 40, 50])
    fed = with_images(parse_net(LIST % "is_color: false"), [grey], [5], Look("TEST", scale=1))
    assert fed.arrays["data"].shape == (1, 1, 4, 4) and fed.arrays["label"].tolist() == [5] and fed.labelled


def test_the_mean_is_of_the_image_or_of_the_channel(grey):
    net = parse_net(LIST % "is_color: false new_height: 6 new_width: 8")
    large = with_images(net, [grey], [], Look("TEST", mean=np.full((1, 6, 8), 10, np.float32)))
    one = with_images(net, [grey], [], Look("TEST", mean=np.full((1, 1, 1), 10, np.float32)))
    np.testing.assert_array_equal(large.arrays["data"], one.arrays["data"])
    assert one.arrays["data"][0, 0, 0].tolist() == [15, 25, 35, 45]
    with pytest.raises(DataError, match=r"grey\.png: the mean has 3 numbers; expected 1 or 1, one per channel"):
        with_images(net, [grey], [], Look("TEST", mean=np.zeros((3, 1, 1), np.float32)))


def test_records_come_round_and_other_inputs_stay(tmp_path):
    pixels = np.arange(2 * 36, dtype=np.uint8).reshape(2, 1, 6, 6)
    write_lmdb(tmp_path / "db", [(pixels, np.array([4, 9], np.uint8))], 2, (1, 6, 6), "db")
    fed = with_database(parse_net(INPUTS), str(tmp_path / "db"), Look("TEST"))
    np.testing.assert_array_equal(fed.arrays["data"], pixels[[0, 1, 0], :, 1:5, 1:5])
    assert fed.arrays["label"].tolist() == [4, 9, 4] and fed.labelled
    assert [list(shape.dim) for shape in fed.file.param.layer[0].input_param.shape] == [[3, 1, 4, 4], [3], [7, 2]]
    with pytest.raises(DataError, match=r"record 0 .key \"00000\". is 1 x 6 x 6; expected 1 x 9 x 9, or larger"):
        with_database(parse_net(INPUTS.replace("dim: 4", "dim: 9")), str(tmp_path / "db"), Look("TEST"))
