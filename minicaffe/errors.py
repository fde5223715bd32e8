"""The exceptions of minicaffe and the one way to phrase them: where, found, expected, did you mean.

Every exception that a user can cause derives from :class:`MinicaffeError`; its text is one clear sentence
(or, for a file with several problems, one line each). The command line prints that text and exits with
status 2; nothing else is ever shown for bad input.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

__all__ = [
    "DataError",
    "GraphError",
    "LayerError",
    "MinicaffeError",
    "NonFiniteError",
    "ProtoError",
    "SolverError",
    "UsageError",
    "WeightsError",
    "did_you_mean",
    "plural",
    "shape_text",
]


class MinicaffeError(RuntimeError):
    """Base of all errors that bad input causes; a RuntimeError, which pycaffe's users catch."""


class UsageError(MinicaffeError):
    """A command or a call was given arguments that make no sense together."""


class ProtoError(MinicaffeError):
    """A prototxt, caffemodel, solverstate or binaryproto that cannot be read; names file, line and column."""


class LayerError(MinicaffeError):
    """One layer's options or shapes are wrong. Layers raise it with the bare sentence; the graph adds the place."""


class GraphError(MinicaffeError):
    """A net that cannot be built; ``problems`` lists every one that was found."""

    def __init__(self, problems: Sequence[str]):
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type[GraphError], tuple[tuple[str, ...]]]:
        return type(self), (self.problems,)


class DataError(MinicaffeError):
    """A data source that is missing, empty, damaged or of another size; a label outside the classes."""


class WeightsError(MinicaffeError):
    """Weights or a solver state that do not fit the net."""


class SolverError(MinicaffeError):
    """A solver definition that makes no sense."""


class NonFiniteError(MinicaffeError):
    """Training met a loss that is not finite; names the first layer and blob, and the iteration."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``'; did you mean "x"?'`` for the known names nearest to ``word``, or ``''`` if none is near."""
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), by_lower, n=3, cutoff=0.6)
    if not near:
        return ""
    return "; did you mean " + " or ".join(f'"{by_lower[name]}"' for name in near) + "?"


def plural(count: int, noun: str) -> str:
    """``plural(1, "bottom")`` is ``"1 bottom"``, ``plural(2, "bottom")`` is ``"2 bottoms"``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def shape_text(shape: Sequence[int]) -> str:
    """``(100, 3, 32, 32)`` as ``"100 x 3 x 32 x 32"``; a scalar as ``"scalar"``."""
    return " x ".join(str(int(n)) for n in shape) if len(shape) else "scalar"
