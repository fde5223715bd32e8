"""New databases: any size, whole or not at all."""

import sys

import lmdb
import pytest

from minicaffe.data import records
from minicaffe.data.records import new_database
from minicaffe.errors import DataError, UsageError


def stored(path):
    with lmdb.open(str(path), readonly=True, lock=False) as env, env.begin() as txn:
        return dict(txn.cursor())


@pytest.mark.parametrize("backwards", [False, True])
def test_it_grows_as_needed(tmp_path, monkeypatch, backwards):
    monkeypatch.setattr(records, "_ROOM", 1 << 16)
    monkeypatch.setattr(records, "_RECORDS", 7)
    items = {f"{k:05d}".encode(): bytes([k % 256]) * (k * 50) for k in range(100)}
    with new_database(tmp_path / "db") as put:
        for key, value in sorted(items.items(), reverse=backwards):
            put(key, value)
    assert stored(tmp_path / "db") == items


def test_nothing_is_left_of_a_failure(tmp_path):
    with pytest.raises(KeyError), new_database(tmp_path / "new" / "db") as put:
        put(b"a", b"b")
        assert (tmp_path / "new").is_dir()
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_stays(tmp_path):
    (tmp_path / "db").mkdir()
    with pytest.raises(DataError, match=r"db: is there already; expected the name of a new database$"):
        with new_database(tmp_path / "db"):
            raise AssertionError


def test_two_at_once_beside_each_other(tmp_path):
    with new_database(tmp_path / "one") as first, new_database(tmp_path / "two") as second:
        first(b"1", b"x")
        second(b"2", b"y")
    assert stored(tmp_path / "one") == {b"1": b"x"} and stored(tmp_path / "two") == {b"2": b"y"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_a_full_disk(tmp_path, monkeypatch):
    class Environment:
        def begin(self, write):
            raise lmdb.DiskError("mdb_txn_commit: No space left on device")

        def close(self):
            pass

    monkeypatch.setattr(lmdb, "open", lambda *_, **__: Environment())
    with pytest.raises(DataError, match=r"db: the LMDB cannot be written \(.*No space left.*bytes are free\)$"):
        with new_database(tmp_path / "db") as put:
            put(b"a", b"b")
    assert list(tmp_path.iterdir()) == []


def test_a_leveldb(tmp_path, monkeypatch):
    plyvel = pytest.importorskip("plyvel")
    monkeypatch.setattr(records, "_RECORDS", 7)
    items = {f"{k:05d}".encode(): bytes([k]) * k for k in range(100)}
    with new_database(tmp_path / "db", "leveldb") as put:
        for key, value in items.items():
            put(key, value)
    db = plyvel.DB(str(tmp_path / "db"))
    assert dict(db) == items
    db.close()


def test_a_leveldb_without_its_package(tmp_path, monkeypatch):
    for name in ("plyvel", "plyvel_next"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(DataError, match=r"db: a LevelDB needs plyvel.*pip install minicaffe\[leveldb\]$"):
        with new_database(tmp_path / "db", "leveldb"):
            raise AssertionError
    assert list(tmp_path.iterdir()) == []


def test_other_backends(tmp_path):
    with pytest.raises(UsageError, match=r'of backend "rocksdb" cannot be written; expected lmdb or leveldb$'):
        with new_database(tmp_path / "db", "rocksdb"):
            raise AssertionError
