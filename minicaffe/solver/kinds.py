"""pycaffe's solver classes, and ``get_solver``, which takes the one that a solver file names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from .definition import Definition, read_definition
from .events import Listener
from .solver import Solver

__all__ = [
    "AdaDeltaSolver",
    "AdaGradSolver",
    "AdamSolver",
    "NesterovSolver",
    "RMSPropSolver",
    "SGDSolver",
    "get_solver",
]


class _OfKind(Solver):
    """A solver file (or its Definition), trained by the rule that the class names, whatever the file's type is."""

    kind = ""

    def __init__(
        self,
        file: str | os.PathLike | Definition,
        seed: int | None = None,
        listener: Listener | None = None,
        **how: Any,
    ) -> None:
        if not isinstance(file, Definition):
            file = read_definition(os.fspath(file), {"type": self.kind})
        super().__init__(file, seed, listener, **how)


class SGDSolver(_OfKind):
    """Stochastic gradient descent with momentum; arguments as in ``get_solver``."""

    kind = "SGD"


class NesterovSolver(_OfKind):
    """Nesterov's accelerated gradient; arguments as in ``get_solver``."""

    kind = "Nesterov"


class AdaGradSolver(_OfKind):
    """AdaGrad; arguments as in ``get_solver``."""

    kind = "AdaGrad"


class RMSPropSolver(_OfKind):
    """RMSProp; arguments as in ``get_solver``."""

    kind = "RMSProp"


class AdaDeltaSolver(_OfKind):
    """AdaDelta; arguments as in ``get_solver``."""

    kind = "AdaDelta"


class AdamSolver(_OfKind):
    """Adam; arguments as in ``get_solver``."""

    kind = "Adam"


_KINDS = {kind.kind: kind for kind in _OfKind.__subclasses__()}


def get_solver(
    file: str | os.PathLike,
    *,
    overrides: Mapping[str, str] | None = None,
    seed: int | None = None,
    listener: Listener | None = None,
    kernels: str = "auto",
    plan: str = "inspect",
    level: int | None = None,
    stages: Iterable[str] = (),
    python_layers: str | os.PathLike | None = None,
    test_bn_stats: str | None = None,
) -> Solver:
    """The solver that a solver prototxt describes, of the class that its ``type`` names, its nets built and ready.

    ``overrides`` replace scalar fields of the file (``{"max_iter": "500"}``); ``seed`` replaces ``random_seed``;
    ``listener`` is told of displays, tests and snapshots (see ``events``); ``kernels`` is "auto" or "direct" and
    ``plan`` "inspect" or "fast" (see Net; ``debug_info`` needs the inspect plan and gets it); ``level`` and ``stages``
    are added to the training net's state, as Caffe's flags are; ``python_layers`` is a folder (see Net).
    ``test_bn_stats`` is "stored", "exact" or "exact:N", and wins over the file's comment (see ``extras``): tests then
    measure the statistics that they use, over N training batches. The training itself stays the same to the bit.

    Raises ProtoError and SolverError for the file, and what Net raises for its nets.
    """
    definition = read_definition(os.fspath(file), overrides, level, stages)
    if test_bn_stats is not None:
        definition = replace(definition, extras={**definition.extras, "test_bn_stats": test_bn_stats})
    kind = _KINDS.get(definition.param.type, Solver)
    return kind(definition, seed, listener, kernels=kernels, plan=plan, python_layers=python_layers)
