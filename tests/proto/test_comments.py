"""What the schema's comments say of its messages, fields and values."""

import pytest

from minicaffe.proto import caffe_pb2
from minicaffe.proto.comments import comment_of

MESSAGES = caffe_pb2.DESCRIPTOR.message_types_by_name
OLD = ("V0LayerParameter", "V1LayerParameter")


def field(message, name):
    return MESSAGES[message].fields_by_name[name]


def test_messages_fields_and_values_have_theirs():
    pool = field("PoolingParameter", "pool")
    assert comment_of(MESSAGES["FillerParameter"]) == "How a parameter is filled before training."
    assert comment_of(pool) == "what is taken of each window"
    assert comment_of(pool.enum_type.values_by_name["AVE"]) == "the mean"
    assert comment_of(field("FillerParameter", "sparse")).startswith("of gaussian: ")  # above its line
    assert comment_of(field("PoolingParameter", "ceil_mode")).startswith(
        "the name in forks"
    )  # the line's own, not above
    assert comment_of(field("BatchNormParameter", "eps")) == "what is added to the variance"
    assert comment_of(MESSAGES["ScaleParameter"]) == ""


def test_a_comment_over_several_lines_is_one():
    words = comment_of(MESSAGES["ResizeParameter"])
    assert words.startswith("How images are resized before the crop") and words.endswith("numbers of their own.")


@pytest.mark.parametrize("name", [name for name in MESSAGES if name not in OLD])
def test_every_field_is_explained(name):
    options = {one.name for one in MESSAGES["LayerParameter"].fields if one.name.endswith("_param")}
    silent = [one.name for one in MESSAGES[name].fields if not comment_of(one) and one.name not in options]
    assert silent == []
