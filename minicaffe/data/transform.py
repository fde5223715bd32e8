"""What happens to an image on its way from the database to a blob: resizing and noise, crop, mirror, mean, scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..errors import DataError, LayerError, ProtoError, plural, shape_text
from ..proto import Message, read_mean
from .augment import Augmentation
from .draws import draw

__all__ = ["Transformer", "mean_of"]

_MIRROR, _ROW, _COLUMN = range(3)  # lanes of random numbers
_AUGMENT = 16

Lots = tuple[int, int, int, int]
"""What is drawn for an image: 32 random bits for its row, its column and its flip, and 64 for its augmentation."""


class Transformer:
    """y = (x - mean) * scale in float32, of a crop of x, perhaps mirrored; Caffe's ``transform_param``.

    ``shape`` is (C, H, W) of the images. What comes first is forks' ``resize_param`` and ``noise_param`` (see
    ``augment.py``). The crop is ``crop_size`` square: at a random place in TRAIN, in the middle in TEST. ``mirror``
    flips every other image left to right, by lot and in both phases. The mean is an image (``mean_file``, of the size
    before the crop, cut and flipped with x), one value, or one per channel. Departure from Caffe: the random choices
    for image k depend on the seed and k alone, so k is all the state there is. ``mean``, (C, H, W) or (C, 1, 1), takes
    the place of the one in ``param``.

    ``one`` takes an image of any size, and is what to call where ``one_by_one``: records may then differ in size.
    Raises LayerError for options that contradict each other or ``shape``, DataError for a mean file that cannot be
    read or is of another shape.
    """

    def __init__(
        self,
        param: Message,
        phase: str,
        shape: tuple[int, ...],
        find: Callable[[str], str] = str,
        mean: np.ndarray | None = None,
    ) -> None:
        self.shape = shape
        self._augmentation = Augmentation(param)
        self._scale = np.float32(param.scale)
        self._mirror = param.mirror
        self._crop = param.crop_size
        self._random_crop = self._crop > 0 and phase == "TRAIN"
        whole = [(shape[0], *size) for size in self._augmentation.sizes_of(shape[1], shape[2])]
        self._mean = _mean(param, whole, find) if mean is None else _fitting(mean, whole)
        for one in whole:
            if self._crop > min(one[1:]):
                raise LayerError(f"crop_size is {self._crop}, but the images are {shape_text(one)}")
        self.output_shape = self.output_of(shape)

    @property
    def one_by_one(self) -> bool:
        return self._crop > 0 or bool(self._augmentation)

    def output_of(self, shape: tuple[int, ...], lots: Lots | None = None) -> tuple[int, int, int]:
        """The shape of what becomes of an image of ``shape`` with the ``lots`` drawn for it."""
        if self._crop:
            return (shape[0], self._crop, self._crop)
        height, width = self._augmentation.size_of(shape[1], shape[2], lots[3] if lots else 0)
        return (shape[0], height, width)

    def __call__(self, images: np.ndarray, out: np.ndarray, seed: int = 0, first: int = 0) -> None:
        """Fill ``out`` (N, ``output_shape``; float32) from ``images`` (N, ``shape``), which are ``first`` and on."""
        if not (self.one_by_one or self._mirror):
            self._apply(images, self._mean, out)
            return
        for image, lots, y in zip(images, self.lots(len(images), seed, first), out):
            self.one(image, y, lots)

    def one(self, image: np.ndarray, out: np.ndarray, lots: Lots) -> None:
        """Fill ``out`` (``output_of(image.shape)``) from an image of any size, with the ``lots`` drawn for it.

        Raises DataError, the bare sentence, where the image does not suit the options.
        """
        if self._augmentation:
            image = self._augmentation(image, lots[3])
        shape, channels = image.shape, self.shape[0]
        mean = self._mean
        if shape[0] != channels and (self._crop or mean is not None):
            raise DataError(f"an image of {shape_text(shape)}; expected {plural(channels, 'channel')}, as record 0")
        if self._crop > min(shape[1:]):
            raise DataError(f"an image of {shape_text(shape)}; expected at least crop_size, {self._crop}, both ways")
        if mean is not None and self._mean_is_image and mean.shape != shape:
            expected = f"expected the shape of the mean_file, {shape_text(mean.shape)}"
            raise DataError(f"an image of {shape_text(shape)}; {expected}")
        if not self._crop and out.shape != shape:
            raise DataError(f"an image of {shape_text(shape)} for the net; expected {shape_text(out.shape)}")
        self._one(image, out, lots)

    def lots(self, count: int, seed: int, first: int) -> list[Lots]:
        """What is drawn for each of ``count`` images from ``first`` on."""
        none = [0] * count
        rows = _bits(seed, _ROW, first, count) if self._random_crop else none
        columns = _bits(seed, _COLUMN, first, count) if self._random_crop else none
        flips = _bits(seed, _MIRROR, first, count) if self._mirror else none
        augment = draw(seed, _AUGMENT, first, count).tolist() if self._augmentation else none
        return list(zip(rows, columns, flips, augment))

    @property
    def _mean_is_image(self) -> bool:
        return self._mean is not None and self._mean.shape[1:] != (1, 1)

    def _one(self, image: np.ndarray, out: np.ndarray, lots: Lots) -> None:
        _, height, width = image.shape
        if self._random_crop:
            top, left = lots[0] * (height - self._crop + 1) >> 32, lots[1] * (width - self._crop + 1) >> 32
        else:
            top, left = (height - out.shape[1]) // 2, (width - out.shape[2]) // 2
        flip = self._mirror and lots[2] >> 31 == 1
        mean = self._mean
        if mean is not None and mean.shape == image.shape:  # else there is none, or one value per channel
            mean = _view(mean, out.shape, top, left, flip)
        self._apply(_view(image, out.shape, top, left, flip), mean, out)

    def _apply(self, x: np.ndarray, mean: np.ndarray | None, y: np.ndarray) -> None:
        if mean is None:
            np.multiply(x, self._scale, out=y, dtype=np.float32)
            return
        np.subtract(x, mean, out=y, dtype=np.float32)
        if self._scale != 1:
            y *= self._scale


def _bits(seed: int, lane: int, first: int, count: int) -> list[int]:
    return (draw(seed, lane, first, count) >> np.uint64(32)).tolist()


def _view(image: np.ndarray, shape: tuple[int, ...], top: int, left: int, flip: bool) -> np.ndarray:
    cut = image[:, top : top + shape[1], left : left + shape[2]]
    return cut[:, :, ::-1] if flip else cut


def _mean(param: Message, shapes: Sequence[tuple[int, ...]], find: Callable[[str], str]) -> np.ndarray | None:
    """The mean for images that come in ``shapes``."""
    mean = mean_of(param, shapes[0][0], find)
    if param.HasField("mean_file") and mean is not None and mean.shape not in shapes:
        path = find(param.mean_file)
        raise DataError(f"{path}: a mean of {shape_text(mean.shape)}, but the images are {shape_text(shapes[0])}")
    return mean


def _fitting(mean: np.ndarray, shapes: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """A given mean for images that come in ``shapes``."""
    channels = shapes[0][0]
    if mean.shape[1:] == (1, 1) and len(mean) not in (1, channels):
        raise DataError(f"the mean has {plural(len(mean), 'number')}; expected 1 or {channels}, one per channel")
    if mean.shape[1:] != (1, 1) and mean.shape not in shapes:
        raise DataError(f"the mean is {shape_text(mean.shape)}, but the images are {shape_text(shapes[0])}")
    return mean


def mean_of(param: Message, channels: int, find: Callable[[str], str] = str) -> np.ndarray | None:
    """The mean of a ``transform_param`` as an image (C, H, W) or as (``channels``, 1, 1), float32; None without one.

    Raises LayerError for options that contradict each other, DataError for a mean file that cannot be read.
    """
    values = list(param.mean_value)
    if param.HasField("mean_file"):
        if values:
            raise LayerError("both mean_file and mean_value are given; expected at most one of them")
        try:
            return read_mean(find(param.mean_file))
        except ProtoError as error:
            raise DataError(str(error)) from None
    if not values:
        return None
    if len(values) not in (1, channels):
        raise LayerError(
            f"{len(values)} mean_value, but the images have {plural(channels, 'channel')}: expected 1 or {channels}"
        )
    return np.resize(np.array(values, np.float32), channels).reshape(-1, 1, 1)
