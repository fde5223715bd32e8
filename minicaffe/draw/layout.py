"""Where the boxes and arrows of a diagram lie: rows of boxes, few crossings, long arrows around boxes.

In layers, after Sugiyama, Tagawa and Toda (1981): rows by longest path, places reserved for arrows that pass a row, an
order by the mean of neighbours, and coordinates that pull neighbours under one another.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from .diagram import Box, Diagram

CHARACTER, LINE, PADDING = 6.6, 15, 8
"""Width of a character, height of a line and the room inside a box, in pixels."""

_BESIDE, _BETWEEN, _MARGIN = 20, 40, 16
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
class Route:
    """An arrow's points, from box to box, its label and where that begins. ``across``: it runs sideways."""

    points: tuple[Point, ...]
    label: str
    label_at: Point
    across: bool


@dataclass(frozen=True)
class Picture:
    name: str
    width: float
    height: float
    boxes: tuple[Placed, ...]
    routes: tuple[Route, ...]


class _Grid:
    """Boxes, and a dummy for every row that an arrow passes, in rows; all along one axis, later turned as needed."""

    def __init__(self, sizes: list[Point], drawing: Diagram):
        self.size = list(sizes)
        self.row = _rows(len(sizes), drawing)
        self.chains: list[list[int]] = []
        for arrow in drawing.arrows:
            chain = [arrow.tail]
            for row in range(self.row[arrow.tail] + 1, self.row[arrow.head]):
                self.row.append(row)
                self.size.append((8.0, 0.0))
                chain.append(len(self.row) - 1)
            self.chains.append([*chain, arrow.head])
        self.above: list[list[int]] = [[] for _ in self.row]
        self.below: list[list[int]] = [[] for _ in self.row]
        for chain in self.chains:
            for a, b in pairwise(chain):
                self.below[a].append(b)
                self.above[b].append(a)
        self.rows: list[list[int]] = [[] for _ in range(max(self.row, default=-1) + 1)]
        for item in self._by_depth():
            self.rows[self.row[item]].append(item)

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
        return x


def _rows(count: int, drawing: Diagram) -> list[int]:
    """The row of each box: one below the lowest that it reads; what reads nothing stands just above its reader."""
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


def place(drawing: Diagram, rankdir: str) -> Picture:
    """The picture of a diagram in which arrows point down (``rankdir`` TB), up (BT), right (LR) or left (RL)."""
    across = rankdir in ("LR", "RL")
    sizes = [
        (max(len(line) for line in box.lines) * CHARACTER + 2 * PADDING, len(box.lines) * LINE + 2 * PADDING)
        for box in drawing.boxes
    ]
    grid = _Grid([(h, w) for w, h in sizes] if across else sizes, drawing)
    grid.order()
    x = grid.coordinates()
    longest = max((len(arrow.label) for arrow in drawing.arrows), default=0) * CHARACTER
    tops, ends = _heights(grid, max(_BETWEEN, longest + 24) if across else _BETWEEN)
    total = ends[-1] if ends else 0.0
    shift = min((x[i] - grid.size[i][0] / 2 for i in range(len(x))), default=0.0)
    breadth = max((x[i] + grid.size[i][0] / 2 for i in range(len(x))), default=0.0) - shift

    def turned(along: float, down: float) -> Point:
        along, down = along - shift + _MARGIN, (total - down if rankdir in ("BT", "RL") else down) + _MARGIN
        return (down, along) if across else (along, down)

    def edge(item: int, side: int) -> Point:
        """The middle of an item's upper (-1) or lower (1) edge; of a dummy's, at the edge of its row."""
        top, end = tops[grid.row[item]], ends[grid.row[item]]
        half = grid.size[item][1] / 2 if item < len(sizes) else (end - top) / 2
        return turned(x[item], (top + end) / 2 + side * half)

    boxes = [
        Placed(box, *turned(x[i], (tops[grid.row[i]] + ends[grid.row[i]]) / 2), *sizes[i])
        for i, box in enumerate(drawing.boxes)
    ]
    routes = []
    for arrow, chain in zip(drawing.arrows, grid.chains):
        passed = [point for item in chain[1:-1] for point in (edge(item, -1), edge(item, 1))]
        points = (edge(chain[0], 1), *passed, edge(chain[-1], -1))
        routes.append(Route(points, arrow.label, _label_place(points, arrow.label, across), across))
    width, height = (total, breadth) if across else (breadth, total)
    right = max((route.label_at[0] + len(route.label) * CHARACTER for route in routes), default=0.0)
    width = max(width + 2 * _MARGIN, right + _MARGIN)
    return Picture(drawing.name, width, height + 2 * _MARGIN, tuple(boxes), tuple(routes))


def _heights(grid: _Grid, between: float) -> tuple[list[float], list[float]]:
    """Where the rows begin and end."""
    tops, ends, end = [], [], -between
    for row in grid.rows:
        tops.append(end + between)
        end = tops[-1] + max(grid.size[item][1] for item in row)
        ends.append(end)
    return tops, ends


def _label_place(points: tuple[Point, ...], label: str, across: bool) -> Point:
    """Where the label of an arrow begins: beside its first piece, on the side to which that leans."""
    (x, y), (to_x, to_y) = points[:2]
    if across:
        return min(x, to_x) + 6, y + (to_y - y) * 0.3 + (14 if to_y > y + 1 else -5)
    beside = -6 - len(label) * CHARACTER if to_x < x - 1 else 6
    return max(x + (to_x - x) * 0.3 + beside, 2.0), y + (to_y - y) * 0.4 + 4
