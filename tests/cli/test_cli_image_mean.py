"""``minicaffe compute-image-mean``: what is written and said."""

import io

import lmdb
import numpy as np
import pytest
from PIL import Image

from minicaffe.cli import main
from minicaffe.data import write_lmdb
from minicaffe.proto import caffe_pb2, read_mean


@pytest.fixture
def images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (7, 3, 4, 5), dtype=np.uint8)
    write_lmdb("db", [(images, np.zeros(7, int))], 7, images.shape[1:])
    return images


@pytest.mark.parametrize("name", ["compute-image-mean", "compute_image_mean"])
def test_the_mean_is_written_and_said(images, capsys, name):
    assert main([name, "-backend", "lmdb", "db", "mean.binaryproto"]) == 0
    mean = images.mean(axis=0, dtype=np.float64)
    assert np.allclose(read_mean("mean.binaryproto"), mean, rtol=1e-7)
    shown = capsys.readouterr()
    values = [f"{value:g}" for value in mean.mean(axis=(1, 2))]
    assert shown.out == f"mean of 7 images of 3 x 4 x 5: {', '.join(values)}, written to mean.binaryproto\n"
    assert [line.split("] ", 1)[1] for line in shown.err.splitlines()] == [
        "Starting iteration",
        "Processed 7 files.",
        "Write to mean.binaryproto",
        "Number of channels: 3",
        *(f"mean_value channel [{c}]: {value}" for c, value in enumerate(values)),
    ]


def test_without_a_file_nothing_is_written(images, tmp_path, capsys):
    assert main(["compute-image-mean", "db"]) == 0
    assert capsys.readouterr().out.startswith("mean of 7 images of 3 x 4 x 5: ")
    assert [path.name for path in tmp_path.iterdir()] == ["db"]


def put(path, datums):
    with lmdb.open(str(path), map_size=1 << 24, lock=False) as env, env.begin(write=True) as txn:
        for k, datum in enumerate(datums):
            txn.put(f"{k:08d}".encode(), datum.SerializeToString())


def test_encoded_images(tmp_path, capsys):
    pixels = np.random.default_rng(1).integers(0, 256, (3, 4, 5, 3), dtype=np.uint8)
    datums = []
    for image in pixels:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        datums.append(caffe_pb2.Datum(data=file.getvalue(), encoded=True))
    put(tmp_path / "db", datums)
    assert main(["compute-image-mean", str(tmp_path / "db"), str(tmp_path / "m")]) == 0
    expected = pixels.mean(axis=0)[:, :, ::-1].transpose(2, 0, 1)
    assert np.allclose(read_mean(str(tmp_path / "m")), expected, rtol=1e-7)


def test_floats_are_added_up_exactly(tmp_path):
    values = [1e8, 1.0, 1.0, 1.0, -1e8, 1.0]
    put(tmp_path / "db", [caffe_pb2.Datum(channels=1, height=1, width=1, float_data=[value]) for value in values])
    assert main(["compute-image-mean", str(tmp_path / "db"), str(tmp_path / "m")]) == 0
    assert read_mean(str(tmp_path / "m")).item() == np.float32(4) / np.float32(6)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "compute-image-mean needs a DB; expected minicaffe compute-image-mean DB [FILE]"),
        (["nodb"], "nodb: no such folder"),
        (["db", "no/where"], 'no/where: cannot be written, as there is no folder "no"'),
        (["db", "m", "x"], 'compute-image-mean: "x" is one word too many; expected DB and FILE'),
    ],
)
def test_mistakes(images, capsys, words, sentence):
    assert main(["compute-image-mean", *words]) == 2
    assert f"minicaffe: error: {sentence}" in capsys.readouterr().err
