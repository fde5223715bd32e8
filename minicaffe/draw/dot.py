"""A diagram in Graphviz's language."""

from __future__ import annotations

from .diagram import Diagram


def dot_text(drawing: Diagram, rankdir: str) -> str:
    lines = [f"digraph {_quoted(drawing.name)} {{", f"rankdir={rankdir};", 'node [shape=box, style="filled,rounded"];']
    for number, box in enumerate(drawing.boxes):
        lines.append(f"n{number} [label={_quoted(*box.lines)}, fillcolor={_quoted(box.color)}];")
    for arrow in drawing.arrows:
        label = f" [label={_quoted(arrow.label)}]" if arrow.label else ""
        lines.append(f"n{arrow.tail} -> n{arrow.head}{label};")
    return "\n".join([*lines, "}", ""])


def _quoted(*lines: str) -> str:
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") for line in lines)
    return '"' + "\\n".join(escaped) + '"'
