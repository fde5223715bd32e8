"""The command ``minicaffe``: the only room that prints.

Nothing heavy is imported before a command needs it: ``minicaffe --help`` loads neither numpy nor numba.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from ..errors import MinicaffeError, UsageError, did_you_mean
from ..version import __version__
from . import (
    bn_stats,
    check,
    classify,
    completion,
    convert_imageset,
    data,
    device_query,
    diff,
    draw,
    extract_features,
    features,
    fold,
    image_mean,
    importing,
    init,
    inspect,
    parse_log,
    plot,
    summary,
    test,
    time,
    train,
    upgrade,
    warmup,
)
from .flags import Command, parse, split_command
from .manual import manual
from .signals import never_lost
from .usage import command_help, overview

__all__ = ["COMMANDS", "main"]

COMMANDS = (
    train.COMMAND,
    test.COMMAND,
    time.COMMAND,
    classify.COMMAND,
    features.COMMAND,
    check.COMMAND,
    summary.COMMAND,
    bn_stats.COMMAND,
    inspect.COMMAND,
    data.COMMAND,
    convert_imageset.COMMAND,
    image_mean.COMMAND,
    extract_features.COMMAND,
    init.COMMAND,
    parse_log.COMMAND,
    plot.COMMAND,
    draw.COMMAND,
    diff.COMMAND,
    fold.COMMAND,
    importing.COMMAND,
    upgrade.COMMAND,
    device_query.COMMAND,
    warmup.COMMAND,
    completion.COMMAND,
)

_HELP = {"-h", "-help", "--help"}
_VERSION = {"-version", "--version"}
_BAD_INPUT, _INTERRUPTED, _PIPE_CLOSED = 2, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 2 bad input, 130 interrupted, 141 output closed."""
    words = list(sys.argv[1:] if argv is None else argv)
    _ready_outputs()
    try:
        with never_lost():
            status = _dispatch(words)
            sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _silence_outputs()
        return _PIPE_CLOSED
    except MinicaffeError as error:
        return _refuse(*getattr(error, "problems", (str(error),)))
    except MemoryError as error:
        return _refuse(f"out of memory ({error})" if str(error) else "out of memory; a smaller batch_size needs less")
    except RuntimeError as error:
        if isinstance(error.__cause__, KeyboardInterrupt):  # how Python 3.11 tells of one while it makes a class
            return _INTERRUPTED
        raise
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        return _refuse(f"{where}{error.strerror or error}")


def _ready_outputs() -> None:
    """An output that is closed takes everything and shows nothing; one that lacks a letter shows its number."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))
        elif hasattr(stream, "reconfigure"):  # what a caller of main put there may be no text file
            stream.reconfigure(errors="backslashreplace")


def _dispatch(words: list[str]) -> int:
    for word in words:
        if any("\udc80" <= letter <= "\udcff" for letter in word):  # how Python keeps foreign bytes
            raise UsageError(f"{word!a} is not written in UTF-8; expected names and values that are")
    name, rest = split_command(words, COMMANDS)
    if name is None and _VERSION.intersection(words):
        print(f"minicaffe {__version__}")
        return 0
    commands = {command.name: command for command in COMMANDS}
    if name == "help" or name is None:
        if name is None and words and not _HELP.intersection(words):
            raise UsageError(f"no command given; expected one of {', '.join(commands)}")
        asked = [word for word in rest if word not in _HELP] if name == "help" else []
        print("\n\n".join(_page(word, commands) for word in asked) or overview(COMMANDS))
        return 0
    command = _find(name, commands)
    if _HELP.intersection(rest):
        print(command_help(command))
        return 0
    return command.run(parse(command, rest))


def _page(topic: str, commands: Mapping[str, Command]) -> str:
    """The help on a command, a layer type or a message of the schema."""
    hyphened = topic.replace("_", "-")
    return command_help(commands[hyphened]) if hyphened in commands else manual(topic, list(commands))


def _find(name: str, commands: Mapping[str, Command]) -> Command:
    hyphened = name.replace("_", "-")  # Caffe's tools are spelled convert_imageset
    if hyphened not in commands:
        near = did_you_mean(name, commands) or f"; expected one of {', '.join(commands)}"
        raise UsageError(f'"{name}" is no command{near}')
    return commands[hyphened]


def _refuse(*sentences: str) -> int:
    try:
        for sentence in sentences:
            print(f"minicaffe: error: {sentence}", file=sys.stderr)
    except OSError:
        _silence_outputs()
    return _BAD_INPUT


def _silence_outputs() -> None:
    """Point both outputs nowhere, so that the interpreter's own flush at exit meets no closed pipe."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
