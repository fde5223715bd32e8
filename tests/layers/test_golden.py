"""Every single-layer case recorded from Caffe: tops, diffs and parameters, step by step."""

from pathlib import Path

import pytest
from harness import golden_paths, run_golden

FOLDER = Path(__file__).parents[1] / "golden" / "layers"


@pytest.mark.parametrize("path", golden_paths(FOLDER), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_caffe_figures(path):
    run_golden(path, rtol=1e-5 if path.parent.name == "BatchNorm" else 1e-4)
