"""Every recorded case through the real net: graph, splits, in-place versions, forward and backward."""

import json
from pathlib import Path

import numpy as np
import pytest

from minicaffe.errors import UsageError
from minicaffe.net import Net

GOLDEN = Path(__file__).parent / "golden" / "layers"
CASES = sorted(path for path in GOLDEN.glob("*/*.npz") if path.parent.name not in ("Data", "Filler"))
RTOL = 1e-4


def close(found, expected, what):
    scale = max(float(np.abs(expected).max(initial=0)), 1e-3)  # sums that cancel leave rounding only
    np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=RTOL, err_msg=what)


def blob_list(net):
    return [blob for blobs in net.params.values() for blob in blobs]


@pytest.mark.parametrize("plan", ["inspect", "fast"])
@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_case(path, plan, tmp_path):
    case = np.load(path)
    names = {key: json.loads(str(case[key])) for key in ("inputs", "outputs", "net_outputs", "untouched_diffs")}
    prototxt = tmp_path / "net.prototxt"
    prototxt.write_text(str(case["prototxt"]))
    for key in case.files:
        if key.startswith("file_"):
            (tmp_path / key.removeprefix("file_")).write_bytes(bytes(case[key]))
    net = Net(prototxt, str(case["phase"]), seed=1, plan=plan)
    assert net.outputs == names["net_outputs"]
    random = int(case["random"]) if "random" in case.files else 0
    for i, blob in enumerate(blob_list(net)):
        blob.data[...] = case[f"param_{i}"]
    for step in range(int(case["steps"])):
        run_step(net, case, names, f"@{step}" if step else "", random)


def kept(net, names, what):
    """The blobs whose arrays there are: in the fast plan at least the net's inputs and outputs."""
    there = []
    for name in names:
        try:
            getattr(net.blobs[name], what)
            there.append(name)
        except UsageError:
            assert name not in net.inputs + net.outputs
    return there


def run_step(net, case, names, suffix, random):
    for name in names["inputs"]:
        net.blobs[name].data[...] = case[f"in_{name}{suffix}"]
    net.forward()
    if random:
        return  # the statistics tests of the layer judge these
    for name in kept(net, names["outputs"], "data"):
        close(net.blobs[name].data, case[f"out_{name}{suffix}"], f"top {name}{suffix}")
    for i, blob in enumerate(blob_list(net)):
        if f"param_after_{i}{suffix}" in case.files:
            close(blob.data, case[f"param_after_{i}{suffix}"], f"parameter {i} after the forward{suffix}")
    if not int(case["backward"]):
        return
    net.clear_param_diffs()
    for name in names["net_outputs"]:
        if f"dtop_{name}{suffix}" in case.files:
            net.blobs[name].diff[...] = case[f"dtop_{name}{suffix}"]
    net.backward()
    for name in kept(net, net.blobs, "diff"):
        key = f"din_{name}{suffix}"
        if key in case.files and name not in names["untouched_diffs"]:
            close(net.blobs[name].diff, case[key], f"diff of {name}{suffix}")
    for i, blob in enumerate(blob_list(net)):
        if f"dparam_{i}{suffix}" in case.files:
            close(blob.diff, case[f"dparam_{i}{suffix}"], f"gradient of parameter {i}{suffix}")


def test_the_cases_are_here():
    assert len(CASES) > 90
    assert {"Net", "Convolution", "BatchNorm", "SoftmaxWithLoss"} <= {path.parent.name for path in CASES}
