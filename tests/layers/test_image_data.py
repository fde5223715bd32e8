"""ImageData on real files: order, sizes, resizing, shuffles, resuming, and what can be wrong."""

import numpy as np
import pytest
from harness import LayerRun, layer_param
from PIL import Image

from minicaffe.data.images import resize
from minicaffe.errors import DataError, LayerError
from minicaffe.layers import layer_class
from minicaffe.net import Net

SIZES = [(6, 8), (9, 5), (7, 7), (5, 5), (8, 6)]


@pytest.fixture
def pictures(tmp_path):
    """Five PNG files, and their pixels as (3, H, W), blue first; the names hold blanks."""
    random = np.random.default_rng(3)
    (tmp_path / "in").mkdir()
    found = []
    for k, size in enumerate(SIZES):
        pixels = random.integers(0, 256, (*size, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "in" / f"a picture {k}.png")
        found.append(pixels[:, :, ::-1].transpose(2, 0, 1))
    (tmp_path / "list.txt").write_text("".join(f"a picture {k}.png {10 + k}\n" for k in range(5)) + "\n")
    return found


@pytest.fixture
def run(tmp_path, pictures):
    made = []

    def make(options="", transform="", phase="TEST", source="list.txt", **more):
        text = (
            f'type: "ImageData" image_data_param {{ source: "{tmp_path}/{source}" root_folder: "{tmp_path}/in/" '
            f"{options} }} transform_param {{ {transform} }}"
        )
        made.append(LayerRun(layer_param(text, 0, 2), [], phase, **more))
        return made[-1]

    yield make
    for one in made:
        one.layer.close()


def take(run, count):
    batches = []
    for _ in range(count):
        run.forward()
        batches.append([top.copy() for top in run.tops])
    return batches


def labels(batches):
    return [int(label) - 10 for _, values in batches for label in values]


def same(first, second):
    return all((a == b).all() for one, other in zip(first, second, strict=True) for a, b in zip(one, other))


def test_one_image_at_a_time_in_its_own_size(run, pictures):
    one = run()
    assert one.layer.dynamic and not one.layer.steady
    for k in (0, 1, 2, 3, 4, 0):
        image, label = one.forward()
        assert (image[0] == pictures[k]).all()
        assert label.tolist() == [10 + k]
    assert one.layer.wrapped == 1


def test_resized_as_opencv_does(run, pictures):
    one = run("batch_size: 5 new_height: 4 new_width: 11", "mean_value: 1 mean_value: 2 mean_value: 3 scale: 0.5")
    assert not one.layer.dynamic
    ((images, _),) = take(one, 1)
    mean = np.array([1, 2, 3], np.float32).reshape(3, 1, 1)
    for image, picture in zip(images, pictures):
        assert (image == (resize(picture, 4, 11) - mean) * np.float32(0.5)).all()


def test_grey(run, pictures):
    ((image, _),) = take(run("is_color: false"), 1)
    blue, green, red = pictures[0].astype(float)
    assert image.shape == (1, 1, 6, 8)
    assert abs(image[0, 0] - (0.299 * red + 0.587 * green + 0.114 * blue)).max() < 1


def test_crops_of_every_size(run, pictures):
    ((images, _),) = take(run("batch_size: 5", "crop_size: 5"), 1)
    for image, picture in zip(images, pictures):
        top, left = (picture.shape[1] - 5) // 2, (picture.shape[2] - 5) // 2
        assert (image == picture[:, top : top + 5, left : left + 5]).all()


def test_shuffled_passes(run):
    shuffled = "batch_size: 2 new_height: 3 new_width: 3 shuffle: true"
    order = np.array(labels(take(run(shuffled), 10))).reshape(4, 5)
    assert all(sorted(one) == [0, 1, 2, 3, 4] for one in order.tolist())
    assert len({tuple(one) for one in order.tolist()}) > 2
    assert labels(take(run(shuffled), 10)) == order.ravel().tolist()
    assert len({tuple(labels(take(run(shuffled, seed=seed), 2))) for seed in range(9)}) > 4


@pytest.mark.parametrize("taken", [0, 2, 4])
@pytest.mark.parametrize("options", ["", "shuffle: true", "rand_skip: 4", "shuffle: true rand_skip: 4"])
def test_a_restored_layer_goes_on_exactly(run, options, taken):
    options, random = f"batch_size: 3 {options}", "crop_size: 4 mirror: true"
    straight = run(options, random, "TRAIN")
    take(straight, taken)
    state = straight.layer.state()
    expected = take(straight, 6)
    other = run(options, random, "TRAIN")
    take(other, 1)
    other.layer.restore(state)
    assert same(take(other, 6), expected)


def test_rand_skip(run):
    first = {labels(take(run("rand_skip: 3", seed=seed), 1))[0] for seed in range(30)}
    assert first == {0, 1, 2}


def test_a_net_follows_the_sizes(tmp_path, pictures):
    (tmp_path / "net.prototxt").write_text(
        f"""layer {{ name: "data" type: "ImageData" top: "data" top: "label"
          image_data_param {{ source: "list.txt" root_folder: "{tmp_path}/in/" }} }}
        layer {{ name: "mean" type: "Pooling" bottom: "data" top: "mean"
          pooling_param {{ pool: AVE global_pooling: true }} }}
        layer {{ name: "end" type: "Silence" bottom: "label" }}"""
    )
    for plan in ("inspect", "fast"):
        with Net(tmp_path / "net.prototxt", "TEST", plan=plan) as net:
            for k in (0, 1, 2, 3, 4, 0):
                found = net.forward()["mean"]
                assert net.blobs["data"].shape == (1, *pictures[k].shape)
                np.testing.assert_allclose(found[0, :, 0, 0], pictures[k].mean(axis=(1, 2)), rtol=1e-5)


@pytest.mark.parametrize(
    "options, transform, expected",
    [
        ("", "", None),
        ("new_height: 4 new_width: 6", "", (2, 3, 4, 6)),
        ("new_height: 4 new_width: 6 is_color: false", "", (2, 1, 4, 6)),
        ("new_height: 4 new_width: 6", "crop_size: 3", (2, 3, 3, 3)),
    ],
)
def test_outline(options, transform, expected):
    text = f'image_data_param {{ source: "none" batch_size: 2 {options} }} transform_param {{ {transform} }}'
    found = layer_class("ImageData")(layer_param(f'type: "ImageData" {text}', 0, 2), "TRAIN").outline()
    assert (found and found.tops) == (expected and [expected, (2,)])


# -- what can be wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "image_data_param has no source; expected a list of images and labels"),
        ('source: "x" new_height: 3', "new_height is 3 and new_width 0; expected both above 0 or none"),
        ('source: "x" batch_size: 0', "batch_size is 0; expected at least 1"),
    ],
)
def test_options_that_make_no_sense(text, message):
    with pytest.raises(LayerError) as caught:
        layer_class("ImageData")(layer_param(f'type: "ImageData" image_data_param {{ {text} }}', 0, 2), "TRAIN")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "text, message",
    [
        ("", ': the list is empty; expected a path and a label, such as "cat.jpg 3", on each line'),
        ("\na.png\n", ':2: found "a.png", expected a path and a label, such as "cat.jpg 3"'),
        ("a.png cat\n", ':1: found "a.png cat", expected a path and a label, such as "cat.jpg 3"'),
        ("7\n", ':1: found "7", expected a path and a label, such as "cat.jpg 3"'),
        ("a pictur 0.png 7\n", ':1: ROOT/in/a pictur 0.png: no such file; did you mean "a picture 0.png"'),
    ],
)
def test_lists_that_make_no_sense(run, tmp_path, text, message):
    (tmp_path / "bad.txt").write_text(text)
    with pytest.raises(DataError) as caught:
        run(source="bad.txt")
    assert str(caught.value).startswith(f"{tmp_path}/bad.txt{message.replace('ROOT', str(tmp_path))}")


def test_images_of_other_sizes_in_a_batch(run, tmp_path):
    with pytest.raises(DataError) as caught:
        take(run("batch_size: 2"), 1)
    assert str(caught.value) == (
        f"{tmp_path}/list.txt:2: {tmp_path}/in/a picture 1.png is an image of 3 x 9 x 5 bytes; "
        "expected an image of 3 x 6 x 8 bytes, as record 0"
    )


def test_an_image_too_small_for_the_crop(run, tmp_path):
    with pytest.raises(DataError) as caught:
        take(run("batch_size: 2", "crop_size: 6"), 1)
    place = f"{tmp_path}/list.txt:2: {tmp_path}/in/a picture 1.png"
    assert str(caught.value) == f"{place} is an image of 3 x 9 x 5; expected at least crop_size, 6, both ways"


def test_a_broken_image(run, tmp_path):
    (tmp_path / "in" / "broken.jpg").write_bytes(b"no image")
    (tmp_path / "bad.txt").write_text("a picture 0.png 1\n\nbroken.jpg 2\n")
    one = run("batch_size: 1", "crop_size: 5", source="bad.txt")
    take(one, 1)
    with pytest.raises(DataError) as caught:
        take(one, 1)
    assert str(caught.value).startswith(f"{tmp_path}/bad.txt:3: {tmp_path}/in/broken.jpg: 8 bytes of an encoded image")


def test_a_state_of_a_longer_list(run):
    with pytest.raises(DataError, match=r"list.txt: no record 9, for the list holds 5 images$"):
        run().layer.restore({"position": 9, "drawn": 9})
