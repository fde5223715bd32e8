import numpy as np
import pytest

from minicaffe.data import LmdbSource, compute_mean
from minicaffe.proto import caffe_pb2


@pytest.mark.parametrize("count", [1, 7, 500, 1003])
def test_the_mean_is_the_sum_over_the_number(make_lmdb, count):
    images = np.random.default_rng(1).integers(0, 256, (count, 2, 3, 4)).astype(np.uint8)
    source = LmdbSource(make_lmdb(images, np.zeros(count, int)))
    steps = []
    mean = compute_mean(source, lambda *step: steps.append(step))
    sums = np.zeros((2, 3, 4), np.float32)
    for image in images:
        sums += image  # as Caffe adds
    assert mean.dtype == np.float32
    assert (mean == sums / np.float32(count)).all()
    assert steps[-1] == ("mean", count, count)


def test_a_source_that_has_been_read_from(make_lmdb, numbered):
    source = LmdbSource(make_lmdb(*numbered(5)))
    source.seek(3)
    assert (compute_mean(source) == 2).all()
    assert source.position == 0


def test_floats(raw_lmdb):
    records = {
        b"%d" % k: caffe_pb2.Datum(channels=1, height=1, width=1, float_data=[k + 0.25]).SerializeToString()
        for k in range(3)
    }
    assert compute_mean(LmdbSource(raw_lmdb(records))).item() == 1.25
