"""minicaffe: run, train and understand Caffe nets without Caffe.

The names are pycaffe's, so that scripts need one changed line: ``import minicaffe as caffe``. Everything below
is imported when it is first asked for; ``import minicaffe`` itself loads nothing heavy.
"""

import importlib
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:  # the same names once more, for those who read types
    from . import classifier as classifier
    from . import coord_map as coord_map
    from . import detector as detector
    from . import draw as draw
    from . import errors as errors
    from . import io as io
    from . import layers as layers
    from . import net_spec as net_spec
    from . import proto as proto
    from . import pycaffe as pycaffe
    from .alias import install_as_caffe as install_as_caffe
    from .blobs import Blob as Blob
    from .classifier import Classifier as Classifier
    from .detector import Detector as Detector
    from .errors import MinicaffeError as MinicaffeError
    from .layers import layer_types as layer_types
    from .layers.python import PythonLayer
    from .net import Net as Net
    from .net_spec import NetSpec as NetSpec
    from .net_spec import params as params
    from .net_spec import to_proto as to_proto
    from .settings import NCCL as NCCL
    from .settings import Timer as Timer
    from .settings import has_nccl as has_nccl
    from .settings import init_log as init_log
    from .settings import log as log
    from .settings import set_device as set_device
    from .settings import set_mode_cpu as set_mode_cpu
    from .settings import set_mode_gpu as set_mode_gpu
    from .settings import set_multiprocess as set_multiprocess
    from .settings import set_random_seed as set_random_seed
    from .settings import set_solver_count as set_solver_count
    from .settings import set_solver_rank as set_solver_rank
    from .settings import solver_count as solver_count
    from .settings import solver_rank as solver_rank
    from .solver import Listener as Listener
    from .solver import Solver as Solver
    from .solver import get_solver as get_solver
    from .solver.kinds import AdaDeltaSolver as AdaDeltaSolver
    from .solver.kinds import AdaGradSolver as AdaGradSolver
    from .solver.kinds import AdamSolver as AdamSolver
    from .solver.kinds import NesterovSolver as NesterovSolver
    from .solver.kinds import RMSPropSolver as RMSPropSolver
    from .solver.kinds import SGDSolver as SGDSolver
    from .weights import transplant as transplant

    Layer = PythonLayer
    layer_type_list = layer_types
else:

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'minicaffe' has no attribute {name!r}")
        home = importlib.import_module(f".{_HOMES[name]}", __name__)
        value = home if name == _HOMES[name] else getattr(home, _UNDER.get(name, name))
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
