"""BatchReindex: gradients, repeated items, threads and errors."""

import numpy as np
import pytest
from harness import gradient_check, make

from minicaffe.errors import DataError, LayerError
from minicaffe.kernels._threads import set_threads, threads

REINDEX = 'type: "BatchReindex"'


@pytest.mark.parametrize("index", [[0, 2, 2, 1, 2], [3], [3, 2, 1, 0]])
def test_reindex_gradient(index):
    gradient_check(REINDEX, [(4, 3, 2), (len(index),)], values=[None, index])


def test_items_never_picked_get_no_gradient():
    run = make(REINDEX, (4,), (3,))
    np.testing.assert_array_equal(run.forward([10, 11, 12, 13], [2, 0, 2])[0], [12, 10, 12])
    np.testing.assert_array_equal(run.backward([1, 2, 4])[0], [2, 0, 5, 0])
    assert run.bottom_diffs[1] is None


def test_reindex_does_not_depend_on_threads():
    before, results, random = threads(), [], np.random.default_rng(0)
    x, dy, index = random.standard_normal((5, 9000)), random.standard_normal((40, 9000)), random.integers(0, 5, 40)
    try:
        for number in (1, 2, 3):
            set_threads(number)
            run = make(REINDEX, x.shape, index.shape)
            run.forward(x, index)
            results.append(run.backward(dy)[0].tobytes())
    finally:
        set_threads(before)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("value, text", [(4, "4"), (-1, "-1"), (1.5, "1.5"), (np.nan, "nan"), (np.inf, "inf")])
def test_an_index_that_is_no_item(value, text):
    run = make(REINDEX, (4, 2), (3,))
    with pytest.raises(DataError) as error:
        run.forward(np.zeros((4, 2)), [0, value, 9])
    expected = f"index {text} at position 1 is no item of bottom 0; expected a whole number from 0 to 3"
    assert str(error.value) == expected


@pytest.mark.parametrize(
    "shapes, message",
    [
        ([(4, 2), (3, 1)], "bottom 1 is 3 x 1; expected 1 axis, an index for each item of the top"),
        ([(4, 2), ()], "bottom 1 is scalar; expected 1 axis, an index for each item of the top"),
        ([(), (3,)], "bottom 0 is a scalar; expected items along axis 0"),
    ],
)
def test_reindex_errors(shapes, message):
    with pytest.raises(LayerError) as error:
        make(REINDEX, *shapes)
    assert str(error.value) == message
