"""The benchmark scripts: they run with nothing beside minicaffe, and the net in PyTorch computes the same."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from minicaffe.net import Net
from minicaffe.proto import parse_net, read_net, read_solver

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def scripts_on_the_path(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")


@pytest.fixture
def alone(monkeypatch):
    """As if nothing else were installed."""
    for name in ("torch", "cv2", "torch_twin"):
        monkeypatch.setitem(sys.modules, name, None)


def test_training_alone(alone, monkeypatch, capsys):
    import bench_train

    monkeypatch.setattr(sys, "argv", ["bench_train.py", "lenet", "--rounds", "1"])
    assert bench_train.main() == 0
    result, memory = capsys.readouterr().out.splitlines()[1:3]
    assert result.split()[:2] == ["lenet", "fast"] and float(result.split()[2]) > 0
    assert result.endswith("nothing beside it")
    assert re.fullmatch(r"  \d+ MB resident, \d+\.\d MB in the arena", memory)


def test_inference_alone(alone, monkeypatch, capsys):
    import bench_infer

    monkeypatch.setattr(sys, "argv", ["bench_infer.py", "resnet20", "--batch", "2", "--rounds", "1", "--plan", "both"])
    assert bench_infer.main() == 0
    lines = capsys.readouterr().out.splitlines()
    found = [line.split()[:3] for line in lines if "nothing beside it" in line]
    assert found == [["resnet20", "2", "fast"], ["resnet20", "2", "inspect"]]
    assert "  OpenCV is not installed" in lines


def test_data_layers_give_way_to_inputs():
    from bench_train import MODELS, in_memory

    text, spread = in_memory(MODELS / "lenet" / "train_test.prototxt", (1, 28, 28))
    assert spread == pytest.approx(50 / 256)
    text, spread = in_memory(MODELS / "caffenet128" / "train_test.prototxt", (3, 32, 32))
    layers = parse_net(text).param.layer
    assert spread == 1
    assert [list(shape.dim) for shape in layers[0].input_param.shape] == [[32, 3, 128, 128], [32]]
    assert not {"Data", "DummyData"} & {layer.type for layer in layers}


@pytest.mark.parametrize("name", ["googlenet", "mobilenet"])
def test_the_net_in_pytorch_computes_the_same(name, tmp_path):
    torch = pytest.importorskip("torch")
    from bench_infer import MODELS, noise, write_weights
    from torch_twin import Twin

    net_file = read_net(str(MODELS / name / "deploy.prototxt"))
    write_weights((MODELS / name / "deploy.prototxt").read_text(), tmp_path / "w.caffemodel")
    with Net(net_file, "TEST", str(tmp_path / "w.caffemodel")) as net, torch.inference_mode():
        net.blobs["data"].data[...] = noise(net.blobs["data"].shape)
        twin = Twin(net)
        theirs = twin(*twin.load(net)).numpy()
        ours = net.forward()["prob"]
    assert ours.max() > 2 / 1000  # not the same for every class
    np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-6)


def test_iterations_in_pytorch_have_the_same_losses():
    pytest.importorskip("torch")
    from bench_train import MODELS, Ours, in_memory, torch_steps

    solver = read_solver(str(MODELS / "lenet" / "solver.prototxt"))
    text, spread = in_memory(MODELS / "lenet" / "train_test.prototxt", (1, 28, 28))
    ours = Ours(text, solver)
    ours.set_inputs(spread)
    steps = torch_steps(ours, solver, threads=1, compile_too=False)
    assert set(steps) == {"torch eager", "torch channels_last"}
    losses = [ours.step() for _ in range(3)]
    for step in steps.values():
        assert [step() for _ in range(3)] == pytest.approx(losses, rel=1e-5)


def test_growth_alone(alone, monkeypatch, capsys):
    import bench_growth

    before = bench_growth.usable_cores()
    small = ["--batch", "2", "4", "--width", "4", "--depth", "1", "2", "--threads", "1", "--rounds", "1"]
    monkeypatch.setattr(sys, "argv", ["bench_growth.py", *small])
    assert bench_growth.main() == 0
    bench_growth.set_threads(before)
    lines = capsys.readouterr().out.splitlines()
    assert "batch, with width 4, depth 2, threads 1; medians in ms" in lines
    assert lines[1].split() == ["batch", "fast", "inspect"]
    numbers = [line.split() for line in lines if line.split()[0].isdigit()]
    assert [row[0] for row in numbers] == ["2", "4", "4", "1", "2", "1"]
    assert all(float(ms) > 0 for row in numbers for ms in row[1:])


def test_the_picture_of_growth(tmp_path):
    import bench_growth

    tables = {
        name: [(n, {"fast": 1.5 * n, "inspect": 4.0 * n}) for n in (1, 2, 4)] for name in ("batch", "width", "depth")
    }
    bench_growth.draw(tables, str(tmp_path / "growth.svg"))
    assert "</svg>" in (tmp_path / "growth.svg").read_text()
