"""Regions of interest: read from a blob of rows (image, x1, y1, x2, y2), always checked."""

import numpy as np

from ..errors import DataError, LayerError, shape_text
from ..kernels._threads import run
from ..kernels.labels import WRONG
from ..kernels.roi import roi_images
from .base import Shape, count
from .shapes import checked_shape


def check_regions(x: Shape, rois: Shape) -> int:
    """The number of regions; raises LayerError unless x has 4 axes and each region 5 numbers."""
    if len(x) != 4:
        raise LayerError(f"bottom 0 is {shape_text(x)}; expected 4 axes: N x C x H x W")
    checked_shape(x)
    if not rois or count(rois, 1) != 5:
        raise LayerError(f"bottom 1 is {shape_text(rois)}; expected regions of 5 numbers: image, x1, y1, x2, y2")
    return rois[0]


def read_regions(rois: np.ndarray, images: int, index: np.ndarray) -> np.ndarray:
    """``rois`` as (regions, 5), with ``index`` filled; raises DataError for a region that cannot be."""
    rois = rois.reshape(-1, 5)
    run(roi_images, index.size, rois, images, index)
    if index.min() == WRONG:
        at = int(np.argmin(index))
        numbers = " ".join(f"{value:g}" for value in rois[at])
        raise DataError(
            f"region {at} is {numbers}; expected a whole number from 0 to {images - 1}, the image, and 4 finite numbers"
        )
    return rois
