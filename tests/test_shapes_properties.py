"""Random options and shapes: ``infer`` refuses, or forward and backward fill exactly what it told.

And Caffe's formulae for shapes, written a second time, against ``infer``.
"""

import itertools
import math

import fork_cases  # noqa: F401 - adds its cases
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from layer_cases import CASES, FROM_ELSEWHERE, reshaped_span
from layers.harness import LayerRun, layer_param

from minicaffe.errors import LayerError
from minicaffe.layers import layer_class, layer_types

KNOWN = sorted(set(CASES) & set(layer_types()))
EXAMPLES = settings(
    max_examples=100, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
LEAST = 0.15
"""The share of drawn cases that must be good, so that the property is not empty."""


def test_every_type_is_drawn_or_named():
    assert set(layer_types()) <= set(CASES) | FROM_ELSEWHERE


def build(case, in_place=False):
    """A LayerRun of the case; raises LayerError where the layer refuses."""
    param = layer_param(case.text(), len(case.bottoms), case.tops)
    cls = layer_class(case.type)
    for (least, most), number in ((cls.bottoms, len(case.bottoms)), (cls.tops, case.tops)):
        if number < least or (most is not None and number > most):
            raise LayerError("the net refuses the number of bottoms or tops")
    return LayerRun(param, case.bottoms, case.phase, in_place=in_place)


def values(case, numbers):
    """Positive numbers, away from ties and from the edges of what is defined; whole ones where the case says so."""
    return [
        numbers.integers(0, case.below[i], shape) if i in case.below else numbers.uniform(0.3, 1.2, shape)
        for i, shape in enumerate(case.bottoms)
    ]


def check_run(case, run):
    layer, told = run.layer, [top.shape for top in run.tops]
    for shape in told:
        assert all(isinstance(n, int) and n >= 1 for n in shape), f"told {shape}"
    assert [tuple(shape) for shape in layer.infer(*case.bottoms).tops] == told, "a second infer tells otherwise"
    numbers = np.random.default_rng(1)
    for param in layer.params:
        param += numbers.uniform(0.3, 1.2, param.shape)
    tops = run.forward(*values(case, numbers))
    for i, top in enumerate(tops):
        assert np.isfinite(top).all(), f"top {i} is not filled, or not finite"
    differentiable = type(layer).backward is not layer_class("Input").backward or layer.shares
    if not differentiable:
        return
    diffs = run.backward(*[None if layer.loss else numbers.uniform(-1, 1, top.shape) for top in tops])
    for i, diff in enumerate(diffs):
        assert diff is None or np.isfinite(diff).all(), f"the diff of bottom {i} is not filled, or not finite"
    for i, diff in enumerate(layer.param_diffs):
        assert diff is None or np.isfinite(diff).all(), f"the diff of parameter {i} is not finite"


@pytest.mark.parametrize("kind", KNOWN)
def test_forward_and_backward_fill_what_infer_tells(kind):
    outcomes = []

    @EXAMPLES
    @given(CASES[kind])
    def check(case):
        try:
            run = build(case)
        except LayerError as error:
            outcomes.append(False)
            assert str(error)
            return
        outcomes.append(True)
        check_run(case, run)
        if run.layer.in_place and case.tops and run.tops[0].shape == case.bottoms[0]:
            check_run(case, build(case, in_place=True))

    check()
    assert sum(outcomes) >= LEAST * len(outcomes)


# -- Caffe's formulae ------------------------------------------------------------------------------------------


def canonical(axis, dims):
    return axis + dims if axis < 0 else axis


def listed(value):
    return value if isinstance(value, list) else [] if value is None else [value]


def spatial(options, stem, axes, default, repeated=True):
    """The values of an option for each spatial axis; None where they cannot be told."""
    single = listed(options.get("kernel_size" if stem == "kernel" else stem))
    sides = [options[f"{stem}_{side}"] for side in "hw" if f"{stem}_{side}" in options]
    if sides:
        return None if single or axes != 2 or (repeated and len(sides) != 2) else sides
    if len(single) not in (0, 1, axes) or (not single and default is None and axes):
        return None
    return single if len(single) == axes > 1 else (single or [default]) * axes


def convolved(case, size):
    """Tops of Convolution and Deconvolution, which differ in the ``size`` of an axis; None: refused."""
    o, x = case.options, case.bottoms[0]
    axis = canonical(o["axis"], len(x))
    if not 0 <= axis < len(x) or any(other != x for other in case.bottoms) or case.tops != len(case.bottoms):
        return None
    axes = len(x) - axis - 1
    kernel, stride = spatial(o, "kernel", axes, None), spatial(o, "stride", axes, 1)
    pad, dilation = spatial(o, "pad", axes, 0), spatial(o, "dilation", axes, 1)
    if None in (kernel, stride, pad, dilation) or min([1, *kernel, *stride, *dilation]) < 1:
        return None
    group, outputs = o["group"], o["num_output"]
    if outputs < 1 or group < 1 or outputs % group or x[axis] % group:
        return None
    sizes = [size(*one) for one in zip(x[axis + 1 :], kernel, stride, pad, dilation)]
    return None if min([1, *sizes]) < 1 else [(*x[:axis], outputs, *sizes)] * case.tops


def convolution(case):
    return convolved(case, lambda n, k, s, p, d: math.floor((n + 2 * p - (d * (k - 1) + 1)) / s) + 1)


def deconvolution(case):
    return convolved(case, lambda n, k, s, p, d: s * (n - 1) + d * (k - 1) + 1 - 2 * p)


def pooling(case):
    o, x = case.options, case.bottoms[0]
    method = o.get("pool", "MAX")
    if len(x) != 4 or (case.tops == 2 and method != "MAX"):
        return None
    stride, pad = spatial(o, "stride", 2, 1, False), spatial(o, "pad", 2, 0, False)
    kernel = list(x[2:]) if "global_pooling" in o else spatial(o, "kernel", 2, None, False)
    if kernel is None or min(kernel) < 1 or stride is None or min(stride) < 1 or pad is None:
        return None
    if "global_pooling" in o and (stride, pad) != ([1, 1], [0, 0]):
        return None
    if any(p >= k for p, k in zip(pad, kernel)) or (method == "STOCHASTIC" and any(pad)):
        return None
    rounded = math.floor if o.get("round_mode") == "FLOOR" else math.ceil
    sizes = []
    for n, k, s, p in zip(x[2:], kernel, stride, pad):
        size = rounded((n + 2 * p - k) / s) + 1
        if size < 1:
            return None
        if any(pad) and (size - 1) * s >= n + p:
            size -= 1
        if (size - 1) * s - p >= n + (p if any(pad) else 0):
            return None  # Caffe makes a window that lies wholly outside
        sizes.append(size)
    return [(*x[:2], *sizes)] * case.tops


def inner_product(case):
    o, x = case.options, case.bottoms[0]
    axis = canonical(o.get("axis", 1), len(x))
    return [(*x[:axis], o["num_output"])] if 0 <= axis < len(x) and o["num_output"] > 0 else None


def reshape(case):
    (x,), span = case.bottoms, reshaped_span(case.bottoms[0], case.options)
    if span is None or case.dims.count(-1) > 1 or min(case.dims, default=0) < -1:
        return None
    start, stop = span
    if any(n == 0 and start + i >= len(x) for i, n in enumerate(case.dims)):
        return None
    top = [*x[:start], *[x[start + i] if n == 0 else n for i, n in enumerate(case.dims)], *x[stop:]]
    if -1 in top:
        known = -math.prod(top)
        if math.prod(x) % known:
            return None
        top[top.index(-1)] = math.prod(x) // known
    return [tuple(top)] if math.prod(top) == math.prod(x) else None


def crop(case):
    o, (x, like) = case.options, case.bottoms
    axis = canonical(o.get("axis", 2), len(x))
    offset = o.get("offset", [0])
    if not 0 <= axis < len(x) or len(like) < len(x) or len(offset) not in (1, len(x) - axis):
        return None
    offset = offset * (len(x) - axis) if len(offset) == 1 else offset
    fits = all(at + like[axis + i] <= x[axis + i] for i, at in enumerate(offset))
    return [(*x[:axis], *like[axis : len(x)])] if fits else None


def sliced(case):
    o, x = case.options, case.bottoms[0]
    axis = canonical(o.get("slice_dim", o.get("axis", 1)), len(x))
    if not 0 <= axis < len(x):
        return None
    points = o.get("slice_point", [])
    if not points:
        widths = [x[axis] / case.tops] * case.tops
    else:
        ends = [0, *points, x[axis]]
        widths = [b - a for a, b in itertools.pairwise(ends)]
    if len(widths) != case.tops or any(n != int(n) or n < 1 for n in widths):
        return None
    return [(*x[:axis], int(n), *x[axis + 1 :]) for n in widths]


FORMULAE = {
    "Convolution": convolution,
    "Crop": crop,
    "Deconvolution": deconvolution,
    "InnerProduct": inner_product,
    "Pooling": pooling,
    "Reshape": reshape,
    "Slice": sliced,
}


@pytest.mark.parametrize("kind", sorted(set(FORMULAE) & set(KNOWN)))
def test_shapes_are_those_of_the_formulae(kind):
    @settings(EXAMPLES, max_examples=300)
    @given(CASES[kind])
    def check(case):
        expected, refusal = FORMULAE[kind](case), ""
        try:
            param = layer_param(case.text(), len(case.bottoms), case.tops)
            found = [tuple(shape) for shape in layer_class(kind)(param, "TRAIN").infer(*case.bottoms).tops]
        except LayerError as error:
            found, refusal = None, str(error)
        assert found == expected, f"{case.text()} of {case.bottoms}, {case.tops} tops: {refusal}"

    check()
