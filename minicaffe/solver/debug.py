"""The lines of ``debug_info``: the mean absolute value of every blob, diff and parameter, as Caffe's log has them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..net import Net


def mean_abs(array: np.ndarray) -> float:
    """sum(|x|) / count, in float64."""
    return float(np.abs(array).sum(dtype=np.float64) / array.size) if array.size else 0.0


class DebugTrace:
    """Calls ``say(source, text)`` for each layer that has run forward or backward."""

    def __init__(self, net: Net, say: Callable[[str, str], None]):
        self.net, self.say = net, say

    def forward(self, node) -> None:
        for top in node.layer.param.top:
            value = mean_abs(self.net.blobs[top].data)
            self.say("net.cpp:594", f"    [Forward] Layer {node.name}, top blob {top} data: {value:g}")
        for i, blob in enumerate(self.net.params.get(node.name, ())):
            self.say("net.cpp:604", f"    [Forward] Layer {node.name}, param blob {i} data: {mean_abs(blob.data):g}")

    def backward(self, node) -> None:
        wanted = self.net.plan.gradients
        for want, bottom in zip(wanted.bottoms[node.index], node.bottoms):
            if want:
                name = self.net.graph.values[bottom].name
                value = mean_abs(self.net.blobs[name].diff)
                self.say("net.cpp:619", f"    [Backward] Layer {node.name}, bottom blob {name} diff: {value:g}")
        for i, param in enumerate(node.params):
            if wanted.params[param]:
                value = mean_abs(self.net.params[node.name][i].diff)
                self.say("net.cpp:630", f"    [Backward] Layer {node.name}, param blob {i} diff: {value:g}")

    def all_params(self) -> None:
        """The norms of all parameters and gradients together."""
        data, diff = self.net.arena.learned.astype(np.float64), self.net.arena.learned_diff.astype(np.float64)
        self.say(
            "net.cpp:640",
            "    [Backward] All net params (data, diff): "
            f"L1 norm = ({np.abs(data).sum():g}, {np.abs(diff).sum():g}); "
            f"L2 norm = ({np.linalg.norm(data):g}, {np.linalg.norm(diff):g})",
        )

    def update(self) -> None:
        """Data and step of every learned parameter, after the update."""
        for fact in self.net.graph.params:
            if fact.owner == fact.id and fact.learned:
                node = self.net.graph.nodes[fact.node]
                blob = self.net.params[node.name][fact.index]
                self.say(
                    "net.cpp:656",
                    f"    [Update] Layer {node.name}, param {fact.share_name or fact.index} "
                    f"data: {mean_abs(blob.data):g}; diff: {mean_abs(blob.diff):g}",
                )
