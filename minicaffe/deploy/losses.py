"""Losses to predictions: what is left of a net where nobody has labels."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from ..proto import Message, caffe_pb2
from .sources import Entry

__all__ = ["without_judges"]

_PREDICTIONS = {"SoftmaxWithLoss": "Softmax", "InfogainLoss": "Softmax", "SigmoidCrossEntropyLoss": "Sigmoid"}


def without_judges(
    layers: Iterable[Entry], judges: Callable[[Message], bool] = lambda param: False, missing: Collection[str] = ()
) -> list[Entry]:
    """The layers without those that are ``judges``, those that read blobs that are ``missing``, and their readers.

    Of a SoftmaxWithLoss or an InfogainLoss a Softmax of its name is left, of a SigmoidCrossEntropyLoss a Sigmoid,
    unless there is one already. The top of the last of them is "prob", that of others the layer's name.
    """
    layers = list(layers)
    done = {bottom for param, _ in layers if param.type in _PREDICTIONS.values() for bottom in param.bottom}
    gone = set(missing)
    found, new = [], []
    for param, line in layers:
        if not judges(param) and gone.isdisjoint(param.bottom):
            found.append((param, line))
            continue
        if param.type in _PREDICTIONS and param.bottom[0] not in done | gone:
            new.append(_prediction(param))
            found.append((new[-1], line))
        gone.update(top for top in param.top if top not in param.bottom)
    taken = {top for param, _ in found for top in param.top}
    for param in reversed(new):
        param.top.append("prob" if "prob" not in taken else param.name)
        taken.update(param.top)
    return found


def _prediction(loss: Message) -> Message:
    """The layer, as yet without a top, that computes what ``loss`` judges."""
    made = caffe_pb2.LayerParameter(name=loss.name, type=_PREDICTIONS[loss.type], bottom=loss.bottom[:1])
    options = loss.infogain_loss_param if loss.type == "InfogainLoss" else loss.softmax_param
    if options.HasField("axis"):
        made.softmax_param.axis = options.axis
    return made
