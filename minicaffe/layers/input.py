"""Input: blobs that the caller fills."""

from ..errors import LayerError, plural
from .base import Arrays, Inferred, Layer, register
from .shapes import checked_shape


@register("Input", options="input_param", bottoms=0, tops=(1, None))
class Input(Layer):
    """Tops of the given ``shape``, one for all or one for each; they keep what was last written to them.

    Raises LayerError where the shape is missing, which Caffe allows, or has a dimension below 1.
    """

    def infer(self) -> Inferred:
        shapes = [checked_shape(shape.dim) for shape in self.options.shape]
        tops = len(self.param.top)
        if len(shapes) not in (1, tops):
            expected = "expected 1" if tops == 1 else f"expected 1 or {tops}"
            raise LayerError(f"input_param has {plural(len(shapes), 'shape')} for {plural(tops, 'top')}; {expected}")
        return Inferred(shapes if len(shapes) == tops else shapes * tops)

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        """The caller has filled the tops."""
