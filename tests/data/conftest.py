"""Small databases made on the spot."""

import lmdb
import numpy as np
import pytest

from minicaffe.data import write_lmdb


@pytest.fixture
def make_lmdb(tmp_path):
    """``make_lmdb(images, labels, name)`` writes an LMDB of Datum and returns its path."""

    def make(images, labels, name="db"):
        write_lmdb(tmp_path / name, [(images, labels)], len(images), images.shape[1:])
        return tmp_path / name

    return make


@pytest.fixture
def raw_lmdb(tmp_path):
    """``raw_lmdb({key: value}, name)`` writes any bytes."""

    def make(items, name="raw"):
        with lmdb.open(str(tmp_path / name), map_size=1 << 24, lock=False) as env:
            with env.begin(write=True) as txn:
                for key, value in items.items():
                    txn.put(key, value)
        return tmp_path / name

    return make


@pytest.fixture
def numbered():
    """``numbered(count, shape)``: images whose every byte is the image's index, and labels likewise."""

    def make(count, shape=(1, 2, 2)):
        index = np.arange(count, dtype=np.uint8)
        return np.broadcast_to(index[:, None, None, None], (count, *shape)).copy(), index

    return make
