"""What a solver tells the outside while it runs. The solver never prints: it calls a Listener."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Output:
    """One number of a net output blob: ``index`` counts the numbers of all outputs, as Caffe's log does."""

    index: int
    name: str
    value: float
    loss_weight: float


@dataclass(frozen=True)
class Display:
    """A training display: ``loss`` is smoothed; ``span`` iterations took ``seconds``; ``rate`` is per second."""

    iteration: int
    loss: float
    lr: float
    outputs: tuple[Output, ...]
    rate: float
    seconds: float
    span: int


@dataclass(frozen=True)
class TestResult:
    """The mean of every test output over ``test_iter`` batches of test net ``net_index``.

    ``loss`` is the mean of all weighted losses, where ``test_compute_loss`` asks for it.
    """

    __test__ = False  # not a test class, whatever pytest thinks of the name

    iteration: int
    net_index: int
    outputs: tuple[Output, ...]
    seconds: float
    loss: float | None = None


class Listener:
    """Every method does nothing: override the ones of interest."""

    def started(self, name: str, policy: str) -> None:
        """``solve`` begins: the net's name and the learning-rate policy."""

    def stepped(self, iteration: int, loss: float, images: int) -> None:
        """Iteration ``iteration`` is done: its loss before the update, and the images that went through."""

    def displayed(self, display: Display) -> None:
        """``display`` iterations have gone by."""

    def testing(self, iteration: int, net_index: int) -> None:
        """A test pass begins."""

    def test_batch(self, net_index: int, batch: int, batches: int) -> None:
        """One batch of a test pass is done."""

    def tested(self, result: TestResult) -> None:
        """A test pass is done."""

    def snapshotting(self, model_file: str, state_file: str) -> None:
        """Both files of a snapshot are about to be written."""

    def restored(self, state_file: str) -> None:
        """A solver state was taken up."""

    def final_loss(self, iteration: int, loss: float) -> None:
        """``solve`` is about to end, and a last training forward gave this smoothed loss."""

    def finished(self, stopped_early: bool) -> None:
        """``solve`` ends, at ``max_iter`` or because it was asked to stop."""

    def debug(self, source: str, text: str) -> None:
        """One of Caffe's ``debug_info`` lines; ``source`` is "net.cpp" or "sgd_solver.cpp"."""

    def note(self, text: str) -> None:
        """Something worth a line, such as data that starts over."""
