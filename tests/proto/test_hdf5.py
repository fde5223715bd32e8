"""Weights and solver states in HDF5: Caffe's own files, ours, what an older reader sees, and damaged ones."""

import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from minicaffe.errors import ProtoError, UsageError, WeightsError
from minicaffe.proto import (
    TrainingState,
    caffe_pb2,
    read_training_state,
    read_weights,
    write_training_state,
    write_weights_hdf5,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "cifar10_bn"
MODEL, STATE = GOLDEN / "short_h5_iter_3.caffemodel.h5", GOLDEN / "short_h5_iter_3.solverstate.h5"


def listing(path):
    """Every group and dataset of a file: name, shape, type, character set and padding of text."""
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Group):
            found[name] = "group"
        else:
            kind = item.id.get_type()
            padded = kind.get_strpad() if isinstance(kind, h5py.h5t.TypeStringID) else None
            found[name] = (
                item.shape,
                item.dtype.str.rstrip("0123456789") if padded is not None else item.dtype,
                padded,
            )

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


def numbers(*values):
    return np.array(values, np.float32)


def test_weights_that_caffe_wrote():
    weights = read_weights(MODEL)
    assert sorted(weights) == ["bn1", "bn2", "bn3", "conv1", "conv2", "conv3", "ip1"]
    assert [array.shape for array in weights["bn3"]] == [(64,), (64,), (1,)]
    assert weights["bn1"][2] == pytest.approx(sum(0.999**k for k in range(6)), rel=1e-5)
    assert weights["ip1"][0].shape == (10, 1024) and weights["ip1"][0].dtype == np.float32


def test_state_that_caffe_wrote():
    state = read_training_state(STATE)
    assert (state.iteration, state.current_step, len(state.history)) == (3, 0, 14)
    assert (state.learned_net, state.resume) == ("snap/short_h5_iter_3.caffemodel.h5", None)
    assert state.history[0].shape == (32, 3, 5, 5) and state.history[0].any()


def test_written_again_they_have_caffes_layout(tmp_path):
    weights, state = read_weights(MODEL), read_training_state(STATE)
    with h5py.File(MODEL) as file:
        layers = list(file["data"])
    write_weights_hdf5(tmp_path / "w", [(name, [(a, None, True) for a in weights.get(name, [])]) for name in layers])
    state.resume = caffe_pb2.ResumeState(seed=1)
    write_training_state(tmp_path / "s", state, hdf5=True)
    assert listing(tmp_path / "w") == listing(MODEL)
    ours = listing(tmp_path / "s")
    assert ours.pop("minicaffe_resume")[1] == np.uint8
    assert ours == listing(STATE)
    again = read_training_state(tmp_path / "s")
    assert all(np.array_equal(a, b) for a, b in zip(again.history, state.history))
    assert again.resume == state.resume and again.learned_net == state.learned_net
    with h5py.File(tmp_path / "s") as file:
        assert file["learned_net"].id.get_type().get_size() == len(state.learned_net) + 1  # with the zero that ends it


def test_shared_parameters_are_written_once_and_their_diffs_always(tmp_path):
    blobs = (
        [(numbers(1, 2), numbers(3, 4), True)],
        [(numbers(1, 2), numbers(3, 4), False), (numbers(5), numbers(6), True)],
    )
    write_weights_hdf5(tmp_path / "w", [("a", blobs[0]), ("b", blobs[1]), ("none", [])])
    with h5py.File(tmp_path / "w") as file:
        assert [list(file["data"][name]) for name in "ab"] == [["0"], ["1"]]
        assert [list(file["diff"][name]) for name in "ab"] == [["0"], ["0", "1"]]
        assert file["diff/b/0"][:].tolist() == [3, 4] and len(file["data/none"]) == len(file["diff/none"]) == 0
    weights = read_weights(tmp_path / "w")
    assert list(weights) == ["a", "b"]
    assert weights["b"][0] is None and weights["b"][1].tolist() == [5]


def test_layers_with_slashes_in_their_names(tmp_path):
    layers = [("conv1/3x3", [(numbers(1), None, True)]), ("conv1/5x5", [(numbers(2), None, True)]), ("conv1", [])]
    write_weights_hdf5(tmp_path / "w", layers)
    weights = read_weights(tmp_path / "w")
    assert {name: arrays[0].tolist() for name, arrays in weights.items()} == {"conv1/3x3": [1], "conv1/5x5": [2]}
    layers = [("a", [(numbers(1), None, True)]), ("a/0", [(numbers(1), None, True)])]
    with pytest.raises(WeightsError, match='layer "a/0" has no place in HDF5'):
        write_weights_hdf5(tmp_path / "v", layers)
    assert [path.name for path in tmp_path.iterdir()] == ["w"]


def test_text_and_types_of_other_writers(tmp_path):
    with h5py.File(tmp_path / "s", "w") as file:
        file["iter"], file["current_step"], file["learned_net"] = 7, 1, "net.caffemodel"
        file["history/0"] = np.ones(2, np.float16)
        file["history/1"] = np.ones(2)
    state = read_training_state(tmp_path / "s")
    assert (state.iteration, state.learned_net, state.current_step) == (7, "net.caffemodel", 1)
    assert [array.dtype for array in state.history] == [np.float32, np.float64]


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("iter", np.zeros(2), "/iter is float64 of 2, expected one whole number"),
        ("iter", None, "/iter is not there, expected one whole number"),
        ("history", None, "holds /current_step, /iter, /learned_net and no group /history, expected a solver state"),
        ("history", 3, "and no group /history"),
        ("history/x", np.zeros(2), '/history holds "x", expected datasets with a number for a name'),
        ("history/2", np.zeros(2), "/history lacks a number, expected all from 0 to 2"),
        ("learned_net", 5, "is cut short or damaged, expected a solver state"),
        ("history/0", np.array([b"a"]), r"/history/0 is of type \|S1, expected float32 or float64"),
        ("minicaffe_resume", np.full(9, 255, np.uint8), "/minicaffe_resume: is cut short or damaged at 9 bytes"),
    ],
)
def test_damaged_states(tmp_path, name, value, message):
    path = tmp_path / "s"
    write_training_state(path, TrainingState(1, "w", 0, [numbers(1)], caffe_pb2.ResumeState(seed=1)), hdf5=True)
    with h5py.File(path, "r+") as file:
        file.pop("minicaffe_resume")
        if name in file:
            del file[name]
        if value is not None:
            file[name] = value
    with pytest.raises(ProtoError, match=f"^{path}: .*{message}"):
        read_training_state(path)


def test_files_of_another_kind(tmp_path):
    with pytest.raises(ProtoError, match="holds /current_step, /history, /iter, /learned_net and no group /data"):
        read_weights(STATE)
    with pytest.raises(ProtoError, match="holds /data and no group /history, expected a solver state in HDF5"):
        read_training_state(MODEL)
    cut = tmp_path / "cut.caffemodel.h5"
    cut.write_bytes(MODEL.read_bytes()[:5000])
    with pytest.raises(ProtoError, match=f"^{cut}: is cut short or damaged, expected weights in HDF5"):
        read_weights(cut)
    with pytest.raises(ProtoError, match="no such file, expected a binary caffemodel"):
        read_weights(tmp_path / "none.h5")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "w"
    write_weights_hdf5(path, [("a", [(numbers(1), None, True)])])
    with pytest.raises(WeightsError):
        write_weights_hdf5(path, [("a", [(numbers(2), None, True)]), ("a", [(numbers(2), None, True)])])
    assert read_weights(path)["a"][0].tolist() == [1]
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(ProtoError, match="cannot be written, as there is no folder"):
        write_weights_hdf5(tmp_path / "no" / "w", [])


def test_without_h5py(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    expected = r"HDF5 files need h5py; expected it to be installed: pip install minicaffe\[hdf5\]"
    with pytest.raises(UsageError, match=expected):
        read_weights(MODEL)
    with pytest.raises(UsageError, match=expected):
        write_weights_hdf5(tmp_path / "w", [])
