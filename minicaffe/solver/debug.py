"""The lines of ``debug_info``: the mean absolute value of every blob, diff and parameter, as Caffe's log has them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..execution import Span
from ..graph import Node
from ..net import Net


def mean_abs(array: np.ndarray) -> float:
    """sum(|x|) / count, in float64."""
    return float(np.abs(array).sum(dtype=np.float64) / array.size) if array.size else 0.0


class DebugTrace:
    """Runs ``net`` forward and backward, and calls ``say(source, text)`` for each layer that has run.

    Views run nothing, but have their lines as all layers: they are told with the layer that runs next.
    """

    def __init__(self, net: Net, say: Callable[[str, str], None]):
        self.net, self.say = net, say
        self._told = 0  # the nodes before this one, forward; from this one on, backward

    def forward_backward(self) -> float:
        """As ``Net.forward_backward``."""
        self.forward()
        if math.isfinite(self.net.loss):
            self.backward()
        return self.net.loss

    def forward(self) -> None:
        """As ``Net.forward``."""
        self._told = 0
        self.net.run_forward(Span(after=lambda node: self._forward_to(node.index + 1)))
        self._forward_to(len(self.net.graph.nodes))

    def backward(self) -> None:
        """As ``Net.backward``; then the norms of all parameters and gradients together."""
        self._told = len(self.net.graph.nodes)
        self.net.run_backward(Span(after=lambda node: self._backward_to(node.index)))
        self._backward_to(0)
        self._all_params()

    def _forward_to(self, stop: int) -> None:
        for node in self.net.graph.nodes[self._told : stop]:
            self._forward(node)
        self._told = stop

    def _backward_to(self, start: int) -> None:
        for node in reversed(self.net.graph.nodes[start : self._told]):
            if self.net.gradients.nodes[node.index]:
                self._backward(node)
        self._told = start

    def _all_params(self) -> None:
        arena = self.net.arena
        data = np.concatenate([arena.learned, arena.state]).astype(np.float64)
        diff = arena.learned_diff.astype(np.float64)
        self.say(
            "net.cpp:640",
            "    [Backward] All net params (data, diff): "
            f"L1 norm = ({np.abs(data).sum():g}, {np.abs(diff).sum():g}); "
            f"L2 norm = ({np.linalg.norm(data):g}, {np.linalg.norm(diff):g})",
        )

    def _forward(self, node: Node) -> None:
        for top in node.tops:
            name, value = self.net.graph.values[top].name, mean_abs(self.net.value(top).data)
            self.say("net.cpp:594", f"    [Forward] Layer {node.name}, top blob {name} data: {value:g}")
        for param, blob in zip(node.params, self.net.params.get(node.name, ())):
            fact = self.net.graph.params[param]
            name, value = fact.share_name or str(fact.index), mean_abs(blob.data)
            self.say("net.cpp:604", f"    [Forward] Layer {node.name}, param blob {name} data: {value:g}")

    def _backward(self, node: Node) -> None:
        gradients = self.net.gradients
        for want, bottom in zip(gradients.bottoms[node.index], node.bottoms):
            if want:
                name, value = self.net.graph.values[bottom].name, mean_abs(self.net.value(bottom).diff)
                self.say("net.cpp:619", f"    [Backward] Layer {node.name}, bottom blob {name} diff: {value:g}")
        for i, param in enumerate(node.params):
            if gradients.params[param] or not self.net.graph.params[param].learned:
                value = mean_abs(self.net.params[node.name][i].diff)
                self.say("net.cpp:630", f"    [Backward] Layer {node.name}, param blob {i} diff: {value:g}")
