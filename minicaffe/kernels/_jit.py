"""How kernels are compiled and cached: the only file that knows numba's options.

A kernel is a plain loop over a range of units (elements, rows, images, channels)::

    @kernel
    def relu_forward(start, stop, x, slope, y):
        for i in range(start, stop):
            y[i] = x[i] if x[i] > 0 else slope * x[i]

    run(relu_forward, x.size, x, slope, y, grain=ELEMENTS)

``run``, of ``_threads``, cuts the units over the threads.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numba
import numba.extending
import numpy as np
from numba.core.ccallback import CFunc
from numba.core.event import Listener, install_listener
from numba.core.runtime import rtsys

ELEMENTS = 4096
"""Grain of elementwise kernels: cuts fall on multiples of it, so vector bodies and tails never move."""

_FASTMATH = {"nsz", "arcp", "contract", "afn", "reassoc"}  # not nnan, ninf: NaN and infinity must be seen


def _source_hash() -> str:
    """A hash of every kernel source: numba itself notices changes in a function's own file only."""
    digest = hashlib.sha256(f"{numba.__version__} {sys.version}".encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """Where compiled kernels are kept: NUMBA_CACHE_DIR or the user's cache folder; new sources, new folder."""
    base = os.environ.get("NUMBA_CACHE_DIR")
    if base is None:
        home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        base = os.path.join(home, "minicaffe")
    return Path(base) / f"kernels-{_source_hash()}"


_CACHE = cache_folder()


def cache_usable() -> bool:
    """Whether compiled kernels can be kept."""
    try:
        _CACHE.mkdir(parents=True, exist_ok=True)
        return os.access(_CACHE, os.W_OK)
    except OSError:
        return False


_CACHED = cache_usable()


@contextlib.contextmanager
def _cache_here():
    """What is compiled inside keeps its cache in ``_CACHE``."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(_CACHE)
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before


def _compile(function, fastmath=_FASTMATH, **options):
    with _cache_here():
        compiled = numba.njit(cache=_CACHED, error_model="numpy", fastmath=fastmath, **options)(function)
    if _CACHED:
        _lighten(compiled._cache)
    return compiled


_tell: Callable[[str, int, int], None] | None = None
_depth = 0  # of kernels being compiled for others; numba compiles one at a time


@contextlib.contextmanager
def told_of_compiling(tell: Callable[[str, int, int], None]):
    """Within this block ``tell(name, number, of)`` is called before a kernel is compiled that the cache does not hold.

    It is number ``number``, from 0, of ``of`` kernels; of is 0 where it is not known how many there will be.
    """
    global _tell
    before, _tell = _tell, tell
    try:
        with install_listener("numba:compile", _PlainCompiled()):
            yield
    finally:
        _tell = before


@contextlib.contextmanager
def _compiling(name: str, number: int, of: int):
    """Tell of a kernel that is compiled inside, and of none that it calls."""
    global _depth
    if _tell is not None and _depth == 0:
        _tell(name, number, of)
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1


class _PlainCompiled(Listener):
    """Hears of the kernels that are compiled by their first call, one inside the other."""

    def __init__(self):
        self._open = []

    def on_start(self, event):
        self._open.append(_compiling(event.data["dispatcher"].__name__, 0, 0))
        self._open[-1].__enter__()

    def on_end(self, event):
        self._open.pop().__exit__(None, None, None)


class _RowCompiler(CFunc):
    """Tells before it compiles what it did not find in the cache."""

    place = (0, 0)

    def _compile_uncached(self):
        with _compiling(self.__name__, *self.place):
            return super()._compile_uncached()


def compile_row_kernel(function, signature, place=(0, 0)):
    """Compile ``function`` to be called by its address (see ``fast.rows``), or load it from the cache.

    ``place``: (number, of), for those who are told.
    """
    compiler = _RowCompiler(
        function,
        (signature.args, signature.return_type),
        {},
        {"error_model": "numpy", "fastmath": _FASTMATH, "boundscheck": False},
    )
    compiler.place = place
    with _cache_here():
        if _CACHED:
            compiler.enable_caching()
            _lighten(compiler._cache)
        compiler.compile()
    return compiler


def _lighten(cache):
    """Let a function's cache load without what only compiling needs, and never fail where the disk is full.

    Numba makes its compiler ready before it looks into the cache: a fifth of a second of imports. What is in the cache
    is machine code and needs the runtime alone. What was not kept runs all the same, and is compiled again next time.
    """
    save = cache.save_overload

    def load_overload(sig, target_context):
        rtsys.initialize(target_context)
        with cache._guard_against_spurious_io_errors():
            return cache._load_overload(sig, target_context)

    def save_overload(*args):
        with contextlib.suppress(OSError):
            save(*args)

    cache.load_overload, cache.save_overload = load_overload, save_overload


def kernel(function):
    """Compile ``function(start, stop, ...)`` on first use, without the interpreter lock, cached on disk."""
    return _compile(function, nogil=True)


def inline(function):
    """Compile a helper that kernels call; it is inlined into them."""
    return _compile(function, forceinline=True)


def inline_exact(function):
    """Like ``inline`` for arithmetic that must not be reordered, such as ``(x + big) - big``."""
    return _compile(function, {"contract"}, forceinline=True)


def by_type(float32, float64):
    """A helper that kernels call: ``float32`` or ``float64``, by the type of its first argument."""

    def chosen(x, *others):
        return float32(x, *others) if isinstance(x, np.float32) else float64(x, *others)

    @numba.extending.overload(chosen, jit_options={"forceinline": True})
    def choose(x, *others):
        if x == numba.float32:
            return lambda x, *others: float32(x, *others)
        return lambda x, *others: float64(x, *others)

    return chosen


def distinct(x, y):
    """``x``, or None where it lies in the memory of ``y``.

    Elementwise kernels take None for "the input is in the output": only then does in-place work use vectors.
    """
    same = x.__array_interface__["data"][0] == y.__array_interface__["data"][0]
    return None if same else x
