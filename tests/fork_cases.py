"""As ``layer_cases``, for the types that forks of Caffe have."""

from hypothesis import strategies as st
from layer_cases import BOOLEANS, Case, case, numbers, shapes, some

POINTWISE = {
    "ReLU6": ("relu6_param", {"negative_slope": numbers(0, 0.1, -1), "threshold": numbers(0, 0.5, 6)}),
    "RReLU": ("rrelu_param", {"lb": numbers(0, 3, 5, 20), "ub": numbers(3, 10, 30)}),
    "SELU": ("selu_param", {"lambda": numbers(0, 1, 2), "alpha": numbers(0.5, 1, -1)}),
}
POINTWISE |= dict.fromkeys(("SeLu", "SeLU"), POINTWISE["SELU"])


@case(*POINTWISE)
def pointwise(draw, kind):
    message, options = POINTWISE[kind]
    return Case(kind, [draw(shapes())], some(draw, **options), message, phase=draw(numbers("TRAIN", "TEST")))


@case("EltwiseAffine")
def eltwise_affine(draw, kind):
    return Case(kind, [draw(shapes(most=5))], some(draw, channel_shared=BOOLEANS), "eltwise_affine_param")


@case("APL")
def apl(draw, kind):
    return Case(kind, [draw(shapes(most=5))], some(draw, sums=st.integers(0, 3), save_mem=BOOLEANS), "apl_param")
