"""Where fields stand in a text, and changes of it to the letter."""

import pytest

from minicaffe.errors import ProtoError
from minicaffe.proto.spans import Edit, added, changed, following, removed, spans_of, valued

TEXT = """name: "a" 'b'  # a { comment
layer {
  name: "x", type: "BatchNorm";
  param { lr_mult: -0.5 } param < lr_mult: 1 >
  blobs_lr: [1, 2]
  batch_norm_param: { eps: 1e-5 }
}
"""


def test_fields_and_their_places():
    whole = spans_of(TEXT, "net.prototxt")
    assert [part.name for part in whole.parts] == ["name", "layer"]
    layer = whole.first("layer")
    assert (layer.line, layer.column, TEXT[layer.start : layer.end]) == (2, 1, TEXT[TEXT.index("layer") : -1])
    kind = layer.first("type")
    assert (kind.line, kind.column, kind.word, TEXT[kind.start : kind.after]) == (
        3,
        14,
        "BatchNorm",
        'type: "BatchNorm";',
    )
    assert [rate.written for rate in layer.all("param", "lr_mult")] == ["-0.5", "1"]
    assert [TEXT[one.start : one.end] for one in layer.all("blobs_lr")] == ["1", "2"]
    assert whole.first("name").written == "\"a\"'b'"
    assert layer.first("batch_norm_param", "eps").word == "1e-5" and layer.first("none") is None


def test_edits():
    layer = spans_of(TEXT, "n").first("layer")
    rates = list(layer.all("param"))
    assert changed(TEXT, [valued(rates[1].parts[0], "0")]) == TEXT.replace("lr_mult: 1", "lr_mult: 0")
    assert changed(TEXT, [removed(TEXT, rates[0])]) == TEXT.replace("param { lr_mult: -0.5 } param", "param")
    assert changed(TEXT, [removed(TEXT, rates[1])]) == TEXT.replace(" param < lr_mult: 1 >", "")
    message = layer.first("batch_norm_param")
    assert changed(TEXT, [removed(TEXT, message)]) == TEXT.replace("  batch_norm_param: { eps: 1e-5 }\n", "")
    assert changed(TEXT, [added(TEXT, message, "a: 1")]) == TEXT.replace("{ eps", "{ a: 1 eps")
    assert changed(TEXT, [added(TEXT, layer, "top: 1")]) == TEXT.replace("  batch", "  top: 1\n  batch")
    assert changed(TEXT, [following(TEXT, layer, "end {}")]) == TEXT.rstrip("\n") + "\nend {}\n"
    assert changed("a {} b: 1", [added("a {} b: 1", spans_of("a {} b: 1", "n").parts[0], "c: 1")]) == "a { c: 1} b: 1"
    first = spans_of("a: 1 b: 1", "n").parts[0]
    assert changed("a: 1 b: 1", [following("a: 1 b: 1", first, "c: 1")]) == "a: 1 c: 1 b: 1"
    assert changed("a: 1 b: 1", [removed("a: 1 b: 1", first)]) == "b: 1"


def test_edits_that_touch_are_not_both_made():
    assert changed("abcdef", [Edit(1, 3, "X"), Edit(2, 4, "Y"), Edit(4, 4, "Z"), Edit(4, 4, "W")]) == "aXdWef"


@pytest.mark.parametrize("text", ["a: {", "}", "a: [1, 2", "a", "a: -", "a: [", "", "a: <} >", "1: 2"])
def test_what_the_parser_refuses_is_passed_over(text):
    whole = spans_of(text, "n")
    assert whole.end == len(text) and all(part.end <= len(text) for part in whole.parts)


def test_what_is_no_token():
    with pytest.raises(ProtoError, match="n:1:4: unexpected character '\\$'"):
        spans_of("a: $", "n")
