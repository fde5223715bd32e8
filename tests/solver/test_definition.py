"""In which state each net of a solver runs: its role, then the net's own text, then the solver's word."""

import pytest

from minicaffe.errors import SolverError
from minicaffe.solver import get_solver

RULES = {
    "TRAIN": "phase: TRAIN",
    "TEST": "phase: TEST",
    "own": 'stage: "own"',
    "solver": 'stage: "solver"',
    "2": "min_level: 2",
    "5": "min_level: 5",
}
NET = 'layer { name: "x" type: "DummyData" top: "x" dummy_data_param { shape { dim: 2 } } }\n' + "".join(
    f'layer {{ name: "{name}" type: "ReLU" bottom: "x" top: "y{name}" include {{ {rule} }} }}\n'
    for name, rule in RULES.items()
)


def layers(tmp_path, own, solver):
    """The layers that the rules leave, in the training net and in each test net."""
    (tmp_path / "net.prototxt").write_text(f"{own}\n{NET}")
    path = tmp_path / "solver.prototxt"
    path.write_text(
        f'net: "{tmp_path}/net.prototxt" base_lr: 1 lr_policy: "fixed" snapshot_prefix: "{tmp_path}/s" '
        f"test_interval: 1 test_iter: 1 test_iter: 1 {solver}"
    )
    built = get_solver(path)
    return [[layer.name for layer in net.layers if layer.type == "ReLU"] for net in (built.net, *built.test_nets)]


@pytest.mark.parametrize(
    "own, solver, expected",
    [
        ("", "", [["TRAIN"], ["TEST"], ["TEST"]]),
        (
            'state { stage: "own" level: 2 }',
            'test_state { stage: "solver" } test_state { level: 5 }',
            [["TRAIN", "own", "2"], ["TEST", "own", "solver", "2"], ["TEST", "own", "2", "5"]],
        ),
        ("", 'train_state { stage: "solver" level: 5 }', [["TRAIN", "solver", "2", "5"], ["TEST"], ["TEST"]]),
        ("", "test_state { phase: TRAIN } test_state { }", [["TRAIN"], ["TRAIN"], ["TEST"]]),
        ("state { phase: TEST }", "train_state { phase: TRAIN }", [["TRAIN"], ["TEST"], ["TEST"]]),
    ],
)
def test_states(tmp_path, own, solver, expected):
    assert layers(tmp_path, own, solver) == expected


def test_one_state_for_each_test_net(tmp_path):
    with pytest.raises(SolverError, match="found 1 test_state and 2 test nets; expected none, or one for each"):
        layers(tmp_path, "", "test_state { }")


def test_order_and_sources_of_test_nets(tmp_path):
    """Those inline first, then those by file, then the common net for every test_iter that is left."""
    one = 'layer {{ name: "{0}" type: "DummyData" top: "{0}" dummy_data_param {{ shape {{ dim: 2 }} }} }}'
    for name in ("common", "file"):
        (tmp_path / f"{name}.prototxt").write_text(f'name: "{name}" {one.format("x")}')
    path = tmp_path / "solver.prototxt"
    path.write_text(
        f'net: "{tmp_path}/common.prototxt" test_net: "{tmp_path}/file.prototxt" base_lr: 1 lr_policy: "fixed" '
        f'test_net_param {{ name: "first" {one.format("x")} }} test_net_param {{ name: "second" {one.format("x")} }} '
        f'test_interval: 1 test_iter: [1, 2, 3, 4] test_state {{ }} test_state {{ }} test_state {{ stage: "s" }} '
        f'test_state {{ }} snapshot_prefix: "{tmp_path}/s"'
    )
    solver = get_solver(path)
    assert [net.name for net in solver.test_nets] == ["first", "second", "file", "common"]
    assert solver.net.name == "common"


def test_what_is_for_gpus_has_a_note(tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    path = tmp_path / "solver.prototxt"
    path.write_text(
        f'net: "{tmp_path}/net.prototxt" base_lr: 1 lr_policy: "fixed" snapshot_prefix: "{tmp_path}/s" '
        "solver_mode: CPU device_id: 1 layer_wise_reduce: false"
    )
    tail = "has no effect: it is for GPUs, and this program runs on the CPU"
    assert get_solver(path).notes == (f"{path}: device_id {tail}", f"{path}: layer_wise_reduce {tail}")
