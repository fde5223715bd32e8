import numpy as np
import pytest
from harness import make

from minicaffe.errors import LayerError


@pytest.mark.parametrize("axis, shape, places", [(1, (3, 5, 2), (3, 2)), (0, (5, 3), (3,)), (-1, (2, 3, 5), (2, 3))])
@pytest.mark.parametrize("top_k", [1, 3])
def test_accuracy_equals_a_sort(axis, shape, places, top_k):
    random = np.random.default_rng(3)
    score, label = random.permutation(np.prod(shape)).reshape(shape), random.integers(0, 5, places)
    run = make(f'type: "Accuracy" accuracy_param {{ axis: {axis} top_k: {top_k} }}', shape, places, tops=2)
    accuracy, by_class = run.forward(score, label)
    best = np.argsort(-np.moveaxis(score, axis, -1), axis=-1)[..., :top_k]
    hit = (best == label[..., None]).any(axis=-1)
    assert float(accuracy) == pytest.approx(hit.mean())
    expected = [hit[label == c].mean() if (label == c).any() else 0 for c in range(5)]
    np.testing.assert_allclose(by_class, expected, rtol=1e-6)


def test_bottoms_get_no_gradient():
    run = make('type: "Accuracy"', (2, 3), (2,))
    assert run.bottom_diffs == [None, None]


@pytest.mark.parametrize("top_k", [0, 4])
def test_top_k_beyond_the_classes(top_k):
    with pytest.raises(LayerError, match=f"top_k is {top_k}; expected 1 to 3, the number of classes"):
        make(f'type: "Accuracy" accuracy_param {{ top_k: {top_k} }}', (2, 3), (2,))
