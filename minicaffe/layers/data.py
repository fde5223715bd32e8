"""Data: batches of images, and their labels, from an LMDB."""

from __future__ import annotations

from pathlib import Path

from ..data import BatchReader, LmdbSource, Transformer
from ..errors import DataError, LayerError
from ..proto import caffe_pb2
from .base import Inferred, Layer, register


@register("Data", options="data_param", bottoms=0, tops=(1, 2))
class Data(Layer):
    """tops: images (batch_size, C, H, W), transformed by ``transform_param``; labels (batch_size), if asked for.

    Records come in key order, round and round, read ahead in a second thread. Departures from Caffe: all records
    have one size; LevelDB is not read, but an LMDB is whatever ``backend`` says; ``state`` lets a resumed run
    go on at the next record instead of the first.

    Raises LayerError for options, DataError for a source or a mean file that is missing, damaged or of another size.
    """

    reads_files = True

    def setup(self):
        options, transform = self.options, self.param.transform_param
        self._source: LmdbSource | None = None
        self._reader: BatchReader | None = None
        if not options.source:
            raise LayerError("data_param has no source; expected the folder of an LMDB")
        for field in ("batch_size", "prefetch"):
            if getattr(options, field) < 1:
                raise LayerError(f"{field} is {getattr(options, field)}; expected at least 1")
        if transform.force_color and transform.force_gray:
            raise LayerError("both force_color and force_gray are set; expected at most one of them")

    def open(self):
        options, transform = self.options, self.param.transform_param
        path = self.find(options.source)
        if options.backend == caffe_pb2.DataParameter.LEVELDB and _is_leveldb(Path(path)):
            raise DataError(f"{path}: is a LevelDB, which is not supported; expected an LMDB")
        color = True if transform.force_color or options.force_encoded_color else None
        self._source = LmdbSource(path, False if transform.force_gray else color)
        self._transformer = Transformer(transform, self.phase, self._source.shape, self.find)

    def infer(self):
        n = self.options.batch_size
        return Inferred([(n, *self._transformer.output_shape), (n,)][: len(self.param.top)])

    def forward(self, bottoms, tops):
        batch = self._ahead().next()
        for top, values in zip(tops, (batch.images, batch.labels)):
            top[...] = values

    @property
    def wrapped(self) -> int:
        """How often the batches given out have passed the last record."""
        return self._reader.wrapped if self._reader else 0

    def state(self):
        return self._ahead().state()

    def restore(self, state):
        self._ahead().restore(state, self.seed)

    def close(self):
        opened = self._reader or self._source  # the reader closes the source
        if opened is not None:
            opened.close()

    def _ahead(self) -> BatchReader:
        """The reader with the layer's seed of now, which is known only after ``open`` and may change."""
        options = self.options
        if self._reader is None:
            self._reader = BatchReader(
                self._source, self._transformer, options.batch_size, options.prefetch, self.seed, options.rand_skip
            )
        elif self._reader.seed != self.seed:
            self._reader.restore(self._reader.state(), self.seed)
        return self._reader


def _is_leveldb(folder: Path) -> bool:
    return (folder / "CURRENT").is_file() and not (folder / "data.mdb").is_file()
