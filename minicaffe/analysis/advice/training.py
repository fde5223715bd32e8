"""What a BatchNorm needs of training: batches that are large enough, and iterations enough for its averages."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...errors import plural
from ...layers.base import Shape, count
from .base import NOTE, WARNING, Finding, Rule
from .case import Case, Planned, Site

FEWEST_VALUES = 32
"""Numbers of a channel in a batch: from so many, a deviation is known to about 1 / sqrt(2 * 32), an eighth."""
FEWEST_ITEMS = 5
FEW_ITEMS = 8

_TABLE = (
    "Numbers of one image resemble one another, and count for less than as many of different images: ResNet-50 on "
    "ImageNet errs on 23.6 % with 32 images a batch, on 24.8 % with 8, 27.3 % with 4 and 34.7 % with 2 (Wu and He, "
    "arXiv 1803.08494)"
)


def _batch(case: Case) -> Iterator[Finding]:
    for state in case.training:
        sites = [site for site in state.of_type("BatchNorm") if not site.param.batch_norm_param.use_global_stats]
        sizes = [(_values(site, shape), shape[0], site) for site in sites if (shape := _shape(site))]
        if not sizes:
            continue
        values, items, worst = min(sizes, key=lambda size: size[:2])
        level = WARNING if items < FEWEST_ITEMS or values < FEWEST_VALUES else NOTE
        if items < FEW_ITEMS or values < FEWEST_VALUES:
            yield worst.finding(BATCH, _few(items, values), _why(items, values), _more(case.planned), level=level)


def _values(site: Site, shape: Shape) -> int:
    """Numbers that each mean is of."""
    return shape[0] * (1 if site.param.batch_norm_param.per_activation else count(shape, 2))


def _shape(site: Site) -> Shape | None:
    """What comes in, where that is known and has items and channels."""
    shape = site.bottoms[0] if site.bottoms else None
    return shape if shape and len(shape) > 1 else None


def _few(items: int, values: int) -> str:
    each = values // max(items, 1)
    return (
        f"its mean and variance in TRAIN come from {plural(values, 'number')} for each channel: "
        f"{plural(items, 'item')} of {plural(each, 'place')}"
    )


def _why(items: int, values: int) -> str:
    if values == 1:
        return "A single number minus its own mean is 0: the layer gives nothing but 0"
    if values < FEWEST_VALUES:
        share = f"{1 / math.sqrt(2 * values):.0%}"
        return f"From so few, a deviation is known to about {share}, and every batch makes another net"
    return _TABLE


def _more(planned: Planned | None) -> str:
    todo = "take a larger batch_size; or where that is impossible, finetune with statistics that are frozen"
    if planned and planned.iter_size > 1:
        todo += f". iter_size {planned.iter_size} is no help: it adds up gradients, and statistics are of one batch"
    return todo


def _window(case: Case) -> Iterator[Finding]:
    planned = case.planned
    if planned is None or planned.max_iter < 1:
        return
    for state in case.training:
        sites = [site for site in state.of_type("BatchNorm") if not site.param.batch_norm_param.use_global_stats]
        if not sites:
            continue
        slowest = max(sites, key=lambda site: site.param.batch_norm_param.moving_average_fraction)
        fraction = slowest.param.batch_norm_param.moving_average_fraction
        window = 1 / (1 - fraction) if fraction < 1 else math.inf
        if window < planned.max_iter + 0.5:
            continue
        span = f"about {window:,.0f} iterations" if window < math.inf else "all iterations there are"
        at = planned.source.whole.first("max_iter") if planned.source else None
        line, column = (at.line, at.column) if at else (0, 0)
        yield Finding(
            WINDOW.name,
            WARNING if planned.beside else NOTE,
            planned.path,
            line,
            column,
            slowest.name,
            f"its averages span {span} (moving_average_fraction {fraction:g}), and max_iter is {planned.max_iter:,}",
            "What is stored at the end stems from weights of the whole training, the first ones too: test results lag "
            "behind the weights and look worse than these are",
            "compute the statistics anew with minicaffe bn-stats once it is trained; or take a smaller fraction, such "
            f"as {_fraction(planned.max_iter):g}",
            span=at,
        )


def _fraction(iterations: int) -> float:
    """One whose window is about a tenth of these iterations."""
    return max(0.5, round(1 - 10 / iterations, 3)) if iterations > 20 else 0.5


BATCH = Rule(
    "bn-small-batch",
    WARNING,
    f"In training, BatchNorm's statistics come from fewer than {FEWEST_VALUES} numbers for each channel (items x "
    f"height x width), or from fewer than {FEWEST_ITEMS} items; a note for fewer than {FEW_ITEMS}. iter_size does "
    "not count.",
    _batch,
)
WINDOW = Rule(
    "bn-window",
    WARNING,
    "The averages of BatchNorm span more iterations, 1 / (1 - moving_average_fraction), than the solver plans. Asked "
    "with --solver; a note where the solver itself is checked.",
    _window,
)
RULES = (BATCH, WINDOW)
