"""The CIFAR-10 records that the tests keep: JPEG files end to end, decoded here."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

GOLDEN = Path(__file__).parent / "golden" / "cifar10_bn"


def _records(name: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    with np.load(GOLDEN / name) as pack:
        jpeg, offsets, labels = pack["jpeg"], pack["offsets"], pack["labels"]
    assert count <= len(labels), f"{name} holds {len(labels)} records"
    images = np.empty((count, 3, 32, 32), np.uint8)
    for i in range(count):
        with Image.open(io.BytesIO(jpeg[offsets[i] : offsets[i + 1]].tobytes())) as picture:
            images[i] = np.asarray(picture.convert("RGB")).transpose(2, 0, 1)
    return images, labels[:count]


def train_records(count: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """The first training records: images (count, 3, 32, 32) uint8, red first, and labels (count) uint8."""
    return _records("first_2000.npz", count)


def test_records(count: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """The first test records, likewise."""
    return _records("first_200_test.npz", count)


test_records.__test__ = False  # not a test, whatever pytest thinks of the name
