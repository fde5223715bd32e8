"""Time stamps in seconds, and what the machine can do at most."""

import time

import numpy as np
import pytest

from minicaffe.kernels import _threads
from minicaffe.kernels.fast.clock import Clock, _stamp
from minicaffe.kernels.fast.peak import _COLUMNS, _DEPTH, _products, measure
from minicaffe.kernels.fast.vector import ROWS


def test_ticks_become_seconds():
    clock, stamps = Clock(), np.zeros(2, np.int64)
    _stamp(stamps[:1])
    began = time.perf_counter()
    time.sleep(0.2)
    _stamp(stamps[1:])
    seconds = time.perf_counter() - began
    if stamps[0] == stamps[1]:
        assert clock.seconds_per_tick() == 0  # this processor shows none
    else:
        assert (stamps[1] - stamps[0]) * clock.seconds_per_tick() == pytest.approx(seconds, rel=0.1)


def test_the_work_that_is_measured_is_done():
    random = np.random.default_rng(1)
    a = random.standard_normal((ROWS, _DEPTH), np.float32)
    b = random.standard_normal((_DEPTH, _COLUMNS), np.float32)
    c = np.zeros((3, ROWS, _COLUMNS), np.float32)
    _products(1, 3, 2, _DEPTH, a.ravel(), b.ravel(), c.ravel())
    assert not c[0].any()
    for found in c[1:]:
        np.testing.assert_allclose(found, a.astype(np.float64) @ b, rtol=1e-4, atol=1e-4)


def test_peaks_are_figures_of_this_machine(monkeypatch):
    monkeypatch.setattr(_threads, "_threads", 1)
    peak = measure()
    assert 1e8 < peak.flops < 1e13 and 1e8 < peak.bytes < 1e13
