import numpy as np
import pytest
from harness import golden_paths, golden_run, gradient_check, make
from test_golden import FOLDER

from minicaffe.errors import LayerError
from minicaffe.kernels._threads import set_threads, threads

SHAPE = (20, 3000)


def dropout(ratio, phase="TRAIN", **options):
    return make(f'type: "Dropout" dropout_param {{ dropout_ratio: {ratio} }}', SHAPE, phase=phase, **options)


def test_caffe_s_share_and_scale():
    path = FOLDER / "Dropout" / "train_ratio0.2.npz"
    assert path not in golden_paths(FOLDER)
    case, run = golden_run(path)
    (top,) = run.forward(case["in_x"])
    kept = top != 0
    assert abs(kept.mean() - float(case["stat_keep_fraction"])) < 5 * np.sqrt(2 * 0.2 * 0.8 / kept.size)
    np.testing.assert_allclose(top[kept], case["in_x"][kept] * case["stat_scale"], rtol=1e-6)


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_gradient(phase, in_place):
    gradient_check('type: "Dropout" dropout_param { dropout_ratio: 0.3 }', [(4, 5)], phase, in_place=in_place)


def test_the_mean_is_kept_in_training():
    for ratio in (0.1, 0.5, 0.8):
        (top,) = dropout(ratio).forward(np.ones(SHAPE))
        np.testing.assert_allclose(np.unique(top), [0, 1 / (1 - ratio)], rtol=1e-6)
        assert abs(top.mean() - 1) < 5 * np.sqrt(ratio / (1 - ratio) / top.size)


def test_testing_is_the_identity():
    x = np.random.default_rng(0).standard_normal(SHAPE).astype("float32")
    np.testing.assert_array_equal(dropout(0.5, "TEST").forward(x)[0], x)
    np.testing.assert_array_equal(dropout(0, "TRAIN").forward(x)[0], x)


def test_masks_change_with_each_forward_and_with_the_seed_and_come_back_with_the_state():
    run, other = dropout(0.5, seed=1), dropout(0.5, seed=2)
    first, second = (run.forward(np.ones(SHAPE))[0].copy() for _ in range(2))
    assert (first != second).mean() > 0.4
    assert (first != other.forward(np.ones(SHAPE))[0]).mean() > 0.4
    assert run.layer.state() == {"forwards": 2}
    again = dropout(0.5, seed=1)
    again.layer.restore({"forwards": 1})
    np.testing.assert_array_equal(again.forward(np.ones(SHAPE))[0], second)


def test_masks_do_not_depend_on_threads():
    before, masks = threads(), []
    try:
        for number in (1, 2, 3):
            set_threads(number)
            masks.append(dropout(0.5).forward(np.ones(SHAPE))[0])
    finally:
        set_threads(before)
    np.testing.assert_array_equal(masks[0], masks[1])
    np.testing.assert_array_equal(masks[0], masks[2])


@pytest.mark.parametrize("ratio", ["1", "-0.1", "1.5", "nan"])
def test_ratio_out_of_range(ratio):
    with pytest.raises(LayerError, match=r"dropout_ratio is .*; expected at least 0 and less than 1"):
        dropout(ratio)
