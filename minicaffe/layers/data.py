"""Data: batches of images, and their labels, from an LMDB or a LevelDB."""

from __future__ import annotations

from ..data import Source, open_database
from .base import register
from .prefetched import PrefetchedLayer


@register("Data", options="data_param", bottoms=0, tops=(1, 2))
class Data(PrefetchedLayer):
    """tops: images (batch_size, C, H, W), transformed by ``transform_param``; labels (batch_size), if asked for.

    Records come in key order, round and round, read ahead in a second thread. They may differ in size where there is
    a crop_size (each is cut from its own size), or where batch_size is 1 (the tops then follow the record).
    Departures from Caffe: an LMDB or a LevelDB is read as what it is, whatever ``backend`` says; ``state`` lets a
    resumed run go on at the next record instead of the first.

    Raises LayerError for options, DataError for a source or a mean file that is missing, damaged or of another size.
    """

    expected_source = "the folder of an LMDB or a LevelDB"

    def source_of(self) -> Source:
        return open_database(self.find(self.options.source), self._color())

    def channels(self) -> int | None:
        return {None: None, True: 3, False: 1}[self._color()]

    def _color(self) -> bool | None:
        """How encoded images are read: in colour, in grey, or (None) as they are."""
        transform = self.param.transform_param
        if transform.force_gray:
            return False
        return True if transform.force_color or self.options.force_encoded_color else None
