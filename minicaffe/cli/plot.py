"""``minicaffe plot``: training curves from logs."""

from __future__ import annotations

from typing import Any

from ..errors import plural
from .flags import Command, Flag, comma_list
from .results import Results


def target(text: str) -> str:
    """A converter for files of pictures."""
    from ..analysis.plot import check_target

    return check_target(text)


def run(options: dict[str, Any]) -> int:
    """Draw the curves of all logs over one another."""
    from ..analysis.curves import from_log, names_of
    from ..analysis.logs import read_log
    from ..analysis.plot import draw_curves

    paths, out, results = list(dict.fromkeys(options["log"])), options["o"], Results(options["json"])
    names = options["names"] or names_of(paths)
    names = [*names, *names_of(paths)[len(names) :]]
    runs = [from_log(read_log(path), name) for path, name in zip(paths, names)]
    draw_curves(runs, out, seconds=options["seconds"], dark=options["dark"], title=options["title"])
    points = [len(run.train) for run in runs]
    tests = [max(map(len, (*run.scores.values(), *run.test_losses.values())), default=0) for run in runs]
    results.close(
        f"wrote {out}: {plural(len(runs), 'training')}, {plural(sum(points), 'display')}, {plural(sum(tests), 'test')}",
        wrote=out,
        logs=paths,
        displays=points,
        tests=tests,
    )
    return 0


COMMAND = Command(
    name="plot",
    summary="draw training curves from logs",
    about="Reads logs of minicaffe or Caffe and draws the displayed training loss and the losses of the tests, and "
    "below them the accuracies, each log in a colour of its own. Where a training was resumed in one log, what was "
    "done again replaces what had been done. Losses of the first moments that are far above the rest are cut off. "
    "Needs matplotlib: pip install minicaffe[plot].",
    subject="log",
    flags=(
        Flag("log", "LOG", "what training wrote to stderr; several are drawn over one another", many=True),
        Flag("o", "FILE", "the picture to write; it ends in .png, .svg or .pdf", target, "curves.png"),
        Flag("seconds", "", "draw against the time since each training began, not against iterations"),
        Flag("dark", "", "light lines on a dark ground"),
        Flag("title", "TEXT", "a line above the picture", default=""),
        Flag("names", "NAME[,NAME]", "what to call the logs, in place of their files' names", comma_list, ()),
        Flag("json", "", "print one JSON object on stdout"),
    ),
    examples=(
        "minicaffe plot train.log -o curves.png",
        "minicaffe plot sgd.log adam.log --seconds --dark -o both.svg",
    ),
    run=run,
)
