"""What weights hold for BatchNorm: how many blobs, of which sizes, and whether they can be statistics."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ...errors import plural, shape_text
from ...layers.base import count
from .base import NOTE, WARNING, Finding, Rule
from .case import Case, Site

_FEW = 10
_LAYOUTS = {
    4: (
        "an older BN layer keeps slope, bias, mean and variance so (PSPNet)",
        'make the type "BN", without a Scale behind it; minicaffe help BN',
    ),
    5: (
        "NVIDIA's Caffe keeps mean, variance, a 1, gamma and beta in one layer so",
        "say batch_norm_param { scale_bias: true }, without a Scale behind it",
    ),
}


def _layers(case: Case) -> Iterator[tuple[Site, list]]:
    """Each BatchNorm that the file has blobs for, once, and its blobs."""
    seen = set()
    for state in case.states:
        for site in state.of_type("BatchNorm"):
            blobs = case.weights.get(site.name)
            if blobs and site.name not in seen and all(blob is not None for blob in blobs):
                seen.add(site.name)
                yield site, [np.asarray(blob, np.float64).ravel() for blob in blobs]


def _found(rule: Rule, case: Case, site: Site, found: str, why: str, todo: str) -> Finding:
    return Finding(rule.name, rule.level, case.weights_path, 0, 0, site.name, found, why, todo, span=site.span)


def _sound(site: Site, blobs: list) -> bool:
    """Whether it is Caffe's layout."""
    values = _values_of(site)
    sizes = [blob.size for blob in blobs]
    one = values or sizes[0]
    return sizes == ([one, one, 1, one, one] if site.has_factors else [one, one, 1])


def _values_of(site: Site) -> int | None:
    """How many means it has, where that is known."""
    shape = site.bottoms[0] if site.bottoms else None
    if shape is None:
        return None
    return count(shape, 1) if site.param.batch_norm_param.per_activation else shape[1] if len(shape) > 1 else 1


def _layout(case: Case) -> Iterator[Finding]:
    for site, blobs in _layers(case):
        if _sound(site, blobs):
            continue
        shapes = ", ".join(shape_text(blob.shape) for blob in case.weights[site.name])
        values = _values_of(site)
        numbers = f" ({values}, {values} and 1 numbers)" if values else ""
        why = f"Caffe's BatchNorm keeps mean, variance and factor{numbers}"
        known, todo = "", "load weights that were trained with this net"
        if site.has_factors:
            why = f"{why}, and NVIDIA's, as which its fields mark it, gamma and beta besides"
        else:
            known, todo = _LAYOUTS.get(len(blobs), ("", todo))
        why += f"; {known}" if known else ""
        yield _found(LAYOUT, case, site, f"the file has {plural(len(blobs), 'blob')} for it: {shapes}", why, todo)


def _factor(case: Case) -> Iterator[Finding]:
    for site, (_, _, factor, *_) in _sound_ones(case):
        if factor[0] != 0 or site.has_factors:
            continue
        eps = site.param.batch_norm_param.eps
        times = eps**-0.5 if eps > 0 else math.inf
        yield _found(
            FACTOR,
            case,
            site,
            "its factor is 0: no batch has been counted",
            f"In TEST, mean and variance then count as 0, and the layer only multiplies by 1 / sqrt(eps), {times:.4g}",
            "compute its statistics with minicaffe bn-stats; where mean and variance are there, the factor should be 1",
        )


def _values(case: Case) -> Iterator[Finding]:
    for site, (mean, variance, factor, *_) in _sound_ones(case):
        held = {"mean": mean, "variance": variance, "factor": factor}
        wrong = [f"{_bad(~np.isfinite(blob))} of its {name}" for name, blob in held.items() if _bad(~np.isfinite(blob))]
        said = f"{' and '.join(wrong)} not finite" if wrong else ""
        with np.errstate(all="ignore"):
            negative = _bad(variance * (1 if site.has_factors else np.sign(factor)) < 0)
        if negative:
            said += f"{' and ' if said else ''}{plural(negative, 'variance')} below 0"
        elif factor[0] < 0:
            said += f"{' and ' if said else ''}a factor below 0"
        if said:
            why = "A variance is an average of squares: such a file is damaged, or its training diverged"
            todo = "compute them with minicaffe bn-stats if the other weights are sound, else take an earlier snapshot"
            yield _found(VALUES, case, site, f"it has {said}", why, todo)


def _bad(wrong: np.ndarray) -> int:
    return int(np.count_nonzero(wrong))


def _few(case: Case) -> Iterator[Finding]:
    for site, (_, _, factor, *_) in _sound_ones(case):
        if site.has_factors:
            continue
        fraction = site.param.batch_norm_param.moving_average_fraction
        forwards = _forwards(float(factor[0]), fraction)
        if forwards is not None and forwards < _FEW:
            yield _found(
                FEW,
                case,
                site,
                f"its factor is {factor[0]:.4g}, that of about {plural(max(1, round(forwards)), 'forward')} in TRAIN",
                "So few batches say little of mean and variance, and stem from the first weights",
                "compute the statistics anew with minicaffe bn-stats, or train on",
            )


def _forwards(factor: float, fraction: float) -> float | None:
    """How many forwards give this factor, (1 - f^n) / (1 - f); None for 1, which is that of exact statistics too."""
    if not 0 < factor < math.inf or factor == 1:
        return None
    if not 0 < fraction < 1:
        return factor if fraction == 1 else None
    left = 1 - factor * (1 - fraction)
    return math.log(left) / math.log(fraction) if left > 0 else None


def _sound_ones(case: Case) -> Iterator[tuple[Site, list]]:
    return ((site, blobs) for site, blobs in _layers(case) if _sound(site, blobs))


LAYOUT = Rule(
    "weights-layout",
    WARNING,
    "Weights have other blobs for a BatchNorm than mean, variance and factor: NVIDIA's five, an older BN's four, or "
    "other sizes. Asked with --weights, as are the next three.",
    _layout,
)
FACTOR = Rule("weights-factor", WARNING, "The factor of a BatchNorm is 0: nothing is stored.", _factor)
VALUES = Rule(
    "weights-values", WARNING, "Stored statistics are not finite, or a variance or the factor is below 0.", _values
)
FEW = Rule(
    "weights-few",
    NOTE,
    f"The factor of a BatchNorm is that of fewer than {_FEW} forwards. Quiet at exactly 1, the factor of statistics "
    "that were computed or merged.",
    _few,
)
RULES = (LAYOUT, FACTOR, VALUES, FEW)
