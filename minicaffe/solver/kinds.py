"""pycaffe's solver classes: a solver file, trained by the rule that the class names, whatever the file's type is."""

from __future__ import annotations

import os

from .definition import read_definition
from .events import Listener
from .solver import Solver

__all__ = ["AdaDeltaSolver", "AdaGradSolver", "AdamSolver", "NesterovSolver", "RMSPropSolver", "SGDSolver"]


class _OfKind(Solver):
    kind = ""

    def __init__(self, file: str | os.PathLike, seed: int | None = None, listener: Listener | None = None, **how):
        super().__init__(read_definition(os.fspath(file), {"type": self.kind}), seed, listener, **how)


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
