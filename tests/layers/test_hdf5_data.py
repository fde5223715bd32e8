"""HDF5Data: the order of rows against Caffe's runs, shuffles, resuming, and what can be wrong with the files."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from harness import LayerRun, layer_param

from minicaffe.errors import DataError, LayerError
from minicaffe.layers import layer_class
from minicaffe.solver import get_solver

RUNS = sorted((Path(__file__).parents[1] / "golden" / "solvers_hdf5").glob("*.npz"))


@pytest.mark.parametrize("plan", ["inspect", "fast"])
@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_batches_and_parameters_are_caffes(path, plan, tmp_path, monkeypatch):
    case = np.load(path)
    (tmp_path / "net.prototxt").write_text(str(case["net"]))
    (tmp_path / "solver.prototxt").write_text(str(case["solver"]))
    (tmp_path / "list.txt").write_text("data.h5\n")
    write(tmp_path / "data.h5", x=case["data_x"], t=case["data_t"])
    monkeypatch.chdir(tmp_path)
    solver = get_solver(tmp_path / "solver.prototxt", plan=plan)
    weights = solver.net.params["i1"]
    for i, blob in enumerate(weights):
        blob.data[...] = case[f"init_{i}"]
    for k in range(int(case["iters"])):
        solver.step(1)
        assert (solver.net.blobs["x"].data == case["batches"][k]).all()
        for i, blob in enumerate(weights):
            np.testing.assert_allclose(blob.data, case[f"params_{i}"][k], rtol=1e-5, atol=1e-6)
    solver.net.close()


def test_a_run_resumed_from_a_snapshot_is_the_same_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    case = np.load(RUNS[0])
    write(tmp_path / "data.h5", x=case["data_x"], t=case["data_t"])
    net = str(case["net"]).replace("batch_size: 5", "batch_size: 5 shuffle: true").replace("list.txt", "data.h5")
    (tmp_path / "net.prototxt").write_text(net)
    (tmp_path / "solver.prototxt").write_text(str(case["solver"]))
    straight = get_solver(tmp_path / "solver.prototxt")
    straight.step(4)
    straight.snapshot()
    straight.step(7)
    resumed = get_solver(tmp_path / "solver.prototxt")
    resumed.restore("s_iter_4.solverstate")
    resumed.step(7)
    for one, other in zip(straight.net.params["i1"], resumed.net.params["i1"]):
        assert (one.data == other.data).all()
    assert straight.net.state() == resumed.net.state()


def test_the_cases_are_here():
    assert len(RUNS) == 2


def write(path, **sets):
    with h5py.File(path, "w") as h5:
        for name, values in sets.items():
            h5[name] = values
    return path


@pytest.fixture
def files(tmp_path):
    """``files(3, 4)``: a list of files of 3 and 4 rows, numbered through; "y" holds ten times the number."""

    def make(*counts):
        first, names = 0, []
        for k, count in enumerate(counts):
            rows = np.arange(first, first + count)
            write(tmp_path / f"{k}.h5", x=rows[:, None] + np.zeros((1, 2)), y=10 * rows)
            names.append(f"{tmp_path}/{k}.h5")
            first += count
        (tmp_path / "list.txt").write_text("\n\n".join(names) + "\n")
        return tmp_path / "list.txt"

    return make


def make(source, options="", tops=("x", "y"), **more):
    text = f'type: "HDF5Data" hdf5_data_param {{ source: "{source}" batch_size: 4 {options} }}'
    param = layer_param(text)
    param.top.extend(tops)
    return LayerRun(param, [], **more)


def take(run, count):
    rows = []
    for _ in range(count):
        x, y = run.forward()
        assert (x == y[:, None] / 10).all()
        rows.append((y / 10).astype(int).tolist())
    return rows


def test_rows_run_on_over_the_borders_of_files(files):
    run = make(files(3, 4))
    assert [top.shape for top in run.tops] == [(4, 2), (4,)]
    assert take(run, 4) == [[0, 1, 2, 3], [4, 5, 6, 0], [1, 2, 3, 4], [5, 6, 0, 1]]


def test_a_batch_of_more_rows_than_there_are(files):
    assert take(make(files(1, 1, 1)), 2) == [[0, 1, 2, 0], [1, 2, 0, 1]]


def test_a_source_that_is_the_file(tmp_path, files):
    files(6)
    assert take(make(tmp_path / "0.h5"), 2) == [[0, 1, 2, 3], [4, 5, 0, 1]]


def test_any_shape_and_number_becomes_the_nets(tmp_path):
    values = {"a": np.arange(24, dtype=np.int8).reshape(4, 1, 3, 2), "b": np.full((4, 1), 1 / 3), "c": np.arange(4) > 1}
    values["c"] = values["c"].astype(np.uint64)
    path = write(tmp_path / "f.h5", **values)
    for dtype in ("float32", "float64"):
        for top, name in zip(make(path, tops=values, dtype=dtype).forward(), values):
            assert top.dtype == dtype
            assert (top == values[name].astype(dtype)).all()


def test_shuffles(files):
    source, epochs = files(3, 5), 4
    rows = np.array(take(make(source, "shuffle: true"), 2 * epochs)).reshape(epochs, 8)
    for order in rows:
        groups = [order[:3], order[3:]] if order[0] < 3 else [order[5:], order[:5]]
        assert [sorted(group) for group in groups] == [[0, 1, 2], [3, 4, 5, 6, 7]]
    assert len({tuple(order) for order in rows.tolist()}) == epochs
    first = [take(make(source, "shuffle: true", seed=seed), 1)[0][0] for seed in range(40)]
    assert set(first) == set(range(8))
    assert take(make(source, "shuffle: true"), 4) == rows.reshape(8, 4)[:4].tolist()


@pytest.mark.parametrize("taken", [0, 1, 5])
@pytest.mark.parametrize("options", ["", "shuffle: true"])
def test_a_restored_layer_goes_on_exactly(files, options, taken):
    source = files(3, 2, 4)
    straight = make(source, options)
    take(straight, taken)
    state = straight.layer.state()
    assert all(isinstance(value, int) for value in state.values())
    expected = take(straight, 5)
    other = make(source, options)
    take(other, 2)
    other.layer.restore(state)
    assert other.layer.state() == state
    assert take(other, 5) == expected


def test_another_seed_in_the_middle_of_a_file(files):
    source = files(2, 9)
    run = make(source, "shuffle: true")
    for seed in range(20):
        run.layer.seed = seed
        take(run, 1)


@pytest.mark.parametrize(
    "text, message",
    [
        ("hdf5_data_param { batch_size: 1 }", "hdf5_data_param has no source; expected a list of HDF5 files"),
        ('hdf5_data_param { source: "x" }', "batch_size is 0; expected at least 1"),
        (
            'hdf5_data_param { source: "x" batch_size: 1 } transform_param { scale: 2 }',
            "HDF5Data does not transform its data; expected no transform_param",
        ),
    ],
)
def test_options_that_make_no_sense(text, message):
    with pytest.raises(LayerError) as caught:
        layer_class("HDF5Data")(layer_param(f'type: "HDF5Data" {text}', 0, 1), "TRAIN")
    assert str(caught.value) == message


def refused(source, tops=("x", "y")):
    with pytest.raises(DataError) as caught:
        make(source, tops=tops)
    return str(caught.value)


def test_what_can_be_wrong_with_the_list(tmp_path, files):
    source = files(3)
    assert refused(tmp_path / "lis.txt") == f'{tmp_path}/lis.txt: no such file; did you mean "list.txt"?'
    assert refused(tmp_path) == f"{tmp_path}: is a folder; expected a list of HDF5 files, or one"
    source.write_text("\n")
    assert refused(source) == f"{source}: the list is empty; expected the path of an HDF5 file on each line"
    source.write_text(f"{tmp_path}/0.h5\n\n{tmp_path}/7.h5\n")
    assert refused(source) == f"{source}:3: {tmp_path}/7.h5: no such file"
    source.write_bytes(b"\xff\xfe\x00")
    assert refused(source) == f"{source}: is no text; expected a list of HDF5 files, or one"


def test_what_can_be_wrong_with_a_file(tmp_path, files):
    source = files(3, 2)
    place = f"{source}:3: {tmp_path}/1.h5"
    y = np.zeros(2)
    cases = [
        ({"x": np.zeros((2, 3)), "y": y}, f'rows of "x" are 3; expected 2, as in {tmp_path}/0.h5'),
        ({"x": np.zeros((3, 2)), "y": y}, '"y" has 2 rows; expected 3, as "x"'),
        ({"x": np.zeros((0, 2)), "y": np.zeros(0)}, '"x" has no rows; expected at least 1'),
        ({"x": 1.0, "y": y}, '"x" is a single value; expected rows'),
        ({"x": np.array([b"a", b"b"]), "y": y}, '"x" has values of type |S1; expected floats or integers'),
        ({"y": y, "x1": y}, 'no data set "x"; did you mean "x1"?; it has x1, y'),
    ]
    for sets, message in cases:
        write(tmp_path / "1.h5", **sets)
        assert refused(source) == f"{place}: {message}"
    (tmp_path / "1.h5").write_bytes(b"nothing of the kind")
    assert refused(source).startswith(f"{place}: cannot be read as HDF5 (")


def test_h5py_is_named_where_it_is_missing(monkeypatch, files):
    source = files(3)
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    assert refused(source).endswith("needs h5py, which is not installed: pip install minicaffe[hdf5]")


def test_a_state_that_does_not_fit(files):
    run = make(files(3, 2))
    with pytest.raises(DataError, match=r"no file 2 to resume in; expected 0 to 1$"):
        run.layer.restore({"epoch": 0, "file": 2, "row": 0})
    with pytest.raises(DataError, match=r"no row 2 to resume at; expected 0 to 1$"):
        run.layer.restore({"epoch": 0, "file": 1, "row": 2})


def test_every_fault_of_the_package_is_told(monkeypatch, files, tmp_path):
    import h5py

    def broken(self):
        raise RuntimeError("Link iteration failed\n  (unable to go on)")

    source = files(3)
    monkeypatch.setattr(h5py.Group, "__iter__", broken)
    monkeypatch.setattr(h5py.Group, "get", lambda self, name: None)
    assert refused(source).endswith("cannot be read as HDF5 (Link iteration failed (unable to go on))")
