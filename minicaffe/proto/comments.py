"""What caffe.proto says about its messages, fields and values: comments, which the compiled schema lacks."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

_SCOPE = re.compile(r"\s*(?:message|enum) (\w+) \{")
_ENTRY = re.compile(r"\s*(?:(?:optional|required|repeated) [\w.]+ )?(\w+) = \d+[^/]*;(?:\s*//\s*(.*))?")
_COMMENT = re.compile(r"\s*//\s*(.*)")


def comment_of(descriptor: Any) -> str:
    """The comment on a message, a field or a value of an enum, on one line; "" where there is none."""
    name = getattr(descriptor, "full_name", None) or f"{descriptor.type.full_name}.{descriptor.name}"  # an enum's value
    return _comments().get(name, "")


@lru_cache
def _comments() -> dict[str, str]:
    """What stands at the end of a line, or else above it, by full name: values' come after that of their enum."""
    found: dict[str, str] = {}
    scopes = ["caffe"]
    above: list[str] = []
    for line in (Path(__file__).parent / "caffe.proto").read_text("utf-8").splitlines():
        if comment := _COMMENT.fullmatch(line):
            above.append(comment[1])
            continue
        if scope := _SCOPE.match(line):
            scopes.append(scope[1])
            found[".".join(scopes)] = " ".join(above)
        elif entry := _ENTRY.match(line):
            found[".".join([*scopes, entry[1]])] = entry[2] or " ".join(above)
        elif line.strip() == "}":
            scopes.pop()
        above = []
    return found
