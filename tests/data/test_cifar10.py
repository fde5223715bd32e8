import hashlib
import http.server
import io
import tarfile
import threading
from functools import partial

import numpy as np
import pytest

from minicaffe.data import LmdbSource, cifar10
from minicaffe.data.cifar10 import build_cifar10
from minicaffe.errors import DataError
from minicaffe.proto import read_mean

NAMES = [*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"]
BUILT = ["batches.meta.txt", "cifar10_test_lmdb", "cifar10_train_lmdb", "mean.binaryproto"]
PER_FILE = 30

build = partial(build_cifar10, records=PER_FILE)


@pytest.fixture
def rows():
    """Label and pixels of every record: (6 files, 30, 3073)."""
    rows = np.random.default_rng(1).integers(0, 256, (6, PER_FILE, 3073)).astype(np.uint8)
    rows[:, :, 0] %= 10
    return rows


@pytest.fixture
def folder(tmp_path, rows):
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, records in zip(NAMES, rows):
        records.tofile(folder / name)
    return folder


@pytest.fixture
def archive(tmp_path, folder):
    """As the official one: a folder inside, files in no order, a file nobody needs."""
    path = tmp_path / "cifar-10-binary.tar.gz"
    (folder / "readme.html").write_text("<html>")
    with tarfile.open(path, "w:gz") as tar:
        for name in (*reversed(NAMES), "readme.html"):
            tar.add(folder / name, f"cifar-10-batches-bin/{name}")
    return path


def names(path):
    return sorted(entry.name for entry in path.iterdir())


def read_all(path):
    source = LmdbSource(path)
    images, labels = np.empty((source.count, *source.shape), np.uint8), np.empty(source.count, np.uint8)
    source.read(images, labels)
    source.close()
    return images, labels


def check(out, rows):
    for name, part in (("train", rows[:5]), ("test", rows[5:])):
        images, labels = read_all(out / f"cifar10_{name}_lmdb")
        assert (images.reshape(-1, 3072) == part[..., 1:].reshape(-1, 3072)).all()
        assert (labels == part[..., 0].ravel()).all()
    expected = rows[:5, :, 1:].reshape(-1, 3, 32, 32).mean(axis=0)
    assert abs(read_mean(out / "mean.binaryproto") - expected).max() < 1e-4
    assert (out / "batches.meta.txt").read_text().split()[::9] == ["airplane", "truck"]


def test_from_a_folder(folder, rows, tmp_path):
    out, steps = tmp_path / "new" / "out", []
    result = build(folder, out, lambda *step: steps.append(step))
    assert (result.folder, result.train_count, result.test_count, result.fresh) == (out, 150, 30, True)
    assert names(out) == BUILT
    check(out, rows)
    assert {stage: (done, total) for stage, done, total in steps} == {
        "train": (150, 150),
        "test": (30, 30),
        "mean": (150, 150),
    }


def test_from_the_archive(archive, rows, tmp_path):
    build(archive, tmp_path / "out")
    assert names(tmp_path / "out") == BUILT
    check(tmp_path / "out", rows)


def test_from_the_unpacked_archive(archive, rows, tmp_path):
    with tarfile.open(archive) as tar:
        for member in tar:
            target = tmp_path / "unpacked" / member.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(tar.extractfile(member).read())
    build(tmp_path / "unpacked", tmp_path / "out")
    check(tmp_path / "out", rows)


def test_fetched(archive, rows, tmp_path, monkeypatch):
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=archive.parent)
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setattr(cifar10, "URL", f"http://127.0.0.1:{server.server_port}/{archive.name}")
        monkeypatch.setattr(cifar10, "MD5", hashlib.md5(archive.read_bytes()).hexdigest())
        result = build(None, tmp_path / "out")
        server.shutdown()
        thread.join()
    assert result.fresh
    assert names(tmp_path / "out") == sorted([*BUILT, archive.name])
    check(tmp_path / "out", rows)


def test_what_cannot_be_fetched_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "URL", "http://127.0.0.1:1/set.tar.gz")
    with pytest.raises(DataError, match=r"cannot be reached .*--source"):
        build(None, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_official_archive():
    assert cifar10.URL.endswith("/cifar-10-binary.tar.gz")
    assert cifar10.MD5 == "c32a1d4ab5d03f1284b67883e8d87530"


def test_twice_does_nothing(folder, tmp_path):
    out = tmp_path / "out"
    build(folder, out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    result = build(tmp_path / "not even looked at", out)
    assert not result.fresh
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


@pytest.mark.parametrize("piece", ["cifar10_train_lmdb/data.mdb", "cifar10_test_lmdb/data.mdb", "mean.binaryproto"])
def test_what_is_missing_or_damaged_is_made_again(folder, rows, tmp_path, piece):
    out = tmp_path / "out"
    build(folder, out)
    (out / "mine.txt").write_text("kept")
    (out / piece).write_bytes(b"damaged")
    assert build(folder, out).fresh
    check(out, rows)
    assert (out / "mine.txt").read_text() == "kept"


@pytest.mark.parametrize("stage", ["extract", "train", "test", "mean"])
def test_interrupted_leaves_nothing(archive, tmp_path, stage):
    def interrupt(at, done, total):
        if at == stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(archive, tmp_path / "new" / "out", interrupt)
    assert not (tmp_path / "new").exists()


def test_interrupted_keeps_what_was_there(folder, tmp_path):
    def interrupt(at, done, total):
        raise KeyboardInterrupt

    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("kept")
    with pytest.raises(KeyboardInterrupt):
        build(folder, out, interrupt)
    assert names(out) == ["mine.txt"]


def test_what_a_killed_run_left_is_cleared(folder, rows, tmp_path):
    left = tmp_path / "out" / ".building" / "cifar10_train_lmdb"
    left.mkdir(parents=True)
    (left / "data.mdb").write_bytes(b"half")
    build(folder, tmp_path / "out")
    assert names(tmp_path / "out") == BUILT
    check(tmp_path / "out", rows)


# -- what can be wrong with a source --------------------------------------------------------------------------


def refused(source, out):
    with pytest.raises(DataError) as caught:
        build(source, out)
    assert not out.exists()
    return str(caught.value)


def test_no_such_source(folder, tmp_path):
    path = tmp_path / "bim"
    assert refused(path, tmp_path / "out") == f'{path}: no such file or folder; did you mean "bin"?'


def test_missing_files_are_named(folder, tmp_path):
    (folder / NAMES[2]).unlink()
    (folder / NAMES[5]).unlink()
    assert refused(folder, tmp_path / "out") == (
        f"{folder}: no data_batch_3.bin, test_batch.bin; "
        "expected the binary version of CIFAR-10 (cifar-10-binary.tar.gz)"
    )


def test_the_python_version_of_the_set(tmp_path):
    (tmp_path / "data_batch_1").write_bytes(b"pickle")
    assert refused(tmp_path, tmp_path / "out") == (
        f"{tmp_path}: this is the Python version of CIFAR-10; expected the binary version (cifar-10-binary.tar.gz)"
    )


def test_a_file_of_another_size(folder, tmp_path):
    path = folder / NAMES[4]
    path.write_bytes(path.read_bytes()[:-1])
    assert refused(folder, tmp_path / "out") == (
        f"{path}: found 92189 bytes, expected 92190 (30 records of 3073 bytes)"
    )


@pytest.mark.parametrize("name", [NAMES[3], NAMES[5]])
def test_a_label_outside_the_classes(folder, tmp_path, name):
    path = folder / name
    content = bytearray(path.read_bytes())
    content[17 * 3073] = 10
    path.write_bytes(content)
    assert refused(folder, tmp_path / "out") == f"{path}: record 17 has label 10; expected 0 to 9"


def test_no_archive(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not an archive")
    assert refused(path, tmp_path / "out") == (
        f"{path}: no tar archive, or not whole; expected a folder or cifar-10-binary.tar.gz"
    )


def test_an_archive_that_is_cut_off(archive, tmp_path):
    archive.write_bytes(archive.read_bytes()[:100_000])
    assert refused(archive, tmp_path / "out").startswith(f"{archive}: no tar archive, or not whole;")


def test_an_archive_of_something_else(tmp_path):
    path = tmp_path / "other.tar"
    with tarfile.open(path, "w") as tar:
        tar.addfile(tarfile.TarInfo("a.txt"), io.BytesIO())
    assert refused(path, tmp_path / "out") == (
        f"{path}: no {', '.join(NAMES)}; expected the binary version of CIFAR-10 (cifar-10-binary.tar.gz)"
    )


def test_a_file_of_another_size_in_the_archive(archive, folder, tmp_path):
    (folder / NAMES[0]).write_bytes(b"short")
    with tarfile.open(archive, "w:gz") as tar:
        for name in NAMES:
            tar.add(folder / name, name)
    message = refused(archive, tmp_path / "out")
    assert message == f"{archive}: data_batch_1.bin: found 5 bytes, expected 92190 (30 records of 3073 bytes)"


def test_out_is_a_file(folder, tmp_path):
    out = tmp_path / "out"
    out.write_text("")
    with pytest.raises(DataError, match=f"^{out}"):
        build(folder, out)
    assert out.read_text() == ""
