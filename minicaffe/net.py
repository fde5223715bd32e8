"""A net that runs: built from a prototxt for one phase, with its blobs and parameters by name.

The names are pycaffe's: ``net.blobs["conv1"].data``, ``net.params["conv1"][0].diff``, ``net.forward()``.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import TEST, TRAIN
from .blobs import Blob, ParamBlob, ValueBlob
from .errors import GraphError, UsageError, WeightsError
from .execution import FastExecution, InspectExecution, NonFinite
from .fillers import generator
from .graph import Graph, build_graph, close_layers
from .kernels.choice import KERNELS
from .layers.base import count
from .parameters import Parameters
from .plan import Gradients, needed_gradients
from .proto import NetFile, caffe_pb2, find, net_file, read_net, read_weights, write_weights, write_weights_hdf5
from .running import Hooks, Running
from .settings import fresh_seed
from .weights import CopyReport, copy_arrays

if TYPE_CHECKING:
    from .arena import Arena
    from .report import Inspection
    from .runner import Runner

__all__ = ["Net"]


_LAYER_SEEDS = 1 << 20  # a stream of random numbers beyond those of the parameters
PLANS = ("inspect", "fast")
_PHASES = {TRAIN: "TRAIN", TEST: "TEST", "TRAIN": "TRAIN", "TEST": "TEST"}


class Net(Running):
    """The net of ``network_file`` (a path, or a NetFile) in ``phase`` (TRAIN, TEST, or their names).

    ``weights``: a caffemodel, or several separated by commas. ``seed``: of fillers, dropout and random crops; the
    same seed gives the same numbers on any machine and any number of threads. ``dtype``: "float32", or "float64"
    for gradient checks. ``kernels``: "auto", or "direct" to convolve by plain sums alone, slower but with the smallest
    rounding errors. ``plan``: "inspect" keeps every blob and diff readable; "fast" computes the same numbers, within
    rounding, in less time and memory, and keeps the net's inputs, outputs and losses, and what layers without fast
    kernels see; a net with layers whose shapes change as it runs (Filter) has the inspect plan always. ``share_with``:
    another Net whose parameters this one uses, layer by layer of equal name. ``python_layers``: the folder from which
    ``Python`` layers may load and run their modules; without it they are refused.

    Raises ProtoError, GraphError (all problems of the file at once), DataError or WeightsError.
    """

    def __init__(
        self,
        network_file: str | os.PathLike | NetFile,
        phase: int | str,
        level: int | str | None = None,
        stages: Iterable[str] | None = None,
        weights: str | os.PathLike | None = None,
        *,
        seed: int | None = None,
        dtype: str = "float32",
        kernels: str = "auto",
        plan: str = "inspect",
        share_with: Net | None = None,
        python_layers: str | os.PathLike | None = None,
    ):
        if level is not None and phase not in _PHASES:  # pycaffe's older Net(file, weights, phase)
            phase, weights, level = level, phase, None  # type: ignore[assignment]
        if isinstance(level, (str, os.PathLike)):
            weights, level = level, None
        if plan not in PLANS:
            raise UsageError(f"plan is {plan!r}; expected one of {', '.join(PLANS)}")
        if phase not in _PHASES:
            raise UsageError(f"phase is {phase!r}; expected TRAIN or TEST")
        if kernels not in KERNELS:
            raise UsageError(f"kernels is {kernels!r}; expected one of {', '.join(KERNELS)}")
        if isinstance(stages, str):
            raise UsageError(f"stages is {stages!r}; expected a list of names")
        if seed is not None and seed < 0:
            raise UsageError(f"seed is {seed}; expected at least 0")
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise UsageError(f"dtype is {np.dtype(dtype).name}; expected float32 or float64")
        source = network_file if isinstance(network_file, NetFile) else read_net(os.fspath(network_file))
        self.seed = fresh_seed() if seed is None else int(seed)
        self.dtype = np.dtype(dtype)
        self._hooks = {"forward": Hooks([], []), "backward": Hooks([], [])}
        how: dict[str, Any] = {
            "dtype": self.dtype.name,
            "kernels": kernels,
            "python_path": python_layers and os.fspath(python_layers),
        }
        graph = build_graph(source, _PHASES[phase], level or 0, tuple(stages or ()), **how)
        self.notes: tuple[str, ...] = source.notes + graph.notes
        try:
            self._refuse_too_large(graph, source.path, 0)
            moving = graph.moving()
            if moving and plan == "fast":
                self.notes += (
                    f'layer "{moving.name}" ({moving.type}) changes shapes as it runs: the inspect plan is used',
                )
            fast = plan == "fast" and self.dtype == np.float32 and not moving
            self._run = (FastExecution if fast else InspectExecution)(graph, self.dtype)
            self._allocate(source)
            if share_with is not None:
                self._parameters.share(share_with._parameters)
            self._parameters.fill(self.seed)
            self._name()
            self._bind(source)
            for path in os.fspath(weights or "").split(","):
                if path.strip():
                    self.copy_from(find(path.strip(), source.folder))
        except BaseException:
            close_layers(node.layer for node in graph.nodes)
            raise

    @classmethod
    def from_proto(
        cls,
        proto: Any,
        phase: int | str,
        level: int | str | None = None,
        stages: Iterable[str] | None = None,
        weights: str | os.PathLike | None = None,
        **how: Any,
    ) -> Net:
        """The net of a NetParameter, such as ``NetSpec.to_proto`` returns, which stays as it is.

        The other arguments are those of ``Net``; relative paths are taken from the working directory. Raises what
        ``Net`` raises, and UsageError for another message.
        """
        if getattr(getattr(proto, "DESCRIPTOR", None), "full_name", "") != "caffe.NetParameter":
            raise UsageError(f"the net is a {type(proto).__name__}; expected a NetParameter")
        source = net_file(caffe_pb2.NetParameter.FromString(proto.SerializeToString()))
        return cls(source, phase, level, stages, weights, **how)

    # -- building --------------------------------------------------------------------------------------------

    def _allocate(self, source: NetFile) -> None:
        self._refuse_too_large(self.graph, source.path, self._run.bytes_needed())
        self._run.allocate()
        self._parameters = Parameters(self.graph, self.dtype)

    def _name(self) -> None:
        """Blobs and parameters by name."""
        graph, own = self.graph, self._parameters
        self.blobs = OrderedDict((name, self.value(value.id)) for name, value in graph.public().items())
        self.params: OrderedDict[str, list[Blob]] = OrderedDict()
        for node in graph.nodes:
            blobs: list[Blob] = [ParamBlob(own.data[i], own.diff[i], self._run) for i in node.params]
            node.layer.blobs = blobs  # type: ignore[attr-defined]  # for pycaffe's scripts alone
            if blobs:
                self.params[node.name] = blobs

    def _refuse_too_large(self, graph: Graph, path: str, values: int) -> None:
        """Raise GraphError where the parameters and ``values`` bytes beside them do not fit this machine."""
        try:
            memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        except (AttributeError, ValueError, OSError):
            return
        itemsize = self.dtype.itemsize
        needed = values + 2 * itemsize * sum(count(fact.shape) for fact in graph.params)
        if needed <= memory:
            return
        largest = max(graph.values, key=lambda value: value.count)
        layer = graph.nodes[largest.producer].name
        raise GraphError(
            [
                f"{path}: the net needs {needed:,} bytes, this machine has {memory:,}; its largest blob is "
                f'"{largest.name}" of layer "{layer}" with {largest.count * itemsize:,} bytes'
            ]
        )

    def _bind(self, source: NetFile) -> None:
        own = self._parameters
        self._run.bind(own.data, own.diff, own.arena)
        if own.shared:
            self._run.share()
        self.reseed(self.seed)
        self._losses = [(value.id, weight) for value, weight in self.graph.loss_values()]
        blobs = own.own_blobs()
        if blobs:  # they win over fillers
            copy_arrays(source.path, blobs, self.params, own.shared_places())
            self._run.parameters_changed()

    # -- running ---------------------------------------------------------------------------------------------

    @property
    def loss(self) -> float:
        """The weighted sum of all losses of the last forward pass."""
        data = self._run.data
        return sum((weight * _total(data[i]) for i, weight in self._losses), 0.0)

    def clear_param_diffs(self) -> None:
        """Set the gradients of all parameters to zero."""
        self.arena.clear(later=self._run.overwrites)

    def first_non_finite(self) -> NonFinite | None:
        """The first layer's top, in running order, that holds NaN or infinity; only blobs that are kept can tell."""
        return self._run.first_non_finite()

    def first_non_finite_gradient(self) -> NonFinite | None:
        """The first parameter, in the order of backward, whose diff holds NaN or infinity."""
        self.arena.settle()
        return self._run.first_non_finite_gradient()

    # -- weights ---------------------------------------------------------------------------------------------

    def copy_from(self, file: str | os.PathLike) -> CopyReport:
        """Take the parameters of every layer that ``file`` has by name; see ``CopyReport``.

        The file is a caffemodel, binary or HDF5, told by its content. Raises WeightsError with a table of all
        mismatches, and then has changed nothing.
        """
        path = os.fspath(file)
        report = copy_arrays(path, read_weights(path), self.params, self._parameters.shared_places())
        self._run.parameters_changed()
        return report

    load_hdf5 = copy_from

    def save(self, file: str | os.PathLike, *, diffs: bool = False) -> None:
        """Write all parameters as a binary caffemodel, whole or not at all."""
        nodes = [node for node in self.graph.nodes if node.type != "Split"]
        layers = ((node.layer.param, self._parameters.kept(node, diffs)) for node in nodes)
        write_weights(os.fspath(file), self.graph.name, layers)

    def save_hdf5(self, file: str | os.PathLike, write_diff: bool = False) -> None:
        """Write all parameters as Caffe's ``.caffemodel.h5``, whole or not at all; shared ones once.

        Raises UsageError where h5py is not installed.
        """
        shared = self._parameters.shared_places()
        layers = []
        for node in self.graph.nodes:
            kept = self._parameters.kept(node, write_diff)
            layers.append((node.name, [(*arrays, (node.name, i) not in shared) for i, arrays in enumerate(kept)]))
        write_weights_hdf5(os.fspath(file), layers)

    # -- looking at it ---------------------------------------------------------------------------------------

    def inspect(
        self,
        layers: Iterable[str] | None = None,
        out: str | os.PathLike | None = "report.html",
        *,
        item: int = 0,
        labels: str | os.PathLike | Sequence[str] = (),
        rgb: bool = False,
        gradients: bool = True,
    ) -> Inspection:
        """Run once over the batch at hand and write a page that shows every layer, or those called ``layers``.

        Inputs are what the blobs hold; data layers give their next batch, and give it again afterwards. Where the net
        has a loss it runs backward too, unless ``gradients`` is False. ``item`` of the batch is the one whose
        activations are drawn; ``labels`` are names of the classes, or a file with one a line; images are drawn blue
        first unless ``rgb``. ``out`` None writes nothing. Returns what was measured: ``.layers["conv1"]``,
        ``.save(path)``; a notebook shows the page. Weights, statistics, gradients of parameters and data positions are
        put back; blobs hold this run. Raises UsageError under the fast plan, with HDF5Output, and for names that are
        not there.
        """
        from .report import inspect_net

        found = inspect_net(self, layers, item=item, labels=labels, rgb=rgb, gradients=gradients)
        if out is not None:
            found.save(out)
        return found

    # -- what is inside --------------------------------------------------------------------------------------

    @property
    def arena(self) -> Arena:
        """The memory of the net's own parameters."""
        return self._parameters.arena

    @property
    def graph(self) -> Graph:
        """The facts of the net; another graph after a layer has changed the shape of its tops."""
        return self._run.graph

    @property
    def name(self) -> str:
        """The net's name, as its file has it."""
        return self.graph.name

    @property
    def phase(self) -> int:
        """TRAIN (0) or TEST (1)."""
        return TRAIN if self.graph.phase == "TRAIN" else TEST

    @property
    def runner(self) -> Runner | None:
        """What runs the steps of the fast plan, for those who measure it; None under the inspect plan."""
        return getattr(self._run, "runner", None)

    @property
    def gradients(self) -> Gradients:
        """Which gradients the net needs, as Caffe sees it; the fast plan computes none in phase TEST."""
        return needed_gradients(self.graph)

    @property
    def blob_loss_weights(self) -> OrderedDict[str, float]:
        """By blob: how often it counts in the net's loss; 0 for all that are no loss."""
        weights = OrderedDict.fromkeys(self.blobs, 0.0)
        weights.update((value.name, weight) for value, weight in self.graph.loss_values())
        return weights

    def value(self, index: int) -> Blob:
        """Value ``index`` of the graph: one version of a blob, of which ``blobs`` has the last."""
        return ValueBlob(self._run, index)

    def share_with(self, other: Net) -> None:
        """From now on use ``other``'s parameters, layer by layer of equal name.

        Raises GraphError where shapes differ, UsageError where ``other`` is no Net.
        """
        if not isinstance(other, Net):
            raise UsageError(f"found a {type(other).__name__} to share with; expected a Net")
        self._parameters.share(other._parameters)
        self._run.bind(self._parameters.data, self._parameters.diff, self.arena)
        self._run.share()
        self._name()

    def state(self) -> dict[str, dict[str, int]]:
        """Positions and counters of the layers that have any, by layer name."""
        states = ((node.name, node.layer.state()) for node in self.graph.nodes)
        return {name: state for name, state in states if state}

    def restore_state(self, states: dict[str, dict[str, int]]) -> None:
        """Take up what ``state`` returned; layers that it does not name stay as they are.

        Raises WeightsError for the state of a layer of another type.
        """
        for node in self.graph.nodes:
            if node.name in states:
                found, own = states[node.name], node.layer.state()
                if found.keys() != own.keys():
                    raise WeightsError(
                        f'layer "{node.name}" ({node.type}) has the state {", ".join(own) or "none"}, but '
                        f"{', '.join(found)} is to be restored; expected the state of a layer of the same type"
                    )
                node.layer.restore(found)

    def reseed(self, seed: int) -> None:
        """Give every layer its own seed, derived from ``seed``, for the random numbers still to be drawn."""
        self.seed = seed
        for node in self.graph.nodes:
            node.layer.seed = int(generator(seed, _LAYER_SEEDS, node.index).integers(1 << 62))

    def close(self) -> None:
        """Release the threads and files of the data layers; the net cannot run afterwards."""
        close_layers(node.layer for node in self.graph.nodes)

    def __repr__(self) -> str:
        from .notebook import net_text

        return net_text(self)

    def _repr_html_(self) -> str:
        from .notebook import net_html

        return net_html(self)

    def __enter__(self) -> Net:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _total(array: np.ndarray) -> float:
    """The sum of an array. Most losses are one number, for which NumPy's sum takes longer than the rest of a loss."""
    return array.item() if array.ndim == 0 else float(np.sum(array, dtype=np.float64))
