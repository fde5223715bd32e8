"""MVN: every image, or every channel of it, made to have mean 0 and variance 1."""

import numpy as np

from ..kernels._jit import distinct
from ..kernels._threads import run
from ..kernels.batch_norm import batch_norm_backward, batch_statistics, normalise
from ..kernels.mean_removal import remove_mean
from .base import Arrays, Diffs, Inferred, Layer, Scratch, Shape, count, register


@register("MVN", options="mvn_param")
class MVN(Layer):
    """y = (x - mean) / (std + eps), or x - mean without ``normalize_variance``.

    mean and std, the root of the biased variance, are those of a channel of an image (axes 2 and on), or of an image
    (axes 1 and on) with ``across_channels``. Any number of axes, where Caffe takes four at most; sums are float64.
    dx = (dy - mean(dy) - y mean(dy y)) / (std + eps), which neglects eps beside std as Caffe does; without the
    variance dx = dy - mean(dy). In place too, where Caffe reads gradients it has overwritten. Source: Caffe's MVN.
    """

    in_place = True

    def setup(self) -> None:
        if self.options.normalize_variance:
            self.backward_reads = ("tops",)

    def infer(self, x: Shape) -> Inferred:
        rows = count(x, 0, 1 if self.options.across_channels else 2)
        self.view = (1, rows, count(x) // rows)  # batch normalisation's, each row a channel
        names = ("mean", "variance", "inverse") if self.options.normalize_variance else ()
        return Inferred([x], scratch={name: Scratch((rows,)) for name in names})

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        x, y = bottoms[0].reshape(self.view), tops[0].reshape(self.view)
        if not self.options.normalize_variance:
            self._remove_mean(x, y)
            return
        scratch, rows = self.scratch, self.view[1]
        run(batch_statistics, rows, x, y.dtype.type(0), scratch.mean, scratch.variance, scratch.inverse)
        np.sqrt(scratch.variance, out=scratch.inverse)
        np.add(scratch.inverse, y.dtype.type(self.options.eps), out=scratch.inverse)
        np.reciprocal(scratch.inverse, out=scratch.inverse)
        run(normalise, rows, distinct(x, y), scratch.mean, scratch.inverse, y)

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        if bottom_diffs[0] is None:
            return
        dy, dx = top_diffs[0].reshape(self.view), bottom_diffs[0].reshape(self.view)
        if self.options.normalize_variance:
            y = tops[0].reshape(self.view)
            run(batch_norm_backward, self.view[1], distinct(dy, dx), y, self.scratch.inverse, dx)
        else:
            self._remove_mean(dy, dx)

    def _remove_mean(self, x: np.ndarray, y: np.ndarray) -> None:
        x, y = x[0], y[0]
        run(remove_mean, len(y), distinct(x, y), y)
