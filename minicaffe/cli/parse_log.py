"""``minicaffe parse-log``: a training log as two tables, as Caffe's ``parse_log.py`` makes them."""

from __future__ import annotations

import os
from typing import Any

from ..errors import UsageError, plural
from .flags import Command, Flag
from .results import Results


def run(options: dict[str, Any]) -> int:
    """Write LOGNAME.train and LOGNAME.test into the folder; a table without rows is left out."""
    from ..analysis.logs import read_log, write_tables

    results = Results(options["json"])
    log = read_log(options["log"])
    written = write_tables(log, options["out"], options["delimiter"])
    if options["verbose"]:
        runs = "1 run" if len(log.starts) == 1 else f"{len(log.starts)} runs, one after the other"
        results.text([f"{log.path}: {runs}"])
        for kind, rows in (("train", log.train), ("test", log.test)):
            names = ", ".join(dict.fromkeys(name for row in rows for name in row.outputs))
            said = f"iterations {rows[0].iteration} to {rows[-1].iteration}: {names}" if rows else "no rows"
            results.text([f"{kind}: {said}"])
    if not written:
        results.text([f"{log.path}: no numbers of outputs"])
    said = " and ".join(f"{path} ({plural(rows, 'row')})" for path, rows in written) or "nothing"
    results.close(f"wrote {said}", log=log.path, runs=len(log.starts), rows=dict(written))
    return 0


def _delimiter(text: str) -> str:
    letter = {"tab": "\t", "\\t": "\t"}.get(text, text)
    if len(letter) != 1 or letter in '"\r\n':
        raise UsageError(f'"{text}"; expected one letter such as ; or the word tab')
    return letter


def _folder(text: str) -> str:
    if os.path.exists(text) and not os.path.isdir(text):
        raise UsageError(f'"{text}", which is a file; expected a folder')
    return text


COMMAND = Command(
    name="parse-log",
    summary="write a training log's numbers as two tables",
    about="Reads a log of minicaffe or Caffe and writes LOGNAME.train and LOGNAME.test, as Caffe's parse_log.py does: "
    "NumIters, Seconds, LearningRate and every output, a row for each display or test. Seconds go by the clock since "
    'the first "Solving"; the rate is the one that the log named last before the row. Logs of resumed runs may stand '
    "one after the other in the file; of several test nets the second has columns named accuracy#1.",
    subject="log out",
    flags=(
        Flag("log", "LOG", "what training wrote to stderr"),
        Flag("out", "OUT_DIR", "the folder to write into; made if it is not there", _folder),
        Flag("delimiter", "LETTER", "what stands between the columns; tab is understood", _delimiter, ","),
        Flag("verbose", "", "say what was found"),
        Flag("json", "", "print one JSON object on stdout"),
    ),
    examples=(
        "minicaffe parse-log train.log .",
        "minicaffe parse-log caffe.INFO tables --delimiter tab --verbose",
    ),
    run=run,
)
