"""Older ways of writing a net or a solver, brought to the present one; what was changed is told in notes.

The messages are changed in place. What cannot be carried over is a ProtoError that names the place and the field;
nothing is dropped without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from ...errors import ProtoError, plural
from ..schema import Message
from .batch_norm import drop_batch_norm_params
from .inputs import inputs_to_layer
from .solver import upgrade_solver, upgrade_solver_type
from .transforms import move_transforms
from .v0 import is_v0, v0_to_v1
from .v1 import v1_to_present

__all__ = ["Upgraded", "upgrade_net", "upgrade_solver", "upgrade_solver_type"]


class Upgraded(NamedTuple):
    """``notes``: what was changed, a sentence each. ``origins``: for each ``param.layer`` the index that it had in the
    file, among layers of its form; None for one that was made here.
    """

    notes: tuple[str, ...]
    origins: tuple[int | None, ...]


def upgrade_net(param: Message, at: Callable[[int | str], str], faulty: Collection[int] = ()) -> Upgraded:
    """Bring a NetParameter to the present form.

    In Caffe's order: V0 layers become V1, V1 layers present ones; options of transformation found in a data layer's
    own options move to ``transform_param``; ``input`` becomes an Input layer, which is put first; BatchNorm layers lose
    their ``param { lr_mult: 0 }``.

    ``at`` turns the index of a layer, or the name of a field of the net, into "file:line:column", to begin an error
    with. ``faulty`` are the indices of layers of which something was left out. Departures from Caffe: layers of several
    forms in one file, and fields that an old layer's type does not take, are refused rather than left out.
    """
    notes: list[str] = []
    origins: list[int] = list(range(len(param.layers) or len(param.layer)))
    if param.layers:
        if param.layer:
            raise ProtoError(f"{at('layers')}: both the old `layers` and `layer` are used, expected `layer` throughout")
        count, form = len(param.layers), "V1"
        if is_v0(param):
            form, origins = "V0", v0_to_v1(param, at)
        bad = [index for index, origin in enumerate(origins) if origin in faulty]
        v1_to_present(param, lambda index: at(origins[index]), bad)
        merged = f", merging {plural(count - len(origins), 'padding')}" if len(origins) < count else ""
        notes.append(f"upgraded {plural(count, 'layer')} from Caffe's {form} form{merged}")
    place = {index: at(origin) for index, origin in enumerate(origins)}.__getitem__
    notes += move_transforms(param, place)
    notes += drop_batch_norm_params(param, place)
    made = inputs_to_layer(param, at)
    return Upgraded((*notes, *made), tuple([None, *origins] if len(param.layer) > len(origins) else origins))
