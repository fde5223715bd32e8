"""What the tests of the command line share: tiny data, tiny nets, and the command in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import minicaffe

NET = """# minicaffe: ok bn-without-scale
name: "tiny"
layer {{
  name: "data" type: "Data" top: "data" top: "label" include {{ phase: TRAIN }}
  data_param {{ source: "{train}" batch_size: 8 backend: LMDB }} transform_param {{ scale: 0.00390625 }}
}}
layer {{
  name: "data" type: "Data" top: "data" top: "label" include {{ phase: TEST }}
  data_param {{ source: "{test}" batch_size: 5 backend: LMDB }} transform_param {{ scale: 0.00390625 }}
}}
layer {{
  name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param {{ num_output: 4 kernel_size: 3 bias_term: false weight_filler {{ type: "xavier" }} }}
}}
layer {{ name: "bn" type: "BatchNorm" bottom: "conv" top: "conv" }}
layer {{ name: "relu" type: "ReLU" bottom: "conv" top: "conv" }}
layer {{
  name: "ip" type: "InnerProduct" bottom: "conv" top: "ip"
  inner_product_param {{ num_output: {classes} weight_filler {{ type: "xavier" }} }}
}}
layer {{ name: "accuracy" type: "Accuracy" bottom: "ip" bottom: "label" top: "accuracy" include {{ phase: TEST }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }}
"""

SOLVER = """
net: "net.prototxt"
test_iter: 2
test_interval: 10
base_lr: 0.05
momentum: 0.9
lr_policy: "step"
gamma: 1
stepsize: 5000
display: 5
max_iter: 20
snapshot: 15
snapshot_prefix: "snap/tiny"
random_seed: 3
"""


class Project:
    """A folder with data, a net and a solver, and the command to run in it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.processes: list[subprocess.Popen] = []

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def net(self, name: str = "net.prototxt", classes: int = 3, old: str = "", new: str = "") -> Path:
        """Write the net, with ``old`` replaced by ``new``."""
        text = NET.format(train="train_lmdb", test="test_lmdb", classes=classes)
        assert old in text
        return self.write(name, text.replace(old, new))

    def solver(self, old: str = "", new: str = "") -> Path:
        """Write the solver, with ``old`` replaced by ``new``."""
        assert old in SOLVER
        return self.write("solver.prototxt", SOLVER.replace(old, new))

    def start(self, *words: str, **options) -> subprocess.Popen:
        """The command in a process of its own, running the package that the tests import."""
        source = str(Path(minicaffe.__file__).parents[1])
        path = os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "error"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        words = (sys.executable, "-m", "minicaffe", *words)
        self.processes.append(subprocess.Popen(words, cwd=self.folder, env=environment, **pipes))
        return self.processes[-1]

    def close(self) -> None:
        """End what is still running."""
        for process in self.processes:
            process.kill()
            with process:
                pass

    def files(self) -> set[str]:
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project in the working directory: 40 training and 10 test images of 1 x 6 x 6 in 3 classes."""
    import numpy as np

    from minicaffe.data.lmdb_writer import write_lmdb

    random = np.random.default_rng(0)
    for name, images in (("train_lmdb", 40), ("test_lmdb", 10)):
        labels = np.arange(images, dtype=np.uint8) % 3
        pixels = random.integers(0, 256, (images, 1, 6, 6), dtype=np.uint8)
        pixels[np.arange(images), 0, labels * 2] = 255  # a bright row tells the class
        write_lmdb(tmp_path / name, [(pixels, labels)], images, (1, 6, 6), name)
    monkeypatch.chdir(tmp_path)
    made = Project(tmp_path)
    made.net()
    made.solver()
    yield made
    made.close()
