"""What databases and HDF5 files of features refuse."""

import numpy as np
import pytest

from minicaffe.data.features import new_features
from minicaffe.errors import DataError


def test_a_datum_has_four_axes(tmp_path):
    with pytest.raises(DataError, match=r'^blob "x" is 1 x 2 x 3 x 4 x 5; a Datum takes 4 axes, hdf5 any number$'):
        with new_features(["x"], [str(tmp_path / "db")], "lmdb") as write:
            write("x", np.zeros((1, 2, 3, 4, 5), np.float32))
    assert list(tmp_path.iterdir()) == []


def test_hdf5_takes_any_number_and_names_with_slashes(tmp_path):
    h5py = pytest.importorskip("h5py")
    x = np.arange(240, dtype=np.float32).reshape(2, 2, 3, 4, 5)
    with new_features(["a/b", "a/c"], [str(tmp_path / "f")], "hdf5") as write:
        for _ in range(2):
            write("a/b", x)
            write("a/c", x[0, 0, 0, 0, 0])
    with h5py.File(tmp_path / "f") as file:
        assert (file["a/b"][...] == np.concatenate([x, x])).all()
        assert file["a/c"].shape == (2,)


def test_hdf5_keeps_one_shape(tmp_path):
    pytest.importorskip("h5py")
    with pytest.raises(DataError, match=r'blob "x" has records of 4 now; hdf5 needs all as before, 3$'):
        with new_features(["x"], [str(tmp_path / "f")], "hdf5") as write:
            write("x", np.zeros((2, 3), np.float32))
            write("x", np.zeros((2, 4), np.float32))
    assert list(tmp_path.iterdir()) == []


def test_hdf5_has_no_data_set_in_a_data_set(tmp_path):
    pytest.importorskip("h5py")
    with pytest.raises(DataError, match=r'^blob "a": HDF5 cannot hold it \('):
        with new_features(["a/b", "a"], [str(tmp_path / "f")], "hdf5") as write:
            write("a/b", np.zeros((2, 3), np.float32))
            write("a", np.zeros((2, 4), np.float32))
