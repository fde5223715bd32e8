"""The layers of Keras that can be imported, each as the layers of Caffe that compute the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ...errors import LayerError, shape_text
from . import pointwise, windows
from .call import Call
from .tensors import Tensor, from_order_of_keras, in_order_of_keras, plain, settled


def flatten(call: Call) -> Tensor:
    x = plain(call.b, call.x)
    shape = call.b.shapes[x.top]
    if len(shape) == 2:
        return x
    first = call.config.get("data_format") == "channels_first"
    if first and (x.last or len(shape) != 4):
        raise LayerError("data_format is channels_first, that of its input is not; expected the same")
    turned = len(shape) == 4 and (x.last or first) and shape[1] > 1 and shape[2] * shape[3] > 1
    image = (shape[1], shape[2], shape[3]) if turned else None
    return replace(x, top=call.b.add("Flatten", call.name, [x.top]), image=image)


def reshape(call: Call) -> Tensor:
    top = in_order_of_keras(call.b, call.x)
    dims = [int(n) for n in call.config["target_shape"]]
    four = len(dims) == 3 and call.last
    top = call.b.add("Reshape", f"{call.name}_last" if four else call.name, [top], shape={"dim": [0, *dims]})
    return from_order_of_keras(call.b, call.name, top, call.last)


def permute(call: Call) -> Tensor:
    top = in_order_of_keras(call.b, call.x)
    order = [0, *(int(n) for n in call.config["dims"])]
    four = len(order) == 4 and call.last
    top = call.b.add("Permute", f"{call.name}_last" if four else call.name, [top], order=order)
    return from_order_of_keras(call.b, call.name, top, call.last)


def unchanged(call: Call) -> Tensor:
    return call.x


def _alike(call: Call) -> list[Tensor]:
    """The tensors that are read, their numbers in one order."""
    if len(call.inputs) < 2:
        raise LayerError(f"reads {len(call.inputs)} tensors; expected at least 2")
    settle = settled if len({tensor.image for tensor in call.inputs}) == 1 else plain
    return [settle(call.b, tensor) for tensor in call.inputs]


def _merge(operation: str, broadcast: str | None = None, **options: Any) -> Callable[[Call], Tensor]:
    def convert(call: Call) -> Tensor:
        tensors = _alike(call)
        shapes = [call.b.shapes[tensor.top] for tensor in tensors]
        tops = [tensor.top for tensor in tensors]
        if len(set(shapes)) == 1:
            more = {"coeff": [1 / len(tops)] * len(tops)} if options.get("mean") else options
            return replace(tensors[0], top=call.b.add("Eltwise", call.name, tops, operation=operation, **more))
        small = min(range(len(shapes)), key=lambda i: shapes[i][2:])
        if broadcast is None or len(shapes) != 2 or shapes[small] != (*shapes[1 - small][:2], 1, 1):
            found = " and ".join(map(shape_text, shapes))
            raise LayerError(f"reads {found}; expected tensors of one shape, or of one number for each channel")
        factors = call.b.add("Flatten", f"{call.name}_flat", [tops[small]])
        return replace(tensors[0], top=call.b.add(broadcast, call.name, [tops[1 - small], factors], axis=0))

    return convert


def _divide(call: Call) -> Tensor:
    raise LayerError("divides tensors; expected a division by a number")


def concatenate(call: Call) -> Tensor:
    if len(call.inputs) == 1:
        return call.x
    tensors = [plain(call.b, tensor) for tensor in call.inputs]
    axis = tensors[0].axis(call.b, call.config.get("axis", -1))
    tops = [tensor.top for tensor in tensors]
    options: dict[str, Any] = {} if axis == 1 else {"axis": axis}
    return replace(tensors[0], top=call.b.add("Concat", call.name, tops, **options))


_WINDOW = "kernel_size strides padding dilation_rate use_bias activation "
_NORMAL = "axis momentum epsilon center scale renorm_momentum renorm_clipping synchronized"
_VANISH = (
    "Dropout SpatialDropout2D GaussianDropout GaussianNoise AlphaDropout ActivityRegularization RandomFlip "
    "RandomRotation RandomTranslation RandomZoom RandomContrast RandomBrightness"
)
_OWN = (
    "rate noise_shape stddev l1 l2 mode factor height_factor width_factor fill_mode fill_value interpolation "
    "value_range"
)
_TABLE: dict[str, tuple[Callable[[Call], Tensor], str]] = {
    "Conv2D": (windows.conv, _WINDOW + "filters groups"),
    "DepthwiseConv2D": (windows.depthwise, _WINDOW + "depth_multiplier groups filters"),
    "SeparableConv2D": (windows.separable, _WINDOW + "filters depth_multiplier groups"),
    "Conv2DTranspose": (windows.transposed, _WINDOW + "filters output_padding groups"),
    "Dense": (windows.dense, "units use_bias activation"),
    "BatchNormalization": (
        pointwise.batch_norm,
        _NORMAL,
    ),
    "Normalization": (pointwise.normalization, "axis mean variance invert"),
    "Activation": (pointwise.activation_layer, "activation"),
    "ReLU": (pointwise.relu, "max_value negative_slope threshold"),
    "LeakyReLU": (pointwise.leaky_relu, "alpha negative_slope"),
    "PReLU": (pointwise.prelu, "shared_axes"),
    "ELU": (pointwise.elu, "alpha"),
    "Softmax": (pointwise.softmax_layer, "axis"),
    "Rescaling": (pointwise.rescaling, "scale offset"),
    "MaxPooling2D": (windows.pooling("MAX"), "pool_size strides padding"),
    "AveragePooling2D": (windows.pooling("AVE"), "pool_size strides padding"),
    "GlobalMaxPooling2D": (windows.global_pooling("MAX"), "keepdims"),
    "GlobalAveragePooling2D": (windows.global_pooling("AVE"), "keepdims"),
    "ZeroPadding2D": (windows.zero_padding, "padding"),
    "Cropping2D": (windows.cropping, "cropping"),
    "UpSampling2D": (windows.up_sampling, "size interpolation"),
    "Flatten": (flatten, ""),
    "Reshape": (reshape, "target_shape"),
    "Permute": (permute, "dims"),
    "Add": (_merge("SUM", "Bias"), ""),
    "Multiply": (_merge("PROD", "Scale"), ""),
    "Maximum": (_merge("MAX"), ""),
    "Subtract": (_merge("SUM", coeff=[1, -1]), ""),
    "TrueDivide": (_divide, ""),
    "Average": (_merge("SUM", mean=True), ""),
    "Concatenate": (concatenate, "axis"),
    **dict.fromkeys(_VANISH.split(), (unchanged, _OWN)),
}
LAYERS = {name: (convert, frozenset(keys.split())) for name, (convert, keys) in _TABLE.items()}
"""The classes of layers: what converts a call, and the options that are looked at."""
