"""The commands of the guide to batch normalisation run as they stand, on a few images and for a few iterations."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from minicaffe.cli import main
from minicaffe.data.lmdb_writer import write_lmdb

ROOT = Path(__file__).resolve().parent.parent
GUIDE = ROOT / "models" / "bn_study" / "README.md"
ITERATIONS = {"500": "12", "200": "4"}


def commands():
    """The words of each command, with the shell's variables in their places."""
    variables = {}
    for line in re.findall(r"^    (\S.*)", GUIDE.read_text(), re.MULTILINE):
        for old, new in ITERATIONS.items():
            line = re.sub(rf"(max_iter=|_iter_){old}\b", rf"\g<1>{new}", line)
        assigned = re.fullmatch(r"(\w)=(\S+)", line)
        if assigned:
            variables[assigned[1]] = assigned[2]
        elif line.startswith("minicaffe "):
            yield shlex.split(re.sub(r"\$(\w)", lambda name: variables[name[1]], line))[1:]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A folder with the models and a CIFAR-10 of a few made images."""
    random = np.random.default_rng(0)
    labels = np.arange(200, dtype=np.uint8) % 10
    images = random.integers(0, 100, (200, 3, 32, 32)) + labels[:, None, None, None] * 15
    folder = tmp_path / "data" / "cifar10"
    folder.mkdir(parents=True)
    for name in ("train", "test"):
        write_lmdb(folder / f"cifar10_{name}_lmdb", [(images.astype(np.uint8), labels)], 200, (3, 32, 32), name)
    (tmp_path / "models").symlink_to(ROOT / "models")
    monkeypatch.chdir(tmp_path)
    assert main(["compute-image-mean", "data/cifar10/cifar10_train_lmdb", "data/cifar10/mean.binaryproto"]) == 0
    return tmp_path


def test_every_command_of_the_guide_runs(checkout, capsys):
    found = list(commands())
    assert len(found) > 15
    for words in found:
        if words == ["data", "cifar10"]:  # would replace the images
            continue
        status = main(words)
        shown = capsys.readouterr()
        assert status == (words[0] == "diff"), (words, shown.out[-500:], shown.err[-500:])
