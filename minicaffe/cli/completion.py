"""``minicaffe completion``: a script that lets a shell complete commands, flags, their values and topics of help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .flags import Command, Flag, OneOf, one_of

if TYPE_CHECKING:
    import argparse

_FOLDERS = {"FOLDER", "DIR", "OUT_DIR", "ROOT"}
_FREE = {"N", "ID", "DEVICE", "BATCHES", "TEXT", "LETTER", "NUMBER", "ORDER", "BLOB"}
"""Words that no file stands for; a comma list or a pair is free too, unless of files."""


def run(options: dict[str, Any]) -> int:
    """Print the script; UsageError where shtab, which writes it, is missing."""
    try:
        import shtab
    except ImportError:
        message = "completion needs shtab; expected it to be installed: pip install minicaffe[completion]"
        raise UsageError(message) from None
    from . import COMMANDS

    print(shtab.complete(_parser(COMMANDS), shell=options["shell"]))
    return 0


def _parser(commands: Sequence[Command]) -> argparse.ArgumentParser:
    """The commands as argparse would have them, for shtab to read; nothing is ever parsed with it."""
    import argparse

    from ..analysis.manual import topics

    parser = argparse.ArgumentParser("minicaffe", description="train and test Caffe nets on the CPU")
    parser.add_argument("--version", action="version", version="", help="print the version")
    parts = parser.add_subparsers()
    for command in commands:
        part = parts.add_parser(command.name, help=_escaped(command.summary))
        for flag in command.flags:
            _add(part, flag, flag in command.subjects)
    part = parts.add_parser("help", help="explain a command, a layer type or a message of the schema")
    names = sorted({*(command.name for command in commands), *topics()})
    part.add_argument("topic", nargs="*", choices=names, help="what to explain")
    return parser


def _add(parser: argparse.ArgumentParser, flag: Flag, bare: bool) -> None:
    about = _escaped(flag.help)
    if not flag.value:
        parser.add_argument(f"--{flag.name}", action="store_true", help=about)
        return
    choices = flag.convert.words if isinstance(flag.convert, OneOf) else None
    places = [parser.add_argument(f"--{flag.name}", metavar=flag.value, choices=choices, help=about)]
    if bare:
        nargs = "+" if flag.many else None if flag.needed else "?"
        places.append(parser.add_argument(flag.name, metavar=flag.value, choices=choices, nargs=nargs, help=about))
    for place in places:
        if not choices and (paths := _paths(flag)):
            place.complete = paths  # type: ignore[attr-defined]  # where shtab looks


def _paths(flag: Flag) -> Any:
    """What shtab completes a value with: files, folders, or nothing."""
    import shtab

    word = flag.value
    if word in _FOLDERS:
        return shtab.DIRECTORY
    if word in _FREE or flag.pairs or ("," in word and not word.startswith(("FILE", "DB"))):
        return None
    return shtab.FILE


def _escaped(text: str) -> str:
    return text.replace("%", "%%")  # argparse takes a single one for the beginning of a name


COMMAND = Command(
    name="completion",
    summary="print a script for a shell's completion",
    about="Prints a script with which a shell completes commands, flags, the words that a flag takes, files, folders "
    "and the topics of minicaffe help. Needs shtab: pip install minicaffe[completion].",
    subject="shell",
    flags=(Flag("shell", "SHELL", "bash, zsh or tcsh", one_of("bash", "zsh", "tcsh")),),
    examples=(
        'eval "$(minicaffe completion bash)"',
        "minicaffe completion bash > ~/.local/share/bash-completion/completions/minicaffe",
        'minicaffe completion zsh > "${fpath[1]}/_minicaffe"',
        "minicaffe completion tcsh >> ~/.tcshrc",
    ),
    run=run,
)
