import errno

import numpy as np
import pytest

from minicaffe.kernels import _jit


def test_distinct_tells_memory_apart():
    x = np.zeros((2, 3))
    assert _jit.distinct(x, x.reshape(6)) is None
    assert _jit.distinct(x, x.copy()) is x
    assert _jit.distinct(x, x.reshape(6)[1:]) is x


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert _jit.cache_folder().parent == tmp_path
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert _jit.cache_folder().parent == tmp_path / "xdg" / "minicaffe"


@pytest.mark.skipif(not _jit._CACHED, reason="compiled kernels cannot be kept here")
def test_a_kernel_that_cannot_be_kept_runs_all_the_same(monkeypatch):
    def refuse(*_):
        refused.append(1)
        raise OSError(errno.ENOSPC, "No space left on device")

    @_jit.kernel
    def double(start, stop, x):
        for i in range(start, stop):
            x[i] *= 2

    refused = []
    monkeypatch.setattr(double._cache, "_save_overload", refuse)
    x = np.ones(3)
    double(0, 3, x)
    assert x.tolist() == [2, 2, 2] and refused


def test_who_asks_is_told_of_what_is_compiled(monkeypatch):
    monkeypatch.setattr(_jit, "_CACHED", False)

    def twice(start, stop, x):
        for i in range(start, stop):
            x[i] *= 2

    made = _jit._compile(twice, nogil=True)
    told, x = [], np.ones(4)
    with _jit.told_of_compiling(lambda *facts: told.append(facts)):
        with _jit.told_of_compiling(lambda *facts: told.append("inner")):
            pass
        made(0, 4, x)
        made(0, 4, x)
    made(0, 4, np.ones(4, np.int32))
    assert told == [("twice", 0, 0)]
    assert (x == 4).all()
