"""The texts that rules judge: read to the letter, changed by fixes, written whole."""

from __future__ import annotations

from collections.abc import Iterable

from ...graph.build import short_path
from ...proto import write_whole
from ...proto.files import read_bytes
from ...proto.kinds import kind_of
from ...proto.spans import Edit, changed
from .base import Finding
from .case import Source

_BOM = "\ufeff"


def source_of(path: str) -> Source | None:
    """The text of a prototxt; None for a file of another kind. ProtoError where it cannot be read."""
    data = read_bytes(path, "a prototxt")
    return Source(short_path(path), _decoded(data)[0].removeprefix(_BOM)) if kind_of(data) == "text" else None


def write(path: str, text: str) -> None:
    """Write a prototxt again, whole or not at all, in its own encoding."""
    old, encoding = _decoded(read_bytes(path, "a prototxt"))
    write_whole(path, (_BOM * old.startswith(_BOM) + text).encode(encoding))


def _decoded(data: bytes) -> tuple[str, str]:
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:  # old files have comments in other encodings
        return data.decode("latin-1"), "latin-1"


def fixed(source: Source, findings: Iterable[Finding]) -> tuple[str, list[Finding]]:
    """The text with the fixes of ``findings`` in it, at most one for each layer; and the findings that were fixed.

    What is left is found again in the new text, where it may stand elsewhere. What puts something new behind a layer
    waits until the layer itself is right.
    """
    done: list[Finding] = []
    edits: list[Edit] = []
    for finding in sorted(findings, key=_only_adds):
        fix = finding.fix
        if fix is not None and fix.path == source.path and all(one.span != finding.span for one in done):
            done.append(finding)
            edits += fix.edits
    return changed(source.text, edits), done


def _only_adds(finding: Finding) -> bool:
    return finding.fix is not None and all(edit.start == edit.end for edit in finding.fix.edits)
