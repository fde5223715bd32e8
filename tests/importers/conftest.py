"""What the tests of imported nets share: running an Imported net."""

import pytest

from minicaffe import Net
from minicaffe.proto import net_file


@pytest.fixture
def run_net():
    """Run an Imported net under both plans on x; returns the outputs of the first, by name."""
    import numpy as np

    def run(imported, x, feed="data"):
        found = {}
        for plan in ("inspect", "fast"):
            net = Net(net_file(imported.param), "TEST", plan=plan)
            assert set(net.params) == set(imported.arrays)
            for name, arrays in imported.arrays.items():
                for blob, array in zip(net.params[name], arrays, strict=True):
                    blob.data[...] = array
            found[plan] = {name: np.array(array) for name, array in net.forward(**{feed: x}).items()}
        for name, array in found["inspect"].items():
            np.testing.assert_allclose(found["fast"][name], array, rtol=1e-4, atol=1e-5)
        return found["inspect"]

    return run
