"""Flags in Caffe's spellings: ``-solver X``, ``--solver X`` and ``--solver=X`` are one and the same.

A command lists its flags as data; ``parse`` reads the words of a command line against that list, and every
mistake is a UsageError of one sentence with the nearest flag that exists.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import UsageError, did_you_mean


@dataclass(frozen=True)
class Flag:
    """One flag. ``value`` is the word that stands for its value in the help; without one it is a switch."""

    name: str
    value: str
    help: str
    convert: Callable[[str], Any] = str
    default: Any = None
    pairs: bool = False
    """May be given several times, and takes every KEY=VALUE word that follows."""
    needed: bool = True
    """For a flag that may be given as a bare word: the command cannot do without it."""
    many: bool = False
    """For the last of a command's bare words: takes all that are left; its value is a tuple."""

    @property
    def spelled(self) -> str:
        """``--name``, and ``-o`` where the name is one letter; both ways, and all others of Caffe's, are read."""
        return f"-{self.name}" if len(self.name) == 1 else f"--{self.name}"


@dataclass(frozen=True)
class Command:
    """A command: its flags, its help, and the function that does it.

    ``subject`` names the flags whose values may be given as bare words, in this order (``minicaffe train SOLVER``):
    one name, or several with spaces between them, or "". ``switches`` tells that its switches take values as well,
    as in Caffe's tools: ``--gray=true``, ``--gray=0``, ``--nogray``.
    """

    name: str
    summary: str
    about: str
    subject: str
    flags: tuple[Flag, ...]
    examples: tuple[str, ...]
    run: Callable[[dict[str, Any]], int]
    switches: bool = False

    @property
    def subjects(self) -> tuple[Flag, ...]:
        """The flags that may be given as bare words."""
        flags = {flag.name: flag for flag in self.flags}
        return tuple(flags[name] for name in self.subject.split())

    @property
    def named(self) -> str:
        """What stands for the bare words in the help: ``ROOT LIST DB``; in brackets what may be left out."""
        words = (flag.value + " ..." * flag.many for flag in self.subjects)
        return " ".join(word if flag.needed else f"[{word}]" for flag, word in zip(self.subjects, words))


def whole(least: int | None = None) -> Callable[[str], int]:
    """A converter to a whole number, of at least ``least`` if given."""
    expected = "a whole number" if least is None else f"a whole number of at least {least}"

    def convert(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or (least is not None and number < least):
            raise UsageError(f'"{text}"; expected {expected}')
        return number

    return convert


class OneOf:
    """A converter that accepts just these ``words``."""

    def __init__(self, words: tuple[str, ...]):
        self.words = words

    def __call__(self, text: str) -> str:
        if text not in self.words:
            expected = f"{', '.join(self.words[:-1])} or {self.words[-1]}"
            raise UsageError(f'"{text}"; expected {expected}{did_you_mean(text, self.words)}')
        return text


def one_of(*words: str) -> OneOf:
    """A converter that accepts just these words."""
    return OneOf(words)


def decimal(fits: Callable[[float], bool] = math.isfinite, expected: str = "a number") -> Callable[[str], float]:
    """A converter to a number that ``fits``."""

    def convert(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not fits(number):
            raise UsageError(f'"{text}"; expected {expected}')
        return number

    return convert


def height_and_width(text: str) -> tuple[int, int]:
    """A converter to two sizes in pixels."""
    words = text.split(",")
    if len(words) == 2 and all(word.strip().isdecimal() and int(word) for word in words):
        return int(words[0]), int(words[1])
    raise UsageError(f'"{text}"; expected a height and a width, such as 256,256')


def in_a_folder(text: str) -> str:
    """A converter for files to be written: told before the work begins that their folder is missing."""
    folder = os.path.dirname(text)
    if folder and not os.path.isdir(folder):
        raise UsageError(f'"{text}", but there is no folder "{folder}"')
    return text


def comma_list(text: str) -> tuple[str, ...]:
    """The words of a comma list, without empty ones; at least one."""
    words = tuple(word.strip() for word in text.split(",") if word.strip())
    if not words:
        raise UsageError(f'"{text}"; expected at least one word')
    return words


def split_command(words: Sequence[str], commands: Sequence[Command]) -> tuple[str | None, list[str]]:
    """Return the command's name, or None, and the other words: flags may stand before it, as in Caffe."""
    valued = {flag.name for command in commands for flag in command.flags if flag.value}
    skip = False
    for i, word in enumerate(words):
        if skip:
            skip = False
        elif _flag_name(word) is None:
            return word, [*words[:i], *words[i + 1 :]]
        else:
            skip = "=" not in word and _flag_name(word) in valued
    return None, list(words)


def parse(command: Command, words: Sequence[str]) -> dict[str, Any]:
    """Return the value of every flag of ``command``, its default where the words do not give it."""
    flags = {flag.name: flag for flag in command.flags}
    values = {flag.name: _unset(flag) for flag in command.flags}
    given, left = set(), _plain_switches(command, words)
    while left:
        word = left.pop(0)
        if _flag_name(word) is None:
            flag = next((flag for flag in command.subjects if flag.many or flag.name not in given), None)
            if flag is None:
                expected = _in_words([flag.value for flag in command.subjects])
                raise UsageError(f'{command.name}: "{word}" is one word too many; expected {expected}')
            values[flag.name] = _joined(values, flag, _converted(flag, flag.value, word))
        else:
            flag, text = _flag_and_text(command, flags, word, left)
            if not flag.value:
                values[flag.name] = _TRUTHS[text.lower()] if text else True
            elif flag.pairs:
                values[flag.name].update(_pairs(flag, text, left))
            else:
                values[flag.name] = _joined(values, flag, _converted(flag, flag.spelled, text))
        given.add(flag.name)
    for flag in command.subjects:
        if flag.needed and values[flag.name] is None:
            needed = f"{'an' if flag.value[0] in 'AEIOU' else 'a'} {flag.value}"
            raise UsageError(f"{command.name} needs {needed}; expected minicaffe {command.name} {command.named}")
    return values


def _joined(values: dict[str, Any], flag: Flag, value: Any) -> Any:
    """A value, behind those before it where the flag takes many."""
    return (*(values[flag.name] or ()), value) if flag.many else value


def _in_words(names: list[str]) -> str:
    if not names:
        return "none"
    return f"one {names[0]}" if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _unset(flag: Flag) -> Any:
    if flag.pairs:
        return {}
    return flag.default if flag.value else bool(flag.default)


_TRUTHS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0"), False),
}


def _plain_switches(command: Command, words: Sequence[str]) -> list[str]:
    """The words, with ``--noX`` in the form ``--X=false`` where the command's switches take values."""
    if not command.switches:
        return list(words)
    negative = {f"no{flag.name}": flag.name for flag in command.flags if not flag.value}
    names = [_flag_name(word) or "" for word in words]
    return [f"--{negative[name]}=false" if name in negative else word for name, word in zip(names, words)]


def _flag_and_text(command: Command, flags: dict[str, Flag], word: str, left: list[str]) -> tuple[Flag, str]:
    """The flag that ``word`` names and the text of its value, which may be the next of the words ``left``."""
    name, (spelled, given, text) = _flag_name(word) or "", word.partition("=")
    if name not in flags:
        raise UsageError(f"{command.name} has no flag {spelled}{_nearest_flag(name, flags)}")
    flag = flags[name]
    if flag.value and not given:
        if not left or _flag_name(left[0]) in flags:
            raise UsageError(f"{flag.spelled} has no value; expected {flag.spelled} {flag.value}")
        text = left.pop(0)
    elif given and not flag.value and command.switches:
        if text.lower() not in _TRUTHS:
            raise UsageError(f'{flag.spelled} is "{text}"; expected true or false')
    elif given and not flag.value:
        raise UsageError(f'{flag.spelled} takes no value; found "{text}"')
    return flag, text


def _flag_name(word: str) -> str | None:
    """``--snapshot-file=x`` is ``snapshot_file``; a word that is no flag is None."""
    if not word.startswith("-") or word.strip("-") == "":
        return None
    return word.partition("=")[0].lstrip("-").replace("-", "_")


def _nearest_flag(name: str, flags: dict[str, Flag]) -> str:
    near = did_you_mean(name, flags)
    return near.replace(' "', ' "--') if near else "; it knows " + ", ".join(flag.spelled for flag in flags.values())


def _pairs(flag: Flag, text: str, left: list[str]) -> dict[str, str]:
    """``text`` and the KEY=VALUE words that follow it, which are taken from ``left``."""
    words = [text]
    while left and _flag_name(left[0]) is None and "=" in left[0]:
        words.append(left.pop(0))
    pairs = {}
    for word in words:
        key, given, value = word.partition("=")
        if not given or not key.strip():
            raise UsageError(f'{flag.spelled} is "{word}"; expected {flag.value}')
        pairs[key.strip()] = value.strip()
    return pairs


def _converted(flag: Flag, spelled: str, text: str) -> Any:
    if not text:
        raise UsageError(f"{spelled} is empty; expected {flag.value}")
    try:
        return flag.convert(text)
    except UsageError as error:
        raise UsageError(f"{spelled} is {error}") from None
