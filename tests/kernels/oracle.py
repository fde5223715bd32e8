"""What kernel tests share: comparing with a naive formula, and equal bits on any number of threads."""

import numpy as np

from minicaffe.kernels._threads import run, set_threads, threads

TOLERANCE = {"float32": 3e-6, "float64": 1e-13}


def numbers(shape, dtype, seed=0):
    """Normal numbers of mean 0.5."""
    return (np.random.default_rng(seed).standard_normal(shape) + 0.5).astype(dtype)


def assert_near(found, expected, factor=1.0):
    """Within the dtype's tolerance of the largest magnitude; NaN and infinity in the same places."""
    expected = np.asarray(expected, float)
    scale = np.abs(expected[np.isfinite(expected)]).max(initial=1.0)
    allowed = factor * TOLERANCE[found.dtype.name] * scale
    np.testing.assert_allclose(found, expected, rtol=0, atol=allowed)


def run_kernel(kernel, units, *args, grain=1):
    """Run on 1, 2 and 3 threads; the arrays among ``args`` must come out with the same bits. Leaves the last."""
    arrays = [arg for arg in args if isinstance(arg, np.ndarray)]
    before, results, number = [a.copy() for a in arrays], [], threads()
    try:
        for count in (1, 2, 3):
            for array, values in zip(arrays, before):
                array[...] = values
            set_threads(count)
            run(kernel, units, *args, grain=grain)
            results.append([a.tobytes() for a in arrays])
    finally:
        set_threads(number)
    assert results[0] == results[1] == results[2], "the number of threads changes the bits"
