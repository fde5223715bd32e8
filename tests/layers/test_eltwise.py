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


@pytest.mark.parametrize(
    "options, shapes, text",
    [
        ("", [(2, 3), (2, 3), (3, 2)], "bottom 2 has shape 3 x 2, bottom 0 has 2 x 3; expected the same"),
        ("coeff: 1", [(2,), (2,)], "found 1 coeff for 2 bottoms; expected one for each"),
        ("operation: MAX coeff: 1 coeff: 2", [(2,), (2,)], "coeff is an option of operation SUM, found with MAX"),
    ],
)
def test_options_and_shapes_that_do_not_fit(options, shapes, text):
    with pytest.raises(LayerError, match=text):
        make(f'type: "Eltwise" eltwise_param {{ {options} }}', *shapes)
