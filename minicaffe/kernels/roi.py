"""Pooling over regions of interest: rows of rois are (image, x1, y1, x2, y2), corners in pixels of the network's input.

The arithmetic of places is that of the forks, in the arrays' type, so that windows are the same to the pixel.
"""

import math

from ._jit import inline, inline_exact, kernel
from .labels import WRONG

_FAR = 1e8


@kernel
def roi_images(start, stop, rois, images, index):
    """index[r] = the image of region r; WRONG where it is no whole number in [0, images), or a corner not finite."""
    for r in range(start, stop):
        row = rois[r]
        whole = 0 <= row[0] < images and row[0] == math.floor(row[0])
        for i in range(1, 5):
            whole = whole and math.isfinite(row[i])
        index[r] = int(row[0]) if whole else WRONG


@inline
def _rounded(value):
    """The nearest integer as a float, halves away from zero; what is far away comes nearer."""
    value = min(max(float(value), -_FAR), _FAR)
    return math.floor(value + 0.5) if value >= 0 else -math.floor(0.5 - value)


@inline_exact
def _edge(i, size, bins, offset):
    """Where bin ``i`` of ``bins`` begins in a window of ``size`` from ``offset``; all of the arrays' type."""
    return i * (size / bins) + offset


@inline
def _clipped(value, limit):
    return min(max(int(value), 0), limit)


@kernel
def roi_max_forward(start, stop, x, rois, index, scale, y, where):
    """y (regions, channels, h, w) = the largest of each bin, ``where`` its place in the plane; 0 and -1 for empty bins.

    The first of equals; a NaN counts as largest. Corners times ``scale`` are rounded to pixels, both of which belong
    to the region. Units are (region, channel) pairs.
    """
    number = y.dtype.type
    _, channels, height, width = x.shape
    _, _, rows, columns = y.shape
    zero = number(0)
    for u in range(start, stop):
        r, c = u // channels, u % channels
        plane, roi = x[index[r], c], rois[r]
        left, top = _rounded(roi[1] * scale), _rounded(roi[2] * scale)
        wide = number(max(_rounded(roi[3] * scale) - left + 1.0, 1.0))
        high = number(max(_rounded(roi[4] * scale) - top + 1.0, 1.0))
        for i in range(rows):
            above = _clipped(math.floor(_edge(number(i), high, number(rows), zero)) + top, height)
            below = _clipped(math.ceil(_edge(number(i + 1), high, number(rows), zero)) + top, height)
            for j in range(columns):
                first = _clipped(math.floor(_edge(number(j), wide, number(columns), zero)) + left, width)
                last = _clipped(math.ceil(_edge(number(j + 1), wide, number(columns), zero)) + left, width)
                best, at = zero, -1
                for h in range(above, below):
                    for w in range(first, last):
                        if at < 0 or (best == best and not plane[h, w] <= best):
                            best, at = plane[h, w], h * width + w
                y[r, c, i, j], where[r, c, i, j] = best, at


@kernel
def roi_max_backward(start, stop, dy, index, where, dx):
    """dx = the sums of dy over the bins whose largest it was, in the order of regions. Units are channels."""
    regions, _, rows, columns = dy.shape
    images, _, height, width = dx.shape
    for c in range(start, stop):
        for n in range(images):
            for h in range(height):
                for w in range(width):
                    dx[n, c, h, w] = dx.dtype.type(0)
        for r in range(regions):
            plane = dx[index[r], c]
            for i in range(rows):
                for j in range(columns):
                    at = where[r, c, i, j]
                    if at >= 0:
                        plane[at // width, at % width] += dy[r, c, i, j]


@inline
def _part(i, bins, low, high, scale, limit, number):
    """[first, end) of bin ``i`` of a position-sensitive region from ``low`` to ``high``."""
    begin = number(_rounded(low)) * scale
    size = max(number(_rounded(high) + 1.0) * scale - begin, number(0.1))
    first = math.floor(_edge(number(i), size, number(bins), begin))
    end = math.ceil(_edge(number(i + 1), size, number(bins), begin))
    return _clipped(first, limit), _clipped(end, limit)


@kernel
def roi_average_forward(start, stop, x, rois, index, scale, y):
    """y[r, o, i, j] = the mean of bin (i, j) in channel (o, i, j) of x; 0 for empty bins. Units are regions."""
    number = y.dtype.type
    _, _, height, width = x.shape
    _, outputs, bins, _ = y.shape
    for r in range(start, stop):
        roi = rois[r]
        for i in range(bins):
            above, below = _part(i, bins, roi[2], roi[4], scale, height, number)
            for j in range(bins):
                first, last = _part(j, bins, roi[1], roi[3], scale, width, number)
                area = max(below - above, 0) * max(last - first, 0)
                for o in range(outputs):
                    plane, total = x[index[r], (o * bins + i) * bins + j], 0.0
                    for h in range(above, below):
                        for w in range(first, last):
                            total += plane[h, w]
                    y[r, o, i, j] = total / area if area else 0.0


@kernel
def roi_average_backward(start, stop, dy, rois, index, scale, dx):
    """dx = the sums of dy / area over the bins that hold it, in the order of regions. Units are channels of dx."""
    number = dx.dtype.type
    images, _, height, width = dx.shape
    regions, _, bins, _ = dy.shape
    for c in range(start, stop):
        o, i, j = c // (bins * bins), c // bins % bins, c % bins
        for n in range(images):
            for h in range(height):
                for w in range(width):
                    dx[n, c, h, w] = number(0)
        for r in range(regions):
            plane, roi = dx[index[r], c], rois[r]
            above, below = _part(i, bins, roi[2], roi[4], scale, height, number)
            first, last = _part(j, bins, roi[1], roi[3], scale, width, number)
            area = max(below - above, 0) * max(last - first, 0)
            for h in range(above, below):
                for w in range(first, last):
                    plane[h, w] += dy[r, o, i, j] / number(area)
