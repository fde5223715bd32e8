"""What is told while a solver runs: its events as Caffe's log lines, as the bar, and as JSON records."""

from __future__ import annotations

from ..solver.events import Display, Listener, TestResult
from .log import Log, display_lines, number, output_lines, snapshot_lines
from .progress import Rate, Screen
from .results import Results, by_name

_DATA_AGAIN = "Restarting data prefetching from start."


class TrainReport(Listener):
    """Follows one training; keeps the last loss, the last test of each net and the last snapshot for the end."""

    def __init__(self, log: Log, screen: Screen, results: Results):
        self._log, self._screen, self._results = log, screen, results
        self._rate = Rate()
        self._loss_text = ""
        self.loss: float | None = None
        self.tests: dict[int, TestResult] = {}
        self.snapshot: tuple[str, str] | None = None
        self.stopped_early = False

    def started(self, name: str, policy: str) -> None:
        self._log.info("solver.cpp:289", f"Solving {name}")
        self._log.info("solver.cpp:290", f"Learning Rate Policy: {policy}")

    def stepped(self, iteration: int, loss: float, images: int) -> None:
        self.loss = loss
        self._loss_text = f"loss {loss:.4f}"
        self._rate.add(images)
        self._screen.say(f"{self._loss_text}, {self._rate}")
        self._screen.to(iteration + 1)

    def displayed(self, display: Display) -> None:
        self._log.infos(display_lines(display))
        self._results.record(
            "display",
            iteration=display.iteration,
            loss=display.loss,
            lr=display.lr,
            outputs=by_name(display.outputs),
            seconds=display.seconds,
            iterations_per_second=display.rate,
        )

    def testing(self, iteration: int, net_index: int) -> None:
        self._log.info("solver.cpp:347", f"Iteration {iteration}, Testing net (#{net_index})")

    def test_batch(self, net_index: int, batch: int, batches: int) -> None:
        self._rate.pause()
        self._screen.say(", ".join(filter(None, (self._loss_text, f"testing {batch + 1}/{batches}"))))
        self._screen.refresh()

    def tested(self, result: TestResult) -> None:
        if result.loss is not None:
            self._log.info("solver.cpp:400", f"Test loss: {number(result.loss)}")
        self._log.infos(output_lines("solver.cpp:414", "Test", result.outputs))
        self.tests[result.net_index] = result
        self._results.record(
            "test",
            iteration=result.iteration,
            net=result.net_index,
            outputs=by_name(result.outputs),
            seconds=result.seconds,
            **({} if result.loss is None else {"loss": result.loss}),
        )

    def snapshotting(self, model_file: str, state_file: str) -> None:
        self._log.infos(snapshot_lines(model_file, state_file))
        self.snapshot = (model_file, state_file)

    def restored(self, state_file: str) -> None:
        self._log.info("sgd_solver.cpp:336", "SGDSolver: restoring history")

    def final_loss(self, iteration: int, loss: float) -> None:
        self._log.info("solver.cpp:327", f"Iteration {iteration}, loss = {number(loss)}")

    def finished(self, stopped_early: bool) -> None:
        self.stopped_early = stopped_early
        if stopped_early:
            self._log.info("solver.cpp:311", "Optimization stopped early.")
        else:
            self._log.info("solver.cpp:332", "Optimization Done.")

    def debug(self, source: str, text: str) -> None:
        self._log.info(source, text)

    def note(self, text: str) -> None:
        if text == _DATA_AGAIN:
            self._log.info("data_layer.cpp:73", text)
        else:
            self._log.warning(text)
