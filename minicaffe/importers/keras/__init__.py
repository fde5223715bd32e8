"""Keras's models in HDF5 or ``.keras``."""

from .model import import_keras

__all__ = ["import_keras"]
