"""Boxes and labels do not overlap, text stays in its box, arrows meet their boxes and pass all others."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageDraw

from minicaffe.draw.diagram import Arrow, Box, Diagram, diagram
from minicaffe.draw.layout import CHARACTER, LINE, place, text_size
from minicaffe.draw.png import _curve, png_bytes
from minicaffe.proto import parse_net

WAYS = ("TB", "BT", "LR", "RL")


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


def apart(items):
    """No two of the rectangles share a point."""
    for i, (left, top, right, bottom) in enumerate(items):
        for other_left, other_top, other_right, other_bottom in items[:i]:
            assert right <= other_left or other_right <= left or bottom <= other_top or other_bottom <= top


def check(drawing, way):
    picture = place(drawing, way)
    boxes, labels = [[corners(item) for item in items] for items in (picture.boxes, picture.labels)]
    apart([*boxes, *labels])
    for left, top, right, bottom in (*boxes, *labels):
        assert left >= 0 and top >= 0 and right <= picture.width and bottom <= picture.height
    for placed in picture.boxes:
        width, height = text_size([*placed.box.lines, *[placed.box.mark][: bool(placed.box.mark)]])
        assert width < placed.width and height < placed.height
    told = {(arrow.tail, arrow.label) for arrow in drawing.arrows if arrow.label}
    assert sorted("\n".join(label.lines) for label in picture.labels) == sorted(label for _, label in told)
    for arrow, route in zip(drawing.arrows, picture.routes):
        others = [box for i, box in enumerate(boxes) if i not in (arrow.tail, arrow.head)]
        others += [box for box, label in zip(labels, picture.labels) if "\n".join(label.lines) != arrow.label]
        for x, y in _curve(route):
            assert not any(
                left + 0.1 < x < right - 0.1 and top + 0.1 < y < bottom - 0.1 for left, top, right, bottom in others
            )
    return picture, boxes


@pytest.mark.parametrize("seed", range(40))
def test_any_diagram(seed):
    drawing = random_diagram(seed)
    picture, boxes = check(drawing, "TB")
    for arrow, route in zip(drawing.arrows, picture.routes):
        (x, y), (end_x, end_y) = route.points[0], route.points[-1]
        assert (x, y) == pytest.approx((picture.boxes[arrow.tail].x, boxes[arrow.tail][3]))
        assert (end_x, end_y) == pytest.approx((picture.boxes[arrow.head].x, boxes[arrow.head][1]))
        assert [y for _, y in route.points] == sorted(y for _, y in route.points)


WORDS = st.text("ab /猫é…", min_size=1, max_size=30).map(lambda text: f"_{text}_")
BOXES = st.builds(
    Box, st.lists(WORDS, min_size=1, max_size=4).map(tuple), st.just("#fff"), st.sampled_from(["", "mark"])
)


@st.composite
def diagrams(draw):
    boxes = draw(st.lists(BOXES, min_size=1, max_size=10))
    pairs = [(a, b) for b in range(len(boxes)) for a in range(b)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=20)) if pairs else []
    arrows = [Arrow(a, b, draw(st.sampled_from(["", "x", "data\n64 x 3", "a long label"]))) for a, b in sorted(chosen)]
    return Diagram("net", tuple(boxes), tuple(arrows))


@settings(max_examples=60, deadline=None)
@given(diagrams(), st.sampled_from(WAYS))
def test_any_diagram_in_every_way(drawing, way):
    check(drawing, way)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("model", ["googlenet/deploy", "cifar10_bn_scale/train_test", "resnet20/train_test"])
def test_models(model, way):
    path = Path(__file__).parents[2] / "models" / f"{model}.prototxt"
    check(diagram(parse_net(path.read_text(), str(path)).param, rankdir=way), way)


def test_a_chain_is_straight_and_beside_it_what_passes():
    arrows = [*(Arrow(i, i + 1, "label" if i % 2 else "") for i in range(9)), Arrow(0, 9, "far")]
    boxes = tuple(Box(("x" * (5 + 7 * i % 11),), "#fff") for i in range(10))
    picture = place(Diagram("net", boxes, tuple(arrows)), "TB")
    assert len({round(box.x, 3) for box in picture.boxes[1:9]}) == 1
    assert len({round(x, 3) for x, _ in picture.routes[-1].points[2:-2]}) == 1


def test_wide_letters_and_text_that_is_painted_stay_inside(monkeypatch):
    """Letters of a PNG are of many widths; what is too wide becomes smaller."""
    assert text_size(["猫猫", "ab"]) == (4 * CHARACTER, 2 * LINE)
    painted = []
    original = ImageDraw.ImageDraw.text

    def text(self, xy, line, *args, **how):
        painted.append((xy[0], xy[0] + self.textlength(line, font=how["font"])))
        original(self, xy, line, *args, **how)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", text)
    picture = place(Diagram("net", (Box(("W" * 40, "i"), "#fff"), Box(("M" * 5,), "#fff")), ()), "LR")
    png_bytes(picture)
    (left, _, right, _), (other_left, _, other_right, _) = map(corners, picture.boxes)
    assert left < painted[0][0] / 2 and painted[0][1] / 2 < right
    assert other_left < painted[2][0] / 2 and painted[2][1] / 2 < other_right


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
