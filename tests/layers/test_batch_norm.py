import numpy as np
import pytest
from harness import gradient_check, make

from minicaffe.errors import LayerError

TRAIN_BY_WORD = "batch_norm_param { use_global_stats: false }"
STORED = "batch_norm_param { use_global_stats: true }"


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("shape", [(4, 3, 2, 3), (6, 4), (3, 2, 5), (7,)])
def test_gradient_of_batch_statistics(shape, in_place):
    gradient_check('type: "BatchNorm"', [shape], in_place=in_place)
    gradient_check(f'type: "BatchNorm" {TRAIN_BY_WORD}', [shape], "TEST", in_place=in_place)


@pytest.mark.parametrize("in_place", [False, True])
def test_gradient_of_stored_statistics(in_place):
    stored = [np.array([1.0, -2.0, 3.0]), np.array([2.0, 4.0, 9.0]), np.array([2.0])]
    gradient_check('type: "BatchNorm"', [(4, 3, 2)], "TEST", params=stored, in_place=in_place)
    gradient_check(f'type: "BatchNorm" {STORED}', [(4, 3, 2)], "TRAIN", params=stored, in_place=in_place)


def test_three_blobs_of_state():
    run = make('type: "BatchNorm"', (2, 5, 3, 3))
    assert [blob.shape for blob in run.layer.params] == [(5,), (5,), (1,)]
    assert run.layer.param_diffs == [None, None, None]


def test_one_number_per_channel_gives_zero_and_keeps_its_variance_biased():
    run = make('type: "BatchNorm"', (1, 3))
    (top,) = run.forward(np.array([[5.0, -1.0, 0.0]]))
    np.testing.assert_array_equal(top, np.zeros((1, 3)))
    mean, variance, factor = run.layer.params
    assert (mean.tolist(), variance.tolist(), factor.tolist()) == ([5, -1, 0], [0, 0, 0], [1])


def test_running_sums_divided_by_the_factor_are_the_weighted_statistics():
    fraction, random = 0.5, np.random.default_rng(0)
    run = make(f'type: "BatchNorm" batch_norm_param {{ moving_average_fraction: {fraction} }}', (6, 1))
    batches = [random.standard_normal((6, 1)) for _ in range(4)]
    for batch in batches:
        run.forward(batch)
    weights = np.array([fraction**3, fraction**2, fraction, 1])
    mean, variance, factor = (float(blob[0]) for blob in run.layer.params)
    assert factor == pytest.approx(weights.sum())
    assert mean / factor == pytest.approx(np.average([b.mean() for b in batches], weights=weights), rel=1e-5)
    assert variance / factor == pytest.approx(np.average([b.var(ddof=1) for b in batches], weights=weights), rel=1e-5)


def test_a_one_axis_bottom_is_one_channel():
    run = make('type: "BatchNorm"', (8,))
    (top,) = run.forward(np.arange(8.0))
    assert run.layer.params[0].shape == (1,)
    assert abs(top.mean()) < 1e-6
    assert top.std() == pytest.approx(1, abs=1e-4)


def test_param_with_lr_mult_zero_or_unset_is_accepted_and_another_refused():
    make('type: "BatchNorm" param { lr_mult: 0 } param { lr_mult: 0 } param { decay_mult: 0 }', (2, 3))
    with pytest.raises(LayerError, match=r"param 1 has lr_mult 2, but the blobs of BatchNorm are statistics .* Scale"):
        make('type: "BatchNorm" param { lr_mult: 0 } param { lr_mult: 2 }', (2, 3))


def test_a_scalar_bottom_is_refused():
    with pytest.raises(LayerError, match="the bottom has no axes; expected at least 1"):
        make('type: "BatchNorm"', ())
