"""Transformed batches of a database, made ahead in a second thread, with a state to resume from exactly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import DataError
from .draws import below, draw
from .prefetch import Prefetcher
from .source import Source
from .transform import Transformer

__all__ = ["Batch", "BatchReader"]

_SKIP = 3  # lane of random numbers; the transformer has those below


@dataclass
class Batch:
    """``images`` (N, C, H, W) and ``labels`` (N), float32."""

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class _State:
    position: int  # of the record that comes next
    drawn: int  # records since the start: the counter of the random choices
    wrapped: int  # how often the last record has gone by


class _Producer:
    """What runs in the thread: read, then transform; record by record where these may differ in size."""

    def __init__(self, source: Source, transformer: Transformer, batch_size: int, seed: int, varying: bool):
        self._source, self._transformer, self._varying = source, transformer, varying
        self._images = (
            None if varying or transformer.one_by_one else np.empty((batch_size, *source.shape), source.dtype)
        )
        self._drawn = self._wrapped = 0
        self.seed = source.seed = seed

    def __call__(self, batch: Batch) -> _State:
        if self._images is None:
            self._one_by_one(batch)
        else:
            self._wrapped += self._source.read(self._images, batch.labels)
            self._transformer(self._images, batch.images, self.seed, self._drawn)
        self._drawn += len(batch.labels)
        return self.state()

    def _one_by_one(self, batch: Batch) -> None:
        source, transformer = self._source, self._transformer
        for n, lots in enumerate(transformer.lots(len(batch.labels), self.seed, self._drawn)):
            image, batch.labels[n] = source.record()
            shape = (len(batch.labels), *transformer.output_of(image.shape, lots))
            if self._varying and batch.images.shape != shape:
                batch.images = np.empty(shape, np.float32)
            try:
                transformer.one(image, batch.images[n], lots)
            except DataError as error:
                raise DataError(f"{source.place()} is {error}") from None
            self._wrapped += source.step()

    def state(self) -> _State:
        return _State(self._source.position, self._drawn, self._wrapped)

    def go_to(self, state: _State, seed: int) -> None:
        self.seed = self._source.seed = seed
        self._source.seek(state.position)
        self._drawn, self._wrapped = state.drawn, state.wrapped


AHEAD = 2**24
"""Bytes of batches made ahead of need."""


class BatchReader:
    """Batches of ``batch_size`` records of ``source``, in order, round and round; ``prefetch`` of them ahead.

    Fewer are made ahead, but at least one, where they would take more than AHEAD bytes.

    ``rand_skip`` above 0 starts at a record below it, chosen by the seed. ``varying``: the batches may differ in shape,
    as those of a single record do. The reader owns the source from now on and closes it. ``wrapped`` counts how often
    the batches given out have passed the last record (where Caffe logs "Restarting data prefetching from start.").
    """

    def __init__(
        self,
        source: Source,
        transformer: Transformer,
        batch_size: int,
        prefetch: int = 4,
        seed: int = 0,
        rand_skip: int = 0,
        varying: bool = False,
    ):
        self._source = source
        self._producer = _Producer(source, transformer, batch_size, seed, varying)
        if rand_skip > 0:
            source.skip(int(below(draw(seed, _SKIP, 0, 1), rand_skip)[0]))
        shape = (batch_size, *transformer.output_shape)
        fitting = AHEAD // (4 * math.prod(shape))
        self._buffers = [
            Batch(np.empty(shape, np.float32), np.empty(batch_size, np.float32))
            for _ in range(1 + max(1, min(prefetch, fitting)))
        ]
        self._consumed = self._producer.state()
        self._peeked: tuple[Batch, _State] | None = None
        self._prefetcher = Prefetcher(self._producer, self._buffers)

    def peek(self) -> Batch:
        """What ``next`` will return, without taking it; the arrays of the batch before hold no longer."""
        if self._peeked is None:
            self._peeked = self._prefetcher.next()
        return self._peeked[0]

    def next(self) -> Batch:
        """The next batch; its arrays hold until the next call. Raises DataError for a bad record."""
        batch, self._consumed = self._peeked or self._prefetcher.next()
        self._peeked = None
        return batch

    @property
    def seed(self) -> int:
        return self._producer.seed

    @property
    def wrapped(self) -> int:
        return self._consumed.wrapped

    def state(self) -> dict[str, int]:
        """Where the batches given out so far have led, whatever was made ahead."""
        return {"position": self._consumed.position, "drawn": self._consumed.drawn}

    def restore(self, state: Mapping[str, int], seed: int) -> None:
        """Go on as after the batch that had this state, with the random choices of ``seed`` from there on.

        Raises DataError if the source has no such record.
        """
        for key in ("position", "drawn"):
            if key not in state:
                raise DataError(f'{self._source.path}: the state to resume from holds no "{key}"')
        self._prefetcher.close()
        self._peeked = None
        self._consumed = _State(state["position"], state["drawn"], self.wrapped)
        self._producer.go_to(self._consumed, seed)
        self._prefetcher = Prefetcher(self._producer, self._buffers)

    def close(self) -> None:
        """Stop the thread and let go of the source; may be called again."""
        self._prefetcher.close()
        self._source.close()
