"""What LSTM and RNN have in common: bottoms, the hidden state, and the products around their units."""

from collections.abc import Sequence

import numpy as np

from ..errors import LayerError, plural, shape_text
from ..kernels import inner_product as kernels
from ..kernels._threads import run
from ..kernels.affine import affine_forward, affine_sums
from .base import Arrays, Diffs, Inferred, Layer, Param, Scratch, Shape, count
from .shapes import checked_shape


class Recurrent(Layer):
    """Base of the layers that run a unit over time. Bottoms, with T steps of N sequences side by side:

    x (T, N, ...); cont (T, N): what the state before a step is multiplied by, 0 where a sequence begins, else 1;
    perhaps x_static (N, ...), the same at all steps; with ``expose_hidden`` the state before the first step,
    (1, N, num_output) each. Tops: y (T, N, num_output); with ``expose_hidden`` the state after the last step.

    Without ``expose_hidden`` a forward begins with the state that the last one ended with, zeros at first and after
    shapes have changed; it belongs to the net and is not part of a snapshot: a resumed run begins with zeros, as in
    Caffe. Gradients stop at the borders of a batch: none comes from the exposed tops, and the state before the first
    step gets 0. ``debug_info`` has no effect.

    Parameters: weights_x, bias, for x_static weights_static, weights_h, then what the type adds.
    """

    in_place = True
    backward_reads: tuple[str, ...] = ("bottoms",)
    no_gradient = (1,)
    hidden: tuple[str, ...] = ("h",)
    gates = 1

    def setup(self) -> None:
        o, bottoms, tops = self.options, len(self.param.bottom), len(self.param.top)
        if o.num_output < 1:
            raise LayerError(f"num_output is {o.num_output}; expected at least 1")
        exposed = len(self.hidden) if o.expose_hidden else 0
        word = "true" if exposed else "false"
        if bottoms not in (2 + exposed, 3 + exposed):
            names = ", ".join(["x", "cont", *[f"{name}0" for name in self.hidden[:exposed]]])
            raise LayerError(
                f"found {plural(bottoms, 'bottom')} with expose_hidden {word}; "
                f"expected {2 + exposed} ({names}), or {3 + exposed} with x_static after cont"
            )
        if tops != 1 + exposed:
            raise LayerError(f"found {plural(tops, 'top')} with expose_hidden {word}; expected {1 + exposed}")
        self.with_static = bottoms == 3 + exposed

    def infer(self, x: Shape, cont: Shape, *others: Shape) -> Inferred:
        if len(x) < 3:
            raise LayerError(f"bottom 0 has {len(x)} axes; expected at least 3: time, sequences and what they hold")
        steps, rows, *_ = checked_shape(x)
        outputs, width = self.options.num_output, self.gates * self.options.num_output
        if cont != (steps, rows):
            raise LayerError(
                f"bottom 1, the marks of where sequences go on, has shape {shape_text(cont)}; "
                f"expected the first two dimensions of bottom 0, {steps} x {rows}"
            )
        static = 0
        if self.with_static:
            static = self._static_inputs(rows, *others[:1])
        self._check_exposed((1, rows, outputs), others[self.with_static :])
        inputs = count(x, 2)
        self.sizes = steps, rows, outputs, width, inputs, static
        weights, bias = self.options.weight_filler, self.options.bias_filler
        params = [Param("weights_x", (width, inputs), weights), Param("bias", (width,), bias)]
        if self.with_static:
            params.append(Param("weights_static", (width, static), weights))
        params.append(Param("weights_h", (width, outputs), weights))
        scratch = {name: Scratch(shape, dtype) for name, (shape, dtype) in kernels.work_shapes().items()}
        scratch |= {name: Scratch((steps + 1, rows, outputs)) for name in self.hidden}
        scratch |= {name: Scratch((steps, rows, width)) for name in ("gates", "dgates")}
        scratch |= {name: Scratch((rows, width)) for name in ("recurrent", "static")}
        scratch |= {"continued": Scratch((steps, rows, outputs)), "dcontinued": Scratch((rows, outputs))}
        exposed = [(1, rows, outputs)] * (len(self.param.top) - 1)
        return Inferred([(steps, rows, outputs), *exposed], params, scratch)

    def _static_inputs(self, rows: int, static: Shape) -> int:
        if len(checked_shape(static)) < 2 or static[0] != rows:
            raise LayerError(
                f"bottom 2, x_static, has shape {shape_text(static)}; "
                f"expected at least 2 axes, the first of dimension {rows} as axis 1 of bottom 0"
            )
        return count(static, 1)

    def _check_exposed(self, expected: Shape, shapes: Sequence[Shape]) -> None:
        for name, shape in zip(self.hidden, shapes):
            if shape != expected:
                raise LayerError(
                    f"the bottom for {name} before the first step has shape {shape_text(shape)}; "
                    f"expected {shape_text(expected)}"
                )

    # -- of the types ----------------------------------------------------------------------------------------

    def step(self, t: int, cont: np.ndarray, static: np.ndarray | None) -> None:
        """Fill the state after step t from ``gates`` (what x gives), ``recurrent`` (what h gives) and ``static``."""
        raise NotImplementedError

    def step_back(self, t: int, after: tuple[np.ndarray | None, np.ndarray | None], dh: np.ndarray) -> None:
        """Fill ``dgates[t]``; ``after``: cont and the gradient of cont * h of the next step, or Nones."""
        raise NotImplementedError

    def output(self, y: np.ndarray) -> None:
        """Fill y from all h."""
        raise NotImplementedError

    def output_back(self, y: np.ndarray, dy: np.ndarray) -> np.ndarray:
        """The gradient of all h, without what later steps make of them."""
        raise NotImplementedError

    # -- over time -------------------------------------------------------------------------------------------

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        scratch, (steps, rows, outputs, width, inputs, static) = self.scratch, self.sizes
        cont, weights, none = bottoms[1], [param.reshape(-1) for param in self.params], self.params[0].reshape(-1)[:0]
        product, gates = kernels.multiply_transposed, scratch.gates.reshape(-1)
        given = bottoms[2 + self.with_static :] if self.options.expose_hidden else [None] * len(self.hidden)
        for name, first in zip(self.hidden, given):
            state = getattr(scratch, name)
            np.copyto(state[0], state[steps] if first is None else first[0])
        product(steps * rows, width, inputs, bottoms[0].reshape(-1), weights[0], weights[1], scratch, gates)
        constant = scratch.static if self.with_static else None
        if constant is not None:
            x = bottoms[2].reshape(-1)
            product(rows, width, static, x, weights[2], none, scratch, constant.reshape(-1))
        for t in range(steps):
            h, continued = scratch.h[t : t + 1], scratch.continued[t : t + 1]
            run(affine_forward, rows, h, cont[t], None, continued)
            recurrent, of_h = scratch.recurrent.reshape(-1), weights[2 + self.with_static]
            product(rows, width, outputs, continued.reshape(-1), of_h, none, scratch, recurrent)
            self.step(t, cont[t], constant)
        self.output(tops[0])
        for name, top in zip(self.hidden, tops[1:]):
            np.copyto(top[0], getattr(scratch, name)[steps])

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        scratch, (steps, rows, outputs, width, *_) = self.scratch, self.sizes
        cont, weights = bottoms[1], self.params[2 + self.with_static].reshape(-1)
        dh, after = self.output_back(tops[0], top_diffs[0]), (None, None)
        for t in reversed(range(steps)):
            self.step_back(t, after, dh[t])
            if t:
                of_h, dgates = scratch.dcontinued, scratch.dgates[t].reshape(-1)
                kernels.multiply(rows, outputs, width, dgates, weights, weights[:0], scratch, of_h.reshape(-1))
                after = cont[t], of_h
        self._parameter_gradients(bottoms)
        dgates = scratch.dgates.reshape(-1)
        self._bottom_gradient(steps * rows, dgates, self.params[0], bottom_diffs[0])
        if self.with_static:
            self._bottom_gradient(rows, scratch.static.reshape(-1), self.params[2], bottom_diffs[2])
        for diff in bottom_diffs[2 + self.with_static :]:
            if diff is not None:
                diff.fill(0)

    def _parameter_gradients(self, bottoms: Arrays) -> None:
        scratch, (steps, rows, outputs, width, inputs, static) = self.scratch, self.sizes
        add, diffs, dgates = kernels.add_transposed_product, self.param_diffs, scratch.dgates.reshape(-1)
        if diffs[0] is not None:
            add(width, inputs, steps * rows, dgates, bottoms[0].reshape(-1), scratch, diffs[0].reshape(-1))
        if diffs[1] is not None:
            run(affine_sums, width, None, scratch.dgates.reshape(-1, width, 1), None, diffs[1])
        if self.with_static:
            of_static = np.sum(scratch.dgates, axis=0, out=scratch.static).reshape(-1)
            if diffs[2] is not None:
                add(width, static, rows, of_static, bottoms[2].reshape(-1), scratch, diffs[2].reshape(-1))
        of_h = diffs[2 + self.with_static]
        if of_h is not None:
            add(width, outputs, steps * rows, dgates, scratch.continued.reshape(-1), scratch, of_h.reshape(-1))

    def _bottom_gradient(self, rows: int, dgates: np.ndarray, weights: np.ndarray, dx: np.ndarray | None) -> None:
        if dx is not None:
            width, inputs = weights.shape
            weights = weights.reshape(-1)
            kernels.multiply(rows, inputs, width, dgates, weights, weights[:0], self.scratch, dx.reshape(-1))
