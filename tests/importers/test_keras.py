"""Keras's models: the outputs that Keras itself gave for recorded models, and live ones where Keras is installed."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("h5py")
from keras_models import INPUT, MODELS, images, outputs, randomised

from minicaffe.errors import MinicaffeError
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


def config(kind, name, **options):
    """A layer as Keras 2 writes it."""
    return {"class_name": kind, "config": {"name": name, **options}}


def conv(**options):
    return config("Conv2D", "c", **{"filters": 2, "kernel_size": [3, 3], "strides": [1, 1], "activation": "linear",
                                    "padding": "valid", "use_bias": False, **options})  # fmt: skip


FIRST = config("InputLayer", "image", batch_input_shape=[None, 6, 6, 1])


@pytest.fixture
def import_config(tmp_path):
    """Import a Sequential of these layers; ``arrays`` are those of layer c."""
    import h5py

    def run(*layers, arrays=(), first=FIRST, version="2.15.0", model=None, **how):
        path = tmp_path / "m.h5"
        with h5py.File(path, "w") as file:
            wrapped = model or {"class_name": "Sequential", "config": {"name": "m", "layers": [first, *layers]}}
            file.attrs["model_config"] = json.dumps(wrapped)
            file.attrs["keras_version"] = version
            group = file.create_group("model_weights/c")
            for i, array in enumerate(arrays):
                group[f"c/{i}:0"] = array
            group.attrs["weight_names"] = [f"c/{i}:0".encode() for i in range(len(arrays))]
        return import_keras(path, **how)

    return run


def test_an_output_that_another_layer_reads_has_a_top_of_its_own(import_config, run_net):
    layers = [FIRST, conv(), config("ReLU", "r")]
    for i, layer in enumerate(layers):
        layer = layers[i] = {**layer, "name": layer["config"]["name"]}
        layer["inbound_nodes"] = [[[layers[i - 1]["name"], 0, 0, {}]]] if i else []
    graph = {"name": "m", "layers": layers, "input_layers": [["image", 0, 0]]}
    graph["output_layers"] = [["c", 0, 0], ["r", 0, 0]]
    imported = import_config(arrays=WEIGHTS, model={"class_name": "Functional", "config": graph})
    found = run_net(imported, np.linspace(-1, 1, 36, dtype=np.float32).reshape(1, 1, 6, 6), "image")
    assert set(found) == {"c_output", "r"}
    assert found["c_output"].min() < 0
    np.testing.assert_array_equal(found["r"], np.maximum(found["c_output"], 0))


OPEN = config("InputLayer", "image", batch_input_shape=[None, None, None, 1])
WEIGHTS = [np.ones((3, 3, 1, 2), np.float32)]


def test_open_sizes_are_given(import_config):
    imported = import_config(conv(), arrays=WEIGHTS, first=OPEN, size=(5, 7), batch=3)
    assert list(imported.layers[0].input_param.shape[0].dim) == [3, 1, 5, 7]


def test_a_sequential_without_an_input_layer(import_config):
    imported = import_config(arrays=WEIGHTS, first=conv(batch_input_shape=[None, 4, 5, 1]))
    assert [layer.type for layer in imported.layers] == ["Input", "Convolution"]


@pytest.mark.parametrize(
    "layers, how, said",
    [
        ([config("Conv3D", "c")], {}, 'm.h5: layer "c" (Conv3D) cannot be imported; did you mean "Conv2D"'),
        ([config("Lambda", "f")], {}, 'm.h5: layer "f" (Lambda) cannot be imported; expected one of Activation, '),
        ([conv(wings=2)], {}, 'm.h5: layer "c" (Conv2D) has the option wings: 2, which cannot be imported'),
        ([conv(padding="causal")], {"arrays": WEIGHTS}, '"c" (Conv2D): padding is causal; expected valid or same'),
        ([conv(activation="gelu")], {"arrays": WEIGHTS}, '"c" (Conv2D): its activation gelu cannot be imported; expec'),
        ([conv()], {}, 'm.h5: layer "c" has 0 arrays; expected kernel'),
        ([conv(use_bias=True)], {"arrays": WEIGHTS}, 'm.h5: layer "c" has 1 arrays; expected kernel, bias'),
        ([conv()], {"arrays": [WEIGHTS[0][:, :, :0]]}, 'm.h5: layer "c" (Conv2D): the weights'),
        ([conv()], {"first": OPEN}, 'input "image" has sizes that are open: [None, None, None, 1]; expected --size'),
        ([], {"first": conv()}, 'm.h5: input "input" has no shape; expected a model that is built'),
        ([config("MaxPooling2D", "p", pool_size=9)], {}, "pool_size 9 x 9 is larger than the image 6 x 6"),
        ([config("Cropping2D", "p", cropping=3)], {}, "cropping ((3, 3), (3, 3)) leaves nothing of 6 x 6"),
        ([config("UpSampling2D", "u", size=2, interpolation="bilinear")], {}, "interpolation is bilinear; expected"),
        ([config("ReLU", "r", threshold=1.0)], {}, 'm.h5: layer "r" (ReLU): threshold is 1.0; expected 0'),
        ([config("BatchNormalization", "b", axis=1)], {}, 'layer "b" (BatchNormalization): axis is 1; expected t'),
        ([config("Add", "a")], {}, 'layer "a" (Add): reads 1 tensors; expected at least 2'),
        ([config("Flatten", "f"), config("GlobalMaxPooling2D", "g")], {}, '"g" (GlobalMaxPooling2D): reads 1 x 36'),
        ([conv(data_format="channels_first"), config("ReLU", "r", data_format="channels_last")], {}, "data_format"),
        ([], {"version": "1.2.2"}, 'm.h5: was written by Keras "1.2.2"; expected 2 or 3'),
        ([], {"model": {"class_name": "Mine", "config": {}}}, "m.h5: holds a Mine; expected one of Sequential"),
        ([], {"model": {"class_name": "Model", "config": {}}}, "m.h5: its configuration is damaged (KeyError("),
        ([], {"model": [1]}, "m.h5: holds a model of no class; expected one of Sequential, Functional, Model"),
    ],
)  # fmt: skip
def test_what_cannot_be_imported(import_config, layers, how, said):
    with pytest.raises(MinicaffeError) as error:
        import_config(*layers, **how)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_files_that_are_no_models(tmp_path):
    import h5py

    path = tmp_path / "m.keras"
    for data, said in (
        (b"", "m.keras: is neither HDF5 nor a zip; expected a model of Keras, .h5 or .keras"),
        (b"\x89HDF\r\n\x1a\n", "m.keras: is damaged ("),
    ):
        path.write_bytes(data)
        with pytest.raises(MinicaffeError) as error:
            import_keras(path)
        assert said in str(error.value)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{")
    with pytest.raises(MinicaffeError, match=r"is a zip without model.weights.h5; expected a model of Keras"):
        import_keras(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("model.weights.h5", b"")
    with pytest.raises(MinicaffeError, match=r"m.keras: is damaged \(Expecting property name"):
        import_keras(path)
    with h5py.File(path, "w") as file:
        file["x"] = 1
    with pytest.raises(MinicaffeError, match="has no model_config with model_weights; expected a whole model"):
        import_keras(path)
    with pytest.raises(MinicaffeError, match=r"no such file, expected a model of Keras, .h5 or .keras; did you m"):
        import_keras(tmp_path / "n.keras")


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
    "numbers": lambda k, x: 1 - (2 * (k.ReLU(6.0)(x + 0.5) - 0.25)) / 3,
    "statistics": lambda k, x: k.Conv2D(2, 1)(k.Normalization()(x)),
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
def test_a_live_output_that_another_layer_reads(keras, agree):
    image = keras.Input(INPUT)
    first = keras.layers.Dense(3)(keras.layers.Flatten()(image))
    agree(keras.Model(image, [first, keras.layers.Softmax()(first)]))


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
