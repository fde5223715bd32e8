"""HDF5Data: rows of HDF5 files, a data set for each top."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..data import Hdf5Rows
from ..errors import LayerError
from .base import Arrays, Inferred, Layer, register


@register("HDF5Data", options="hdf5_data_param", bottoms=0, tops=(1, None))
class HDF5Data(Layer):
    """Top i: the next ``batch_size`` rows of the data set that has its name; any shapes, floats or integers.

    ``source`` lists the files, one a line, or is such a file itself. Batches run on over the borders of files, and
    after the last row follows the first. ``shuffle`` draws a new order of files for each pass and of rows for each
    file. Departures from Caffe: all files are checked when the net is built; shuffles depend on the seed and the pass
    alone; a resumed run goes on at the next row. Source: Caffe's HDF5Data.

    Raises LayerError for options, DataError for files and data sets.
    """

    reads_files = True

    def setup(self) -> None:
        self._rows: Any = None  # Hdf5Rows, once it is open
        if self.param.HasField("transform_param"):
            raise LayerError("HDF5Data does not transform its data; expected no transform_param")
        if not self.options.source:
            raise LayerError("hdf5_data_param has no source; expected a list of HDF5 files")
        if self.options.batch_size < 1:
            raise LayerError(f"batch_size is {self.options.batch_size}; expected at least 1")

    def open(self) -> None:
        options = self.options
        path = self.find(options.source)
        self._rows = Hdf5Rows(path, self.param.top, self.dtype, options.shuffle, self.find)

    def infer(self) -> Inferred:
        return Inferred([(self.options.batch_size, *shape) for shape in self._rows.shapes])

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        self._rows.seed = self.seed
        self._rows.read(tops)

    def state(self) -> dict[str, int]:
        return self._rows.state()

    def restore(self, state: Mapping[str, int]) -> None:
        self._rows.seed = self.seed
        self._rows.restore(state)
