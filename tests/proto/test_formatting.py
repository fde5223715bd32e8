"""Messages as Caffe's log shows them."""

import pytest

from minicaffe.proto import caffe_pb2, format_text, parse_text

SOLVER = """\
test_iter: 2
test_interval: 10
base_lr: 0.001
display: 5
max_iter: 30
lr_policy: "step"
gamma: 1
momentum: 0.9
stepsize: 5000
snapshot: 15
snapshot_prefix: "snap/short"
solver_mode: CPU
random_seed: 31337
net: "train_test.prototxt"
train_state {
  level: 0
  stage: ""
}
average_loss: 5
weights: "init.caffemodel"
"""  # as a run of Caffe logged it


def test_as_caffe_logs_a_solver():
    assert format_text(parse_text(SOLVER, caffe_pb2.SolverParameter)) == SOLVER


@pytest.mark.parametrize(
    "value, text",
    [
        (0.001, "0.001"),
        (1.0, "1"),
        (1e-5, "1e-05"),
        (1e20, "1e+20"),
        (1234567.0, "1234567"),
        (1 / 3, "0.333333343"),
        (-0.5, "-0.5"),
        (3.4028234663852886e38, "3.40282347e+38"),
        (float("inf"), "inf"),
        (float("-inf"), "-inf"),
        (float("nan"), "nan"),
    ],
)
def test_floats(value, text):
    assert format_text(caffe_pb2.SolverParameter(base_lr=value)) == f"base_lr: {text}\n"


@pytest.mark.parametrize("value, text", [(0.1, "0.1"), (1 / 3, "0.33333333333333331"), (2.0, "2")])
def test_doubles(value, text):
    assert format_text(caffe_pb2.BlobProto(double_data=[value])) == f"double_data: {text}\n"


def test_strings_enums_bools_bytes():
    layer = caffe_pb2.LayerParameter(name='a"b\\c\n\té', phase=1, propagate_down=[True, False])
    assert format_text(layer) == (
        'name: "a\\"b\\\\c\\n\\t\\303\\251"\nphase: TEST\npropagate_down: true\npropagate_down: false\n'
    )
    assert format_text(caffe_pb2.Datum(data=b"\x00\xff'")) == 'data: "\\000\\377\\\'"\n'
