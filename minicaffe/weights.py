"""Copying parameters into a net by layer name: what fits, what does not, and a table that says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import WeightsError, did_you_mean, plural, shape_text

__all__ = ["CopyReport", "copy_arrays", "core_shape", "transplant"]

Place = tuple[str, int]  # a layer and the number of one of its parameters


@dataclass(frozen=True)
class CopyReport:
    """Which layers of the net got their parameters, which layers the file has beyond them, which it lacks.

    ``shared`` are pairs such as ("ip2[0]", "ip1[0]"): a parameter of a layer that was copied and the one whose memory
    it uses. ``differing`` are those of which the file holds two copies that are not equal: the last one was taken.
    """

    copied: tuple[str, ...]
    ignored: tuple[str, ...]
    missing: tuple[str, ...]
    shared: tuple[tuple[str, str], ...] = ()
    differing: tuple[tuple[str, str], ...] = ()


def copy_arrays(
    path: str,
    source: Mapping[str, Sequence[np.ndarray | None]],
    params: Mapping[str, Sequence],
    shared: Mapping[Place, Place] | None = None,
) -> CopyReport:
    """Copy ``source`` (layer name -> arrays) into ``params`` (layer name -> blobs) where the names are equal.

    ``shared`` says which parameters of the net use another's memory; of these the source may have one copy or all,
    and None or nothing for the rest. Shapes must agree, but for leading axes of 1 (old files have four axes always).
    Nothing is copied unless everything fits; WeightsError lists all that does not.
    """
    shared = shared or {}
    common = [name for name in source if name in params]
    if params and not common:
        known = ", ".join(list(source)[:5]) or "none"
        raise WeightsError(
            f"{path}: none of its layers with weights ({known}{', ...' if len(source) > 5 else ''}) has the name "
            f"of one in the net ({', '.join(list(params)[:5])}{', ...' if len(params) > 5 else ''})"
        )
    _refuse_misfits(path, [name for name in params if name in source], source, params, shared)
    written: dict[Place, np.ndarray] = {}
    differing = []
    for name in common:
        for i, (array, blob) in enumerate(zip(source[name], params[name])):
            if array is None:
                continue
            owner = shared.get((name, i), (name, i))
            if owner in written and not np.array_equal(written[owner].ravel(), array.ravel()):
                differing.append((_title((name, i)), _title(owner)))
            written[owner] = array
            blob.data[...] = array.reshape(blob.shape)
    return CopyReport(
        tuple(name for name in params if name in source),
        tuple(name for name in source if name not in params),
        tuple(name for name in params if not _reached(name, params, written, shared)),
        tuple((_title(place), _title(owner)) for place, owner in shared.items() if owner in written),
        tuple(differing),
    )


def transplant(source: Any, target: Any, layers: Mapping[str, str]) -> None:
    """Copy the parameters of layers of the net ``source`` into layers of the net ``target``, number by number.

    ``layers`` says which go where, by name; each parameter needs as many numbers there as here, in any shape. So the
    weights of an InnerProduct become those of a Convolution over the same extent::

        full = minicaffe.Net("deploy.prototxt", minicaffe.TEST, weights="net.caffemodel")
        conv = minicaffe.Net("deploy_full_conv.prototxt", minicaffe.TEST, weights="net.caffemodel")
        minicaffe.transplant(full, conv, {"fc6": "fc6-conv", "fc7": "fc7-conv", "fc8": "fc8-conv"})

    WeightsError lists all that does not fit; then nothing has changed.
    """
    wrong: list[tuple[str, str, str]] = []
    pairs = []
    for name, other in layers.items():
        here, there = _blobs(source, name, "source"), _blobs(target, other, "target")
        if len(here) != len(there):
            wrong.append((f"{name} to {other}", plural(len(here), "blob"), plural(len(there), "blob")))
            continue
        for i, (blob, into) in enumerate(zip(here, there)):
            pairs.append((blob, into))
            if blob.count != into.count:
                wrong.append((f"{name}[{i}] to {other}[{i}]", _counted(blob), _counted(into)))
    if wrong:
        has = "has another number" if len(wrong) == 1 else "have another number"
        said = f"{plural(len(wrong), 'parameter')} {has} of values in the target net than in the source"
        raise WeightsError(f"{said}:\n  {_rows(('parameter', 'source', 'target'), wrong)}")
    copies = [blob.data.copy() for blob, _ in pairs]  # source and target may be one net
    for array, (_, into) in zip(copies, pairs):
        into.data[...] = array.reshape(into.shape)


def _blobs(net: Any, name: str, role: str) -> Any:
    if name not in net.params:
        raise WeightsError(
            f'the {role} net has no layer "{name}" with parameters; expected one of {", ".join(net.params) or "none"}'
            f"{did_you_mean(name, net.params)}"
        )
    return net.params[name]


def _counted(blob: Any) -> str:
    return f"{shape_text(blob.shape)} ({blob.count})"


def _title(place: Place) -> str:
    return f"{place[0]}[{place[1]}]"


def _reached(name: str, params: Any, written: Any, shared: Any) -> bool:
    """Whether every parameter of a layer was written, itself or through the one that it shares."""
    return all(shared.get((name, i), (name, i)) in written for i in range(len(params[name])))


def _refuse_misfits(path: str, common: Any, source: Any, params: Any, shared: Any) -> None:
    wrong: list[tuple[str, str, str]] = []
    for name in common:
        theirs, ours = source[name], params[name]
        given = {i for i, array in enumerate(theirs) if array is not None}
        lacking = [i for i in range(len(ours)) if i not in given and (name, i) not in shared]
        if len(theirs) > len(ours) or lacking:
            wrong.append((name, plural(len(given), "blob"), plural(len(ours), "blob")))
            continue
        for i in sorted(given):
            if core_shape(theirs[i].shape) != core_shape(ours[i].shape):
                wrong.append((f"{name}[{i}]", shape_text(theirs[i].shape), shape_text(ours[i].shape)))
    if wrong:
        has = "has another shape" if len(wrong) == 1 else "have another shape"
        rows = _rows(("parameter", "in the file", "in the net"), wrong)
        raise WeightsError(f"{path}: {plural(len(wrong), 'parameter')} {has} than in the net:\n  {rows}")


def core_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """The shape without leading axes of 1, which old files have."""
    first = next((i for i, n in enumerate(shape) if n != 1), len(shape))
    return tuple(shape[first:])


def _rows(head: tuple[str, str, str], wrong: list[tuple[str, str, str]]) -> str:
    rows = [head, *wrong]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n  ".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows)
