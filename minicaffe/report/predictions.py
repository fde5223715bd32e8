"""What the net says of the items of its batch: the largest probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import Node
from .facts import Prediction

__all__ = ["predictions"]

_ITEMS, _TOP = 8, 5


def predictions(net: Any) -> tuple[Prediction, ...]:
    """The five largest probabilities of the first eight items, from the last Softmax over classes; () without one.

    A SoftmaxWithLoss counts as one, and its labels as the truth.
    """
    for node in reversed(net.graph.nodes):
        scores = _scores(net, node)
        if scores is not None:
            truths = _truths(net, node, len(scores))
            return tuple(_prediction(i, row, truth) for i, (row, truth) in enumerate(zip(scores, truths)))
    return ()


def _scores(net: Any, node: Node) -> np.ndarray | None:
    """Probabilities (items, classes)."""
    if node.type not in ("Softmax", "SoftmaxWithLoss"):
        return None
    x = net.value(node.tops[0] if node.type == "Softmax" else node.bottoms[0]).data
    if x.ndim < 2 or x.shape[1] < 2 or x[0].size != x.shape[1]:
        return None  # a class for each place of an image
    x = x[:_ITEMS].reshape(-1, x.shape[1]).astype(np.float64)
    if node.type == "Softmax":
        return x
    with np.errstate(all="ignore"):
        x = np.exp(x - x.max(1, keepdims=True))
        return x / x.sum(1, keepdims=True)


def _truths(net: Any, node: Node, items: int) -> list[int | None]:
    if node.type == "Softmax":
        return [None] * items
    labels = net.value(node.bottoms[1]).data.reshape(-1)[:items]
    return [int(label) for label in labels]


def _prediction(item: int, row: np.ndarray, truth: int | None) -> Prediction:
    order = np.argsort(-row, kind="stable")[:_TOP]
    return Prediction(item, tuple(order.tolist()), tuple(row[order].tolist()), truth, len(row))
