"""What the tests of forks' types share: naive oracles in float64, threads, both plans."""

import numpy as np
from harness import make

import minicaffe
from minicaffe.kernels._threads import set_threads, threads
from minicaffe.net import Net
from minicaffe.proto import parse_net


def check_forward(text, values, oracle, params=None, rtol=1e-12, **options):
    """Forward in float64 and float32 against ``oracle(*values, *params)``, an array."""
    for dtype, allowed in (("float64", rtol), ("float32", 1e-5)):
        run = make(text, *[np.shape(value) for value in values], dtype=dtype, **options)
        for param, value in zip(run.layer.params, params or ()):
            param[...] = value
        expected = oracle(*values, *(params or ()))
        (top,) = run.forward(*values)
        assert top.shape == expected.shape
        np.testing.assert_allclose(top, expected, rtol=allowed, atol=allowed)


def check_threads(text, *shapes, values=None, phase="TRAIN"):
    """Forward and backward give the same bits on 1, 2 and 3 threads."""
    before, results = threads(), []
    random = np.random.default_rng(0)
    drawn = [random.standard_normal(shape) for shape in shapes]
    given = [one if value is None else value for one, value in zip(drawn, values or [None] * len(shapes))]
    try:
        for number in (1, 2, 3):
            set_threads(number)
            run = make(text, *shapes, phase=phase)
            tops = [top.copy() for top in run.forward(*given)]
            diffs = run.backward(
                *[None if run.layer.loss else np.cos(np.arange(t.size)).reshape(t.shape) for t in tops]
            )
            diffs = [diff for diff in (*diffs, *run.layer.param_diffs) if diff is not None]
            results.append([*tops, *(diff.copy() for diff in diffs)])
    finally:
        set_threads(before)
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


def check_plans(text, seed=3, rtol=1e-4):
    """A training net gives the same outputs and gradients of parameters in both plans."""
    nets = [Net(parse_net(text), minicaffe.TRAIN, seed=seed, plan=plan) for plan in ("inspect", "fast")]
    outputs = []
    for net in nets:
        outputs.append({name: np.copy(value) for name, value in net.forward().items()})
        net.backward()
    for name, value in outputs[0].items():
        np.testing.assert_allclose(outputs[1][name], value, rtol=rtol, atol=rtol * np.abs(value).max())
    for name, blobs in nets[0].params.items():
        for blob, other in zip(blobs, nets[1].params[name], strict=True):
            np.testing.assert_allclose(other.diff, blob.diff, rtol=rtol, atol=rtol * np.abs(blob.diff).max())
