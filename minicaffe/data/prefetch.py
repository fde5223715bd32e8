"""A thread that makes batches ahead of need, in buffers that go round in a ring."""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import DataError

__all__ = ["CLOSED", "Prefetcher"]

CLOSED = "the data are closed, and with them the net; expected one that is open"


def _work(produce: Callable[[Any], Any], free: queue.SimpleQueue, ready: queue.SimpleQueue) -> None:
    while (buffer := free.get()) is not None:
        try:
            ready.put((buffer, produce(buffer), None))
        except BaseException as error:  # handed to the consumer by next()
            ready.put((None, None, error))
            return


def _stop(thread: threading.Thread, free: queue.SimpleQueue) -> None:
    while not free.empty():  # buffers the thread need not fill any more
        try:
            free.get_nowait()
        except queue.Empty:  # the thread was quicker
            break
    free.put(None)
    if thread is not threading.current_thread():
        thread.join()


class Prefetcher:
    """Calls ``produce(buffer)`` in a thread of its own and hands the filled buffers out in order.

    ``produce`` fills a buffer and returns the state that holds after it. It runs in the second thread, must
    not enter a parallel kernel and must not refer to the prefetcher. ``buffers`` are at least two: one of
    them is in the consumer's hands, the others are being filled or wait. The thread starts with the first
    ``next`` and ends with ``close``, with the prefetcher's own end, or with the interpreter's.
    """

    def __init__(self, produce: Callable[[Any], Any], buffers: Sequence[Any]):
        if len(buffers) < 2:
            raise ValueError(f"a prefetcher needs at least 2 buffers, found {len(buffers)}")
        self._produce = produce
        self._buffers = tuple(buffers)
        self._free: queue.SimpleQueue = queue.SimpleQueue()
        self._ready: queue.SimpleQueue = queue.SimpleQueue()
        self._held = None
        self._failure: BaseException | None = None
        self._end: weakref.finalize | None = None
        self._closed = False

    def next(self) -> tuple[Any, Any]:
        """The next (buffer, state after it); the buffer is the caller's until the next call.

        Raises what ``produce`` raised, once the batches before it have been handed out, and ever after; DataError once
        it is closed.
        """
        if self._failure is not None:
            raise self._failure
        if self._closed or (self._end is not None and not self._end.alive):
            raise DataError(CLOSED)
        if self._end is None:
            self._start()
        held, self._held = self._held, None  # an interrupt while waiting must not give it back twice
        if held is not None:
            self._free.put(held)
        self._held, state, self._failure = self._ready.get()
        if self._failure is not None:
            raise self._failure
        return self._held, state

    def close(self) -> None:
        """Stop the thread and wait for it. Batches made ahead are dropped; may be called again."""
        self._closed = True
        if self._end is not None:
            self._end()

    def _start(self) -> None:
        thread = threading.Thread(
            target=_work, args=(self._produce, self._free, self._ready), name="minicaffe-prefetch", daemon=True
        )
        for buffer in self._buffers:
            self._free.put(buffer)
        thread.start()
        self._end = weakref.finalize(self, _stop, thread, self._free)
