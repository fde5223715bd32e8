"""Snapshots: Caffe's own two files, and beside what Caffe keeps, what an exact resume needs.

PREFIX_iter_N.caffemodel holds the parameters, PREFIX_iter_N.solverstate the iteration, the history and, in a
field that Caffe skips, the seed, every data layer's position and every counter (see ``ResumeState``).
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from ..errors import SolverError, WeightsError, plural, shape_text
from ..net import Net
from ..proto import array_from_blob, blob_from_array, caffe_pb2, find, read_state, write_state


def snapshot_paths(prefix: str, iteration: int) -> tuple[str, str]:
    """The names of the two files of iteration ``iteration``."""
    stem = f"{prefix}_iter_{iteration}"
    return f"{stem}.caffemodel", f"{stem}.solverstate"


def check_prefix(prefix: str) -> None:
    """Raise SolverError where no snapshot could be written: better now than after hours of training."""
    folder = os.path.abspath(os.path.dirname(prefix))
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        raise SolverError(f'snapshot_prefix is "{prefix}", but {folder} is no folder')
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SolverError(f'snapshot_prefix is "{prefix}", but the folder {folder} cannot be written to')


def make_folder(prefix: str) -> None:
    """Create the folder that snapshots go to, where it is missing."""
    folder = os.path.dirname(prefix)
    if folder:
        os.makedirs(folder, exist_ok=True)


def history_views(net: Net, history: np.ndarray) -> list[np.ndarray | None]:
    """For each parameter of the net that owns its memory, in net order, its part of ``history``; state has None."""
    segments = {segment.param: segment for segment in net.arena.segments}
    views: list[np.ndarray | None] = []
    for fact in net.graph.params:
        if fact.owner == fact.id:
            segment = segments.get(fact.id)
            views.append(None if segment is None else history[segment.start : segment.stop].reshape(fact.shape))
    return views


def write_snapshot(
    state_file: str, model_file: str, net: Net, iteration: int, step: int, history, resume, diffs
) -> None:
    """Write both files, each whole or not at all, the parameters first."""
    net.save(model_file, diffs=diffs)
    owned = [fact for fact in net.graph.params if fact.owner == fact.id]
    state = caffe_pb2.SolverState(iter=iteration, learned_net=model_file, current_step=step, resume=resume)
    for fact, view in zip(owned, history_views(net, history)):
        array = np.zeros(fact.shape, net.dtype) if view is None else view
        state.history.append(blob_from_array(array))
    write_state(state_file, state)


def make_resume(seed: int, nets: Sequence[tuple[str, dict]], recent_loss: Sequence[float]):
    """The message for what Caffe does not keep: ``nets`` are (name, ``Net.state()``) pairs."""
    resume = caffe_pb2.ResumeState(seed=seed, recent_loss=recent_loss)
    for name, states in nets:
        for layer, state in states.items():
            resume.layer.add(net=name, layer=layer, key=list(state), value=list(state.values()))
    return resume


def resume_states(resume) -> dict[str, dict[str, dict[str, int]]]:
    """What ``make_resume`` was given: net name -> layer name -> state."""
    nets: dict[str, dict[str, dict[str, int]]] = {}
    for entry in resume.layer:
        nets.setdefault(entry.net, {})[entry.layer] = dict(zip(entry.key, entry.value))
    return nets


def read_snapshot(path: str, net: Net, history: np.ndarray):
    """Load a solver state: parameters into ``net``, the past into ``history``; return the SolverState."""
    state = read_state(path)
    views = history_views(net, history)
    if len(state.history) != len(views):
        raise WeightsError(
            f"{path}: holds the history of {plural(len(state.history), 'parameter')}, the net has {len(views)}; "
            "expected a state of the same net and solver type"
        )
    arrays = [array_from_blob(blob) for blob in state.history]
    for i, (array, view) in enumerate(zip(arrays, views)):
        if view is not None and array.size != view.size:
            raise WeightsError(
                f"{path}: history {i} is {shape_text(array.shape)}, the net's parameter is {shape_text(view.shape)}"
            )
    if not state.HasField("learned_net"):
        raise WeightsError(f"{path}: names no learned_net; expected the caffemodel it was written with")
    model = _beside(state.learned_net, path)
    if not os.path.exists(model):
        raise WeightsError(
            f'{path}: its weights "{state.learned_net}" are neither there nor in the folder of this state'
        )
    net.copy_from(model)
    for array, view in zip(arrays, views):
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
