"""What a loss over many places is divided by: ``loss_param``."""

from __future__ import annotations

import numpy as np

from ..proto import Message


def normalization_mode(loss_param: Message, default: str | None = None) -> str:
    """ "FULL", "VALID", "BATCH_SIZE" or "NONE": ``normalization``, or what the older ``normalize`` stands for.

    ``default`` is taken where neither is given; None: the schema's own, VALID.
    """
    if loss_param.HasField("normalization"):
        mode = loss_param.normalization
    elif loss_param.HasField("normalize"):
        mode = loss_param.VALID if loss_param.normalize else loss_param.BATCH_SIZE
    elif default is not None:
        return default
    else:
        mode = loss_param.normalization
    return loss_param.NormalizationMode.Name(mode)


def ignored_label(loss_param: Message) -> int | None:
    """``ignore_label``, or None."""
    return loss_param.ignore_label if loss_param.HasField("ignore_label") else None


def fixed_places(mode: str, outer: int, inner: int) -> int | None:
    """FULL: all ``outer * inner`` places; BATCH_SIZE: ``outer``; NONE: 1; None for VALID, which depends on labels."""
    return {"FULL": outer * inner, "BATCH_SIZE": outer, "NONE": 1}.get(mode)


def normaliser(mode: str, outer: int, inner: int, counted: np.ndarray) -> float:
    """The ``fixed_places``, or for VALID the sum of ``counted``. At least 1."""
    places = fixed_places(mode, outer, inner)
    return float(max(1, counted.sum() if places is None else places))
