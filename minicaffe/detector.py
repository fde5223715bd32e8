"""A net that says what is in windows of images, as R-CNN does. The names are pycaffe's."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from .classifier import ImageNet
from .errors import DataError, UsageError, did_you_mean
from .io import load_image, resize_image

__all__ = ["Detector", "read_windows"]

_COLUMNS = ("filename", "ymin", "xmin", "ymax", "xmax")

Window = np.ndarray  # ymin, xmin, ymax, xmax


class Detector(ImageNet):
    """The net of ``model_file`` with the weights of ``pretrained_file``, for windows of images.

    ``context_pad``: how many pixels of the net's input, on each side, show what lies around a window; beyond the image
    that is the mean. The other arguments: see ``Classifier``.
    """

    def __init__(
        self,
        model_file: str | os.PathLike,
        pretrained_file: str | os.PathLike | None,
        mean: np.ndarray | None = None,
        input_scale: float | None = None,
        raw_scale: float | None = None,
        channel_swap: Sequence[int] | None = None,
        context_pad: int | None = None,
        **how: Any,
    ) -> None:
        super().__init__(model_file, pretrained_file, mean, input_scale, raw_scale, channel_swap, **how)
        self.configure_crop(context_pad)

    def configure_crop(self, context_pad: int | None) -> None:
        """Set how much context windows have from now on; see the class."""
        name = self.inputs[0]
        channels, height, width = self.blobs[name].shape[1:]
        pad = int(context_pad or 0)
        if not 0 <= 2 * pad < min(height, width):
            raise UsageError(f"context_pad is {pad}; expected less than half of the net's input, {height} x {width}")
        self.context_pad = pad
        self.crop_dims = np.array([height, width, channels])
        nothing = np.zeros((channels, height, width), np.float32)
        self.crop_mean = self.transformer.deprocess(name, nothing)  # as it is in an image

    def detect_windows(self, images_windows: str | os.PathLike | Iterable[tuple[Any, Any]]) -> list[dict[str, Any]]:
        """The net's first output for each window.

        ``images_windows`` are (image, windows): the name of a file or an array (H, W, K), and N x 4 numbers ymin,
        xmin, ymax, xmax; or the name of a CSV file (``read_windows``). Returns for each window a dict of ``window``,
        ``prediction``, and ``filename``. Raises DataError for a window that is none.
        """
        if isinstance(images_windows, (str, os.PathLike)):
            images_windows = read_windows(images_windows)
        found: list[dict[str, Any]] = []
        predictions = self.run_images(self._crops(images_windows, found))
        predictions = predictions.reshape(len(predictions), -1) if predictions.shape[2:] == (1, 1) else predictions
        return [{**entry, "prediction": prediction} for entry, prediction in zip(found, predictions)]

    def detect_selective_search(self, image_fnames: Iterable[str]) -> list[dict[str, Any]]:
        """Not here: pycaffe asks a MATLAB program for windows. Raises UsageError."""
        raise UsageError("selective search is a MATLAB program; expected detect_windows with windows of your own")

    def _crops(self, images_windows: Iterable[tuple[Any, Any]], found: list[dict[str, Any]]) -> Iterator[np.ndarray]:
        """The windows' crops; what they are is added to ``found`` as they are given out."""
        for source, windows in images_windows:
            named = isinstance(source, (str, os.PathLike))
            image = load_image(source) if named else np.asarray(source)
            place = os.fspath(source) if named else "an array"
            for window in np.atleast_2d(np.asarray(windows)):
                try:
                    crop = self.crop(image, window)
                except DataError as error:
                    raise DataError(f"{place}: {error}") from None
                found.append({"window": window, "filename": source if named else None})
                yield crop

    def crop(self, im: np.ndarray, window: Window) -> np.ndarray:
        """The window ymin, xmin, ymax, xmax of the image, with its context if there is to be any: (H, W, K)."""
        box: Any = np.asarray(window)
        size = np.array(im.shape[:2])
        box = np.round(box).astype(int) if box.shape == (4,) and np.isfinite(box).all() else None
        if box is None or (box[:2] < 0).any() or (box[2:] > size).any() or (box[2:] <= box[:2]).any():
            raise DataError(
                f"the window is {', '.join(map(str, np.ravel(window)))}; expected ymin, xmin, ymax, xmax "
                f"inside the image of {size[0]} x {size[1]}"
            )
        return self._with_context(im, box, size) if self.context_pad else im[box[0] : box[2], box[1] : box[3]]

    def _with_context(self, im: np.ndarray, box: Window, size: np.ndarray) -> np.ndarray:
        """What lies in the window and around it, so that the window itself fills all but ``context_pad``."""
        crop = self.crop_dims[:2]
        half = (box[2:] - box[:2] + 1) / 2
        reach = half * crop / (crop - 2 * self.context_pad)
        first, last = (np.round(box[:2] + half + side * reach).astype(int) for side in (-1, 1))
        scale = crop / (last - first + 1)
        start = np.round(np.maximum(0, -first) * scale).astype(int)
        first, last = np.clip(first, 0, size), np.clip(last, 0, size)
        shown = np.clip(np.round((last - first + 1) * scale).astype(int), 1, crop - start)
        part = resize_image(im[first[0] : last[0], first[1] : last[1]], shown)
        whole = np.array(self.crop_mean, np.float32)
        whole[start[0] : start[0] + shown[0], start[1] : start[1] + shown[1]] = part
        return whole


def read_windows(path: str | os.PathLike) -> list[tuple[str, np.ndarray]]:
    """(image file, N x 4 windows) of a CSV file with the columns filename, ymin, xmin, ymax and xmax, in its order.

    Raises DataError that names the line.
    """
    groups: dict[str, list[list[float]]] = {}
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file, skipinitialspace=True)
            for column in _COLUMNS:
                if column not in (rows.fieldnames or ()):
                    near = did_you_mean(column, rows.fieldnames or ())
                    raise DataError(f'{path}: no column "{column}"; expected {", ".join(_COLUMNS)}{near}')
            for row in rows:
                try:
                    window = [float(row[column]) for column in _COLUMNS[1:]]
                except (TypeError, ValueError):
                    found = ", ".join(str(row[column]) for column in _COLUMNS[1:])
                    raise DataError(f"{path}:{rows.line_num}: the window is {found}; expected four numbers") from None
                groups.setdefault(row["filename"], []).append(window)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: no CSV file ({error})") from None
    return [(name, np.array(windows)) for name, windows in groups.items()]
