"""What signals ask of a solver, without a solver."""

import os
import signal
import sys
import time
import weakref

import pytest

from minicaffe.cli.signals import ended_by_signals, handled, never_lost


class Asked:
    def __init__(self):
        self.calls = []

    def request_stop(self):
        self.calls.append("stop")

    def request_snapshot(self):
        self.calls.append("snapshot")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize(("effect", "calls"), [("stop", ["stop"]), ("snapshot", ["snapshot"]), ("none", [])])
def test_each_signal_has_the_effect_that_was_set(number, effect, calls):
    asked = Asked()
    effects = (effect, "none") if number == signal.SIGINT else ("none", effect)
    with handled(asked, *effects):
        os.kill(os.getpid(), number)
    assert asked.calls == calls


def test_a_second_ctrl_c_interrupts():
    asked = Asked()
    with pytest.raises(KeyboardInterrupt), handled(asked, "stop", "snapshot"):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    assert asked.calls == ["stop"]


def test_the_handlers_of_before_come_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGHUP)
    with handled(Asked(), "none", "none"):
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGHUP)) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_interrupts_first(number):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), ended_by_signals():
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before


def test_an_ignored_hangup_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_by_signals():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_interrupt_that_python_drops_comes_again():
    class Referred:
        pass

    def callback(_reference):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)  # the interrupt is raised here, where nobody can catch it

    before = sys.unraisablehook, signal.getsignal(signal.SIGALRM)
    with pytest.raises(KeyboardInterrupt), never_lost():
        referred = Referred()
        reference = weakref.ref(referred, callback)
        del referred
        assert reference() is None
        time.sleep(5)
    assert (sys.unraisablehook, signal.getsignal(signal.SIGALRM)) == before
