#!/usr/bin/env python3
"""The study of models/bn_study/: train every net for every seed on CIFAR-10, and write a table and pictures.

usage: python scripts/bn_study.py --data FOLDER [--seeds 1,2,3] [--out FOLDER] [--jobs N] [--only NAME ...]
                                  [--iterations N]

``--data`` holds cifar10_train_lmdb, cifar10_test_lmdb and mean.binaryproto (minicaffe data cifar10). Every training
that ends adds a line to OUT/results.jsonl at once; the same command goes on where it was stopped, and one that finds
all lines there only writes the table (OUT/table.md) and the pictures again. ``--jobs`` trainings run side by side, with
one thread each: the results do not depend on it. ``--only`` takes names of trainings, as results.jsonl has them;
``--iterations`` cuts all trainings short, to try the script.

The learning rate falls in a straight line from 0.01 x batch / 64 to 0; BatchNorm's moving averages span 6,400 images,
whatever the batch; the test is over all test images, with the stored statistics.
"""

import argparse
import json
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from bn_study_nets import BATCH, WINDOW
from bn_study_plan import Training, trainings
from bn_study_report import draw, report

MODELS = Path(__file__).resolve().parent.parent / "models" / "bn_study"
BASE_RATE = 0.01
INIT_BATCH = 256  # images on which LSUV measures


def train(training: Training, seed: int, data: str, iterations: int | None) -> dict:
    """One training from its first weights to its test; what results.jsonl has of it."""
    from minicaffe.errors import NonFiniteError
    from minicaffe.kernels import _threads
    from minicaffe.solver import Solver
    from minicaffe.solver.definition import read_definition

    _threads.set_threads(1)
    began = time.perf_counter()
    steps = iterations or training.images // training.batch
    found = {"name": training.name, **training._asdict(), "seed": seed, "iterations": steps}
    with tempfile.TemporaryDirectory() as folder:
        overrides = {
            "net": str(MODELS / f"{training.net}.prototxt"),
            "weights": f"{folder}/first.caffemodel",
            "max_iter": str(steps),
            "base_lr": str(BASE_RATE * training.batch / BATCH),
            "snapshot": "0",
            "snapshot_prefix": f"{folder}/broken",  # where a loss is not finite
        }
        definition = read_definition(str(MODELS / "solver.prototxt"), overrides)
        place(definition.train.file.param, data, INIT_BATCH)
        write_first_weights(definition.train.file, training.method, seed, overrides["weights"])
        place(definition.train.file.param, data, training.batch)
        solver = Solver(definition, seed, plan="fast")
        try:
            found["train_loss"] = solver.step(steps)
            outputs = {output.name: output.value for output in solver.test(0).outputs}
            found.update(accuracy=outputs["accuracy"], loss=outputs["loss"])
        except NonFiniteError:
            found.update(accuracy=None, loss=None, stopped_at=solver.iter)
        finally:
            solver.close()
    return {**found, "seconds": round(time.perf_counter() - began, 1)}


def place(net, data: str, batch: int) -> None:
    """Let the net read the databases in ``data``, and train on ``batch`` images at a time."""
    for layer in net.layer:
        if layer.type == "Data":
            layer.transform_param.mean_file = f"{data}/mean.binaryproto"
            layer.data_param.source = f"{data}/{Path(layer.data_param.source).name}"
            if "train" in layer.data_param.source:
                layer.data_param.batch_size = batch
        elif layer.type == "BatchNorm":
            layer.batch_norm_param.moving_average_fraction = 1 - batch / WINDOW


def write_first_weights(file, method: str, seed: int, path: str) -> None:
    from minicaffe import Net
    from minicaffe.analysis.initialise import initialise

    with Net(file, "TRAIN", seed=seed) as net:
        initialise(net, method, tolerance=0.1)
        net.save(path)


def read_results(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def add_result(path: Path, result: dict) -> None:
    """The file with one more line, whole or not at all."""
    from minicaffe.proto.files import replace_whole

    text = "".join(json.dumps(one) + "\n" for one in [*read_results(path), result])
    replace_whole(path, lambda temporary: Path(temporary).write_text(text))


def run_all(work: list[tuple[Training, int]], data: str, iterations: int | None, jobs: int, path: Path) -> None:
    """Train what is in ``work``; each result is written as it comes."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        pending = [pool.submit(train, training, seed, data, iterations) for training, seed in work]
        try:
            for i, future in enumerate(as_completed(pending), 1):
                result = future.result()
                add_result(path, result)
                said = "not finite" if result["accuracy"] is None else f"accuracy {result['accuracy']:.4f}"
                said += f", {result['seconds']:.0f} s"
                print(f"{i} of {len(work)}: {result['name']}, seed {result['seed']}: {said}", flush=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def write_report(results: list[dict], out: Path) -> None:
    """table.md, and study.png, study-dark.png and study.svg where matplotlib is installed."""
    from minicaffe.errors import UsageError

    (out / "table.md").write_text(report(results))
    print(f"wrote {out / 'table.md'}")
    try:
        for name, dark in (("study.png", False), ("study-dark.png", True), ("study.svg", False)):
            draw(results, out / name, dark)
            print(f"wrote {out / name}")
    except UsageError as error:
        print(f"no pictures: {error}")


def whole_numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=whole_numbers, default="1,2,3")
    parser.add_argument("--out", type=Path, default=Path("bn_study"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--iterations", type=int)
    args = parser.parse_args()
    names = {training.name for training in trainings()}
    if args.only and not names.issuperset(args.only):
        parser.error(f"--only knows {'; '.join(sorted(names))}")
    for name in ("cifar10_train_lmdb", "cifar10_test_lmdb", "mean.binaryproto"):
        if not (args.data / name).exists():
            parser.error(f"--data: {args.data} has no {name}; minicaffe data cifar10 makes it")
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "results.jsonl"
    done = {(one["name"], one["seed"], one["iterations"]) for one in read_results(path)}
    work = [
        (training, seed)
        for seed in args.seeds
        for training in trainings()
        if not args.only or training.name in args.only
        if (training.name, seed, args.iterations or training.images // training.batch) not in done
    ]
    began = time.perf_counter()
    if work:
        run_all(work, str(args.data.resolve()), args.iterations, args.jobs, path)
        print(f"{len(work)} trainings in {(time.perf_counter() - began) / 60:.1f} minutes")
    write_report(read_results(path), args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
