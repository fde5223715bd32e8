"""Pictures of nets: layers as boxes, blobs as arrows. The names are pycaffe's.

``svg`` and ``dot`` need nothing, ``png`` needs pillow; Graphviz is not used. ``get_pydot_graph`` needs pydot.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import UsageError, did_you_mean
from ..proto.files import write_whole
from .diagram import Diagram, diagram
from .dot import dot_text
from .labels import (
    choose_color_by_layertype,
    get_edge_label,
    get_layer_label,
    get_layer_lr_mult,
    get_pooling_types_dict,
)
from .layout import place
from .png import png_bytes
from .pydot_graph import get_pydot_graph
from .states import State, Told, plain_states
from .svg import svg_text

if TYPE_CHECKING:
    from ..proto import Message

__all__ = [
    "DIRECTIONS",
    "KINDS",
    "Diagram",
    "State",
    "Told",
    "check_kind",
    "choose_color_by_layertype",
    "diagram",
    "draw_net",
    "draw_net_to_file",
    "get_edge_label",
    "get_layer_label",
    "get_layer_lr_mult",
    "get_pooling_types_dict",
    "get_pydot_graph",
    "kind_of",
    "plain_states",
]

KINDS = ("svg", "png", "dot")
DIRECTIONS = ("TB", "BT", "LR", "RL")


def draw_net(
    caffe_net: Message,
    rankdir: str = "LR",
    ext: str = "png",
    phase: int | str | None = None,
    display_lrm: bool = False,
    *,
    dark: bool = False,
    states: Sequence[State] | None = None,
) -> bytes:
    """A picture of a NetParameter, as the bytes of a file of kind ``ext``: "svg", "png" or "dot".

    ``rankdir``: where the data flow, "LR", "RL", "TB" or "BT". ``phase``: only the layers of TRAIN or TEST; all where
    not given. ``display_lrm``: with the lr_mult of convolutions and inner products. Beside pycaffe: ``dark`` draws on
    a dark ground (an svg is light or dark as the page asks for without it), and ``states``, in place of ``phase``, tell
    the shapes and counts of parameters (see ``diagram``). Raises UsageError for other words, and where "png" lacks
    pillow.
    """
    if rankdir not in DIRECTIONS:
        raise UsageError(f'rankdir is "{rankdir}"; expected one of {", ".join(DIRECTIONS)}')
    check_kind(ext)
    drawing = diagram(caffe_net, phase, rankdir, display_lrm, states)
    if ext == "dot":
        return dot_text(drawing, rankdir, dark).encode()
    picture = place(drawing, rankdir)
    return png_bytes(picture, dark) if ext == "png" else svg_text(picture, dark).encode()


def draw_net_to_file(
    caffe_net: Message,
    filename: str | os.PathLike,
    rankdir: str = "LR",
    phase: int | str | None = None,
    display_lrm: bool = False,
    *,
    dark: bool = False,
    states: Sequence[State] | None = None,
) -> None:
    """Write ``draw_net`` to a file, whole or not at all; its name's ending tells the kind of picture."""
    picture = draw_net(caffe_net, rankdir, kind_of(filename), phase, display_lrm, dark=dark, states=states)
    write_whole(filename, picture)


def kind_of(filename: str | os.PathLike) -> str:
    """The kind of picture that the ending of a file's name tells, in small letters."""
    return os.path.splitext(os.fspath(filename))[1].lower().lstrip(".")


def check_kind(ext: str) -> None:
    """UsageError for a kind of picture that cannot be drawn."""
    if ext not in KINDS:
        raise UsageError(f'a picture of kind "{ext}"; expected one of {", ".join(KINDS)}{did_you_mean(ext, KINDS)}')
