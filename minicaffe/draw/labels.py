"""What is written on layers and arrows, and their colours."""

from __future__ import annotations

from collections.abc import Iterable

from ..proto import Message, caffe_pb2

_COLORS = {
    "Convolution": "#FF5050",
    "Deconvolution": "#FF5050",
    "Pooling": "#FF9900",
    "InnerProduct": "#CC33FF",
}


def choose_color_by_layertype(layertype: str) -> str:
    """The colour of a type, as "#RRGGBB"."""
    return _COLORS.get(layertype, "#6495ED")


def get_pooling_types_dict() -> dict[int, str]:
    """The names of the methods of pooling by their numbers."""
    return {value: name for name, value in caffe_pb2.PoolingParameter.PoolMethod.items()}


def get_edge_label(layer: Message) -> str:
    """What an arrow out of a layer says: how many items or outputs; "" where the layer does not tell."""
    if layer.type == "Data":
        return f"Batch {layer.data_param.batch_size}"
    if layer.type in ("Convolution", "Deconvolution"):
        return str(layer.convolution_param.num_output)
    return str(layer.inner_product_param.num_output) if layer.type == "InnerProduct" else ""


def get_layer_lr_mult(layer: Message) -> str:
    """The lr_mult of weights and bias, "1, 2", of the layers that have them; "" for all others."""
    options = {"Convolution": "convolution_param", "Deconvolution": "convolution_param"}
    options["InnerProduct"] = "inner_product_param"
    if layer.type not in options:
        return ""
    count = 2 if getattr(layer, options[layer.type]).bias_term else 1
    specs = [*layer.param, *[caffe_pb2.ParamSpec()] * count]
    return ", ".join(f"{spec.lr_mult:g}" for spec in specs[:count])


def get_layer_label(layer: Message, rankdir: str, display_lrm: bool = False) -> str:
    """Name, type and windows of a layer, in one line for vertical drawings, else in several.

    With ``display_lrm`` also the lr_mult of convolutions and inner products.
    """
    separator = " " if rankdir in ("TB", "BT") else "\n"
    return separator.join(layer_lines(layer, display_lrm))


def layer_lines(layer: Message, display_lrm: bool = False) -> list[str]:
    """Name, type, and what tells layers of a type apart, each a line."""
    rates = get_layer_lr_mult(layer) if display_lrm else ""
    return [*_plain_lines(layer), *([f"lr_mult: {rates}"] if rates else [])]


def _plain_lines(layer: Message) -> list[str]:
    lines = [layer.name, f"({layer.type})"]
    if layer.type == "Pooling":
        o = layer.pooling_param
        lines[1] = f"({get_pooling_types_dict()[o.pool]} Pooling)"
        if o.global_pooling:
            return [*lines, "global"]
        return [*lines, *_windows(_sides(o, "kernel"), _sides(o, "stride"), _sides(o, "pad"))]
    if layer.type in ("Convolution", "Deconvolution"):
        o = layer.convolution_param
        lines += _windows(_sides(o, "kernel"), _sides(o, "stride"), _sides(o, "pad"))
        lines += [f"dilation: {_text(o.dilation)}"] if set(o.dilation) - {1} else []
        lines += [f"groups: {o.group}"] if o.group != 1 else []
    return lines


def short(text: str, most: int = 48) -> str:
    """``text``, with its middle left out where it is too long for a box."""
    half = (most - 1) // 2
    return text if len(text) <= most else f"{text[:half]}…{text[-half:]}"


def _windows(kernel: str, stride: str, pad: str) -> list[str]:
    return [f"kernel size: {kernel}", f"stride: {stride or 1}", f"pad: {pad or 0}"]


def _sides(options: Message, name: str) -> str:
    """A size that is given once, for each axis, or as height and width."""
    if options.HasField(f"{name}_h") or options.HasField(f"{name}_w"):
        return f"{getattr(options, name + '_h')}x{getattr(options, name + '_w')}"
    value = getattr(options, "kernel_size" if name == "kernel" else name)
    return str(value) if isinstance(value, int) else _text(value)


def _text(values: Iterable[object]) -> str:
    return "x".join(map(str, values))
