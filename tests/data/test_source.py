import numpy as np
import pytest

from minicaffe.data import Source, steady
from minicaffe.errors import DataError


class Listed(Source):
    """Images of given shapes, numbered."""

    path = "listed"

    def __init__(self, *shapes):
        self._shapes, self._at = shapes, 0
        self.shape, self.dtype = shapes[0], np.dtype(np.uint8)

    @property
    def position(self):
        return self._at

    def seek(self, position):
        self._at = position

    def record(self):
        return np.full(self._shapes[self._at], self._at, np.uint8), self._at

    def step(self):
        self._at = (self._at + 1) % len(self._shapes)
        return self._at == 0

    def place(self):
        return f"listed:{self._at}"

    def close(self):
        pass


SHAPE, OTHER = (1, 2, 2), (1, 2, 3)


def test_read_goes_round():
    source, labels = Listed(*[SHAPE] * 3), np.zeros(8)
    assert source.read(np.zeros((8, *SHAPE), np.uint8), labels) == 2
    assert labels.tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    source.skip(4)
    assert source.position == 0
    source.skip(1)
    source.skip(10**12)  # a whole number of rounds and 1 more; takes no time
    assert source.position == 2


def test_read_wants_one_shape():
    with pytest.raises(DataError) as caught:
        Listed(SHAPE, OTHER).read(np.zeros((2, *SHAPE), np.uint8), np.zeros(2))
    assert str(caught.value) == (
        "listed:1 is an image of 1 x 2 x 3 bytes; expected an image of 1 x 2 x 2 bytes, as record 0"
    )


@pytest.mark.parametrize(
    "shapes, expected",
    [([SHAPE], True), ([SHAPE] * 20, True), ([SHAPE, OTHER], False), ([SHAPE] * 7 + [OTHER], False)],
)
def test_steady_looks_at_the_first_records(shapes, expected):
    source = Listed(*shapes)
    assert steady(source) is expected
    assert source.position == 0
