"""What a layer is: declared facts, ``infer`` on integers, ``forward`` and ``backward`` on arrays.

A layer file declares one Caffe type::

    @register("Scale", options="scale_param", bottoms=(1, 2), tops=1)
    class Scale(Layer):
        backward_reads = ("bottoms",)
        def infer(self, *bottoms): ...
        def forward(self, bottoms, tops): ...
        def backward(self, bottoms, tops, top_diffs, bottom_diffs): ...

The framework builds the layer, asks it for shapes, allocates everything it asked for and only then calls it.
Layers hold no blobs, know no neighbour and allocate nothing per call.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import LayerError, did_you_mean
from ..proto import Message

Shape = tuple[int, ...]
Arrays = Sequence[np.ndarray]
Diffs = Sequence[np.ndarray | None]
"""The gradients of bottoms; None for one that is not wanted."""

Arity = int | tuple[int, int | None]
"""A number of blobs, or (least, most) with None for no limit."""
ANY = (0, None)
"""Arity for ``register``: any number, none included."""


@dataclass(frozen=True)
class Param:
    """One parameter blob of a layer: its shape, and how it is filled before training (None: zeros).

    ``learned`` is False for state such as BatchNorm's statistics: no gradient, no update, no decay.
    """

    name: str
    shape: Shape
    filler: Any = None
    learned: bool = True


@dataclass(frozen=True)
class Scratch:
    """A work array of a layer, kept from one call to the next. ``dtype`` None means the net's own."""

    shape: Shape
    dtype: str | None = None


@dataclass(frozen=True)
class Inferred:
    """What ``infer`` returns: the shapes of the tops, the parameters and the work arrays, all on integers."""

    tops: Sequence[Shape]
    params: Sequence[Param] = ()
    scratch: Mapping[str, Scratch] = field(default_factory=dict)


class Layer:
    """Base of all layer types.

    Facts, declared on the class (``register`` sets the first two, and ``bottoms, tops``):

    ``type``            Caffe's type name.
    ``options_field``   name of the LayerParameter message with its options, or None.
    ``more_options``    names of further LayerParameter messages that the layer reads.
    ``bottoms, tops``   (least, most) numbers of blobs taken and given; most None means no limit.
    ``backward_reads``  what ``backward`` reads besides ``top_diffs``: any of "bottoms" and "tops".
    ``in_place``        whether top 0 may be the same array as bottom 0, in forward and in backward.
    ``shares``          "data": every top is the bottom's own memory under its shape (forward does nothing);
                        "data+diff": the diff too (backward does nothing either); None: tops have their own.
    ``no_gradient``     indices of bottoms that never receive a gradient, such as labels.
    ``pairwise``        whether top i depends on bottom i alone, as far as gradients go.
    ``loss``            whether top 0 is a loss, of weight 1 unless ``loss_weight`` says otherwise.
    ``reads_files``     whether ``open`` must run before ``infer``.
    ``dynamic``         whether the shapes of the tops may change from one forward to the next: ``reshape`` is asked
                        before each, and where it answers with other shapes, the net below is shaped anew. Such a net
                        has the inspect plan, unless the layer is ``steady``: the fast plan then refuses a change.

    Set by the framework between construction and ``infer``: ``dtype`` (of all blobs: "float32" or "float64"),
    ``kernels`` ("auto", or "direct" where no algorithm may trade precision for speed) and ``python_path`` (the folder
    from which layers of the user's own code may be loaded; None where they may not).

    Set by the framework before the first call: ``params`` and ``param_diffs`` (lists of arrays; a diff is None
    where no gradient is wanted), ``scratch`` (a namespace of the arrays that ``infer`` asked for), ``seed``
    (an int of its own per layer and net).
    """

    type: str = ""
    options_field: str | None = None
    more_options: tuple[str, ...] = ()
    bottoms: tuple[int, int | None] = (1, 1)
    tops: tuple[int, int | None] = (1, 1)
    backward_reads: tuple[str, ...] = ()
    in_place: bool = False
    shares: str | None = None
    no_gradient: tuple[int, ...] = ()
    pairwise: bool = False
    loss: bool = False
    reads_files: bool = False
    dynamic: bool = False
    steady: bool = False
    python_path: str | None = None
    dtype: str = "float32"
    kernels: str = "auto"

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """What a type keeps beyond this, and plans and tools that know the type may read."""

    def __init__(self, param: Message, phase: str, find: Callable[[str], str] = str) -> None:
        """``param`` is a LayerParameter, ``phase`` "TRAIN" or "TEST", ``find`` turns a prototxt's path into a file's.

        Checks every option that can be checked without shapes (override ``setup``).
        """
        self.param = param
        self.name = param.name
        self.phase = phase
        self.find = find
        self.options: Any = getattr(param, self.options_field) if self.options_field else None
        self.params: list = []
        self.param_diffs: list = []
        self.scratch = SimpleNamespace()
        self.seed = 0
        self.setup()

    @property
    def shown(self) -> Any:
        """What a net's ``layers`` have in this layer's place."""
        return self

    # -- to override -----------------------------------------------------------------------------------------

    def setup(self) -> None:
        """Check the options and keep what follows from them; raise LayerError with the bare sentence."""

    def open(self) -> None:
        """Open the files that ``infer`` must know of (``reads_files``); raise DataError."""

    def infer(self, *bottoms: Shape) -> Inferred:
        """Shapes of the tops, parameters and work arrays for bottoms of these shapes. Integers only."""
        raise NotImplementedError

    def outline(self, *bottoms: Shape) -> Inferred | None:
        """As ``infer``, but before ``open``: what the options alone tell; None where only the files know."""
        return None if self.reads_files else self.infer(*bottoms)

    def reshape(self, bottoms: Arrays) -> Sequence[Shape]:
        """The shapes of the tops in the forward to come, of a ``dynamic`` layer; ``bottoms`` are its arrays."""
        raise NotImplementedError

    def begin(self, tops: Arrays) -> None:
        """Give ``tops`` what they hold from the start, before any forward; they are zeros."""

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        """Fill ``tops`` from ``bottoms``: C-contiguous arrays of the shapes that ``infer`` was told and told."""
        raise NotImplementedError

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        """Overwrite every ``bottom_diffs[i]`` that is not None; add to every ``param_diffs[i]`` that is not None."""

    def close(self) -> None:
        """Release threads and files."""

    def state(self) -> dict[str, int]:
        """What a resumed run must know beyond the parameters: positions and counters, as integers."""
        return {}

    def restore(self, state: Mapping[str, int]) -> None:
        """Take up a state that ``state`` returned."""


_REGISTRY: dict[str, type[Layer]] = {}
homes: dict[str, str] = {}
"""By type: the module that registers it when it is imported."""


def register(
    name: str, *, options: str | None = None, bottoms: Arity = 1, tops: Arity = 1
) -> Callable[[type[Layer]], type[Layer]]:
    """Class decorator: make a Layer known as Caffe type ``name``.

    ``bottoms`` and ``tops`` are a number, or (least, most) with None for no limit.
    """

    def span(arity: Arity) -> tuple[int, int | None]:
        least, most = (arity, arity) if isinstance(arity, int) else arity
        return least, most

    def decorate(cls: type[Layer]) -> type[Layer]:
        cls.type, cls.options_field = name, options
        cls.bottoms, cls.tops = span(bottoms), span(tops)
        if cls.__module__ != homes.get(name) or name not in _REGISTRY:  # a user's own stays, whoever came first
            _REGISTRY[name] = cls
        return cls

    return decorate


def layer_class(type_name: str) -> type[Layer]:
    """The class of a Caffe type; an unknown one raises LayerError with the nearest known names."""
    if type_name not in _REGISTRY:
        if type_name not in homes:
            raise LayerError(f'unknown layer type "{type_name}"{did_you_mean(type_name, layer_types())}')
        importlib.import_module(homes[type_name])
    return _REGISTRY[type_name]


def layer_types() -> list[str]:
    """The known Caffe types, sorted."""
    return sorted({*_REGISTRY, *homes})


def axis_index(axis: int, dims: int, field: str = "axis") -> int:
    """Caffe's axis, negative from the end, as an index below ``dims``; raises LayerError if out of range."""
    if not -dims <= axis < dims:
        raise LayerError(f"{field} is {axis}, but the bottom has {dims} axes: expected {-dims} to {dims - 1}")
    return axis % dims


def count(shape: Sequence[int], start: int = 0, stop: int | None = None) -> int:
    """Product of ``shape[start:stop]``; 1 for an empty slice. Python integers: never overflows."""
    product = 1
    for n in shape[start:stop]:
        product *= int(n)
    return product
