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
