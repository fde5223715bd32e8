"""Files: written whole or not at all; binary messages read with a clear word where they are something else."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable

from google.protobuf.message import DecodeError

from ..errors import ProtoError, did_you_mean
from . import caffe_pb2
from .binary import decode
from .kinds import DESCRIBED, kind_of
from .schema import Message

LARGEST = 2**31 - 1  # protobuf's limit for one message, in bytes

_KINDS = {
    caffe_pb2.NetParameter: ("caffemodel", "a binary caffemodel"),
    caffe_pb2.SolverState: ("solverstate", "a binary solver state"),
    caffe_pb2.BlobProto: ("blob", "a binaryproto of one blob"),
}


def read_bytes(path: str | os.PathLike, wanted: str) -> bytes:
    """The content of a file; ProtoError, which says what was ``wanted``, if there is none."""
    path = os.fspath(path)
    try:
        with open(path, "rb") as file:
            return file.read()
    except IsADirectoryError:
        raise ProtoError(f"{path}: is a folder, expected {wanted}") from None
    except (FileNotFoundError, NotADirectoryError):
        folder, name = os.path.split(path)
        if not os.path.isdir(folder or "."):
            raise ProtoError(f'{path}: no such file, as there is no folder "{folder}"; expected {wanted}') from None
        near = did_you_mean(name, os.listdir(folder or "."))
        raise ProtoError(f"{path}: no such file, expected {wanted}{near}") from None
    except (OSError, ValueError) as error:  # a zero byte in the name is a ValueError
        raise ProtoError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def write_whole(path: str | os.PathLike, data: bytes) -> None:
    """Write a file whole or not at all; see ``replace_whole``."""

    def fill(temporary: str) -> None:
        with open(temporary, "xb") as file:
            file.write(data)

    replace_whole(path, fill)


def replace_whole(path: str | os.PathLike, fill: Callable[[str], None]) -> None:
    """Write a file whole or not at all: ``fill`` a temporary file beside it, flush it to the disk, then rename.

    ProtoError if that fails; then the file is as it was before.
    """
    path = os.fspath(path)
    if "\0" in path:
        raise ProtoError(f"{path!r}: cannot be written, as no file has a zero byte in its name")
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise ProtoError(f'{path}: cannot be written, as there is no folder "{os.path.dirname(path)}"')
    if os.path.isdir(target):
        raise ProtoError(f"{path}: cannot be written, as it is a folder")
    if os.path.exists(target) and not os.path.isfile(target):
        raise ProtoError(f"{path}: cannot be written, as it is a device or a pipe; expected a file, which is replaced")
    try:
        _replace(target, folder, fill)
    except OSError as error:
        raise ProtoError(f"{path}: cannot be written: {error.strerror or error}") from None


def _replace(target: str, folder: str, fill: Callable[[str], None]) -> None:
    temporary = os.path.join(folder, f".{os.path.basename(target)}.{secrets.token_hex(4)}.tmp")
    try:
        fill(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        if os.path.exists(target):
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _flush_folder(folder)


def _flush_folder(folder: str) -> None:
    """Bring the renaming itself to the disk, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_message(path: str | os.PathLike, message_class: type[Message]) -> Message:
    """A binary message from a file; ProtoError if it is of another kind, cut short or damaged."""
    kind, wanted = _KINDS.get(message_class, (None, f"a binary {message_class.DESCRIPTOR.name}"))
    if os.path.isfile(path) and os.path.getsize(path) > LARGEST:
        raise ProtoError(f"{path}: has {os.path.getsize(path)} bytes, expected {wanted} of at most {LARGEST}")
    data = read_bytes(path, wanted)
    found = kind_of(data)
    if found == "empty" or (kind and found != kind):
        raise ProtoError(f"{path}: {DESCRIBED[found]}, expected {wanted}{_learned_net(found, data)}")
    return decode(data, message_class, f"{path}", wanted)


def _learned_net(found: str, data: bytes) -> str:
    """For a solver state in the wrong place: the weights that it belongs to."""
    if found != "solverstate":
        return ""
    try:
        name = caffe_pb2.SolverState.FromString(data).learned_net
    except DecodeError:
        return ""
    return f'; did you mean its learned_net "{name}"?' if name else ""


def write_message(path: str | os.PathLike, message: Message) -> None:
    """Write a message in binary form, whole or not at all."""
    write_whole(path, message.SerializeToString())
