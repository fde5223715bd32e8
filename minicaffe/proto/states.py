"""Solver states, binary and HDF5, as one plain object."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ProtoError
from . import caffe_pb2
from .binary import decode
from .blobs import array_from_blob, fill_blob
from .hdf5 import is_hdf5, read_state_hdf5, write_state_hdf5
from .weights import check_size, read_state, write_state


@dataclass
class TrainingState:
    """What a solverstate holds; ``resume``, a ResumeState, is None in files that Caffe wrote."""

    iteration: int
    learned_net: str
    current_step: int
    history: list[np.ndarray]
    resume: Any = None


def read_training_state(path: str | os.PathLike) -> TrainingState:
    """The state in a file of either form, told by its content. ProtoError if it is something else, or damaged."""
    if is_hdf5(path):
        iteration, learned, step, history, resume = read_state_hdf5(path)
        place = f"{path}: /minicaffe_resume"
        message = None if resume is None else decode(resume, caffe_pb2.ResumeState, place, "what a resumed run needs")
        return TrainingState(iteration, learned, step, history, message)
    state = read_state(path)
    try:
        history = [array_from_blob(blob) for blob in state.history]
    except ProtoError as error:
        raise ProtoError(f"{path}: history: {error}") from None
    resume = state.resume if state.HasField("resume") else None
    return TrainingState(state.iter, state.learned_net, state.current_step, history, resume)


def write_training_state(path: str | os.PathLike, state: TrainingState, hdf5: bool = False) -> None:
    """Write a state, whole or not at all. WeightsError if it is more than a binary file can hold."""
    if hdf5:
        resume = state.resume.SerializeToString()
        write_state_hdf5(path, state.iteration, state.learned_net, state.current_step, state.history, resume)
        return
    check_size(path, sum(array.nbytes for array in state.history), "history")
    message = caffe_pb2.SolverState(
        iter=state.iteration, learned_net=state.learned_net, current_step=state.current_step, resume=state.resume
    )
    for array in state.history:
        fill_blob(message.history.add(), array)
    write_state(path, message)
