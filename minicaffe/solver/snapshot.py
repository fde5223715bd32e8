"""Snapshots: Caffe's own two files, and beside what Caffe keeps, what an exact resume needs.

PREFIX_iter_N.caffemodel holds the parameters, PREFIX_iter_N.solverstate the iteration, the history and, where
Caffe does not look, the seed, every data layer's position and every counter (see ``ResumeState``). Both are binary,
or HDF5 with ``.h5`` at the end of their names.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from ..errors import SolverError, WeightsError, plural, shape_text
from ..net import Net
from ..proto import (
    Message,
    TrainingState,
    caffe_pb2,
    check_size,
    find,
    load_h5py,
    read_training_state,
    write_training_state,
)
from .rates import current_step
from .rules import SGD


def snapshot_paths(prefix: str, iteration: int, hdf5: bool = False) -> tuple[str, str]:
    """The names of the two files of iteration ``iteration``."""
    stem, end = f"{prefix}_iter_{iteration}", ".h5" if hdf5 else ""
    return f"{stem}.caffemodel{end}", f"{stem}.solverstate{end}"


def check_form(param: Message, net: Net, rule: SGD) -> None:
    """Raise SolverError where the form of the snapshots cannot hold them: better now than after hours of training."""
    if wants_hdf5(param):
        load_h5py()
        return
    blobs = [blob for several in net.params.values() for blob in several]
    size = sum(blob.count for blob in blobs) * net.dtype.itemsize * (2 if param.snapshot_diff else 1)
    try:
        check_size(f"{param.snapshot_prefix}_iter_N.caffemodel", size, "weights")
        check_size(f"{param.snapshot_prefix}_iter_N.solverstate", rule.history.nbytes, "history")
    except WeightsError as error:
        raise SolverError(str(error)) from None


def wants_hdf5(param: Message) -> bool:
    """Whether a solver's snapshots are HDF5; the schema's default is binary, as Caffe's is."""
    return param.snapshot_format == caffe_pb2.SolverParameter.HDF5


def check_prefix(prefix: str) -> None:
    """Raise SolverError where no snapshot could be written: better now than after hours of training."""
    if "\0" in prefix:
        raise SolverError(f"snapshot_prefix is {prefix!r}; expected a path without a zero byte")
    folder = os.path.abspath(os.path.dirname(prefix))
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        raise SolverError(f'snapshot_prefix is "{prefix}", but {folder} is no folder')
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SolverError(f'snapshot_prefix is "{prefix}", but the folder {folder} cannot be written to')


def make_folder(prefix: str) -> None:
    """Create the folder that snapshots go to, where it is missing; SolverError if it cannot be."""
    folder = os.path.dirname(prefix)
    try:
        os.makedirs(folder or ".", exist_ok=True)
    except (OSError, RecursionError) as error:  # the latter for thousands of folders in one path
        reason = getattr(error, "strerror", None) or error
        raise SolverError(f'snapshot_prefix is "{prefix}", but its folder cannot be made: {reason}') from None


def history_views(net: Net, histories: Sequence[np.ndarray]) -> list[np.ndarray | None]:
    """The history blobs of a solver state, in its order: for each of ``histories``, every parameter's part of it.

    Parameters stand in net order, those that share memory once; statistics (state) have None.
    """
    segments = {segment.param: segment for segment in net.arena.segments}
    views: list[np.ndarray | None] = []
    for history in histories:
        for fact in _owned(net):
            segment = segments.get(fact.id)
            views.append(None if segment is None else history[segment.start : segment.stop].reshape(fact.shape))
    return views


def _owned(net: Net) -> list:
    return [fact for fact in net.graph.params if fact.owner == fact.id]


def write_snapshot(
    param: Message, net: Net, rule: SGD, iteration: int, files: tuple[str, str], resume: Message
) -> None:
    """Write both ``files``, each whole or not at all, the parameters first, in the solver's form."""
    model_file, state_file = files
    hdf5 = wants_hdf5(param)
    if hdf5:
        net.save_hdf5(model_file, param.snapshot_diff)
    else:
        net.save(model_file, diffs=param.snapshot_diff)
    views = history_views(net, rule.histories)
    shapes = [fact.shape for fact in _owned(net)] * len(rule.histories)
    history = [np.zeros(shape, net.dtype) if view is None else view for view, shape in zip(views, shapes)]
    state = TrainingState(iteration, model_file, current_step(param, iteration), history, resume)
    write_training_state(state_file, state, hdf5)


def make_resume(seed: int, nets: Sequence[tuple[str, dict]], recent_loss: Sequence[float]) -> Message:
    """The message for what Caffe does not keep: ``nets`` are (name, ``Net.state()``) pairs."""
    resume = caffe_pb2.ResumeState(seed=seed, recent_loss=recent_loss)
    for name, states in nets:
        for layer, state in states.items():
            resume.layer.add(net=name, layer=layer, key=list(state), value=list(state.values()))
    return resume


def resume_states(resume: Message) -> dict[str, dict[str, dict[str, int]]]:
    """What ``make_resume`` was given: net name -> layer name -> state."""
    nets: dict[str, dict[str, dict[str, int]]] = {}
    for entry in resume.layer:
        nets.setdefault(entry.net, {})[entry.layer] = dict(zip(entry.key, entry.value))
    return nets


def read_snapshot(path: str, net: Net, rule: SGD) -> TrainingState:
    """Load a solver state of either form: parameters into ``net``, the past into ``rule``; return the state."""
    state = read_training_state(path)
    views = history_views(net, rule.histories)
    if len(state.history) != len(views):
        raise WeightsError(
            f"{path}: holds {plural(len(state.history), 'history blob')}, this net has {len(views)} "
            f"under {type(rule).__name__}; expected a state of the same net and solver type"
        )
    for i, (array, view) in enumerate(zip(state.history, views)):
        if view is not None and array.size != view.size:
            raise WeightsError(
                f"{path}: history {i} is {shape_text(array.shape)}, the net's parameter is {shape_text(view.shape)}"
            )
    if not state.learned_net:
        raise WeightsError(f"{path}: names no learned_net; expected the caffemodel it was written with")
    model = _beside(state.learned_net, path)
    if not os.path.exists(model):
        raise WeightsError(
            f'{path}: its weights "{state.learned_net}" are neither there nor in the folder of this state'
        )
    owners = {net.graph.nodes[fact.node].name for fact in _owned(net)}
    lacking = [f'"{name}"' for name in net.copy_from(model).missing if name in owners]
    if lacking:
        raise WeightsError(
            f"{path}: its weights {model} have none for {', '.join(lacking[:5])}; expected a state of the same net"
        )
    for array, view in zip(state.history, views):
        if view is not None:
            view[...] = array.reshape(view.shape)
    return state


def _beside(model: str, state_file: str) -> str:
    """The caffemodel of a state: where the state says, or of the same name in the state's own folder."""
    folder = os.path.dirname(state_file)
    found = find(model, folder)
    if os.path.exists(found):
        return found
    moved = os.path.join(folder, os.path.basename(model))
    return moved if os.path.exists(moved) else model
