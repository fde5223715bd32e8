"""``minicaffe upgrade``: write an old net or solver in the present form, as Caffe's upgrade_* tools do."""

from __future__ import annotations

from typing import Any

from .flags import Command, Flag
from .results import Results


def run(options: dict[str, Any]) -> int:
    """Upgrade one file; say in a line each what was changed."""
    from ..proto import rewrite

    results = Results(options["json"])
    source, out = options["source"], options["out"]
    done = rewrite(source, out)
    results.text(f"{source}: {note}" for note in done.notes or ["already in the present form"])
    form = "a binary" if done.binary else "a"
    results.close(
        f"wrote {out}, {form} {done.kind}", kind=done.kind, binary=done.binary, notes=list(done.notes), wrote=out
    )
    return 0


COMMAND = Command(
    name="upgrade",
    summary="write an old net or solver in the present form",
    about="Reads a net, as text or in binary form, or a solver, of any age: V0 and V1 layers, input_dim, "
    "transformations in the options of data layers, solver_type. Writes what one would write today, whole or not "
    "at all, and says what was changed. Blobs of a caffemodel are kept; comments are lost. TARGET may be SOURCE.",
    subject="source out",
    flags=(
        Flag("source", "SOURCE", "the old file; its content tells what it is"),
        Flag(
            "out",
            "TARGET",
            "text, unless the name ends in .caffemodel or .binaryproto, or SOURCE is binary and has blobs",
        ),
        Flag("json", "", "print one JSON object on stdout"),
    ),
    examples=(
        "minicaffe upgrade old_train_val.prototxt train_val.prototxt",
        "minicaffe upgrade old.caffemodel new.caffemodel",
    ),
    run=run,
)
