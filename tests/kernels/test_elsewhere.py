"""Kernels are compiled by two processes where the cache holds none, and loaded where it does."""

import os
import subprocess
import sys

PROGRAM = """
import subprocess, sys
from minicaffe.kernels.fast import copy_rows, layout_rows, piece_rows, softmax_rows, elsewhere
from minicaffe.kernels.fast.rows import KERNELS

started = []
class Process(subprocess.Popen):
    def __init__(self, command, **options):
        started.append(command)
        super().__init__(command, **options)

elsewhere.subprocess.Popen = Process
if "alone" in sys.argv:
    sys.executable = ""
names = "add_pieces copy softmax softmax_loss softmax_loss_gradient to_lanes to_planes".split()
elsewhere.load_kernels([KERNELS[name] for name in names])
print(len(started), all(KERNELS[name].address for name in names))
"""


def run(cache, *arguments):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", PROGRAM, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_second_process_compiles_from_the_other_end(tmp_path):
    helped = run(tmp_path)
    assert helped == ["1" if (os.cpu_count() or 1) > 1 else "0", "True"]
    assert run(tmp_path) == ["0", "True"]


def test_without_an_interpreter_to_start_one_process_compiles_all(tmp_path):
    assert run(tmp_path, "alone") == ["0", "True"]
