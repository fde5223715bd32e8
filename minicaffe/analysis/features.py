"""What blobs of a net hold, batch by batch: under a plan that keeps them, over its own data or over records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ..data import LevelDbSource, LmdbSource
from ..deploy import Transformed, record_batches
from ..errors import DataError, UsageError, did_you_mean
from ..net import Net

if TYPE_CHECKING:
    from ..blobs import Blob

__all__ = ["gathered", "label_blob", "net_with", "run_own", "run_records"]

AnyNet = TypeVar("AnyNet", bound=Net)


def net_with(make: Callable[[str], AnyNet], blobs: Sequence[str], plan: str, path: str) -> AnyNet:
    """The net that ``make(plan)`` builds; under the inspect plan where the one wished for does not keep all ``blobs``.

    Raises UsageError for a blob that the net of the file ``path`` does not have.
    """
    net = make(plan)
    try:
        for name in blobs:
            if name not in net.blobs:
                near = did_you_mean(name, net.blobs) or f"; it has {', '.join(net.blobs)}"
                raise UsageError(f'{path}: no blob "{name}" in phase TEST{near}')
        if all(_kept(net.blobs[name]) for name in blobs):
            return net
    except BaseException:
        net.close()
        raise
    net.close()
    return make("inspect")


def _kept(blob: Blob) -> bool:
    try:
        return blob.data is not None
    except UsageError:
        return False


def label_blob(net: Net) -> str | None:
    """The blob of labels that a data layer of the net puts out beside its images."""
    for node in net.graph.nodes:
        if node.layer.reads_files and len(node.tops) > 1:
            return net.graph.values[node.tops[1]].name
    return None


def run_own(net: Net, blobs: Sequence[str], batches: int) -> Iterator[dict[str, np.ndarray]]:
    """What ``blobs`` hold after each of ``batches`` runs over the net's own data: views, good until the next."""
    for _ in range(batches):
        net.forward()
        yield {name: net.blobs[name].data for name in blobs}


def run_records(
    net: Net, blobs: Sequence[str], source: LmdbSource | LevelDbSource, items: int, prepared: Transformed
) -> Iterator[tuple[dict[str, np.ndarray], list[float], list[str]]]:
    """``blobs``, labels and keys of the next ``items`` records of ``source``, a batch of the net's input at a time."""
    name = net.inputs[0]
    for images, labels, keys in record_batches(source, net.blobs[name].shape[0], items, prepared):
        yield net.forward_all(blobs, **{name: images}), labels, keys


def gathered(pieces: Iterable[dict[str, np.ndarray]], blobs: Sequence[str], items: int | None) -> dict[str, np.ndarray]:
    """All pieces one behind the other, by blob, at most ``items`` of each; a scalar is one item."""
    lists: dict[str, list[np.ndarray]] = {name: [] for name in blobs}
    for piece in pieces:
        for name in blobs:
            lists[name].append(np.atleast_1d(piece[name]).copy())
    try:
        return {name: np.concatenate(arrays)[:items] for name, arrays in lists.items()}
    except ValueError as error:
        raise DataError(f"the batches are not of one shape ({error}); expected images of one size") from None
