import contextlib
import os

import lmdb
import numpy as np
import pytest

from minicaffe.data import LmdbSource, lmdb_source
from minicaffe.data.datum import datum_from_array
from minicaffe.errors import DataError
from minicaffe.proto import caffe_pb2


def datum(label, shape=(1, 2, 2)):
    return datum_from_array(np.full(shape, label, np.uint8), label).SerializeToString()


def read(source, count):
    images = np.empty((count, *source.shape), source.dtype)
    labels = np.full(count, -1)
    wrapped = source.read(images, labels)
    assert (images.reshape(count, -1) == labels[:, None]).all()
    return labels.tolist(), wrapped


def test_records_come_in_key_order_whatever_the_order_of_writing(raw_lmdb):
    source = LmdbSource(raw_lmdb({b"00002_c": datum(2), b"00000_z": datum(0), b"00001_a": datum(1)}))
    assert (source.count, source.shape, source.dtype) == (3, (1, 2, 2), np.uint8)
    assert read(source, 3) == ([0, 1, 2], 1)


def test_after_the_last_record_follows_the_first(make_lmdb, numbered):
    source = LmdbSource(make_lmdb(*numbered(5)))
    assert read(source, 4) == ([0, 1, 2, 3], 0)
    assert source.position == 4
    assert read(source, 1) == ([4], 1)
    assert source.position == 0
    assert read(source, 12) == ([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1], 2)
    assert source.position == 2


def test_a_single_record_comes_again_and_again(make_lmdb, numbered):
    assert read(LmdbSource(make_lmdb(*numbered(1))), 3) == ([0, 0, 0], 3)


def test_seek(make_lmdb, numbered):
    source = LmdbSource(make_lmdb(*numbered(5)))
    for position in (3, 0, 4):
        source.seek(position)
        assert source.position == position
        assert read(source, 2)[0] == [position, (position + 1) % 5]


@pytest.fixture
def soon_mapped_anew(monkeypatch):
    monkeypatch.setattr(lmdb_source, "_MAPPED", 30)  # bytes: two records


def test_the_file_is_mapped_anew_as_it_is_read(make_lmdb, numbered, soon_mapped_anew):
    source = LmdbSource(make_lmdb(*numbered(7)))
    maps = {id(source._database.env)}
    labels = []
    for _ in range(20):
        labels += read(source, 1)[0]
        maps.add(id(source._database.env))
    assert labels == [n % 7 for n in range(20)]
    assert source.position == 20 % 7
    assert len(maps) > 1
    source.close()


def test_the_map_of_two_readers_stays(make_lmdb, numbered, soon_mapped_anew):
    path = make_lmdb(*numbered(5))
    one, other = LmdbSource(path), LmdbSource(path)
    env = one._database.env
    assert read(one, 6)[0] == [0, 1, 2, 3, 4, 0]
    assert read(other, 6)[0] == [0, 1, 2, 3, 4, 0]
    assert one._database.env is other._database.env is env
    other.close()
    assert read(one, 6)[0] == [1, 2, 3, 4, 0, 1]
    assert one._database.env is not env


def test_a_database_that_goes_away_while_it_is_read(make_lmdb, numbered, soon_mapped_anew):
    path = make_lmdb(*numbered(5))
    source = LmdbSource(path)
    os.rename(os.path.join(path, "data.mdb"), os.path.join(path, "elsewhere"))
    with pytest.raises(DataError, match=f"^{path}: can no longer be read as an LMDB \\(No such file or directory\\)$"):
        read(source, 5)
    source.close()


@pytest.mark.parametrize("position", [-1, 5])
def test_seek_beyond_the_records(make_lmdb, numbered, position):
    path = make_lmdb(*numbered(5))
    with pytest.raises(DataError, match=f"^{path}: no record {position}, for the LMDB holds 5 records$"):
        LmdbSource(path).seek(position)


def test_two_sources_read_one_database(make_lmdb, numbered, tmp_path):
    path = make_lmdb(*numbered(5))
    (tmp_path / "link").symlink_to(path)
    first, second = LmdbSource(path), LmdbSource(tmp_path / "link")
    assert read(first, 3)[0] == [0, 1, 2]
    assert read(second, 2)[0] == [0, 1]
    first.close()
    first.close()
    assert read(second, 2)[0] == [2, 3]
    assert os.path.realpath(path) in lmdb_source._open
    second.close()
    assert os.path.realpath(path) not in lmdb_source._open
    assert read(LmdbSource(path), 1)[0] == [0]


def test_a_folder_without_write_permission_is_read_and_left_alone(make_lmdb, numbered):
    path = make_lmdb(*numbered(2))
    before = {name: os.stat(path / name).st_mtime_ns for name in os.listdir(path)}
    path.chmod(0o555)
    assert read(LmdbSource(path), 2)[0] == [0, 1]
    assert {name: os.stat(path / name).st_mtime_ns for name in os.listdir(path)} == before
    path.chmod(0o755)


def test_float_data(raw_lmdb):
    values = [0.5, -1.5, 1e10, 0]
    record = caffe_pb2.Datum(channels=2, height=1, width=2, float_data=values, label=-3)
    source = LmdbSource(raw_lmdb({b"k": record.SerializeToString()}))
    images, labels = np.empty((1, 2, 1, 2), np.float32), np.empty(1, np.float32)
    source.read(images, labels)
    assert source.dtype == np.float32
    assert images.ravel().tolist() == [0.5, -1.5, 1e10, 0]
    assert labels.tolist() == [-3]


# -- what can be wrong with a source --------------------------------------------------------------------------


def refused(path):
    with pytest.raises(DataError) as caught:
        LmdbSource(path)
    return str(caught.value)


def test_a_database_that_the_program_has_opened_itself(make_lmdb, numbered):
    path = make_lmdb(*numbered(5))
    try:
        with lmdb.open(str(path), readonly=True, lock=False), lmdb.open(str(path), readonly=True, lock=False):
            pytest.skip("this release of lmdb opens a database twice")
    except lmdb.Error:
        pass
    with lmdb.open(str(path), readonly=True, lock=False):
        assert refused(path).endswith("which opens a database only once; expected it to be closed first")
    LmdbSource(path).close()


def test_missing_folder_names_near_ones(make_lmdb, numbered, tmp_path):
    make_lmdb(*numbered(1), name="faces_train_lmdb")
    path = tmp_path / "faces_tran_lmdb"
    assert refused(path) == f'{path}: no such folder; did you mean "faces_train_lmdb"?'


def test_missing_folder_of_a_set_that_can_be_built(tmp_path):
    path = tmp_path / "nowhere" / "cifar10_train_lmdb"
    assert refused(path) == f'{path}: no such folder; "minicaffe data cifar10" makes it'


def test_missing_folder_with_nothing_near(tmp_path):
    assert refused(tmp_path / "xyz") == f"{tmp_path}/xyz: no such folder"


def test_a_file_is_no_source(make_lmdb, numbered, tmp_path):
    file = make_lmdb(*numbered(1)) / "data.mdb"
    assert refused(file) == f"{file}: is a file; give the folder it is in"
    other = tmp_path / "list.txt"
    other.write_text("")
    assert refused(other) == f"{other}: is a file; expected the folder of an LMDB"


def test_folder_without_data(tmp_path):
    assert refused(tmp_path) == f"{tmp_path}: no LMDB, for the folder holds no data.mdb"


def test_a_database_of_no_bytes(tmp_path):
    (tmp_path / "data.mdb").write_bytes(b"")
    assert refused(tmp_path) == f"{tmp_path}: no LMDB, for its data.mdb has no bytes"


def test_empty_database(raw_lmdb):
    path = raw_lmdb({})
    assert refused(path) == f"{path}: the LMDB is empty; expected at least one record"


@pytest.mark.parametrize("content", [b"no database", bytes(range(256)) * 64])
def test_not_an_lmdb(tmp_path, content):
    (tmp_path / "data.mdb").write_bytes(content)
    assert refused(tmp_path).startswith(f"{tmp_path}: cannot be read as an LMDB (")


def test_cut_short(make_lmdb, numbered):
    path = make_lmdb(*numbered(100, (3, 40, 40)))
    whole = os.path.getsize(path / "data.mdb")
    os.truncate(path / "data.mdb", whole // 2)
    assert refused(path) == f"{path}: data.mdb is cut short: found {whole // 2} bytes, expected {whole}"


def test_zeroed_pages(make_lmdb, numbered):
    path = make_lmdb(*numbered(100, (3, 40, 40)))
    with open(path / "data.mdb", "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(2 * 4096)
        file.write(bytes(size - 2 * 4096))
    assert refused(path).startswith(f"{path}: the LMDB is damaged (")


@pytest.mark.parametrize(
    "value, found",
    [
        (b"\xff\xff\xff", "a value of 3 bytes that is no Datum"),
        (b"", "no Datum of an image: its shape is 0 x 0 x 0"),
        (
            caffe_pb2.Datum(channels=1, height=2, width=2, data=b"abc").SerializeToString(),
            "a Datum of 3 values, but its shape 1 x 2 x 2 needs 4",
        ),
    ],
)
def test_a_record_that_is_no_image(raw_lmdb, value, found):
    path = raw_lmdb({b"first": value})
    assert refused(path) == f'{path}: record 0 (key "first") is {found}'


def test_a_record_of_another_size(raw_lmdb):
    path = raw_lmdb({b"0": datum(0), b"1": datum(1), b"2": datum(2, (1, 2, 3))})
    source = LmdbSource(path)
    assert read(source, 2)[0] == [0, 1]
    with pytest.raises(DataError) as caught:
        read(source, 1)
    assert str(caught.value) == (
        f'{path}: record 2 (key "2") is an image of 1 x 2 x 3 bytes; expected an image of 1 x 2 x 2 bytes, as record 0'
    )


def test_floats_among_bytes(raw_lmdb):
    floats = caffe_pb2.Datum(channels=1, height=2, width=2, float_data=[1.5] * 4).SerializeToString()
    source = LmdbSource(raw_lmdb({b"0": datum(0), b"1": floats}))
    with pytest.raises(DataError, match="an image of 1 x 2 x 2 floats; expected an image of 1 x 2 x 2 bytes"):
        read(source, 2)


def test_damaged_pages_are_found_before_the_library_meets_them(make_lmdb, numbered):
    """Bytes too many within the last page: the library would read beyond the end of the file."""
    path = make_lmdb(*numbered(300))
    file = path / "data.mdb"
    whole = file.read_bytes()
    LmdbSource(path).close()
    last = len(whole) - 2048
    file.write_bytes(whole[:last] + bytes(range(50)) + whole[last:])
    assert refused(path).startswith(f"{path}: the LMDB is damaged (page ")
    rng = np.random.default_rng(0)
    for _ in range(200):  # read, or refused, and never the end of the process
        damaged = bytearray(whole)
        for at in rng.integers(0, len(whole), 8):
            damaged[at] ^= 1 << rng.integers(8)
        file.write_bytes(damaged)
        with contextlib.suppress(DataError), contextlib.closing(LmdbSource(path)) as source:
            source.read(np.empty((300, *source.shape), source.dtype), np.empty(300))
