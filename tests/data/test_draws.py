import numpy as np
import pytest

from minicaffe.data.draws import below, draw, unit

MASK = (1 << 64) - 1


def splitmix64(state):
    """Reference generator: (next state, number)."""
    state = (state + 0x9E3779B97F4A7C15) & MASK
    z = state
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return state, z ^ (z >> 31)


@pytest.mark.parametrize("seed, lane", [(0, 0), (7, 2), (-1, 0), (1 << 62, 11)])
def test_a_stream_is_splitmix64_from_a_key_of_its_own(seed, lane):
    def mix(z):
        return splitmix64((z - 0x9E3779B97F4A7C15) & MASK)[1]

    state = mix((mix(seed & MASK) + (lane + 1) * 0x9E3779B97F4A7C15) & MASK)
    expected = []
    for _ in range(6):
        state, number = splitmix64(state)
        expected.append(number)
    assert draw(seed, lane, 0, 6).tolist() == expected


def test_the_reference_generator_gives_the_published_numbers():
    assert splitmix64(0)[1] == 0xE220A8397B1DCDAF


def test_a_number_does_not_depend_on_where_one_begins():
    assert (draw(3, 1, 0, 100)[40:] == draw(3, 1, 40, 60)).all()
    assert (draw(3, 1, 1 << 40, 3)[1:] == draw(3, 1, (1 << 40) + 1, 2)).all()


def test_seeds_and_lanes_differ():
    streams = [tuple(draw(seed, lane, 0, 4).tolist()) for seed in range(8) for lane in range(8)]
    assert len(set(streams)) == 64


@pytest.mark.parametrize("limit", [1, 2, 7, 256])
def test_below_is_even(limit):
    counts = np.bincount(below(draw(5, 0, 0, 20_000), limit), minlength=limit)
    assert len(counts) == limit
    assert abs(counts - 20_000 / limit).max() <= 5 * (20_000 / limit) ** 0.5


def test_below_reaches_both_ends():
    ends = np.array([0, MASK], np.uint64)
    assert below(ends, 10).tolist() == [0, 9]
    assert unit(ends).tolist() == [0.0, 1 - 2.0**-53]


def test_unit_is_even():
    values = unit(draw(5, 0, 0, 20_000))
    assert abs(values.mean() - 0.5) < 0.01
    assert abs(values.var() - 1 / 12) < 0.002
