"""A diagram in Graphviz's language."""

from __future__ import annotations

from .diagram import Box, Diagram
from .tones import DARK, INK, LIGHT


def dot_text(drawing: Diagram, rankdir: str, dark: bool = False) -> str:
    """The diagram for ``dot``: layers and blobs without a maker or reader are nodes, arrows are edges."""
    tones = DARK if dark else LIGHT
    lines = [
        f"digraph {_quoted(drawing.name)} {{",
        f"rankdir={rankdir};",
        f'bgcolor="{tones.ground}";',
        f'node [shape=box, style="filled,rounded", color="{tones.rim}", fontcolor="{INK}"];',
        f'edge [color="{tones.arrow}", fontcolor="{tones.label}"];',
    ]
    lines += [f"n{number} [{_facts(box)}];" for number, box in enumerate(drawing.boxes)]
    for arrow in drawing.arrows:
        label = f" [label={_quoted(*arrow.label.splitlines())}]" if arrow.label else ""
        lines.append(f"n{arrow.tail} -> n{arrow.head}{label};")
    return "\n".join([*lines, "}", ""])


def _facts(box: Box) -> str:
    words = [*box.lines, *([box.mark] if box.mark else [])]
    rim = f', color="{box.mark_color}", penwidth=3' if box.mark else ""
    return f'label={_quoted(*words)}, fillcolor="{box.color}"{rim}'


def _quoted(*lines: str) -> str:
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") for line in lines)
    return '"' + "\\n".join(escaped) + '"'
