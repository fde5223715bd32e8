"""Softmax and its loss by row kernels against float64."""

import math

import numpy as np
import pytest
import rows_harness as harness

from minicaffe.kernels.fast.softmax_rows import softmax, softmax_loss, softmax_loss_gradient

RNG = np.random.default_rng(5)
CLASSES = (1, 3, 10, 16, 37, 100)


def probabilities(x):
    e = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


@pytest.mark.parametrize("classes", CLASSES)
def test_softmax(classes):
    x = (RNG.standard_normal((5, classes)) * 20).astype(np.float32)
    x[0, 0] = 90
    y = harness.call(softmax, 5, (2,), x=(x, classes), y=(np.full_like(x, np.nan), classes), classes=classes)["y"]
    np.testing.assert_allclose(y, probabilities(x), rtol=1e-5, atol=1e-37)  # x - max x is rounded


def test_softmax_of_what_is_not_finite():
    x = np.zeros((3, 20), np.float32)
    x[0, 18], x[1, 2], x[2, 5] = np.nan, -np.inf, -200
    y = harness.call(softmax, 3, x=(x, 20), y=(x.copy(), 20), classes=20)["y"]
    assert np.isnan(y[0]).all()
    assert y[1, 2] == 0 and y[2, 5] == 0
    np.testing.assert_allclose(y[1:].sum(1), 1, rtol=1e-6)


@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("ignored, places", [(math.nan, 0), (0.0, 0), (0.0, 4), (math.nan, 1)])
def test_loss_and_gradient(classes, ignored, places):
    images = 4
    y = probabilities(RNG.standard_normal((images, classes))).astype(np.float32)
    label = np.array([0, classes - 1, 0, classes // 2])
    counts = label != ignored
    facts = {"classes": classes, "ignored": ignored}
    made = harness.call(softmax_loss, 1, y=(y, classes), label=(label.astype(np.float32), 1), loss=(np.ones(1), 0),
                        divisor=(np.ones(1), 0), images=images, places=places, **facts)  # fmt: skip
    divisor = max(1, places or counts.sum())
    np.testing.assert_allclose(made["loss"], -np.log(y[np.arange(images), label])[counts].sum() / divisor, rtol=1e-6)
    assert made["divisor"] == divisor
    dx = harness.call(softmax_loss_gradient, images, (1,), y=(y, classes), label=(label.astype(np.float32), 1),
                      dloss=(np.full(1, 2.5), 0), divisor=(made["divisor"], 0),
                      dx=(np.full_like(y, np.nan), classes), **facts)["dx"]  # fmt: skip
    expected = (y - np.eye(classes)[label]) * counts[:, None] * 2.5 / divisor
    np.testing.assert_allclose(dx, expected, rtol=1e-6, atol=1e-7)


def test_a_probability_of_nothing_costs_as_much_as_flt_min():
    y, label = np.array([[0.0, 1.0]]), np.zeros(1)
    loss = harness.call(softmax_loss, 1, y=(y, 2), label=(label, 1), loss=(np.ones(1), 0), divisor=(np.ones(1), 0),
                        images=1, places=0, classes=2, ignored=math.nan)["loss"]  # fmt: skip
    np.testing.assert_allclose(loss, 87.3365, rtol=1e-6)


@pytest.mark.parametrize("wrong", [-1, 3, 0.5, np.nan, np.inf])
def test_a_label_that_is_no_class_makes_the_loss_nan_and_has_no_gradient(wrong):
    y, label = np.full((2, 3), 1 / 3, np.float32), np.array([1, wrong])
    facts = {"classes": 3, "ignored": math.nan}
    made = harness.call(softmax_loss, 1, y=(y, 3), label=(label, 1), loss=(np.ones(1), 0), divisor=(np.ones(1), 0),
                        images=2, places=0, **facts)  # fmt: skip
    assert np.isnan(made["loss"])
    dx = harness.call(softmax_loss_gradient, 2, y=(y, 3), label=(label, 1), dloss=(np.ones(1), 0),
                      divisor=(np.ones(1), 0), dx=(np.full_like(y, np.nan), 3), **facts)["dx"]  # fmt: skip
    assert (dx[1] == 0).all() and np.isfinite(dx).all()
