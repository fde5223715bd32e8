import numpy as np
import pytest
from harness import gradient_check, make

from minicaffe.errors import LayerError

OPERATIONS = [
    "operation: SUM",
    "operation: SUM coeff: 0.5 coeff: -1 coeff: 2",
    "operation: PROD",
    "operation: PROD stable_prod_grad: false",
    "operation: MAX",
]


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("options", OPERATIONS)
def test_gradient(options, in_place):
    gradient_check(f'type: "Eltwise" eltwise_param {{ {options} }}', [(3, 4, 2)] * 3, in_place=in_place)


def test_stable_product_gradient_survives_zeros():
    values = [np.array([0.0, 2.0]), np.array([3.0, 0.0])]
    gradient_check('type: "Eltwise" eltwise_param { operation: PROD }', [(2,), (2,)], values=values)


def test_backward_reads_what_the_operation_needs():
    reads = [make(f'type: "Eltwise" eltwise_param {{ {o} }}', *[(2,)] * 3).layer.backward_reads for o in OPERATIONS]
    assert reads == [(), (), ("bottoms",), ("bottoms", "tops"), ()]


def test_a_nan_is_not_hidden_by_a_maximum():
    for place in range(3):
        values = [np.zeros(2) for _ in range(3)]
        values[place][1] = np.nan
        (top,) = make('type: "Eltwise" eltwise_param { operation: MAX }', *[(2,)] * 3).forward(*values)
        np.testing.assert_array_equal(top, [0, np.nan])


def test_coefficients_change_nothing_for_a_maximum_as_in_caffe():
    run = make('type: "Eltwise" eltwise_param { operation: MAX coeff: 2 coeff: -1 }', (3,), (3,))
    (top,) = run.forward([1, 3, 2], [2, 1, 2])
    np.testing.assert_array_equal(top, [2, 3, 2])
    first, second = run.backward([1, 2, 3])
    np.testing.assert_array_equal([first, second], [[0, 2, 0], [1, 0, 3]])


@pytest.mark.parametrize(
    "options, shapes, text",
    [
        ("", [(2, 3), (2, 3), (3, 2)], "bottom 2 has shape 3 x 2, bottom 0 has 2 x 3; expected the same"),
        ("coeff: 1", [(2,), (2,)], "found 1 coeff for 2 bottoms; expected one for each"),
        ("operation: PROD coeff: 1 coeff: 2", [(2,), (2,)], "coeff is an option of operation SUM, found with PROD"),
        ("operation: MAX coeff: 1", [(2,), (2,)], "found 1 coeff for 2 bottoms; expected one for each"),
    ],
)
def test_options_and_shapes_that_do_not_fit(options, shapes, text):
    with pytest.raises(LayerError, match=text):
        make(f'type: "Eltwise" eltwise_param {{ {options} }}', *shapes)
