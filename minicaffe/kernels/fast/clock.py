"""The processor's time stamps, of which kernels take many, and what they are in seconds."""

import time

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .._jit import kernel


@intrinsic
def time_stamp(typing):
    """The processor's time stamp; 0 on processors that show none to programs."""

    def generate(context, builder, signature, args):
        kind = ir.FunctionType(ir.IntType(64), [])
        return builder.call(builder.module.declare_intrinsic("llvm.readcyclecounter", (), kind), [])

    return types.int64(), generate


@kernel
def _stamp(out):
    """out[0] = now."""
    out[0] = time_stamp()


class Clock:
    """Tells how long a tick of the time stamps takes, by comparing them with the clock since it was made."""

    def __init__(self):
        self._out = np.zeros(1, np.int64)
        _stamp(self._out)  # may have to be compiled
        self._first, self._began = self._now()

    def seconds_per_tick(self) -> float:
        """0 where there are no time stamps."""
        last, now = self._now()
        return (now - self._began) / (last - self._first) if last > self._first else 0.0

    def _now(self) -> tuple[int, float]:
        _stamp(self._out)
        return int(self._out[0]), time.perf_counter()
