"""The solver against runs of Caffe: rates, losses, parameters and steps, iteration by iteration."""

import json
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from minicaffe.proto import caffe_pb2, parse_text, read_training_state, read_weights
from minicaffe.solver import get_solver
from minicaffe.solver.rules import RULES

GOLDEN = Path(__file__).parent.parent / "golden" / "solvers"
RUNS = sorted(GOLDEN.glob("*.npz"))
SNAPSHOTS = [path for path in RUNS if "snapshot" in path.stem]


def start(case, folder, plan="inspect"):
    """The solver of a recorded case, its files in ``folder``, its inputs and initial parameters set."""
    (folder / "net.prototxt").write_text(str(case["net"]))
    (folder / "solver.prototxt").write_text(str(case["solver"]))
    if case["hdf5"]:
        (folder / "list.txt").write_text(f"{folder}/data.h5\n")
        with h5py.File(folder / "data.h5", "w") as file:
            for key in case.files:
                if key.startswith("data_"):
                    file[key.removeprefix("data_")] = case[key]
    solver = get_solver(folder / "solver.prototxt", overrides={"snapshot_prefix": str(folder / "s")}, plan=plan)
    set_inputs(case, solver)
    for i, blob in enumerate(blobs(case, solver)):
        blob.data[...] = case[f"init_{i}"]
    return solver


def set_inputs(case, solver):
    for key in case.files:
        if key.startswith("data_") and not case["hdf5"]:
            solver.net.blobs[key.removeprefix("data_")].data[...] = case[key]


def blobs(case, solver):
    names = (name.rsplit("/", 1) for name in json.loads(str(case["param_names"])))
    return [solver.net.params[layer][int(index)] for layer, index in names]


def by_rounding(case):
    """Parameters that rounding alone decides: the gradient of a bias in front of BatchNorm is 0 but for rounding, and a
    rule that divides by the gradient's size makes whole steps of that; the running mean follows the bias."""
    names = json.loads(str(case["param_names"]))
    divides = get_type(case) in ("AdaGrad", "RMSProp", "Adam")
    return {names.index("conv/1"), names.index("bn/0")} if divides and "bn/0" in names else set()


def close(found, expected, what, rtol=2e-5):
    scale = max(np.abs(expected).max(), 0.1)  # a bias in front of BatchNorm gets rounding only
    np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=rtol, err_msg=what)


@pytest.mark.parametrize("plan", ["inspect", "fast"])
@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_run_is_caffes(path, plan, tmp_path):
    case = np.load(path)
    solver = start(case, tmp_path, plan)
    skipped = by_rounding(case)
    for k in range(int(case["iters"])):
        assert solver.lr == pytest.approx(float(case["lr"][k]), rel=2e-6, abs=1e-12)
        solver.step(1)
        last_loss = solver.net.loss
        assert last_loss == pytest.approx(float(case["loss"][k]), rel=1e-5)
        for i, blob in enumerate(blobs(case, solver)):
            if i in skipped:
                continue
            close(blob.data, case[f"params_{i}"][k], f"parameter {i} after {k + 1} iterations")
            if solver.net.graph.params[i].learned and solver.net.graph.params[i].lr_mult:
                close(blob.diff, case[f"updates_{i}"][k], f"step {i} of iteration {k}", rtol=2e-4)
    assert solver.iter == int(case["iters"])


def unpack(case, folder):
    """Write the snapshot that Caffe took; return the path of its state."""
    names = [key.removeprefix("file_") for key in case.files if key.startswith("file_")]
    for name in names:
        (folder / name).write_bytes(case[f"file_{name}"].tobytes())
    return next(folder / name for name in names if ".solverstate" in name)


@pytest.mark.parametrize("plan", ["inspect", "fast"])
@pytest.mark.parametrize("path", SNAPSHOTS, ids=lambda path: path.stem)
def test_goes_on_from_caffes_snapshot(path, plan, tmp_path):
    case = np.load(path)
    state = unpack(case, tmp_path)
    solver = start(case, tmp_path, plan)
    solver.restore(state)
    set_inputs(case, solver)
    assert solver.iter == 5
    for k in range(5, int(case["iters"])):
        solver.step(1)
        for i, blob in enumerate(blobs(case, solver)):
            close(blob.data, case[f"params_{i}"][k], f"parameter {i} after {k + 1} iterations")


@pytest.mark.parametrize("path", SNAPSHOTS, ids=lambda path: path.stem)
def test_writes_the_snapshot_that_caffe_wrote(path, tmp_path):
    case = np.load(path)
    theirs = tmp_path / "caffe"
    theirs.mkdir()
    expected = read_training_state(unpack(case, theirs))
    solver = start(case, tmp_path)
    solver.step(5)
    model, state = solver.snapshot()
    found = read_training_state(state)
    assert (found.iteration, found.current_step) == (expected.iteration, expected.current_step) == (5, 0)
    assert os.path.basename(found.learned_net) == os.path.basename(expected.learned_net)
    assert len(found.history) == len(expected.history)
    for i, (ours, wanted) in enumerate(zip(found.history, expected.history)):
        assert ours.shape == wanted.shape
        np.testing.assert_allclose(ours, wanted, rtol=1e-4, atol=2e-5 * np.abs(wanted).max(), err_msg=f"history {i}")
    names = (os.path.basename(model), os.path.basename(state))
    assert sorted(names) == sorted(key.removeprefix("file_") for key in case.files if key.startswith("file_"))
    weights, wanted = read_weights(model), read_weights(theirs / names[0])
    assert list(weights) == list(wanted)
    for layer, arrays in weights.items():
        for ours, one in zip(arrays, wanted[layer]):
            close(ours, one, f"parameter of {layer}")


def test_all_recorded_runs_are_here():
    assert len(RUNS) >= 57 and len(SNAPSHOTS) == 7
    assert {str(get_type(np.load(path))) for path in RUNS} == set(RULES)


def get_type(case):
    return parse_text(str(case["solver"]), caffe_pb2.SolverParameter).type
