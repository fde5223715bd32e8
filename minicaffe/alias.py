"""``caffe`` as another name of this package, and its modules under that name."""

from __future__ import annotations

import importlib
import sys
from typing import Any

__all__ = ["install_as_caffe"]


class _Alias:
    """A finder and loader: ``caffe`` and all below it is ``minicaffe`` and what is below that, one module of two names.

    ``caffe`` itself only after ``install_as_caffe``; what is below it wherever ``caffe`` is ``minicaffe``, also after
    ``sys.modules["caffe"] = minicaffe``. Another ``caffe`` keeps its own.
    """

    top = False

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        below = name.startswith("caffe.") and sys.modules.get("caffe") is sys.modules.get("minicaffe")
        if not below and not (self.top and name == "caffe"):
            return None
        from importlib import util

        alias: Any = self  # a loader by what it does
        return util.spec_from_loader(name, alias) if util.find_spec(_real(name)) else None

    def create_module(self, spec: Any) -> None:
        return None

    def exec_module(self, module: Any) -> None:
        sys.modules[module.__name__] = importlib.import_module(_real(module.__name__))


def _real(name: str) -> str:
    return "mini" + name


_alias = _Alias()
sys.meta_path.insert(0, _alias)


def install_as_caffe() -> None:
    """From now on ``import caffe`` gives minicaffe, unless another ``caffe`` has been imported already."""
    _alias.top = True
