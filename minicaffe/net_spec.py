"""Nets written in Python: ``L`` makes layers, a ``NetSpec`` gives their tops names, ``to_proto`` the NetParameter.

::

    from minicaffe import NetSpec, layers as L, params as P

    n = NetSpec()
    n.data, n.label = L.Data(source="train_lmdb", backend=P.Data.LMDB, batch_size=64, ntop=2)
    n.conv1 = L.Convolution(n.data, kernel_size=5, num_output=20, weight_filler=dict(type="xavier"))
    n.relu1 = L.ReLU(n.conv1, in_place=True)
    n.loss = L.SoftmaxWithLoss(n.relu1, n.label)
    open("net.prototxt", "w").write(str(n.to_proto()))

The names and their meaning are pycaffe's. What Caffe's C++ would refuse is not checked here but when a net is built.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from .errors import UsageError, did_you_mean
from .proto import caffe_pb2
from .proto.schema import is_repeated

__all__ = [
    *("Function", "Layers", "NetSpec", "Parameters", "Top"),
    *("assign_proto", "layers", "param_name_dict", "params", "to_proto"),
]

_SHARED_OPTIONS = {"Deconvolution": "convolution", "Im2col": "convolution", "LSTM": "recurrent", "RNN": "recurrent"}


def param_name_dict() -> dict[str, str]:
    """The layer types that have a message of options of their own, and that field's name without ``_param``.

    {"Convolution": "convolution", "InnerProduct": "inner_product", ...}, in the order of the schema.
    """
    fields = [field for field in caffe_pb2.LayerParameter.DESCRIPTOR.fields if field.name.endswith("_param")]
    return {field.message_type.name.removesuffix("Parameter"): field.name.removesuffix("_param") for field in fields}


_OPTIONS = {**param_name_dict(), **_SHARED_OPTIONS}


def to_proto(*tops: Top | Function) -> Message:
    """The NetParameter of all layers that ``tops`` need, each called after its type: Convolution1, Convolution2."""
    return _net(tops, {})


def assign_proto(proto: Message, name: str, val: Any) -> None:
    """Set field ``name`` of ``proto`` to ``val``.

    A dict fills a message, a list a repeated field, one value a repeated field of one; enums are taken by number or by
    name. Raises UsageError for a field that the message lacks and for a value that the field does not take.
    """
    field = proto.DESCRIPTOR.fields_by_name.get(name)
    if field is None:
        near = did_you_mean(name, proto.DESCRIPTOR.fields_by_name)
        raise UsageError(f'{proto.DESCRIPTOR.name} has no field "{name}"{near}')
    if is_repeated(field):
        values = val if isinstance(val, (list, tuple)) else val.tolist() if getattr(val, "ndim", 0) else [val]
        into = getattr(proto, name)
        for value in values:
            if field.message_type:
                _fill(into.add(), field, value)
            else:
                _scalar(field, value, into.append)
    elif field.message_type:
        _fill(getattr(proto, name), field, val)
    else:
        _scalar(field, val, lambda value: setattr(proto, name, value))


def _fill(message: Message, field: FieldDescriptor, val: Any) -> None:
    if isinstance(val, Mapping):
        for key, value in val.items():
            assign_proto(message, key, value)
    elif isinstance(val, type(message)):
        message.CopyFrom(val)
    else:
        raise UsageError(f'"{field.name}" is {val!r}; expected a dict, or a {message.DESCRIPTOR.name}')


def _scalar(field: FieldDescriptor, val: Any, put: Any) -> None:
    if hasattr(val, "dtype") and getattr(val, "size", 0) == 1:  # a number of NumPy's
        val = val.item()
    if field.enum_type and isinstance(val, str):
        known = field.enum_type.values_by_name
        if val not in known:
            near = did_you_mean(val, known) or f"; expected one of {', '.join(known)}"
            raise UsageError(f'"{field.name}" is {val!r}{near}')
        val = known[val].number
    try:
        put(val)
    except (TypeError, ValueError) as error:
        raise UsageError(f'"{field.name}" of {field.containing_type.name} cannot be {val!r}: {error}') from None


class Top:
    """One output of a layer: number ``n`` of the Function ``fn``."""

    def __init__(self, fn: Function, n: int):
        self.fn, self.n = fn, n

    def to_proto(self) -> Message:
        """The NetParameter of the layers that this top needs."""
        return to_proto(self)

    def _update(self, params: Mapping[str, Any]) -> None:
        self.fn._update(params)


class Function:
    """A layer to be: its ``type_name``, its ``inputs`` (Tops), its ``params`` and its ``tops``.

    ``params`` are fields of the type's own options or of LayerParameter (names that end in ``param`` are always the
    latter's), besides ``ntop`` (how many tops; 1) and ``in_place`` (the tops are the bottoms). Raises TypeError for an
    input that is no Top.
    """

    def __init__(self, type_name: str, inputs: tuple[Top, ...], params: Mapping[str, Any]):
        for index, top in enumerate(inputs):
            if not isinstance(top, Top):
                raise TypeError(f"{type_name} input {index} is not a Top (type is {type(top)})")
        self.type_name, self.inputs, self.params = type_name, tuple(inputs), dict(params)
        self.ntop: int = self.params.pop("ntop", 1)
        self.in_place: bool = self.params.pop("in_place", False)
        self.tops = tuple(Top(self, n) for n in range(self.ntop))

    def to_proto(self) -> Message:
        """The NetParameter of this layer and of all that it needs."""
        return to_proto(self)

    def _update(self, params: Mapping[str, Any]) -> None:
        self.params.update(params)

    def _layer(self, bottoms: list[str], names: _Names) -> Message:
        layer = caffe_pb2.LayerParameter(type=self.type_name, bottom=bottoms)
        layer.top.extend(bottoms if self.in_place else [names.of_top(top) for top in self.tops])
        layer.name = names.of_layer(self)
        options = _OPTIONS.get(self.type_name, "") + "_param"
        known = layer.DESCRIPTOR.fields_by_name
        try:
            for key, value in self.params.items():
                own = options in known and key in known[options].message_type.fields_by_name
                if own and not key.endswith("param"):
                    assign_proto(getattr(layer, options), key, value)
                elif key in known or options not in known:
                    assign_proto(layer, key, value)
                else:
                    fields = [*known[options].message_type.fields_by_name, *known]
                    raise UsageError(f'neither {options} nor the layer has a field "{key}"{did_you_mean(key, fields)}')
        except UsageError as error:
            raise UsageError(f'layer "{layer.name}" ({self.type_name}): {error}') from None
        return layer


class _Names:
    """Names of tops and layers: those given, and for the others the type with a number, counted by type."""

    def __init__(self, given: Mapping[Top | Function, str]):
        self._names = dict(given)
        self._taken = set(given.values())
        self._counts: Counter[str] = Counter()

    def of_top(self, top: Top) -> str:
        return self._name(top, top.fn)

    def of_layer(self, fn: Function) -> str:
        """A layer is called after its first top."""
        if fn not in self._names and fn.tops:
            self._names[fn] = self.of_top(fn.tops[0])
        return self._name(fn, fn)

    def _name(self, what: Top | Function, fn: Function) -> str:
        while what not in self._names:
            self._counts[fn.type_name] += 1
            name = f"{fn.type_name}{self._counts[fn.type_name]}"
            if name not in self._taken:
                self._names[what] = name
        return self._names[what]


def _net(tops: Any, given: Mapping[Top | Function, str]) -> Message:
    """The net of ``tops``: every layer after those it reads, in the order in which they are needed."""
    names = _Names(given)
    done: OrderedDict[Function, Message] = OrderedDict()
    for top in tops:
        pending = [getattr(top, "fn", top)]
        while pending:
            fn = pending[-1]
            missing = next((bottom.fn for bottom in fn.inputs if bottom.fn not in done), None)
            if fn not in done and missing is not None:
                pending.append(missing)
                continue
            pending.pop()
            if fn not in done:
                done[fn] = fn._layer([done[bottom.fn].top[bottom.n] for bottom in fn.inputs], names)
    return caffe_pb2.NetParameter(layer=done.values())


class NetSpec:
    """Tops with names: ``n.conv1 = L.Convolution(...)`` names a top and its layer, and so does ``n["a/b"] = ...``.

    ``to_proto`` gives the NetParameter of every layer that the named tops need, in the order of naming. Of a top that
    has been given two names the last counts.
    """

    tops: OrderedDict[str, Top | Function]

    def __init__(self) -> None:
        super().__setattr__("tops", OrderedDict())

    def __setattr__(self, name: str, value: Top | Function) -> None:
        if isinstance(value, tuple):
            raise UsageError(f'"{name}" would be {len(value)} tops; expected a name for each')
        if not isinstance(value, (Top, Function)):
            raise UsageError(f'"{name}" would be {value!r}; expected a Top')
        self.tops[name] = value

    def __getattr__(self, name: str) -> Top | Function:
        try:
            return super().__getattribute__("tops")[name]
        except KeyError:
            raise AttributeError(f'the net has no top "{name}"{did_you_mean(name, self.tops)}') from None

    def __setitem__(self, name: str, value: Top | Function) -> None:
        setattr(self, name, value)

    def __getitem__(self, name: str) -> Top | Function:
        return self.tops[name]

    def __delitem__(self, name: str) -> None:
        del self.tops[name]

    def keys(self) -> list[str]:
        """The names of the tops."""
        return list(self.tops)

    def vals(self) -> list[Top | Function]:
        """The tops."""
        return list(self.tops.values())

    def update(self, name: str, params: Mapping[str, Any]) -> None:
        """Change ``params`` of the layer of top ``name``."""
        self.tops[name]._update(params)

    def to_proto(self) -> Message:
        """The NetParameter of all layers that the named tops need."""
        return _net(self.tops.values(), {top: name for name, top in self.tops.items()})


class Layers:
    """``layers.Convolution(bottom, kernel_size=3)`` makes a layer of that type, whatever the type: see ``Function``.

    Returns its Top; a tuple of them for ``ntop`` above 1, the Function itself for 0.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def layer(*inputs: Top, **params: Any) -> Any:
            fn = Function(name, inputs, params)
            return fn if fn.ntop == 0 else fn.tops[0] if fn.ntop == 1 else fn.tops

        layer.__name__ = layer.__qualname__ = name
        layer.__doc__ = f"A layer of type {name} over the Tops ``inputs``, with the options ``params``.{_told(name)}"
        return layer


def _told(type_name: str) -> str:
    """The options of a type by name, for its help."""
    field = caffe_pb2.LayerParameter.DESCRIPTOR.fields_by_name.get(f"{_OPTIONS.get(type_name)}_param")
    names = ", ".join(field.message_type.fields_by_name) if field else ""
    return f" Those of ``{field.name}``: {names}." if names else ""


class _Param:
    """What stands in one message of the schema: the numbers of its enums."""

    def __init__(self, message: type[Message]):
        self._message = message

    def __getattr__(self, name: str) -> Any:
        known = [value.name for enum in self._message.DESCRIPTOR.enum_types for value in enum.values]
        if name not in known and name not in self._message.DESCRIPTOR.enum_types_by_name:
            raise AttributeError(f'{self._message.DESCRIPTOR.name} has no "{name}"{did_you_mean(name, known)}')
        return getattr(self._message, name)


class Parameters:
    """``params.Pooling.MAX``: the number that PoolingParameter's enum gives to MAX."""

    def __getattr__(self, name: str) -> _Param:
        message = getattr(caffe_pb2, f"{name}Parameter", None)
        if message is None:
            known = [known.removesuffix("Parameter") for known in caffe_pb2.__all__ if known.endswith("Parameter")]
            raise AttributeError(f"the schema has no {name}Parameter{did_you_mean(name, known)}")
        return _Param(message)


layers = Layers()
params = Parameters()
