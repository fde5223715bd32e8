"""``minicaffe warmup``, and what is shown while kernels compile."""

import json
import os
import subprocess
import sys
from pathlib import Path

import minicaffe
from minicaffe.cli import main
from minicaffe.cli.loading import Compiling
from minicaffe.cli.progress import Screen
from minicaffe.kernels import _jit


def test_what_is_there_is_left_alone(project, capsys):
    assert main(["warmup"]) == 0
    capsys.readouterr()
    assert main(["warmup"]) == 0
    assert capsys.readouterr().out == f"all kernels were there; the cache is {_jit.cache_folder()}\n"
    told = []
    with _jit.told_of_compiling(lambda *facts: told.append(facts)):
        for words in (["train", "solver.prototxt"], ["time", "net.prototxt", "--plan", "inspect", "--iterations", "1"]):
            assert main(words) == 0
    assert told == []


def test_json_is_one_object(project, capsys):
    assert main(["warmup", "--json"]) == 0
    (done,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert done["event"] == "done" and done["cache"] == str(_jit.cache_folder())
    assert done["files"] > 100 and done["compiled"] >= 0


def test_a_cache_that_cannot_be_written_is_one_sentence(project, monkeypatch):
    project.write("file", "")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "file")
    process = project.start("warmup")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert err.startswith("minicaffe: error: file/kernels-") and err.count("\n") == 1
    assert "cannot be written, so compiled kernels cannot be kept; expected NUMBA_CACHE_DIR to name" in err


def test_it_takes_no_word(capsys):
    assert main(["warmup", "net.prototxt"]) == 2
    assert capsys.readouterr().err == 'minicaffe: error: warmup: "net.prototxt" is one word too many; expected none\n'


class FakeScreen(Screen):
    """Remembers what it shows."""

    def __init__(self):
        super().__init__()
        self.live, self.shown = False, []

    def start(self, what, total, done=0):
        super().start(what, total, done)
        self.shown.append((what, total))

    def to(self, done):
        self.shown.append(done)

    def say(self, text):
        self.shown.append(text)


def test_compiling_has_a_bar_of_its_own():
    screen = FakeScreen()
    compiling = Compiling(screen)
    compiling("convolve", 4, 9)
    compiling("pool", 7, 9)
    assert screen.shown == [("compiling kernels: ", 9), 4, 7]
    assert compiling.count == 2


def test_compiling_is_words_at_a_bar_that_is_there():
    screen = FakeScreen()
    screen.start("tiny: ", 20)
    Compiling(screen)("sgd_update", 0, 0)
    assert screen.shown == [("tiny: ", 20), "compiling sgd_update"]


def test_where_it_is_not_known_how_many_there_are_they_are_counted():
    screen = FakeScreen()
    compiling = Compiling(screen)
    compiling("drop", 0, 0)
    compiling("square", 0, 0)
    assert screen.shown == [("compiling kernels: ", 0), 1, 2]
    screen.close()
    assert screen.title == ""


def test_with_an_empty_cache_the_compiling_is_told_of(project):
    code = (
        "from unittest import mock\nfrom minicaffe.cli import main\nfrom minicaffe.cli.loading import Compiling\n"
        "with mock.patch.object(Compiling, '__call__', lambda self, *facts: print(*facts)):\n"
        "    main(['train', 'solver.prototxt', '--set', 'max_iter=1'])\n"
    )
    package = str(Path(minicaffe.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": package, "NUMBA_CACHE_DIR": str(project.folder / "cache")}
    words = [sys.executable, str(project.write("told.py", code))]
    first, again = (subprocess.check_output(words, env=environment, text=True, timeout=300) for _ in range(2))
    told = [line.split() for line in first.splitlines()[:-1]]
    assert ["sgd_update", "0", "0"] in told  # compiled at its first call
    rows = [(int(number), int(of)) for _, number, of in told if of != "0"]
    of = rows[0][1]
    numbers = [number for number, each in rows if each == of]
    assert of > 5 and numbers[0] == 0 and numbers == sorted(set(numbers))  # a second process may do the others
    assert again.startswith("tiny: 1 iteration in ") and again.count("\n") == 1
