"""The fast kernels compiled for processors with narrower vectors: the same tests, in a process of their own."""

import os
import subprocess
import sys
from pathlib import Path

import llvmlite.binding
import pytest

HERE = Path(__file__).parent
_FAST = (
    "fast_vector",
    "fast_product",
    "fast_layout",
    "fast_vector_math",
    "layout_rows",
    "norm_rows",
    "choice",
    "concat_rows",
    "depthwise_rows",
    "direct_rows",
    "few_rows",
    "first_rows",
    "fold_rows",
    "inner_rows",
    "lrn_rows",
    "pooling_rows",
    "winograd_rows",
)
TESTS = [f"{HERE}/test_{name}.py" for name in _FAST]
WINOGRAD = f"{HERE}/test_fast_winograd.py::test_matches_the_plain_kernels"


def has(feature):
    return llvmlite.binding.get_host_cpu_features().get(feature, False)


@pytest.mark.parametrize(
    "name, features, lanes",
    [
        pytest.param("haswell", "+avx,+avx2,+fma", 8, marks=pytest.mark.skipif(not has("avx2"), reason="needs AVX2")),
        pytest.param("x86-64", "+sse2", 4, marks=pytest.mark.skipif(not has("sse2"), reason="needs x86-64")),
    ],
)
def test_other_processor(name, features, lanes):
    environment = {**os.environ, "NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features}
    code = "from minicaffe.kernels.fast.vector import LANES; print(LANES)"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) == lanes
    pytest_call = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS, WINOGRAD]
    done = subprocess.run(pytest_call, env=environment, capture_output=True, text=True, cwd=HERE.parent.parent)
    assert done.returncode == 0, done.stdout[-4000:]
