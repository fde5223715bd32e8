"""MemoryData: what was given goes round; what can be wrong with it."""

import numpy as np
import pytest
from harness import LayerRun, layer_param

from minicaffe.errors import DataError, LayerError
from minicaffe.layers import layer_class
from minicaffe.net import Net

SIZES = "batch_size: 2 channels: 3 height: 4 width: 5"


def make(transform="", phase="TEST", sizes=SIZES, **more):
    text = f'type: "MemoryData" name: "mem" memory_data_param {{ {sizes} }} transform_param {{ {transform} }}'
    return LayerRun(layer_param(text, 0, 2), [], phase, **more)


def images(count, shape=(3, 4, 5), dtype=np.float32):
    return np.random.default_rng(1).integers(0, 256, (count, *shape)).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_batches_go_round(dtype):
    run, given = make(dtype=dtype), images(6)
    assert [top.shape for top in run.tops] == [(2, 3, 4, 5), (2,)]
    run.layer.reset(given, np.arange(6))
    for k in (0, 2, 4, 0, 2):
        found, labels = run.forward()
        assert (found == given[k : k + 2]).all()
        assert labels.tolist() == [k, k + 1]
    run.layer.reset(given[2:4], np.array([7, 8]).reshape(2, 1, 1, 1))
    found, labels = run.forward()
    assert (found == given[2:4]).all() and labels.tolist() == [7, 8]


def test_add_transforms():
    given = images(2, (3, 8, 7), np.uint8)
    sizes = SIZES.replace("width: 5", "width: 4")
    run = make("crop_size: 4 mean_value: 3 scale: 0.5", sizes=sizes)
    run.layer.add([given[0], given[1][:, :6, :5]], [1, 2])
    found, labels = run.forward()
    assert (found[0] == (given[0][:, 2:6, 1:5].astype(np.float32) - 3) / 2).all()
    assert (found[1] == (given[1][:, 1:5, 0:4].astype(np.float32) - 3) / 2).all()
    assert labels.tolist() == [1, 2]


def test_flips_differ_from_one_add_to_the_next():
    run, given = make("mirror: true", "TRAIN"), images(2)
    found = set()
    for _ in range(20):
        run.layer.add(given, [0, 0])
        found.add(run.forward()[0].tobytes())
    assert len(found) == 4


def test_in_a_net(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(
        f"""layer {{ name: "mem" type: "MemoryData" top: "x" top: "t" memory_data_param {{ {SIZES} }} }}
        layer {{ name: "sum" type: "ReLU" bottom: "x" top: "y" }}"""
    )
    for plan in ("inspect", "fast"):
        with Net(path, "TEST", plan=plan) as net:
            with pytest.raises(DataError, match='MemoryData layer "mem" has no data; expected its reset'):
                net.forward()
            given = images(2)
            net.layers[0].reset(given, [1, 2])
            assert (net.forward()["y"] == given).all()


@pytest.mark.parametrize(
    "method, given, labels, message",
    [
        ("reset", (2, 3, 4, 6), 2, "images of 2 x 3 x 4 x 6; expected N x 3 x 4 x 5"),
        ("reset", (2, 3, 20), 2, "images of 2 x 3 x 20; expected N x 3 x 4 x 5"),
        ("reset", (3, 3, 4, 5), 3, "3 images; expected a multiple of the batch_size, 2"),
        ("reset", (0, 3, 4, 5), 0, "0 images; expected a multiple of the batch_size, 2"),
        ("reset", (2, 3, 4, 5), 3, "labels of 3 for 2 images; expected 2"),
        ("add", (2, 3, 4, 6), 2, "image 0 becomes 3 x 4 x 6; expected 3 x 4 x 5"),
        ("add", (2, 4, 5), 2, "image 0 is 4 x 5; expected C x H x W"),
        ("add", (1, 3, 4, 5), 1, "1 image; expected a multiple of the batch_size, 2"),
        ("add", (2, 3, 4, 5), 1, "labels of 1 for 2 images; expected 2"),
    ],
)
def test_arrays_that_do_not_fit(method, given, labels, message):
    with pytest.raises(DataError) as caught:
        getattr(make().layer, method)(np.zeros(given), np.zeros(labels))
    assert str(caught.value) == f'MemoryData layer "mem": {message}'


def test_sizes_that_are_missing():
    param = layer_param('type: "MemoryData" memory_data_param { batch_size: 2 height: 4 }', 0, 2)
    with pytest.raises(LayerError) as caught:
        layer_class("MemoryData")(param, "TRAIN")
    assert str(caught.value) == "memory_data_param has no channels and no width; expected at least 1 of each"
