"""The help texts, made from the commands' own lists of flags."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from .flags import Command, Flag

_WIDTH = 100
_COLUMN = 30


def overview(commands: Sequence[Command]) -> str:
    """The text of ``minicaffe --help``."""
    lines = [
        "minicaffe: train and test Caffe nets on the CPU",
        "",
        "usage: minicaffe COMMAND [flags]",
        "       minicaffe COMMAND --help",
        "       minicaffe help TOPIC        a layer type, a message such as data_param, layers or solver",
        "       minicaffe --version",
        "",
        "commands:",
        *(_entry(command.name, command.summary) for command in commands),
        "",
        "examples:",
        *(f"  {example}" for command in commands for example in command.examples[:1]),
        "",
        "Flags are spelled as in Caffe: -solver X, --solver X and --solver=X are the same.",
        "Exit status: 0 done, 2 bad input (one sentence on stderr), 130 interrupted.",
    ]
    return "\n".join(lines)


def command_help(command: Command) -> str:
    """The text of ``minicaffe COMMAND --help``."""
    subjects = command.subjects
    lines = [
        " ".join(filter(None, ("usage: minicaffe", command.name, command.named, "[flags]"))),
        "",
        *textwrap.wrap(command.about, _WIDTH),
        "",
        *(_entry(flag.value, flag.help + _default(flag)) for flag in subjects),
        *([""] if subjects else []),
        "flags:",
        *(_entry(_spelling(flag), flag.help + _default(flag)) for flag in command.flags if flag not in subjects),
        "",
        "examples:",
        *(f"  {example}" for example in command.examples),
    ]
    return "\n".join(lines)


def _spelling(flag: Flag) -> str:
    return f"{flag.spelled} {flag.value}".rstrip() + (" ..." if flag.pairs else "")


def _default(flag: Flag) -> str:
    return f" [{flag.default}]" if flag.value and flag.default not in (None, ()) else ""


def _entry(left: str, right: str) -> str:
    """A line of a two-column list; a left part that is too wide gets a line of its own."""
    lines = textwrap.wrap(right, _WIDTH - _COLUMN)
    head = f"  {left}"
    if len(head) > _COLUMN - 2:
        lines.insert(0, "")
    rows = [head.ljust(_COLUMN) + lines[0], *(" " * _COLUMN + line for line in lines[1:])]
    return "\n".join(row.rstrip() for row in rows)
