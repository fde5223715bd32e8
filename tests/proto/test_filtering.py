"""Which layers a net has in which state."""

import pytest

from minicaffe.errors import ProtoError
from minicaffe.proto import filter_net, parse_net


def kept(rules, phase="TRAIN", level=0, stages=()):
    return filter_net(parse_net(f'layer {{ name: "a" {rules} }}').param, phase, level, stages) == [0]


def test_no_rules():
    assert kept("", "TRAIN") and kept("", "TEST")


@pytest.mark.parametrize("kind, on_match", [("include", True), ("exclude", False)])
@pytest.mark.parametrize(
    "rule, state, met",
    [
        ("", {}, True),
        ("phase: TRAIN", {}, True),
        ("phase: TRAIN", {"phase": "TEST"}, False),
        ("phase: TEST", {"phase": "TEST"}, True),
        ("min_level: 2", {"level": 1}, False),
        ("min_level: 2", {"level": 2}, True),
        ("max_level: 2", {"level": 3}, False),
        ("max_level: -1", {"level": -1}, True),
        ("max_level: 0", {"level": 1}, False),
        ("stage: 'x'", {}, False),
        ("stage: 'x'", {"stages": ["x", "y"]}, True),
        ("stage: 'x' stage: 'z'", {"stages": ["x", "y"]}, False),
        ("not_stage: 'x'", {}, True),
        ("not_stage: 'x' not_stage: 'z'", {"stages": ["z"]}, False),
        ("phase: TRAIN stage: 'x' min_level: 1", {"stages": ["x"], "level": 1}, True),
        ("phase: TRAIN stage: 'x' min_level: 1", {"stages": ["x"], "level": 0}, False),
    ],
)
def test_one_rule(kind, on_match, rule, state, met):
    assert kept(f"{kind} {{ {rule} }}", **state) == (met == on_match)


def test_any_of_several_rules():
    rules = "{0} {{ phase: TEST }} {0} {{ stage: 'x' }}"
    assert not kept(rules.format("include"))
    assert kept(rules.format("include"), stages=["x"])
    assert kept(rules.format("exclude"))
    assert not kept(rules.format("exclude"), stages=["x"])


def test_indices_of_what_stays():
    net = parse_net("layer { include { phase: TEST } } layer { } layer { exclude { } } layer { include { } }").param
    assert filter_net(net, "TRAIN") == [1, 3]
    assert filter_net(net, "TEST") == [0, 1, 3]


def test_both_kinds():
    with pytest.raises(ProtoError, match='layer "a" has both include and exclude rules'):
        kept("include { } exclude { }")
