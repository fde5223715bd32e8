import os
from types import SimpleNamespace

import lmdb
import numpy as np
import pytest

from minicaffe.data import write_lmdb
from minicaffe.errors import DataError
from minicaffe.proto import caffe_pb2


def items(path):
    with lmdb.open(str(path), readonly=True, lock=False) as env, env.begin() as txn:
        return [(key, caffe_pb2.Datum.FromString(value)) for key, value in txn.cursor()]


def test_records_are_what_caffes_tool_writes(tmp_path):
    images = np.arange(2 * 3 * 2 * 2, dtype=np.uint8).reshape(2, 3, 2, 2)
    write_lmdb(tmp_path / "db", [(images[:1], [7]), (images[1:], [0])], 2, (3, 2, 2))
    (key, first), (last_key, last) = items(tmp_path / "db")
    assert (key, last_key) == (b"00000", b"00001")
    expected = caffe_pb2.Datum(channels=3, height=2, width=2, data=bytes(range(12)), label=7)
    assert first == expected
    assert last.HasField("label") and last.label == 0
    assert last.data == bytes(range(12, 24))


def test_keys_grow_with_the_number_of_records(tmp_path):
    image, labels = np.zeros((1, 1, 1, 1), np.uint8), [1]
    write_lmdb(tmp_path / "db", [(np.repeat(image, 3, axis=0), labels * 3)], 100_001, (1, 1, 1))
    assert [key for key, _ in items(tmp_path / "db")] == [b"000000", b"000001", b"000002"]


def test_the_file_grows_only_as_needed(tmp_path):
    images = np.zeros((200, 3, 32, 32), np.uint8)
    write_lmdb(tmp_path / "db", [(images, np.zeros(200, int))], 200, (3, 32, 32))
    assert os.listdir(tmp_path / "db") == ["data.mdb"]
    assert os.path.getsize(tmp_path / "db" / "data.mdb") < 2 * images.nbytes


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 20, 20), (3, 64, 64)])
def test_there_is_room_for_every_size(tmp_path, shape):
    images = np.full((3000 // shape[1], *shape), 9, np.uint8)
    write_lmdb(tmp_path / "db", [(images, np.zeros(len(images), int))], len(images), shape)
    assert len(items(tmp_path / "db")) == len(images)


def test_progress(tmp_path):
    seen = []
    block = (np.zeros((2, 1, 1, 1), np.uint8), [0, 1])
    write_lmdb(tmp_path / "db", [block, block], 4, (1, 1, 1), "train", lambda *step: seen.append(step))
    assert seen == [("train", 2, 4), ("train", 4, 4)]


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=f"^{tmp_path}/file: the LMDB cannot be written"):
        write_lmdb(tmp_path / "file", [], 1, (1, 1, 1))


def test_a_full_disk_is_told_in_bytes(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise lmdb.DiskError("mdb_txn_commit: Input/output error")

    monkeypatch.setattr("lmdb.open", refuse)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=1234))
    with pytest.raises(DataError, match=r"the LMDB cannot be written \(1234 bytes are free, \d+ may be needed\)"):
        write_lmdb(tmp_path / "db", [], 1, (1, 2, 2))
