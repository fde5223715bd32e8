import threading

import numpy as np
import pytest

from minicaffe.data import BatchReader, LmdbSource, Transformer
from minicaffe.data.datum import datum_from_array
from minicaffe.errors import DataError
from minicaffe.proto import caffe_pb2
from minicaffe.proto.text import parse_text

RANDOM = "crop_size: 3 mirror: true mean_value: 7 scale: 0.5"


@pytest.fixture
def reader(make_lmdb):
    """``reader(text, ...)``: a BatchReader of 4 images over a database of 10, closed at the end."""
    images = np.random.default_rng(1).integers(0, 256, (10, 2, 5, 5)).astype(np.uint8)
    path = make_lmdb(images, np.arange(10))
    made = []

    def make(text="scale: 1", batch_size=4, **options):
        source = LmdbSource(path)
        transformer = Transformer(parse_text(text, caffe_pb2.TransformationParameter, "test"), "TRAIN", source.shape)
        made.append(BatchReader(source, transformer, batch_size, **options))
        return made[-1]

    make.images = images
    yield make
    for one in made:
        one.close()


def take(reader, count):
    batches = []
    for _ in range(count):
        batch = reader.next()
        batches.append((batch.images.copy(), batch.labels.copy()))
    return batches


def same(first, second):
    return all((a == b).all() for one, other in zip(first, second, strict=True) for a, b in zip(one, other))


def test_batches_hold_the_records_in_order(reader):
    one = reader()
    for k in range(7):
        batch = one.next()
        expected = np.arange(4 * k, 4 * k + 4) % 10
        assert (batch.images.dtype, batch.labels.dtype) == (np.float32, np.float32)
        assert batch.labels.tolist() == expected.tolist()
        assert (batch.images == reader.images[expected]).all()


@pytest.mark.parametrize("prefetch", [1, 6])
def test_batches_do_not_depend_on_how_far_ahead_they_are_made(reader, prefetch):
    assert same(take(reader(RANDOM, seed=3), 9), take(reader(RANDOM, seed=3, prefetch=prefetch), 9))


def test_wrapped_counts_what_was_given_out(reader):
    one = reader()
    assert one.wrapped == 0
    seen = []
    for _ in range(6):
        one.next()
        seen.append(one.wrapped)
    assert seen == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_resuming_is_exact(reader, taken):
    straight = reader(RANDOM, seed=3)
    take(straight, taken)
    state = straight.state()
    assert state == {"position": 4 * taken % 10, "drawn": 4 * taken}
    expected = take(straight, 8)

    fresh = reader(RANDOM, seed=3)
    fresh.restore(state, 3)
    assert fresh.state() == state
    assert same(take(fresh, 8), expected)

    used = reader(RANDOM, seed=99)
    take(used, 3)
    used.restore(state, 3)
    assert used.seed == 3
    assert same(take(used, 8), expected)


def test_the_seed_matters(reader):
    assert not same(take(reader(RANDOM, seed=3), 3), take(reader(RANDOM, seed=4), 3))


def test_rand_skip_begins_at_a_record_below_it(reader):
    starts = {int(reader(seed=seed, rand_skip=4).next().labels[0]) for seed in range(60)}
    assert starts == {0, 1, 2, 3}
    assert reader(seed=5, rand_skip=1000).next().labels[0] == reader(seed=5, rand_skip=1000).next().labels[0]


def test_a_state_of_a_longer_database(reader):
    with pytest.raises(DataError, match="no record 12, for the LMDB holds 10 records"):
        reader().restore({"position": 12, "drawn": 12}, 0)


def test_a_state_of_something_else(reader):
    with pytest.raises(DataError, match='the state to resume from holds no "position"'):
        reader().restore({"forwards": 12}, 0)


def test_a_bad_record_is_raised_when_its_batch_is_due(raw_lmdb):
    good = datum_from_array(np.zeros((1, 2, 2), np.uint8), 1).SerializeToString()
    path = raw_lmdb({b"0": good, b"1": good, b"2": good, b"3": b"\xff"})
    source = LmdbSource(path)
    transformer = Transformer(caffe_pb2.TransformationParameter(), "TRAIN", source.shape)
    one = BatchReader(source, transformer, 2)
    assert one.next().labels.tolist() == [1, 1]
    with pytest.raises(DataError, match=f'^{path}: record 3 \\(key "3"\\) is a value of 1 byte that is no Datum$'):
        one.next()
    one.restore({"position": 0, "drawn": 0}, 0)
    assert one.next().labels.tolist() == [1, 1]
    one.close()


def test_close_ends_the_thread(reader):
    before = set(threading.enumerate())
    one = reader()
    one.next()
    started = set(threading.enumerate()) - before
    assert [thread.name for thread in started] == ["minicaffe-prefetch"]
    one.close()
    one.close()
    assert not any(thread.is_alive() for thread in started)
