"""The solver against runs of Caffe: rates, losses, parameters and steps, iteration by iteration."""

import json
from pathlib import Path

import numpy as np
import pytest

from minicaffe.solver import get_solver

GOLDEN = Path(__file__).parent.parent / "golden" / "solvers"
RUNS = sorted(path for path in GOLDEN.glob("*.npz") if not path.stem.endswith("_adam"))
SNAPSHOTS = [path for path in RUNS if "snapshot" in path.stem]


def start(case, folder):
    """The solver of a recorded case, its files in ``folder``, its inputs and initial parameters set."""
    (folder / "net.prototxt").write_text(str(case["net"]))
    (folder / "solver.prototxt").write_text(str(case["solver"]))
    solver = get_solver(folder / "solver.prototxt", overrides={"snapshot_prefix": str(folder / "s")})
    set_inputs(case, solver)
    for i, blob in enumerate(blobs(case, solver)):
        blob.data[...] = case[f"init_{i}"]
    return solver


def set_inputs(case, solver):
    for key in case.files:
        if key.startswith("data_"):
            solver.net.blobs[key.removeprefix("data_")].data[...] = case[key]


def blobs(case, solver):
    names = (name.rsplit("/", 1) for name in json.loads(str(case["param_names"])))
    return [solver.net.params[layer][int(index)] for layer, index in names]


def close(found, expected, what, rtol=2e-5):
    scale = max(np.abs(expected).max(), 0.1)  # a bias in front of BatchNorm gets rounding only
    np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=rtol, err_msg=what)


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_run_is_caffes(path, tmp_path):
    case = np.load(path)
    solver = start(case, tmp_path)
    for k in range(int(case["iters"])):
        assert solver.lr == pytest.approx(float(case["lr"][k]), rel=2e-6, abs=1e-12)
        solver.step(1)
        last_loss = solver.net.loss
        assert last_loss == pytest.approx(float(case["loss"][k]), rel=1e-5)
        for i, blob in enumerate(blobs(case, solver)):
            close(blob.data, case[f"params_{i}"][k], f"parameter {i} after {k + 1} iterations")
            if solver.net.graph.params[i].learned and solver.net.graph.params[i].lr_mult:
                close(blob.diff, case[f"updates_{i}"][k], f"step {i} of iteration {k}", rtol=2e-4)
    assert solver.iter == int(case["iters"])


@pytest.mark.parametrize("path", SNAPSHOTS, ids=lambda path: path.stem)
def test_goes_on_from_caffes_snapshot(path, tmp_path):
    case = np.load(path)
    for kind in ("caffemodel", "solverstate"):
        (tmp_path / f"s_iter_5.{kind}").write_bytes(case[f"file_s_iter_5.{kind}"].tobytes())
    solver = start(case, tmp_path)
    solver.restore(tmp_path / "s_iter_5.solverstate")
    set_inputs(case, solver)
    assert solver.iter == 5
    for k in range(5, int(case["iters"])):
        solver.step(1)
        for i, blob in enumerate(blobs(case, solver)):
            close(blob.data, case[f"params_{i}"][k], f"parameter {i} after {k + 1} iterations")


def test_all_recorded_runs_are_here():
    assert len(RUNS) >= 17 and len(SNAPSHOTS) == 2
