#!/usr/bin/env python3
"""Compare a whole run of the CIFAR-10 batch-normalisation net with the run that was recorded from Caffe.

usage: python scripts/check_cifar10.py DATA [--iterations 500] [--plan fast|inspect]

DATA is a folder made by ``minicaffe data cifar10`` from the images of the recorded run (other images, or another
order, give other numbers). Starts from the recorded initial weights; compares the loss of each of the first 100
iterations, the parameters after 100, and the test accuracy after 100, 500 and 1,000 ... 5,000 iterations, after
5,000 with batch statistics too. Exits with status 1 if anything lies outside its bound.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

import minicaffe as caffe
from minicaffe.proto import parse_net

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden" / "cifar10_bn"


class Check:
    """Prints one line per comparison and counts those outside their bound."""

    def __init__(self):
        self.failed = 0

    def __call__(self, what: str, found: float, bound: float) -> None:
        good = bool(found <= bound)
        self.failed += not good
        print(f"{'ok  ' if good else 'FAIL'}  {what}: {found:.3g} (at most {bound:g})", flush=True)


def batch_statistics_accuracy(model: Path, plan: str) -> float:
    """Test accuracy with every BatchNorm layer using the statistics of its own batch."""
    text = Path("train_test.prototxt").read_text()
    text = text.replace('type: "BatchNorm"', 'type: "BatchNorm" batch_norm_param { use_global_stats: false }')
    with caffe.Net(parse_net(text, "train_test.prototxt"), caffe.TEST, str(model), plan=plan) as net:
        return float(np.mean([net.forward()["accuracy"] for _ in range(10)]))


def accuracy(solver) -> float:
    return next(output.value for output in solver.test(0).outputs if output.name == "accuracy")


def compare(solver, iterations: int, plan: str, check: Check) -> None:
    losses = np.loadtxt(GOLDEN / "loss_per_iteration.txt")[:, 1]
    recorded = {run["iter"]: run["accuracy"] for run in json.loads((GOLDEN / "rec500_test.json").read_text())}
    late = {run["iter"]: run["accuracy"] for run in json.loads((GOLDEN / "long_test.json").read_text())}
    worst = 0.0
    for k in range(iterations):
        loss = solver.step(1)
        if k < 100:
            worst = max(worst, abs(loss - losses[k]) / losses[k])
        done = k + 1
        if done == 100:
            check("loss of the first 100 iterations, relative difference", worst, 1e-4)
            with np.load(GOLDEN / "params_100.npz") as params:
                for name in params.files:
                    layer, index = name.split("/")
                    found, expected = solver.net.params[layer][int(index)].data, params[name]
                    distance = np.linalg.norm(found - expected) / np.linalg.norm(expected)
                    check(f"parameter {name} after 100 iterations, relative distance", distance, 1e-2)
        if done in recorded or done in late:
            caffes, bound = (recorded[done], 0.02) if done in recorded else (late[done], 0.04)
            ours = accuracy(solver)
            check(f"test accuracy after {done}: {ours:.4f}, Caffe {caffes:.4f}, difference", abs(ours - caffes), bound)
    if iterations >= 5000:
        model, _ = solver.snapshot()
        caffes = json.loads((GOLDEN / "bnstats.json").read_text())["5000/batch"]["accuracy"]
        ours = batch_statistics_accuracy(Path(model), plan)
        check(f"with batch statistics: {ours:.4f}, Caffe {caffes:.4f}, difference", abs(ours - caffes), 0.04)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--iterations", type=int, default=500)
    parser.add_argument("--plan", choices=["fast", "inspect"], default="fast")
    args = parser.parse_args()
    data = args.data.resolve()
    with tempfile.TemporaryDirectory() as folder:
        for name in ("train_test.prototxt", "solver_rec.prototxt", "init.caffemodel"):
            shutil.copy(GOLDEN / name, folder)
        Path(folder, "cifar10").symlink_to(data)
        os.chdir(folder)
        check = Check()
        solver = caffe.get_solver("solver_rec.prototxt", overrides={"weights": "init.caffemodel"}, plan=args.plan)
        compare(solver, args.iterations, args.plan, check)
        solver.close()
        os.chdir("/")
    print(f"{check.failed} outside their bounds" if check.failed else "all within their bounds")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
