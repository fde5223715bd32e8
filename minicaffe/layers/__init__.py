"""The layer types, one Caffe type per file, which is imported when a net first names its type.

Beside that it is pycaffe's ``layers``: ``from minicaffe import layers as L``, then ``L.Convolution(...)``. Whatever
begins with a capital and is nothing else here is a type's name, as in ``net_spec``.
"""

import re
from pathlib import Path
from typing import Any

from .. import net_spec
from .base import Inferred, Layer, Param, Scratch, homes, layer_class, layer_types, register

for _file in Path(__file__).parent.glob("*.py"):
    for _type in re.findall(r'^@register\("(\w+)"', _file.read_text("utf-8"), re.MULTILINE):
        homes[_type] = f"{__name__}.{_file.stem}"

__all__ = ["Inferred", "Layer", "Param", "Scratch", "layer_class", "layer_types", "register"]


def __getattr__(name: str) -> Any:
    if not name[:1].isupper():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(net_spec.layers, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *layer_types()})
