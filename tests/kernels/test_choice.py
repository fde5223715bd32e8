"""Which kernels are chosen for which convolution: where measured times are clear, the model must agree."""

import pytest

from minicaffe.kernels import choice, unfold


def geometry(images, channels, side, outputs, taps, pad, groups=1, **changes):
    stride, dilation, depth = changes.get("stride", 1), changes.get("dilation", 1), changes.get("depth", 1)
    out = (side + 2 * pad - dilation * (taps - 1) - 1) // stride + 1
    w = unfold.windows(
        images, channels // groups, (depth, side, side), (depth, out, out), (1, taps, taps), (1, stride, stride),
        (0, pad, pad), (1, dilation, dilation),
    )  # fmt: skip
    return w, groups, outputs // groups


def chosen(*sizes, dtype="float32", kernels="auto", **changes):
    return choice.convolution_family(*geometry(*sizes, **changes), dtype, kernels).name


@pytest.mark.parametrize(
    "sizes",
    [
        (100, 3, 32, 32, 5, 2),  # the three of cifar10_bn
        (100, 32, 16, 32, 5, 2),
        (100, 32, 8, 64, 5, 2),
        (64, 20, 12, 50, 5, 0),
        (128, 16, 32, 16, 3, 1),
        (8, 64, 56, 64, 3, 1),
        (1, 64, 56, 64, 3, 1),
        (8, 256, 14, 256, 3, 1),
        (32, 512, 7, 512, 3, 1),
        (8, 96, 27, 256, 5, 2, 2),
    ],
)
def test_winograd_where_it_is_clearly_faster(sizes):
    assert chosen(*sizes) == "winograd"


@pytest.mark.parametrize(
    "sizes",
    [
        (64, 1, 28, 20, 5, 0),  # a single channel fills no vector
        (64, 1, 28, 16, 3, 1),
        (32, 4, 32, 4, 3, 1),
        (8, 32, 32, 32, 3, 1, 32),  # depthwise
        (8, 32, 32, 32, 3, 1, 8),
        (1, 512, 7, 512, 3, 1),  # few tiles, many weights
        (2, 3, 5, 4, 3, 1),  # too little work
        (100, 32, 16, 32, 1, 0),
        (100, 32, 16, 32, 7, 3),
    ],
)
def test_plain_where_winograd_is_not(sizes):
    assert chosen(*sizes) == "plain"


@pytest.mark.parametrize("changes", [{"stride": 2}, {"dilation": 2}, {"depth": 3}])
def test_plain_for_what_winograd_cannot_do(changes):
    assert chosen(100, 32, 16, 32, 5, 2, **changes) == "plain"


def test_the_user_and_the_precision_decide_first():
    sizes = (100, 32, 16, 32, 5, 2)
    assert chosen(*sizes, kernels="direct") == "plain"
    assert chosen(*sizes, dtype="float64") == "plain"


def test_plain_where_work_arrays_would_be_huge():
    assert chosen(1, 512, 20, 512, 5, 2) == "plain"  # 8 x 8 numbers for every weight, several times
    assert chosen(1, 64, 6000, 64, 3, 1) == "plain"


def test_costs_grow_with_the_work():
    base, more = geometry(8, 64, 28, 64, 3, 1), geometry(16, 64, 28, 64, 3, 1)
    assert choice.plain_cost(*more) == 2 * choice.plain_cost(*base)
    assert choice.plain_cost(*base) > 8 * 28 * 28 * 64 * 64 * 9
    costs = [choice.winograd_cost(choice.WINOGRAD.plan(*g)) for g in (base, more)]
    assert costs[0] < costs[1] < 2 * costs[0]
