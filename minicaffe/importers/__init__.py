"""Nets of other frameworks as Caffe nets with weights: Darknet's, and those of Keras."""

from .builder import Builder, Imported
from .darknet import import_darknet
from .keras import import_keras

__all__ = ["Builder", "Imported", "import_darknet", "import_keras"]
