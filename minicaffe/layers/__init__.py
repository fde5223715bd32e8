"""The layer types, one Caffe type per file. Importing this package registers all of them.

Beside that it is pycaffe's ``layers``: ``from minicaffe import layers as L``, then ``L.Convolution(...)``. Whatever
begins with a capital and is nothing else here is a type's name, as in ``net_spec``.
"""

import importlib
import pkgutil

from .. import net_spec
from .base import Inferred, Layer, Param, Scratch, layer_class, layer_types, register

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["Inferred", "Layer", "Param", "Scratch", "layer_class", "layer_types", "register"]


def __getattr__(name: str):
    if not name[:1].isupper():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(net_spec.layers, name)


def __dir__():
    return sorted({*globals(), *layer_types()})
