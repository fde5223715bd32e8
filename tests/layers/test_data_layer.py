"""Data against Caffe's batches, its state, and what can be wrong with its options and its source."""

import io
import sys
from pathlib import Path

import lmdb
import numpy as np
import pytest
from cifar_records import GOLDEN, test_records, train_records
from harness import LayerRun, golden_net, layer_param
from PIL import Image

from minicaffe.data import LmdbSource, compute_mean, write_lmdb
from minicaffe.data.datum import datum_from_array
from minicaffe.errors import DataError, LayerError
from minicaffe.layers import layer_class
from minicaffe.proto import read_mean, write_mean

CASES = sorted((Path(__file__).parents[1] / "golden" / "layers" / "Data").glob("*.npz"))


@pytest.fixture(scope="module")
def cifar(tmp_path_factory):
    """A folder with cifar10/cifar10_test_lmdb, of which the four first images and all centres are CIFAR-10's."""
    folder = tmp_path_factory.mktemp("golden")
    with np.load(GOLDEN / "test_records.npz") as pack:
        first, labels, centres = pack["first"], pack["labels"], pack["centres"]
    (folder / "cifar10").mkdir()

    def blocks():
        for start in range(0, len(labels), 1000):
            images = np.zeros((1000, 3, 32, 32), np.uint8)
            images[:, :, 15, 15] = centres[start : start + 1000]
            if start == 0:
                images[: len(first)] = first
            yield images, labels[start : start + 1000]

    write_lmdb(folder / "cifar10" / "cifar10_test_lmdb", blocks(), len(labels), (3, 32, 32))
    (folder / "cifar10" / "mean.binaryproto").write_bytes((GOLDEN / "mean.binaryproto").read_bytes())
    return folder


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_batches_are_caffes(path, cifar, monkeypatch):
    monkeypatch.chdir(cifar)
    case, _, (param,) = golden_net(path)
    run = LayerRun(param, [], str(case["phase"]))
    for step in range(int(case["steps"])):
        at = f"@{step}" if step else ""
        for name, top in zip(param.top, run.forward(), strict=True):
            expected = case[f"out_{name}{at}"]
            assert top.shape == expected.shape
            assert (top == expected).all(), f"{name}{at}"
    run.layer.close()


def test_the_cases_are_there():
    assert len(CASES) == 6


def test_the_kept_records_are_decoded_as_they_were_recorded():
    with np.load(GOLDEN / "test_records.npz") as pack:
        images, labels = test_records(200)
        assert (images[:4] == pack["first"]).all()
        assert (images[:, :, 15, 15] == pack["centres"][:200]).all()
        assert (labels == pack["labels"][:200]).all()


def test_the_kept_mean_is_near_that_of_the_kept_records(tmp_path):
    images, labels = train_records()
    write_lmdb(tmp_path / "db", [(images, labels)], len(images), (3, 32, 32))
    mean = compute_mean(LmdbSource(tmp_path / "db"))
    assert abs(mean - read_mean(GOLDEN / "mean.binaryproto")).max() < 8


# -- running on ----------------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path):
    """``run(options, transform, ...)``: a LayerRun over ten images, closed at the end."""
    images = np.random.default_rng(1).integers(0, 256, (10, 2, 5, 5)).astype(np.uint8)
    write_lmdb(tmp_path / "db", [(images, np.arange(10))], 10, (2, 5, 5))
    made = []

    def make(options="batch_size: 4", transform="", tops=2, phase="TRAIN", **more):
        text = f'type: "Data" data_param {{ source: "{tmp_path}/db" {options} }}transform_param {{ {transform} }}'
        made.append(LayerRun(layer_param(text, 0, tops), [], phase, **more))
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


def same(first, second):
    return all((a == b).all() for one, other in zip(first, second, strict=True) for a, b in zip(one, other))


def test_shapes(run):
    both = run(transform="crop_size: 3")
    assert [top.shape for top in both.tops] == [(4, 2, 3, 3), (4,)]
    assert [top.shape for top in run(tops=1).tops] == [(4, 2, 5, 5)]


@pytest.mark.parametrize("taken", [0, 3])
def test_a_restored_layer_goes_on_exactly(run, taken):
    random = "crop_size: 3 mirror: true"
    straight = run(transform=random)
    take(straight, taken)
    state = straight.layer.state()
    expected = take(straight, 5)
    other = run(transform=random)
    take(other, 2)
    other.layer.restore(state)
    assert other.layer.state() == state
    assert same(take(other, 5), expected)


def test_another_seed_counts_from_the_next_batch_on(run):
    random = "crop_size: 3 mirror: true"
    one, other = run(transform=random, seed=1), run(transform=random, seed=2)
    assert not same(take(one, 2), take(other, 2))
    other.layer.seed = 1
    assert same(take(one, 4), take(other, 4))


def test_wrapped(run):
    one = run()
    assert one.layer.wrapped == 0
    take(one, 2)
    assert one.layer.wrapped == 0
    take(one, 1)
    assert one.layer.wrapped == 1


def test_two_layers_on_one_source(run):
    train, test = run(), run("batch_size: 5", phase="TEST")
    assert [take(train, 1)[0][1].tolist(), take(test, 1)[0][1].tolist()] == [[0, 1, 2, 3], [0, 1, 2, 3, 4]]
    train.layer.close()
    assert take(test, 1)[0][1].tolist() == [5, 6, 7, 8, 9]


@pytest.mark.parametrize("backend", ["", "backend: LEVELDB", "backend: LMDB"])
def test_an_lmdb_is_read_whatever_the_backend_says(run, backend):
    one = run(f"batch_size: 2 {backend}")
    assert take(one, 1)[0][1].tolist() == [0, 1]


def test_a_net_of_doubles(run):
    images, labels = run(dtype="float64").forward()
    assert images.dtype == labels.dtype == np.float64
    assert labels.tolist() == [0, 1, 2, 3]


def test_the_source_is_looked_for(tmp_path, run):
    run()  # makes the database
    param = layer_param('type: "Data" data_param { source: "somewhere" batch_size: 1 }', 0, 1)
    layer = layer_class("Data")(param, "TRAIN", {"somewhere": str(tmp_path / "db")}.__getitem__)
    layer.open()
    assert layer.infer().tops == [(1, 2, 5, 5)]
    layer.close()


def test_closing_what_was_never_opened():
    layer_class("Data")(layer_param('type: "Data" data_param { source: "x" batch_size: 1 }'), "TRAIN").close()


@pytest.mark.parametrize("force, channels", [("force_color", 3), ("force_gray", 1)])
def test_encoded_images_in_colour_or_grey(tmp_path, raw_png_lmdb, force, channels):
    text = f'type: "Data" transform_param {{ {force}: true }} data_param {{ source: "{raw_png_lmdb}" batch_size: 1 }}'
    layer = layer_class("Data")(layer_param(text, 0, 1), "TRAIN")
    layer.open()
    assert layer.infer().tops == [(1, channels, 2, 3)]
    layer.close()


@pytest.fixture
def raw_png_lmdb(tmp_path):
    file = io.BytesIO()
    Image.fromarray(np.zeros((2, 3, 3), np.uint8)).save(file, "PNG")
    datum = datum_from_array(np.zeros((1, 1, 1), np.uint8), 0)
    datum.encoded, datum.data = True, file.getvalue()
    with lmdb.open(str(tmp_path / "png"), lock=False) as env, env.begin(write=True) as txn:
        txn.put(b"0", datum.SerializeToString())
    return tmp_path / "png"


# -- other databases, other sizes ------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["", "backend: LMDB"])
def test_a_leveldb_is_read_whatever_the_backend_says(tmp_path, backend):
    package = pytest.importorskip("plyvel" if sys.version_info < (3, 12) else "plyvel_next")
    with package.DB(str(tmp_path / "db"), create_if_missing=True) as db:
        for k in range(3):
            db.put(b"%d" % k, datum_from_array(np.full((1, 2, 2), k, np.uint8), k).SerializeToString())
    text = f'type: "Data" data_param {{ source: "{tmp_path}/db" batch_size: 2 {backend} }}'
    one = LayerRun(layer_param(text, 0, 2), [])
    assert [labels.tolist() for _, labels in take(one, 2)] == [[0, 1], [2, 0]]
    one.layer.close()


SIZES = [(3, 6, 8), (3, 9, 5), (3, 5, 5)]


@pytest.fixture
def mixed(tmp_path):
    """``mixed(options, transform)``: a layer over three pictures of other sizes, and the pictures."""
    random = np.random.default_rng(5)
    pictures = [random.integers(0, 256, shape).astype(np.uint8) for shape in SIZES]
    made = []

    def write(folder, images):
        with lmdb.open(str(folder), lock=False) as env, env.begin(write=True) as txn:
            for k, image in enumerate(images):
                txn.put(b"%d" % k, datum_from_array(image, k).SerializeToString())
        return folder

    source = write(tmp_path / "mixed", pictures)

    def make(options, transform="", phase="TEST", **more):
        text = f'type: "Data" data_param {{ source: "{source}" {options} }} transform_param {{ {transform} }}'
        made.append(LayerRun(layer_param(text, 0, 2), [], phase, **more))
        return made[-1]

    make.pictures, make.write = pictures, write
    yield make
    for one in made:
        one.layer.close()


def test_a_single_record_keeps_its_size(mixed):
    one = mixed("batch_size: 1", "mean_value: 3 scale: 2")
    assert one.layer.dynamic and not one.layer.steady
    for k in (0, 1, 2, 0, 1):
        image, label = one.forward()
        assert (image[0] == (mixed.pictures[k].astype(np.float32) - 3) * 2).all()
        assert label.tolist() == [k]


def test_asking_for_the_shape_takes_nothing(mixed):
    one = mixed("batch_size: 1")
    for k in (0, 1, 2, 0):
        for _ in range(3):
            assert one.layer.reshape([]) == [(1, *SIZES[k]), (1,)]
        assert one.layer.state() == {"position": k, "drawn": one.layer.state()["drawn"]}
        assert one.forward()[1].tolist() == [k]


@pytest.mark.parametrize("taken", [0, 1, 4])
def test_a_restored_layer_of_mixed_sizes_goes_on_exactly(mixed, taken):
    straight = mixed("batch_size: 1", "mirror: true")
    take(straight, taken)
    state = straight.layer.state()
    straight.layer.reshape([])
    assert straight.layer.state() == state
    expected = take(straight, 4)
    other = mixed("batch_size: 1", "mirror: true")
    take(other, 2)
    other.layer.reshape([])
    other.layer.restore(state)
    assert same(take(other, 4), expected)


def test_records_of_one_size_are_steady(run):
    assert run("batch_size: 1").layer.steady
    for options, transform in (("batch_size: 1", "crop_size: 3"), ("batch_size: 2", "")):
        assert not run(options, transform).layer.dynamic


def test_each_record_is_cut_from_its_own_size(mixed):
    ((images, labels),) = take(mixed("batch_size: 3", "crop_size: 5"), 1)
    for image, picture in zip(images, mixed.pictures):
        top, left = (picture.shape[1] - 5) // 2, (picture.shape[2] - 5) // 2
        assert (image == picture[:, top : top + 5, left : left + 5]).all()
    assert labels.tolist() == [0, 1, 2]


def test_random_crops_reach_all_places_of_every_size(mixed):
    one = mixed("batch_size: 3", "crop_size: 5 mirror: true", phase="TRAIN")
    found = [set(), set(), set()]
    for images, _ in take(one, 150):
        for k, image in enumerate(images):
            found[k].add(image.tobytes())
    assert [len(one) for one in found] == [2 * (h - 4) * (w - 4) for _, h, w in SIZES]


@pytest.mark.parametrize(
    "options, transform, odd, message",
    [
        (
            "batch_size: 2",
            "",
            (3, 9, 5),
            "an image of 3 x 9 x 5 bytes; expected an image of 3 x 6 x 8 bytes, as record 0",
        ),
        (
            "batch_size: 2",
            "crop_size: 5",
            (3, 4, 9),
            "an image of 3 x 4 x 9; expected at least crop_size, 5, both ways",
        ),
        ("batch_size: 2", "crop_size: 5", (1, 9, 9), "an image of 1 x 9 x 9; expected 3 channels, as record 0"),
        (
            "batch_size: 2",
            'crop_size: 5 mean_file: "MEAN"',
            (3, 9, 5),
            "an image of 3 x 9 x 5; expected the shape of the mean_file, 3 x 6 x 8",
        ),
        (
            "batch_size: 1",
            'mean_file: "MEAN"',
            (3, 9, 5),
            "an image of 3 x 9 x 5; expected the shape of the mean_file, 3 x 6 x 8",
        ),
    ],
)
def test_records_of_sizes_that_do_not_do(mixed, tmp_path, options, transform, odd, message):
    write_mean(str(tmp_path / "mean"), np.zeros((3, 6, 8), np.float32))
    path = mixed.write(tmp_path / "odd", [mixed.pictures[0], np.zeros(odd, np.uint8)])
    transform = transform.replace("MEAN", f"{tmp_path}/mean")
    text = f'type: "Data" data_param {{ source: "{path}" {options} }} transform_param {{ {transform} }}'
    one = LayerRun(layer_param(text, 0, 2), [], "TEST")
    with pytest.raises(DataError) as caught:
        take(one, 2)
    assert str(caught.value) == f'{path}: record 1 (key "1") is {message}'
    one.layer.close()


@pytest.mark.parametrize(
    "options, transform, expected",
    [
        ("", "", None),
        ("", "crop_size: 7", (5, 3, 7, 7)),
        ("", "crop_size: 7 force_gray: true", (5, 1, 7, 7)),
        ("", "crop_size: 7 mean_value: 1", (5, 3, 7, 7)),
        ("", "crop_size: 7 mean_value: 1 mean_value: 2", (5, 2, 7, 7)),
        ("", 'mean_file: "MEAN"', (5, 4, 6, 8)),
        ("", 'crop_size: 5 mean_file: "MEAN"', (5, 4, 5, 5)),
        ("force_encoded_color: true", 'crop_size: 5 mean_file: "MEAN"', (5, 3, 5, 5)),
        ("", 'mean_file: "absent"', None),
    ],
)
def test_outline(tmp_path, options, transform, expected):
    write_mean(str(tmp_path / "mean"), np.zeros((4, 6, 8), np.float32))
    transform = transform.replace("MEAN", f"{tmp_path}/mean")
    text = f'type: "Data" data_param {{ source: "none" batch_size: 5 {options} }} transform_param {{ {transform} }}'
    found = layer_class("Data")(layer_param(text, 0, 2), "TRAIN").outline()
    assert (found and found.tops) == (expected and [expected, (5,)])


# -- what can be wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, message",
    [
        ('data_param { source: "x" }', "batch_size is 0; expected at least 1"),
        ('data_param { source: "x" batch_size: 1 prefetch: 0 }', "prefetch is 0; expected at least 1"),
        ("data_param { batch_size: 1 }", "data_param has no source; expected the folder of an LMDB or a LevelDB"),
        (
            'data_param { source: "x" batch_size: 1 } transform_param { force_color: true force_gray: true }',
            "both force_color and force_gray are set; expected at most one of them",
        ),
    ],
)
def test_options_that_make_no_sense(text, message):
    with pytest.raises(LayerError) as caught:
        layer_class("Data")(layer_param(f'type: "Data" {text}', 0, 2), "TRAIN")
    assert str(caught.value) == message


def refused(source):
    text = f'type: "Data" data_param {{ source: "{source}" batch_size: 1 }}'
    with pytest.raises(DataError) as caught:
        layer_class("Data")(layer_param(text, 0, 2), "TRAIN").open()
    return str(caught.value)


def test_a_missing_source(tmp_path):
    assert refused(tmp_path / "absent") == f"{tmp_path}/absent: no such folder"


def test_a_folder_of_something_else(tmp_path):
    expected = "no database: the folder holds neither data.mdb (LMDB) nor CURRENT (LevelDB)"
    assert refused(tmp_path) == f"{tmp_path}: {expected}"


def test_options_that_do_not_fit_the_images(run):
    with pytest.raises(LayerError, match=r"^crop_size is 6, but the images are 2 x 5 x 5$"):
        run(transform="crop_size: 6")
