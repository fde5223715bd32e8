"""Random options and bottom shapes for every layer type that takes plain bottoms, good and bad, by hypothesis.

``CASES[type]`` draws a Case; ``FROM_ELSEWHERE`` names the types whose tops come from files or from the user's code.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

FROM_ELSEWHERE = {
    "Data", "DummyData", "HDF5Data", "HDF5Output", "ImageData", "Input", "MemoryData", "Parameter", "Python",
    "WindowData",
}  # fmt: skip

CASES: dict[str, Any] = {}


@dataclass
class Case:
    """Options of a layer as the prototxt has them, the shapes of its bottoms, and which bottoms hold whole numbers."""

    type: str
    bottoms: list[tuple[int, ...]]
    options: dict[str, Any] = field(default_factory=dict)
    message: str | None = None
    tops: int = 1
    below: dict[int, int] = field(default_factory=dict)  # bottom i holds whole numbers from 0 to below[i] - 1
    phase: str = "TRAIN"

    def text(self) -> str:
        fields = " ".join(f"{name}: {value}" for name, value in _flat(self.options))
        message = f"{self.message} {{ {fields} }}" if self.message else fields
        return f'type: "{self.type}" {message}'


def _flat(options):
    for name, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            yield name, str(one).lower() if isinstance(one, bool) else one


def case(*types: str):
    """Decorator: what draws the cases of these types, ``f(draw, type)``."""

    def decorate(function):
        for kind in types:
            CASES[kind] = st.composite(lambda draw, kind=kind: function(draw, kind))()
        return function

    return decorate


# -- pieces ----------------------------------------------------------------------------------------------------

SIZES = st.integers(1, 4)
AXES = st.integers(-3, 3)
BOOLEANS = st.booleans()


def shapes(least=0, most=4, sizes=SIZES):
    return st.lists(sizes, min_size=least, max_size=most).map(tuple)


def some(draw, **fields):
    """A few of these fields, each a strategy or a constant."""
    drawn = {}
    for name, values in fields.items():
        if draw(BOOLEANS):
            drawn[name] = draw(values)
    return drawn


def often(draw, value, otherwise):
    """``value``, or now and then something that ``otherwise`` draws."""
    return draw(otherwise) if draw(st.integers(0, 7)) == 0 else value


def numbers(*values):
    return st.sampled_from(values)


# -- one bottom of any shape -----------------------------------------------------------------------------------

POINTWISE = {
    "AbsVal": {},
    "BNLL": {},
    "Clip": {},
    "Dropout": {"dropout_ratio": numbers(0, 0.5, 0.9, 1, -0.5)},
    "ELU": {"alpha": numbers(0, 1, 2)},
    "Exp": {"base": numbers(-1, 2, 0, -2, 0.5), "scale": numbers(0, 1, -2), "shift": numbers(0, 1)},
    "Log": {"base": numbers(-1, 2, 10, 0, -2), "scale": numbers(1, 2), "shift": numbers(0, 1)},
    "Power": {"power": numbers(0, 1, 2, 0.5, -1), "scale": numbers(0.5, 1, 2), "shift": numbers(0.5, 1)},
    "ReLU": {"negative_slope": numbers(0, 0.1, -1)},
    "Sigmoid": {},
    "Swish": {"beta": numbers(0, 1, 2)},
    "TanH": {},
    "Threshold": {"threshold": numbers(0, 0.5)},
}
MESSAGES = {"BNLL": None, "AbsVal": None, "ELU": "elu_param", "ReLU": "relu_param", "TanH": "tanh_param"}


@case(*POINTWISE)
def pointwise(draw, kind):
    options = some(draw, **POINTWISE[kind])
    if kind == "Clip":
        options = {"min": draw(numbers(0, 0.5)), "max": draw(numbers(0.6, 1))}
    message = MESSAGES.get(kind, f"{kind.lower()}_param")
    return Case(kind, [draw(shapes())], options, message, phase=draw(numbers("TRAIN", "TEST")))


@case("BatchNorm")
def batch_norm(draw, kind):
    options = some(draw, use_global_stats=BOOLEANS, moving_average_fraction=numbers(0, 0.5, 0.999), eps=numbers(1, 0.1))
    options |= some(draw, scale_bias=numbers(False, False, True), per_activation=numbers(False, False, True))
    return Case(kind, [draw(shapes())], options, "batch_norm_param", phase=draw(numbers("TRAIN", "TEST")))


@case("MVN")
def mvn(draw, kind):
    options = some(draw, normalize_variance=BOOLEANS, across_channels=BOOLEANS, eps=numbers(1, 0.1))
    return Case(kind, [draw(shapes(most=5))], options, "mvn_param")


@case("PReLU")
def prelu(draw, kind):
    return Case(kind, [draw(shapes(most=5))], some(draw, channel_shared=BOOLEANS), "prelu_param")


@case("Split")
def split(draw, kind):
    return Case(kind, [draw(shapes())], tops=draw(SIZES))


@case("Silence")
def silence(draw, kind):
    return Case(kind, [draw(shapes()) for _ in range(draw(SIZES))], tops=0)


@case("Softmax")
def softmax(draw, kind):
    return Case(kind, [draw(shapes())], some(draw, axis=AXES), "softmax_param")


@case("ArgMax")
def argmax(draw, kind):
    options = some(draw, axis=AXES, top_k=st.integers(0, 5), out_max_val=BOOLEANS)
    return Case(kind, [draw(shapes(most=5))], options, "argmax_param")


@case("Reduction")
def reduction(draw, kind):
    options = some(draw, axis=AXES, operation=numbers("SUM", "ASUM", "SUMSQ", "MEAN"), coeff=numbers(0, 1, -2))
    return Case(kind, [draw(shapes())], options, "reduction_param")


@case("Tile")
def tile(draw, kind):
    return Case(kind, [draw(shapes())], {"tiles": draw(st.integers(0, 3)), **some(draw, axis=AXES)}, "tile_param")


@case("Flatten")
def flatten(draw, kind):
    return Case(kind, [draw(shapes(most=5))], some(draw, axis=AXES, end_axis=AXES), "flatten_param")


@case("LRN")
def lrn(draw, kind):
    options = some(draw, alpha=numbers(0.1, 2), beta=numbers(0.5, 0.75, 1), k=numbers(1, 2))
    options |= some(draw, local_size=st.integers(0, 7), norm_region=numbers("ACROSS_CHANNELS", "WITHIN_CHANNEL"))
    return Case(kind, [draw(shapes(often(draw, 4, st.integers(0, 3))))], options, "lrn_param")


@case("Reshape")
def reshape(draw, kind):
    x = draw(shapes(most=4, sizes=numbers(1, 2, 3, 4, 6)))
    options = some(draw, axis=st.integers(-5, 4), num_axes=st.integers(-2, 3))
    start, stop = reshaped_span(x, options) or (0, len(x))
    dims = list(draw(st.permutations(x[start:stop])))
    if dims and draw(BOOLEANS):
        dims[: draw(st.integers(1, len(dims)))] = [math.prod(dims[: draw(st.integers(1, len(dims)))])]
    dims = [draw(numbers(n, n, n, n, 0, -1)) for n in dims] + [1] * draw(st.integers(0, 1))
    dims = often(draw, dims, st.lists(st.integers(-2, 6), max_size=4))
    shape = "{ " + " ".join(f"dim: {n}" for n in dims) + " }"
    made = Case(kind, [x], options | {"shape": shape}, "reshape_param")
    made.dims = dims
    return made


def reshaped_span(x, options):
    """(first, last + 1) of the axes that Reshape replaces; None where the options name none."""
    axis, num_axes = options.get("axis", 0), options.get("num_axes", -1)
    start = axis if axis >= 0 else len(x) + 1 + axis
    stop = len(x) if num_axes == -1 else start + num_axes
    return (start, stop) if 0 <= start <= len(x) and num_axes >= -1 and stop <= len(x) else None


@case("Slice")
def slices(draw, kind):
    x, tops = draw(shapes(most=4, sizes=st.integers(1, 6))), draw(SIZES)
    options = some(draw, axis=AXES)
    if not options:
        options = some(draw, slice_dim=st.integers(0, 3))
    if draw(BOOLEANS):
        points = sorted(draw(st.sets(st.integers(1, 5), min_size=tops - 1, max_size=tops - 1)))
        options["slice_point"] = often(draw, points, st.lists(st.integers(0, 6), max_size=3))
    return Case(kind, [x], options, "slice_param", tops)


# -- windows ---------------------------------------------------------------------------------------------------


def window(draw, axes, most, fields=("kernel", "stride", "pad"), repeated=True):
    """kernel_size, stride and pad: one for all axes, one for each, or _h and _w; mostly what fits."""
    options = {}
    least = {"kernel": 1, "stride": 1, "pad": 0}
    for stem in fields:
        values = st.integers(often(draw, least[stem], st.just(0)), most[stem])
        name = "kernel_size" if stem == "kernel" else stem
        if stem != "kernel" and draw(BOOLEANS):
            continue
        way = draw(numbers("one", "one", "each", "hw"))
        if way == "hw" and axes != 2:
            way = often(draw, "one", st.just("hw"))
        if way == "hw":
            options |= {f"{stem}_{side}": draw(values) for side in "hw"}
        elif way == "each" and repeated:
            count = often(draw, axes, st.integers(0, 4))
            options[name] = [draw(values) for _ in range(count)]
        else:
            options[name] = draw(values)
    return options


@case("Convolution", "Deconvolution", "Im2col")
def convolution(draw, kind):
    axes = draw(numbers(0, 1, 2, 2, 2, 3, 4))
    batch = draw(st.integers(0, 2)) if kind != "Im2col" else 1
    group = draw(numbers(1, 1, 2))
    channels = group * draw(numbers(1, 2))
    sizes = st.integers(2, 6) if axes < 3 else st.integers(2, 3)
    x = (*draw(shapes(batch, batch)), channels, *draw(shapes(axes, axes, sizes)))
    options = window(draw, axes, {"kernel": 3, "stride": 3, "pad": 2})
    if draw(st.integers(0, 3)) == 0:
        options["dilation"] = draw(st.integers(1, 2))
    options |= {"axis": often(draw, numbers_of_axis(draw, batch, len(x)), AXES)}
    if kind != "Im2col":
        options |= {"num_output": often(draw, group * draw(SIZES), st.integers(0, 3)), "group": group}
        options |= some(draw, bias_term=BOOLEANS, force_nd_im2col=BOOLEANS)
    count = draw(numbers(1, 1, 2)) if kind != "Im2col" else 1
    others = [often(draw, x, shapes(least=len(x), most=len(x))) for _ in range(count - 1)]
    return Case(kind, [x, *others], options, "convolution_param", often(draw, count, SIZES))


def numbers_of_axis(draw, axis, dims):
    """``axis`` itself, or counted from the end."""
    return axis if draw(BOOLEANS) else axis - dims


@case("Pooling")
def pooling(draw, kind):
    x = draw(shapes(2, 2)) + draw(shapes(2, 2, st.integers(1, 7)))
    x = often(draw, x, shapes(most=5))
    options = some(draw, pool=numbers("MAX", "AVE", "STOCHASTIC"), round_mode=numbers("CEIL", "FLOOR"))
    if draw(st.integers(0, 4)) == 0:
        options |= {"global_pooling": True} | often(draw, {}, st.just({"stride": 2}))
    else:
        options |= window(draw, 2, {"kernel": 4, "stride": 4, "pad": 2}, repeated=False)
    return Case(kind, [x], options, "pooling_param", draw(numbers(1, 1, 1, 2)))


@case("SPP")
def spp(draw, kind):
    x = draw(shapes(2, 2)) + draw(shapes(2, 2, st.integers(1, 7)))
    options = {"pyramid_height": draw(st.integers(0, 3)), **some(draw, pool=numbers("MAX", "AVE"))}
    return Case(kind, [often(draw, x, shapes())], options, "spp_param")


# -- products --------------------------------------------------------------------------------------------------


@case("InnerProduct")
def inner_product(draw, kind):
    options = {"num_output": draw(st.integers(0, 5)), **some(draw, axis=AXES, bias_term=BOOLEANS, transpose=BOOLEANS)}
    return Case(kind, [draw(shapes())], options, "inner_product_param")


@case("Embed")
def embed(draw, kind):
    rows = draw(st.integers(0, 4))
    options = {"num_output": draw(st.integers(0, 3)), "input_dim": rows, **some(draw, bias_term=BOOLEANS)}
    return Case(kind, [draw(shapes())], options, "embed_param", below={0: max(1, rows)})


@case("LSTM", "RNN")
def recurrent(draw, kind):
    steps, rows, outputs = draw(SIZES), draw(SIZES), often(draw, draw(SIZES), st.just(0))
    bottoms = [(steps, rows, *draw(shapes(1, 2))), (steps, rows), *[(rows, *draw(shapes(1, 2)))] * draw(BOOLEANS)]
    expose = draw(BOOLEANS)
    states = [(1, rows, outputs)] * ((2 if kind == "LSTM" else 1) if expose else 0)
    bottoms = [often(draw, shape, shapes(sizes=st.integers(1, 2))) for shape in bottoms + states]
    options = {"num_output": outputs, "expose_hidden": expose}
    return Case(kind, bottoms, options, "recurrent_param", 1 + len(states), {1: 2})


@case("LSTMUnit")
def lstm_unit(draw, kind):
    rows, size = draw(SIZES), draw(SIZES)
    bottoms = [(1, rows, size), (1, rows, 4 * size), (1, rows)]
    return Case(kind, [often(draw, shape, shapes()) for shape in bottoms], tops=2, below={2: 2})


# -- several bottoms -------------------------------------------------------------------------------------------


@case("Scale", "Bias")
def scale(draw, kind):
    x = draw(shapes())
    options = some(draw, axis=AXES, num_axes=st.integers(-2, 3))
    options |= some(draw, bias_term=BOOLEANS) if kind == "Scale" else {}
    axis = options.get("axis", 1) % max(1, len(x))
    part = x[axis : axis + draw(st.integers(0, 3))]
    other = [often(draw, part, shapes())] if draw(BOOLEANS) else []
    return Case(kind, [x, *other], options, f"{kind.lower()}_param")


@case("Eltwise")
def eltwise(draw, kind):
    x, count = draw(shapes()), draw(st.integers(2, 4))
    options = some(draw, operation=numbers("SUM", "PROD", "MAX"), stable_prod_grad=BOOLEANS)
    if draw(st.integers(0, 3)) == 0:
        options["coeff"] = [draw(numbers(-1, 0.5, 2)) for _ in range(often(draw, count, SIZES))]
    return Case(kind, [often(draw, x, shapes()) for _ in range(count)], options, "eltwise_param")


@case("Concat")
def concat(draw, kind):
    x, options = draw(shapes()), some(draw, axis=AXES)
    if not options:
        options = some(draw, concat_dim=st.integers(0, 3))
    axis = options.get("axis", options.get("concat_dim", 1))
    axis = axis % len(x) if x else 0
    others = [(*x[:axis], draw(SIZES), *x[axis + 1 :]) for _ in range(draw(st.integers(0, 3)))]
    return Case(kind, [x, *[often(draw, other, shapes()) for other in others]], options, "concat_param")


@case("Crop")
def crop(draw, kind):
    x = draw(shapes(least=1, sizes=st.integers(2, 5)))
    options = some(draw, axis=AXES)
    like = tuple(draw(st.integers(1, n)) for n in x)
    like = often(draw, like, shapes(sizes=st.integers(1, 5)))
    if draw(BOOLEANS):
        axes = len(x) - options.get("axis", 2) % len(x)
        options["offset"] = [draw(numbers(0, 0, 1, 2)) for _ in range(often(draw, draw(numbers(1, axes)), SIZES))]
    return Case(kind, [x, like], options, "crop_param")


@case("BatchReindex")
def batch_reindex(draw, kind):
    x = draw(shapes())
    index = often(draw, draw(shapes(1, 1)), shapes())
    return Case(kind, [x, index], below={1: x[0] if x else 1})


@case("Filter")
def filter_items(draw, kind):
    count, items = draw(st.integers(1, 3)), draw(SIZES)
    bottoms = [(items, *draw(shapes(most=2))) for _ in range(count)] + [(items, *[1] * draw(st.integers(0, 2)))]
    return Case(kind, [often(draw, x, shapes()) for x in bottoms], tops=often(draw, count, SIZES), below={count: 2})


# -- losses ----------------------------------------------------------------------------------------------------


def scores_and_labels(draw, axis):
    """Shapes of scores and of a label for each place outside ``axis``, in one of the forms that hold as many."""
    x = draw(shapes(least=1))
    axis = axis % len(x)
    places = x[:axis] + x[axis + 1 :]
    label = draw(numbers(places, (*x[:axis], 1, *x[axis + 1 :]), (math.prod(places),)))
    return x, often(draw, label, shapes()), x[axis]


@case("SoftmaxWithLoss", "Accuracy")
def labelled(draw, kind):
    options = some(draw, axis=AXES)
    x, label, classes = scores_and_labels(draw, options.get("axis", 1))
    if kind == "Accuracy":
        options |= some(draw, top_k=st.integers(0, 4), ignore_label=st.integers(-1, 2))
    message = "softmax_param" if kind == "SoftmaxWithLoss" else "accuracy_param"
    return Case(kind, [x, label], options, message, draw(numbers(1, 1, 2)), {1: classes})


@case("MultinomialLogisticLoss", "HingeLoss", "InfogainLoss")
def per_item(draw, kind):
    items, classes = draw(SIZES), draw(SIZES)
    x, label = (items, classes, *[1] * draw(st.integers(0, 2))), (items, *[1] * draw(st.integers(0, 3)))
    bottoms, options = [x, label], {}
    if kind == "InfogainLoss":
        bottoms.append(often(draw, (classes, classes), shapes()))
        bottoms[2] = (1, 1, *bottoms[2]) if draw(BOOLEANS) else bottoms[2]
    elif kind == "HingeLoss":
        options = some(draw, norm=numbers("L1", "L2"))
    bottoms = [often(draw, shape, shapes()) for shape in bottoms]
    classes = math.prod(bottoms[0][1:2]) if kind == "InfogainLoss" else math.prod(bottoms[0][1:])
    return Case(kind, bottoms, options, "hinge_loss_param" if options else None, below={1: classes})


@case("EuclideanLoss", "SigmoidCrossEntropyLoss")
def pairs(draw, kind):
    x = draw(shapes())
    other = often(draw, x, st.permutations(x).map(tuple))
    return Case(kind, [x, often(draw, other, shapes())], below={1: 2})


@case("ContrastiveLoss")
def contrastive(draw, kind):
    items, size = draw(SIZES), draw(SIZES)
    one = [1] * draw(st.integers(0, 2))
    bottoms = [(items, size, *one), (items, size, *one), (items, *[1] * draw(st.integers(0, 3)))]
    options = some(draw, margin=numbers(0.5, 1, 2), legacy_version=BOOLEANS)
    message = "contrastive_loss_param"
    return Case(kind, [often(draw, shape, shapes()) for shape in bottoms], options, message, below={2: 2})
