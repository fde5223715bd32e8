"""Rebuild minicaffe/proto/caffe.desc from minicaffe/proto/caffe.proto (needs grpcio-tools)."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "minicaffe" / "proto"


def compiled() -> bytes:
    """The serialized FileDescriptorSet of caffe.proto."""
    from grpc_tools import protoc

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "caffe.desc"
        failed = protoc.main(["protoc", f"-I{FOLDER}", f"--descriptor_set_out={out}", "caffe.proto"])
        if failed:
            sys.exit("caffe.proto does not compile")
        return out.read_bytes()


if __name__ == "__main__":
    (FOLDER / "caffe.desc").write_bytes(compiled())
