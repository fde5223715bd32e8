"""WindowData: batches of windows of images, half-way between foreground and background, for detection."""

from __future__ import annotations

import numpy as np

from ..data import Source, Transformer, WindowOptions, WindowSource, mean_of, read_windows
from ..errors import DataError, LayerError, did_you_mean, shape_text
from ..proto import caffe_pb2
from .base import Shape, register
from .prefetched import PrefetchedLayer

_MODES = ("warp", "square")


@register("WindowData", options="window_data_param", bottoms=0, tops=2)
class WindowData(PrefetchedLayer):
    """tops: windows (batch_size, 3, crop_size, crop_size); their classes (batch_size), 0 for background.

    Windows are warped to crop_size, mirrored by lot in either phase, less the mean, times scale. ``source`` is a window
    file (see ``data/window_file.py``). A fraction fg_fraction of each batch, at its end, are windows with an overlap of
    at least fg_threshold, the others have one below bg_threshold. Around a window comes ``context_pad`` of the image,
    or zeros beyond its edge; crop_mode "square" takes the square about it. Source: Caffe's WindowData (R-CNN).

    Departures from Caffe: the scale is that of transform_param (Caffe's own upgrade moves it there, and then ignores
    it); windows and flips depend on the seed and their number alone; images may have any number in the file; broken
    images and windows beyond the image are errors that name the line.
    """

    expected_source = "a window file"
    augments = False

    def setup(self) -> None:
        super().setup()
        options, size = self.options, self.param.transform_param.crop_size
        if not size:
            raise LayerError("transform_param has no crop_size; expected the size of the windows")
        if options.crop_mode not in _MODES:
            raise LayerError(f'crop_mode is "{options.crop_mode}"{did_you_mean(options.crop_mode, _MODES)}')
        if 2 * options.context_pad >= size:
            raise LayerError(f"context_pad is {options.context_pad}; expected less than half the crop_size, {size}")
        if not 0 <= options.fg_fraction <= 1:
            raise LayerError(f"fg_fraction is {options.fg_fraction:g}; expected 0 to 1")

    def source_of(self) -> Source:
        options, transform = self.options, self.param.transform_param
        return WindowSource(
            read_windows(self.find(options.source)),
            WindowOptions(
                size=transform.crop_size,
                batch_size=options.batch_size,
                fg_threshold=options.fg_threshold,
                bg_threshold=options.bg_threshold,
                fg_fraction=options.fg_fraction,
                context_pad=options.context_pad,
                square=options.crop_mode == "square",
                mirror=transform.mirror,
                scale=transform.scale,
                mean=self._mean(),
                cache=options.cache_images,
                root=options.root_folder,
            ),
            self.find,
        )

    def channels(self) -> int | None:
        return 3

    def transformer(self, shape: Shape) -> Transformer:
        return Transformer(caffe_pb2.TransformationParameter(), self.phase, shape)  # the source has done it all

    def _mean(self) -> np.ndarray | None:
        transform = self.param.transform_param
        mean = mean_of(transform, 3, self.find)
        if mean is None or mean.shape == (3, 1, 1):
            return mean
        size, (channels, height, width) = transform.crop_size, mean.shape
        if channels != 3 or width < size or height < size + (width - size) // 2:
            path = self.find(transform.mean_file)
            raise DataError(
                f"{path}: a mean of {shape_text(mean.shape)}; expected 3 channels, and room for windows of {size} x "
                f"{size}, {(width - size) // 2} from its upper and left edge"
            )
        return mean
