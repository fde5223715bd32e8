"""Memory for numbers: aligned, zeroed, in large pages where it fills them."""

import numpy as np
import pytest

from minicaffe.arena import LARGE_PAGE, aligned_zeros


@pytest.mark.parametrize("numbers", [0, 1, 100, LARGE_PAGE // 4 - 1, LARGE_PAGE // 4, LARGE_PAGE])
@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_aligned_zeros(numbers, dtype):
    array = aligned_zeros(numbers, dtype)
    assert array.shape == (numbers,) and array.dtype == dtype and array.flags.writeable
    assert numbers == 0 or array.ctypes.data % 64 == 0
    assert not array.any()
    array[...] = 3
    assert (array == 3).all()


def test_a_system_without_large_pages(monkeypatch):
    import mmap

    monkeypatch.delattr(mmap, "MADV_HUGEPAGE", raising=False)
    array = aligned_zeros(LARGE_PAGE, np.float32)
    assert array.ctypes.data % 64 == 0 and not array.any()
