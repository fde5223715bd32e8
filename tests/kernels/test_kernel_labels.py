import numpy as np
from oracle import run_kernel

from minicaffe.kernels._jit import ELEMENTS
from minicaffe.kernels.labels import IGNORED, WRONG, class_indices, count_hits, top_hits


def indices(labels, classes, ignored):
    label = np.array(labels, "float32")
    index = np.empty(label.size, np.int32)
    run_kernel(class_indices, label.size, label, classes, ignored, index, grain=ELEMENTS)
    return index.tolist()


def test_labels_become_indices_and_every_other_number_is_marked():
    labels = [0, 4, 5, -1, 2.5, np.nan, np.inf, 255, 1]
    assert indices(labels, 5, 255.0) == [0, 4, WRONG, WRONG, WRONG, WRONG, WRONG, IGNORED, 1]
    assert indices([3, -1, np.nan], 5, np.nan) == [3, WRONG, WRONG]
    assert indices([3, -1], 3, -1.0) == [WRONG, IGNORED]


def test_hits_count_ties_and_nan_against_the_label():
    score = np.array([[1, 3, 2], [2, 2, 0], [np.nan, 0, 0], [0, np.nan, 5], [9, 0, 0]], "float32")[:, :, None]
    label = np.array([1, 0, 0, 2, -1], np.int32)[:, None]
    for top, expected in ((1, [1, 0, 0, 0, 0]), (2, [1, 1, 0, 1, 0])):
        hit = np.empty((5, 1), np.int32)
        run_kernel(top_hits, 5, score, label, top, hit)
        assert hit[:, 0].tolist() == expected


def test_hits_equal_a_sort_where_nothing_ties():
    random = np.random.default_rng(1)
    score = random.permutation(4 * 6 * 5).reshape(4, 6, 5).astype("float64")
    label = random.integers(0, 6, (4, 5)).astype(np.int32)
    hit = np.empty((4, 5), np.int32)
    run_kernel(top_hits, 4, score, label, 2, hit)
    best = np.argsort(-score, axis=1)[:, :2]
    np.testing.assert_array_equal(hit, (best == label[:, None]).any(axis=1))
    right, seen = np.empty((2, 6), np.int64)
    count_hits(0, 20, label.reshape(-1), hit.reshape(-1), right, seen)
    assert seen.tolist() == np.bincount(label.reshape(-1), minlength=6).tolist()
    assert right.tolist() == np.bincount(label.reshape(-1), hit.reshape(-1), minlength=6).tolist()
