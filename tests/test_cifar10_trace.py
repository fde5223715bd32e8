"""The main job against the run of Caffe: the first 20 iterations of the CIFAR-10 batch-normalisation net.

The records of these iterations are kept with the tests; ``scripts/check_cifar10.py`` compares the whole run.
"""

import os

import numpy as np
import pytest
from cifar_records import GOLDEN, train_records

from minicaffe.data import write_lmdb
from minicaffe.solver import get_solver

ITERATIONS = 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The recorded net and solver, with the first 2,000 training records as its database."""
    folder = tmp_path_factory.mktemp("cifar10_bn")
    (folder / "cifar10").mkdir()
    images, labels = train_records(100 * ITERATIONS)
    for name in ("train", "test"):
        write_lmdb(folder / "cifar10" / f"cifar10_{name}_lmdb", [(images, labels)], len(labels), (3, 32, 32))
    for name in ("train_test.prototxt", "solver_rec.prototxt", "init.caffemodel"):
        (folder / name).write_bytes((GOLDEN / name).read_bytes())
    (folder / "cifar10" / "mean.binaryproto").write_bytes((GOLDEN / "mean.binaryproto").read_bytes())
    return folder


def distance(found, expected):
    return np.linalg.norm(found - expected) / max(np.linalg.norm(expected), 1e-12)


@pytest.mark.parametrize("plan", ["inspect", "fast"])
@pytest.mark.parametrize("kernels, apart", [("auto", 5e-5), ("direct", 2e-5)])
def test_first_iterations_are_caffes(folder, kernels, apart, plan):
    weights = {"weights": str(folder / "init.caffemodel")}
    solver = get_solver(folder / "solver_rec.prototxt", overrides=weights, kernels=kernels, plan=plan)
    losses = np.loadtxt(GOLDEN / "loss_per_iteration.txt")[:, 1]
    for iteration in range(ITERATIONS):
        solver.step(1)
        assert solver.net.loss == pytest.approx(losses[iteration], rel=2e-6), f"iteration {iteration}"
        if iteration + 1 in (1, 10):
            with np.load(GOLDEN / f"params_{iteration + 1}.npz") as params:
                for name in params.files:
                    layer, index = name.split("/")
                    found = solver.net.params[layer][int(index)].data
                    assert distance(found, params[name]) < apart, f"{name} after {iteration + 1} iterations"


@pytest.mark.parametrize(
    "stem, end, iteration, passes", [("short_iter_15", "", 15, 15), ("short_h5_iter_3", ".h5", 3, 6)]
)
def test_the_files_that_caffe_wrote_load(folder, stem, end, iteration, passes):
    solver = get_solver(folder / "solver_rec.prototxt")
    for name in (f"{stem}.caffemodel{end}", f"{stem}.solverstate{end}"):
        (folder / name).write_bytes((GOLDEN / name).read_bytes())
    solver.restore(os.path.join(folder, f"{stem}.solverstate{end}"))
    assert solver.iter == iteration
    assert float(solver.net.params["bn1"][2].data[0]) == pytest.approx(sum(0.999**k for k in range(passes)), rel=1e-5)
    assert np.abs(solver.rule.history).max() > 0
