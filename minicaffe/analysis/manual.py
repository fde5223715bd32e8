"""What there is to know of a layer type or a message of the schema: from its class, the schema, and an example.

``examples/`` holds a net for each type, under its name; an alias has that of the type it comes from.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from ..errors import UsageError, did_you_mean
from ..layers.base import Inferred, Layer, Param, Shape, homes, layer_class, layer_types
from ..proto import caffe_pb2, parse_net
from ..proto.comments import comment_of
from ..proto.schema import is_repeated, is_required
from ..proto.upgrade.v1 import TYPES as V1_TYPES
from ..proto.values import value_text

__all__ = [
    "Blob",
    "Field",
    "LayerPage",
    "MessagePage",
    "Parameter",
    "find_topic",
    "layer_page",
    "message_page",
    "one_line",
    "topics",
]

_MESSAGES = {"solver": "SolverParameter", "net": "NetParameter", "layer": "LayerParameter", "filler": "FillerParameter"}
_EXAMPLES = Path(__file__).parent / "examples"


@dataclass(frozen=True)
class Field:
    """A field: its type as the schema has it, its default as a prototxt has it ("" for none), what it means."""

    name: str
    type: str
    default: str
    about: str
    values: tuple[tuple[str, str], ...]
    """The values of an enum, each with its meaning."""


@dataclass(frozen=True)
class MessagePage:
    """A message of the schema. ``name`` is its type's, ``field`` what it is called in a layer ("" elsewhere)."""

    name: str
    field: str
    about: str
    fields: tuple[Field, ...]
    words: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    """For fields that take one of several words: the field, and each word with what it does."""


@dataclass(frozen=True)
class Blob:
    """A blob of an example; ``shape`` is None where only data could tell."""

    name: str
    shape: Shape | None


@dataclass(frozen=True)
class Parameter:
    """A parameter of an example, and how it is filled where the prototxt does not say."""

    name: str
    shape: Shape
    filling: str
    learned: bool


@dataclass(frozen=True)
class LayerPage:
    """A layer type. ``facts`` are sentences; blobs and parameters are those of the example, a prototxt or ""."""

    type: str
    title: str
    about: str
    numbers: tuple[str, str]
    """How many bottoms and tops it takes."""
    facts: tuple[str, ...]
    bottoms: tuple[Blob, ...]
    tops: tuple[Blob, ...]
    parameters: tuple[Parameter, ...]
    options: tuple[MessagePage, ...]
    example: str


def topics() -> list[str]:
    """What has a page, beside messages of the schema, by the names that people know."""
    return ["layers", *_MESSAGES, *layer_types()]


def find_topic(name: str, others: Sequence[str] = ()) -> LayerPage | MessagePage:
    """The page of a layer type, in any case or as old nets have it, or of a message, by its name or a field's.

    Raises UsageError for what is neither, with the nearest name among the topics and ``others``.
    """
    if name in _MESSAGES:
        return message_page(_MESSAGES[name])
    known = layer_types()
    alike = [one for one in known if one == name] or [one for one in known if one.lower() == name.lower()]
    if alike or name.upper() in V1_TYPES:
        return layer_page(alike[0] if alike else V1_TYPES[name.upper()])
    page = _message_named(name)
    if page is None:
        raise UsageError(f'"{name}" is no command, layer type or message{_near(name, others)}')
    return page


def _near(name: str, others: Sequence[str]) -> str:
    stem = name.removesuffix("Layer")
    if stem != name and stem in layer_types():
        return f'; did you mean "{stem}"?'
    fields = [field.name for field in _option_fields()]
    near = did_you_mean(name, [*others, *topics(), *fields]) or did_you_mean(name, DESCRIPTORS)
    return near or f"; expected one of {', '.join(others)}, layers, solver, a type or a message such as data_param"


def one_line(type_name: str) -> str:
    """What a type does, in a few words; its class is not loaded if it is not yet."""
    home = homes.get(type_name)
    if home is None:
        return _brief(inspect.getdoc(layer_class(type_name)))
    tree = _source(home.rpartition(".")[2])
    title, _, words = (ast.get_docstring(tree) or "").partition("\n")[0].partition(": ")
    if title == type_name:
        return words
    made = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.decorator_list)
    return next((_brief(ast.get_docstring(node)) for node in made if _registered(node) == type_name), "")


def _brief(text: str | None) -> str:
    """The first line of a class's docstring, without gradients and sources."""
    return re.split(r"; dx = |; the |\. Source: ", (text or "").partition("\n")[0])[0]


@lru_cache
def _source(stem: str) -> ast.Module:
    """A file of ``layers/``."""
    return ast.parse((Path(__file__).parents[1] / "layers" / f"{stem}.py").read_text("utf-8"))


def _registered(node: ast.ClassDef) -> str:
    """The type that the decorator of a class registers."""
    call = node.decorator_list[0]
    return ast.literal_eval(call.args[0]) if isinstance(call, ast.Call) and call.args else ""


# -- messages ------------------------------------------------------------------------------------------------

DESCRIPTORS = dict(caffe_pb2.DESCRIPTOR.message_types_by_name)
"""The messages of the schema by name."""


def message_page(name: str, field: str = "") -> MessagePage:
    """The page of the message ``name``, under the name ``field`` that it has in a layer."""
    descriptor = DESCRIPTORS[name]
    return MessagePage(name, field, comment_of(descriptor), tuple(map(_field, descriptor.fields)), _words(name))


def _words(name: str) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """What stands in fields of text that take one of several words."""
    if name == "FillerParameter":
        from ..fillers import filler_types

        return (("type", tuple(filler_types().items())),)
    if name == "SolverParameter":
        from ..solver.rates import POLICIES
        from ..solver.rules import RULES

        rules = ((rule, (inspect.getdoc(cls) or "").partition("\n")[0]) for rule, cls in RULES.items())
        return (("lr_policy", tuple(POLICIES.items())), ("type", tuple(rules)))
    return ()


def _option_fields() -> list[FieldDescriptor]:
    return [field for field in DESCRIPTORS["LayerParameter"].fields if field.message_type is not None]


def _message_named(name: str) -> MessagePage | None:
    """By the message's name in any case, or by that of a field which holds one: of layers first."""
    for known in DESCRIPTORS:
        if name.lower() == known.lower():
            return message_page(known)
    others = [field for descriptor in DESCRIPTORS.values() for field in descriptor.fields if field.message_type]
    for field in [*_option_fields(), *others]:
        if field.name == name.lower():
            return message_page(field.message_type.name, field.name)
    return None


def _field(field: FieldDescriptor) -> Field:
    enum = field.enum_type
    values = tuple((value.name, comment_of(value)) for value in enum.values) if enum else ()
    word = "repeated " if is_repeated(field) else "required " if is_required(field) else ""
    default = value_text(field, field.default_value) if field.has_default_value else ""
    return Field(field.name, word + _type_text(field), default, comment_of(field), values)


def _type_text(field: FieldDescriptor) -> str:
    if field.message_type is not None:
        return field.message_type.name
    if field.enum_type is not None:
        return "enum"
    names = {number: name for name, number in vars(FieldDescriptor).items() if name.startswith("TYPE_")}
    return names[field.type].removeprefix("TYPE_").lower()


# -- layers --------------------------------------------------------------------------------------------------


def layer_page(type_name: str) -> LayerPage:
    """The page of a type; LayerError for an unknown one."""
    cls = layer_class(type_name)
    example = _example(cls)
    bottoms, tops, parameters = _around(type_name, example) if example else ((), (), ())
    names = (cls.options_field, *cls.more_options) if cls.options_field else cls.more_options
    fields = DESCRIPTORS["LayerParameter"].fields_by_name
    return LayerPage(
        type_name,
        one_line(type_name),
        inspect.cleandoc(cls.__doc__ or ""),
        (_span(cls.bottoms), _span(cls.tops)),
        tuple(_facts(cls)),
        bottoms,
        tops,
        parameters,
        tuple(message_page(fields[name].message_type.name, name) for name in names),
        example,
    )


def _span(arity: tuple[int, int | None]) -> str:
    least, most = arity
    if most is None:
        return f"{least} or more" if least else "any number"
    return str(least) if least == most else f"{least} to {most}"


def _facts(cls: type[Layer]) -> list[str]:
    facts = ["May run in place: its top may be its bottom." if cls.in_place else "", _gradients(cls)]
    if cls.shares:
        facts.append("Its tops are the memory of its bottom; nothing is copied.")
    if cls.loss:
        facts.append("Top 0 is a loss, of weight 1 unless loss_weight says otherwise.")
    if cls.dynamic:
        facts.append("Its tops may change their shapes from one forward to the next.")
    old = [name for name, present in V1_TYPES.items() if present == cls.type]
    facts += [f"Called {name} in nets of the older form." for name in old]
    return [fact for fact in facts if fact]


def _gradients(cls: type[Layer]) -> str:
    none = [i for i in cls.no_gradient if cls.bottoms[1] is None or i < cls.bottoms[1]]
    if not none:
        return ""
    if len(none) == cls.bottoms[1]:
        return "Its bottoms get no gradient." if len(none) > 1 else "Its bottom gets no gradient."
    return " ".join(f"Bottom {i} gets no gradient." for i in none)


def _example(cls: type[Layer]) -> str:
    """The net in ``examples/`` of the type, or of the nearest type that its class comes from."""
    names = {path.name for path in _EXAMPLES.iterdir()}  # whatever letters the file system takes for one another
    for base in cls.__mro__:
        known = vars(base).get("type")
        if known and f"{known}.prototxt" in names:
            text = (_EXAMPLES / f"{known}.prototxt").read_text("utf-8")
            return text.replace(f'type: "{known}"', f'type: "{cls.type}"')
    return ""


def _around(type_name: str, example: str) -> tuple[tuple[Blob, ...], tuple[Blob, ...], tuple[Parameter, ...]]:
    """The bottoms, tops and parameters of the last layer of an example; its fillers are those of a bare prototxt."""
    shapes: dict[str, Shape | None] = {}
    for param in parse_net(example, f"{type_name}.prototxt").param.layer:
        bottoms = tuple(Blob(name, shapes.get(name)) for name in param.bottom)
        inferred = _inferred(param, [shapes[name] for name in param.bottom])
        tops = inferred.tops if inferred else [None] * len(param.top)
        shapes.update(zip(param.top, tops))
    params = inferred.params if inferred else ()
    return bottoms, tuple(Blob(name, shapes[name]) for name in param.top), tuple(map(_parameter, params))


def _inferred(param: Any, bottoms: list[Any]) -> Inferred | None:
    """What a layer's options tell, its fillers left out, without a look at files."""
    for options in [value for field, value in param.ListFields() if field.message_type and not is_repeated(field)]:
        for field, _ in options.ListFields():
            if field.message_type is DESCRIPTORS["FillerParameter"]:
                options.ClearField(field.name)
    layer = layer_class(param.type)(param, "TRAIN")
    try:
        return layer.outline(*bottoms)
    finally:
        layer.close()


def _parameter(param: Param) -> Parameter:
    filler = param.filler
    if filler is None or (filler.type == "constant" and not filler.value):
        text = "zeros"
    else:
        set_fields = [(field.name, value_text(field, value)) for field, value in filler.ListFields()]
        text = ", ".join([filler.type, *(f"{name} {value}" for name, value in set_fields if name != "type")])
    return Parameter(param.name, tuple(param.shape), text, param.learned)
