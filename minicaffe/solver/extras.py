"""Settings of a solver that Caffe does not have: in its file they stand in comments, which Caffe does not read.

``# minicaffe: test_bn_stats: exact:20`` on a line of its own. A field of a name that Caffe does not know would make
Caffe refuse the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..bn_stats import BATCHES
from ..errors import SolverError, did_you_mean

EXTRAS = ("test_bn_stats",)
_LINE = re.compile(r"^[ \t]*#[ \t]*minicaffe[ \t]*:[ \t]*(.*?)[ \t]*$")
_PAIR = re.compile(r"(\w+)[ \t]*[:=][ \t]*(\S+)")


def read_extras(text: str, path: str) -> dict[str, str]:
    """The settings in the comments of a solver's ``text``; SolverError, with file and line, for what is none."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        comment = _LINE.match(line)
        if comment is None:
            continue
        pair = _PAIR.fullmatch(comment[1])
        if pair is None:
            raise SolverError(f'{path}:{number}: the setting "{comment[1]}" is not of the form NAME: VALUE')
        name, value = pair.groups()
        if name not in EXTRAS:
            near = did_you_mean(name, EXTRAS) or f"; expected {', '.join(EXTRAS)}"
            raise SolverError(f'{path}:{number}: minicaffe has no setting "{name}"{near}')
        if name in found:
            raise SolverError(f"{path}:{number}: {name} is set a second time; expected one setting")
        try:
            exact_batches({name: value})
        except SolverError as error:
            raise SolverError(f"{path}:{number}: {error}") from None
        found[name] = value
    return found


def exact_batches(extras: Mapping[str, str]) -> int | None:
    """Over how many training batches a test measures the statistics it uses; None: it uses those that are stored."""
    value = extras.get("test_bn_stats", "stored")
    if value == "stored":
        return None
    kind, _, batches = value.partition(":")
    if kind != "exact" or not ((batches.isdecimal() and int(batches) > 0) or value == "exact"):
        raise SolverError(f'test_bn_stats is "{value}"; expected stored, exact, or exact:N for N batches')
    return int(batches) if batches else BATCHES
