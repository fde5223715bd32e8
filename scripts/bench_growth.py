#!/usr/bin/env python3
"""How the time of a training iteration grows with the batch, the width, the depth and the threads.

usage: python scripts/bench_growth.py [--batch N ...] [--width N ...] [--depth N ...] [--threads N ...]
                                      [--rounds 9] [--torch] [--plot FILE]

The nets are made here: ``depth`` times convolution 3x3, BatchNorm, Scale and ReLU with ``width`` channels on images of
3 x 32 x 32, then pooling, an inner product and a loss. Each series varies one number and leaves the others at the
middle of theirs, the threads at most. The contestants take turns; medians in milliseconds are printed, and ``--plot``
draws them with matplotlib.
"""

import argparse
import sys

from bench_train import Ours, measure, torch_steps

from minicaffe.analysis.palette import LIGHT, colour, mark
from minicaffe.kernels._threads import set_threads, usable_cores
from minicaffe.proto import caffe_pb2

SERIES = ("batch", "width", "depth", "threads")
_PIXELS = 32
_CONVOLUTION = """
layer {{ name: "conv{i}" type: "Convolution" bottom: "{below}" top: "conv{i}" convolution_param {{
  num_output: {width} kernel_size: 3 pad: 1 bias_term: false weight_filler {{ type: "msra" }} }} }}
layer {{ name: "bn{i}" type: "BatchNorm" bottom: "conv{i}" top: "bn{i}" }}
layer {{ name: "scale{i}" type: "Scale" bottom: "bn{i}" top: "scale{i}" scale_param {{ bias_term: true }} }}
layer {{ name: "relu{i}" type: "ReLU" bottom: "scale{i}" top: "relu{i}" }}
"""
_NET = """
name: "growth"
layer {{ name: "data" type: "Input" top: "data" top: "label" input_param {{
  shape {{ dim: {batch} dim: 3 dim: {pixels} dim: {pixels} }} shape {{ dim: {batch} }} }} }}
{middle}
layer {{ name: "pool" type: "Pooling" bottom: "relu{last}" top: "pool" pooling_param {{
  pool: AVE global_pooling: true }} }}
layer {{ name: "ip" type: "InnerProduct" bottom: "pool" top: "ip" inner_product_param {{
  num_output: 10 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }}
"""


def net_text(batch: int, width: int, depth: int) -> str:
    """A net of the family."""
    below = ["data", *(f"relu{i}" for i in range(1, depth))]
    middle = "".join(_CONVOLUTION.format(i=i, below=name, width=width) for i, name in enumerate(below, start=1))
    return _NET.format(batch=batch, pixels=_PIXELS, middle=middle, last=depth)


def time_one(facts: dict[str, int], rounds: int, with_torch: bool) -> dict[str, float]:
    """Medians in milliseconds, by contestant."""
    set_threads(facts["threads"])
    text = net_text(facts["batch"], facts["width"], facts["depth"])
    solver = caffe_pb2.SolverParameter(base_lr=0.01, momentum=0.9, lr_policy="fixed")
    trainings = {plan: Ours(text, solver, plan) for plan in ("fast", "inspect")}
    for ours in trainings.values():
        ours.set_inputs(1.0)
    steps = {plan: ours.step for plan, ours in trainings.items()}
    if with_torch:
        steps.update(torch_steps(trainings["fast"], solver, facts["threads"], False))
    return measure(steps, rounds)[0]


def draw(tables, file: str) -> None:
    """A picture of every series, both axes logarithmic: two beside one another, what the lines mean above them."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator

    down = (len(tables) + 1) // 2
    height = 2.9 * down + 0.6
    figure = Figure(figsize=(6.4, height))
    places = figure.subplots(down, 2, squeeze=False).ravel()
    for place, (series, rows) in zip(places, tables.items()):
        numbers = [number for number, _ in rows]
        for i, name in enumerate(rows[0][1]):
            how = {"color": colour(i), "marker": mark(i), "label": name}
            place.loglog(numbers, [found[name] for _, found in rows], **how)
        place.set(xlabel=series, ylabel="ms per iteration")
        place.set_xticks(numbers, [str(number) for number in numbers])
        place.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        place.yaxis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:g}"))
        place.minorticks_off()
        place.grid(True, color=LIGHT["faint"], lw=0.6)
    for place in places[len(tables) :]:
        place.set_visible(False)
    figure.legend(*places[0].get_legend_handles_labels(), loc="upper center", ncols=2, frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.55 / height))
    figure.savefig(file, dpi=160)


def main() -> int:
    cores = usable_cores()
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--batch", type=int, nargs="+", default=(16, 32, 64, 128, 256))
    parser.add_argument("--width", type=int, nargs="+", default=(8, 16, 32, 64, 128))
    parser.add_argument("--depth", type=int, nargs="+", default=(1, 2, 4, 8, 16))
    parser.add_argument("--threads", type=int, nargs="+", default=tuple(range(1, cores + 1)))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--torch", action="store_true", help="PyTorch too")
    parser.add_argument("--plot", metavar="FILE", help="draw the series (needs matplotlib)")
    args = parser.parse_args()
    choices = {series: sorted(getattr(args, series)) for series in SERIES}
    middle = {series: numbers[len(numbers) // 2] for series, numbers in choices.items()}
    middle["threads"] = max(choices["threads"])
    tables = {}
    for series, numbers in choices.items():
        others = ", ".join(f"{name} {number}" for name, number in middle.items() if name != series)
        print(f"{series}, with {others}; medians in ms")
        rows = []
        for number in numbers:
            found = time_one({**middle, series: number}, args.rounds, args.torch)
            if not rows:
                print(f"{series:>9}" + "".join(f"{name:>21}" for name in found))
            rows.append((number, found))
            print(f"{number:>9}" + "".join(f"{ms:>21.2f}" for ms in found.values()), flush=True)
        tables[series] = rows
    if args.plot:
        draw(tables, args.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
