"""Where images come from: databases, the transformer, prefetched batches, and the building of data sets."""

from .augment import Augmentation
from .batches import Batch, BatchReader
from .cifar10 import build_cifar10
from .database import open_database
from .dataset import DataSet
from .hdf5 import Hdf5Rows, hdf5_package
from .hdf5_writer import Hdf5Writer
from .image_list import ImageListSource
from .leveldb_source import LevelDbSource, leveldb_package
from .lmdb_source import LmdbSource
from .lmdb_writer import write_lmdb
from .mean import compute_mean
from .mnist import build_mnist
from .progress import Progress
from .records import new_database
from .shapes10 import build_shapes10
from .source import Source, steady
from .transform import Transformer, mean_of
from .window_file import WindowFile, read_windows
from .windows import WindowOptions, WindowSource

__all__ = [
    "Augmentation",
    "Batch",
    "BatchReader",
    "DataSet",
    "Hdf5Rows",
    "Hdf5Writer",
    "ImageListSource",
    "LevelDbSource",
    "LmdbSource",
    "Progress",
    "Source",
    "Transformer",
    "WindowFile",
    "WindowOptions",
    "WindowSource",
    "build_cifar10",
    "build_mnist",
    "build_shapes10",
    "compute_mean",
    "hdf5_package",
    "leveldb_package",
    "mean_of",
    "new_database",
    "open_database",
    "read_windows",
    "steady",
    "write_lmdb",
]
