"""The training loop: forward, backward, update; displays, tests and snapshots when they are due.

Follows Caffe's order of events exactly, so that logs and figures agree. Where Caffe is silent it is better: a
loss or gradient that is not finite stops training before it can spoil the parameters, and a resumed run goes on
with the data and random numbers where the snapshot was taken.
"""

from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np

from ..bn_stats import ExactTests
from ..errors import NonFiniteError, UsageError
from ..execution import NonFinite
from ..net import Net
from ..proto import find
from ..weights import CopyReport
from .debug import DebugTrace
from .definition import Definition
from .events import Display, Listener, TestResult
from .nets import batch_size, build_net, exact_tests, first_seed, outputs_of
from .rates import learning_rate
from .rules import make_rule
from .snapshot import (
    check_form,
    check_prefix,
    make_folder,
    make_resume,
    read_snapshot,
    resume_states,
    snapshot_paths,
    wants_hdf5,
    write_snapshot,
)

__all__ = ["Solver"]


class Solver:
    """Trains ``net``; ``test_nets`` use its parameters. ``iter`` counts the updates done. ``how`` goes to every Net.

    ``last_tests`` holds the last whole test pass of each test net, by its number; ``copies`` what was copied from the
    solver's ``weights``, as (net, file, CopyReport), net 0 the training net and net i + 1 test net i.
    """

    def __init__(
        self,
        definition: Definition,
        seed: int | None = None,
        listener: Listener | None = None,
        *,
        plan: str = "inspect",
        **how: Any,
    ) -> None:
        self.param = definition.param
        self.listener = listener or Listener()
        self.iter = 0
        self.stopped_early = False
        self.last_tests: dict[int, TestResult] = {}
        self.seed = first_seed(self.param, seed)
        if self.param.snapshot:
            check_prefix(self.param.snapshot_prefix)
        how["plan"] = "inspect" if self.param.debug_info else plan
        self.net = build_net(definition.train, self.seed, **how)
        self.test_nets: list[Net] = []
        self._exact: ExactTests | None = None
        try:
            self.rule = make_rule(self.param, self.net.arena)
            if self.param.snapshot:
                check_form(self.param, self.net, self.rule)
            for i, source in enumerate(definition.tests):
                self.test_nets.append(build_net(source, self.seed + 1 + i, share_with=self.net, **how))
            if self.test_nets:
                self._exact = exact_tests(definition, self.net, **how)
            self.copies = self._copy_weights(definition.folder)
        except BaseException:
            self.close()
            raise
        self.notes = definition.notes + (self._exact.notes if self._exact else ()) + self.net.notes
        self._images = batch_size(self.net)
        self._trace = DebugTrace(self.net, lambda source, text: self.listener.debug(source, text))
        self._losses: deque[float] = deque(maxlen=self.param.average_loss)
        self._resumed_losses = False
        self._stop = self._snapshot_asked = False
        self._callbacks: list[tuple[Callable[[], None], Callable[[], None]]] = []
        self._clock = time.perf_counter()
        self._displayed_at = 0
        self._state_before = self.net.arena.state.copy()
        self._place_before: dict[str, dict[str, int]] = {}
        self._losses_before: list[float] = []

    # -- what a user calls -----------------------------------------------------------------------------------

    def solve(self, resume_file: str | None = None) -> None:
        """Train to ``max_iter``, from ``resume_file`` (a solverstate) if given; snapshot and test at the end."""
        if resume_file:
            self.restore(resume_file)
        param = self.param
        if param.snapshot_after_train:
            check_prefix(param.snapshot_prefix)
            check_form(param, self.net, self.rule)
        self.listener.started(self.net.name, param.lr_policy)
        self.stopped_early = False
        self.step(max(0, param.max_iter - self.iter))
        due = not param.snapshot or self.iter % param.snapshot
        if param.snapshot_after_train and due:
            self.snapshot()
        if not self.stopped_early:
            if param.display and self.iter % param.display == 0:
                self._remember()
                self._losses.append(self._pass(self.net, backward=False))
                self.listener.final_loss(self.iter, self._smoothed())
            if param.test_interval and self.iter % param.test_interval == 0:
                self.test_all()
                self._stop = False  # nothing is left that it could stop
        self.listener.finished(self.stopped_early)

    def step(self, iterations: int) -> float:
        """Train for ``iterations``; return the last iteration's loss (the mean over ``iter_size``)."""
        if not isinstance(iterations, (int, np.integer)) or iterations < 0:
            raise UsageError(f"the number of iterations is {iterations!r}; expected an integer of at least 0")
        if not self._resumed_losses:
            self._losses.clear()
        self._resumed_losses = False
        self._clock = time.perf_counter()
        loss = math.nan
        stop_at = self.iter + iterations
        while self.iter < stop_at:
            if self._test_due() and self._stopped_in_tests():
                break
            loss = self._iterate()
            if self._requested():
                break
        return loss

    def test_all(self) -> list[TestResult]:
        """One test pass of every test net; those that a request to stop cut short are left out."""
        results = (self.test(i) for i in range(len(self.test_nets)) if not self._stop)
        return [result for result in results if result is not None]

    def test(self, index: int) -> TestResult | None:
        """The mean outputs of test net ``index`` over its ``test_iter`` batches, with the parameters of now.

        None where a request to stop cut it short: a score of fewer batches would pass for a whole one.
        """
        self.listener.testing(self.iter, index)
        began = time.perf_counter()
        with self._exact.held(self.test_nets[index]) if self._exact else nullcontext():
            return self._scored(index, began)

    def _scored(self, index: int, began: float) -> TestResult | None:
        net, batches = self.test_nets[index], self.param.test_iter[index]
        trace = DebugTrace(net, self.listener.debug) if self.param.debug_info else net
        sums: dict[str, np.ndarray] = {}
        loss = 0.0
        for batch in range(batches):
            trace.forward()
            loss += net.loss
            for name in net.outputs:
                sums[name] = sums.get(name, 0.0) + net.blobs[name].data.astype(np.float64)
            self.listener.test_batch(index, batch, batches)
            if self._stop and batch + 1 < batches:
                self.listener.note(f"test net #{index} stopped after batch {batch + 1} of {batches}: no score")
                return None
        means = {name: total / batches for name, total in sums.items()}
        mean_loss = loss / batches if self.param.test_compute_loss else None
        result = TestResult(self.iter, index, outputs_of(net, means), time.perf_counter() - began, mean_loss)
        self.last_tests[index] = result
        self.listener.tested(result)
        return result

    def snapshot(self) -> tuple[str, str]:
        """Write ``PREFIX_iter_N.caffemodel`` and ``.solverstate``; return both paths."""
        return self._write(self._places())

    def restore(self, file: str | os.PathLike) -> None:
        """Go on from a solverstate: parameters, history, iteration, and where ours says so, data and random state."""
        path = os.fspath(file)
        state = read_snapshot(path, self.net, self.rule)
        self.iter = self._displayed_at = state.iteration
        if state.resume is not None:
            states = resume_states(state.resume)
            self._reseed(state.resume.seed)
            for name, net in self._named_nets():
                net.restore_state(states.get(name, {}))
            self._losses.clear()
            self._losses.extend(state.resume.recent_loss)
            self._resumed_losses = True
        else:
            self.listener.note(f"{path} comes from Caffe: the data start again at the first record")
        self.listener.restored(path)

    def apply_update(self) -> None:
        """Change the parameters by the gradients that are there, at this iteration's rate; ``iter`` stays."""
        norm = self.rule.gradient_norm()
        if not math.isfinite(norm):
            where = self._where(self.net.first_non_finite_gradient(), "their sum of squares")
            self._give_up(f"the gradient is not finite, first seen in {where}")
        self.rule.apply(self.lr, norm, self.iter)

    def share_weights(self, net: Net) -> None:
        """Let ``net`` use the parameters of this solver's net, layer by layer of equal name."""
        net.share_with(self.net)

    def add_callback(self, on_start: Callable[[], None], on_gradients_ready: Callable[[], None]) -> None:
        """Have the first called before each iteration, the second when its gradients are there, before the update."""
        self._callbacks.append((on_start, on_gradients_ready))

    def request_stop(self) -> None:
        """Stop at the end of this iteration or test batch (safe to call from a signal handler)."""
        self._stop = True

    def request_snapshot(self) -> None:
        """Write a snapshot at the end of this iteration (safe to call from a signal handler)."""
        self._snapshot_asked = True

    @property
    def lr(self) -> float:
        """The learning rate of the iteration to come."""
        return learning_rate(self.param, self.iter)

    @property
    def smoothed_loss(self) -> float | None:
        """The mean of the last ``average_loss`` losses, as displays have it; None before the first iteration."""
        return self._smoothed() if self._losses else None

    def __repr__(self) -> str:
        from ..notebook import solver_text

        return solver_text(self)

    def _repr_html_(self) -> str:
        from ..notebook import solver_html

        return solver_html(self)

    def close(self) -> None:
        """Release the threads and files of all nets."""
        for net in (self.net, *self.test_nets, *([self._exact.net] if self._exact else [])):
            net.close()

    # -- beginning with weights ------------------------------------------------------------------------------

    def _copy_weights(self, folder: str) -> list[tuple[int, str, CopyReport]]:
        """Copy every file of ``weights`` into the training net, and into test nets that have layers of their own."""
        paths = [one.strip() for several in self.param.weights for one in several.split(",") if one.strip()]
        own = [i for i, net in enumerate(self.test_nets, 1) if net.params.keys() - self.net.params.keys()]
        nets = [self.net, *self.test_nets]
        return [(i, path, nets[i].copy_from(find(path, folder))) for i in (0, *own) for path in paths]

    # -- one iteration ---------------------------------------------------------------------------------------

    def _iterate(self) -> float:
        param = self.param
        shown = bool(param.display) and self.iter % param.display == 0
        self._remember()
        for on_start, _ in self._callbacks:
            on_start()
        self.net.clear_param_diffs()
        loss = 0.0
        net = self._trace if shown and param.debug_info else self.net
        for _ in range(param.iter_size):
            loss += self._pass(net)
        loss /= param.iter_size
        self._losses.append(loss)
        if shown:
            self._display()
        for _, on_gradients_ready in self._callbacks:
            on_gradients_ready()
        self.apply_update()
        self.listener.stepped(self.iter, loss, self._images * param.iter_size)
        self.iter += 1
        return loss

    def _remember(self) -> None:
        """Keep what an iteration changes before its update, in case it turns out not to be finite."""
        self._place_before = self.net.state()
        self._state_before[...] = self.net.arena.state
        self._losses_before = list(self._losses)

    def _requested(self) -> bool:
        """Snapshot if one is due or asked for; whether to stop."""
        param = self.param
        if (param.snapshot and self.iter % param.snapshot == 0) or self._snapshot_asked:
            self._snapshot_asked = False
            self.snapshot()
        if self._stop:
            self._take_up_stop()
            return True
        return False

    def _take_up_stop(self) -> None:
        self._stop = False
        self.stopped_early = True

    def _test_due(self) -> bool:
        param = self.param
        due = bool(param.test_interval) and self.iter % param.test_interval == 0
        return due and bool(self.test_nets) and (self.iter > 0 or param.test_initialization)

    def _stopped_in_tests(self) -> bool:
        """Test; whether a stop was asked for. Then all is as it was before, for whoever resumes tests again."""
        places, statistics = [net.state() for net in self.test_nets], self.net.arena.state.copy()
        self.test_all()
        if not self._stop:
            return False
        for net, place in zip(self.test_nets, places):
            net.restore_state(place)
        self.net.arena.state[...] = statistics  # a test net with use_global_stats: false adds to them
        self._take_up_stop()
        return True

    def _display(self) -> None:
        now = time.perf_counter()
        seconds = now - self._clock
        done = self.iter - self._displayed_at
        outputs = outputs_of(self.net, {name: self.net.blobs[name].data for name in self.net.outputs})
        rate = done / (seconds or 1.0)
        self.listener.displayed(
            Display(self.iter, self._smoothed(), self.lr, outputs, rate, seconds, self.param.display)
        )
        self._clock, self._displayed_at = now, self.iter

    def _smoothed(self) -> float:
        return sum(self._losses) / len(self._losses)

    # -- what is not finite ----------------------------------------------------------------------------------

    def _pass(self, net: Net | DebugTrace, backward: bool = True) -> float:
        """Forward, and backward: the loss. Gives up where it, or with ``check_finite`` a blob, is not finite."""
        try:
            if backward:
                loss = net.forward_backward()
            else:
                net.forward()
                loss = self.net.loss
            if not math.isfinite(loss):
                where = self._where(self.net.first_non_finite())
                raise NonFiniteError(f"the loss is not finite, first seen in {where}")
        except NonFiniteError as error:
            self._give_up(str(error))
        return loss

    @staticmethod
    def _where(found: NonFinite | None, otherwise: str = "the loss itself") -> str:
        return otherwise if found is None else found.where

    def _give_up(self, what: str) -> None:
        """Put back what the iteration changed, write the last finite state, and say what went wrong."""
        self.net.arena.state[...] = self._state_before
        self._losses = deque(self._losses_before, self.param.average_loss)
        said = f"iteration {self.iter}: {what}"
        if not np.isfinite(self.net.arena.learned).all():
            raise NonFiniteError(f"{said}; the update before it overflowed, so no state is left to be written")
        model, _ = self._write([("train", self._place_before), *self._places()[1:]])
        raise NonFiniteError(f"{said}; the state before this iteration is in {model}")

    # -- snapshots -------------------------------------------------------------------------------------------

    def _write(self, places: Any) -> tuple[str, str]:
        param = self.param
        make_folder(param.snapshot_prefix)
        files = snapshot_paths(param.snapshot_prefix, self.iter, wants_hdf5(param))
        self.listener.snapshotting(*files)
        write_snapshot(param, self.net, self.rule, self.iter, files, make_resume(self.seed, places, self._losses))
        return files

    def _named_nets(self) -> list[tuple[str, Net]]:
        return [("train", self.net), *((f"test{i}", net) for i, net in enumerate(self.test_nets))]

    def _places(self) -> list[tuple[str, dict]]:
        return [(name, net.state()) for name, net in self._named_nets()]

    def _reseed(self, seed: int) -> None:
        self.seed = seed
        for i, (_, net) in enumerate(self._named_nets()):
            net.reseed(seed + i)
        if self._exact:
            self._exact.net.reseed(seed)
