"""Images on their way into an input: records of a database, and what a ``transform_param`` does to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from ..data import LevelDbSource, LmdbSource, Transformer
from ..errors import DataError, LayerError
from ..proto import Message, find

__all__ = ["Transformed", "centre", "record_batches"]


def centre(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The middle of ``image`` (C, H, W), where Caffe cuts it in phase TEST."""
    top, left = (image.shape[1] - height) // 2, (image.shape[2] - width) // 2
    return image[:, top : top + height, left : left + width]


class Transformed:
    """Images (C, H, W) as a layer with ``transform_param`` hands them on in phase TEST, float32; never mirrored.

    ``mean``, (C, H, W) or (C, 1, 1), takes the place of the file's; relative paths lead from ``folder``. Raises
    DataError that names the image's ``place`` for one that does not suit the options or those before it.
    """

    def __init__(self, transform_param: Message, folder: str, mean: np.ndarray | None = None) -> None:
        self._param = type(transform_param)()
        self._param.CopyFrom(transform_param)
        self._param.ClearField("mirror")
        self._find, self._mean = partial(find, folder=folder), mean
        self._work: Transformer | None = None

    def __call__(self, image: np.ndarray, place: str) -> np.ndarray:
        try:
            if self._work is None:
                self._work = Transformer(self._param, "TEST", image.shape, self._find, self._mean)
            out = np.empty(self._work.output_shape, np.float32)
            self._work.one(image, out, self._work.lots(1, 0, 0)[0])
        except (DataError, LayerError) as error:
            raise DataError(f"{place}: {error}") from None
        return out


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
