"""What an inspection hands out, and how it is made."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..data.images import read_file
from ..errors import DataError, UsageError, plural
from ..proto.files import write_whole
from .facts import LayerFacts, Picture, Prediction
from .measure import measure

__all__ = ["Inspection", "inspect_net", "read_labels"]


@dataclass(frozen=True)
class Inspection:
    """What one run of a net showed: ``layers`` by name, in running order.

    ``phase`` is "TRAIN" or "TEST". ``batch`` is the number of items, None where the net takes none. ``loss`` is None
    without loss layers. ``images`` are the first of the batch, in colour. ``weights``: the files they came from, ()
    for first values, None where it is not known. ``labels`` are names of the classes, ``notes`` further remarks.
    """

    name: str
    phase: str
    batch: int | None
    item: int
    loss: float | None
    layers: dict[str, LayerFacts]
    predictions: tuple[Prediction, ...]
    images: tuple[Picture, ...]
    weights: tuple[str, ...] | None
    labels: tuple[str, ...]
    notes: tuple[str, ...]

    def html(self) -> str:
        """The page: pictures inside, no script, nothing from elsewhere."""
        from .page import page

        return page(self)

    def save(self, path: str | os.PathLike) -> None:
        """Write the page, whole or not at all; ProtoError where that cannot be done."""
        write_whole(path, self.html().encode())

    def _repr_html_(self) -> str:
        """The page in a frame of a notebook, whose own styles it leaves alone."""
        page = html.escape(self.html())
        return f'<iframe srcdoc="{page}" style="width:100%;height:80vh;border:0" title="inspection"></iframe>'


def inspect_net(
    net: Any,
    layers: Iterable[str] | None = None,
    *,
    item: int = 0,
    rgb: bool = False,
    gradients: bool = True,
    labels: str | os.PathLike | Sequence[str] = (),
    weights: Sequence[str] | None = None,
    notes: Sequence[str] = (),
) -> Inspection:
    """Run ``net`` once over the batch that it has, or that its data layers give, and tell what is seen.

    The arguments are those of ``Net.inspect``; ``weights`` and ``notes`` are told on the page. Weights, statistics,
    gradients of parameters and data positions are afterwards as before; blobs hold this run. Raises UsageError for a
    net of the fast plan or with HDF5Output, a layer or an item that is not there; DataError for a file of labels that
    cannot be read.
    """
    if net.runner is not None:
        raise UsageError('the fast plan keeps no blobs to inspect; expected a net with plan="inspect"')
    for node in net.graph.nodes:
        if node.type == "HDF5Output":
            raise UsageError(
                f'layer "{node.name}" (HDF5Output) would write this run to its file; expected a net without'
            )
    names = read_labels(labels) if isinstance(labels, (str, os.PathLike)) else tuple(labels)
    if item < 0:
        raise UsageError(f"item is {item}; expected at least 0")
    found = measure(net, layers, item, rgb, gradients)
    batch = _batch(net)
    if item and item >= (batch or 1):
        raise UsageError(f"item is {item}; expected one of the batch, 0 to {(batch or 1) - 1}")
    return Inspection(
        name=net.name,
        phase=net.graph.phase,
        batch=batch,
        item=item,
        loss=found.loss,
        layers=found.layers,
        predictions=found.predictions,
        images=found.images,
        weights=None if weights is None else tuple(weights),
        labels=names,
        notes=(*notes, *_unnamed(names, found.predictions)),
    )


def read_labels(path: str | os.PathLike) -> tuple[str, ...]:
    """Names of classes, one a line, as in Caffe's synset_words.txt; DataError where they cannot be read."""
    try:
        lines = read_file(path).decode().splitlines()
    except UnicodeDecodeError:
        raise DataError(f"{path}: is not written in UTF-8; expected names of classes, one a line") from None
    names = tuple(line.strip() for line in lines)
    while names and not names[-1]:
        names = names[:-1]
    if not names:
        raise DataError(f"{path}: is empty; expected names of classes, one a line")
    return names


def _unnamed(names: Sequence[str], predictions: Sequence[Prediction]) -> list[str]:
    """A remark where there are not as many names as classes."""
    if not names or not predictions or len(names) == predictions[0].of:
        return []
    return [f"There are {plural(len(names), 'name')} for {predictions[0].of} classes: the names may be of others."]


def _batch(net: Any) -> int | None:
    """Items in the first blob that comes from outside."""
    for node in net.graph.nodes:
        if not node.bottoms and node.tops:
            shape = net.value(node.tops[0]).shape
            return shape[0] if shape else None
    return None
