"""minicaffe: run, train and understand Caffe nets without Caffe.

The names are pycaffe's, so that scripts need one changed line: ``import minicaffe as caffe``. Everything below
is imported when it is first asked for; ``import minicaffe`` itself loads nothing heavy.
"""

import importlib
from typing import Any

from . import alias as alias  # under whatever name this package is known, its modules exist once
from .version import __version__

_HOMES = {
    "Net": "net",
    "Blob": "blobs",
    "Solver": "solver",
    "get_solver": "solver",
    "SGDSolver": "solver.kinds",
    "NesterovSolver": "solver.kinds",
    "AdaGradSolver": "solver.kinds",
    "RMSPropSolver": "solver.kinds",
    "AdaDeltaSolver": "solver.kinds",
    "AdamSolver": "solver.kinds",
    "Listener": "solver",
    "Layer": "layers.python",
    "transplant": "weights",
    "layer_types": "layers",
    "layer_type_list": "layers",
    "set_mode_cpu": "settings",
    "set_mode_gpu": "settings",
    "set_device": "settings",
    "has_nccl": "settings",
    "set_random_seed": "settings",
    "set_multiprocess": "settings",
    "set_solver_count": "settings",
    "set_solver_rank": "settings",
    "solver_count": "settings",
    "solver_rank": "settings",
    "NCCL": "settings",
    "Timer": "settings",
    "init_log": "settings",
    "log": "settings",
    "install_as_caffe": "alias",
    "MinicaffeError": "errors",
    "NetSpec": "net_spec",
    "to_proto": "net_spec",
    "params": "net_spec",
    "layers": "layers",
    "net_spec": "net_spec",
    "coord_map": "coord_map",
    "draw": "draw",
    "Classifier": "classifier",
    "Detector": "detector",
    "classifier": "classifier",
    "detector": "detector",
    "io": "io",
    "errors": "errors",
    "proto": "proto",
    "pycaffe": "pycaffe",
}
_UNDER = {"Layer": "PythonLayer", "layer_type_list": "layer_types"}  # what is called otherwise in its home

TRAIN, TEST = 0, 1

__all__ = ["TEST", "TRAIN", "__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'minicaffe' has no attribute {name!r}")
    home = importlib.import_module(f".{_HOMES[name]}", __name__)
    value = home if name == _HOMES[name] else getattr(home, _UNDER.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
