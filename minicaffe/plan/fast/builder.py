"""What lowerings write to: buffers, steps, and where the values of the graph lie.

A *lowering* turns a group of layers into steps, forward and backward; it knows shapes and kernels, no memory. A
*step* is a row kernel with its operands and geometry. Per-image steps that follow one another run depth first, on a
few images at a time; what must see the whole batch is a step of its own. See ``regions`` and ``memory``.

A value lies in one or both of two layouts: *planes*, Caffe's order, or *lanes*, channels last: pixel (h, w) of
image n at (h W + w) L + channel, L = ``whole_vectors(C)`` lanes to a pixel. Lanes beyond the channels hold finite
numbers of no meaning. The builder converts where someone asks for the other layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ...graph import Graph, Node
from ...kernels.fast.copy_rows import Copy, copy
from ...kernels.fast.rows import Operand, RowKernel
from ...kernels.fast.winograd import whole_vectors
from ...layers.base import count
from ..gradients import Gradients

LEAST_CHUNKED = 8
"""Nets that compute gradients, and batches of at least as many images, run depth first in chunks of images.
Smaller batches run a step at a time, cut inside the images."""

GROUPS = (8, 10, 6, 4)
"""Into how many groups, with a partial sum each, a batch is cut: the first that divides it, or else the first."""

PIECES = 16
"""About how many pieces a step of a small batch is cut into."""


def images_of_group(images: int) -> int:
    """How many images add to one partial sum: cut so that two threads, and four, have as many images each."""
    even = [images // groups for groups in GROUPS if images % groups == 0]
    return even[0] if even else -(-images // GROUPS[0])


@dataclass(eq=False)
class Buffer:
    """Memory that steps read and write.

    ``kind``: "images" (a piece of ``step`` elements for each image), "groups" (one for each group of images),
    "one" (a single piece), "private" (a piece for each worker, whose contents no later call may rely on) or
    "outside" (an array of the net, ``source`` says which, with pieces of ``step`` elements).
    """

    label: str
    kind: str
    step: int
    source: tuple[str, Any] | None = None


class Part(NamedTuple):
    """An operand inside a buffer: ``offset`` elements on, with another ``step`` between units where one is given."""

    buffer: Buffer
    offset: int = 0
    step: int | None = None


NOTHING = Operand(0, 0, 0)
"""An operand that the kernel does not use."""


@dataclass(eq=False)
class Step:
    """One row. ``units`` is None where units are images; ``grain`` is the least number of units of one piece."""

    kernel: RowKernel
    values: Any  # a NamedTuple of the kernel's kind
    units: int | None
    grain: int
    nodes: tuple[int, ...]
    work: float  # multiply-adds, for reports

    def parts(self) -> list[tuple[str, Part]]:
        """The operands, as (field, part)."""
        pairs = ((name, getattr(self.values, name)) for name in self.values._fields)
        return [
            (name, value if isinstance(value, Part) else Part(value))
            for name, value in pairs
            if isinstance(value, (Buffer, Part))
        ]

    def reads(self) -> set[Buffer]:
        return {part.buffer for name, part in self.parts()}

    def writes(self) -> set[Buffer]:
        return {part.buffer for name, part in self.parts() if name in self.kernel.writes}


@dataclass(frozen=True)
class PlainStep:
    """A layer that runs as in the inspect plan, on planes."""

    node: int
    backward: bool


class Image(NamedTuple):
    """The shape of one image of a value; values of two axes have height and width 1."""

    channels: int
    height: int
    width: int

    @property
    def lanes(self) -> int:
        return whole_vectors(self.channels)

    @property
    def pixels(self) -> int:
        return self.height * self.width


@dataclass(frozen=True)
class Group:
    """Layers that are lowered together: each of ``nodes`` reads the top of the one before as its first bottom.

    ``bottoms``: the first node's, then what the others read besides; ``top``: the last one's.
    """

    nodes: tuple[Node, ...]
    bottoms: tuple[int, ...]
    top: int

    @property
    def types(self) -> tuple[str, ...]:
        return tuple(node.type for node in self.nodes)


@dataclass
class Builder:
    """Collects the steps of a net of one batch size.

    ``prepare`` runs when parameters have changed, ``forward`` and ``backward`` with the passes, ``finish`` after
    ``backward``: there partial sums become gradients.
    """

    graph: Graph
    gradients: Gradients
    images: int
    fixed: frozenset[int]  # values that the net keeps as arrays of their own, in planes
    root: Sequence[int] = ()  # by value: the one whose array it uses
    diff_root: Sequence[int] = ()
    prepare: list[Step] = field(default_factory=list)
    forward: list[Step | PlainStep] = field(default_factory=list)
    backward: list[Step | PlainStep] = field(default_factory=list)
    finish: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.training = any(self.gradients.nodes)
        self.chunked = self.training or self.images >= LEAST_CHUNKED
        self.group = images_of_group(self.images)
        self._data: dict[int, dict[str, Buffer]] = {}
        self._diff: dict[int, dict[str, Buffer]] = {}
        self._outsides: dict[tuple, Buffer] = {}
        self._now = self.forward
        self._nodes: tuple[int, ...] = ()

    # -- buffers ---------------------------------------------------------------------------------------------

    def buffer(self, label: str, step: int) -> Buffer:
        """A piece of ``step`` elements for each image."""
        return Buffer(label, "images", step)

    def one(self, label: str, elements: int) -> Buffer:
        """A single piece."""
        return Buffer(label, "one", elements)

    def partials(self, label: str, elements: int) -> Buffer:
        """A piece for each group of images, a partial sum: n // group is the piece of image n (``starts_group``)."""
        return Buffer(label, "groups", elements)

    @property
    def groups(self) -> int:
        return -(-self.images // self.group)

    def private(self, label: str, elements: int) -> Buffer:
        """Work space for each worker."""
        return Buffer(label, "private", elements)

    def constant(self, label: str, array: np.ndarray) -> Buffer:
        """An array that never changes."""
        return Buffer(label, "outside", array.size, ("constant", array))

    def param(self, node: Node, index: int) -> Buffer:
        """Parameter ``index`` of a layer, in Caffe's layout, followed by zeros up to a multiple of 16 elements."""
        return self._param("param", node.params[index])

    def param_diff(self, node: Node, index: int) -> Buffer | None:
        """Its gradient; None where it is not wanted. Added to, unless a number ``add`` of the kernel is 0."""
        wanted = self.gradients.params[node.params[index]]
        return self._param("param_diff", node.params[index]) if wanted else None

    def _param(self, what: str, index: int) -> Buffer:
        owner = self.graph.params[self.graph.params[index].owner]
        source = (what, owner.id)
        if source not in self._outsides:
            label = f"{self.graph.nodes[owner.node].name}.{owner.label}"
            self._outsides[source] = Buffer(label, "outside", count(owner.shape), source)
        return self._outsides[source]

    # -- steps -----------------------------------------------------------------------------------------------

    def parts(self, most: int) -> int:
        """Into how many parts the kernels should cut an image that has ``most`` rows (or the like)."""
        return 1 if self.chunked else max(1, min(most, -(-PIECES // self.images)))

    def step(self, kernel: RowKernel, values: NamedTuple, parts: int = 1, work: float = 0) -> None:
        """Units are images, or where the batch is not chunked image n's part p is unit n parts + p."""
        units = None if self.chunked else self.images * parts
        self._now.append(Step(kernel, values, units, 1, self._nodes, work))

    def over(self, units: int, kernel: RowKernel, values: NamedTuple, grain: int = 1, work: float = 0) -> None:
        """A step over other units: all of what it depends on comes before, all that depends on it after."""
        self._now.append(Step(kernel, values, units, grain, self._nodes, work))

    def before(self, units: int, kernel: RowKernel, values: NamedTuple, grain: int = 1) -> None:
        """A step for when parameters have changed, such as one that transforms them."""
        self.prepare.append(Step(kernel, values, units, grain, self._nodes, 0))

    def after(self, units: int, kernel: RowKernel, values: NamedTuple, grain: int = 1) -> None:
        """A step for when all partial sums are complete."""
        self.finish.append(Step(kernel, values, units, grain, self._nodes, 0))

    def plain(self, node: Node, backward: bool) -> None:
        """Let the layer itself run."""
        self._now.append(PlainStep(node.index, backward))

    def begin(self, nodes: Sequence[Node], backward: bool) -> None:
        """What follows belongs to these layers."""
        self._now = self.backward if backward else self.forward
        self._nodes = tuple(node.index for node in nodes)

    # -- values ----------------------------------------------------------------------------------------------

    def image(self, value: int) -> Image:
        """The shape of a value's images, three axes at most."""
        _, *rest = self.graph.values[value].shape
        channels, height, width = (*rest, 1, 1)[:3]
        return Image(channels, height, width)

    def fits(self, value: int) -> bool:
        """Whether a value has the net's batch size and two to four axes, so that row kernels can take it."""
        shape = self.graph.values[value].shape
        return 2 <= len(shape) <= 4 and shape[0] == self.images and count(shape) > 0

    def wanted(self, node: Node, index: int = 0) -> bool:
        """Whether the gradient of bottom ``index`` is wanted."""
        return self.gradients.bottoms[node.index][index]

    def lanes(self, value: int) -> Buffer:
        """The value channels last; written before, or converted now."""
        return self._converted(self._data, value, "lanes")

    def planes(self, value: int) -> Buffer:
        """The value in Caffe's order; written before, or converted now."""
        return self._converted(self._data, value, "planes")

    def has_lanes(self, value: int) -> bool:
        return "lanes" in self._data.get(value, ())

    def new_lanes(self, value: int) -> Buffer:
        """A buffer for the value, to be written channels last by the next step."""
        return self._new(self._data, value, "lanes")

    def new_planes(self, value: int) -> Buffer:
        return self._new(self._data, value, "planes")

    def diff_lanes(self, value: int) -> Buffer:
        """The gradient of a value channels last, as whoever read the value has written it."""
        return self._converted(self._diff, value, "lanes")

    def diff_planes(self, value: int) -> Buffer:
        return self._converted(self._diff, value, "planes")

    def has_diff(self, value: int) -> bool:
        """Whether anyone has written a gradient of the value."""
        return value in self._diff

    def has_diff_lanes(self, value: int) -> bool:
        return "lanes" in self._diff.get(value, ())

    def new_diff_lanes(self, value: int) -> Buffer:
        """A buffer for the gradient of a value, to be overwritten by the next step."""
        return self._new(self._diff, value, "lanes")

    def new_diff_planes(self, value: int) -> Buffer:
        return self._new(self._diff, value, "planes")

    def data_buffers(self) -> list[tuple[int, Buffer]]:
        """Every value with each of its buffers."""
        return [(value, buffer) for value, there in sorted(self._data.items()) for buffer in there.values()]

    def alias(self, value: int, other: int) -> None:
        """``value`` is ``other`` itself, under the same shape."""
        self._data[value] = self._data[other]

    def alias_diff(self, value: int, other: int) -> None:
        """The gradient of ``value`` is that of ``other``, number by number."""
        self._diff[value] = self._diff[other]

    def alias_planes(self, value: int, other: int) -> None:
        """Like ``alias`` where only Caffe's order is the same under both shapes."""
        self._data[value] = {"planes": self.planes(other)}

    def alias_diff_planes(self, value: int, other: int) -> None:
        """Likewise for their gradients."""
        self._diff[value] = {"planes": self.diff_planes(other)}

    def view(self, value: int, other: int) -> None:
        """``value`` is ``other`` under another shape, perhaps of another batch size; the net keeps both."""
        self.settle(other)
        self._data[value] = {"planes": self._outside("data", value)}

    def view_diff(self, value: int, other: int) -> None:
        """Likewise for their gradients."""
        self.settle_diff(other)
        self._diff[value] = {"planes": self._outside("diff", value)}

    def settle(self, value: int) -> None:
        """Bring a value that the net keeps into its array."""
        self._settle(self._data, value)

    def settle_diff(self, value: int) -> None:
        """Bring a gradient that the net keeps into its array."""
        self._settle(self._diff, value)

    def finish_outputs(self) -> None:
        """Bring all values that the net keeps into their arrays."""
        for value in sorted(self.fixed & self._data.keys()):
            self.settle(value)

    def diff_from_outside(self, value: int) -> None:
        """The gradient of a value is what a user has put into its array."""
        self._diff[value] = {"planes": self._outside("diff", value)}

    def finish_diffs(self) -> None:
        """Bring the gradients of the net's inputs into their arrays."""
        for value in self.graph.inputs:
            if value in self._diff:
                self.settle_diff(value)

    def shows_diff(self, value: int) -> bool:
        """Whether a gradient that the net keeps ends in its array, or stays there as it is since no layer gives one."""
        if value in self._diff:
            return self._diff[value].get("planes") is self._outside("diff", value)
        readers = (node for node in self.graph.nodes if value in node.bottoms)
        return not any(self.wanted(node, i) for node in readers for i, b in enumerate(node.bottoms) if b == value)

    def _settle(self, table: dict[int, dict[str, Buffer]], value: int) -> None:
        what = "data" if table is self._data else "diff"
        there = self._converted(table, value, "planes")
        own = self._outside(what, value)
        if there is not own:
            self.step(copy, Copy(there, own, count(self.graph.values[value].shape, 1)))
            table[value] = {**table[value], "planes": own}

    def _outside(self, what: str, value: int) -> Buffer:
        """The array that the net keeps a value in, an image of the value at a time."""
        root = (self.root if what == "data" else self.diff_root)[value]
        step = count(self.graph.values[value].shape, 1)
        key = (what, root, step)
        if key not in self._outsides:
            label = f"{self.graph.values[root].name}.{what}"
            self._outsides[key] = Buffer(label, "outside", step, (what, root))
        return self._outsides[key]

    def _new(self, table: dict[int, dict[str, Buffer]], value: int, layout: str) -> Buffer:
        what = "data" if table is self._data else "diff"
        fact = self.graph.values[value]
        label = f"{fact.name}.{what}.{layout}"
        if layout == "lanes":
            image = self.image(value)
            made = Buffer(label, "images", image.pixels * image.lanes)
        elif value in self.fixed:
            made = self._outside(what, value)
        else:
            made = Buffer(label, "images", count(fact.shape, 1))
        table[value] = {layout: made}
        return made

    def _converted(self, table: dict[int, dict[str, Buffer]], value: int, layout: str) -> Buffer:
        there = table[value]
        if layout not in there:
            from .layouts import convert

            source = next(iter(there.values()))
            made = self._new(table, value, layout)
            there[layout] = made
            table[value] = there  # which other values may share
            convert(self, value, layout, source, made)
        return table[value][layout]
