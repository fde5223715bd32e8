"""What a source of records is: databases, lists of images and windows behind one small interface."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from ..errors import DataError, shape_text

__all__ = ["Source", "image_text", "steady"]

_LOOKED_AT = 8


def image_text(shape: tuple[int, ...], dtype: np.dtype) -> str:
    """``"an image of 3 x 32 x 32 bytes"``, for messages."""
    return f"an image of {shape_text(shape)} {'bytes' if dtype == np.uint8 else 'floats'}"


class Source(ABC):
    """Records (image, label) in an order of their own, round and round: after the last one follows the first.

    ``path`` names the source in messages. ``shape`` (C, H, W) and ``dtype`` (uint8 or float32) are those of the first
    record. ``seed`` is set by the reader: an order drawn by lot is a pure function of it and of the position.
    ``position`` is all the state there is. One thread may read at a time. Errors are DataErrors that name the record.
    """

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype
    seed: int = 0

    @property
    @abstractmethod
    def position(self) -> int:
        """The record that comes next, counted from the first; where the order differs each time, since the start."""

    @abstractmethod
    def seek(self, position: int) -> None:
        """Go on from ``position``."""

    @abstractmethod
    def record(self) -> tuple[np.ndarray, float]:
        """The image (C, H, W) and the label of the record at ``position``."""

    @abstractmethod
    def step(self) -> bool:
        """Go to the next record; whether that was past the last one."""

    @abstractmethod
    def place(self) -> str:
        """The record at ``position``, as messages name it."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the files; may be called again."""

    def skip(self, count: int) -> None:
        """Go ``count`` records on; of a number of rounds only the rest is gone."""
        start = 0
        for done in range(1, count + 1):
            if self.step():
                if start:
                    self.skip((count - done) % (done - start))
                    return
                start = done

    def read(self, images: np.ndarray, labels: np.ndarray) -> int:
        """Fill ``images`` (N, ``shape``; ``dtype``) and ``labels`` (N) with the next N records.

        Returns how often the last record was passed on the way. Raises DataError for a record of another shape.
        """
        wrapped = 0
        for n in range(len(images)):
            image, labels[n] = self.record()
            if image.shape != self.shape or image.dtype != self.dtype:
                raise DataError(
                    f"{self.place()} is {image_text(image.shape, image.dtype)}; expected "
                    f"{image_text(self.shape, self.dtype)}, as record 0"
                )
            images[n] = image
            wrapped += self.step()
        return wrapped


def steady(source: Source) -> bool:
    """Whether the first records have one shape, so that the others may be taken to have it too."""
    source.seek(0)
    same = True
    for _ in range(_LOOKED_AT):
        same = same and source.record()[0].shape == source.shape
        if not same or source.step():
            break
    source.seek(0)
    return same
