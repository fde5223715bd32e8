"""Pictures of nets: layers as boxes, blobs as arrows. The names are pycaffe's.

``svg`` and ``dot`` need nothing, ``png`` needs pillow; Graphviz is not used. ``get_pydot_graph`` needs pydot.
"""

from __future__ import annotations

import os

from ..errors import UsageError, did_you_mean
from ..proto.files import write_whole
from .diagram import Diagram, diagram
from .dot import dot_text
from .labels import choose_color_by_layertype, get_edge_label, get_layer_label, get_pooling_types_dict
from .layout import place
from .png import png_bytes
from .pydot_graph import get_pydot_graph
from .svg import svg_text

__all__ = [
    "Diagram",
    "choose_color_by_layertype",
    "diagram",
    "draw_net",
    "draw_net_to_file",
    "get_edge_label",
    "get_layer_label",
    "get_pooling_types_dict",
    "get_pydot_graph",
]

_KINDS = ("svg", "png", "dot")
_DIRECTIONS = ("TB", "BT", "LR", "RL")


def draw_net(caffe_net, rankdir: str = "LR", ext: str = "png", phase: int | str | None = None) -> bytes:
    """A picture of a NetParameter, as the bytes of a file of kind ``ext``: "svg", "png" or "dot".

    ``rankdir``: where the data flow, "LR", "RL", "TB" or "BT". ``phase``: only the layers of TRAIN or TEST; all where
    not given. Raises UsageError for other words, DataError where "png" lacks pillow.
    """
    if rankdir not in _DIRECTIONS:
        raise UsageError(f'rankdir is "{rankdir}"; expected one of {", ".join(_DIRECTIONS)}')
    if ext not in _KINDS:
        raise UsageError(f'a picture of kind "{ext}"; expected one of {", ".join(_KINDS)}{did_you_mean(ext, _KINDS)}')
    drawing = diagram(caffe_net, phase, rankdir)
    if ext == "dot":
        return dot_text(drawing, rankdir).encode()
    picture = place(drawing, rankdir)
    return png_bytes(picture) if ext == "png" else svg_text(picture).encode()


def draw_net_to_file(
    caffe_net, filename: str | os.PathLike, rankdir: str = "LR", phase: int | str | None = None
) -> None:
    """Write ``draw_net`` to a file, whole or not at all; its name's ending tells the kind of picture."""
    ext = os.path.splitext(os.fspath(filename))[1].lower().lstrip(".")
    write_whole(filename, draw_net(caffe_net, rankdir, ext, phase))
