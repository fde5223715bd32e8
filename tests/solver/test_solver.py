"""The training loop: order of events, exact resume, snapshots, stops, and losses that are not finite."""

import os
from functools import partial

import numpy as np
import pytest

from minicaffe.errors import NonFiniteError, ProtoError, SolverError, WeightsError
from minicaffe.kernels._threads import set_threads, threads
from minicaffe.proto import read_state, read_weights
from minicaffe.solver import Listener, get_solver


@pytest.fixture(autouse=True, params=["inspect", "fast"])
def plan(request, monkeypatch):
    """Everything here holds under both plans."""
    monkeypatch.setitem(globals(), "get_solver", partial(get_solver, plan=request.param))
    return request.param


class Recorder(Listener):
    """Keeps every event as (name, what matters)."""

    def __init__(self):
        self.events = []

    def started(self, name, policy):
        self.events.append(("started", name, policy))

    def displayed(self, display):
        self.events.append(("displayed", display.iteration))
        self.last = display

    def testing(self, iteration, net_index):
        self.events.append(("testing", iteration))

    def tested(self, result):
        self.events.append(("tested", [output.name for output in result.outputs]))

    def snapshotting(self, model_file, state_file):
        self.events.append(("snapshot", model_file.rsplit("/", 1)[1]))

    def final_loss(self, iteration, loss):
        self.events.append(("final", iteration))

    def finished(self, stopped_early):
        self.events.append(("finished", stopped_early))

    def note(self, text):
        self.events.append(("note", text))


def everything(solver):
    """All bits that training leaves behind: parameters, statistics, history."""
    arena = solver.net.arena
    return np.concatenate([arena.learned, arena.state, solver.rule.history])


def test_events_come_in_caffes_order(tiny):
    recorder = Recorder()
    solver = get_solver(tiny, overrides={"snapshot": "5", "max_iter": "8"}, listener=recorder)
    solver.solve()
    assert recorder.events == [
        ("started", "tiny", "step"),
        ("testing", 0),
        ("tested", ["accuracy", "loss"]),
        ("displayed", 0),
        ("displayed", 2),
        ("testing", 4),
        ("tested", ["accuracy", "loss"]),
        ("displayed", 4),
        ("snapshot", "tiny_iter_5.caffemodel"),
        ("displayed", 6),
        ("snapshot", "tiny_iter_8.caffemodel"),
        ("final", 8),
        ("testing", 8),
        ("tested", ["accuracy", "loss"]),
        ("finished", False),
    ]


def test_no_test_at_the_start_unless_asked(tiny):
    recorder = Recorder()
    get_solver(tiny, overrides={"test_initialization": "false", "max_iter": "2"}, listener=recorder).solve()
    assert ("testing", 0) not in recorder.events


def test_training_learns(tiny):
    solver = get_solver(tiny, overrides={"max_iter": "120", "stepsize": "80"})
    first = solver.step(1)
    solver.step(119)
    assert np.mean([solver.step(1) for _ in range(5)]) < 0.6 * first


def test_resume_gives_the_same_bits(tiny):
    straight = get_solver(tiny)
    straight.step(10)
    half = get_solver(tiny, overrides={"max_iter": "5"})
    half.solve()
    state = tiny.parent / "snap" / "tiny_iter_5.solverstate"
    resumed = get_solver(tiny, seed=99)  # the state's own seed wins
    resumed.restore(state)
    assert resumed.iter == 5
    resumed.step(5)
    assert np.array_equal(everything(straight), everything(resumed))
    assert straight.test(0).outputs == resumed.test(0).outputs


def test_resumed_display_is_smoothed_over_the_same_losses(tiny):
    full, part = Recorder(), Recorder()
    get_solver(tiny, listener=full).step(7)
    before = get_solver(tiny)
    before.step(5)
    _, state = before.snapshot()
    resumed = get_solver(tiny, listener=part)
    resumed.restore(state)
    resumed.step(2)
    assert part.last.iteration == full.last.iteration == 6
    assert part.last.loss == full.last.loss


RULES = {  # overrides that a rule needs beside its name
    "SGD": {},
    "Nesterov": {},
    "AdaGrad": {"momentum": "0"},
    "RMSProp": {"momentum": "0", "base_lr": "0.01"},
    "AdaDelta": {"momentum": "0.9", "delta": "1e-6", "base_lr": "1"},
    "Adam": {"base_lr": "0.01"},
}


def of_type(rule, **more):
    return {"type": rule, **RULES[rule], **more}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("form", ["BINARYPROTO", "HDF5"])
def test_every_rule_resumes_with_the_same_bits(tiny, rule, form):
    overrides = of_type(rule, snapshot_format=form)
    straight = get_solver(tiny, overrides=overrides)
    straight.step(5)
    before = get_solver(tiny, overrides=overrides)
    before.step(3)
    _, state = before.snapshot()
    resumed = get_solver(tiny, overrides=overrides, seed=99)
    resumed.restore(state)
    resumed.step(2)
    assert np.array_equal(everything(straight), everything(resumed))


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_learns(tiny, rule):
    solver = get_solver(tiny, overrides=of_type(rule, stepsize="1000"))
    first = solver.step(1)
    solver.step(119)
    assert np.mean([solver.step(1) for _ in range(5)]) < 0.7 * first


def test_a_frozen_parameter_keeps_its_history_going(tiny, tmp_path):
    """As in Caffe: from its decay alone, where the rate is no part of the history."""
    net = tmp_path / "net.prototxt"
    net.write_text(net.read_text().replace("param { lr_mult: 1 }", "param { lr_mult: 0 }"))
    for rule in RULES:
        solver = get_solver(tiny, overrides=of_type(rule))
        was = solver.net.params["ip"][0].data.copy()
        solver.step(1)
        assert np.array_equal(solver.net.params["ip"][0].data, was)
        ip = next(s for s in solver.net.arena.segments if s.lr_mult == 0)
        assert solver.rule.histories[0][ip.start : ip.stop].any() == (rule not in ("SGD", "Nesterov"))


def test_a_state_of_another_rule_is_refused(tiny):
    _, state = get_solver(tiny, overrides=of_type("Adam")).snapshot()
    with pytest.raises(WeightsError, match="holds 18 history blobs, this net has 9 under SGD; expected a state of"):
        get_solver(tiny).restore(state)


@pytest.mark.parametrize("rule", RULES)
def test_same_bits_on_any_number_of_threads(tiny, rule):
    usual = threads()
    results = []
    try:
        for number in (1, 2, 3):
            set_threads(number)
            solver = get_solver(tiny, overrides=of_type(rule))
            solver.step(6)
            results.append(everything(solver))
    finally:
        set_threads(usual)
    assert np.array_equal(results[0], results[1]) and np.array_equal(results[0], results[2])


def test_seeds_differ(tiny):
    one, two = get_solver(tiny), get_solver(tiny, seed=6)
    assert not np.array_equal(one.net.params["conv"][0].data, two.net.params["conv"][0].data)


def test_gradients_of_several_passes_add_up(tiny):
    added, apart = get_solver(tiny), get_solver(tiny)
    diffs = [solver.net.params["ip"][1].diff for solver in (added, apart)]
    added.net.forward_backward()
    apart.net.forward_backward()
    once = diffs[0].copy()
    apart.net.clear_param_diffs()
    added.net.forward_backward()
    apart.net.forward_backward()
    np.testing.assert_allclose(diffs[0], once + diffs[1], rtol=1e-5)
    assert not np.allclose(diffs[0], once)


def test_snapshot_is_caffes_own_form(tiny):
    solver = get_solver(tiny)
    solver.step(3)
    model, state_file = solver.snapshot()
    weights = read_weights(model)
    assert list(weights) == ["conv", "bn", "scale", "ip"]
    assert np.array_equal(weights["conv"][0], solver.net.params["conv"][0].data)
    state = read_state(state_file)
    assert (state.iter, state.current_step, state.learned_net) == (3, 0, model)
    assert len(state.history) == 9
    assert [len(blob.data) for blob in state.history] == [blob.count for p in solver.net.params.values() for blob in p]


def test_snapshot_leaves_nothing_else_behind(tiny):
    solver = get_solver(tiny)
    solver.snapshot()
    assert sorted(path.name for path in (tiny.parent / "snap").iterdir()) == [
        "tiny_iter_0.caffemodel",
        "tiny_iter_0.solverstate",
    ]


def test_moved_snapshot_is_found_beside_its_state(tiny, tmp_path):
    _, state = get_solver(tiny).snapshot()
    moved = tmp_path / "elsewhere"
    (tmp_path / "snap").rename(moved)
    solver = get_solver(tiny)
    solver.restore(moved / state.rsplit("/", 1)[1])
    assert solver.iter == 0


def test_stop_and_snapshot_when_asked(tiny):
    class Stopper(Recorder):
        def stepped(self, iteration, loss, images):
            assert images == 16
            if iteration == 1:
                solver.request_snapshot()
            if iteration == 3:
                solver.request_stop()

    recorder = Stopper()
    solver = get_solver(tiny, listener=recorder)
    solver.solve()
    names = [event for event in recorder.events if event[0] in ("snapshot", "final", "finished")]
    assert names == [("snapshot", "tiny_iter_2.caffemodel"), ("snapshot", "tiny_iter_4.caffemodel"), ("finished", True)]
    assert solver.iter == 4 and solver.stopped_early


def test_a_test_that_is_cut_short_gives_no_score(tiny):
    class Stopper(Recorder):
        def test_batch(self, index, batch, batches):
            if solver.iter == 4:
                solver.request_stop()

    recorder = Stopper()
    solver = get_solver(tiny, listener=recorder)
    solver.solve()
    assert solver.iter == 4 and solver.stopped_early
    assert list(solver.last_tests) == [0] and solver.last_tests[0].iteration == 0
    assert ("note", "test net #0 stopped after batch 1 of 3: no score") in recorder.events


@pytest.mark.parametrize("stop_in, options", [(0, ""), (2, ""), (1, "batch_norm_param { use_global_stats: false }")])
def test_a_stop_within_a_test_resumes_with_the_same_scores(tiny, tmp_path, stop_in, options):
    net = tmp_path / "net.prototxt"
    net.write_text(net.read_text().replace('type: "BatchNorm"', f'type: "BatchNorm" {options}'))

    class Stopper(Recorder):
        def test_batch(self, index, batch, batches):
            if solver.iter == 4 and batch == stop_in:
                solver.request_stop()

    straight = get_solver(tiny)
    straight.solve()
    solver = get_solver(tiny, listener=Stopper())
    solver.solve()
    assert solver.iter == 4
    resumed = get_solver(tiny)
    resumed.restore(tiny.parent / "snap" / "tiny_iter_4.solverstate")
    resumed.solve()
    assert resumed.last_tests[0].iteration == 8
    assert resumed.last_tests[0].outputs == straight.last_tests[0].outputs
    assert np.array_equal(everything(resumed), everything(straight))


def test_a_stop_within_the_last_test_leaves_out_the_other_nets_and_stops_nothing_later(tiny):
    class Stopper(Recorder):
        def test_batch(self, index, batch, batches):
            if solver.iter == 2:
                solver.request_stop()

    recorder = Stopper()
    overrides = {"test_iter": "2,2", "test_interval": "2", "max_iter": "2", "test_initialization": "false"}
    solver = get_solver(tiny, overrides=overrides, listener=recorder)
    solver.solve()
    assert [event for event in recorder.events if event[0] in ("testing", "finished")] == [
        ("testing", 2),
        ("finished", False),
    ]
    recorder.test_batch = Listener().test_batch
    solver.step(3)
    assert solver.iter == 5


def test_weights_go_into_test_nets_that_have_layers_of_their_own(tiny, tmp_path):
    net = tmp_path / "net.prototxt"
    plain = net.read_text()
    extra = (
        'layer { name: "probe" type: "InnerProduct" bottom: "conv" top: "probe" RULE '
        'inner_product_param { num_output: 2 weight_filler { type: "xavier" } } }'
    )
    net.write_text(plain + extra.replace("RULE", ""))
    model, _ = get_solver(tiny).snapshot()
    stored = read_weights(model)
    net.write_text(plain + extra.replace("RULE", "include { phase: TEST }"))
    solver = get_solver(tiny, overrides={"weights": model, "test_iter": "1,1"}, seed=77)
    assert [(index, path, report.ignored) for index, path, report in solver.copies] == [
        (0, model, ("probe",)),
        (1, model, ()),
        (2, model, ()),
    ]
    for test_net in solver.test_nets:
        assert np.array_equal(test_net.params["probe"][0].data, stored["probe"][0])
    assert np.array_equal(solver.net.params["ip"][0].data, stored["ip"][0])


def test_several_files_of_weights(tiny):
    one = get_solver(tiny)
    one.step(1)
    first, _ = one.snapshot()
    one.step(1)
    second, _ = one.snapshot()
    solver = get_solver(tiny, overrides={"weights": f"{first},{second}"})
    assert [path for _, path, _ in solver.copies] == [first, second]
    assert np.array_equal(solver.net.params["ip"][0].data, one.net.params["ip"][0].data)


def test_the_test_loss_where_it_is_asked_for(tiny):
    assert get_solver(tiny).test(0).loss is None
    result = get_solver(tiny, overrides={"test_compute_loss": "true"}).test(0)
    assert result.loss == pytest.approx(next(output.value for output in result.outputs if output.name == "loss"))


@pytest.mark.parametrize("field, what", [("snapshot_diff", "weights"), ("type", "history")])
def test_what_a_binary_file_cannot_hold_is_told_before_training(tiny, monkeypatch, field, what):
    """The limit is taken down here to just above the weights: with diffs, or with two histories, they are too large."""
    from minicaffe.proto import weights

    size = sum(4 * blob.count for several in get_solver(tiny).net.params.values() for blob in several)
    monkeypatch.setattr(weights, "_LARGEST", size + 500)
    get_solver(tiny, overrides={"snapshot": "5"})
    value = {"snapshot_diff": "true", "type": "Adam"}[field]
    message = (
        f"_iter_N.* the {what} are .* bytes, expected at most {size + 500} for a binary file; HDF5 has no such limit"
    )
    with pytest.raises(SolverError, match=message):
        get_solver(tiny, overrides={"snapshot": "5", field: value})
    get_solver(tiny, overrides={"snapshot": "5", field: value, "snapshot_format": "HDF5"})


def test_a_prefix_that_cannot_be_written_is_told_before_training(tiny, tmp_path):
    (tmp_path / "file").write_text("")
    prefix = f"{tmp_path}/file/new/tiny"
    message = f'snapshot_prefix is "{prefix}", but {tmp_path}/file is no folder'
    with pytest.raises(SolverError, match=message):
        get_solver(tiny, overrides={"snapshot": "5", "snapshot_prefix": prefix})
    solver = get_solver(tiny, overrides={"snapshot_prefix": prefix})  # may be used without ever writing
    with pytest.raises(SolverError, match=message):
        solver.solve()
    assert solver.iter == 0


def test_a_seed_out_of_range(tiny):
    for seed in (-1, 2**63):
        with pytest.raises(SolverError, match=f"the seed is {seed}; expected 0 to 9223372036854775807"):
            get_solver(tiny, seed=seed)
    solver = get_solver(tiny, seed=2**63 - 1)
    solver.step(1)
    _, state = solver.snapshot()
    get_solver(tiny).restore(state)


def test_a_state_without_its_weights(tiny, tmp_path):
    model, state = get_solver(tiny).snapshot()
    os.remove(model)
    with pytest.raises(WeightsError, match=f'{state}: its weights "{model}" are neither there nor in the folder'):
        get_solver(tiny).restore(state)


def test_a_loss_that_is_not_finite_stops_before_it_spoils_anything(tiny, plan):
    solver = get_solver(tiny)
    solver.step(2)
    good = everything(solver)
    net = solver.net
    victim = net.layers[1 if plan == "inspect" else 0]  # the fast plan asks few layers
    original = type(victim).forward

    def poison(bottoms, tops):
        original(victim, bottoms, tops)
        tops[0][0, 0, 0, 0] = np.inf

    victim.forward = poison
    with pytest.raises(NonFiniteError) as caught:
        solver.step(3)
    text = str(caught.value)
    where = f'blob "{victim.name}" of layer "{victim.name}" ({victim.type})'
    assert f"iteration 2: the loss is not finite, first seen in {where}" in text
    assert np.array_equal(everything(solver), good)
    model = tiny.parent / "snap" / "tiny_iter_2.caffemodel"
    assert str(model) in text
    assert all(np.isfinite(array).all() for arrays in read_weights(model).values() for array in arrays)
    resumed = get_solver(tiny)
    resumed.restore(model.with_suffix(".solverstate"))
    straight = get_solver(tiny)
    straight.step(3)
    resumed.step(1)
    assert np.array_equal(everything(straight), everything(resumed))


def test_a_last_loss_that_is_not_finite_leaves_the_last_state(tiny):
    class Poison(Recorder):
        def snapshotting(self, model_file, state_file):
            super().snapshotting(model_file, state_file)
            solver.net.layers[0].forward = lambda bottoms, tops: tops[0].fill(np.nan)

    recorder = Poison()
    solver = get_solver(tiny, overrides={"max_iter": "4"}, listener=recorder)
    with pytest.raises(NonFiniteError, match="iteration 4: the loss is not finite"):
        solver.solve()
    assert recorder.events[-2:] == [("snapshot", "tiny_iter_4.caffemodel")] * 2
    resumed, straight = get_solver(tiny), get_solver(tiny)
    resumed.restore(tiny.parent / "snap" / "tiny_iter_4.solverstate")
    straight.step(4)
    assert np.array_equal(everything(straight), everything(resumed))
    assert straight.net.state() == resumed.net.state()


def test_parameters_that_overflowed_are_not_written(tiny):
    solver = get_solver(tiny)
    solver.step(1)
    solver.net.params["ip"][1].data[0] = np.inf
    with pytest.raises(NonFiniteError, match="the update before it overflowed, so no state is left to be written"):
        solver.step(1)
    assert not (tiny.parent / "snap").exists()


def test_a_gradient_that_is_not_finite_stops_too(tiny):
    solver = get_solver(tiny)
    original = solver.net.forward_backward

    def poison():
        loss = original()
        solver.net.params["conv"][0].diff[0] = np.nan
        return loss

    solver.net.forward_backward = poison
    with pytest.raises(
        NonFiniteError, match=r'the gradient is not finite, first seen in parameter 0 .* of layer "conv"'
    ):
        solver.step(1)
    assert np.isfinite(everything(solver)).all()
    state = read_state(tiny.parent / "snap" / "tiny_iter_0.solverstate")
    assert list(state.resume.recent_loss) == []


@pytest.mark.parametrize(
    "overrides, message",
    [
        ({"max_itr": "5"}, 'a solver has no field "max_itr"; did you mean "max_iter"'),
        ({"type": "SDG"}, 'solver type is "SDG"; expected .*SGD'),
        ({"lr_policy": "stepp"}, 'did you mean "step"'),
        ({"regularization_type": "L3"}, 'regularization_type is "L3"; expected L1 or L2'),
        ({"momentum": "1.5"}, "momentum is 1.5; expected at least 0 and below 1"),
        ({"base_lr": "nan"}, "base_lr is nan; expected a finite number"),
        ({"clip_gradients": "inf"}, "clip_gradients is inf; expected a finite number"),
        ({"iter_size": "0"}, "iter_size is 0; expected at least 1"),
        ({"test_iter": "3,4", "test_net": "x"}, None),
        ({"test_interval": "0"}, "found test_iter but no test_interval"),
        ({"type": "Adagrad"}, 'solver type is "Adagrad"; expected one of SGD, .*did you mean "AdaGrad"'),
        ({"type": "AdaGrad"}, 'momentum is 0.9; solver type "AdaGrad" has none, so expected no momentum'),
        ({"type": "RMSProp"}, 'momentum is 0.9; solver type "RMSProp" has none, so expected no momentum'),
        ({"type": "RMSProp", "momentum": "0", "rms_decay": "1"}, "rms_decay is 1; expected at least 0 and below 1"),
        ({"type": "AdaDelta", "momentum": "1"}, "momentum is 1; expected at least 0 and below 1"),
        ({"type": "Adam", "momentum2": "1"}, "momentum2 is 1; expected at least 0 and below 1"),
        ({"type": "Adam", "delta": "-1"}, "delta is -1; expected at least 0"),
        ({"train_net": "other.prototxt"}, "found net and train_net; expected one of net, net_param"),
        ({"net": "nowhere.prototxt"}, "nowhere.prototxt: no such file"),
    ],
)
def test_bad_solvers(tiny, overrides, message):
    with pytest.raises((SolverError, ProtoError), match=message):
        get_solver(tiny, overrides=overrides)


def test_bad_value_for_a_set_field(tiny):
    with pytest.raises(ProtoError, match=r"max_iter.*takes an integer"):
        get_solver(tiny, overrides={"max_iter": "many"})


def test_no_net_at_all(tmp_path):
    path = tmp_path / "solver.prototxt"
    path.write_text('base_lr: 1 lr_policy: "fixed"')
    with pytest.raises(SolverError, match="found none; expected one of net, net_param, train_net, train_net_param"):
        get_solver(path)


def test_inline_nets(tiny, tmp_path):
    net = (tmp_path / "net.prototxt").read_text()
    path = tmp_path / "inline.prototxt"
    path.write_text(
        f'net_param {{ {net} }} base_lr: 0.1 lr_policy: "fixed" max_iter: 1 snapshot_prefix: "{tmp_path}/i"'
    )
    solver = get_solver(path)
    solver.solve()
    assert (tmp_path / "i_iter_1.caffemodel").exists()


def test_a_net_without_parameters_resumes(tmp_path):
    (tmp_path / "net.prototxt").write_text(
        'layer { name: "x" type: "DummyData" top: "x" dummy_data_param { shape { dim: 2 } } }'
        'layer { name: "y" type: "Sigmoid" bottom: "x" top: "y" loss_weight: 1 }'
    )
    path = tmp_path / "solver.prototxt"
    path.write_text(f'net: "{tmp_path}/net.prototxt" base_lr: 1 lr_policy: "fixed" snapshot_prefix: "{tmp_path}/s"')
    solver, resumed = get_solver(path), get_solver(path)
    assert solver.step(3) == pytest.approx(1.0)
    resumed.restore(solver.snapshot()[1])
    assert resumed.iter == 3


def test_files_in_the_wrong_place_are_explained(tiny):
    solver = get_solver(tiny)
    model, state = solver.snapshot()
    with pytest.raises(ProtoError, match=r"looks like a caffemodel.*solver state"):
        solver.restore(model)
    with pytest.raises(ProtoError, match="looks like a solver state"):
        solver.net.copy_from(state)


def test_a_state_of_another_net_is_refused(tiny, tmp_path):
    _, state = get_solver(tiny).snapshot()
    other = (tmp_path / "net.prototxt").read_text().replace("num_output: 4", "num_output: 5")
    (tmp_path / "net.prototxt").write_text(other)
    with pytest.raises(WeightsError, match=r"history 0 is 4 x 2 x 3 x 3, the net's parameter is 5 x 2 x 3 x 3"):
        get_solver(tiny).restore(state)


def test_a_state_whose_weights_lack_a_layer_is_refused(tiny, tmp_path):
    _, state = get_solver(tiny).snapshot()
    other = (tmp_path / "net.prototxt").read_text().replace('name: "ip"', 'name: "ip_new"')
    (tmp_path / "net.prototxt").write_text(other)
    with pytest.raises(WeightsError, match=r'have none for "ip_new"; expected a state of the same net'):
        get_solver(tiny).restore(state)
