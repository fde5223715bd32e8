"""Where images come from: databases, the transformer, prefetched batches, and the building of data sets."""

from .batches import Batch, BatchReader
from .cifar10 import build_cifar10
from .dataset import DataSet
from .lmdb_source import LmdbSource
from .lmdb_writer import write_lmdb
from .mean import compute_mean
from .progress import Progress
from .shapes10 import build_shapes10
from .transform import Transformer

__all__ = [
    "Batch",
    "BatchReader",
    "DataSet",
    "LmdbSource",
    "Progress",
    "Transformer",
    "build_cifar10",
    "build_shapes10",
    "compute_mean",
    "write_lmdb",
]
