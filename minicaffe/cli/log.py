"""Caffe's log lines: the same words, numbers and sources, so that tools which read Caffe's logs read these.

A line is glog's prefix and a text: ``I1120 23:20:03.661054 25018 solver.cpp:239] Iteration 0 (...)``. The
prefix has letter, month and day, time, thread and the place in Caffe's sources that writes this line.
Every function here returns ``(place, text)`` pairs; ``Log`` adds the prefix and hands the line on.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..proto import Message
    from ..solver.events import Display, Output

__all__ = ["Log", "build_lines", "display_lines", "number", "output_lines", "prefix", "score_lines", "snapshot_lines"]

Line = tuple[str, str]

_OWN = "minicaffe:0"  # where Caffe has no such line

_TRAIN_NET_PLACES = {
    "net": ("solver.cpp:102", "from net file: "),
    "net_param": ("solver.cpp:97", "specified in net_param."),
    "train_net": ("solver.cpp:92", "from train_net file: "),
    "train_net_param": ("solver.cpp:88", "specified in train_net_param."),
}


class Log:
    """Writes lines through ``write``, which takes one line without its end.

    Lines are kept back until ``release``: input that turns out to be bad leaves its one sentence and nothing else.
    """

    def __init__(self, write: Callable[[str], None]):
        self._write = write
        self._kept: list[str] | None = []

    def release(self) -> None:
        """Write what was kept back, and from now on every line at once."""
        kept, self._kept = self._kept or [], None
        for line in kept:
            self._write(line)

    def info(self, place: str, text: str) -> None:
        self._line(prefix("I", place) + text)

    def infos(self, lines: Iterable[Line]) -> None:
        for place, text in lines:
            self.info(place, text)

    def note(self, text: str) -> None:
        """A remark of minicaffe's own, for those who want to know."""
        self.info(_OWN, text)

    def warning(self, text: str) -> None:
        """A remark of minicaffe's own, which nobody should miss."""
        self._line(prefix("W", _OWN) + text)

    def _line(self, line: str) -> None:
        if self._kept is None:
            self._write(line)
        else:
            self._kept.append(line)


def prefix(letter: str, place: str) -> str:
    """glog's prefix for now and this process."""
    return f"{letter}{datetime.now():%m%d %H:%M:%S.%f} {os.getpid():5d} {place}] "


def number(value: float) -> str:
    """A float32 as C++ prints it: six significant digits (``8.37862e-25``, ``0.001``)."""
    return f"{_float32(value):g}"


def _float32(value: float) -> float:
    return ctypes.c_float(value).value


def _with_loss(name: str, value: float, loss_weight: float) -> str:
    """``loss = 2.33 (* 1 = 2.33 loss)``; the part in brackets only where there is a loss weight."""
    text = f"{name} = {number(value)}"
    if loss_weight:
        weighted = _float32(loss_weight) * _float32(value)
        text += f" (* {number(loss_weight)} = {number(weighted)} loss)"
    return text


def build_lines(
    param: Message,
    text: str,
    train: Sequence[Line] = (),
    tests: Sequence[Sequence[Line]] = (),
    ignored: Mapping[tuple[int, str], Sequence[Line]] | None = None,
) -> list[Line]:
    """What Caffe says while it builds a solver; ``param`` is a SolverParameter and ``text`` its text form.

    ``train`` and ``tests`` are the lines about the building of each net (see ``netlog``); ``ignored`` those about what
    a net, 0 for the training net, did not take from a file of weights.
    """
    weights = [path.strip() for several in param.weights for path in several.split(",") if path.strip()]
    lines = [
        ("caffe.cpp:197", "Use CPU."),
        ("solver.cpp:45", f"Initializing solver from parameters: \n{text.rstrip()}"),
    ]

    def loads(net: int) -> list[Line]:
        given = [(path, (ignored or {}).get((net, path), ())) for path in weights]
        return [line for path, rest in given for line in (("solver.cpp:72", f"Finetuning from {path}"), *rest)]

    for field, (place, words) in _TRAIN_NET_PLACES.items():
        if param.HasField(field):
            source = getattr(param, field) if words.endswith(": ") else ""
            lines += [(place, f"Creating training net {words}{source}"), *train, *loads(0)]
    for i, origin in enumerate(_test_origins(param)):
        built = tests[i] if i < len(tests) else ()
        lines += [("solver.cpp:190", f"Creating test net (#{i}) specified by {origin}"), *built, *loads(i + 1)]
    return [*lines, ("solver.cpp:57", "Solver scaffolding done.")]


def _test_origins(param: Message) -> list[str]:
    """How Caffe names the source of each test net."""
    origins = ["test_net_param"] * len(param.test_net_param)
    origins += [f"test_net file: {path}" for path in param.test_net]
    shared = "net_param" if param.HasField("net_param") else f"net file: {param.net}"
    return origins + [shared] * (len(param.test_iter) - len(origins))


def display_lines(display: Display) -> list[Line]:
    """A training display; see ``minicaffe.solver.events.Display``."""
    seconds = number(round(display.seconds, 3))
    lines = [
        (
            "solver.cpp:239",
            f"Iteration {display.iteration} ({number(display.rate)} iter/s, {seconds}s/{display.span} iters), "
            f"loss = {number(display.loss)}",
        )
    ]
    lines += output_lines("solver.cpp:258", "Train", display.outputs)
    return [*lines, ("sgd_solver.cpp:112", f"Iteration {display.iteration}, lr = {number(display.lr)}")]


def output_lines(place: str, kind: str, outputs: Sequence[Output]) -> list[Line]:
    """The numbers of all output blobs, ``kind`` "Train" or "Test"; see ``minicaffe.solver.events.Output``."""
    return [
        (place, f"    {kind} net output #{out.index}: {_with_loss(out.name, out.value, out.loss_weight)}")
        for out in outputs
    ]


def score_lines(outputs: Sequence[Output], loss: float) -> list[Line]:
    """The end of ``minicaffe test``: the mean loss, then the mean of every output."""
    lines = [("caffe.cpp:309", f"Loss: {number(loss)}")]
    return lines + [("caffe.cpp:321", _with_loss(out.name, out.value, out.loss_weight)) for out in outputs]


def snapshot_lines(model_file: str, state_file: str) -> list[Line]:
    """Both files of a snapshot."""
    if state_file.endswith(".h5"):
        return [
            ("solver.cpp:474", f"Snapshotting to HDF5 file {model_file}"),
            ("sgd_solver.cpp:293", f"Snapshotting solver state to HDF5 file {state_file}"),
        ]
    return [
        ("solver.cpp:464", f"Snapshotting to binary proto file {model_file}"),
        ("sgd_solver.cpp:284", f"Snapshotting solver state to binary proto file {state_file}"),
    ]
