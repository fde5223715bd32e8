"""What an inspection finds: plain data, by layer."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ..layers.base import Shape, count

__all__ = [
    "Histogram",
    "LayerFacts",
    "Norm",
    "Numbers",
    "ParamFacts",
    "Picture",
    "Prediction",
    "TopFacts",
    "Units",
]


@dataclass(frozen=True)
class Histogram:
    """``counts[i]`` numbers lie from ``edges[i]`` up to ``edges[i + 1]``, which counts for the last bin alone."""

    counts: np.ndarray
    edges: np.ndarray


@dataclass(frozen=True)
class Numbers:
    """What the numbers of an array are like. ``zeros`` and ``broken`` (NaN or infinite) are counts.

    Minimum, maximum, mean and (biased) standard deviation are of the finite numbers, None where there are none; the
    histogram is of those other than 0, None where all of them are equal.
    """

    shape: Shape
    min: float | None
    max: float | None
    mean: float | None
    std: float | None
    zeros: int
    broken: int
    histogram: Histogram | None

    @property
    def size(self) -> int:
        return count(self.shape)

    @property
    def rms(self) -> float | None:
        """The root of the mean square of the finite numbers."""
        return None if self.mean is None or self.std is None else math.hypot(self.mean, self.std)


@dataclass(frozen=True)
class TopFacts:
    """A top as it was when its layer had run, and its gradient when the layer was to run backward."""

    name: str
    data: Numbers
    gradient: Numbers | None


@dataclass(frozen=True)
class ParamFacts:
    """Parameter blob ``index`` of a layer, by the layer's name for it, and its gradient of this batch alone."""

    index: int
    label: str
    learned: bool
    lr_mult: float
    data: Numbers
    gradient: Numbers | None

    @property
    def ratio(self) -> float | None:
        """Root mean square of the gradient over that of the parameter; None where either is not there."""
        if self.gradient is None or self.gradient.rms is None or not self.data.rms:
            return None
        return self.gradient.rms / self.data.rms


@dataclass(frozen=True)
class Units:
    """The units of a rectifier or a squasher: the channels (axis 1) of its top, over the whole batch.

    ``kind`` "dead": ``share[c]`` of the outputs of unit c are 0, and ``silent`` are the units that are 0 everywhere.
    ``kind`` "saturated": ``share[c]`` of them lie within a hundredth of the range from one of its ends, and ``silent``
    are the units that do so everywhere. ``places``: how many outputs of a unit there are.
    """

    kind: str
    share: np.ndarray
    silent: tuple[int, ...]
    places: int


@dataclass(frozen=True)
class Norm:
    """A BatchNorm layer: by channel, the statistics that were stored before this batch, and those of this batch.

    Stored ones are blobs 0 and 1 over blob 2, ``factor``; zeros where that is 0. Variances are unbiased, as Caffe
    stores them. ``used``: "stored" or "batch", by which the layer normalised. ``items`` images and ``places`` numbers
    per channel made the batch's.
    """

    stored_mean: np.ndarray
    stored_variance: np.ndarray
    batch_mean: np.ndarray
    batch_variance: np.ndarray
    factor: float
    used: str
    eps: float
    fraction: float
    items: int
    places: int

    @property
    def ratio(self) -> np.ndarray:
        """By channel: stored variance over the batch's, eps added to both."""
        return (self.stored_variance + self.eps) / (self.batch_variance + self.eps)

    @property
    def shift(self) -> np.ndarray:
        """By channel: stored mean less the batch's, in standard deviations of the batch."""
        return (self.stored_mean - self.batch_mean) / np.sqrt(self.batch_variance + self.eps)

    @property
    def window(self) -> float:
        """About how many forwards the stored averages span: 1 / (1 - moving_average_fraction)."""
        return math.inf if self.fraction >= 1 else 1 / (1 - self.fraction)

    @property
    def stored_forwards(self) -> float | None:
        """How many forwards in TRAIN give this factor; None where there were so many that it no longer tells."""
        if self.fraction >= 1:
            return self.factor
        left = 1 - self.factor * (1 - self.fraction)
        if self.fraction <= 0 or left < 1e-2:
            return None
        return math.log(left) / math.log(self.fraction)


@dataclass(frozen=True)
class Picture:
    """A PNG of ``shown`` tiles ``of`` all; ``scale``, from ``low`` to ``high``, is "signed", "positive" or "rgb"."""

    png: bytes = field(repr=False)
    width: int
    height: int
    what: str
    shown: int
    of: int
    low: float
    high: float
    scale: str


@dataclass(frozen=True)
class Prediction:
    """The largest probabilities for an item of the batch, largest first; ``truth`` is its label, where one is known.

    There are ``of`` classes.
    """

    item: int
    classes: tuple[int, ...]
    probabilities: tuple[float, ...]
    truth: int | None
    of: int


@dataclass(frozen=True)
class LayerFacts:
    """What was found of a layer. ``flags`` are what to look at, in a word or two; ``findings`` say it in sentences."""

    name: str
    type: str
    formula: str
    bottoms: tuple[str, ...]
    tops: tuple[TopFacts, ...]
    params: tuple[ParamFacts, ...]
    units: Units | None
    norm: Norm | None
    maps: Picture | None
    filters: Picture | None
    flags: tuple[str, ...]
    findings: tuple[str, ...]
