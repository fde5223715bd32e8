"""minicaffe: run, train and understand Caffe nets without Caffe."""

from .version import __version__

__all__ = ["__version__"]
