"""The shell scripts, as far as they can be tried without installing anything."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = [*sorted((ROOT / "scripts").glob("*.sh")), ROOT / ".ci" / "run"]
BASH = shutil.which("bash")


def bash(*words, **options):
    return subprocess.run([BASH, *map(str, words)], capture_output=True, text=True, timeout=60, **options)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_sound_bash(script):
    done = bash("-n", script)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("script", [path for path in SCRIPTS if path.name != "python.sh"], ids=lambda path: path.name)
def test_a_script_stops_at_the_first_failure(script):
    assert "set -euo pipefail\n" in script.read_text()


def test_training_explains_itself_from_any_folder(tmp_path):
    done = bash(ROOT / "scripts" / "train_cifar10.sh", "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "scripts/train_cifar10.sh [--full] [SOURCE]" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_training_refuses_an_unknown_flag(tmp_path):
    done = bash(ROOT / "scripts" / "train_cifar10.sh", "--fulll", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "train_cifar10.sh knows no --fulll; expected --full, --help or SOURCE\n"


def test_without_a_python_there_is_one_sentence(tmp_path):
    source = f'source "{ROOT}/scripts/python.sh"; make_venv "{tmp_path}/venv"'
    done = bash("-c", f"set -euo pipefail; {source}", env={"PATH": str(tmp_path)})
    assert done.returncode == 1
    assert done.stderr == "minicaffe needs Python 3.10 or newer with its venv module; set PYTHON to one\n"
    assert list(tmp_path.iterdir()) == []


def test_a_python_of_ones_own_is_found(tmp_path):
    python = tmp_path / "mine"
    python.write_text("#!/bin/sh\nexit 0\n")  # every question is answered with yes
    python.chmod(0o755)
    script = f'source "{ROOT}/scripts/python.sh"; find_python'
    done = bash("-c", script, env={"PATH": "/usr/bin:/bin", "PYTHON": str(python)})
    assert done.stdout == f"{python}\n"
