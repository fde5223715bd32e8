"""The command as a whole: help, what is loaded, exit statuses, and outputs that go away."""

import contextlib
import errno
import io
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import minicaffe
from minicaffe import __version__, cli
from minicaffe.cli import COMMANDS, main
from minicaffe.errors import GraphError, SolverError

HEAVY = ("numpy", "numba", "google.protobuf", "tqdm", "lmdb", "argparse")


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"], []])
def test_the_overview_names_every_command(words, capsys):
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert all(f"  {command.name} " in shown and command.summary in shown for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
@pytest.mark.parametrize("place", [0, 1])
def test_the_help_of_a_command_names_every_flag_and_shows_examples(command, place, capsys):
    words = [command.name, "--help"]
    assert main(words if place else words[::-1]) == 0
    shown = capsys.readouterr().out
    assert f"usage: minicaffe {command.name} " in shown
    assert all(f"  {flag.spelled}" in shown for flag in command.flags if flag not in command.subjects)
    assert all(example in shown for example in command.examples)
    assert max(map(len, shown.splitlines())) <= 120


def test_the_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"minicaffe {__version__}\n"


def test_output_into_a_string():
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        assert main(["--version"]) == 0
    assert shown.getvalue() == f"minicaffe {__version__}\n"


@pytest.mark.parametrize("code", ["import minicaffe", "import minicaffe.cli; minicaffe.cli.main(['--help'])"])
def test_nothing_heavy_is_loaded_before_a_command_needs_it(code):
    report = f"{code}\nimport sys\nprint('loaded:', *[name for name in {HEAVY!r} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "loaded:"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["trian"], '"trian" is no command; did you mean "train"?'),
        (["upsample"], '"upsample" is no command; expected one of train, test, time, '),
        (["device_qeury"], '"device_qeury" is no command; did you mean "device-query"?'),
        (["help", "tset"], '"tset" is no command, layer type or message; did you mean "test"?'),
        (["--json"], "no command given; expected one of train, test, time, "),
        (["train", "s", "--snapshot", "a", "--weights", "b"], "--snapshot resumes a training and --weights begins"),
        (["test", "n"], "test needs weights; expected --weights FILE"),
        (["data", "cifar"], 'SET is "cifar"; expected cifar10, mnist or shapes10; did you mean "cifar10"?'),
        (["train", "caf\udce9.prototxt"], "'caf\\udce9.prototxt' is not written in UTF-8; expected names"),
        (["data", "shapes10", "--source", "x"], "shapes10 is made by procedure and takes no --source"),
    ],
)
def test_wrong_words_are_one_sentence_and_status_2(words, sentence, capsys):
    assert main(words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"minicaffe: error: {sentence}")
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (SolverError("no such rule"), 2, "minicaffe: error: no such rule\n"),
        (GraphError(["a: one", "b: two"]), 2, "minicaffe: error: a: one\nminicaffe: error: b: two\n"),
        (OSError(errno.ENOSPC, "No space left on device", "x.caffemodel"), 2, "x.caffemodel: No space left on device"),
        (OSError("odd"), 2, "minicaffe: error: odd\n"),
        (MemoryError("Unable to allocate 9 GiB"), 2, "minicaffe: error: out of memory (Unable to allocate 9 GiB)\n"),
        (MemoryError(), 2, "minicaffe: error: out of memory; a smaller batch_size needs less\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_how_a_command_ends_gives_the_status(error, status, text, monkeypatch, capsys):
    def fail(words):
        raise error

    monkeypatch.setattr(cli, "_dispatch", fail)
    assert main(["train"]) == status
    shown = capsys.readouterr().err
    assert text in shown and bool(text) == bool(shown)


def test_a_mistake_in_the_program_itself_is_not_hidden(monkeypatch):
    def fail(words):
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "_dispatch", fail)
    with pytest.raises(ZeroDivisionError):
        main(["train"])


def test_a_reader_that_goes_away_is_no_error(project):
    process = project.start("--help")
    process.stdout.close()
    assert process.wait(timeout=60) in (0, 141)  # 0 where everything fitted into the pipe before it closed
    assert process.stderr.read() == ""


def test_ctrl_c_in_the_middle_of_an_import(monkeypatch):
    def fail(words):
        raise RuntimeError("Error calling __set_name__") from KeyboardInterrupt()

    monkeypatch.setattr(cli, "_dispatch", fail)
    assert main(["train"]) == 130


def test_a_full_disk_behind_stderr_is_no_crash(project):
    with open("/dev/full", "w") as full:
        process = project.start("data", stderr=full)
        assert process.wait(timeout=60) == 2


@pytest.mark.parametrize("closed", [1, 2])
def test_closed_outputs_are_no_crash(project, closed):
    shell = f'exec "$0" -m minicaffe train solver.prototxt {closed}>&-'
    environment = {**os.environ, "PYTHONPATH": str(Path(minicaffe.__file__).parents[1])}
    done = subprocess.run(["sh", "-c", shell, sys.executable], env=environment, capture_output=True)
    assert done.returncode == 0
    assert (done.stdout == b"", done.stderr == b"") == (closed == 1, closed == 2)


def test_letters_that_the_locale_lacks_are_shown_by_number(project, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    project.net(old='"tiny"', new='"caf\u00e9"')
    process = project.start("train", "solver.prototxt", "--set", "max_iter=1")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and out.startswith(r"caf\xe9: 1 iteration in ")


def test_an_error_of_a_net_goes_through_processes_whole():
    error = pickle.loads(pickle.dumps(GraphError(["one", "two"])))
    assert (type(error), str(error), error.problems) == (GraphError, "one\ntwo", ("one", "two"))
