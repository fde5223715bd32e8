"""What is drawn of a net: the items of its batch, the activations of one of them, and filters."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import Node
from .facts import Picture
from .pictures import color_tiles, extremes, fitting, number_tiles

__all__ = ["Views"]

_PIXELS = 1_300_000
"""Of all pictures of activations together, and as many of filters; so a page stays at a few megabytes."""

_LEAST, _MOST = 4_000, 100_000
_THUMBS, _ITEMS, _UNITS = 8, 32, 256
_WEIGHTS = ("Convolution", "ConvolutionDepthwise", "DepthwiseConvolution", "Deconvolution", "InnerProduct")


class Views:
    """Draws ``item`` of the batch of ``net``; three channels are blue first, unless ``rgb``."""

    def __init__(self, net: Any, item: int, rgb: bool) -> None:
        self._net, self._item, self._rgb = net, item, rgb
        self._pixels = _MOST

    def share_out(self, layers: int) -> None:
        """Let ``layers`` layers share the pixels there are."""
        self._pixels = min(_MOST, max(_LEAST, _PIXELS // max(1, layers)))

    def images(self, node: Node) -> tuple[Picture, ...]:
        """The first items of the images that a layer without bottoms gives: in colour, or in grey."""
        for top in node.tops:
            data = self._net.value(top).data
            if data.ndim == 4 and data.shape[1] in (1, 3) and min(data.shape[2:]) > 1:
                first = data[:_THUMBS]
                low, high = extremes(first)
                return tuple(
                    color_tiles(first[i : i + 1], len(data), f"item {i}", low, high, self._rgb)
                    for i in range(len(first))
                )
        return ()

    def maps(self, node: Node) -> Picture | None:
        """Activations of the first top: the channels of the item, or the batch as rows where these are no planes."""
        if not node.tops:
            return None
        data = self._net.value(node.tops[0]).data
        if data.ndim < 2 or data.size < 2 or not len(data):
            return None
        item = min(self._item, len(data) - 1)
        if data.ndim == 2 or data[0, 0].size == 1:
            rows = data.reshape(len(data), -1)
            sheet = rows[None, :_ITEMS, :_UNITS]
            what = "activations: a row for each item, a column for each unit"
            return number_tiles(sheet, rows.shape[1], f"{what}{_first(rows.shape[1], _UNITS)}", _UNITS)
        if not node.bottoms and data.ndim == 4 and data.shape[1] == 3:
            return None  # ``images`` shows them
        planes = data[item].reshape(data.shape[1], -1, data.shape[-1])
        shown, side = fitting(len(planes), planes.shape[1], planes.shape[2], self._pixels)
        return number_tiles(planes[:shown], len(planes), f"activation maps of item {item}", side)

    def filters(self, node: Node) -> Picture | None:
        """The weights: filters of three channels in colour, others a tile for each pair of output and input."""
        if node.type not in _WEIGHTS or not node.params:
            return None
        weights = node.layer.params[0]
        if node.type == "InnerProduct":
            weights = self._over_planes(node, weights)
        if weights.ndim == 2 or weights[0, 0].size == 1:
            matrix = weights.reshape(len(weights), -1)
            side = min(_UNITS, int(self._pixels**0.5))
            cut = matrix[None, :side, :side]
            what = "weights: a row for each output, a column for each input"
            return number_tiles(cut, len(matrix), what + _first(max(matrix.shape), side), side)
        weights = weights.reshape(*weights.shape[:2], -1, weights.shape[-1])
        if weights.shape[1] == 3 and weights.shape[2] > 2:
            shown, side = fitting(len(weights), weights.shape[2], weights.shape[3], self._pixels)
            bound = float(np.quantile(np.abs(weights[:shown]), 0.995)) or 1.0
            return color_tiles(weights[:shown], len(weights), "filters, in colour", -bound, bound, self._rgb, side)
        return self._pairs(weights)

    def _pairs(self, weights: np.ndarray) -> Picture:
        outputs, inputs = weights.shape[:2]
        across = min(inputs, 16)
        shown, side = fitting(
            outputs * across, weights.shape[2], weights.shape[3], self._pixels, most=32 * across, side=32
        )
        rows = max(1, min(outputs, shown // across))
        tiles = weights[:rows, :across].reshape(rows * across, *weights.shape[2:])
        if inputs == 1:
            return number_tiles(tiles, outputs, "filters", side)
        what = f"filters: a row for each output, the first {across} of {inputs} inputs side by side"
        if inputs == across:
            what = "filters: a row for each output, its inputs side by side"
        return number_tiles(tiles, outputs * inputs, what, side, across)

    def _over_planes(self, node: Node, weights: np.ndarray) -> np.ndarray:
        """Weights of an InnerProduct over images, as filters of the images' size."""
        x = self._net.value(node.bottoms[0]).data
        if x.ndim == 4 and min(x.shape[2:]) > 2 and not node.layer.options.transpose:
            return weights.reshape(len(weights), *x.shape[1:])
        return weights


def _first(count: int, shown: int) -> str:
    return f" (the first {shown} of {count})" if count > shown else ""
