"""Work on several threads: cuts, exceptions, interrupts, forks."""

import os
import signal
import threading
import time

import pytest

from minicaffe.kernels import _threads


@pytest.fixture
def three_threads():
    before = _threads.threads()
    _threads.set_threads(3)
    yield
    _threads.set_threads(before)


def spans(units, grain):
    """The (start, stop) of every call that ``run`` makes, sorted."""
    seen = []
    _threads.run(lambda start, stop: seen.append((start, stop)), units, grain=grain)
    return sorted(seen)


def test_cuts_cover_all_units_and_fall_on_the_grain(three_threads):
    assert spans(10, 1) == [(0, 3), (3, 6), (6, 10)]
    assert spans(25, 10) == [(0, 10), (10, 20), (20, 25)]
    assert spans(11, 10) == [(0, 10), (10, 11)]
    assert spans(9, 10) == [(0, 9)]
    assert spans(0, 1) == []


def test_an_exception_in_any_piece_reaches_the_caller_and_leaves_run_usable(three_threads):
    for bad in (0, 3, 6):

        def fail(start, stop, bad=bad):
            if start == bad:
                raise ValueError(f"piece {start}")

        with pytest.raises(ValueError, match=f"piece {bad}"):
            _threads.run(fail, 10)
    assert len(spans(10, 1)) == 3


def test_a_second_thread_inside_run_works_alone(three_threads):
    inside, go, seen = threading.Event(), threading.Event(), []

    def hold(start, stop):
        if start == 0:
            inside.set()
            go.wait(10)

    first = threading.Thread(target=_threads.run, args=(hold, 10))
    first.start()
    try:
        assert inside.wait(10)
        seen = spans(10, 1)
    finally:
        go.set()
        first.join()
    assert seen == [(0, 10)]


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="this system cannot signal a thread")
def test_an_interrupt_while_others_work_waits_for_them_and_leaves_run_usable(three_threads):
    main, done = threading.main_thread().ident, []

    def interrupt(start, stop):
        if start == 3:
            time.sleep(0.02)  # by now the main thread has done its piece, and waits
            signal.pthread_kill(main, signal.SIGINT)
            time.sleep(0.02)
        done.append(start)

    with pytest.raises(KeyboardInterrupt):
        _threads.run(interrupt, 10)
    assert sorted(done) == [0, 3, 6]
    for _ in range(3):
        assert len(spans(10, 1)) == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_makes_its_own_threads(three_threads):
    spans(10, 1)
    child = os.fork()
    if child == 0:
        os._exit(0 if len(spans(10, 1)) == 3 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_fewer_than_one_thread_is_refused():
    with pytest.raises(ValueError, match="threads must be at least 1, found 0"):
        _threads.set_threads(0)
