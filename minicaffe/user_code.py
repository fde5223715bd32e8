"""Loading code of the user's own, only ever from where the user has said."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import traceback
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import ModuleType
from typing import cast

from .alias import install_as_caffe
from .errors import MinicaffeError, UsageError, did_you_mean

__all__ = ["load_file", "load_module", "told"]

_loaded: dict[str, ModuleType] = {}  # by real path


def load_file(path: str | os.PathLike) -> ModuleType:
    """Run a file of the user's, such as one that registers layer types; the same file runs once.

    UsageError where there is no such file, or for what it raises.
    """
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise UsageError(f"{path}: no such file; expected a Python file")
    real = os.path.realpath(path)
    if real not in _loaded:
        name = os.path.splitext(os.path.basename(real))[0]
        try:
            _loaded[real] = _execute(f"minicaffe_user_{len(_loaded)}_{name}", real, os.path.dirname(real))
        except MinicaffeError:
            raise
        except Exception as error:
            raise UsageError(f"{path}: this Python file cannot be run: {told(error)}") from error
    return _loaded[real]


def load_module(name: str, folder: str | os.PathLike) -> ModuleType:
    """Module ``name`` (dots are folders) below ``folder``, and only from there. ``import caffe`` in it finds minicaffe.

    UsageError where there is no such file; whatever the module raises passes through.
    """
    folder = os.fspath(folder)
    if not os.path.isdir(folder):
        raise UsageError(f"{folder}: no such folder; expected the one that holds {name.split('.')[0]}.py")
    stem = os.path.join(folder, *name.split("."))
    found = next((path for path in (f"{stem}.py", os.path.join(stem, "__init__.py")) if os.path.isfile(path)), None)
    if found is None:
        known = [entry.removesuffix(".py") for entry in os.listdir(folder)]
        raise UsageError(f'folder {folder} has no module "{name}"{did_you_mean(name, known)}')
    real = os.path.realpath(found)
    if real not in _loaded:
        install_as_caffe()
        _loaded[real] = _execute(name, real, folder)
    return _loaded[real]


def _execute(name: str, path: str, folder: str) -> ModuleType:
    """Run the file as module ``name``, which no one else sees; its own imports may come from ``folder`` too."""
    loader = SourceFileLoader(name, path)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    module = importlib.util.module_from_spec(cast(ModuleSpec, spec))  # None only without a loader
    before = sys.modules.get(name)
    sys.modules[name] = module
    sys.path.insert(0, os.path.abspath(folder))
    try:
        loader.exec_module(module)
    finally:
        sys.path.remove(os.path.abspath(folder))
        del sys.modules[name]
        if before is not None:
            sys.modules[name] = before
    return module


def told(error: Exception) -> str:
    """Class, text, file and line of an error in the user's code."""
    frames = traceback.extract_tb(error.__traceback__)
    own = len(frames) > 1 and os.path.isfile(frames[-1].filename)
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {error}{where}"
