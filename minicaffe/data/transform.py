"""What happens to an image on its way from the database to a blob: crop, mirror, mean, scale."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import DataError, LayerError, ProtoError, plural, shape_text
from ..proto import read_mean
from .draws import below, draw

__all__ = ["Transformer"]

_MIRROR, _ROW, _COLUMN = range(3)  # lanes of random numbers


class Transformer:
    """y = (x - mean) * scale in float32, of a crop of x, perhaps mirrored; Caffe's ``transform_param``.

    ``shape`` is (C, H, W) of the images. The crop is ``crop_size`` square: at a random place in TRAIN, in the
    middle in TEST. ``mirror`` flips every other image left to right, by lot and in both phases. The mean is an
    image (``mean_file``, cut and flipped with x), one value, or one per channel. Departure from Caffe: the random
    choices for image k depend on the seed and k alone, so k is all the state there is.

    Raises LayerError for options that contradict each other or the shape, DataError for a mean file that
    cannot be read or is of another shape.
    """

    def __init__(self, param, phase: str, shape: tuple[int, int, int], find: Callable[[str], str] = str):
        channels, height, width = shape
        self.shape = shape
        self._scale = np.float32(param.scale)
        self._mirror = param.mirror
        self._crop = param.crop_size
        self._random_crop = self._crop > 0 and phase == "TRAIN"
        self._mean = _mean(param, shape, find)
        if self._crop > min(height, width):
            raise LayerError(f"crop_size is {self._crop}, but the images are {shape_text(shape)}")
        self.output_shape = (channels, self._crop, self._crop) if self._crop else shape

    def __call__(self, images: np.ndarray, out: np.ndarray, seed: int = 0, first: int = 0) -> None:
        """Fill ``out`` (N, ``output_shape``; float32) from ``images`` (N, ``shape``), which are ``first`` and on."""
        if not (self._crop or self._mirror):
            self._apply(images, self._mean, out)
            return
        for n, choice in enumerate(self._choices(len(images), seed, first)):
            self._apply(self._view(images[n], *choice), self._view(self._mean, *choice), out[n])

    def _choices(self, count: int, seed: int, first: int):
        """(top, left, flip) of each image."""
        top = np.full(count, (self.shape[1] - self.output_shape[1]) // 2)
        left = np.full(count, (self.shape[2] - self.output_shape[2]) // 2)
        flip = np.zeros(count, bool)
        if self._random_crop:
            top = below(draw(seed, _ROW, first, count), self.shape[1] - self._crop + 1)
            left = below(draw(seed, _COLUMN, first, count), self.shape[2] - self._crop + 1)
        if self._mirror:
            flip = below(draw(seed, _MIRROR, first, count), 2) == 1
        return zip(top.tolist(), left.tolist(), flip.tolist())

    def _view(self, image: np.ndarray | None, top: int, left: int, flip: bool) -> np.ndarray | None:
        if image is None or image.shape != self.shape:  # no mean, or one value per channel
            return image
        _, height, width = self.output_shape
        cut = image[:, top : top + height, left : left + width]
        return cut[:, :, ::-1] if flip else cut

    def _apply(self, x: np.ndarray, mean: np.ndarray | None, y: np.ndarray) -> None:
        if mean is None:
            np.multiply(x, self._scale, out=y, dtype=np.float32)
            return
        np.subtract(x, mean, out=y, dtype=np.float32)
        if self._scale != 1:
            y *= self._scale


def _mean(param, shape: tuple[int, int, int], find: Callable[[str], str]) -> np.ndarray | None:
    """The mean as an image or as (C, 1, 1), float32; None if there is none."""
    values = list(param.mean_value)
    if param.HasField("mean_file"):
        if values:
            raise LayerError("both mean_file and mean_value are given; expected at most one of them")
        path = find(param.mean_file)
        try:
            mean = read_mean(path)
        except ProtoError as error:
            raise DataError(str(error)) from None
        if mean.shape != shape:
            raise DataError(f"{path}: a mean of {shape_text(mean.shape)}, but the images are {shape_text(shape)}")
        return mean
    if not values:
        return None
    if len(values) not in (1, shape[0]):
        raise LayerError(
            f"{len(values)} mean_value, but the images have {plural(shape[0], 'channel')}: expected 1 or {shape[0]}"
        )
    return np.resize(np.array(values, np.float32), shape[0]).reshape(-1, 1, 1)
