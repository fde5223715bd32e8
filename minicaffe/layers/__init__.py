"""The layer types, one Caffe type per file. Importing this package registers all of them."""

import importlib
import pkgutil

from .base import Inferred, Layer, Param, Scratch, layer_class, layer_types, register

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["Inferred", "Layer", "Param", "Scratch", "layer_class", "layer_types", "register"]
