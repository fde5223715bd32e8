"""Small models of Keras, in what all of its versions since 2 have; and the recording of what they give.

``python tests/importers/keras_models.py FILE.zip`` writes each model in both formats with its outputs, as
``tests/golden/keras/*.zip`` were written.
"""

import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

INPUT = (9, 8, 3)


def sequential(keras, layers):
    return keras.Sequential(
        [
            keras.Input(INPUT, name="image"),
            layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="conv"),
            layers.BatchNormalization(name="bn"),
            layers.MaxPooling2D(2, padding="same", name="pool"),
            layers.Dropout(0.5, name="drop"),
            layers.Flatten(name="flat"),
            layers.BatchNormalization(name="bn2", scale=False),
            layers.Dense(5, activation="tanh", name="fc"),
            layers.Dense(3, activation="softmax", name="out"),
        ],
        name="plain",
    )


def functional(keras, layers):
    x = image = keras.Input(INPUT, name="image")
    x = layers.ZeroPadding2D(((1, 0), (2, 1)), name="zeros")(x)
    x = layers.Conv2D(6, 3, use_bias=False, name="first")(x)
    x = layers.BatchNormalization(name="first_bn")(x)
    x = first = layers.ReLU(max_value=6.0, name="relu6")(x)
    x = layers.DepthwiseConv2D(3, strides=2, padding="same", name="deep")(x)
    x = layers.SeparableConv2D(6, 3, padding="same", activation="elu", name="parts")(x)
    x = layers.UpSampling2D(2, name="up")(x)
    x = layers.Cropping2D(((0, 0), (1, 0)), name="cut")(x)
    x = layers.Add(name="sum")([x, first])
    half = layers.AveragePooling2D(3, strides=2, padding="same", name="mean")(x)
    other = layers.MaxPooling2D(3, strides=2, padding="same", name="max")(x)
    x = layers.Concatenate(name="both")([half, other])
    x = layers.Conv2DTranspose(4, 3, strides=2, padding="same", name="back")(x)
    x = layers.LeakyReLU(0.25, name="leaky")(x)
    x = layers.PReLU(shared_axes=[1, 2], name="slopes")(x)
    weight = layers.GlobalAveragePooling2D(name="squeeze")(x)
    weight = layers.Dense(4, activation="sigmoid", name="excite")(weight)
    weight = layers.Reshape((1, 1, 4), name="as_image")(weight)
    x = layers.Multiply(name="gate")([x, weight])
    x = layers.Reshape((-1, 2), name="pairs")(x)
    return keras.Model(image, x, name="many")


def nested(keras, layers):
    inner_image = keras.Input((9, 8, 4), name="inner_image")
    y = layers.Conv2D(4, 3, padding="same", dilation_rate=2, name="inner_conv")(inner_image)
    y = layers.BatchNormalization(name="inner_bn", center=False)(y)
    inner = keras.Model(inner_image, y, name="inner")
    x = image = keras.Input(INPUT, name="image")
    x = layers.Conv2D(4, 1, name="conv")(x)
    x = layers.Activation("swish", name="act")(inner(x))
    x = inner(x)
    left = layers.GlobalMaxPooling2D(name="max")(x)
    right = layers.Flatten(name="flat")(x)
    left = layers.Dense(3, name="left")(left)
    return keras.Model(image, [left, right], name="nest")


MODELS = {"sequential": sequential, "functional": functional, "nested": nested}


def randomised(model, seed=0):
    """The model with random weights; variances are positive."""
    random = np.random.default_rng(seed)
    for layer in model.layers:
        if hasattr(layer, "layers"):
            randomised(layer, seed + 1)
            continue
        arrays = [random.uniform(-0.6, 0.6, array.shape).astype(np.float32) for array in layer.get_weights()]
        if type(layer).__name__ == "BatchNormalization":
            arrays[-1] = abs(arrays[-1]) + 0.1
        if type(layer).__name__ == "Normalization":
            arrays[1:] = [abs(arrays[1]) + 0.1, np.asarray(9, np.int32)]
        layer.set_weights(arrays)
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
    return model


def outputs(model, x):
    """What the model gives for x, a list of arrays."""
    found = model.predict(x, verbose=0)
    return [np.asarray(array) for array in (found if isinstance(found, list) else [found])]


def images(shape=INPUT, batch=2):
    """Random numbers that are the same everywhere."""
    return np.random.default_rng(5).uniform(-1, 1, (batch, *shape)).astype(np.float32)


def main(path):
    import keras

    with TemporaryDirectory() as folder, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, make in MODELS.items():
            keras.backend.clear_session()
            model = randomised(make(keras, keras.layers))
            np.savez(Path(folder, f"{name}.npz"), *outputs(model, images()))
            model.save(Path(folder, f"{name}.keras"))
            model.save(str(Path(folder, f"{name}.h5")))
        for file in sorted(Path(folder).iterdir()):
            archive.write(file, file.name)


if __name__ == "__main__":
    main(*sys.argv[1:])
