#!/usr/bin/env python3
"""Time a training iteration of each model, alternating with PyTorch where it is installed.

usage: python scripts/bench_train.py [MODEL ...] [--plan fast|inspect|both] [--rounds 15] [--threads N] [--compile]

Data layers are replaced by inputs in memory, so that only the net and the update are timed. In each round
every contestant has its turn; the first rounds are thrown away; medians and ratios are printed. The loss of the
first iteration is compared, so that equal work is timed. The resident memory is that of a process which does nothing
else; of it the arena is what the fast plan's values take.
"""

import argparse
import multiprocessing
import statistics
import sys
import time
from pathlib import Path

import numpy as np

import minicaffe
from minicaffe.kernels._threads import set_threads, usable_cores
from minicaffe.net import Net
from minicaffe.proto import caffe_pb2, format_text, parse_net, read_net, read_solver
from minicaffe.solver.rates import learning_rate
from minicaffe.solver.rules import make_rule
from minicaffe.timing import resident_bytes

MODELS = Path(__file__).resolve().parent.parent / "models"
ITEM = {"lenet": (1, 28, 28)}  # others are 3 x 32 x 32
SPREAD = 50  # of the pixels of natural images
WARM_UP = 3  # rounds
SETTLE, TURN = 0.1, 0.05  # seconds
PLANS = {"fast": ("fast",), "inspect": ("inspect",), "both": ("fast", "inspect")}


def in_memory(path: Path, item) -> tuple[str, float]:
    """The training net's text with Input layers in the place of those that make data, and its images' spread."""
    param, spread = read_net(str(path)).param, 1.0
    for layer in param.layer:
        if layer.type == "Data":
            batch, spread = layer.data_param.batch_size, SPREAD * layer.transform_param.scale
            shapes = [(batch, *item), (batch,)][: len(layer.top)]
        elif layer.type == "DummyData":
            shapes = [tuple(shape.dim) for shape in layer.dummy_data_param.shape]
        else:
            continue
        for field in ("data_param", "transform_param", "dummy_data_param"):
            layer.ClearField(field)
        layer.type = "Input"
        layer.input_param.shape.extend(caffe_pb2.BlobShape(dim=shape) for shape in shapes)
    return format_text(param), spread


class Ours:
    """A training iteration of this program, without displays and tests."""

    def __init__(self, text, solver, plan="fast"):
        self.net = Net(parse_net(text), minicaffe.TRAIN, seed=1, plan=plan)
        self.param, self.rule = solver, make_rule(solver, self.net.arena)

    def set_inputs(self, spread):
        random = np.random.default_rng(1)
        for name in self.net.inputs:
            blob = self.net.blobs[name].data
            blob[...] = random.integers(0, 10, blob.shape) if blob.ndim == 1 else random.normal(0, spread, blob.shape)

    def step(self):
        self.net.clear_param_diffs()
        loss = self.net.forward_backward()
        self.rule.apply(learning_rate(self.param, 0), self.rule.gradient_norm())
        return loss


def torch_steps(ours, solver, threads, compile_too):
    """name -> a function that runs one iteration, for each mode of PyTorch."""
    try:
        import torch
        from torch_twin import Twin
    except ImportError:
        return {}
    torch.set_num_threads(threads)

    def iteration(twin, forward):
        inputs, optimizer = twin.load(ours.net), twin.optimizer(solver, learning_rate(solver, 0))

        def step():
            loss = forward(*inputs)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            return float(loss.detach())

        return step

    modes = {"torch eager": Twin(ours.net), "torch channels_last": Twin(ours.net, channels_last=True)}
    steps = {mode: iteration(twin, twin) for mode, twin in modes.items()}
    if compile_too:
        twin = Twin(ours.net)
        steps["torch compile"] = iteration(twin, torch.compile(twin))
    return steps


def measure(steps, rounds):
    """Medians in milliseconds and first results, the contestants taking turns.

    At each turn a contestant runs untimed for SETTLE seconds, because threads of the one before may still spin for some
    milliseconds, and then timed, once or for TURN seconds.
    """
    times, results = {name: [] for name in steps}, {}
    for index in range(WARM_UP + rounds):
        for name, step in steps.items():
            settled = time.perf_counter() + SETTLE
            results.setdefault(name, np.copy(step()))
            while time.perf_counter() < settled:
                step()
            began = now = time.perf_counter()
            while now == began or now < began + TURN:
                before = now
                step()
                now = time.perf_counter()
                if index >= WARM_UP:
                    times[name].append(1e3 * (now - before))
    return {name: statistics.median(found) for name, found in times.items()}, results


def memory(name: str, plan: str, threads: int) -> tuple[int | None, int | None]:
    """Bytes after a few iterations: resident in a process of their own, and of the fast plan's arena."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_memory, (name, plan, threads))


def _memory(name, plan, threads):
    set_threads(threads)
    ours = load(name, plan)[0]
    for _ in range(WARM_UP):
        ours.step()
    return resident_bytes(), ours.net.runner.bytes if ours.net.runner else None


def load(name: str, plan: str):
    """A model's training and its solver, the inputs in memory."""
    solver = read_solver(str(MODELS / name / "solver.prototxt"))
    text, spread = in_memory(MODELS / name / "train_test.prototxt", ITEM.get(name, (3, 32, 32)))
    ours = Ours(text, solver, plan)
    ours.set_inputs(spread)
    return ours, solver


def memory_line(resident, arena) -> str:
    parts = [f"{resident / 1e6:.0f} MB resident"] if resident is not None else []
    parts += [f"{arena / 1e6:.1f} MB in the arena"] if arena is not None else []
    return "  " + ", ".join(parts)


def result_line(mine, others):
    """minicaffe's median, how many times as fast it is as the fastest of the others, and their medians."""
    if not others:
        return f"{mine:9.1f}           nothing beside it"
    listed = ", ".join(f"{name} {ms:.1f}" for name, ms in sorted(others.items(), key=lambda item: item[1]))
    return f"{mine:9.1f} {min(others.values()) / mine:7.2f}x  {listed}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="*", help="folders under models/ (default: all)")
    parser.add_argument("--plan", choices=PLANS, default="fast")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--compile", action="store_true", help="torch.compile too (slow to start)")
    args = parser.parse_args()
    set_threads(args.threads)
    names = args.models or sorted(path.parent.name for path in MODELS.glob("*/train_test.prototxt"))
    print(f"{'model':20} {'plan':8} {'minicaffe':>9} {'faster':>8}  than the fastest beside it; medians in ms")
    for name in names:
        plans = PLANS[args.plan]
        trainings = {plan: load(name, plan) for plan in plans}
        steps = {plan: ours.step for plan, (ours, _) in trainings.items()}
        ours, solver = trainings[plans[0]]
        medians, losses = measure({**steps, **torch_steps(ours, solver, args.threads, args.compile)}, args.rounds)
        mine = {plan: medians.pop(plan) for plan in plans}
        for plan in plans:
            print(f"{name:20} {plan:8} {result_line(mine[plan], medians)}")
            print(memory_line(*memory(name, plan, args.threads)), flush=True)
        dropout = any(node.type == "Dropout" for node in ours.net.graph.nodes)
        for other, loss in losses.items():
            if abs(loss - losses[plans[0]]) > 1e-3 * abs(losses[plans[0]]) and not dropout:
                print(f"  first loss differs: minicaffe {losses[plans[0]]:.6f}, {other} {loss:.6f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
