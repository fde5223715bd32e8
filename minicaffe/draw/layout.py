"""Where the boxes, labels and arrows of a diagram lie: in rows, with few crossings, long arrows around boxes.

In layers, after Sugiyama, Tagawa and Toda (1981): rows by longest path, places reserved for labels and for arrows that
pass a row, an order by the mean of neighbours, and coordinates that pull neighbours under one another. A label has a
place in a row between those of boxes, which is there only where an arrow is labelled; its arrow runs through it.
"""

from __future__ import annotations

import math
import unicodedata
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from .diagram import Arrow, Box, Diagram

CHARACTER, LINE, PADDING = 6.6, 15, 8
"""Width of a character, height of a line and the room inside a box, in pixels."""

_BESIDE, _BETWEEN, _NEAR, _TIP, _MARGIN = 20, 34, 18, 9, 16
_SWEEPS, _PULLS = 8, 24

Point = tuple[float, float]


@dataclass(frozen=True)
class Placed:
    """A box and its centre, width and height."""

    box: Box
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Label:
    """The lines of a label and its centre, width and height."""

    lines: tuple[str, ...]
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Route:
    """An arrow's points, from box to box, through its label: straight along a row, a curve from a row to the next.

    ``across``: it runs sideways.
    """

    points: tuple[Point, ...]
    across: bool


@dataclass(frozen=True)
class Picture:
    name: str
    width: float
    height: float
    boxes: tuple[Placed, ...]
    labels: tuple[Label, ...]
    routes: tuple[Route, ...]


class _Grid:
    """Boxes, labels, and a dummy for every row that an arrow passes, in rows along one axis, later turned as needed."""

    def __init__(self, sizes: list[Point], drawing: Diagram, across: bool):
        self.size = list(sizes)
        levels = _levels(len(sizes), drawing)
        labelled = sorted({levels[arrow.tail] for arrow in drawing.arrows if arrow.label})
        self.row = [level + bisect_left(labelled, level) for level in levels]
        self.labels: dict[tuple[int, str], int] = {}
        self.chains: list[list[int]] = []
        for arrow in drawing.arrows:
            chain = [arrow.tail]
            for row in range(self.row[arrow.tail] + 1, self.row[arrow.head]):
                chain.append(self._label(arrow, row, across) if arrow.label and len(chain) == 1 else self._dummy(row))
            self.chains.append([*chain, arrow.head])
        self.above: list[list[int]] = [[] for _ in self.row]
        self.below: list[list[int]] = [[] for _ in self.row]
        for a, b in dict.fromkeys(pair for chain in self.chains for pair in pairwise(chain)):
            self.below[a].append(b)
            self.above[b].append(a)
        self.rows: list[list[int]] = [[] for _ in range(max(self.row, default=-1) + 1)]
        for item in self._by_depth():
            self.rows[self.row[item]].append(item)

    def _dummy(self, row: int, size: Point = (8.0, 0.0)) -> int:
        self.row.append(row)
        self.size.append(size)
        return len(self.row) - 1

    def _label(self, arrow: Arrow, row: int, across: bool) -> int:
        """The one place of a label that arrows from one box share."""
        key = (arrow.tail, arrow.label)
        if key not in self.labels:
            width, height = text_size(arrow.label.splitlines())
            self.labels[key] = self._dummy(row, (height + 4, width + 8) if across else (width + 8, height + 4))
        return self.labels[key]

    def _by_depth(self) -> list[int]:
        """All items, branches one after the other: a good order to begin with."""
        seen: dict[int, None] = {}
        waiting = [item for item in range(len(self.row) - 1, -1, -1) if not self.above[item]]
        while waiting:
            item = waiting.pop()
            if item not in seen:
                seen[item] = None
                waiting.extend(reversed(self.below[item]))
        return list(seen)

    def order(self) -> None:
        """Sort every row by the mean place of its items' neighbours, down and up; keep what crosses least."""
        best, fewest = [list(row) for row in self.rows], self._crossings()
        for sweep in range(_SWEEPS):
            if not fewest:
                break
            near = self.below if sweep % 2 else self.above
            for row in reversed(self.rows) if sweep % 2 else self.rows:
                place = self._places()
                row.sort(key=lambda i: _mean([place[n] for n in near[i]], place[i]))
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [list(row) for row in self.rows], crossings
        self.rows = best

    def _places(self) -> dict[int, int]:
        return {item: place for row in self.rows for place, item in enumerate(row)}

    def _crossings(self) -> int:
        place, total = self._places(), 0
        for row in self.rows:
            heads = [place[n] for item in row for n in sorted(self.below[item], key=place.__getitem__)]
            total += sum(b < a for i, a in enumerate(heads) for b in heads[i + 1 :])
        return total

    def coordinates(self) -> list[float]:
        """Centres along the rows: each item as near to the mean of its neighbours as its row allows."""
        x = [0.0] * len(self.row)
        for row in self.rows:
            _spread(row, [0.0] * len(row), self.size, x)
        for pull in range(_PULLS):
            for row in reversed(self.rows) if pull % 2 else self.rows:
                wished = [_mean([x[n] for n in self.above[i] + self.below[i]], x[i]) for i in row]
                _spread(row, wished, self.size, x)
        lines = self._lines()
        for line in (*lines, *reversed(lines)):
            self._straighten(line, x)
        return x

    def _lines(self) -> list[list[int]]:
        """Items that follow one another with no other neighbours between them, each such line whole."""
        lines = []
        for row in self.rows:
            for item in row:
                if not self._follows(item):
                    line = [item]
                    while len(self.below[line[-1]]) == 1 and self._follows(self.below[line[-1]][0]):
                        line += self.below[line[-1]]
                    lines.append(line)
        return lines

    def _follows(self, item: int) -> bool:
        return len(self.above[item]) == 1 and len(self.below[self.above[item][0]]) == 1

    def _straighten(self, line: list[int], x: list[float]) -> None:
        """Give the items of a line one coordinate, for as many rows as their neighbours leave room for."""
        piece: list[int] = []
        low, high = -math.inf, math.inf
        ends: list[Any] = [*line, None]
        for item in ends:
            left, right = (math.inf, -math.inf) if item is None else self._room(item, x)
            if max(low, left) <= min(high, right):
                piece.append(item)
                low, high = max(low, left), min(high, right)
                continue
            middle = min(max(_mean([x[i] for i in piece], 0.0), low), high)
            for i in piece:
                x[i] = middle
            piece, low, high = [item], left, right

    def _room(self, item: int, x: list[float]) -> Point:
        """How far an item can move along its row."""
        row = self.rows[self.row[item]]
        at, half = row.index(item), self.size[item][0] / 2 + _BESIDE
        left = x[row[at - 1]] + self.size[row[at - 1]][0] / 2 + half if at else -math.inf
        right = x[row[at + 1]] - self.size[row[at + 1]][0] / 2 - half if at + 1 < len(row) else math.inf
        return min(left, x[item]), max(right, x[item])


def _levels(count: int, drawing: Diagram) -> list[int]:
    """The row of boxes of each: one below the lowest that it reads; what reads nothing stands just above its reader."""
    row, first = [0] * count, [count] * count
    for arrow in sorted(drawing.arrows, key=lambda arrow: arrow.head):
        row[arrow.head] = max(row[arrow.head], row[arrow.tail] + 1)
    heads = {arrow.head for arrow in drawing.arrows}
    for arrow in drawing.arrows:
        first[arrow.tail] = min(first[arrow.tail], row[arrow.head])
    return [first[i] - 1 if i not in heads and first[i] < count else row[i] for i in range(count)]


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _spread(row: list[int], wished: list[float], size: list[Point], x: list[float]) -> None:
    """Give the items of a row places near those wished, in order and apart: the mean of filling from either side."""
    apart = [(size[a][0] + size[b][0]) / 2 + _BESIDE for a, b in pairwise(row)]
    left, right = list(wished), list(wished)
    for i in range(1, len(row)):
        left[i] = max(left[i], left[i - 1] + apart[i - 1])
    for i in range(len(row) - 2, -1, -1):
        right[i] = min(right[i], right[i + 1] - apart[i])
    for item, a, b in zip(row, left, right):
        x[item] = (a + b) / 2


def text_size(lines: Sequence[str]) -> Point:
    """Width and height of lines in letters of one width, or of two in East Asian scripts."""
    cells = (sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line) for line in lines)
    return max(cells, default=0) * CHARACTER, len(lines) * LINE


def _box_size(box: Box) -> Point:
    width, height = text_size([*box.lines, *([box.mark] if box.mark else [])])
    return width + 2 * PADDING, height + 2 * PADDING


def place(drawing: Diagram, rankdir: str) -> Picture:
    """The picture of a diagram in which arrows point down (``rankdir`` TB), up (BT), right (LR) or left (RL)."""
    across = rankdir in ("LR", "RL")
    sizes = [_box_size(box) for box in drawing.boxes]
    grid = _Grid([(h, w) for w, h in sizes] if across else sizes, drawing, across)
    grid.order()
    x = grid.coordinates()
    tops, ends = _heights(grid, x)
    total = ends[-1] if ends else 0.0
    shift = min((x[i] - grid.size[i][0] / 2 for i in range(len(x))), default=0.0)
    breadth = max((x[i] + grid.size[i][0] / 2 for i in range(len(x))), default=0.0) - shift

    def turned(along: float, down: float) -> Point:
        along, down = along - shift + _MARGIN, (total - down if rankdir in ("BT", "RL") else down) + _MARGIN
        return (down, along) if across else (along, down)

    def centre(item: int) -> Point:
        return turned(x[item], (tops[grid.row[item]] + ends[grid.row[item]]) / 2)

    def edge(item: int, side: int) -> Point:
        """The middle of a box's upper (-1) or lower (1) edge."""
        middle = (tops[grid.row[item]] + ends[grid.row[item]]) / 2
        return turned(x[item], middle + side * grid.size[item][1] / 2)

    def above(item: int, by: float = 0.0) -> Point:
        return turned(x[item], tops[grid.row[item]] - by)

    def below(item: int) -> Point:
        return turned(x[item], ends[grid.row[item]])

    boxes = [Placed(box, *centre(i), *sizes[i]) for i, box in enumerate(drawing.boxes)]
    labels = []
    for (_, text), item in grid.labels.items():
        size = grid.size[item]
        labels.append(Label(tuple(text.splitlines()), *centre(item), *(size[::-1] if across else size)))
    routes = []
    for chain in grid.chains:
        first, *passed, last = chain
        between = [point for item in passed for point in (above(item), below(item))]
        routes.append(Route((edge(first, 1), below(first), *between, above(last, _TIP), edge(last, -1)), across))
    width, height = (total, breadth) if across else (breadth, total)
    size = (width + 2 * _MARGIN, height + 2 * _MARGIN)
    return Picture(drawing.name, *size, tuple(boxes), tuple(labels), tuple(routes))


def _heights(grid: _Grid, x: list[float]) -> tuple[list[float], list[float]]:
    """Where the rows begin and end; nearer to one another where all arrows between them are straight."""
    tops: list[float] = []
    ends: list[float] = []
    for row in grid.rows:
        straight = all(abs(x[item] - x[above]) < 1 for item in row for above in grid.above[item])
        tops.append(ends[-1] + (_NEAR if straight else _BETWEEN) if ends else 0.0)
        ends.append(tops[-1] + max(grid.size[item][1] for item in row))
    return tops, ends
