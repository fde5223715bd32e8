"""DummyData: tops filled by fillers, for tests and benchmarks."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import LayerError, plural
from ..fillers import check_filler, fill, generator
from ..proto import caffe_pb2
from .base import Arrays, Inferred, Layer, Shape, register
from .shapes import checked_shape

_OLD_DIMS = ("num", "channels", "height", "width")


@register("DummyData", options="dummy_data_param", bottoms=0, tops=(1, None))
class DummyData(Layer):
    """Top i has ``shape`` i (or the older num, channels, height, width) and the numbers of ``data_filler`` i.

    Of each there may be one for all tops or one for each; without ``data_filler`` tops are zero. Constant tops
    are filled once, when the net is built: they keep what is written to them. Others are filled anew in each forward,
    from the layer's seed, the top's index and the count of forwards. Source: Caffe's DummyData.
    """

    def setup(self) -> None:
        self.forwards = 0
        tops = len(self.param.top)
        fillers = list(self.options.data_filler) or [caffe_pb2.FillerParameter()]
        self.fillers = _one_for_each(fillers, tops, "data_filler")
        for filler in self.fillers:
            check_filler(filler)

    def infer(self) -> Inferred:
        shapes = self._shapes()
        for shape, filler in zip(shapes, self.fillers):
            check_filler(filler, shape)
        return Inferred(shapes)

    def _shapes(self) -> list[Shape]:
        tops, options = len(self.param.top), self.options
        old = [name for name in _OLD_DIMS if len(getattr(options, name))]
        if old and options.shape:
            raise LayerError(f"found both shape and {old[0]}; expected one of them")
        if old:
            columns = [_one_for_each(getattr(options, name), tops, name) for name in _OLD_DIMS]
            return [checked_shape(dims) for dims in zip(*columns)]
        shapes = [checked_shape(shape.dim) for shape in options.shape]
        return _one_for_each(shapes, tops, "shape")

    def begin(self, tops: Arrays) -> None:
        for top, filler in zip(tops, self.fillers):
            if filler.type == "constant":
                top.fill(filler.value)

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        for i, (top, filler) in enumerate(zip(tops, self.fillers)):
            if filler.type != "constant":
                top[...] = fill(top.shape, filler, generator(self.seed, i, self.forwards), top.dtype)
        self.forwards += 1

    def state(self) -> dict[str, int]:
        return {"forwards": self.forwards}

    def restore(self, state: Mapping[str, int]) -> None:
        self.forwards = state["forwards"]


def _one_for_each(items: Iterable[Any], tops: int, field: str) -> list:
    items = list(items)
    if len(items) not in (1, tops):
        expected = "expected 1" if tops == 1 else f"expected 1 or {tops}"
        raise LayerError(f"dummy_data_param has {len(items)} {field} for {plural(tops, 'top')}; {expected}")
    return items if len(items) == tops else items * tops
