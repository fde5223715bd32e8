"""Images on their way into an input: records of a database, and what a ``transform_param`` does to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from ..data import LevelDbSource, LmdbSource, Transformer
from ..errors import DataError, LayerError, shape_text
from ..layers.base import Shape
from ..proto import Message, find

__all__ = ["Transformed", "centre", "record_batches"]


def centre(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The middle of ``image`` (C, H, W), where Caffe cuts it in phase TEST."""
    top, left = (image.shape[1] - height) // 2, (image.shape[2] - width) // 2
    return image[:, top : top + height, left : left + width]


def _covers(image: Shape, part: Shape) -> bool:
    return len(image) == len(part) and image[0] == part[0] and image[1] >= part[1] and image[2] >= part[2]


class Transformed:
    """Images (C, H, W) as a layer with ``transform_param`` hands them on in phase TEST, float32; never mirrored.

    Of what is larger than ``shape`` (C, H, W) the middle is taken. ``mean`` and ``scale``, where given, take the place
    of those in ``transform_param``; the mean is (C, H, W), of the images, larger, or of ``shape``, or it is (C, 1, 1).
    Relative paths lead from ``folder``. Raises DataError that names the image's ``place`` for one that does not suit
    the options, the net or the images before it.
    """

    def __init__(
        self,
        transform_param: Message,
        folder: str,
        mean: np.ndarray | None = None,
        scale: float | None = None,
        shape: Shape = (),
    ) -> None:
        self._param = type(transform_param)()
        self._param.CopyFrom(transform_param)
        self._param.ClearField("mirror")
        if scale is not None:
            self._param.scale = scale
        self._find, self._mean, self._shape = partial(find, folder=folder), mean, shape
        self._work: Transformer | None = None

    def __call__(self, image: np.ndarray, place: str) -> np.ndarray:
        found, wanted, mean = image.shape, self._shape, self._mean
        smaller = mean is not None and _covers(mean.shape, wanted) and not _covers(mean.shape, found)
        if smaller and _covers(found, wanted):
            image = centre(image, *wanted[1:])
        try:
            if self._work is None:
                if mean is not None and _covers(mean.shape, image.shape):
                    mean = centre(mean, *image.shape[1:])
                self._work = Transformer(self._param, "TEST", image.shape, self._find, mean)
            out = np.empty(self._work.output_shape, np.float32)
            self._work.one(image, out, self._work.lots(1, 0, 0)[0])
        except (DataError, LayerError) as error:
            raise DataError(f"{place}: {error}") from None
        if not wanted:
            return out
        if not _covers(out.shape, wanted):
            raise DataError(f"{place} is {shape_text(found)}; expected {shape_text(wanted)}, or larger")
        return centre(out, *wanted[1:])


def record_batches(
    source: LmdbSource | LevelDbSource, size: int, items: int, prepared: Callable[[np.ndarray, str], np.ndarray]
) -> Iterator[tuple[np.ndarray, list[float], list[str]]]:
    """Images, ``prepared`` (image, place), labels and keys of the next ``items`` records, ``size`` at a time."""
    for start in range(0, items, size):
        images: list[np.ndarray] = []
        labels: list[float] = []
        keys: list[str] = []
        for _ in range(min(size, items - start)):
            image, label = source.record()
            images.append(prepared(image, source.place()))
            labels.append(float(label))
            keys.append(source.key())
            source.step()
        yield np.stack(images), labels, keys
