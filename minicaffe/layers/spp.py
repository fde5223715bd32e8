"""SPP: spatial pyramid pooling, so many numbers whatever the size of the planes."""

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np

from ..errors import LayerError, shape_text
from ..kernels._jit import ELEMENTS
from ..kernels._threads import run
from ..kernels.eltwise import weighted_sum
from ..proto import caffe_pb2
from .base import Arrays, Diffs, Inferred, Layer, Scratch, Shape, count, register
from .pooling import Pooling
from .shapes import checked_shape


@register("SPP", options="spp_param")
class SPP(Layer):
    """y[n] = x[n] pooled to 1 x 1, 2 x 2, 4 x 4, ... windows, ``pyramid_height`` levels one after another.

    x (N, C, H, W), y (N, C * (1 + 4 + 16 + ...)); with a height of 1, y is (N, C, 1, 1). At level l a window is
    ceil(size / 2^l) along each axis, as is the stride; the padding is half of what is missing, rounded up, and counts
    as in Pooling. ``pool`` is MAX or AVE. dx = the sum over the levels. Source: He et al., ECCV 2014; Caffe's SPP.
    Raises LayerError for STOCHASTIC, which Caffe's CPU code does not have, and where a level's windows would begin
    outside the plane.
    """

    def setup(self) -> None:
        o = self.options
        if o.pyramid_height < 1:
            raise LayerError(f"pyramid_height is {o.pyramid_height}; expected at least 1")
        if o.pool not in (o.MAX, o.AVE):
            raise LayerError(f"pool is {o.PoolMethod.Name(o.pool)}; expected MAX or AVE")

    def infer(self, x: Shape) -> Inferred:
        if len(x) != 4:
            raise LayerError(f"the bottom is {shape_text(x)}; expected 4 axes: N x C x H x W")
        checked_shape(x)
        self.levels, stop = [], 0
        scratch: dict[str, Scratch] = {}
        for level in range(self.options.pyramid_height):
            pooling = self._pooling(2**level, *x[2:])
            inferred = pooling.infer(x)
            names = {name: f"{name}{level}" for name in inferred.scratch}
            scratch |= {names[name]: work for name, work in inferred.scratch.items()}
            start, stop = stop, stop + count(inferred.tops[0], 1)
            self.levels.append((pooling, names, inferred.tops[0], start, stop))
        scratch["pooled"] = Scratch((max(count(shape) for _, _, shape, _, _ in self.levels),))
        if len(self.levels) > 1:
            scratch["part"] = Scratch(x)
            return Inferred([(x[0], stop)], scratch=scratch)
        return Inferred([(*x[:2], 1, 1)], scratch=scratch)

    def _pooling(self, bins: int, height: int, width: int) -> Pooling:
        param = caffe_pb2.LayerParameter(type="Pooling", bottom=["x"], top=["y"])
        options = param.pooling_param
        options.pool = options.PoolMethod.Value(self.options.PoolMethod.Name(self.options.pool))
        for axis, size in (("h", height), ("w", width)):
            kernel = -(-size // bins)
            pad = (kernel * bins - size + 1) // 2
            if pad >= kernel:
                raise LayerError(
                    f"planes of {height} x {width} are too small for the {bins} x {bins} windows of a pyramid of "
                    f"height {self.options.pyramid_height}"
                )
            setattr(options, f"kernel_{axis}", kernel)
            setattr(options, f"stride_{axis}", kernel)
            setattr(options, f"pad_{axis}", pad)
        return Pooling(param, self.phase)

    def _each_level(self, whole: np.ndarray) -> Iterator[tuple[Pooling, np.ndarray, np.ndarray, np.ndarray]]:
        """Each level's Pooling, an array for its numbers, and where these lie in ``whole``."""
        flat = whole.reshape(len(whole), -1)
        for pooling, names, shape, start, stop in self.levels:
            pooling.scratch = SimpleNamespace(**{name: getattr(self.scratch, own) for name, own in names.items()})
            pooled = self.scratch.pooled[: count(shape)].reshape(shape)
            yield pooling, pooled, pooled.reshape(len(flat), -1), flat[:, start:stop]

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        for pooling, pooled, rows, place in self._each_level(tops[0]):
            pooling.forward(bottoms, [pooled])
            np.copyto(place, rows)

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        dx = bottom_diffs[0]
        if dx is None:
            return
        one, into = dx.dtype.type(1), dx
        for pooling, pooled, rows, place in self._each_level(top_diffs[0]):
            np.copyto(rows, place)
            pooling.backward(bottoms, tops, [pooled], [into])
            if into is not dx:
                run(weighted_sum, dx.size, None, one, into.reshape(-1), one, dx.reshape(-1), grain=ELEMENTS)
            into = getattr(self.scratch, "part", dx)
