"""What BatchNorm and BN have in common: normalising by statistics, gamma and beta, and the gradients."""

from collections.abc import Sequence

import numpy as np

from ..errors import LayerError
from ..kernels._jit import distinct
from ..kernels._threads import run
from ..kernels.affine import affine_forward, affine_sums
from ..kernels.batch_norm import batch_norm_backward, batch_statistics, normalise, scale_channels
from ..proto import caffe_pb2
from .base import Arrays, Diffs, Layer, Scratch, Shape, count

ONE = caffe_pb2.FillerParameter(type="constant", value=1)


class Normalising(Layer):
    """y = (x - mean) / sqrt(variance + eps), with ``affine`` times gamma, plus beta; statistics of the batch or stored.

    A subclass sets these in ``setup`` and ``infer``, and says how statistics are stored:
    """

    kept: tuple[int, ...] = ()
    """Which of the parameters hold statistics, mean and variance first."""
    learned: tuple[int, ...] = ()
    """Which are gamma and beta."""
    affine = False
    use_stored = False
    eps = 0.0
    view = (0, 0, 0)
    """x as (N, C, S): each of C is normalised over N and S."""

    def stored(self) -> tuple[np.ndarray, np.ndarray, float]:
        """The arrays of mean and variance, one number for each of C, and what to multiply both by."""
        mean, variance = (self.params[i].reshape(-1) for i in self.kept[:2])
        return mean, variance, 1.0

    def store(self) -> None:
        """Take in the batch's statistics, which are in ``scratch``; the variance is the biased one."""
        raise NotImplementedError

    def as_stored(self, mean: np.ndarray, variance: np.ndarray) -> Sequence[np.ndarray | float]:
        """What the parameters ``kept`` hold where these are the statistics."""
        raise NotImplementedError

    # -- shapes ----------------------------------------------------------------------------------------------

    def see(self, x: Shape) -> int:
        """View x by channel; return how many there are."""
        if not x:
            raise LayerError("the bottom has no axes; expected at least 1")
        self.view = (x[0], x[1] if len(x) > 1 else 1, count(x, 2))
        return self.view[1]

    def work(self, x: Shape) -> dict[str, Scratch]:
        """The work arrays."""
        channels = (self.view[1],)
        more = {"normalised": Scratch(x), "factor": Scratch(channels)} if self.affine else {}
        return {name: Scratch(channels) for name in ("mean", "variance", "inv_std")} | more

    # -- running ---------------------------------------------------------------------------------------------

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        x, y = bottoms[0].reshape(self.view), tops[0].reshape(self.view)
        work, channels = self.scratch, self.view[1]
        normalised = work.normalised.reshape(self.view) if self.affine else y
        if self.use_stored:
            self._read_stored()
        else:
            run(batch_statistics, channels, x, x.dtype.type(self.eps), work.mean, work.variance, work.inv_std)
        run(normalise, channels, distinct(x, normalised), work.mean, work.inv_std, normalised)
        if self.affine:
            gamma, beta = (self.params[i].reshape(-1) for i in self.learned)
            run(affine_forward, y.size // self.view[2], normalised, gamma, beta, y)
        if not self.use_stored:
            self.store()

    def _read_stored(self) -> None:
        work = self.scratch
        mean, variance, share = self.stored()
        np.multiply(mean, share, out=work.mean)
        np.multiply(variance, share, out=work.variance)
        np.add(work.variance, self.eps, out=work.inv_std)
        np.sqrt(work.inv_std, out=work.inv_std)
        np.divide(1.0, work.inv_std, out=work.inv_std)

    def unbias(self) -> None:
        """Make the batch's variance unbiased; of one number it stays 0."""
        m = self.view[0] * self.view[2]
        self.scratch.variance *= m / (m - 1) if m > 1 else 1.0

    def average(self, fraction: float) -> None:
        """The stored statistics become fraction old + (1 - fraction) new."""
        for i, new in zip(self.kept, (self.scratch.mean, self.scratch.variance)):
            old = self.params[i].reshape(-1)
            old *= fraction
            old += (1 - fraction) * new

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        work, channels = self.scratch, self.view[1]
        dy, factor, y = top_diffs[0].reshape(self.view), work.inv_std, tops[0]
        if self.affine:
            y = work.normalised
            factor = np.multiply(work.inv_std, self.params[self.learned[0]].reshape(-1), out=work.factor)
            diffs = (self.param_diffs[i] for i in self.learned)
            dgamma, dbeta = (None if diff is None else diff.reshape(-1) for diff in diffs)
            if dgamma is not None or dbeta is not None:
                run(affine_sums, channels, y.reshape(self.view), dy, dgamma, dbeta)
        if bottom_diffs[0] is None:
            return
        dx = bottom_diffs[0].reshape(self.view)
        if self.use_stored:
            run(scale_channels, channels, distinct(dy, dx), factor, dx)
        else:
            run(batch_norm_backward, channels, distinct(dy, dx), y.reshape(self.view), factor, dx)

    # -- for ``bn_stats`` ------------------------------------------------------------------------------------

    def statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """The stored mean and variance, float64."""
        mean, variance, share = self.stored()
        return self._shaped(mean) * share, self._shaped(variance) * share

    def clear_statistics(self) -> None:
        """As if no batch had been seen."""
        for i in self.kept:
            self.params[i].fill(0)

    def first_statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of the one batch since ``clear_statistics``, as they are stored, float64."""
        return self._shaped(self.scratch.mean), self._shaped(self.scratch.variance)

    def _shaped(self, array: np.ndarray) -> np.ndarray:
        return array.astype(np.float64).reshape(self.params[self.kept[0]].shape)
