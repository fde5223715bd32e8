"""Every model in models/ trains, tests, and hands its weights to its deploy net; its settings are what they say."""

import os
from pathlib import Path

import numpy as np
import pytest

from minicaffe.data.lmdb_writer import write_lmdb
from minicaffe.graph import build_graph
from minicaffe.layers.base import count
from minicaffe.net import Net
from minicaffe.proto import caffe_pb2, read_net, read_solver, write_mean
from minicaffe.solver import get_solver

MODELS = Path(__file__).parents[1] / "models"
SCRIPTS = Path(__file__).parents[1] / "scripts"
NAMES = sorted(path.name for path in MODELS.iterdir() if path.is_dir())
TRAINED = sorted(path.parent.name for path in MODELS.glob("*/train_test.prototxt"))
NOISE = {"caffenet128"}  # trained on noise, to time it
SOLVERS = sorted(str(path.relative_to(MODELS)) for path in MODELS.glob("*/solver*.prototxt"))
GOLDEN = Path(__file__).parent / "golden" / "cifar10_bn"
TEST_IMAGES = {"shapes10": 2000, "cifar10": 10_000, "mnist": 10_000}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder like the repository's own, with ten images where the data sets would be."""
    folder = tmp_path_factory.mktemp("root")
    os.symlink(MODELS, folder / "models")
    random = np.random.default_rng(0)
    for name, shape in (("cifar10", (3, 32, 32)), ("shapes10", (3, 32, 32)), ("mnist", (1, 28, 28))):
        data = folder / "data" / name
        data.mkdir(parents=True)
        for part in ("train", "test"):
            images = random.integers(0, 256, (10, *shape), dtype=np.uint8)
            write_lmdb(data / f"{name}_{part}_lmdb", [(images, np.arange(10))], 10, shape)
        write_mean(str(data / "mean.binaryproto"), np.full(shape, 128, np.float32))
    return folder


@pytest.fixture(autouse=True)
def in_root(root, monkeypatch):
    monkeypatch.chdir(root)


def test_the_models_of_the_scope_are_there():
    trained = {"cifar10_bn", "cifar10_bn_scale", "cifar10_quick", "cifar10_full", "lenet", "shapes10_bn", "resnet20"}
    assert trained | NOISE == set(TRAINED)
    assert set(TRAINED) | {"bn_study", "caffenet", "googlenet", "mobilenet", "resnet50"} == set(NAMES)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_solver_trains_and_tests_its_net(solver):
    overrides = {
        "max_iter": "1",
        "test_iter": "1",
        "test_interval": "1",
        "test_initialization": "false",
        "snapshot": "1",
    }
    run = get_solver(f"models/{solver}", overrides=overrides, seed=1)
    try:
        run.solve()
        assert run.iter == 1
        assert {out.name for out in run.last_tests[0].outputs} == {"accuracy", "loss"}
        assert all(np.isfinite(out.value) for out in run.last_tests[0].outputs)
        assert os.path.isfile(f"{run.param.snapshot_prefix}_iter_1.caffemodel")
    finally:
        run.close()


@pytest.mark.parametrize("name", TRAINED)
def test_the_deploy_net_takes_every_weight_of_the_trained_one(name, tmp_path):
    file = str(tmp_path / "weights.caffemodel")
    with Net(f"models/{name}/train_test.prototxt", "TRAIN", seed=1) as trained:
        trained.save(file)
        inputs = trained.blobs["data"].data.copy()
    with Net(f"models/{name}/deploy.prototxt", "TEST") as deploy:
        report = deploy.copy_from(file)
        assert not report.ignored and not report.missing
        batch = deploy.blobs["data"].data
        batch[...] = inputs[: len(batch)]
        probabilities = deploy.forward()["prob"]
        assert probabilities.shape == (len(batch), 1000 if name in NOISE else 10)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("solver", [path for path in SOLVERS if Path(path).parent.name not in NOISE])
def test_a_test_pass_sees_every_test_image_once(solver):
    param = read_solver(f"models/{solver}")
    net = read_net(param.net).param
    data = next(layer for layer in net.layer if layer.type == "Data" and layer.include[0].phase == caffe_pb2.TEST)
    images = TEST_IMAGES[Path(data.data_param.source).parent.name]
    assert list(param.test_iter) == [images // data.data_param.batch_size]
    assert param.max_iter % param.test_interval == 0  # so that the end is tested
    assert param.snapshot_prefix.startswith("snapshots/")


def test_caffes_own_snapshot_fits_cifar10_bn():
    with Net("models/cifar10_bn/train_test.prototxt", "TEST") as net:
        report = net.copy_from(GOLDEN / "short_iter_15.caffemodel")
        assert not report.ignored and not report.missing
        assert net.params["bn1"][2].data[0] > 1  # Caffe's 15 iterations have been counted


def test_cifar10_bn_is_set_as_in_caffe():
    param = read_solver("models/cifar10_bn/solver.prototxt")
    assert (param.base_lr, param.momentum) == (pytest.approx(0.001), pytest.approx(0.9))
    assert (param.lr_policy, param.gamma, param.stepsize) == ("step", 1, 5000)
    assert (param.max_iter, param.display, param.snapshot) == (60000, 100, 10000)
    assert (param.test_interval, param.weight_decay) == (1000, 0)


def test_batch_normalisation_is_written_both_ways():
    def kinds(name):
        layers = read_net(f"models/{name}/train_test.prototxt").param.layer
        norms = [layer for layer in layers if layer.type == "BatchNorm"]
        return [(layer.batch_norm_param.HasField("use_global_stats"), len(layer.include)) for layer in norms]

    assert set(kinds("cifar10_bn")) == {(False, 0)}
    assert set(kinds("cifar10_bn_scale")) == {(True, 1)}


# From the papers, or counted by hand where they round: resnet20 with its two 1 x 1 shortcuts (2,752 more parameters
# and 262,144 more multiply-adds than with zeros), resnet50 with the bias of conv1 (64).
SIZES = {
    "resnet20": (272_474, 40_813_184),
    "caffenet128": (13_305_544, 208_986_240),
    "caffenet": (60_965_224, 724_406_816),
    "googlenet": (6_998_552, 1_582_671_872),
    "resnet50": (25_557_096, 3_857_973_248),
    "mobilenet": (4_231_976, 568_740_352),
}


@pytest.mark.parametrize("name", SIZES)
def test_a_net_has_the_size_that_its_paper_gives(name):
    graph = build_graph(read_net(f"models/{name}/deploy.prototxt"), "TEST")
    products = [node for node in graph.nodes if node.type in ("Convolution", "InnerProduct")]
    multiply_adds = sum(
        count(graph.params[node.params[0]].shape) * count(graph.values[node.tops[0]].shape, 2) for node in products
    )
    assert (sum(count(fact.shape) for fact in graph.params if fact.learned), multiply_adds) == SIZES[name]
    assert [graph.values[i].shape[:2] for i in graph.outputs] == [(1, 10 if name == "resnet20" else 1000)]


@pytest.mark.parametrize("name", ["googlenet", "mobilenet", "resnet20"])
def test_random_weights_neither_silence_nor_overflow_a_convolution(name):
    """With statistics from the batch, where a net has BatchNorm: the stored ones are those of no image at all."""
    with Net(f"models/{name}/deploy.prototxt", "TRAIN", seed=1) as net:
        net.blobs["data"].data[...] = np.random.default_rng(0).standard_normal(net.blobs["data"].shape)
        net.forward()
        tops = [net.graph.values[node.tops[0]].name for node in net.graph.nodes if node.type == "Convolution"]
        spreads = [float(net.blobs[top].data.std()) for top in tops]
    assert 0.1 < min(spreads) and max(spreads) < 10


def test_the_generated_files_are_those_of_the_script(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    from make_models import files

    written = files()
    assert {path.partition("/")[0] for path in written} == {*SIZES, "bn_study"}
    for path, text in written.items():
        assert (MODELS / path).read_text() == text, f"{path}: run scripts/make_models.py"
