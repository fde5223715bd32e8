"""HDF5Output: keeps two blobs of every forward in a file."""

from __future__ import annotations

from ..data import Hdf5Writer
from ..errors import LayerError, shape_text
from .base import Arrays, Diffs, Inferred, Layer, Shape, register


@register("HDF5Output", options="hdf5_output_param", bottoms=2, tops=0)
class HDF5Output(Layer):
    """Writes the bottoms of each forward as rows of the data sets "data" and "label" of ``file_name``.

    Both have (N, ...) rows of equal number, written with at least four axes, as Caffe does (labels as N x 1 x 1 x 1),
    in the net's type. No gradient. Departure from Caffe, which fails at the second forward: the rows of all forwards
    are kept, one after the other; the file appears whole when the net is closed, and only then replaces an older one.

    Raises LayerError for options and shapes, DataError for a file that cannot be written. Source: Caffe's HDF5Output.
    """

    no_gradient = (0, 1)

    def setup(self) -> None:
        self._writer: Hdf5Writer | None = None
        if not self.options.file_name:
            raise LayerError("hdf5_output_param has no file_name; expected that of the file to write")

    def infer(self, data: Shape, label: Shape) -> Inferred:
        rows = [shape[0] if shape else 0 for shape in (data, label)]
        if rows[0] != rows[1] or not rows[0]:
            raise LayerError(
                f"bottoms of {shape_text(data)} and {shape_text(label)}; expected the same number of rows in both"
            )
        return Inferred([])

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        if self._writer is None:
            self._writer = Hdf5Writer(self.options.file_name)
        rows = {}
        for name, values in zip(("data", "label"), bottoms):
            rows[name] = values.reshape(values.shape + (1,) * (4 - values.ndim))
        self._writer.append(rows)

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        """Nothing flows back."""

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
