"""The two files of a folded net: its prototxt, with the comments above layers that stay, and its weights."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from ...proto import NetFile, caffe_pb2, format_text, write_weights, write_weights_hdf5
from ...proto.files import replace_whole
from .folding import Folded


class Weighted(Protocol):
    """A net with weights: its name, LayerParameters, and the arrays of those layers that have any."""

    @property
    def name(self) -> str: ...

    @property
    def layers(self) -> Sequence[Any]: ...

    @property
    def arrays(self) -> Mapping[str, Sequence[np.ndarray]]: ...


def net_text(folded: Folded, source: NetFile, text: str = "") -> str:
    """The prototxt; ``source`` is the net before folding, ``text`` what its file holds.

    Comments at the top of the file and those right above a layer are kept.
    """
    lines = text.splitlines()
    above = {layer.name: _above(lines, line) for layer, line in zip(source.param.layer, source.lines) if text}
    claimed = {number for numbers in above.values() for number in numbers}
    parts = [line.strip() for number, line in enumerate(lines) if number in _head(lines) - claimed]
    parts.append(format_text(caffe_pb2.NetParameter(name=folded.name)).rstrip("\n") if folded.name else "")
    for layer in folded.layers:
        parts += [lines[number].strip() for number in above.get(layer.name, ())]
        parts.append(format_text(caffe_pb2.NetParameter(layer=[layer])).rstrip("\n"))
    return "".join(f"{part}\n" for part in parts if part)


def _above(lines: list[str], line: int) -> list[int]:
    """The numbers, from 0, of the lines of comment right above line ``line``, counted from 1; none for 0."""
    start = line - 1
    while start > 0 and lines[start - 1].lstrip().startswith("#"):
        start -= 1
    return list(range(start, line - 1))


def _head(lines: list[str]) -> set[int]:
    """The numbers of the comments before the first other line."""
    found = set()
    for number, line in enumerate(lines):
        if re.fullmatch(r"\s*#.*", line):
            found.add(number)
        elif line.strip():
            break
    return found


def write_both(net_path: str | os.PathLike, weights_path: str | os.PathLike, text: str, net: Weighted) -> None:
    """Write the prototxt and the weights (HDF5 where the name ends in .h5), both whole, or neither."""

    def fill(temporary: str) -> None:
        with open(temporary, "xb") as file:
            file.write(text.encode())
        write_arrays(weights_path, net)

    replace_whole(net_path, fill)


def write_arrays(path: str | os.PathLike, net: Weighted) -> None:
    """Write the weights alone, whole or not at all."""
    arrays = [(layer, net.arrays.get(layer.name, [])) for layer in net.layers]
    if os.fspath(path).endswith(".h5"):
        write_weights_hdf5(path, [(layer.name, [(array, None, True) for array in found]) for layer, found in arrays])
    else:
        write_weights(path, net.name, [(layer, [(array, None) for array in found]) for layer, found in arrays])
