"""``minicaffe help TOPIC``: the pages of layer types, of messages of the schema, and the list of all types."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..errors import shape_text

if TYPE_CHECKING:
    from ..analysis.manual import Blob, Field, LayerPage, MessagePage

_NARROWEST, _WIDEST, _UNKNOWN = 40, 120, 100
_MOST_LEFT = 34


def manual(topic: str, commands: Sequence[str]) -> str:
    """The text on a topic that is none of the ``commands``; UsageError for an unknown one, with the nearest."""
    from ..analysis.manual import LayerPage, find_topic

    width = max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size((_UNKNOWN, 0)).columns))
    if topic == "layers":
        return "\n".join(_types(width))
    page = find_topic(topic, commands)
    return "\n".join(_layer(page, width) if isinstance(page, LayerPage) else _message(page, width))


def _types(width: int) -> list[str]:
    from ..analysis.manual import one_line
    from ..layers import layer_types

    return ["layer types:", "", *_columns([(name, one_line(name)) for name in layer_types()], width)]


def _layer(page: LayerPage, width: int) -> list[str]:
    bottoms, tops = page.numbers
    head = page.type if page.about.startswith(page.title) else f"{page.type}: {page.title}"
    lines = [*_paragraphs(f"{head}\n\n{page.about}", width), "", f"bottoms: {bottoms}, tops: {tops}"]
    lines += [line for fact in page.facts for line in textwrap.wrap(fact, width)]
    for options in page.options:
        lines += ["", f"{options.field} {{ ... }}:", *_fields(options.fields, width)]
    if page.example:
        lines += ["", "example:", "", *textwrap.indent(page.example.rstrip(), "  ").splitlines()]
        blobs = [(f"bottom {blob.name}", _shape(blob)) for blob in page.bottoms]
        blobs += [(f"top {blob.name}", _shape(blob)) for blob in page.tops]
        for one in page.parameters:
            state = "" if one.learned else "; not learned"
            blobs.append((f"parameter {one.name}", f"{shape_text(one.shape)}, filled with {one.filling}{state}"))
        lines += ["", "its blobs, and its parameters without a filler:", *_columns(blobs, width)]
    return lines


def _shape(blob: Blob) -> str:
    return "only data or code can tell" if blob.shape is None else shape_text(blob.shape)


def _message(page: MessagePage, width: int) -> list[str]:
    head = f"{page.field} {{ ... }}: {page.name}" if page.field else page.name
    lines = [head, "", *_paragraphs(page.about, width), *[""] * bool(page.about), *_fields(page.fields, width)]
    for field, words in page.words:
        lines += ["", f"{field}:", *_columns(words, width)]
    return lines


def _fields(fields: Iterable[Field], width: int) -> list[str]:
    """A field's type, default and meaning; below, an enum's values where they have meanings of their own."""
    rows = []
    for field in fields:
        told = any(about for _, about in field.values)
        kind = field.type if told or not field.values else " | ".join(name for name, _ in field.values)
        default = f" [{field.default}]" if field.default else ""
        rows.append((field.name, f"{kind}{default}" + f": {field.about}" * bool(field.about)))
        rows += [(f"  {name}", about) for name, about in field.values if told]
    return _columns(rows, width)


def _columns(rows: Sequence[tuple[str, str]], width: int) -> list[str]:
    """Two columns, the left as wide as it needs to be, the right wrapped; a left part too wide has its own line."""
    fitting = [len(left) for left, _ in rows if len(left) <= min(_MOST_LEFT, width // 2)]
    column = max(fitting, default=0) + 4
    lines = []
    for left, right in rows:
        head = f"  {left}"
        wrapped = textwrap.wrap(_plain(right), width - column) or [""]
        if len(head) > column - 2:
            lines.append(head)
            head = ""
        lines += [head.ljust(column) + wrapped[0], *(" " * column + line for line in wrapped[1:])]
    return [line.rstrip() for line in lines]


def _paragraphs(text: str, width: int) -> list[str]:
    wrapped = ("\n".join(textwrap.wrap(_plain(part), width)) for part in text.split("\n\n"))
    return "\n\n".join(wrapped).splitlines()


def _plain(text: str) -> str:
    return text.replace("``", "")
