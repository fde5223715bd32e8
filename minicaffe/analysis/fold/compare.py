"""How far the outputs of two nets are apart over the same inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...data import open_database
from ...deploy import Deployed, Transformed, reads_color, record_batches
from ...errors import UsageError
from ...net import Net
from ...proto import Message, NetFile, net_file

Batch = Mapping[str, Any]
Version = tuple[NetFile, Mapping[str, Sequence[np.ndarray]]]
"""A net and its parameters, by layer."""

_SPREADS = (1.0, 50.0)


@dataclass(frozen=True)
class Difference:
    """Of one blob: the largest absolute difference, and the largest relative to its largest number in that batch."""

    blob: str
    absolute: float
    relative: float


def differences(
    before: Version, after: Version, batches: Sequence[Batch], plan: str, keep: Iterable[str] = (), **how: Any
) -> list[Difference]:
    """Run two versions of a net over ``batches`` (arrays for all inputs, by name), and compare their outputs.

    Under the inspect plan the blobs ``keep`` too. A Softmax at the end is left out, as it hides differences where it
    is sure, and blows them up elsewhere. What is not finite in one version is infinitely far, unless it is the same
    in the other. ``how`` is as for ``Net``.
    """
    keep = tuple(keep) if plan == "inspect" else ()
    nets = [_ready(version, plan, **how) for version in (before, after)]
    found: dict[str, tuple[float, float]] = {}
    for batch in batches:
        results = [net.forward(blobs=keep, **batch) for net in nets]
        for name, expected in results[0].items():
            (absolute, relative), most = distance(expected, results[1][name]), found.get(name, (0.0, 0.0))
            found[name] = max(absolute, most[0]), max(relative, most[1])
    for net in nets:
        net.close()
    return [Difference(name, *apart) for name, apart in found.items()]


def _ready(version: Version, plan: str, **how: Any) -> Net:
    """A net with its parameters, without a Softmax at the end."""
    file, arrays = version
    read = {bottom for layer in file.param.layer for bottom in layer.bottom}
    bare = net_file(file.param, file.path)
    _forget_fillers(bare.param)
    made = {top for layer in bare.param.layer if layer.type != "Input" for top in layer.top}
    for layer in list(bare.param.layer):
        if layer.type == "Softmax" and read.isdisjoint(layer.top) and made.issuperset(layer.bottom):
            bare.param.layer.remove(layer)
    net = Net(replace(bare, folder=file.folder), "TEST", plan=plan, seed=0, **how)
    for name, blobs in net.params.items():
        for blob, array in zip(blobs, arrays[name]):
            blob.data[...] = array
    return net


def _forget_fillers(param: Message) -> None:
    """Millions of random numbers are not drawn, as others take their place. Those of BN tell whose it is, and stay."""
    for layer in param.layer:
        if layer.type in ("BN", "BatchNorm"):
            continue
        for _, options in layer.ListFields():
            for field in options.DESCRIPTOR.fields if hasattr(options, "DESCRIPTOR") else ():
                if field.name.endswith("filler"):
                    options.ClearField(field.name)


def distance(expected: np.ndarray, found: np.ndarray) -> tuple[float, float]:
    """The largest absolute difference, and this over the largest magnitude in ``expected``."""
    same = (expected == found) | (np.isnan(expected) & np.isnan(found))
    if same.all():
        return 0.0, 0.0
    with np.errstate(all="ignore"):
        apart = float(np.abs(expected.astype(np.float64) - found)[~same].max())
        scale = float(np.abs(expected).max())
    if not np.isfinite(apart) or not np.isfinite(scale):
        return float("inf"), float("inf")
    return apart, apart / scale if scale else float("inf")


def random_batches(net: Net, count: int, seed: int, scale: float = 1.0) -> Iterator[Batch]:
    """Normal numbers for every input, of spread 1 and 50 * ``scale`` in turn."""
    random = np.random.default_rng(seed)
    for i in range(count):
        spread = (_SPREADS[0], _SPREADS[1] * scale)[i % 2]
        yield {name: random.normal(0, spread, net.blobs[name].shape).astype(np.float32) for name in net.inputs}


def data_batches(net: Net, path: str, count: int, deployed: Deployed) -> Iterator[Batch]:
    """Batches of the database ``path`` (LMDB or LevelDB) for the one input of ``net``.

    Transformed as by the data layer that the net was ``deployed`` from. UsageError for several inputs, DataError where
    the images have another shape.
    """
    if len(net.inputs) != 1:
        raise UsageError(f"--data: the net has the inputs {', '.join(net.inputs)}; expected one, for images")
    (name,) = net.inputs
    size, *shape = net.blobs[name].shape
    prepared = Transformed(deployed.transform, deployed.net.folder, shape=tuple(shape))
    with closing(open_database(path, reads_color(deployed.data) if deployed.data else None)) as source:
        for images, _, _ in record_batches(source, size, size * count, prepared):
            yield {name: images}
