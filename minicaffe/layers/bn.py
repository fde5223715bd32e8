"""BN: batch normalisation with its factor and offset in one layer, as SegNet and PSPNet have it."""

from collections.abc import Sequence

import numpy as np

from ..errors import LayerError
from ..kernels._jit import distinct
from ..kernels._threads import run
from ..kernels.affine import affine_forward
from .base import Arrays, Inferred, Param, Shape, register
from .normalising import ONE, Normalising

_PSPNET = ("slope_filler", "bias_filler", "momentum", "eps", "frozen")
_SEGNET = ("scale_filler", "shift_filler", "bn_mode")
_SEGNET_EPS = 1e-9


@register("BN", options="bn_param")
class BN(Normalising):
    """y = slope (x - mean) / sqrt(variance + eps) + bias for each channel. x: (N, C, ...).

    Two forks have a type of this name; the fields tell which is meant, and LayerError is raised where both are.

    yjxiong/caffe and hszhao/PSPNet (``slope_filler``, ``bias_filler``, ``momentum``, ``eps``, ``frozen``): blobs slope,
    bias, mean, variance, all (1, C). TRAIN takes the batch's statistics, and keeps momentum old + (1 - momentum) new,
    the variance biased; TEST takes what is kept. ``frozen`` takes it in both phases, and learns nothing.
    ``use_global_stats``, which is ours, wins over the phase and ``frozen``.

    alexgkendall/caffe-segnet (``scale_filler``, ``shift_filler``, ``bn_mode``): blobs scale and shift, both
    (1, C, 1, 1). LEARN takes the batch's statistics in both phases, eps 1e-9; INFERENCE is y = scale x + shift.

    Unlike there, slope and scale are filled with 1 where no filler is given, not 0, and SegNet's further tops are
    refused. dx as BatchNorm's, times slope; dslope = sum dy (normalised x), dbias = sum dy. Sums are float64.
    """

    in_place = True
    learned = (0, 1)
    affine, plain = True, False

    def setup(self) -> None:
        o = self.options
        theirs, segnets = ([name for name in names if o.HasField(name)] for names in (_PSPNET, _SEGNET))
        if theirs and segnets:
            raise LayerError(f"found {theirs[0]} of PSPNet and {segnets[0]} of SegNet; expected the fields of one fork")
        self.segnet = bool(segnets)
        self.fixed = self.segnet and o.bn_mode == o.INFERENCE
        self.kept = () if self.segnet else (2, 3)
        self.eps = _SEGNET_EPS if self.segnet else o.eps
        stored = o.use_global_stats if o.HasField("use_global_stats") else o.frozen or self.phase == "TEST"
        self.use_stored = self.fixed if self.segnet else stored

    def infer(self, x: Shape) -> Inferred:
        o, channels = self.options, self.see(x)
        shape: tuple[int, ...]
        if self.segnet:
            shape, fillers = (1, channels, 1, 1), ("scale_filler", "shift_filler")
        else:
            shape, fillers = (1, channels), ("slope_filler", "bias_filler")
        slope, bias = (getattr(o, name) if o.HasField(name) else None for name in fillers)
        params = [Param("slope", shape, slope or ONE, not o.frozen), Param("bias", shape, bias, not o.frozen)]
        if not self.segnet:
            params.append(Param("mean", shape, learned=False))
            params.append(Param("variance", shape, ONE if o.frozen else None, learned=False))
        return Inferred([x], params, self.work(x))

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        if not self.fixed:
            super().forward(bottoms, tops)
            return
        x, y, normalised = (array.reshape(self.view) for array in (bottoms[0], tops[0], self.scratch.normalised))
        normalised[...] = x  # for the gradient of scale
        scale, shift = (self.params[i].reshape(-1) for i in self.learned)
        run(affine_forward, y.size // self.view[2], distinct(x, y), scale, shift, y)
        self.scratch.inv_std.fill(1)

    def store(self) -> None:
        if not self.segnet:
            self.average(self.options.momentum)

    def as_stored(self, mean: np.ndarray, variance: np.ndarray) -> Sequence[np.ndarray | float]:
        return mean, variance
