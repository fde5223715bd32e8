"""What a file is, told from its content: its name may say anything."""

from __future__ import annotations

from .wire import FIXED32, FIXED64, LENGTH, VARINT, BrokenWire, fields

DESCRIBED = {
    "empty": "is empty",
    "hdf5": "is an HDF5 file",
    "text": "is a text file (a prototxt?)",
    "caffemodel": "looks like a caffemodel",
    "solverstate": "looks like a solver state",
    "blob": "looks like a single blob (a mean file?)",
    "unknown": "is a file of an unknown kind",
}
"""A verb and a name for each kind that ``kind_of`` returns."""

_ENOUGH = 1000  # outermost fields looked at; those that tell come early


def kind_of(data: bytes) -> str:
    """One of the keys of DESCRIBED. A cut-off file is still of its kind; protobuf accepts far more than this."""
    if not data:
        return "empty"
    if data.startswith(b"\x89HDF\r\n\x1a\n"):
        return "hdf5"
    if not any(byte < 32 and byte not in b"\t\n\f\r" for byte in data[:4096]):
        return "text"
    seen = set()
    try:
        for field, _ in zip(fields(data), range(_ENOUGH)):
            seen.add((field.number, field.wire))
    except BrokenWire:
        pass  # what came before tells enough
    if (100, LENGTH) in seen or ((2, LENGTH) in seen and (1, VARINT) not in seen):
        return "caffemodel"
    if seen & {(5, LENGTH), (5, FIXED32), (8, LENGTH), (8, FIXED64)}:
        return "blob"
    if (1, VARINT) in seen and seen & {(2, LENGTH), (3, LENGTH)}:
        return "solverstate"
    return "unknown"
