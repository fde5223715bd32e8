"""Boxes do not overlap, arrows meet their boxes and pass the others."""

import random

import pytest

from minicaffe.draw.diagram import Arrow, Box, Diagram
from minicaffe.draw.layout import place


def random_diagram(seed):
    draw = random.Random(seed)
    count = draw.randint(1, 30)
    lines = [["x" * draw.randint(1, 30) for _ in range(draw.randint(1, 4))] for _ in range(count)]
    wanted = draw.randint(0, 2 * count) if count > 1 else 0
    pairs = {tuple(sorted(draw.sample(range(count), 2))) for _ in range(wanted)}
    arrows = tuple(Arrow(a, b, draw.choice(["", "label"])) for a, b in sorted(pairs))
    return Diagram("net", tuple(Box(tuple(text), "#fff") for text in lines), arrows)


def corners(box):
    return box.x - box.width / 2, box.y - box.height / 2, box.x + box.width / 2, box.y + box.height / 2


@pytest.mark.parametrize("seed", range(40))
def test_any_diagram(seed):
    drawing = random_diagram(seed)
    picture = place(drawing, "TB")
    boxes = [corners(box) for box in picture.boxes]
    for i, (left, top, right, bottom) in enumerate(boxes):
        assert left >= 0 and top >= 0 and right <= picture.width and bottom <= picture.height
        for other_left, other_top, other_right, other_bottom in boxes[:i]:
            assert right <= other_left or other_right <= left or bottom <= other_top or other_bottom <= top
    for arrow, route in zip(drawing.arrows, picture.routes):
        (x, y), (end_x, end_y) = route.points[0], route.points[-1]
        assert (x, y) == pytest.approx((picture.boxes[arrow.tail].x, boxes[arrow.tail][3]))
        assert (end_x, end_y) == pytest.approx((picture.boxes[arrow.head].x, boxes[arrow.head][1]))
        assert [y for _, y in route.points] == sorted(y for _, y in route.points)
        for x, y in route.points[1:-1]:
            assert not any(left < x < right and top < y < bottom for left, top, right, bottom in boxes)


def test_directions_are_turns_of_one_another():
    drawing = random_diagram(3)
    down, up, right, left = (place(drawing, rankdir) for rankdir in ("TB", "BT", "LR", "RL"))
    for a, b in zip(down.boxes, up.boxes):
        assert (a.x, a.y) == pytest.approx((b.x, down.height - b.y))
    first = right.boxes[drawing.arrows[0].tail].x < right.boxes[drawing.arrows[0].head].x
    assert first and left.boxes[drawing.arrows[0].tail].x > left.boxes[drawing.arrows[0].head].x


def test_branches_do_not_cross():
    """Two chains between a first and a last box, named in turns."""
    arrows = [Arrow(0, 1, ""), Arrow(0, 2, ""), Arrow(1, 4, ""), Arrow(2, 3, ""), Arrow(3, 6, ""), Arrow(4, 5, "")]
    arrows += [Arrow(5, 7, ""), Arrow(6, 7, "")]
    boxes = place(Diagram("net", (Box(("box",), "#fff"),) * 8, tuple(arrows)), "TB").boxes
    sides = [boxes[i].x < boxes[j].x for i, j in ((1, 2), (4, 3), (5, 6))]
    assert len(set(sides)) == 1
