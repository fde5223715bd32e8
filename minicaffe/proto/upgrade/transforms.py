"""scale, mean_file, crop_size and mirror in a data layer's own options, where they stood before ``transform_param``."""

from __future__ import annotations

from collections.abc import Callable

from ...errors import ProtoError, plural
from ..schema import Message

_OPTIONS = {"Data": "data_param", "ImageData": "image_data_param", "WindowData": "window_data_param"}
_FIELDS = ("scale", "mean_file", "crop_size", "mirror")


def move_transforms(param: Message, place: Callable[[int], str]) -> tuple[str, ...]:
    """Move them to ``transform_param``; returns the note.

    ProtoError where both are given and differ. Departures from Caffe: there, the old field wins in V1 layers, and is
    ignored in present ones.
    """
    moved: list[str] = []
    changed = 0
    for index, layer in enumerate(param.layer):
        name = _OPTIONS.get(layer.type)
        if name is None or not layer.HasField(name):
            continue
        options = getattr(layer, name)
        found = [field for field in _FIELDS if options.HasField(field)]
        for field in found:
            value = getattr(options, field)
            now = getattr(layer.transform_param, field)
            if layer.transform_param.HasField(field) and now != value:
                raise ProtoError(
                    f'{place(index)}: layer "{layer.name}": {name} has {field} {_text(value)}, '
                    f"transform_param has {_text(now)}; expected it in transform_param only"
                )
            setattr(layer.transform_param, field, value)
            options.ClearField(field)
        moved += [field for field in found if field not in moved]
        changed += bool(found)
    return (f"moved {', '.join(moved)} of {plural(changed, 'data layer')} to transform_param",) if changed else ()


def _text(value: bool | float | str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"{value:g}"
