import os
import subprocess
import sys

import numpy as np
import pytest

from minicaffe.data import LevelDbSource, leveldb_source, open_database
from minicaffe.data.datum import datum_from_array
from minicaffe.errors import DataError

plyvel = pytest.importorskip("plyvel" if sys.version_info < (3, 12) else "plyvel_next")


def datum(label, shape=(1, 2, 2)):
    return datum_from_array(np.full(shape, label, np.uint8), label).SerializeToString()


@pytest.fixture
def make(tmp_path):
    def make(items, name="db"):
        with plyvel.DB(str(tmp_path / name), create_if_missing=True, compression="snappy") as db:
            for key, value in items.items():
                db.put(key, value)
        return tmp_path / name

    return make


@pytest.fixture
def five(make):
    return make({b"%05d" % k: datum(k) for k in range(5)})


def read(source, count):
    images = np.empty((count, *source.shape), source.dtype)
    labels = np.full(count, -1)
    wrapped = source.read(images, labels)
    assert (images.reshape(count, -1) == labels[:, None]).all()
    return labels.tolist(), wrapped


def test_records_come_in_key_order_round_and_round(make):
    source = open_database(make({b"00002_c": datum(2), b"00000_z": datum(0), b"00001_a": datum(1)}))
    assert isinstance(source, LevelDbSource)
    assert (source.count, source.shape, source.dtype) == (3, (1, 2, 2), np.uint8)
    assert read(source, 3) == ([0, 1, 2], 1)
    assert read(source, 4) == ([0, 1, 2, 0], 1)
    assert source.position == 1
    source.close()


def test_tables_that_snappy_compressed(make):
    shape = (3, 64, 64)
    path = make({b"%05d" % k: datum(k, shape) for k in range(100)})
    with plyvel.DB(str(path)) as db:
        db.compact_range()
    tables = [name for name in os.listdir(path) if name.endswith((".ldb", ".sst"))]
    assert tables and sum(os.path.getsize(path / name) for name in tables) < 100 * 3 * 64 * 64 / 4
    source = LevelDbSource(path)
    assert read(source, 100) == (list(range(100)), 1)
    source.close()


def test_seek_and_skip(five):
    source = LevelDbSource(five)
    for position in (3, 0, 4):
        source.seek(position)
        assert source.position == position
        assert read(source, 2)[0] == [position, (position + 1) % 5]
    source.seek(0)
    source.skip(13)
    assert read(source, 1)[0] == [3]
    for position in (-1, 5):
        with pytest.raises(DataError, match=f"^{five}: no record {position}, for the LevelDB holds 5 records$"):
            source.seek(position)
    source.close()


def test_two_sources_read_one_database(five, tmp_path):
    (tmp_path / "link").symlink_to(five)
    first, second = LevelDbSource(five), LevelDbSource(tmp_path / "link")
    assert read(first, 3)[0] == [0, 1, 2]
    assert read(second, 2)[0] == [0, 1]
    first.close()
    first.close()
    assert read(second, 2)[0] == [2, 3]
    second.close()
    assert not leveldb_source._open


def refused(path):
    with pytest.raises(DataError) as caught:
        LevelDbSource(path)
    return str(caught.value)


def test_a_record_that_is_no_image_names_its_key(make):
    path = make({b"first": b"\xff\xff\xff"})
    assert refused(path) == f'{path}: record 0 (key "first") is a value of 3 bytes that is no Datum'


def test_an_empty_database(make):
    path = make({})
    assert refused(path) == f"{path}: the LevelDB is empty; expected at least one record"


def test_a_database_without_its_files(tmp_path):
    (tmp_path / "CURRENT").write_text("MANIFEST-000001\n")
    assert refused(tmp_path).startswith(f"{tmp_path}: cannot be opened as a LevelDB (Corruption: ")


def test_damaged_tables(make):
    path = make({b"%05d" % k: datum(k, (3, 64, 64)) for k in range(100)})
    with plyvel.DB(str(path)) as db:
        db.compact_range()
    for name in os.listdir(path):
        if name.endswith((".ldb", ".sst")):
            with open(path / name, "r+b") as file:
                file.seek(3000)
                file.write(bytes(2000))
    with pytest.raises(DataError, match=f"^{path}: .*damaged"):
        source = LevelDbSource(path)
        read(source, 100)


def test_a_database_that_another_process_holds(five):
    code = f"import sys, {plyvel.__name__} as p\ndb = p.DB({str(five)!r})\nprint('open', flush=True)\nsys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        message = refused(five)
        other.communicate()
    assert message.startswith(f"{five}: cannot be opened as a LevelDB (IO error: lock ")


def test_the_package_is_named_where_it_is_missing(monkeypatch, five):
    monkeypatch.setitem(sys.modules, "plyvel", None)
    monkeypatch.setitem(sys.modules, "plyvel_next", None)
    expected = "a LevelDB needs plyvel, which is not installed: pip install minicaffe[leveldb]"
    assert refused(five) == f"{five}: {expected}"
