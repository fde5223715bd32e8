"""Where images come from: databases, the transformer, prefetched batches.

The building of data sets is imported from its own modules (``cifar10``, ``mnist``, ``shapes10``, ``imageset``).
"""

from .augment import Augmentation
from .batches import Batch, BatchReader
from .database import open_database
from .hdf5 import Hdf5Rows, hdf5_package
from .hdf5_writer import Hdf5Writer
from .image_list import ImageListSource
from .leveldb_source import LevelDbSource, leveldb_package
from .lmdb_source import LmdbSource
from .lmdb_writer import write_lmdb
from .mean import compute_mean
from .progress import Progress
from .records import new_database
from .source import Source, steady
from .transform import Transformer, mean_of
from .window_file import WindowFile, read_windows
from .windows import WindowOptions, WindowSource

__all__ = [
    "Augmentation",
    "Batch",
    "BatchReader",
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
