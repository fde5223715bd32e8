"""Images and messages by pycaffe's names."""

import sys

import numpy as np
import pytest
from PIL import Image

import minicaffe
from minicaffe import io
from minicaffe.errors import DataError, UsageError
from minicaffe.proto import caffe_pb2

RNG = np.random.default_rng(5)


# -- messages ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 4, 5, 6)])
def test_blobproto_there_and_back(shape):
    array, diff = RNG.normal(size=(2, *shape)).astype(np.float32)
    blob = io.array_to_blobproto(array, diff)
    assert len(blob.data) == array.size
    assert np.array_equal(io.blobproto_to_array(blob), array)
    back = io.blobproto_to_array(blob, return_diff=True)
    assert np.array_equal(back, diff) and back.shape == shape


def test_blobproto_stores_floats_as_pycaffe():
    blob = io.array_to_blobproto(np.array([1.0, 2.5]))
    assert list(blob.data) == [1, 2.5] and not blob.double_data


def test_blobproto_of_the_old_form():
    blob = caffe_pb2.BlobProto(num=1, channels=2, height=1, width=3, data=range(6), diff=range(6, 12))
    assert io.blobproto_to_array(blob).tolist() == [[[[0, 1, 2]], [[3, 4, 5]]]]
    assert io.blobproto_to_array(blob, True).tolist() == [[[[6, 7, 8]], [[9, 10, 11]]]]


def test_blobproto_without_a_shape():
    assert io.blobproto_to_array(caffe_pb2.BlobProto(data=[7])) == 7
    assert io.blobproto_to_array(caffe_pb2.BlobProto(diff=[7]), True) == 7
    with pytest.raises(ValueError, match="a blob has no shape"):
        io.blobproto_to_array(caffe_pb2.BlobProto(data=[1, 2]))


def test_blobproto_whose_numbers_do_not_fit():
    blob = caffe_pb2.BlobProto(data=[1, 2])
    blob.shape.dim.extend([3])
    with pytest.raises(ValueError, match="a blob of 3 holds 2 values, expected 3"):
        io.blobproto_to_array(blob)
    with pytest.raises(ValueError, match="holds 0 values"):
        io.blobproto_to_array(blob, return_diff=True)
    with pytest.raises(ValueError, match="the diff is 2; expected 3 as the data"):
        io.array_to_blobproto(np.zeros(3), np.zeros(2))


def test_blobproto_of_doubles():
    blob = caffe_pb2.BlobProto(double_data=[0.1], double_diff=[0.3])
    blob.shape.dim.append(1)
    assert io.blobproto_to_array(blob).dtype == np.float64
    assert io.blobproto_to_array(blob, True).tolist() == [0.3]


def test_blobprotovector():
    arrays = [RNG.normal(size=shape).astype(np.float32) for shape in ((2, 3), (4,))]
    text = io.arraylist_to_blobprotovector_str(arrays)
    assert isinstance(text, bytes)
    for array, back in zip(arrays, io.blobprotovector_str_to_arraylist(text)):
        assert np.array_equal(array, back)
    with pytest.raises(io.ArrayError, match="3 bytes that are no BlobProtoVector"):
        io.blobprotovector_str_to_arraylist(b"\xff\xff\xff")


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.int64])
def test_datum_there_and_back(dtype):
    image = RNG.integers(0, 255, size=(3, 4, 5)).astype(dtype)
    datum = io.array_to_datum(image, np.int64(8))
    assert (datum.channels, datum.height, datum.width, datum.label) == (3, 4, 5, 8)
    assert bool(datum.data) == (dtype is np.uint8)
    assert np.array_equal(io.datum_to_array(datum), image)
    assert not io.array_to_datum(image).HasField("label")


def test_datum_errors():
    with pytest.raises(ValueError, match="the array is 4 x 5; expected an image of 3 axes"):
        io.array_to_datum(np.zeros((4, 5)))
    with pytest.raises(DataError, match="a Datum of 1 values"):
        io.datum_to_array(caffe_pb2.Datum(channels=1, height=1, width=2, data=b"x"))


# -- images --------------------------------------------------------------------------------------------------


@pytest.fixture
def picture(tmp_path):
    def write(pixels, mode):
        path = tmp_path / f"{mode}.png"
        Image.fromarray(pixels).save(path)
        return path

    return write


def test_load_image(picture):
    pixels = RNG.integers(0, 256, size=(3, 4, 4), dtype=np.uint8)
    colour = io.load_image(picture(pixels[:, :, :3], "RGB"))
    assert colour.dtype == np.float32 and colour.shape == (3, 4, 3)
    assert np.array_equal(colour, (pixels[:, :, :3] / 255).astype(np.float32))
    assert np.array_equal(io.load_image(picture(pixels, "RGBA")), colour)
    grey = io.load_image(picture(pixels[:, :, 0], "L"))
    assert grey.shape == (3, 4, 3) and (grey == grey[:, :, :1]).all()


def test_load_image_in_grey(picture):
    pixels = RNG.integers(0, 256, size=(3, 4, 3), dtype=np.uint8)
    grey = io.load_image(picture(pixels, "RGB"), color=False)
    assert grey.shape == (3, 4, 1) and grey.dtype == np.float32
    np.testing.assert_allclose(grey[:, :, 0], pixels / 255 @ [0.2125, 0.7154, 0.0721], rtol=1e-6)
    own = io.load_image(picture(pixels[:, :, 0], "L"), color=False)
    assert np.array_equal(own[:, :, 0], (pixels[:, :, 0] / 255).astype(np.float32))


def test_load_image_errors(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="no such file"):
        io.load_image(tmp_path / "none.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"broken\.png: .*cannot be decoded"):
        io.load_image(tmp_path / "broken.png")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(DataError, match=r"pip install minicaffe\[images\]"):
        io.load_image(tmp_path / "broken.png")


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_resize_image(channels):
    image = RNG.normal(size=(4, 6, channels))
    smaller = io.resize_image(image, (2, 3))
    assert smaller.dtype == np.float32
    np.testing.assert_allclose(smaller, image.reshape(2, 2, 3, 2, channels).mean((1, 3)), rtol=1e-5, atol=1e-6)
    assert np.array_equal(io.resize_image(image, np.array([4, 6])), image.astype(np.float32))
    assert io.resize_image(image, (7, 5), interp_order=3).shape == (7, 5, channels)


def test_resize_image_errors():
    with pytest.raises(UsageError, match="interp_order is 2; expected one of 0"):
        io.resize_image(np.zeros((2, 2, 3)), (3, 3), interp_order=2)
    with pytest.raises(ValueError, match="the image is 2 x 2, to become 3 x 3; expected three axes"):
        io.resize_image(np.zeros((2, 2)), (3, 3))
    with pytest.raises(ValueError, match="to become 3 x 0"):
        io.resize_image(np.zeros((2, 2, 1)), (3, 0))


def test_oversample():
    images = RNG.normal(size=(2, 5, 7, 3)).astype(np.float32)
    crops = io.oversample(images, np.array([3, 4]))
    assert crops.shape == (20, 3, 4, 3) and crops.dtype == np.float32
    for image, ten in zip(images, (crops[:10], crops[10:])):
        places = [(0, 0), (0, 3), (2, 0), (2, 3), (1, 1)]
        for place, (y, x) in enumerate(places):
            assert np.array_equal(ten[place], image[y : y + 3, x : x + 4])
            assert np.array_equal(ten[place + 5], image[y : y + 3, x : x + 4][:, ::-1])
    with pytest.raises(ValueError, match="crops of 6 x 4 from images of 5 x 7; expected smaller crops"):
        io.oversample(images, (6, 4))


# -- the transformer -----------------------------------------------------------------------------------------


def transformer(shape=(10, 3, 4, 5)):
    made = io.Transformer({"data": shape})
    made.set_transpose("data", (2, 0, 1))
    return made


def test_preprocess_and_deprocess():
    t = transformer()
    t.set_channel_swap("data", (2, 0, 1))
    t.set_raw_scale("data", 255)
    t.set_mean("data", np.array([104, 117, 123.0]))
    t.set_input_scale("data", 0.5)
    image = RNG.random((4, 5, 3)).astype(np.float32)
    kept = image.copy()
    ready = t.preprocess("data", image)
    mean = np.array([104, 117, 123.0]).reshape(3, 1, 1)
    wanted = (image.transpose(2, 0, 1)[[2, 0, 1]] * 255 - mean) * 0.5
    assert ready.dtype == np.float32
    np.testing.assert_allclose(ready, wanted, rtol=1e-5, atol=1e-4)
    assert np.array_equal(image, kept)
    np.testing.assert_allclose(t.deprocess("data", ready), image, atol=1e-5)
    np.testing.assert_allclose(t.deprocess("data", ready[None]), image, atol=1e-5)


def test_the_image_given_stays_as_it_is():
    t = io.Transformer({"data": (1, 3, 4, 5)})
    t.set_raw_scale("data", 255)
    image = np.ones((3, 4, 5), np.float32)
    assert (t.preprocess("data", image) == 255).all()
    assert (image == 1).all()


def test_images_of_another_size_are_resized():
    image = RNG.random((8, 10, 3))
    assert np.array_equal(transformer().preprocess("data", image), io.resize_image(image, (4, 5)).transpose(2, 0, 1))


def test_means():
    t = transformer()
    image = np.zeros((4, 5, 3), np.float32)
    mean = RNG.random((3, 4, 5))
    t.set_mean("data", mean)
    np.testing.assert_allclose(t.preprocess("data", image), -mean, rtol=1e-6)
    t.set_mean("data", mean[0])
    np.testing.assert_allclose(t.preprocess("data", image), np.broadcast_to(-mean[0], (3, 4, 5)), rtol=1e-6)
    t.set_mean("data", np.repeat(np.repeat(mean, 2, 1), 2, 2))
    np.testing.assert_allclose(t.preprocess("data", image), -mean, rtol=1e-6)
    t.set_mean("data", np.full((3, 256, 256), 7.0))
    assert (t.preprocess("data", image) == -7).all()


def test_grey_images():
    t = transformer((1, 1, 4, 5))
    image = RNG.random((4, 5, 1)).astype(np.float32)
    assert t.deprocess("data", t.preprocess("data", image)).shape == (4, 5, 1)


@pytest.mark.parametrize(
    ("call", "kind", "says"),
    [
        (lambda t: t.set_raw_scale("dta", 2), UsageError, 'no input "dta"; did you mean "data"'),
        (lambda t: t.preprocess("image", 2), UsageError, 'no input "image"; expected one of data'),
        (lambda t: t.set_transpose("data", (1, 0)), ValueError, r"the order is \(1, 0\); expected the 3 numbers"),
        (lambda t: t.set_channel_swap("data", (2, 1, 3)), ValueError, "for the channels"),
        (lambda t: t.set_mean("data", np.zeros(4)), ValueError, "the mean is 4 x 1 x 1; input .* 3 numbers"),
        (lambda t: t.set_mean("data", np.zeros((1, 3, 4, 5))), ValueError, "the mean is 1 x 3 x 4 x 5"),
        (lambda t: t.preprocess("data", np.zeros((4, 5, 1))), ValueError, "becomes 1 x 4 x 5; input .* 3 x 4 x 5"),
        (lambda t: t.deprocess("data", np.zeros((2, 3, 4, 5))), ValueError, "expected one item of"),
    ],
)
def test_errors_of_the_transformer(call, kind, says):
    with pytest.raises(kind, match=says):
        call(transformer())


def test_by_its_name_at_the_front_door():
    assert minicaffe.io is io
