"""Data with forks' resize_param and noise_param: records of several sizes in a batch, resuming, shapes without data."""

import io

import lmdb
import numpy as np
import pytest
from harness import LayerRun, layer_param
from PIL import Image

from minicaffe.analysis.check import check_solver
from minicaffe.errors import LayerError
from minicaffe.layers import layer_class
from minicaffe.proto import caffe_pb2
from minicaffe.solver.definition import read_definition

SIZES = [(20, 31), (31, 20), (24, 24), (18, 40), (33, 19)]
BY_LOT = (
    "force_color: true mirror: true crop_size: 12 "
    "resize_param { prob: 0.6 resize_mode: FIT_SMALL_SIZE height: 14 width: 14 max_angle: 5 pad_mode: MIRRORED }"
    "resize_param { prob: 0.4 height: 16 width: 16 interp_mode: CUBIC interp_mode: AREA }"
    "noise_param { prob: 0.5 clahe: true }"
)


@pytest.fixture
def run(tmp_path):
    """``run(transform, options, ...)``: a LayerRun over five encoded images of several sizes, closed at the end."""
    rng = np.random.default_rng(1)
    with lmdb.open(str(tmp_path / "db"), map_size=1 << 24, lock=False) as env, env.begin(write=True) as txn:
        for k, size in enumerate(SIZES):
            file = io.BytesIO()
            Image.fromarray(rng.integers(0, 256, (*size, 3)).astype(np.uint8)).save(file, "PNG")
            datum = caffe_pb2.Datum(data=file.getvalue(), encoded=True, label=k)
            txn.put(b"%05d" % k, datum.SerializeToString())
    made = []

    def make(transform, options="batch_size: 4", phase="TRAIN", **more):
        text = f'type: "Data" data_param {{ source: "{tmp_path}/db" {options} }}transform_param {{ {transform} }}'
        made.append(LayerRun(layer_param(text, 0, 2), [], phase, **more))
        return made[-1]

    yield make
    for one in made:
        one.layer.close()


def take(run, count):
    return [[top.copy() for top in run.forward()] for _ in range(count)]


def same(first, second):
    return all((a == b).all() for one, other in zip(first, second, strict=True) for a, b in zip(one, other))


@pytest.mark.parametrize("mode", ["WARP", "FIT_LARGE_SIZE_AND_PAD"])
def test_resizing_makes_batches_of_records_of_several_sizes(run, mode):
    images, labels = run(f"resize_param {{ height: 9 width: 10 resize_mode: {mode} }}", "batch_size: 5").forward()
    assert images.shape == (5, 3, 9, 10) and labels.tolist() == [0, 1, 2, 3, 4]
    assert len({image.tobytes() for image in images}) == 5


def test_the_crop_follows(run):
    transform = "crop_size: 8 resize_param { height: 10 width: 12 }"
    whole, cut = (run(text, phase="TEST").forward()[0] for text in (transform.replace("crop_size: 8", ""), transform))
    assert (cut == whole[:, :, 1:9, 2:10]).all()


def test_a_single_image_has_the_size_that_comes_of_it(run):
    one = run("resize_param { height: 10 width: 10 resize_mode: FIT_SMALL_SIZE }", "batch_size: 1")
    assert one.layer.dynamic and not one.layer.steady
    assert [top[0].shape for top in take(one, 5)] == [
        (1, 3, *size) for size in [(10, 15), (15, 10), (10, 10), (10, 22), (17, 10)]
    ]
    by_lot = run(
        "resize_param { prob: 0.5 height: 10 width: 10 } resize_param { prob: 0.5 height: 8 width: 8 }", "batch_size: 1"
    )
    assert {top[0].shape for top in take(by_lot, 20)} == {(1, 3, 10, 10), (1, 3, 8, 8)}


def test_a_resumed_run_goes_on_with_the_same_draws(run):
    whole = take(run(BY_LOT, seed=3), 8)
    first = run(BY_LOT, seed=3)
    assert same(take(first, 3), whole[:3])
    second = run(BY_LOT, seed=3)
    second.layer.restore(first.layer.state())
    assert same(take(second, 5), whole[3:])
    assert not same(take(run(BY_LOT, seed=4), 1), whole[:1])


@pytest.mark.parametrize(
    "transform, batch, shape",
    [
        (BY_LOT, 4, (4, 3, 12, 12)),
        ("resize_param { height: 300 width: 400 }", 4, (4, 3, 300, 400)),
        ("mean_value: 1 resize_param { height: 30 width: 40 } noise_param { prob: 1 clahe: true }", 1, (1, 3, 30, 40)),
        ("resize_param { height: 300 width: 400 resize_mode: FIT_SMALL_SIZE }", 4, None),
    ],
)
def test_shapes_without_data(transform, batch, shape):
    text = f'type: "Data" data_param {{ source: "none" batch_size: {batch} }} transform_param {{ {transform} }}'
    param = layer_param(text, 0, 2)
    layer = layer_class("Data")(param, "TRAIN")
    layer.setup()
    found = layer.outline()
    assert (found and found.tops) == (shape and [shape, (batch,)])


@pytest.mark.parametrize(
    "type, transform, message",
    [
        ("Data", "noise_param { clahe: true }", "noise_param has no prob; expected one, 1 for noise in every image"),
        (
            "Data",
            "resize_param { prob: 0.5 height: 4 width: 4 }",
            "resize_param makes images of several sizes, by lot; expected a crop_size, or a batch_size of 1",
        ),
        (
            "WindowData",
            "crop_size: 4 resize_param { height: 4 width: 4 }",
            "WindowData takes no resize_param and no noise_param; expected neither",
        ),
    ],
)
def test_options_that_are_refused(type, transform, message):
    options = {"Data": "data_param", "WindowData": "window_data_param"}[type]
    param = layer_param(
        f'type: "{type}" {options} {{ source: "x" batch_size: 2 }} transform_param {{ {transform} }}', 0, 2
    )
    with pytest.raises(LayerError) as caught:
        layer_class(type)(param, "TRAIN").setup()
    assert str(caught.value) == message


SOLVER = """
base_lr: 0.01 lr_policy: "step" gamma: 0.1 stepsize: 100000 max_iter: 320000 test_iter: 10 test_interval: 1000
net_param {
  layer {
    name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN }
    transform_param {
      force_color: true scale: 0.04 mirror: true crop_size: 128
      mean_value: 104 mean_value: 117 mean_value: 124
      resize_param {
        prob: 1.0 resize_mode: FIT_SMALL_SIZE height: 144 width: 144 pad_mode: MIRRORED interp_mode: LINEAR
        center_object: false max_angle: 0
      }
      noise_param { prob: 1.0 convert_to_hsv: true }
    }
    data_param { source: "train_lmdb" backend: LMDB batch_size: 128 }
  }
  layer {
    name: "data" type: "Data" top: "data" top: "label" include { phase: TEST }
    transform_param { crop_size: 128 resize_param { prob: 1.0 height: 144 width: 144 } }
    data_param { source: "val_lmdb" backend: LMDB batch_size: 50 }
  }
  layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 10 } }
  layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }
}
"""


def test_a_solver_file_like_the_benchmarks_is_sound(tmp_path):
    path = tmp_path / "solver.prototxt"
    path.write_text(SOLVER)
    states = check_solver(read_definition(str(path)))
    assert [state.problems for _, state in states] == [()] * len(states)
    path.write_text(SOLVER.replace("center_object: false", "center_object: true"))
    problems = [problem for _, state in check_solver(read_definition(str(path))) for problem in state.problems]
    assert len(problems) == 1
    assert problems[0].endswith("center_object of resize_param is not known here; expected false")
