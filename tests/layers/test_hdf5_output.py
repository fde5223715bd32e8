"""HDF5Output: all rows of a run, whole or not at all."""

import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
from harness import LayerRun, layer_param

from minicaffe.errors import DataError, LayerError
from minicaffe.net import Net


def make(path, *shapes, **more):
    text = f'type: "HDF5Output" hdf5_output_param {{ file_name: "{path}" }}'
    return LayerRun(layer_param(text, 2), shapes or [(2, 3, 4, 5), (2,)], **more)


def random(*shape):
    return np.random.default_rng(1).standard_normal(shape)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_all_rows_are_kept(tmp_path, dtype):
    path = tmp_path / "new" / "out.h5"
    run, data = make(path, dtype=dtype), random(8, 3, 4, 5).astype(dtype)
    for k in range(0, 8, 2):
        run.forward(data[k : k + 2], [k, k + 1])
        assert not path.exists()
    run.layer.close()
    run.layer.close()
    assert os.listdir(path.parent) == ["out.h5"]
    with h5py.File(path) as h5:
        assert sorted(h5) == ["data", "label"]
        assert h5["data"].dtype == h5["label"].dtype == dtype
        assert (h5["data"][...] == data).all()
        assert h5["label"].shape == (8, 1, 1, 1)
        assert h5["label"][...].ravel().tolist() == list(range(8))


@pytest.mark.parametrize("shape", [(2,), (2, 3), (2, 3, 1, 2, 2), (2, 300, 40, 30)])
def test_other_shapes(tmp_path, shape):
    run, data = make(tmp_path / "o.h5", shape, shape), random(*shape).astype(np.float32)
    for _ in range(2):
        run.forward(data, data)
    run.layer.close()
    with h5py.File(tmp_path / "o.h5") as h5:
        assert h5["data"].shape == (4, *shape[1:]) + (1,) * (4 - len(shape))
        assert (h5["data"][2:].reshape(shape) == data).all()


def test_a_file_that_was_there_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "out.h5"
    path.write_text("old")
    run = make(path)
    assert path.read_text() == "old"
    run.forward(0, 0)
    assert path.read_text() == "old"
    run.layer.close()
    assert h5py.is_hdf5(path)


def test_nothing_is_written_without_a_forward(tmp_path):
    make(tmp_path / "out.h5").layer.close()
    assert os.listdir(tmp_path) == []


def test_a_program_that_ends_without_closing(tmp_path):
    code = f"""
import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})
from test_hdf5_output import make
run = make({str(tmp_path / "out.h5")!r})
run.forward(1, 2)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    with h5py.File(tmp_path / "out.h5") as h5:
        assert h5["label"][...].ravel().tolist() == [2, 2]


@pytest.mark.parametrize("plan", ["inspect", "fast"])
def test_in_a_net(tmp_path, plan, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.prototxt").write_text(
        """force_backward: true
        layer { name: "in" type: "Input" top: "x" top: "t"
                input_param { shape { dim: 2 dim: 3 } shape { dim: 2 dim: 1 } } }
        layer { name: "y" type: "ReLU" bottom: "x" top: "y" }
        layer { name: "keep" type: "HDF5Output" bottom: "y" bottom: "t" hdf5_output_param { file_name: "o.h5" } }
        layer { name: "loss" type: "EuclideanLoss" bottom: "y" bottom: "x" top: "loss" }"""
    )
    with Net(tmp_path / "net.prototxt", "TRAIN", plan=plan) as net:
        net.blobs["x"].data[...] = [[1, -1, 2], [-2, 3, 4]]
        net.blobs["t"].data[...] = [[1], [0]]
        for _ in range(3):
            net.forward()
            net.backward()
    with h5py.File("o.h5") as h5:
        assert h5["data"][...].reshape(6, 3).tolist() == [[1, 0, 2], [0, 3, 4]] * 3
        assert h5["label"][...].ravel().tolist() == [1, 0] * 3


def test_what_can_be_wrong(tmp_path, monkeypatch):
    with pytest.raises(LayerError, match=r"^hdf5_output_param has no file_name; expected"):
        make("")
    with pytest.raises(LayerError, match=r"^bottoms of 2 x 3 and 3; expected the same number of rows in both$"):
        make("x", (2, 3), (3,))
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match=f"^{tmp_path}/folder: is a folder; expected the name of an HDF5 file$"):
        make(tmp_path / "folder").forward(0, 0)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=f"^{tmp_path}/file/o.h5: cannot be written"):
        make(tmp_path / "file" / "o.h5").forward(0, 0)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(DataError, match=r"needs h5py, which is not installed: pip install minicaffe\[hdf5\]$"):
        make(tmp_path / "o.h5").forward(0, 0)
