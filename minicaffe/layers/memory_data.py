"""MemoryData: batches of arrays that the user's program hands over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..data import Augmentation, Transformer
from ..errors import DataError, LayerError, plural, shape_text
from .base import Arrays, Inferred, Layer, register

_SIZES = ("batch_size", "channels", "height", "width")


@register("MemoryData", options="memory_data_param", bottoms=0, tops=2)
class MemoryData(Layer):
    """tops: images (batch_size, channels, height, width); labels (batch_size): the next batch of what was given.

    ``reset(images, labels)`` gives arrays as they are, ``add(images, labels)`` images to be transformed by
    ``transform_param``; of each a multiple of batch_size. The batches go round and round. Departure from Caffe: ``add``
    may come at any time, and replaces what there was. Source: Caffe's MemoryData.

    Raises LayerError for sizes that are missing, DataError for arrays that do not fit and for a forward without any.
    """

    more_options = ("transform_param",)

    def setup(self) -> None:
        missing = [name for name in _SIZES if getattr(self.options, name) < 1]
        if missing:
            raise LayerError(f"memory_data_param has no {' and no '.join(missing)}; expected at least 1 of each")
        Augmentation(self.param.transform_param)  # its options are checked
        self._shape = tuple(getattr(self.options, name) for name in _SIZES[1:])
        self._images: Any = None
        self._labels: np.ndarray | None = None
        self._position = self._drawn = 0

    def infer(self) -> Inferred:
        n = self.options.batch_size
        return Inferred([(n, *self._shape), (n,)])

    def reset(self, images: ArrayLike, labels: ArrayLike) -> None:
        """Give the arrays ``images`` (N, channels, height, width) and ``labels`` (N); they are not copied if they
        have the net's type, and may then be changed until they are read. Begins at the first."""
        images = np.asarray(images)
        if images.shape[1:] != self._shape or images.ndim != 4:
            raise DataError(f"{self._place()}: images of {shape_text(images.shape)}; expected N x {self._shape_text()}")
        self._take(np.ascontiguousarray(images, self.dtype), labels)

    def add(self, images: Iterable[np.ndarray], labels: ArrayLike) -> None:
        """Give N images (C, H, W), which the ``transform_param`` turns into (channels, height, width), and N labels."""
        images = [np.asarray(image) for image in images]
        self._check_count(len(images))
        for n, image in enumerate(images):
            if image.ndim != 3:
                raise DataError(f"{self._place()}: image {n} is {shape_text(image.shape)}; expected C x H x W")
        out = np.empty((len(images), *self._shape), np.float32)
        try:
            transformer = Transformer(self.param.transform_param, self.phase, images[0].shape, self.find)
        except (LayerError, DataError) as error:
            raise DataError(f"{self._place()}: {error}") from None
        lots = transformer.lots(len(images), self.seed, self._drawn)
        for n, image in enumerate(images):
            found = transformer.output_of(image.shape, lots[n])
            if found != self._shape:
                raise DataError(
                    f"{self._place()}: image {n} becomes {shape_text(found)}; expected {self._shape_text()}"
                )
            try:
                transformer.one(image, out[n], lots[n])
            except DataError as error:
                raise DataError(f"{self._place()}: image {n} is {error}") from None
        self._take(out.astype(self.dtype, copy=False), labels)
        self._drawn += len(images)

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        if self._images is None:
            raise DataError(
                f"{self._place()} has no data; expected its reset(images, labels) or add(images, labels) to be called "
                "before the first forward"
            )
        n = self.options.batch_size
        for top, values in zip(tops, (self._images, self._labels)):
            top[...] = values[self._position : self._position + n]
        self._position = (self._position + n) % len(self._images)

    def _take(self, images: np.ndarray, labels: ArrayLike) -> None:
        labels = np.asarray(labels)
        self._check_count(len(images))
        if labels.size != len(images) or labels.ndim < 1 or len(labels) != len(images):
            raise DataError(
                f"{self._place()}: labels of {shape_text(labels.shape)} for {plural(len(images), 'image')}; "
                f"expected {len(images)}"
            )
        self._images, self._labels = images, np.ascontiguousarray(labels.reshape(-1), self.dtype)
        self._position = 0

    def _check_count(self, count: int) -> None:
        n = self.options.batch_size
        if count < 1 or count % n:
            raise DataError(f"{self._place()}: {plural(count, 'image')}; expected a multiple of the batch_size, {n}")

    def _place(self) -> str:
        return f'MemoryData layer "{self.name}"'

    def _shape_text(self) -> str:
        return shape_text(self._shape)
