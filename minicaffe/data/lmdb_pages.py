"""What the LMDB library takes for granted in a data.mdb: that the pages of its tree are whole.

It looks at no bounds, and a damaged page ends the process. The format, of 64-bit machines, is that of LMDB 0.9: a page
begins with its number, flags and the end of a table of 16-bit offsets; each leads to a node, which has a size, flags,
the length of its key, the key, and then the value or the number of the page where that begins.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..errors import plural

__all__ = ["damage"]

_HEAD, _NODE = 16, 8  # bytes
_BRANCH, _LEAF = 1, 2  # flags of pages
_BIG = 1  # flag of a node: its value lies on pages of its own
_META = struct.Struct("<IIQQ 48x IHHQQQQQ QQ")  # from byte 16 of pages 0 and 1
_LOOKED_AT = 2048


class _Tree(NamedTuple):
    root: int
    pages: int
    records: int


class _Page(NamedTuple):
    wrong: str
    below: Sequence[int] = ()
    records: int = 0


def damage(path: str, page_size: int) -> str:
    """What is wrong with the tree of the ``data.mdb`` at ``path``, in words; "" if nothing is.

    Only the first pages of a large database are looked at.
    """
    data = np.memmap(path, np.uint8, "r")
    tree = _tree(data, page_size)
    if tree.root == 2**64 - 1:  # no records
        return ""
    waiting, seen, records = [tree.root], 0, 0
    while waiting and seen < _LOOKED_AT:
        number = waiting.pop()
        seen += 1
        if not 2 <= number < tree.pages or (number + 1) * page_size > len(data):
            return f"page {number} of {tree.pages} is asked for"
        page = _page(data[number * page_size : (number + 1) * page_size], page_size, len(data))
        if page.wrong:
            return f"page {number} {page.wrong}"
        waiting += page.below[::-1]
        records += page.records
        if len(waiting) > tree.pages:
            return "its pages go round in circles"
    if not waiting and records != tree.records:
        return f"it holds {plural(records, 'record')} and tells of {tree.records}"
    return ""


def _tree(data: np.ndarray, page_size: int) -> _Tree:
    """The newer of the two states that the file holds."""
    metas = [_META.unpack_from(data.data, place + _HEAD) for place in (0, page_size)]
    newer = max(metas, key=lambda meta: meta[-1])
    return _Tree(root=newer[-3], pages=newer[-2] + 1, records=newer[-4])


def _page(page: np.ndarray, page_size: int, file_size: int) -> _Page:
    """What is wrong with a page; what it leads to."""
    flags, lower = (int(n) for n in page[10:14].view("<u2"))
    kind = flags & (_BRANCH | _LEAF)
    count = (lower - _HEAD) // 2
    if kind not in (_BRANCH, _LEAF) or not (2 if kind == _BRANCH else 1) <= count <= (page_size - _HEAD) // 2:
        return _Page("is none of a tree")
    places = page[_HEAD : _HEAD + 2 * count].view("<u2").astype(np.int64)
    if places.min() < lower or places.max() + _NODE > page_size or (places % 2).any():
        return _Page("has nodes outside of it")
    heads = page[places[:, None] + np.arange(_NODE)].view("<u2").astype(np.int64)
    size, more, keys = heads[:, 0] | heads[:, 1] << 16, heads[:, 2], heads[:, 3]
    values = places + _NODE + keys
    if kind == _BRANCH:
        if (values > page_size).any():
            return _Page("has keys beyond its end")
        return _Page("", (size | more << 32).tolist())
    big = more & _BIG != 0
    if (values + np.where(big, _NODE, size) > page_size).any():
        return _Page("has values beyond its end")
    starts = page[values[big][:, None] + np.arange(_NODE)].view("<u8")[:, 0]
    ends = starts * np.uint64(page_size) + (size[big] + _HEAD).astype(np.uint64)
    if (starts > file_size // page_size).any() or (ends > file_size).any():
        return _Page("has values beyond the end of the file")
    return _Page("", records=count)
