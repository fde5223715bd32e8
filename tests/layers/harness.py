"""Runs one layer through the layer contract, without a net: Caffe's recorded figures and gradient checks.

Both enforce what a layer declares. Arrays that ``backward_reads`` leaves out are filled with NaN before
backward, bottom diffs hold NaN and parameter diffs hold ones before it, bottom 0 and top 0 are one array where
the case runs in place and the layer allows it.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from minicaffe.fillers import fill, generator
from minicaffe.layers import layer_class
from minicaffe.proto import caffe_pb2
from minicaffe.proto.text import parse_text

RTOL = 1e-4
TINY = 1e-7


def layer_param(text: str, bottoms: int = 0, tops: int = 0):
    """A LayerParameter from prototxt fields; bottoms ``b0, b1, ...`` and tops ``t0, ...`` where it names none."""
    param = parse_text(text, caffe_pb2.LayerParameter, "test.prototxt")
    if not param.bottom:
        param.bottom.extend(f"b{i}" for i in range(bottoms))
    if not param.top:
        param.top.extend(f"t{i}" for i in range(tops))
    param.name = param.name or "layer"
    return param


class LayerRun:
    """A layer and its arrays, allocated as the framework does it: zeros, then fillers.

    ``in_place``: tops[0] and bottoms[0] share data, unless backward reads bottoms; their diffs always do.
    """

    def __init__(self, param, bottom_shapes, phase="TRAIN", dtype="float32", in_place=False, seed=1):
        self.layer = layer = layer_class(param.type)(param, phase)
        layer.dtype = str(dtype)
        if layer.reads_files:
            layer.open()
        inferred = layer.infer(*[tuple(shape) for shape in bottom_shapes])
        assert len(inferred.tops) == len(param.top), f"{param.type} inferred {len(inferred.tops)} tops"
        dtype = np.dtype(dtype)
        layer.seed = seed
        layer.params = [np.zeros(p.shape, dtype) for p in inferred.params]
        layer.param_diffs = [np.zeros(p.shape, dtype) if p.learned else None for p in inferred.params]
        for i, p in enumerate(inferred.params):
            if p.filler is not None:
                layer.params[i][...] = fill(p.shape, p.filler, generator(seed, i), dtype)
        work = {k: np.zeros(s.shape, s.dtype or dtype) for k, s in inferred.scratch.items()}
        layer.scratch = SimpleNamespace(**work)
        self.bottoms = [np.zeros(shape, dtype) for shape in bottom_shapes]
        self.bottom_diffs = [np.full(shape, np.nan, dtype) for shape in bottom_shapes]
        for i in layer.no_gradient:
            if i < len(self.bottom_diffs):
                self.bottom_diffs[i] = None
        self.tops, self.top_diffs = self._make_tops(inferred.tops, dtype, in_place)
        layer.begin(self.tops)
        if layer.loss:
            self.top_diffs[0].fill(param.loss_weight[0] if param.loss_weight else 1.0)

    def _make_tops(self, shapes, dtype, in_place):
        layer = self.layer
        tops = [np.full(shape, np.nan, dtype) for shape in shapes]
        top_diffs = [np.zeros(shape, dtype) for shape in shapes]
        if layer.shares:
            tops = [self.bottoms[0].reshape(shape) for shape in shapes]
        if layer.shares == "data+diff":
            top_diffs = [self.bottom_diffs[0].reshape(shape) for shape in shapes]
        if in_place:
            assert layer.in_place, f"{layer.type} does not declare in_place"
            if "bottoms" not in layer.backward_reads:
                tops[0] = self.bottoms[0].reshape(tops[0].shape)
            if self.bottom_diffs[0] is not None:
                top_diffs[0] = self.bottom_diffs[0].reshape(tops[0].shape)
        return tops, top_diffs

    def forward(self, *values) -> list[np.ndarray]:
        """Set the bottoms and run; returns the tops."""
        for bottom, value in zip(self.bottoms, values, strict=True):
            bottom[...] = value
        if self.layer.dynamic:
            self._follow()
        if not self.layer.shares:
            self.layer.forward(self.bottoms, self.tops)
        return self.tops

    def _follow(self):
        shapes, dtype = self.layer.reshape(self.bottoms), self.tops[0].dtype
        self.tops = [np.full(shape, np.nan, dtype) for shape in shapes]
        self.top_diffs = [np.zeros(shape, dtype) for shape in shapes]

    def backward(self, *diffs) -> list[np.ndarray]:
        """Set the top diffs (None: leave) and run; returns the bottom diffs. Parameter diffs start from one."""
        layer = self.layer
        for bottom_diff in self.bottom_diffs:
            if bottom_diff is not None:
                bottom_diff.fill(np.nan)
        for top_diff, value in zip(self.top_diffs, diffs):
            if value is not None:
                top_diff[...] = value
        for diff in layer.param_diffs:
            if diff is not None:
                diff.fill(1)
        bottoms, tops = self._only_what_is_read()
        if layer.shares != "data+diff":
            layer.backward(bottoms, tops, self.top_diffs, self.bottom_diffs)
        for diff in layer.param_diffs:
            if diff is not None:
                diff -= 1
        return self.bottom_diffs

    def _only_what_is_read(self):
        reads = self.layer.backward_reads
        bottoms = self.bottoms if "bottoms" in reads else [np.full_like(b, np.nan) for b in self.bottoms]
        tops = self.tops if "tops" in reads else [np.full_like(t, np.nan) for t in self.tops]
        return bottoms, tops


def make(text: str, *bottom_shapes, tops: int = 1, **options) -> LayerRun:
    """A LayerRun from prototxt fields and bottom shapes."""
    return LayerRun(layer_param(text, len(bottom_shapes), tops), bottom_shapes, **options)


# -- Caffe's figures -----------------------------------------------------------------------------------------


def assert_close(found, expected, what: str, rtol: float = RTOL) -> None:
    """Equal shapes, and values within ``rtol`` of the largest expected magnitude."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, f"{what}: shape {found.shape}, expected {expected.shape}"
    if not expected.size:
        return
    bad_kind = np.isfinite(found) != np.isfinite(expected)
    assert not bad_kind.any(), f"{what}: found {found[bad_kind][:3]}, expected {expected[bad_kind][:3]}"
    finite = np.isfinite(expected)
    if not finite.any():
        return
    error = np.abs(np.where(finite, found, 0).astype(float) - np.where(finite, expected, 0))
    allowed = rtol * np.abs(expected[finite]).max() + TINY
    at = np.unravel_index(error.argmax(), error.shape)
    where = tuple(int(i) for i in at)
    assert error.max() <= allowed, f"{what}{where}: found {found[at]}, expected {expected[at]}, within {allowed:.1e}"


def golden_net(path):
    """(npz, NetParameter, its layers that are not Input)."""
    case = np.load(path)
    net = parse_text(str(case["prototxt"]), caffe_pb2.NetParameter, str(path))
    return case, net, [layer for layer in net.layer if layer.type != "Input"]


def golden_paths(folder) -> list[Path]:
    """The recorded cases below ``folder`` that hold one layer and nothing random: what ``run_golden`` can run."""
    found = []
    for path in sorted(Path(folder).glob("*/*.npz")):
        case, _, layers = golden_net(path)
        single = len(layers) == 1 and len(set(layers[0].bottom)) == len(layers[0].bottom)
        files = any(key.startswith("file_") for key in case.files)
        if single and path.parent.name not in ("Data", "Filler") and not files and not _random(case):
            found.append(path)
    return found


def _random(case) -> bool:
    return "random" in case.files and bool(case["random"])


def golden_run(path) -> tuple[dict, LayerRun]:
    """The npz and a LayerRun with its parameters set, for the one layer of a case."""
    case, net, layers = golden_net(path)
    assert len(layers) == 1, f"{path}: found {len(layers)} layers, expected one"
    (param,) = layers
    shapes = {i.top[0]: tuple(i.input_param.shape[0].dim) for i in net.layer if i.type == "Input"}
    in_place = bool(param.top) and param.top[0] in param.bottom
    run = LayerRun(param, [shapes[name] for name in param.bottom], str(case["phase"]), in_place=in_place)
    expected_params = len(json.loads(str(case["param_names"])))
    assert len(run.layer.params) == expected_params, f"{path}: {len(run.layer.params)} parameters"
    for i, values in enumerate(run.layer.params):
        values[...] = case[f"param_{i}"].reshape(values.shape)
    return case, run


def run_golden(path, rtol: float = RTOL) -> None:
    """Run every step of a recorded case and compare tops, diffs and parameters with Caffe's."""
    case, run = golden_run(path)
    param, untouched = run.layer.param, json.loads(str(case["untouched_diffs"]))
    label = f"{Path(path).parent.name}/{Path(path).stem}"
    for step in range(int(case["steps"])):
        at = f"@{step}" if step else ""
        tops = run.forward(*[case[f"in_{name}{at}"] for name in param.bottom])
        for name, top in zip(param.top, tops):
            assert_close(top, case[f"out_{name}{at}"], f"{label} out_{name}{at}", rtol)
        for i, values in enumerate(run.layer.params):
            if f"param_after_{i}{at}" in case.files:
                assert_close(values, case[f"param_after_{i}{at}"], f"{label} param_after_{i}{at}", rtol)
        if not int(case["backward"]):
            continue
        diffs = run.backward(*[_top_diff(case, name, at) for name in param.top])
        for name, diff in zip(param.bottom, diffs):
            if name not in untouched and f"din_{name}{at}" in case.files:
                assert diff is not None, f"{label}: no gradient for {name}"
                assert_close(diff, case[f"din_{name}{at}"], f"{label} din_{name}{at}", rtol)
        for i, diff in enumerate(run.layer.param_diffs):
            if diff is not None:
                assert_close(diff, case[f"dparam_{i}{at}"], f"{label} dparam_{i}{at}", rtol)


def _top_diff(case, name, at):
    return case[f"dtop_{name}{at}"] if f"dtop_{name}{at}" in case.files else None


# -- gradient check ------------------------------------------------------------------------------------------


def gradient_check(
    layer_text: str,
    bottom_shapes,
    phase: str = "TRAIN",
    *,
    values=None,
    params=None,
    tops: int = 1,
    in_place: bool = False,
    step: float = 1e-6,
    rtol: float = 1e-5,
    seed: int = 0,
) -> None:
    """Compare backward with central differences in float64, along random directions.

    The tops are projected on random vectors; for each bottom that takes a gradient and each learned parameter,
    the slope along three random directions must equal the product with the diff. ``values`` gives bottoms that
    are not to be random (None for those that are); ``params`` likewise gives parameters.
    """
    random = np.random.default_rng(seed)
    param = layer_param(layer_text, len(bottom_shapes), tops)
    run = LayerRun(param, bottom_shapes, phase, "float64", in_place)
    layer = run.layer
    given = values or [None] * len(bottom_shapes)
    point = [
        random.standard_normal(shape) if value is None else np.asarray(value, float)
        for shape, value in zip(bottom_shapes, given, strict=True)
    ]
    for i, blob in enumerate(layer.params):
        if params is not None and params[i] is not None:
            blob[...] = params[i]
        elif layer.param_diffs[i] is not None:
            blob[...] = random.standard_normal(blob.shape)
    state, kept = layer.state(), [blob.copy() for blob in layer.params]
    if layer.dynamic:
        run.forward(*point)
    weights = [random.standard_normal(top.shape) for top in run.tops]
    if layer.loss:
        weights = [np.full(top.shape, float(i == 0)) for i, top in enumerate(run.tops)]

    def project() -> float:
        _restore(layer, state, kept)
        return sum(float(np.sum(w * top)) for w, top in zip(weights, run.forward(*point)))

    project()
    diffs = [None if diff is None else diff.copy() for diff in run.backward(*weights)]
    checks = [(f"bottom {i}", point[i], diff) for i, diff in enumerate(diffs) if diff is not None]
    checks += [(f"param {i}", kept[i], d.copy()) for i, d in enumerate(layer.param_diffs) if d is not None]
    assert checks, f"{layer.type}: nothing takes a gradient"
    for what, variable, diff in checks:
        for _ in range(3):
            direction = random.standard_normal(variable.shape)
            centre = variable.copy()
            variable[...] = centre + step * direction
            above = project()
            variable[...] = centre - step * direction
            below = project()
            variable[...] = centre
            found, expected = float(np.sum(diff * direction)), (above - below) / (2 * step)
            allowed = rtol * max(1.0, abs(expected), float(np.linalg.norm(diff)))
            assert abs(found - expected) <= allowed, (
                f"{layer.type} {what}: backward gives {found:.9g}, differences give {expected:.9g}"
            )


def _restore(layer, state, kept) -> None:
    if state:
        layer.restore(state)
    for blob, value in zip(layer.params, kept):
        blob[...] = value
