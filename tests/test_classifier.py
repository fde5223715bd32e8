"""Classifier and Detector, beside a net whose output can be written out."""

import numpy as np
import pytest
from PIL import Image

import minicaffe
from minicaffe import Classifier, Detector, io
from minicaffe.detector import read_windows
from minicaffe.errors import DataError, UsageError

RNG = np.random.default_rng(3)
NET = """
name: "means"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 4 dim: 3 dim: 6 dim: 8 } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 5 } }
layer { name: "end" type: "Reshape" bottom: "ip" top: "end" reshape_param { shape { dim: 0 dim: 0 %s } } }
"""


@pytest.fixture
def files(tmp_path):
    """A prototxt and weights, of a net that is a matrix."""
    net, weights = tmp_path / "net.prototxt", tmp_path / "net.caffemodel"
    net.write_text(NET % "")
    with minicaffe.Net(net, minicaffe.TEST) as made:
        made.params["ip"][0].data[...] = RNG.normal(size=(5, 144))
        made.save(weights)
        matrix = made.params["ip"][0].data.copy()
    return net, weights, matrix


def through(matrix, crops, mean=0.0, scale=1.0):
    """The net's output for crops (N, H, W, K)."""
    return (crops.transpose(0, 3, 1, 2)[:, ::-1] * 255 - mean).reshape(len(crops), -1) * scale @ matrix.T


def test_centres(files):
    net, weights, matrix = files
    images = RNG.random((6, 6, 8, 3))
    with Classifier(net, weights, raw_scale=255, channel_swap=(2, 1, 0), mean=np.full(3, 9.0), input_scale=0.5) as made:
        predictions = made.predict(images, oversample=False)
    np.testing.assert_allclose(predictions, through(matrix, images, 9, 0.5), rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_oversampling(files, plan):
    net, weights, matrix = files
    images = RNG.random((3, 20, 24, 3))
    how = {"image_dims": (10, 12), "raw_scale": 255, "channel_swap": (2, 1, 0), "plan": plan}
    with Classifier(net, weights, **how) as made:
        predictions = made.predict(list(images))
        centres = made.predict(images, oversample=False)
    small = images.reshape(3, 10, 2, 12, 2, 3).mean((2, 4))
    ten = through(matrix, io.oversample(small, (6, 8))).reshape(3, 10, 5)
    assert predictions.shape == (3, 5)
    np.testing.assert_allclose(predictions, ten.mean(1), rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(centres, ten[:, 4], rtol=1e-3, atol=1e-2)


def test_errors(files, tmp_path):
    net, weights, _ = files
    with pytest.raises(UsageError, match="image_dims is 4 x 12; expected height and width, at least 6 x 8"):
        Classifier(net, weights, image_dims=(4, 12))
    with Classifier(net, None) as made:
        with pytest.raises(ValueError, match="no images"):
            made.predict([])
        with pytest.raises(ValueError, match="the image is 6 x 8"):
            made.predict([np.zeros((6, 8))])
    other = tmp_path / "other.prototxt"
    other.write_text('layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }')
    with pytest.raises(UsageError, match="the net has the inputs x 2 x 3; expected images"):
        Classifier(other, None)
    with pytest.raises(UsageError, match="context_pad is 3; expected less than half of the net's input, 6 x 8"):
        Detector(net, weights, context_pad=3)


def test_windows(files, tmp_path):
    net, weights, matrix = files
    pixels = RNG.integers(0, 256, size=(30, 40, 3), dtype=np.uint8)
    path = tmp_path / "image.png"
    Image.fromarray(pixels).save(path)
    windows = np.array([[y, x, y + 12, x + 16] for y, x in [(0, 0), (3, 4), (18, 24), (7, 9), (10, 20)]])
    table = tmp_path / "windows.csv"
    lines = [f"{path},{','.join(map(str, window))}" for window in windows]
    table.write_text("\n".join(["filename,ymin,xmin,ymax,xmax", *lines]))
    crops = np.stack([pixels[y:y2, x:x2].reshape(6, 2, 8, 2, 3).mean((1, 3)) / 255 for y, x, y2, x2 in windows])
    with Detector(net, weights, raw_scale=255, channel_swap=(2, 1, 0)) as made:
        for given in ([(str(path), windows)], table, [(io.load_image(path), windows[:2]), (path, windows[2:])]):
            found = made.detect_windows(given)
            assert [entry["window"].tolist() for entry in found] == windows.tolist()
            got = np.stack([entry["prediction"] for entry in found])
            np.testing.assert_allclose(got, through(matrix, crops), rtol=1e-3, atol=1e-2)
        assert str(found[-1]["filename"]) == str(path) and found[0]["filename"] is None
        with pytest.raises(UsageError, match="selective search"):
            made.detect_selective_search([str(path)])
        with pytest.raises(DataError, match=r"image\.png: the window is 0, 0, 31, 4; .* inside the image of 30 x 40"):
            made.detect_windows([(path, [[0, 0, 31, 4]])])
        with pytest.raises(DataError, match="an array: the window is 5, 5, 5, 9"):
            made.detect_windows([(pixels / 255, [5, 5, 5, 9])])


def test_predictions_of_one_place_are_vectors(files, tmp_path):
    net, weights, _ = files
    net.write_text(NET % "dim: 1 dim: 1")
    with Detector(net, weights) as made:
        (found,) = made.detect_windows([(np.zeros((9, 9, 3)), [0, 0, 9, 9])])
    assert found["prediction"].shape == (5,)


def test_context(tmp_path):
    """Around a window the image goes on at the same scale; beyond the image is the mean."""
    net = tmp_path / "net.prototxt"
    net.write_text('layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 3 dim: 20 dim: 20 } } }')
    mean = np.array([10.0, 20, 30])
    with Detector(net, None, mean=mean, raw_scale=255, channel_swap=(2, 1, 0), context_pad=5) as made:
        image = np.ones((40, 40, 3), np.float32)
        inside = made.crop(image, [10, 10, 29, 29])
        assert inside.shape == (20, 20, 3) and (inside == 1).all()
        image[:, :] = np.arange(40)[:, None, None]
        rows = made.crop(image, [10, 10, 29, 29])[:, 0, 0]
        np.testing.assert_allclose(np.diff(rows)[2:-2], 40 / 20, rtol=0.06)
        assert abs(rows.mean() - 20) < 1
        corner = made.crop(np.ones((40, 40, 3), np.float32), [0, 0, 20, 20])
        np.testing.assert_allclose(corner[0, 0], mean[::-1] / 255, rtol=1e-6)
        assert (corner[6:, 6:] == 1).all()
        np.testing.assert_allclose(made.transformer.preprocess("x", corner)[:, 0, 0], 0, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("filename,ymin,xmn,ymax,xmax\n", 'no column "xmin"; expected filename, .*; did you mean "xmn"'),
        ("filename,ymin,xmin,ymax,xmax\na.png,1,2,x,4\n", "windows.csv:2: the window is 1, 2, x, 4; expected four"),
        ("filename,ymin,xmin,ymax,xmax\na.png,1,2\n", "windows.csv:2: the window is 1, 2, None, None"),
    ],
)
def test_broken_tables(tmp_path, text, says):
    path = tmp_path / "windows.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=says):
        read_windows(path)


def test_a_table_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_windows(tmp_path / "none.csv")
