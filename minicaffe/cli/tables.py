"""Tables on a terminal, and how numbers stand in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> Iterator[str]:
    """Columns as wide as they need to be: the first ``left`` to the left, numbers to the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    for row in (head, *rows):
        cells = [
            cell.ljust(width) if i < left else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))
        ]
        yield "  " + "  ".join(cells).rstrip()


def total(value: int, more: bool) -> str:
    """A sum of what is known, to which ``more`` comes that is not."""
    return number(value) + " + ?" * more if value else number(None if more else value)


def number(value: int | None) -> str:
    """``1,234``, or ? for what is not known."""
    return "?" if value is None else f"{value:,}"


def megabytes(count: int | None) -> str:
    """Bytes as ``12.3 MB``, small ones as ``0.3 kB``."""
    if count is None:
        return "?"
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"
