"""BatchNorm: normalise each channel to mean 0 and variance 1."""

from collections.abc import Sequence

import numpy as np

from ..errors import LayerError
from .base import Inferred, Param, Shape, count, register
from .normalising import ONE, Normalising

_LEAST_EPS = 1e-5  # cuDNN's, which NVIDIA's layer never goes below


@register("BatchNorm", options="batch_norm_param")
class BatchNorm(Normalising):
    """y = (x - mean) / sqrt(variance + eps) for each channel (axis 1) over all other axes; no gamma, no beta.

    Source: Ioffe and Szegedy, arXiv 1502.03167; Caffe's BatchNorm. Mean and biased variance are the batch's, or
    where ``use_global_stats`` holds (unset: in TEST) the stored ones. Three blobs of state: running sums of means
    and of unbiased variances, both to be divided by the third, the sum of the weights; with factor 0 both count
    as 0. Every forward from batch statistics, in either phase, multiplies the blobs by
    ``moving_average_fraction`` and adds the new values (1 to the factor).

    dx = (dy - mean(dy) - y mean(dy y)) / std from batch statistics, dy / std from stored ones. A 1-D bottom is one
    channel. Sums are float64. Raises LayerError for a ``param`` of the statistics with lr_mult other than 0.

    With ``scale_bias``, or one of its fillers, it is NVIDIA's: y gamma + beta, learned, are blobs 3 and 4. Its blobs 0
    and 1 are mean and unbiased variance themselves: the first batch's, then fraction old + (1 - fraction) new; blob 2
    is 1 and not read; eps is at least 1e-5. dgamma = sum dy (normalised x), dbeta = sum dy. Source: BatchNorm of
    NVIDIA/caffe 0.16 on GPUs; unlike there, ``use_global_stats`` and the ``param`` of gamma and beta count.

    With ``per_activation``, which is ours, statistics are of each element over N, as in cuDNN's mode of that name, and
    the first two blobs have the shape of an image. A Scale with ``num_axes: -1`` goes with it.
    """

    in_place = True
    backward_reads = ("tops",)
    kept, learned = (0, 1, 2), (3, 4)

    def setup(self) -> None:
        o = self.options
        self.affine = o.scale_bias or o.HasField("scale_filler") or o.HasField("bias_filler")
        if self.affine and o.per_activation:
            raise LayerError("found per_activation and scale_bias; expected at most one of them")
        for i, spec in enumerate(self.param.param[:3] if self.affine else self.param.param):
            if spec.HasField("lr_mult") and spec.lr_mult != 0:
                raise LayerError(
                    f"param {i} has lr_mult {spec.lr_mult:g}, but the blobs of BatchNorm are statistics that "
                    "no solver may change; expected 0 or no param (learned factors are a following Scale layer)"
                )
        self.plain = not self.affine and not o.per_activation
        self.eps = max(o.eps, _LEAST_EPS) if self.affine else o.eps
        self.use_stored = o.use_global_stats if o.HasField("use_global_stats") else self.phase == "TEST"

    def infer(self, x: Shape) -> Inferred:
        o = self.options
        shape: Shape = (self.see(x),)
        if o.per_activation:
            shape, self.view = x[1:] or (1,), (x[0], count(x, 1), 1)
        params = [Param(name, shape, learned=False) for name in ("mean", "variance")]
        params.append(Param("factor", (1,), ONE if self.affine else None, learned=False))
        if self.affine:
            params.append(Param("gamma", shape, o.scale_filler if o.HasField("scale_filler") else ONE))
            params.append(Param("beta", shape, o.bias_filler))
        return Inferred([x], params, self.work(x))

    def stored(self) -> tuple[np.ndarray, np.ndarray, float]:
        mean, variance, share = super().stored()
        factor = 1.0 if self.affine else float(self.params[2][0])
        return mean, variance, share / factor if factor != 0 else 0.0

    def store(self) -> None:
        self.unbias()
        fraction, (mean, variance, factor) = self.options.moving_average_fraction, self.params[:3]
        if self.affine:
            self.average(fraction if variance.any() else 0.0)
            return
        for blob, new in ((mean, self.scratch.mean), (variance, self.scratch.variance)):
            blob *= fraction
            blob += new.reshape(blob.shape)
        factor *= fraction
        factor += 1

    def first_statistics(self) -> tuple[np.ndarray, np.ndarray]:
        return self.statistics()  # the fast plan leaves nothing in scratch

    def as_stored(self, mean: np.ndarray, variance: np.ndarray) -> Sequence[np.ndarray | float]:
        return mean, variance, 1.0
