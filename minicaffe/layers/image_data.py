"""ImageData: batches of image files, and their labels, from a list."""

from __future__ import annotations

from ..data import ImageListSource, Source
from ..errors import LayerError
from .base import register
from .prefetched import PrefetchedLayer


@register("ImageData", options="image_data_param", bottoms=0, tops=2)
class ImageData(PrefetchedLayer):
    """tops: images (batch_size, C, H, W), transformed by ``transform_param``; labels (batch_size).

    Each line of ``source`` is "path label", the path below ``root_folder``. Images have three channels, blue first, or
    one where ``is_color`` is false. They are resized to ``new_height`` x ``new_width``, or keep their size where there
    is a crop_size (each is cut from its own size) or batch_size is 1 (the tops then follow the image). ``shuffle``
    draws a new order for each pass. Source: Caffe's ImageData.

    Departures from Caffe: the order of a pass depends on the seed and the pass alone; a resumed run goes on at the next
    image; an image that is missing or broken is an error that names the list's line.
    """

    expected_source = "a list of images and labels"

    def setup(self) -> None:
        options = self.options
        if (options.new_height > 0) != (options.new_width > 0):
            raise LayerError(
                f"new_height is {options.new_height} and new_width {options.new_width}; expected both above 0 or none"
            )
        super().setup()

    def source_of(self) -> Source:
        options = self.options
        return ImageListSource(
            self.find(options.source),
            options.root_folder,
            options.new_height,
            options.new_width,
            options.is_color,
            options.shuffle,
            self.find,
        )

    def channels(self) -> int | None:
        return 3 if self.options.is_color else 1

    def size(self) -> tuple[int, int] | None:
        return (self.options.new_height, self.options.new_width) if self.options.new_height else None
