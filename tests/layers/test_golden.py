"""Every single-layer case recorded from Caffe: tops, diffs and parameters, step by step."""

import subprocess
import sys
from pathlib import Path

import pytest
from harness import golden_paths, run_golden

from minicaffe.layers import Layer, layer_class, layer_types

FOLDER = Path(__file__).parents[1] / "golden" / "layers"


@pytest.mark.parametrize("path", golden_paths(FOLDER), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_caffe_figures(path):
    run_golden(path, rtol=1e-5 if path.parent.name == "BatchNorm" else 1e-4)


def test_every_type_is_registered_by_the_file_that_it_is_looked_for_in():
    for name in layer_types():
        assert issubclass(layer_class(name), Layer)
    code = (
        "import sys, minicaffe.layers as l; l.layer_class('ReLU'); print(*(m for m in sys.modules if 'layers.' in m))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "minicaffe.layers.activations" in loaded and "minicaffe.layers.lstm" not in loaded
