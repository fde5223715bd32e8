"""Caffe's files: the schema, prototxt in and out, weights, solver states, mean images, and which layers a net has."""

from . import caffe_pb2
from .blobs import array_from_blob, blob_from_array, blob_shape, fill_blob
from .files import read_message, replace_whole, write_message, write_whole
from .filtering import filter_net
from .formatting import format_text
from .hdf5 import load_h5py, write_weights_hdf5
from .patch import patch_weights
from .paths import find
from .rewrite import rewrite
from .schema import Message
from .states import TrainingState, read_training_state, write_training_state
from .text import (
    NetFile,
    SolverFile,
    is_solver,
    net_file,
    parse_net,
    parse_text,
    read_net,
    read_solver,
    read_solver_file,
)
from .weights import check_size, read_mean, read_state, read_weights, write_mean, write_state, write_weights

__all__ = [
    "Message",
    "NetFile",
    "SolverFile",
    "TrainingState",
    "array_from_blob",
    "blob_from_array",
    "blob_shape",
    "caffe_pb2",
    "check_size",
    "fill_blob",
    "filter_net",
    "find",
    "format_text",
    "is_solver",
    "load_h5py",
    "net_file",
    "parse_net",
    "parse_text",
    "patch_weights",
    "read_mean",
    "read_message",
    "read_net",
    "read_solver",
    "read_solver_file",
    "read_state",
    "read_training_state",
    "read_weights",
    "replace_whole",
    "rewrite",
    "write_mean",
    "write_message",
    "write_state",
    "write_training_state",
    "write_weights",
    "write_weights_hdf5",
    "write_whole",
]
