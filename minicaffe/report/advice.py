"""What is worth a second look in a layer, in a word and in plain sentences."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..errors import plural
from .facts import LayerFacts, Norm, Units

__all__ = ["advice"]

_ENOUGH = 64
"""Outputs of a unit, from which on its silence says something."""

_FEW = 8
_MUCH = 0.5


def advice(layer: LayerFacts) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Flags and findings of a layer, one of each for each thing; none where all is as it should be."""
    pairs = [*_broken(layer), *_weights(layer), *_gradients(layer)]
    if layer.units is not None:
        pairs += _units(layer.units)
    if layer.norm is not None:
        pairs += _norm(layer.norm)
    return tuple(flag for flag, _ in pairs), tuple(said for _, said in pairs)


def _broken(layer: LayerFacts) -> Iterator[tuple[str, str]]:
    counts = [
        *((top.data, f'top "{top.name}"') for top in layer.tops),
        *((top.gradient, f'the gradient of top "{top.name}"') for top in layer.tops if top.gradient),
        *((param.data, f"parameter {param.label}") for param in layer.params),
        *((param.gradient, f"the gradient of {param.label}") for param in layer.params if param.gradient),
    ]
    for numbers, what in counts:
        if numbers.broken:
            yield "not finite", f"{numbers.broken:,} of {numbers.size:,} numbers of {what} are NaN or infinite."


def _weights(layer: LayerFacts) -> Iterator[tuple[str, str]]:
    for param in layer.params[:1]:
        if param.learned and param.data.size and param.data.zeros == param.data.size:
            yield "zero weights", f"All {param.label} are 0: what comes in is lost here."


def _gradients(layer: LayerFacts) -> Iterator[tuple[str, str]]:
    for param in layer.params:
        found = param.gradient
        if found is not None and param.lr_mult and found.zeros == found.size:
            yield "no gradient", f"The gradient of {param.label} is 0 everywhere: this batch teaches it nothing."


def _units(units: Units) -> Iterator[tuple[str, str]]:
    if units.places < _ENOUGH:
        return
    silent, all_of, mean = len(units.silent), len(units.share), float(units.share.mean())
    places = f"at all {units.places:,} places of this batch"
    if units.kind == "dead" and silent:
        yield (
            f"{silent} dead",
            f"{silent} of {plural(all_of, 'unit')} {_are(silent)} 0 {places}: no gradient flows through "
            f"{'it' if silent == 1 else 'them'}.",
        )
    if units.kind == "saturated" and (silent or mean > _MUCH):
        yield (
            f"{silent} saturated" if silent else "saturated",
            f"{mean:.0%} of the outputs lie within a hundredth of the range from an end, where the slope is almost 0; "
            f"{silent} of {plural(all_of, 'unit')} {_are(silent)} there {places}.",
        )


def _norm(norm: Norm) -> Iterator[tuple[str, str]]:
    if norm.factor == 0:
        yield (
            "nothing stored",
            "Nothing is stored yet (the factor is 0): in TEST, mean and variance count as 0, and the layer only "
            f"multiplies by 1 / sqrt(eps), which is {norm.eps**-0.5:.3g}.",
        )
        return
    if norm.places < 2:
        return
    ratio, shift = float(np.median(norm.ratio)), float(np.quantile(np.abs(norm.shift), 0.9))
    chance = 2 / norm.items**0.5  # of a batch's mean, where the places of an item are much alike
    if not (np.isfinite(ratio) and np.isfinite(shift)) or (0.5 <= ratio <= 2 and shift <= 0.2 + chance):
        return
    spread = f"about {ratio**-0.5:.2g}" if ratio > 0 else "far from 1"
    words = (
        f"The stored statistics do not fit this batch: in the middle channel the stored variance is {ratio:.2g} "
        f"times the batch's, and in one channel of ten the means lie {shift:.2g} standard deviations or more apart. "
        f"Normalised by the stored ones, outputs have a standard deviation of {spread} instead of 1."
    )
    forwards = norm.stored_forwards
    if forwards is not None and norm.window > 2 * forwards:
        words += (
            f" The factor {norm.factor:.4g} is that of about {plural(round(forwards), 'forward')} in TRAIN, where the "
            f"averages span about {norm.window:,.0f}: they lag behind the weights, and early test results look worse "
            "than the net is. More training helps, or minicaffe bn-stats, which computes them anew over the training "
            "data."
        )
    else:
        words += (
            f" The averages span about {norm.window:,.0f} forwards in TRAIN, in which the weights have moved on: test "
            "results look worse than the net is. minicaffe bn-stats computes them anew over the training data."
        )
    if norm.items < _FEW:
        words += f" But {plural(norm.items, 'item')} in the batch can say little; look at more."
    yield "statistics lag" if norm.items >= _FEW else "statistics differ", words


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
