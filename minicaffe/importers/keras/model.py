"""Keras's models, Sequential and Functional, as a Caffe net that computes the same numbers.

What Keras has as N x H x W x C is N x C x H x W here; weights of a Dense layer below a Flatten are put in this order.
Formats and formulas: the documentation of Keras 2 and 3 and what their files hold.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from ...errors import LayerError, ProtoError, UsageError, did_you_mean
from ..builder import Builder, Imported
from .files import MODELS, Model, Trail, places
from .layers import LAYERS, Call
from .pointwise import with_number
from .tensors import Tensor, plain

_TRAINING = ("_initializer", "_regularizer", "_constraint")
_EVERYWHERE = frozenset(
    "name trainable dtype batch_input_shape batch_shape input_shape data_format autocast seed".split()
)


def import_keras(path: str | os.PathLike, batch: int = 1, size: tuple[int, int] | None = None) -> Imported:
    """The net of a model in HDF5 or ``.keras``, written by Keras 2 or 3. ``size``: height and width of its images.

    Raises ProtoError for a file that cannot be read and a layer that cannot be imported exactly, which it names;
    WeightsError for weights that are not those of the layers; UsageError without h5py.
    """
    model = Model(os.fspath(path))
    name = _config(model.config).get("name") or os.path.splitext(os.path.basename(os.fspath(path)))[0]
    net = _Keras(model, Builder(name), batch, size)
    outputs = [plain(net.b, tensor) for tensor in net.walk(model.config, (), None)]
    if any(tensor.last and len(net.b.shapes[tensor.top]) == 4 for tensor in [*net.inputs, *outputs]):
        net.b.notes.append("Keras has images as N x H x W x C; this net takes and gives N x C x H x W")
    for top in dict.fromkeys(tensor.top for tensor in outputs):
        net.b.show(top)
    return net.b.done()


def _config(model: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a model; that of an old Sequential is a bare list of layers."""
    config = model["config"]
    return {"layers": config} if isinstance(config, list) else config


class _Keras:
    """The net so far. Walks models, one within another, and calls their layers."""

    def __init__(self, model: Model, b: Builder, batch: int, size: tuple[int, int] | None):
        self.model, self.b, self.batch, self.size = model, b, batch, size
        self.inputs: list[Tensor] = []
        formats = sorted(set(_formats(model.config)))
        if len(formats) > 1:
            raise ProtoError(f"{model.path}: has layers of data_format {' and '.join(formats)}; expected one of them")
        self.last = formats != ["channels_first"]

    def walk(self, model: dict[str, Any], trail: Trail, given: list[Tensor] | None) -> list[Tensor]:
        """Append the layers of a model, called with ``given``, or with inputs of its own; what it gives."""
        try:
            config = _config(model)
            if model["class_name"] == "Sequential":
                return self._sequence(config, trail, given)
            return self._graph(config, trail, given)
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise ProtoError(f"{self.model.path}: its configuration is damaged ({error!r})") from None

    def _sequence(self, config: dict[str, Any], trail: Trail, given: list[Tensor] | None) -> list[Tensor]:
        tensors, layers = given, config["layers"]
        for layer, place in zip(layers, places(layers)):
            own = layer["config"]
            name = own["name"] if isinstance(own, dict) else layer.get("name", place)
            if layer["class_name"] == "InputLayer":
                tensors = tensors or [self._input(name, own)]
                continue
            if tensors is None:
                tensors = [self._input("input", {**own, **_built(config, layer)})]
            tensors = self._call(layer, name, (*trail, (name, place)), tensors)
        if not tensors:
            raise ProtoError(f"{self.model.path}: the model has no layers; expected some")
        return tensors

    def _graph(self, config: dict[str, Any], trail: Trail, given: list[Tensor] | None) -> list[Tensor]:
        layers, known = config["layers"], {}
        first = _references(config["input_layers"])
        for i, (name, node, tensor) in enumerate(first):
            (own,) = (layer["config"] for layer in layers if layer["name"] == name)
            known[name, node, tensor] = given[i] if given is not None else self._input(name, own)
        todo = [
            (layer, place, node, _tensors(inbound))
            for layer, place in zip(layers, places(layers))
            for node, inbound in enumerate(layer["inbound_nodes"])
        ]
        shifts = _shifts(layers, [*(key for *_, keys in todo for key in keys), *_references(config["output_layers"])])
        while todo:
            ready = [one for one in todo if all(key in known for key in one[3])]
            if not ready:
                raise ProtoError(f'{self.model.path}: layer "{todo[0][0]["name"]}" reads what no layer gives')
            for layer, place, node, keys in ready:
                name = layer["name"]
                numbers = _numbers(self._place(layer, name), layer["inbound_nodes"][node])
                found = self._call(layer, name, (*trail, (name, place)), [known[key] for key in keys], numbers)
                known.update({(name, node + shifts.get(name, 0), i): tensor for i, tensor in enumerate(found)})
            todo = [one for one in todo if all(one is not other for other in ready)]
        return [known[key] for key in _references(config["output_layers"])]

    def _call(
        self, layer: dict[str, Any], name: str, trail: Trail, tensors: list[Tensor], numbers: Numbers = ()
    ) -> list[Tensor]:
        kind = layer["class_name"]
        if kind in MODELS:
            return self.walk(layer, trail, tensors)
        place = self._place(layer, name)
        if kind not in LAYERS:
            raise ProtoError(f"{place} cannot be imported{did_you_mean(kind, LAYERS) or _known()}")
        convert, keys = LAYERS[kind]
        config = layer["config"]
        for key, value in config.items():
            if value not in (None, False, []) and key not in keys and key not in _EVERYWHERE:
                if not key.endswith(_TRAINING):
                    raise ProtoError(f"{place} has the option {key}: {value}, which cannot be imported")
        full = "/".join(part for part, _ in trail)
        call = Call(self.b, self.model, trail, full, config, tensors, self.last, numbers)
        try:
            return [with_number(call, kind) if numbers else convert(call)]
        except (LayerError, UsageError) as error:
            raise ProtoError(f"{place}: {error}") from None

    def _place(self, layer: dict[str, Any], name: str) -> str:
        return f'{self.model.path}: layer "{name}" ({layer["class_name"]})'

    def _input(self, name: str, config: dict[str, Any]) -> Tensor:
        """An Input for images of N x C x H x W, or of the shape that the model says."""
        shape = config.get("batch_shape") or config.get("batch_input_shape")
        if not shape:
            raise ProtoError(f'{self.model.path}: input "{name}" has no shape; expected a model that is built')
        rest = list(shape[1:])
        if len(rest) == 3:
            rest = [rest[2], rest[0], rest[1]] if self.last else rest
            rest[1:] = self.size or rest[1:]
        if any(n is None for n in rest):
            more = "; expected --size H,W" if len(rest) == 3 and rest[0] is not None else ""
            raise ProtoError(f'{self.model.path}: input "{name}" has sizes that are open: {shape}{more}')
        tensor = Tensor(self.b.input(name, (self.batch, *rest)), self.last)
        self.inputs.append(tensor)
        return tensor


def _known() -> str:
    return f"; expected one of {', '.join(sorted(LAYERS))}"


def _formats(model: Any) -> Iterator[str]:
    """The data_format of every layer that has a say in it; Flatten has not."""
    for layer in _config(model).get("layers", ()):
        if layer.get("class_name") in MODELS:
            yield from _formats(layer)
        elif layer.get("class_name") != "Flatten" and isinstance(layer.get("config"), dict):
            if layer["config"].get("data_format"):
                yield layer["config"]["data_format"]


def _built(config: dict[str, Any], layer: dict[str, Any]) -> dict[str, Any]:
    """The shape that a Sequential without an InputLayer was built for."""
    own = layer["config"]
    if own.get("batch_shape") or own.get("batch_input_shape"):
        return {}
    return {"batch_shape": config.get("build_input_shape") or layer.get("build_config", {}).get("input_shape")}


Key = tuple[str, int, int]
Numbers = tuple[float | None, ...]


def _references(found: Any) -> list[Key]:
    """[name, node, tensor], or a list of such."""
    if found and isinstance(found[0], str):
        found = [found]
    return [(one[0], one[1], one[2]) for one in found]


def _tensors(inbound: Any) -> list[Key]:
    """The tensors that a node reads, in the form of Keras 2 or of Keras 3."""
    if isinstance(inbound, dict):
        return list(_histories([inbound.get("args", ()), inbound.get("kwargs", {})]))
    return _references(inbound)


def _histories(value: Any) -> Iterator[Key]:
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        yield tuple(value["config"]["keras_history"])
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _histories(one)
    elif isinstance(value, dict):
        yield from _histories(list(value.values()))


def _numbers(place: str, inbound: Any) -> Numbers:
    """The arguments of a call of one tensor and numbers; refuses other calls of more than tensors, and training."""
    if isinstance(inbound, dict):
        args, kwargs = inbound.get("args", []), inbound.get("kwargs", {})
    else:
        args, kwargs = [], {key: value for one in inbound if len(one) > 3 for key, value in one[3].items()}
    for key, value in kwargs.items():
        if value not in (None, False) and not list(_histories(value)):
            raise ProtoError(f"{place} is called with {key}={value!r}; expected tensors alone")
    found = tuple(one if isinstance(one, (int, float)) else None for one in args)
    return found if any(one is not None for one in found) else ()


def _shifts(layers: Sequence[dict[str, Any]], keys: Sequence[Key]) -> dict[str, int]:
    """By which number the calls of a layer are counted from: 1 for the models within a model of Keras 2."""
    calls = {layer["name"]: len(layer["inbound_nodes"]) for layer in layers if layer["class_name"] in MODELS}
    return {name: 1 for name, node, _ in keys if node >= calls.get(name, node + 1)}
