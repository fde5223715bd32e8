"""Python: a layer that the user has written in Python, with pycaffe's interface."""

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import LayerError, UsageError, did_you_mean
from ..proto import Message
from ..user_code import load_module, told
from .base import ANY, Arrays, Diffs, Inferred, Layer, Param, Shape, register
from .shapes import Sized


class UserBlob(Sized):
    """A blob as pycaffe hands it to a Python layer: ``data``, ``diff``, ``reshape`` and the sizes."""

    def __init__(self, shape: Shape = ()) -> None:
        self.data, self.diff = np.zeros(shape, np.float32), np.zeros(shape, np.float32)

    def reshape(self, *shape: int) -> None:
        """Give the blob another shape; its numbers are lost where their count changes."""
        shape = tuple(int(n) for n in shape)
        if min(shape, default=1) < 0:
            raise ValueError(f"a blob cannot have the shape {shape}")
        self.data, self.diff = _of_shape(self.data, shape), _of_shape(self.diff, shape)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape


class UserBlobs(list):
    """The parameters of a Python layer: ``add_blob(*shape)`` in ``setup`` makes another one."""

    def add_blob(self, *shape: int) -> UserBlob:
        self.append(UserBlob(tuple(int(n) for n in shape)))
        return self[-1]


class PythonLayer:
    """What a user's layer is derived from (``minicaffe.Layer``, in pycaffe ``caffe.Layer``).

    ``param_str`` is the text of ``python_param``, ``phase`` TRAIN (0) or TEST (1), ``blobs`` the parameters, ``name``
    the layer's. ``setup`` runs once; ``reshape`` before every forward; ``backward`` overwrites ``bottom[i].diff`` where
    ``propagate_down[i]``, and adds to ``self.blobs[i].diff``. The net's ``layers`` hold this very object.
    """

    type = "Python"
    name = ""
    param_str = ""
    phase = 0

    def __init__(self, param: Message = None) -> None:
        """``param`` is the layer's LayerParameter."""

    def setup(self, bottom: Sequence[UserBlob], top: Sequence[UserBlob]) -> None:
        """Check the bottoms, read ``param_str``, add parameters."""

    def reshape(self, bottom: Sequence[UserBlob], top: Sequence[UserBlob]) -> None:
        """Shape the tops."""
        raise NotImplementedError

    def forward(self, bottom: Sequence[UserBlob], top: Sequence[UserBlob]) -> None:
        """Fill ``top[i].data``."""
        raise NotImplementedError

    def backward(self, top: Sequence[UserBlob], propagate_down: Sequence[bool], bottom: Sequence[UserBlob]) -> None:
        """Fill ``bottom[i].diff`` from ``top[i].diff``."""
        raise NotImplementedError


@register("Python", options="python_param", bottoms=ANY, tops=ANY)
class Python(Layer):
    """Runs ``python_param { module layer param_str }``: class ``layer`` of ``module``, with pycaffe's four methods.

    The module is loaded from the folder that the user has allowed, and from nowhere else: a prototxt cannot make this
    program run code by itself. Without a folder, a class may be used that the running program has itself derived from
    ``PythonLayer``, in a module of that name, also inside a package, or in the script itself. Tops may change shape in
    ``reshape`` and ``forward``; float32 only.
    Departures from Caffe: an exception of the user's code becomes a LayerError that names its line;
    ``share_in_parallel`` has no effect.

    Raises LayerError where the folder is not given, module or class are missing, and for what the user's code raises.
    """

    reads_files = True
    dynamic = steady = True
    backward_reads = ("bottoms", "tops")

    def setup(self) -> None:
        for field in ("module", "layer"):
            if not getattr(self.options, field):
                raise LayerError(f"python_param has no {field}; expected the names of a module and of a class in it")
        self.user: Any = None

    def open(self) -> None:
        if self.dtype != "float32":
            raise LayerError(f"the net is {self.dtype}; expected float32 with Python layers")
        cls = self._known() if self.python_path is None else self._loaded()
        self.user = self._run("the making", partial(cls, self.param))
        self.user.name = self.name
        self.user.param_str = self.user.param_str_ = self.options.param_str
        self.user.phase = int(self.phase == "TEST")
        self.user.blobs = UserBlobs()

    def _known(self) -> type:
        """A class for layers in a module that the running program has imported itself; nothing is loaded.

        The module may be the running script itself, or lie in a package that ``module`` does not name.
        """
        o = self.options
        cls = getattr(sys.modules.get(o.module), o.layer, None)
        if isinstance(cls, type) and issubclass(cls, PythonLayer):
            return cls
        for cls in _derived(PythonLayer):
            if cls.__name__ == o.layer and _called(cls.__module__, o.module):
                return cls
        raise LayerError(
            f"would run the user's code {o.module}.{o.layer}, which is not allowed; "
            f"expected --allow-python-layers FOLDER, with the folder of {o.module.split('.')[0]}.py "
            "(in Python: python_layers=FOLDER)"
        )

    def _loaded(self) -> type:
        o = self.options
        try:
            module = load_module(o.module, str(self.python_path))
        except UsageError as error:
            raise LayerError(str(error)) from None
        except Exception as error:
            raise LayerError(f'module "{o.module}" cannot be imported: {told(error)}') from error
        cls = getattr(module, o.layer, None)
        if not isinstance(cls, type):
            known = [name for name, value in vars(module).items() if isinstance(value, type)]
            raise LayerError(f'module "{o.module}" has no class "{o.layer}"{did_you_mean(o.layer, known)}')
        return cls

    @property
    def shown(self) -> Any:
        return self.user

    def begin(self, tops: Arrays) -> None:
        self._lend_params()

    def infer(self, *bottoms: Shape) -> Inferred:
        first = not hasattr(self, "bottom")
        if first:
            self.bottom = [UserBlob(shape) for shape in bottoms]
            self.top = [UserBlob() for _ in self.param.top]
            self._run("setup", self.user.setup, self.bottom, self.top)
        for blob, shape in zip(self.bottom, bottoms):
            blob.reshape(*shape)
        self._run("reshape", self.user.reshape, self.bottom, self.top)
        params = [Param(f"blob {i}", blob.shape, blob.data.copy()) for i, blob in enumerate(self.user.blobs)]
        return Inferred([blob.shape for blob in self.top], params)

    def reshape(self, bottoms: Arrays) -> Sequence[Shape]:
        """Runs the user's forward too, which may shape the tops itself; ``forward`` only hands over what came out."""
        self._lend(bottoms)
        self._run("reshape", self.user.reshape, self.bottom, self.top)
        self._run("forward", self.user.forward, self.bottom, self.top)
        return [blob.data.shape for blob in self.top]

    def forward(self, bottoms: Arrays, tops: Arrays) -> None:
        for top, blob in zip(tops, self.top):
            top[...] = blob.data

    def backward(self, bottoms: Arrays, tops: Arrays, top_diffs: Arrays, bottom_diffs: Diffs) -> None:
        self._lend(bottoms)
        for blob, data, given in zip(self.top, tops, top_diffs):
            blob.data, blob.diff = data, given
        for blob, diff in zip(self.bottom, bottom_diffs):
            blob.diff = np.zeros(blob.shape, np.float32) if diff is None else diff
        wanted = [diff is not None for diff in bottom_diffs]
        self._run("backward", self.user.backward, self.top, wanted, self.bottom)
        for blob, diff in zip(self.bottom, bottom_diffs):
            if diff is not None and blob.diff is not diff:  # the user put an array of their own there
                diff[...] = blob.diff
        for blob in self.top:  # the next forward must not write into the net's arrays
            blob.data, blob.diff = np.zeros_like(blob.data), np.zeros_like(blob.data)

    def _lend(self, bottoms: Arrays) -> None:
        """Let the user's blobs hold the net's arrays."""
        for blob, data in zip(self.bottom, bottoms):
            blob.data = data
        self._lend_params()

    def _lend_params(self) -> None:
        for blob, data, diff in zip(self.user.blobs, self.params, self.param_diffs):
            blob.data, blob.diff = data, np.zeros_like(data) if diff is None else diff

    def _run(self, what: str, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            result = call(*arguments)
            for blob in [blob for blobs in arguments for blob in blobs if isinstance(blob, UserBlob)]:
                if not isinstance(blob.data, np.ndarray) or not isinstance(blob.diff, np.ndarray):
                    raise TypeError("data or diff of a blob is no array any more; expected data[...] = numbers")
            return result
        except Exception as error:
            o = self.options
            raise LayerError(f"{what} of {o.module}.{o.layer} failed: {told(error)}") from error


def _derived(cls: type) -> Iterator[type]:
    """The classes derived from ``cls``, the youngest first."""
    own: list[type] = cls.__subclasses__()
    for derived in reversed(own):
        yield from _derived(derived)
        yield derived


def _called(module: str, name: str) -> bool:
    """Whether a loaded module is what a file calls ``name``."""
    if module == "__main__":
        return Path(getattr(sys.modules[module], "__file__", None) or "").stem == name
    return module.endswith(f".{name}")


def _of_shape(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if array.shape == shape:
        return array
    fits = array.size == np.prod(shape, dtype=np.int64)
    return array.reshape(shape) if fits else np.zeros(shape, np.float32)
