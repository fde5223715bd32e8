"""``minicaffe check`` as a user runs it."""

import json

import pytest

from minicaffe.cli import main


def run(capsys, *words):
    status = main(["check", *words])
    out, err = capsys.readouterr()
    return status, out, err


def test_a_table_for_each_phase(project, capsys):
    status, out, err = run(capsys, "net.prototxt")
    assert (status, err) == (0, "")
    assert "tiny (TRAIN)" in out and "tiny (TEST)" in out
    assert "  conv   Convolution      8 x 4 x 4 x 4             36          4,608  2,048\n" in out
    assert "split" not in out
    assert out.endswith("net.prototxt: no error\n")


def test_absent_data_bring_a_note_and_no_error(project, capsys):
    project.net(old="test_lmdb", new="cifar10_test_lmdb")
    status, out, err = run(capsys, "net.prototxt", "--phase", "TEST")
    assert status == 0
    assert err.startswith('minicaffe: note: net.prototxt:7: layer "data": cifar10_test_lmdb: no such folder')
    assert err.endswith("; shapes are assumed\n") and err.count("\n") == 1
    assert "5 x 3 x 32 x 32, 5" in out


def test_json(project, capsys):
    status, out, _ = run(capsys, "net.prototxt", "--json", "--phase", "TRAIN", "--shape", "data=1,2,3,3", "label=1")
    records = [json.loads(line) for line in out.splitlines()]
    assert (status, {record["event"] for record in records}) == (0, {"layer", "total", "done"})
    conv = next(record for record in records if record.get("name") == "conv")
    assert (conv["tops"], conv["parameters"]) == ({"conv": [8, 4, 4, 4]}, 36)  # the data are there, and tell


def test_every_error_is_told_with_status_2(project, capsys):
    project.net(old='type: "ReLU"', new='type: "ReLu"')
    status, out, err = run(capsys, "net.prototxt")
    assert (status, out) == (2, "")
    assert 'layer "relu": unknown layer type "ReLu"; did you mean "ReLU"' in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("text", ["data=1,x", "data=0,2", "data=-1"])
def test_a_shape_that_is_none(project, capsys, text):
    status, _, err = run(capsys, "net.prototxt", "--shape", text)
    assert status == 2
    assert "--shape data is" in err and "expected numbers of at least 1" in err


def test_a_solver_stands_for_its_nets(project, capsys):
    status, out, err = run(capsys, "solver.prototxt")
    assert status == 0 and err.count("\n") == err.count("minicaffe: note: solver.prototxt: ")
    assert "tiny (TRAIN)" in out and "tiny (TEST)" in out
    assert out.endswith("solver.prototxt: no error\n")


def test_a_solver_without_its_net(project, capsys):
    (project.folder / "net.prototxt").rename(project.folder / "other.prototxt")
    status, out, err = run(capsys, "solver.prototxt")
    assert (status, out) == (2, "")
    assert err.startswith("minicaffe: error: solver.prototxt: net: net.prototxt: no such file")


def test_a_solver_of_an_unknown_type(project, capsys):
    path = project.folder / "solver.prototxt"
    path.write_text(path.read_text() + 'type: "Adamm"')
    status, _, err = run(capsys, "solver.prototxt")
    assert status == 2 and 'solver type is "Adamm"' in err and 'did you mean "Adam"' in err


def test_shared_parameters_count_once_in_the_total(project, capsys, tmp_path):
    ip = 'type: "InnerProduct" param { name: "w" } inner_product_param { num_output: 4 bias_term: false }'
    text = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 4 } } }'
    text += f'layer {{ name: "a" {ip} bottom: "x" top: "a" }} layer {{ name: "b" {ip} bottom: "a" top: "b" }}'
    (tmp_path / "shared.prototxt").write_text(text)
    status, out, _ = run(capsys, str(tmp_path / "shared.prototxt"))
    assert status == 0
    total = next(line for line in out.splitlines() if line.startswith("  total"))
    assert total.split()[1] == "16"


def test_a_total_that_is_not_known(project, capsys, tmp_path):
    text = 'layer { name: "d" type: "Python" top: "a" python_param { module: "m" layer: "L" } }'
    text += 'layer { name: "r" type: "ReLU" bottom: "a" top: "b" }'
    (tmp_path / "python.prototxt").write_text(text)
    status, out, _ = run(capsys, str(tmp_path / "python.prototxt"))
    assert (
        status == 0 and next(line for line in out.splitlines() if line.startswith("  total")).split()[1:] == ["?"] * 3
    )


def test_the_shape_of_a_blob_that_is_not_there(project, capsys):
    assert run(capsys, "net.prototxt", "--shape", "dat=1,2")[2] == (
        'minicaffe: error: --shape dat: no layer writes a blob "dat"; did you mean "data"?\n'
    )
