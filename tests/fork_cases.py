"""As ``layer_cases``, for the types that forks of Caffe have."""

from hypothesis import strategies as st
from layer_cases import BOOLEANS, SIZES, Case, case, numbers, often, shapes, some, window

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


@case("ConvolutionDepthwise", "DepthwiseConvolution")
def depthwise(draw, kind):
    axes, channels = draw(numbers(1, 2, 2, 2, 3)), draw(st.integers(1, 6))
    x = (draw(st.integers(1, 2)), channels, *draw(shapes(axes, axes, st.integers(2, 5))))
    options = window(draw, axes, {"kernel": 3, "stride": 2, "pad": 2}) | some(draw, bias_term=BOOLEANS)
    options |= {"num_output": often(draw, channels, st.integers(0, 4))}
    options |= some(draw, group=numbers(channels, channels, channels, 1))
    return Case(kind, [x], options, "convolution_param")


@case("Axpy")
def axpy(draw, kind):
    x = draw(shapes(2))
    a = (*x[:2], *[1] * draw(numbers(0, 1, 2)))
    return Case(kind, [often(draw, a, shapes()), x, often(draw, x, shapes())])


@case("ShuffleChannel")
def shuffle_channel(draw, kind):
    group = draw(st.integers(1, 3))
    x = (draw(SIZES), group * draw(SIZES), *draw(shapes(most=3)))
    options = {"group": often(draw, group, st.integers(0, 4))}
    return Case(kind, [often(draw, x, shapes())], options, "shuffle_channel_param")


@case("Permute")
def permute(draw, kind):
    x = draw(shapes(most=5))
    order = draw(st.permutations(range(len(x))))[: draw(st.integers(0, 5))]
    order = often(draw, order, st.lists(st.integers(0, 5), max_size=4))
    return Case(kind, [x], {"order": order}, "permute_param")


@case("BN")
def bn(draw, kind):
    options = some(draw, momentum=numbers(0, 0.5), eps=numbers(1, 0.1), frozen=BOOLEANS, use_global_stats=BOOLEANS)
    if draw(BOOLEANS):
        options = some(draw, bn_mode=numbers("LEARN", "INFERENCE"))
    return Case(kind, [draw(shapes())], options, "bn_param", phase=draw(numbers("TRAIN", "TEST")))


@case("Normalize")
def normalize(draw, kind):
    options = some(draw, across_spatial=BOOLEANS, channel_shared=BOOLEANS, eps=numbers(1e-10, 0.1, -1))
    return Case(kind, [draw(shapes(most=5))], options, "norm_param")


@case("Interp")
def interp(draw, kind):
    sizes = st.integers(0, 5)
    ways = ({"height": draw(sizes), "width": draw(sizes)}, some(draw, zoom_factor=sizes, shrink_factor=sizes))
    options = draw(numbers(*ways)) | some(draw, pad_beg=numbers(0, -1), pad_end=numbers(0, 0, -1, 1))
    return Case(kind, [often(draw, draw(shapes(4, 4)), shapes())], options, "interp_param")


@case("Upsample")
def upsample(draw, kind):
    x, sizes = often(draw, draw(shapes(4, 4)), shapes()), st.integers(1, 5)
    mask = [often(draw, x, shapes())] if draw(BOOLEANS) else []
    options = some(draw, scale=st.integers(0, 3))
    if draw(BOOLEANS):
        stem = "upsample" if mask and draw(BOOLEANS) else "scale"
        options = {f"{stem}_{side}": draw(sizes) for side in "hw"}
    options |= some(draw, pad_out_h=BOOLEANS)
    return Case(kind, [x, *mask], options, "upsample_param", below={1: 1})


@case("ROIPooling", "PSROIPooling")
def roi_pooling(draw, kind):
    group, outputs, regions = draw(SIZES), draw(SIZES), draw(SIZES)
    channels = outputs * group**2 if kind == "PSROIPooling" else draw(SIZES)
    bottoms = [(draw(SIZES), channels, *draw(shapes(2, 2))), (regions, 5, *[1] * draw(numbers(0, 2)))]
    options = {"pooled_h": draw(SIZES), "pooled_w": draw(SIZES)} | some(draw, spatial_scale=numbers(0.5, 1, 0))
    message = "roi_pooling_param"
    if kind == "PSROIPooling":
        options, message = {"spatial_scale": 0.5, "output_dim": outputs, "group_size": group}, "psroi_pooling_param"
    return Case(kind, [often(draw, x, shapes()) for x in bottoms], options, message, below={1: 1})


@case("SmoothL1Loss")
def smooth_l1_loss(draw, kind):
    x, options = draw(shapes()), some(draw, sigma=numbers(0.5, 1, 3, 0))
    bottoms = [often(draw, x, shapes()) for _ in range(draw(st.integers(1, 4)))]
    return Case(kind, bottoms, options, "smooth_l1_loss_param")
