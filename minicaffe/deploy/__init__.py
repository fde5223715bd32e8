"""Nets that take their data from outside: inputs in place of data layers, predictions in place of losses."""

from .alone import alone, shapes_given
from .feed import Fed, Look, with_database, with_images
from .images import Deployed, for_images
from .records import Transformed, centre, record_batches
from .sources import SOURCES, reads_color, with_batch, with_source

__all__ = [
    "SOURCES",
    "Deployed",
    "Fed",
    "Look",
    "Transformed",
    "alone",
    "centre",
    "for_images",
    "reads_color",
    "record_batches",
    "shapes_given",
    "with_batch",
    "with_database",
    "with_images",
    "with_source",
]
