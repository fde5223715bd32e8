"""The study of models/bn_study/: it trains, goes on where it was stopped, and says what its numbers say."""

import json
from pathlib import Path

import numpy as np
import pytest

from minicaffe.data.lmdb_writer import write_lmdb
from minicaffe.proto import read_net, write_mean

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def scripts_on_the_path(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")


def test_two_trainings_and_what_is_done_is_not_done_again(tmp_path, monkeypatch, capsys):
    import bn_study

    random = np.random.default_rng(0)
    for part in ("train", "test"):
        images = random.integers(0, 256, (20, 3, 32, 32), dtype=np.uint8)
        write_lmdb(tmp_path / f"cifar10_{part}_lmdb", [(images, np.arange(20) % 10)], 20, (3, 32, 32))
    write_mean(str(tmp_path / "mean.binaryproto"), np.full((3, 32, 32), 128, np.float32))
    out = tmp_path / "out"
    words = [
        "bn_study.py",
        "--data",
        str(tmp_path),
        "--out",
        str(out),
        "--seeds",
        "5",
        "--iterations",
        "1",
        "--jobs",
        "1",
    ]
    monkeypatch.setattr("sys.argv", [*words, "--only", "after, orthonormal, batch 4"])
    with pytest.raises(SystemExit):
        bn_study.main()
    assert "--only knows after; after, batch 1;" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", [*words[:2], str(out), *words[3:]])
    with pytest.raises(SystemExit):
        bn_study.main()
    assert f"--data: {out} has no cifar10_train_lmdb; minicaffe data cifar10" in capsys.readouterr().err
    names = ["after, batch 4", "none, orthonormal"]
    monkeypatch.setattr("sys.argv", [*words, "--only", *names])
    assert bn_study.main() == 0
    results = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert sorted(one["name"] for one in results) == names
    assert all(0 <= one["accuracy"] <= 1 and one["seed"] == 5 and one["iterations"] == 1 for one in results)
    assert "2 trainings in" in capsys.readouterr().out
    before = (out / "results.jsonl").read_text()
    assert bn_study.main() == 0
    assert (out / "results.jsonl").read_text() == before
    assert capsys.readouterr().out.splitlines()[0] == f"wrote {out}/table.md"
    assert "| no BatchNorm, orthonormal |" in (out / "table.md").read_text()
    assert {path.name for path in out.glob("study*")} == {"study.png", "study-dark.png", "study.svg"}


def result(name, seed, accuracy):
    return {"name": name, "seed": seed, "accuracy": accuracy, "seconds": 2.0}


def test_the_table_says_which_orders_agree():
    from bn_study_report import report, scores

    accuracies = {
        "none": (0.60, 0.62, 0.61),
        "before": (0.65, 0.66, 0.67),
        "before_scale": (0.655, 0.67, 0.66),
        "after": (0.64, 0.63, 0.65),
        "after, batch 1": (None, 0.2, 0.3),
    }
    results = [result(name, seed, value) for name, values in accuracies.items() for seed, value in enumerate(values)]
    found = scores(results)
    assert found["after"].mean == pytest.approx(0.64) and found["after"].spread == pytest.approx(0.01)
    assert found["after, batch 1"].mean == pytest.approx(0.2)  # what is broken guesses
    text = report(results)
    assert "| before | 0.6600 | 0.0100 | 3 | 2 | 0.474 |\n" in text
    assert "| 1 | 0.2000 | 0.1000 | 3 (1 not finite) | 2 |\n" in text
    assert (
        "6 pairs have published figures; in the same order here: 3 (before > no BatchNorm; before + Scale > no "
        "BatchNorm; after > no BatchNorm); in the other: 2 (after > before; after > before + Scale); closer here than "
        "their spread: 1 (before + Scale > before)."
    ) in text


def test_the_committed_study_is_that_of_its_results():
    from bn_study import read_results
    from bn_study_plan import trainings
    from bn_study_report import report

    folder = ROOT / "models" / "bn_study"
    results = read_results(folder / "results.jsonl")
    assert {(one["name"], one["seed"]) for one in results} == {
        (t.name, seed) for t in trainings() for seed in (1, 2, 3)
    }
    assert report(results) in (folder / "README.md").read_text()


def test_every_training_has_its_net_and_a_name_of_its_own():
    from bn_study_nets import NETS
    from bn_study_plan import BASE, QUESTIONS, trainings

    names = [training.name for training in trainings()]
    assert len(names) == len(set(names)) == 27
    assert {training.net for training in trainings()} == set(NETS)
    assert all(BASE in [answer.training for answer in question.answers] for question in QUESTIONS[:4])


def test_a_net_has_what_its_name_says():
    def types(name):
        return [layer.type for layer in read_net(str(ROOT / f"models/bn_study/{name}.prototxt")).param.layer]

    assert types("none").count("BatchNorm") == 0 and types("after").count("BatchNorm") == 5
    assert types("before")[2:5] == ["Convolution", "BatchNorm", "ReLU"]
    assert types("before_scale")[2:6] == ["Convolution", "BatchNorm", "Scale", "ReLU"]
    assert types("after_scale")[2:6] == ["Convolution", "ReLU", "BatchNorm", "Scale"]
    assert types("after_maxout")[2:6] == ["Convolution", "Slice", "Eltwise", "BatchNorm"]
    assert types("after_linear")[2:4] == ["Convolution", "BatchNorm"]
    assert [types(name).count("Dropout") for name in ("after", "after_dropout_0.2", "after_dropout_0")] == [2, 2, 0]


def test_the_window_of_the_averages_follows_the_batch():
    from bn_study import place

    net = read_net(str(ROOT / "models/bn_study/after.prototxt")).param
    place(net, "somewhere", 4)
    train, test = net.layer[:2]
    assert (train.data_param.batch_size, test.data_param.batch_size) == (4, 500)
    assert train.data_param.source == "somewhere/cifar10_train_lmdb"
    fractions = {layer.batch_norm_param.moving_average_fraction for layer in net.layer if layer.type == "BatchNorm"}
    assert [pytest.approx(1 - 4 / 6400, abs=1e-7)] == list(fractions)
