"""Fillers: Caffe's recorded statistics, the formulas, the errors."""

from pathlib import Path

import numpy as np
import pytest

from minicaffe.errors import LayerError
from minicaffe.fillers import check_filler, fill, generator
from minicaffe.proto import caffe_pb2
from minicaffe.proto.text import parse_text

CASES = sorted((Path(__file__).parent / "golden" / "layers" / "Filler").glob("*.npz"))


def filler(text):
    return parse_text(text, caffe_pb2.FillerParameter) if text else caffe_pb2.FillerParameter()


def filled(text, shape, seed=0, dtype="float32"):
    return fill(shape, filler(text), generator(seed), dtype)


def case_filler(case):
    layer = parse_text(str(case["prototxt"]), caffe_pb2.NetParameter).layer[-1]
    field = "inner_product_param" if layer.type == "InnerProduct" else "convolution_param"
    return getattr(layer, field).weight_filler


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_caffe_s_statistics(path):
    case = np.load(path)
    found = fill(tuple(case["stat_shape"]), case_filler(case), generator(5))
    if not case["random"]:
        np.testing.assert_allclose(found, case["param_0"], rtol=1e-6)
        return
    number, std = found.size, float(case["stat_std"])
    assert abs(found.mean() - float(case["stat_mean"])) < 7 * std / np.sqrt(number)
    assert abs(found.std() / std - 1) < 10 / np.sqrt(number)
    assert ((found == 0).mean() == 0) == (float(case["stat_zero_fraction"]) == 0)
    bounded = case_filler(case).type in ("uniform", "xavier")
    for mine, its in ((found.min(), case["stat_min"]), (found.max(), case["stat_max"])):
        assert abs(mine - float(its)) < (0.1 if bounded else 2) * std
    if case_filler(case).type == "positive_unitball":
        np.testing.assert_allclose(found.sum(axis=1), case["stat_rowsum"], rtol=1e-5)


@pytest.mark.parametrize(
    "text, shape, mean, std",
    [
        ('type: "gaussian" mean: 2 std: 0.5', (100, 200), 2, 0.5),
        ('type: "uniform" min: -1 max: 3', (100, 200), 1, 4 / np.sqrt(12)),
        ('type: "xavier"', (50, 20, 4, 5), 0, np.sqrt(1 / 400)),
        ('type: "xavier" variance_norm: FAN_OUT', (50, 20, 4, 5), 0, np.sqrt(1 / 1000)),
        ('type: "msra" variance_norm: AVERAGE', (50, 20, 4, 5), 0, np.sqrt(2 / 700)),
        ('type: "msra"', (5000,), 0, np.sqrt(2)),
        ('type: "msra" variance_norm: FAN_OUT', (5000,), 0, np.sqrt(2 / 5000)),
    ],
)
def test_means_and_deviations(text, shape, mean, std):
    values = filled(text, shape)
    assert values.shape == shape
    assert abs(values.mean() - mean) < 5 * std / np.sqrt(values.size)
    assert abs(values.std() / std - 1) < 5 / np.sqrt(values.size)


def test_sparse_gaussian_keeps_k_in_num_numbers():
    values = filled('type: "gaussian" sparse: 15', (100, 500))
    assert abs((values != 0).mean() - 0.15) < 5 * np.sqrt(0.15 * 0.85 / values.size)
    assert not filled('type: "gaussian" sparse: 0', (10, 10)).any()
    assert filled('type: "gaussian" sparse: 20', (10, 10)).all()


def test_positive_unitball_sums_to_one_per_output():
    values = filled('type: "positive_unitball"', (6, 3, 5))
    assert values.min() > 0
    np.testing.assert_allclose(values.reshape(6, -1).sum(axis=1), 1, rtol=1e-6)


TENTS = [[1], [1, 1], [1, 2, 1], [1, 3, 3, 1], [1, 2, 3, 2, 1], [1, 3, 5, 5, 3, 1]]


@pytest.mark.parametrize("tent, unit", list(zip(TENTS, [1, 2, 2, 4, 3, 6])))
def test_bilinear_is_a_tent_along_both_axes(tent, unit):
    size = len(tent)
    for kernel in filled('type: "bilinear"', (3, 1, size, size)).reshape(3, size, size):
        np.testing.assert_allclose(kernel, np.outer(tent, tent) / unit**2, rtol=1e-6)


def test_a_filler_without_type_is_zero_and_a_scalar_can_be_filled():
    assert not filled("", (2, 3)).any()
    assert filled("value: 4", ()).tolist() == 4
    for text in ('type: "gaussian"', 'type: "xavier"', 'type: "msra"', 'type: "uniform"'):
        assert filled(text, ()).shape == ()
    assert filled('type: "positive_unitball"', ()).tolist() == 1


def test_numbers_follow_from_seed_and_stream_and_not_from_the_dtype():
    first = generator(3, 1, 4).random(100)
    np.testing.assert_array_equal(first, generator(3, 1, 4).random(100))
    for seed, stream in ((3, (1, 5)), (3, (4, 1)), (4, (1, 4)), (3, ()), (2**62 - 1, (1, 4))):
        assert (first != generator(seed, *stream).random(100)).all()
    single, double = (filled('type: "gaussian"', (5, 5), dtype=dtype) for dtype in ("float32", "float64"))
    assert (single.dtype, double.dtype) == ("float32", "float64")
    np.testing.assert_array_equal(single, double.astype("float32"))


def test_the_first_numbers_are_the_ones_they_always_were():
    np.testing.assert_allclose(generator(1, 2).random(3), [0.2996269638247443, 0.0739441105013603, 0.7351056094783414])


@pytest.mark.parametrize(
    "text, message",
    [
        ('type: "gausian"', 'unknown filler type "gausian"; did you mean "gaussian"?'),
        ('type: "zzz"', 'unknown filler type "zzz"'),
        ('type: "xavier" sparse: 3', 'sparse is an option of filler type "gaussian", found with "xavier"'),
        ('type: "gaussian" std: -1', "filler std is -1; expected at least 0"),
        (
            'type: "uniform" min: 2 max: 1',
            "filler min is 2, max 1; expected finite numbers, min not above max",
        ),
        (
            'type: "uniform" min: 0 max: inf',
            "filler min is 0, max inf; expected finite numbers, min not above max",
        ),
    ],
)
def test_options_that_make_no_sense(text, message):
    for attempt in (lambda: check_filler(filler(text)), lambda: filled(text, (2, 2))):
        with pytest.raises(LayerError) as error:
            attempt()
        assert str(error.value) == message


@pytest.mark.parametrize("shape, found", [((2, 3), "2 x 3"), ((2, 1, 3, 4), "2 x 1 x 3 x 4")])
def test_bilinear_needs_a_square_kernel(shape, found):
    with pytest.raises(LayerError) as error:
        filled('type: "bilinear"', shape)
    text = f'filler type "bilinear" found shape {found}; expected 4 axes with a square kernel'
    assert str(error.value) == text


@pytest.mark.parametrize("shape", [(8, 3, 3, 3), (30, 4), (5, 5), (1, 7), (7,)])
def test_orthonormal_rows_or_columns(shape):
    found = filled('type: "orthonormal"', shape, dtype="float64").reshape(shape[0], -1)
    products = found @ found.T if len(found) <= found.shape[1] else found.T @ found
    np.testing.assert_allclose(products, np.eye(len(products)), atol=1e-12)
    np.testing.assert_array_equal(filled('type: "orthonormal"', shape, dtype="float64").reshape(found.shape), found)
    assert (filled('type: "orthonormal"', shape, seed=1) != filled('type: "orthonormal"', shape)).any()
