"""Darknet's ``.cfg`` and ``.weights``."""

from .convert import import_darknet

__all__ = ["import_darknet"]
