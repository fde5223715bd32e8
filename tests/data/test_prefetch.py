import gc
import subprocess
import sys
import threading
import time

import pytest

from minicaffe.data.prefetch import Prefetcher
from minicaffe.errors import DataError


class Counter:
    """Writes 1, 2, 3 ... into buffers of one number; the state after number n is -n."""

    def __init__(self, fail_at=None):
        self.made = 0
        self.fail_at = fail_at
        self.thread = None

    def __call__(self, buffer):
        self.thread = threading.current_thread()
        if self.made + 1 == self.fail_at:
            raise ValueError(f"number {self.fail_at} is bad")
        self.made += 1
        buffer[0] = self.made
        return -self.made


def buffers(count):
    return [[0] for _ in range(count)]


def wait_until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "waited ten seconds in vain"
        time.sleep(0.001)


@pytest.mark.parametrize("count", [2, 5])
def test_batches_come_in_order_with_their_states(count):
    prefetcher = Prefetcher(Counter(), buffers(count))
    for n in range(1, 30):
        buffer, state = prefetcher.next()
        assert (buffer[0], state) == (n, -n)
    prefetcher.close()


def test_all_buffers_but_the_held_one_are_filled_ahead():
    counter = Counter()
    prefetcher = Prefetcher(counter, buffers(4))
    held, _ = prefetcher.next()
    wait_until(lambda: counter.made == 4)
    time.sleep(0.05)
    assert (counter.made, held) == (4, [1])
    prefetcher.next()
    wait_until(lambda: counter.made == 5)
    prefetcher.close()


def test_it_works_in_a_thread_of_its_own_which_close_ends():
    counter = Counter()
    prefetcher = Prefetcher(counter, buffers(3))
    assert counter.thread is None
    prefetcher.next()
    assert counter.thread not in (None, threading.current_thread())
    prefetcher.close()
    assert not counter.thread.is_alive()
    made = counter.made
    prefetcher.close()
    assert counter.made == made
    with pytest.raises(DataError, match="closed"):
        prefetcher.next()


def test_close_without_start():
    counter = Counter()
    Prefetcher(counter, buffers(2)).close()
    assert counter.made == 0


def test_what_is_raised_in_the_thread_comes_after_the_good_batches_and_stays():
    counter = Counter(fail_at=3)
    prefetcher = Prefetcher(counter, buffers(5))
    assert [prefetcher.next()[1] for _ in range(2)] == [-1, -2]
    for _ in range(2):
        with pytest.raises(ValueError, match=r"^number 3 is bad$"):
            prefetcher.next()
    prefetcher.close()
    assert not counter.thread.is_alive()


def test_a_forgotten_prefetcher_ends_its_thread():
    counter = Counter()
    prefetcher = Prefetcher(counter, buffers(3))
    prefetcher.next()
    del prefetcher
    gc.collect()
    assert not counter.thread.is_alive()


def test_the_interpreter_ends_while_the_thread_works():
    script = (
        "import time\n"
        "from minicaffe.data.prefetch import Prefetcher\n"
        "def produce(buffer):\n"
        "    time.sleep(0.02)\n"
        "prefetcher = Prefetcher(produce, [[], [], []])\n"
        "prefetcher.next()\n"
        "print('end of script')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "end of script\n", "")


def test_one_buffer_is_not_enough():
    with pytest.raises(ValueError, match="at least 2 buffers, found 1"):
        Prefetcher(Counter(), buffers(1))
