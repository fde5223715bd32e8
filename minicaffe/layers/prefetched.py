"""What the layers have in common whose batches of images and labels are read ahead in a second thread."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ..data import Augmentation, BatchReader, Source, Transformer
from ..data import steady as looks_steady
from ..data.prefetch import CLOSED
from ..errors import DataError, LayerError, ProtoError
from ..proto import read_mean
from .base import Arrays, Inferred, Layer, Shape


class PrefetchedLayer(Layer):
    """tops: images (batch_size, C, H, W), transformed by ``transform_param``; labels (batch_size), where asked for.

    A subclass opens its source in ``source_of``. Records come round and round; ``state`` lets a resumed run go on at
    the next record. With a batch_size of 1 and neither crop_size nor ``size`` each image keeps its own size, or
    the one its ``resize_param`` gives it (``dynamic``); where the first few have one size the layer is ``steady``.
    """

    reads_files = True
    more_options = ("transform_param",)

    def setup(self) -> None:
        self._source: Any = None  # a Source, once it is open
        self._reader: BatchReader | None = None
        self._closed = False
        options, transform = self.options, self.param.transform_param
        if not options.source:
            raise LayerError(f"{self.options_field} has no source; expected {self.expected_source}")
        for field, value in (("batch_size", options.batch_size), ("prefetch", self.param.data_param.prefetch)):
            if value < 1:
                raise LayerError(f"{field} is {value}; expected at least 1")
        if transform.force_color and transform.force_gray:
            raise LayerError("both force_color and force_gray are set; expected at most one of them")
        self._augmentation = Augmentation(transform)
        if self._augmentation and not self.augments:
            raise LayerError(f"{self.type} takes no resize_param and no noise_param; expected neither")
        several = self._augmentation.by_lot and not transform.crop_size
        if several and options.batch_size > 1:
            raise LayerError(
                "resize_param makes images of several sizes, by lot; expected a crop_size, or a batch_size of 1"
            )
        told = self._augmentation.size is not None or self.size() is not None
        self.dynamic = options.batch_size == 1 and not transform.crop_size and (several or not told)

    # -- for subclasses ----------------------------------------------------------------------------------------

    expected_source = "a file"
    augments = True

    def source_of(self) -> Source:
        """Open the source; raise DataError."""
        raise NotImplementedError

    def transformer(self, shape: Shape) -> Transformer:
        return Transformer(self.param.transform_param, self.phase, shape, self.find)

    def channels(self) -> int | None:
        """The channels of the images, as far as the options tell; None: what the mean says, else three."""
        return None

    def size(self) -> tuple[int, int] | None:
        """Height and width of the images before a crop, as far as the options tell."""
        return None

    # -- the layer ---------------------------------------------------------------------------------------------

    def open(self) -> None:
        self._source = self.source_of()
        self._transformer = self.transformer(self._source.shape)
        self.steady = self.dynamic and not self._augmentation.by_lot and looks_steady(self._source)

    def infer(self) -> Inferred:
        return self._tops(self._transformer.output_shape)

    def outline(self) -> Inferred | None:
        transform, mean = self.param.transform_param, self._mean_shape()
        channels, size = self.channels(), self.size()
        if channels is None:
            channels = mean[0] if mean else len(transform.mean_value) if len(transform.mean_value) > 1 else 3
        if transform.crop_size:
            size = (transform.crop_size, transform.crop_size)
        elif self._augmentation.size:
            size = self._augmentation.size
        elif size and not self._augmentation.by_lot:
            size = self._augmentation.size_of(*size)
        elif mean:
            size = (mean[1], mean[2])
        return self._tops((channels, *size)) if size else None

    def reshape(self, bottoms: Arrays) -> Sequence[Shape]:
        return self._tops(self._ahead().peek().images.shape[1:]).tops

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        batch = self._ahead().next()
        for top, values in zip(tops, (batch.images, batch.labels)):
            top[...] = values

    @property
    def wrapped(self) -> int:
        """How often the batches given out have passed the last record."""
        return self._reader.wrapped if self._reader else 0

    def state(self) -> dict[str, int]:
        return self._ahead().state()

    def restore(self, state: Mapping[str, int]) -> None:
        self._ahead().restore(state, self.seed)

    def close(self) -> None:
        self._closed = True
        opened = self._reader or self._source  # the reader closes the source
        if opened is not None:
            opened.close()

    def _tops(self, shape: Shape) -> Inferred:
        n = self.options.batch_size
        return Inferred([(n, *shape), (n,)][: len(self.param.top)])

    def _mean_shape(self) -> tuple[int, ...] | None:
        path = self.find(self.param.transform_param.mean_file)
        try:
            return read_mean(path).shape if path and os.path.exists(path) else None
        except ProtoError:  # ``open`` says so
            return None

    def _ahead(self) -> BatchReader:
        """The reader with the layer's seed of now, which is known only after ``open`` and may change."""
        options = self.options
        if self._reader is None and self._closed:
            raise DataError(CLOSED)
        if self._reader is None:
            self._reader = BatchReader(
                self._source,
                self._transformer,
                options.batch_size,
                self.param.data_param.prefetch,
                self.seed,
                getattr(options, "rand_skip", 0),
                self.dynamic,
            )
        elif self._reader.seed != self.seed:
            self._reader.restore(self._reader.state(), self.seed)
        return self._reader
