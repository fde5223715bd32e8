import numpy as np
import pytest
from oracle import run_kernel

from minicaffe.kernels._jit import ELEMENTS
from minicaffe.kernels.random import drop, random_bits, stream_key

SIZE = 40 * ELEMENTS + 3


def splitmix64(key, index):
    """The published generator: state = key + (index + 1) * golden ratio, then its finaliser."""
    mask = (1 << 64) - 1
    z = (key + (index + 1) * 0x9E3779B97F4A7C15) & mask
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
    return z ^ (z >> 31)


def mask(ratio, *words):
    y = np.empty(SIZE, "float32")
    run_kernel(
        drop,
        SIZE,
        np.ones(SIZE, "float32"),
        stream_key(*words),
        np.uint64(ratio * 2**32),
        np.float32(1),
        y,
        grain=ELEMENTS,
    )
    return y


def test_bits_are_splitmix64():
    assert splitmix64(1234567, 0) == 6457827717110365317  # the first output of the reference code for this seed
    for key, index in ((0, 0), (1234567, 3), (2**64 - 1, 2**40)):
        assert int(random_bits(np.uint64(key), np.uint64(index))) == splitmix64(key, index)


def test_keys_differ_by_every_word_and_by_order():
    keys = {int(stream_key(*words)) for words in ((0,), (1,), (0, 0), (0, 1), (1, 0), (2**61, 5), (2**61, 6))}
    assert len(keys) == 7


def test_bits_of_neighbouring_keys_and_elements_are_balanced():
    bits = np.array([int(random_bits(stream_key(7, n), np.uint64(i))) for n in range(40) for i in range(50)], "uint64")
    ones = [float(((bits >> np.uint64(b)) & np.uint64(1)).mean()) for b in range(64)]
    assert all(abs(share - 0.5) < 5 * 0.5 / np.sqrt(bits.size) for share in ones)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9])
def test_drop_takes_its_share(ratio):
    kept = mask(ratio, 3, 1).mean()
    assert abs(kept - (1 - ratio)) < 5 * np.sqrt(ratio * (1 - ratio) / SIZE)


def test_masks_of_two_forwards_are_unrelated():
    first, second = mask(0.5, 3, 1), mask(0.5, 3, 2)
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(SIZE)


def test_drop_in_place_and_in_float64_drops_the_same():
    key, half = stream_key(9), np.uint64(2**31)
    x = np.random.default_rng(0).standard_normal(SIZE) + 10
    apart, same = np.empty_like(x), x.astype("float32")
    run_kernel(drop, SIZE, x, key, half, 2.0, apart, grain=ELEMENTS)
    run_kernel(drop, SIZE, None, key, half, np.float32(2), same, grain=ELEMENTS)
    np.testing.assert_array_equal(apart == 0, same == 0)
    np.testing.assert_array_equal(apart[apart != 0], 2 * x[apart != 0])
