"""BatchNorm: normalise each channel to mean 0 and variance 1."""

import numpy as np

from ..errors import LayerError
from ..kernels._jit import distinct, run
from ..kernels.batch_norm import batch_norm_backward, batch_statistics, normalise, scale_channels
from .base import Inferred, Layer, Param, Scratch, count, register


@register("BatchNorm", options="batch_norm_param")
class BatchNorm(Layer):
    """y = (x - mean) / sqrt(variance + eps) for each channel (axis 1) over all other axes; no gamma, no beta.

    Source: Ioffe and Szegedy, arXiv 1502.03167; Caffe's BatchNorm. Mean and biased variance are the batch's, or
    where ``use_global_stats`` holds (unset: in TEST) the stored ones. Three blobs of state: running sums of means
    and of unbiased variances, both to be divided by the third, the sum of the weights; with factor 0 both count
    as 0. Every forward from batch statistics, in either phase, multiplies the blobs by
    ``moving_average_fraction`` and adds the new values (1 to the factor).

    dx = (dy - mean(dy) - y mean(dy y)) / std from batch statistics, dy / std from stored ones. A 1-D bottom is one
    channel. Sums are float64. Raises LayerError for a ``param`` with lr_mult other than 0.
    """

    in_place = True
    backward_reads = ("tops",)
    kept = (0, 1, 2)
    """Which of the parameters hold statistics."""

    def setup(self):
        for i, spec in enumerate(self.param.param):
            if spec.HasField("lr_mult") and spec.lr_mult != 0:
                raise LayerError(
                    f"param {i} has lr_mult {spec.lr_mult:g}, but the blobs of BatchNorm are statistics that "
                    "no solver may change; expected 0 or no param (learned factors are a following Scale layer)"
                )
        known = self.options.HasField("use_global_stats")
        self.use_stored = self.options.use_global_stats if known else self.phase == "TEST"

    def infer(self, x):
        if not x:
            raise LayerError("the bottom has no axes; expected at least 1")
        channels = x[1] if len(x) > 1 else 1
        self.view = (x[0], channels, count(x, 2))
        names = {"mean": (channels,), "variance": (channels,), "factor": (1,)}
        params = [Param(name, shape, learned=False) for name, shape in names.items()]
        return Inferred([x], params, {name: Scratch((channels,)) for name in ("mean", "variance", "inv_std")})

    def forward(self, bottoms, tops):
        x, y = bottoms[0].reshape(self.view), tops[0].reshape(self.view)
        scratch, channels = self.scratch, self.view[1]
        if self.use_stored:
            self._read_stored()
        else:
            eps = x.dtype.type(self.options.eps)
            run(batch_statistics, channels, x, eps, scratch.mean, scratch.variance, scratch.inv_std)
        run(normalise, channels, distinct(x, y), scratch.mean, scratch.inv_std, y)
        if not self.use_stored:
            self._store()

    def _read_stored(self):
        mean, variance, factor = self.params
        share = 1.0 / float(factor[0]) if factor[0] != 0 else 0.0
        np.multiply(mean, share, out=self.scratch.mean)
        np.multiply(variance, share, out=self.scratch.variance)
        inv_std = np.add(self.scratch.variance, self.options.eps, out=self.scratch.inv_std)
        np.sqrt(inv_std, out=inv_std)
        np.divide(1.0, inv_std, out=inv_std)

    def _store(self):
        images, _, spatial = self.view
        m = images * spatial
        new = (self.scratch.mean, self.scratch.variance, 1.0)
        self.scratch.variance *= m / (m - 1) if m > 1 else 1.0
        for blob, value in zip(self.params, new):
            blob *= self.options.moving_average_fraction
            blob += value

    # -- for ``bn_stats`` ------------------------------------------------------------------------------------

    def statistics(self):
        """The stored mean and variance, float64."""
        mean, variance, factor = (self.params[i].astype(np.float64) for i in self.kept)
        share = 1.0 / factor[0] if factor[0] else 0.0
        return mean * share, variance * share

    def clear_statistics(self) -> None:
        """As if no batch had been seen."""
        for i in self.kept:
            self.params[i].fill(0)

    def first_statistics(self):
        """Mean and variance of the one batch since ``clear_statistics``, float64."""
        return self.statistics()

    def as_stored(self, mean, variance):
        """What the parameters ``kept`` hold where these are the statistics."""
        return mean, variance, 1.0

    def backward(self, bottoms, tops, top_diffs, bottom_diffs):
        if bottom_diffs[0] is None:
            return
        dy, dx = top_diffs[0].reshape(self.view), bottom_diffs[0].reshape(self.view)
        inv_std = self.scratch.inv_std
        if self.use_stored:
            run(scale_channels, self.view[1], distinct(dy, dx), inv_std, dx)
        else:
            y = tops[0].reshape(self.view)
            run(batch_norm_backward, self.view[1], distinct(dy, dx), y, inv_std, dx)
