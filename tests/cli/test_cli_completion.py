"""``minicaffe completion``: what real shells make of the script, and what is said without shtab."""

import shlex
import shutil
import subprocess
import sys

import pytest

from minicaffe.cli import COMMANDS, main
from minicaffe.layers import layer_types


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("completion") / "minicaffe.bash"
    done = subprocess.run([sys.executable, "-m", "minicaffe", "completion", "bash"], capture_output=True, check=True)
    path.write_bytes(done.stdout)
    return path


@pytest.fixture
def complete(script, tmp_path):
    """What bash offers for the last of the words, in a folder with a file, a folder and a solver."""
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    (tmp_path / "solver.prototxt").touch()
    (tmp_path / "snapshots").mkdir()

    def offered(*words):
        code = f"""
        source {shlex.quote(str(script))}
        COMP_WORDS=({" ".join(shlex.quote(word) for word in ("minicaffe", *words))})
        COMP_CWORD={len(words)}
        COMP_LINE="${{COMP_WORDS[*]}}"
        COMP_POINT=${{#COMP_LINE}}
        function=$(complete -p minicaffe | sed 's/.* -F \\([^ ]*\\).*/\\1/')
        "$function" minicaffe "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}" 2>/dev/null
        printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        done = subprocess.run(["bash", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
        return {word.strip() for word in done.stdout.splitlines()} - {""}

    return offered


def test_commands(complete):
    assert {*(command.name for command in COMMANDS), "help"} <= complete("")
    assert complete("tr") == {"train"}


def test_flags_and_the_words_they_take(complete):
    assert complete("train", "--so") == {"--solver"}
    assert complete("train", "--sigint_effect", "") == {"stop", "snapshot", "none"}
    assert complete("check", "--phase", "T") == {"TRAIN", "TEST"}
    assert complete("data", "") == {"cifar10", "mnist", "shapes10"}


def test_files_and_folders(complete):
    assert "solver.prototxt" in complete("train", "")
    assert complete("train", "--solver", "solv") == {"solver.prototxt"}
    assert complete("check", "--allow_python_layers", "s") == {"snapshots"}
    assert complete("train", "--seed", "s") == set()


def test_topics_of_help(complete):
    assert complete("help", "Bat") == {"BatchNorm", "BatchReindex"}
    assert {*layer_types(), "train", "solver", "layers"} <= complete("help", "")


@pytest.mark.parametrize(("shell", "words"), [("zsh", "#compdef minicaffe"), ("tcsh", "complete minicaffe")])
def test_other_shells_have_scripts_of_their_own(shell, words, capsys):
    assert main(["completion", shell]) == 0
    shown = capsys.readouterr().out
    assert words in shown and "BatchReindex" in shown


def test_another_shell_is_refused(capsys):
    assert main(["completion", "fsh"]) == 2
    assert 'SHELL is "fsh"; expected bash, zsh or tcsh' in capsys.readouterr().err


def test_without_shtab(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    sentence = "completion needs shtab; expected it to be installed: pip install minicaffe[completion]"
    assert capsys.readouterr().err == f"minicaffe: error: {sentence}\n"
