"""Keras's models: the outputs that Keras itself gave for recorded models, and live ones where Keras is installed."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("h5py")
from keras_models import INPUT, MODELS, images, outputs, randomised

from minicaffe.importers import import_keras

GOLDEN = Path(__file__).parents[1] / "golden" / "keras"


def as_here(x):
    """N x H x W x C as N x C x H x W."""
    return x.transpose(0, 3, 1, 2) if x.ndim == 4 else x


def compare(found, expected):
    assert len(found) == len(expected), list(found)
    for array, right in zip(found, expected):
        np.testing.assert_allclose(array, as_here(right), rtol=2e-4, atol=2e-5)


@pytest.fixture
def recorded(tmp_path):
    """A recorded model: its file, and what Keras gave."""

    def take(version, name, ending):
        with zipfile.ZipFile(GOLDEN / f"keras{version}.zip") as archive:
            archive.extract(f"{name}.{ending}", tmp_path)
            archive.extract(f"{name}.npz", tmp_path)
        with np.load(tmp_path / f"{name}.npz") as arrays:
            return tmp_path / f"{name}.{ending}", [arrays[key] for key in arrays.files]

    return take


@pytest.mark.parametrize("ending", ["h5", "keras"])
@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("name", MODELS)
def test_recorded_models(recorded, run_net, version, name, ending):
    path, expected = recorded(version, name, ending)
    imported = import_keras(path, batch=2)
    found = run_net(imported, as_here(images()), "image")
    names = {"nested": ["left", "flat"]}.get(name) or list(found)
    compare([next(found[key] for key in found if key.startswith(one)) for one in names], expected)
    assert imported.notes == ("Keras has images as N x H x W x C; this net takes and gives N x C x H x W",)


SEQUENCES = {
    "uneven": lambda k: [k.Conv2D(3, (2, 4), strides=(2, 3), padding="same")],
    "dilated": lambda k: [k.Conv2D(3, (4, 2), dilation_rate=(2, 3), padding="same")],
    "grouped": lambda k: [k.Conv2D(6, 3, groups=3, padding="same", activation="sigmoid")],
    "multiplied": lambda k: [k.DepthwiseConv2D((3, 2), depth_multiplier=2, activation="softplus")],
    "parts": lambda k: [k.SeparableConv2D(4, 3, depth_multiplier=2, strides=2, padding="same", use_bias=False)],
    "zeros": lambda k: [k.ZeroPadding2D((1, 2)), k.ZeroPadding2D(((0, 1), (2, 0))), k.Conv2D(2, 3, dilation_rate=2)],
    "zeros alone": lambda k: [k.ZeroPadding2D(((0, 1), (2, 0))), k.MaxPooling2D(2)],
    "zeros at the end": lambda k: [k.Conv2D(2, 1), k.ZeroPadding2D(((0, 1), (2, 0)))],
    "zeros, same": lambda k: [k.ZeroPadding2D(1), k.Conv2D(2, 3, strides=2, padding="same")],
    "cut": lambda k: [k.Cropping2D(((1, 2), (0, 3))), k.Conv2D(2, 2)],
    "back": lambda k: [k.Conv2DTranspose(3, 4, strides=2), k.Conv2DTranspose(2, (2, 5), strides=3, padding="same")],
    "back, small": lambda k: [k.Conv2DTranspose(3, 1, strides=2), k.Conv2DTranspose(2, 2, strides=3, padding="same")],
    "max": lambda k: [k.MaxPooling2D(3, strides=2), k.MaxPooling2D(2, strides=1, padding="same")],
    "max, uneven": lambda k: [k.MaxPooling2D((4, 2), strides=(1, 3), padding="same")],
    "mean": lambda k: [k.AveragePooling2D(2), k.AveragePooling2D((4, 3), strides=1, padding="same")],
    "mean, uneven": lambda k: [k.AveragePooling2D((2, 4), strides=(3, 2), padding="same")],
    "global": lambda k: [k.GlobalAveragePooling2D(keepdims=True), k.Conv2D(4, 1, activation="tanh")],
    "global, flat": lambda k: [k.GlobalMaxPooling2D(), k.Dense(4, activation="selu")],
    "flat": lambda k: [k.Conv2D(2, 3), k.Flatten()],
    "flat, softmax": lambda k: [k.Flatten(), k.Activation("softmax")],
    "flat, normal": lambda k: [k.Flatten(), k.BatchNormalization(epsilon=0.01), k.PReLU(), k.Dense(3, use_bias=False)],
    "flat, shaped": lambda k: [k.Flatten(), k.Dropout(0.2), k.ReLU(), k.Reshape((12, 6, 3)), k.Conv2D(2, 3)],
    "dense on images": lambda k: [k.Dense(4, activation="relu"), k.Softmax()],
    "dense on rows": lambda k: [k.Reshape((12, 18)), k.Dense(5), k.Softmax(axis=1)],
    "decoder": lambda k: [k.Flatten(), k.Dense(12), k.Reshape((2, 3, 2)), k.UpSampling2D((2, 3)), k.Conv2D(1, 2)],
    "permuted": lambda k: [k.Permute((3, 1, 2)), k.Conv2D(2, 2), k.Reshape((-1,)), k.Dense(2)],
    "normal": lambda k: [k.BatchNormalization(), k.BatchNormalization(scale=False, center=False), k.ELU(0.5)],
    "slopes": lambda k: [k.PReLU(shared_axes=[1, 2]), k.LeakyReLU(), k.ReLU(2.0, 0.1), k.ReLU(0.5)],
    "one slope": lambda k: [k.PReLU(shared_axes=[1, 2, 3])],
    "names": lambda k: [k.Activation(kind) for kind in ("hard_sigmoid", "swish", "exponential", "leaky_relu", "relu6")],
    "names 2": lambda k: [k.Conv2D(3, 1, activation=kind) for kind in ("mish", "hard_silu", "elu", "linear", "silu")],
    "factors": lambda k: [k.Rescaling(1 / 127.5, -1), k.Rescaling([0.5, 2.0, 1.0], [0.0, 1.0, 2.0])],
    "training": lambda k: [k.GaussianNoise(0.1), k.SpatialDropout2D(0.1), k.RandomFlip(), k.Conv2D(1, 1)],
}
GRAPHS = {
    "merged": lambda k, x: k.Maximum()([k.Average()([x, k.ReLU()(x)]), k.Subtract()([x, k.Conv2D(3, 1)(x)])]),
    "gates": lambda k, x: k.Add()([k.GlobalMaxPooling2D(keepdims=True)(x), k.Multiply()([x, k.Activation("tanh")(x)])]),
    "flats": lambda k, x: k.Dense(3)(k.Add()([k.Flatten()(x), k.Flatten()(k.ReLU()(x))])),
    "flats side by side": lambda k, x: k.Dense(3)(k.Concatenate()([k.Flatten()(x), k.GlobalMaxPooling2D()(x)])),
    "rows": lambda k, x: k.Concatenate(axis=1)([x, k.Conv2D(3, 1)(x)]),
}
ENDINGS = ("keras", "h5")


@pytest.fixture(scope="module")
def keras():
    """Keras, under a back end whose padding is that of TensorFlow."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip("keras")
        if module.backend.backend() == "torch":
            pytest.skip("Keras on PyTorch pads differently")
    return module


@pytest.fixture
def agree(keras, tmp_path, run_net):
    """Save, import and run a live model beside Keras."""

    def check(model, shape=INPUT, first=False):
        randomised(model)
        x = images(shape)
        expected = outputs(model, x)
        for ending in ENDINGS:
            path = str(tmp_path / f"live.{ending}")
            model.save(path)
            imported = import_keras(path, batch=2)
            (name,) = (layer.name for layer in imported.layers if layer.type == "Input")
            found = list(run_net(imported, x if first else as_here(x), name).values())
            compare(found, [y.transpose(0, 2, 3, 1) if y.ndim == 4 else y for y in expected] if first else expected)

    return check


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SEQUENCES)
def test_live_sequences(keras, agree, name):
    agree(keras.Sequential([keras.Input(INPUT), *SEQUENCES[name](keras.layers)]))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", GRAPHS)
def test_live_graphs(keras, agree, name):
    image = keras.Input(INPUT)
    agree(keras.Model(image, GRAPHS[name](keras.layers, image)))


@pytest.mark.filterwarnings("ignore")
def test_live_channels_first(keras, agree):
    k, first = keras.layers, {"data_format": "channels_first"}
    shape = 3, 9, 8

    def body():
        return [k.Conv2D(4, 3, strides=2, **first), k.BatchNormalization(axis=1), k.MaxPooling2D(2, **first)]

    agree(keras.Sequential([keras.Input(shape), *body()]), shape, first=True)
    image = keras.Input(shape)
    flat = k.Flatten()(keras.Sequential(body())(image))
    other = k.Flatten(**first)(keras.Sequential(body())(image))
    agree(keras.Model(image, k.Concatenate()([k.Dense(3)(flat), k.Dense(2)(other)])), shape, first=True)
