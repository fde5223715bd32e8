"""The lessons under scripts/examples run as they are, and what they print is true."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minicaffe as caffe

EXAMPLES = Path(__file__).parents[1] / "scripts" / "examples"
PACKAGE = str(Path(caffe.__file__).parents[1])


def run(name, folder, *words):
    """The finished lesson, started in ``folder``; warnings are errors."""
    environment = {**os.environ, "PYTHONPATH": PACKAGE}
    command = [sys.executable, "-W", "error", EXAMPLES / name, *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def printed(name, folder, *words):
    done = run(name, folder, *words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_learn_lenet(tmp_path):
    pytest.importorskip("matplotlib")
    text = printed("learn_lenet.py", tmp_path, "--iterations", "40", "--out", "out", "--plot")
    assert "conv1  64 x 20 x 24 x 24" in text and "fc1    500 x 800 and 500" in text
    rows = re.findall(r"^ +(\d+)  (\d\.\d+) +(\d\.\d+) +((?: +\d+){10})$", text, re.MULTILINE)
    assert [int(row[0]) for row in rows] == [1, 5, 10, 15, 20, 25, 30, 35, 40]
    assert abs(float(rows[0][1]) - np.log(10)) < 0.5 and float(rows[-1][1]) < 1
    assert float(rows[0][2]) < 0.3 and float(rows[-1][2]) > 0.8
    with np.load(tmp_path / "out" / "watched.npz") as watched:
        assert watched["filters"].shape == (40, 20, 5, 5) and watched["scores"].shape == (40, 8, 10)
        assert len(watched["losses"]) == 40
        net = caffe.Net(tmp_path / "out" / "train.prototxt", caffe.TRAIN, weights=tmp_path / "out" / "lenet.caffemodel")
        np.testing.assert_array_equal(net.params["conv1"][0].data[:, 0], watched["filters"][-1])
        net.close()
    assert {"learning.png", "filters.png"} <= {path.name for path in (tmp_path / "out").iterdir()}


@pytest.mark.parametrize(
    "words, says",
    [
        (["--train", "."], "expected both, or none"),
        (["--train", "here", "--test", "there"], "here: no such folder; expected an LMDB"),
        (["--iterations", "0"], "--iterations is 0; expected at least 1"),
    ],
)
def test_learn_lenet_refuses(tmp_path, words, says):
    done = run("learn_lenet.py", tmp_path, *words)
    assert done.returncode == 2 and says in done.stderr and "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_net_surgery(tmp_path):
    text = printed("net_surgery.py", tmp_path)
    assert "the first map grows by 10.0, the others by 0.0" in text
    assert float(re.search(r"is right about (\d\.\d+) of 300", text)[1]) > 0.95
    assert "fc1   64 x 256  ->  fc1_conv   64 x 16 x 4 x 4" in text and "transplant gives the same weights" in text
    assert float(re.search(r"both nets differ by (\S+) at most", text)[1]) < 1e-3
    digits = [3, 1, 4, 1, 5, 9, 2, 6]
    assert f"read where digits stand, every 28 pixels: {digits}; written were {digits}" in text
    folder = tmp_path / "examples_out" / "net_surgery"  # where it writes unless told otherwise
    full = caffe.Net(folder / "convolutional.prototxt", caffe.TEST, weights=folder / "convolutional.caffemodel")
    assert full.params["score_conv"][0].shape == (11, 64, 1, 1)


def test_custom_layer(tmp_path):
    text = printed("custom_layer.py", tmp_path, "--out", "out")
    rows = re.findall(r"^ +(\d+) +(\S+) +(\S+) +(\S+)$", text, re.MULTILINE)
    assert len(rows) == 7
    for _, *losses in rows:
        np.testing.assert_allclose(np.array(losses, float), float(losses[0]), rtol=1e-3, atol=2e-6)
    assert text.count("found the plane [2.0, -1.0, 0.5] and the offset [3.0]") == 3
    foretold, found = re.search(r"slope by the gradient (\S+), by differences (\S+)", text).groups()
    assert float(found) == pytest.approx(float(foretold), rel=1e-5)
    assert re.search(r'layer "loss" \(Python\): .* ValueError: expected two bottoms \(.*custom_layer.py:\d+\)', text)
    assert 'unknown layer type "Sqared"; did you mean "Squared"?' in text
