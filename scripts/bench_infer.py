#!/usr/bin/env python3
"""Time a forward pass of deploy nets, alternating with PyTorch, OpenCV dnn and ONNX Runtime where installed.

usage: python scripts/bench_infer.py [MODEL ...] [--batch 1 8] [--plan fast|inspect|both] [--rounds 15] [--threads N]
                                     [--compile]

Weights are random; BatchNorm's statistics are those of one batch of noise, so that activations keep their size.
Every contestant gets the same weights and images and must give the same output. Medians and ratios are printed.
"""

import argparse
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from bench_train import MODELS, PLANS, measure, result_line

import minicaffe
from minicaffe.kernels._threads import set_threads, usable_cores
from minicaffe.net import Net
from minicaffe.proto import format_text, parse_net, read_net

NAMES = ("resnet50", "googlenet", "caffenet", "mobilenet")
ONNX_OPSET = 17


def with_batch(path: Path, batch: int) -> str:
    """The deploy net's text for images of this number."""
    param = read_net(str(path)).param
    for layer in param.layer:
        for shape in layer.input_param.shape:
            shape.dim[0] = batch
    return format_text(param)


def noise(shape):
    return np.random.default_rng(1).standard_normal(shape, np.float32)


def write_weights(text: str, file: Path) -> None:
    """Random weights, and statistics as a forward in TRAIN leaves them."""
    with Net(parse_net(text), minicaffe.TRAIN, seed=1) as net:
        for name in net.inputs:
            net.blobs[name].data[...] = noise(net.blobs[name].shape)
        net.forward()
        net.save(file)


def torch_runs(net, images, file: Path, threads: int, compile_too: bool):
    """name -> a function that returns the output, for each mode of PyTorch, and for ONNX Runtime from its export."""
    try:
        import torch
        from torch_twin import Twin
    except ImportError:
        print("  PyTorch is not installed, and so there is nothing to export for ONNX Runtime")
        return {}
    torch.set_num_threads(threads)

    def run(module, x):
        def forward():
            with torch.inference_mode():
                return module(x).numpy()

        return forward

    plain, last = Twin(net), Twin(net, channels_last=True)
    x, x_last = plain.load(net)[0], last.load(net)[0]
    runs = {"torch eager": run(plain, x), "torch channels_last": run(last, x_last)}
    if compile_too:
        runs["torch compile"] = run(torch.compile(plain), x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing is called outdated
        frozen = torch.jit.freeze(torch.jit.trace(plain, x))
        runs["torch frozen"] = run(frozen, x)
        frozen_last = torch.jit.freeze(torch.jit.trace(last, x_last))
        runs["torch frozen channels_last"] = run(frozen_last, x_last)
        runs["torch frozen optimized"] = run(torch.jit.optimize_for_inference(frozen), x)
        return {**runs, **onnx_runs(plain, x, images, file, threads)}


def onnx_runs(twin, x, images, file: Path, threads: int):
    try:
        import onnx  # noqa: F401  (the export needs it)
        import onnxruntime
        import torch
    except ImportError as missing:
        print(f"  ONNX Runtime is left out: {missing.name} is not installed")
        return {}
    torch.onnx.export(twin, (x,), str(file), opset_version=ONNX_OPSET, dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: images}
    return {"onnxruntime": lambda: session.run(None, feed)[0]}


def opencv_runs(text: str, weights: Path, images, threads: int):
    try:
        import cv2
    except ImportError:
        print("  OpenCV is not installed")
        return {}
    cv2.setNumThreads(threads)
    file = weights.with_suffix(".prototxt")
    file.write_text(text)
    net = cv2.dnn.readNetFromCaffe(str(file), str(weights))
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)

    def forward():
        net.setInput(images)
        return net.forward()

    return {"opencv": forward}


def our_runs(text: str, weights: Path, plans):
    """name -> a function that returns the output, for each plan; and their nets."""
    runs, nets = {}, []
    for plan in plans:
        net = Net(parse_net(text), minicaffe.TEST, str(weights), plan=plan)
        blob = net.blobs[net.inputs[0]].data
        blob[...] = noise(blob.shape)
        runs[plan] = lambda net=net: net.forward()[net.outputs[0]]
        nets.append(net)
    return runs, nets


def compare(name: str, batch: int, weights: Path, args) -> None:
    text, plans = with_batch(MODELS / name / "deploy.prototxt", batch), PLANS[args.plan]
    runs, nets = our_runs(text, weights, plans)
    images = nets[0].blobs[nets[0].inputs[0]].data
    runs.update(torch_runs(nets[0], images, weights.with_suffix(".onnx"), args.threads, args.compile))
    runs.update(opencv_runs(text, weights, images, args.threads))
    medians, results = measure(runs, args.rounds)
    for net in nets:
        net.close()
    mine, ours = {plan: medians.pop(plan) for plan in plans}, results[plans[0]]
    for plan in plans:
        print(f"{name:14} {batch:5} {plan:8} {result_line(mine[plan], medians)}", flush=True)
    for other, result in results.items():
        furthest = np.abs(result.reshape(ours.shape) - ours).max()
        if not furthest <= 1e-3 * np.abs(ours).max():
            print(f"  outputs differ: {other} by up to {furthest:.2g}, the largest is {np.abs(ours).max():.2g}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="*", default=NAMES, help=f"folders under models/ (default: {' '.join(NAMES)})")
    parser.add_argument("--batch", type=int, nargs="+", default=(1, 8))
    parser.add_argument("--plan", choices=PLANS, default="fast")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--compile", action="store_true", help="torch.compile too (slow to start)")
    args = parser.parse_args()
    set_threads(args.threads)
    head = f"{'model':14} {'batch':>5} {'plan':8} {'minicaffe':>9} {'faster':>8}"
    print(f"{head}  than the fastest beside it; medians in ms")
    for name in args.models:
        with tempfile.TemporaryDirectory() as folder:
            weights = Path(folder) / f"{name}.caffemodel"
            write_weights(with_batch(MODELS / name / "deploy.prototxt", 4), weights)
            for batch in args.batch:
                compare(name, batch, weights, args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
