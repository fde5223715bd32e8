import hashlib

import numpy as np
import pytest

from minicaffe.data import LmdbSource
from minicaffe.data.shapes10 import CLASSES, build_shapes10, draw_shapes
from minicaffe.errors import DataError
from minicaffe.proto import read_mean


def test_the_same_bytes_everywhere():
    images, labels = draw_shapes(10, 0, 100)
    assert (
        hashlib.sha256(images.tobytes()).hexdigest()
        == "788dfb400113ace71c4969a409e4e45b2bf20bd4a388db0c51ce0b3354a8963a"
    )
    assert labels[:10].tolist() == [3, 6, 7, 4, 5, 9, 8, 0, 1, 2]


def test_images_do_not_depend_on_how_many_are_drawn_at_once():
    images, labels = draw_shapes(10, 0, 60)
    for first, count in ((0, 7), (7, 20), (27, 33)):
        part, part_labels = draw_shapes(10, first, count)
        assert (part == images[first : first + count]).all()
        assert (part_labels == labels[first : first + count]).all()


def test_every_ten_images_hold_each_class_once_in_an_order_of_their_own():
    labels = draw_shapes(10, 0, 500)[1].reshape(-1, 10)
    assert (np.sort(labels, axis=1) == np.arange(10)).all()
    assert len({tuple(ten) for ten in labels.tolist()}) == 50


def test_training_and_test_images_differ():
    train, test = (draw_shapes(seed, 0, 200)[0].reshape(200, -1) for seed in (10, 11))
    assert len(np.unique(np.concatenate([train, test]), axis=0)) == 400


def test_figure_and_ground_can_be_told_apart():
    images, _ = draw_shapes(10, 0, 200)
    spread = np.percentile(images, 95, axis=(2, 3)) - np.percentile(images, 5, axis=(2, 3))
    assert spread.max(axis=1).min() >= 60


def softmax_regression(images, labels, epochs=10, rate=0.01):
    """Weights (3073, 10) of a linear classifier, trained by gradient descent with momentum in batches of 100."""
    weights = np.zeros((images.shape[1], 10), np.float32)
    step = np.zeros_like(weights)
    wanted = np.eye(10, dtype=np.float32)[labels]
    for epoch in range(epochs):
        order = np.random.default_rng(epoch).permutation(len(images)).reshape(-1, 100)
        for batch in order:
            scores = images[batch] @ weights
            scores = np.exp(scores - scores.max(axis=1, keepdims=True))
            error = scores / scores.sum(axis=1, keepdims=True) - wanted[batch]
            step = 0.9 * step - rate / 100 * (images[batch].T @ error)
            weights += step
    return weights


def test_a_linear_classifier_stays_under_60_percent():
    images, labels = draw_shapes(10, 0, 2000)
    test_images, test_labels = draw_shapes(11, 0, 500)
    mean = images.mean(axis=0)

    def features(x):
        flat = ((x - mean) / 64).reshape(len(x), -1)
        return np.concatenate([flat, np.ones((len(x), 1))], axis=1).astype(np.float32)

    weights = softmax_regression(features(images), labels)
    seen = ((features(images) @ weights).argmax(axis=1) == labels).mean()
    unseen = ((features(test_images) @ weights).argmax(axis=1) == test_labels).mean()
    assert seen > 0.4, "the classifier has learned"
    assert unseen < 0.6


def test_building(tmp_path):
    steps = []
    result = build_shapes10(tmp_path / "out", lambda *step: steps.append(step), train=300, test=20)
    assert (result.train_count, result.test_count, result.fresh) == (300, 20, True)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "batches.meta.txt",
        "mean.binaryproto",
        "shapes10_test_lmdb",
        "shapes10_train_lmdb",
    ]
    assert {stage: step for stage, *step in steps} == {"train": [300, 300], "test": [20, 20], "mean": [300, 300]}
    for path, seed, count in ((result.train, 10, 300), (result.test, 11, 20)):
        source = LmdbSource(path)
        images, labels = np.empty((count, 3, 32, 32), np.uint8), np.empty(count, np.int64)
        assert source.read(images, labels) == 1
        source.close()
        expected, expected_labels = draw_shapes(seed, 0, count)
        assert (images == expected).all() and (labels == expected_labels).all()
    assert abs(read_mean(result.mean) - draw_shapes(10, 0, 300)[0].mean(axis=0)).max() < 1e-4
    assert result.classes.read_text().split() == list(CLASSES)


def test_twice_does_nothing_and_another_size_is_made_anew(tmp_path):
    assert build_shapes10(tmp_path, train=20, test=10).fresh
    assert not build_shapes10(tmp_path, train=20, test=10).fresh
    assert build_shapes10(tmp_path, train=30, test=10).fresh


def test_interrupted_leaves_nothing(tmp_path):
    def interrupt(stage, done, total):
        if stage == "test":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_shapes10(tmp_path / "out", interrupt, train=20, test=10)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("train, test", [(15, 10), (10, 0)])
def test_only_multiples_of_ten(tmp_path, train, test):
    with pytest.raises(ValueError, match="multiple of 10"):
        build_shapes10(tmp_path, train=train, test=test)


def test_out_is_a_file(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(DataError, match=f"^{tmp_path}/out"):
        build_shapes10(tmp_path / "out", train=10, test=10)
