"""``minicaffe data``: what is built and what is said."""

import signal
import struct

import numpy as np
import pytest

from minicaffe.cli import main


def test_shapes10_is_built_once(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["data", "shapes10"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "shapes10: 10,000 training and 2,000 test images in data/shapes10\n"
    assert shown.err.splitlines() == ["train ...", "test ...", "mean ..."]
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert main(["data", "shapes10"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "shapes10: 10,000 training and 2,000 test images in data/shapes10, already there\n"
    assert shown.err == ""
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == written


def test_cifar10_from_a_folder(tmp_path, capsys):
    source = tmp_path / "bin"
    source.mkdir()
    random = np.random.default_rng(0)
    for name in [*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"]:
        records = random.integers(0, 256, (10_000, 3073), dtype=np.uint8)
        records[:, 0] %= 10
        records.tofile(source / name)
    out = str(tmp_path / "built")
    assert main(["data", "cifar10", "--source", str(source), "--out", out]) == 0
    assert capsys.readouterr().out == f"cifar10: 50,000 training and 10,000 test images in {out}\n"
    assert (tmp_path / "built" / "mean.binaryproto").is_file()


def test_mnist_from_a_folder(tmp_path, capsys):
    source, out = tmp_path / "idx", tmp_path / "built"
    source.mkdir()
    for name, shape in (
        ("train-images-idx3", (6, 28, 28)),
        ("train-labels-idx1", (6,)),
        ("t10k-images-idx3", (2, 28, 28)),
        ("t10k-labels-idx1", (2,)),
    ):
        head = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
        (source / f"{name}-ubyte").write_bytes(head + bytes(np.zeros(shape, np.uint8)))
    assert main(["data", "mnist", "--source", str(source), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"mnist: 6 training and 2 test images in {out}\n"
    assert main(["data", "mnist", "--source", str(source), "--out", str(out)]) == 0
    assert capsys.readouterr().out.endswith("already there\n")


def test_a_source_that_is_not_there(tmp_path, capsys):
    out = tmp_path / "built"
    assert main(["data", "cifar10", "--source", str(tmp_path / "none"), "--out", str(out)]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith(f"minicaffe: error: {tmp_path / 'none'}: ") and shown.err.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whatever_ends_it_early_nothing_is_left(project, number):
    before = project.files()
    process = project.start("data", "shapes10", "--out", "built")
    assert process.stderr.readline() == "train ...\n"  # half of it lies on the disk now
    process.send_signal(number)
    assert process.wait(timeout=60) == 130
    assert project.files() == before and not (project.folder / "built").exists()
