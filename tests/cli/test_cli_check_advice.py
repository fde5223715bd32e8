"""What ``minicaffe check`` says beyond errors, and writes with --fix, as a user runs it."""

import json
from pathlib import Path

import numpy as np
import pytest

import minicaffe
from minicaffe.cli import main
from minicaffe.proto import caffe_pb2, write_weights

MODELS = Path(__file__).parents[2] / "models"
STORED = "batch_norm_param { use_global_stats: true }"


def run(capsys, *words):
    status = main(["check", *map(str, words)])
    out, err = capsys.readouterr()
    return status, out, err


def spoilt(project, more=STORED):
    return project.net(old='type: "BatchNorm"', new=f'type: "BatchNorm" {more}')


@pytest.mark.parametrize(
    "path", sorted(MODELS.glob("*/*.prototxt")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_all_models_are_clean(path, capsys):
    status, out, _ = run(capsys, path)
    assert status == 0 and "warning: " not in out and "\nnote: " not in out and out.endswith(".prototxt: no error\n")


@pytest.mark.parametrize("solver", sorted(MODELS.glob("*/solver*.prototxt")), ids=lambda path: path.parent.name)
def test_nets_of_models_suit_their_solvers(solver, capsys):
    nets = [path for path in solver.parent.glob("*.prototxt") if path.stem in ("train_test", "before", "after")]
    for net in nets:
        assert run(capsys, net, "--solver", solver)[0] == 0


def test_a_warning_names_the_place_and_the_remedy(project, capsys):
    spoilt(project)
    status, out, err = run(capsys, "net.prototxt")
    assert (status, err) == (1, "")
    lines = out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("warning: "))
    found = 'warning: net.prototxt:15:57: layer "bn": use_global_stats is true for TRAIN and TEST alike'
    assert lines[at].startswith(found) and lines[at].endswith(" [bn-one-for-both]")
    assert lines[at + 1].startswith("  It is wrong in TRAIN. Nothing is stored yet")
    assert lines[at + 2].startswith("  Take the field out; ")
    assert lines[at + 2].endswith(" (--fix takes use_global_stats out)")
    assert "use_global_stats: true" in Path("net.prototxt").read_text()
    assert out.endswith("net.prototxt: no error, 1 warning\n")


def without_scale(project):
    """A net whose BatchNorm goes into a Sigmoid: a note."""
    path = project.net(old='"ReLU"', new='"Sigmoid"')
    path.write_text(path.read_text().replace(" ok bn-without-scale", ""))
    return path


def test_a_note_is_no_warning_unless_asked(project, capsys):
    without_scale(project)
    status, out, _ = run(capsys, "net.prototxt")
    assert status == 0 and out.count("\nnote: ") == 1 and "[bn-without-scale]" in out
    assert run(capsys, "net.prototxt", "--strict")[0] == 1
    status, out, _ = run(capsys, "net.prototxt", "--strict", "--ignore", "bn-without-scale,bn-lr")
    assert status == 0 and "note: " not in out


def test_a_reason_is_told_once(project, capsys):
    path = spoilt(project)
    line = next(line for line in path.read_text().splitlines() if '"bn"' in line)
    path.write_text(path.read_text().replace(line, line + "\n" + line.replace('"bn"', '"bn2"')))
    _, out, _ = run(capsys, path)
    lines = [line.split(":")[0] for line in out.splitlines() if line.startswith(("warning: ", "  It is", "  Take"))]
    assert lines == ["warning", *lines[1:3], "warning"] and 'layer "bn2": use_global_stats is true' in out


def test_json(project, capsys):
    path = without_scale(project)
    path.write_text(path.read_text().replace('type: "BatchNorm"', f'type: "BatchNorm" {STORED}'))
    status, out, _ = run(capsys, "net.prototxt", "--json")
    records = [json.loads(line) for line in out.splitlines()]
    (found,) = (one for one in records if one["event"] == "finding")
    assert status == 1 and (found["rule"], found["path"], found["line"]) == ("bn-one-for-both", "net.prototxt", 15)
    assert found["fix"]["words"] == "takes use_global_stats out" and len(found["fix"]["edits"]) == 1
    assert (records[-1]["event"], records[-1]["warnings"], records[-1]["fixed"]) == ("done", 1, 0)
    assert [note["rule"] for note in records[-1]["notes"]] == ["bn-without-scale"]


def test_fix_writes_what_it_shows_and_is_done(project, capsys):
    good = project.net().read_text()
    path = spoilt(project, f"{STORED} param {{ lr_mult: 1 }}")
    path.write_text(path.read_text().replace('"ReLU"', '"RELU"'))
    path.chmod(0o640)
    status, out, _ = run(capsys, path.name, "--fix")
    assert status == 0
    assert "--- net.prototxt\n+++ net.prototxt (fixed)\n" in out
    assert 'fixed net.prototxt:15:57: layer "bn": takes use_global_stats out [bn-one-for-both]' in out
    wanted = good.replace('type: "BatchNorm"', 'type: "BatchNorm" param { lr_mult: 0 }')
    assert path.read_text() == wanted and path.stat().st_mode & 0o777 == 0o640
    before = path.stat().st_mtime_ns
    status, out, _ = run(capsys, path.name, "--fix")
    assert status == 0 and "fixed" not in out and path.stat().st_mtime_ns == before
    assert project.files() >= {"net.prototxt"} and not any(name.endswith(".tmp") for name in project.files())


def test_fix_keeps_other_encodings(project, capsys):
    path = spoilt(project)
    data = b"\xef\xbb\xbf# caf\xc3\xa9\r\n" + path.read_bytes().replace(b"\n", b"\r\n")
    path.write_bytes(data)
    assert run(capsys, path, "--fix")[0] == 0
    assert path.read_bytes() == data.replace(b" " + STORED.encode(), b"")
    data = b"# caf\xe9\n" + spoilt(project).read_bytes()
    path.write_bytes(data)
    assert run(capsys, path, "--fix")[0] == 0
    assert path.read_bytes() == data.replace(b" " + STORED.encode(), b"")


def test_what_is_fixed_before_an_error_is_shown(project, capsys):
    path = project.net(old='"ReLU"', new='"RELU"')
    path.write_text(path.read_text().replace('"InnerProduct"', '"Inn"'))
    status, out, err = run(capsys, path.name, "--fix")
    assert status == 2 and "fixed net.prototxt:16:22" in out and 'unknown layer type "Inn"' in err
    assert '"ReLU"' in path.read_text() and '"Inn"' in path.read_text()


def test_fix_in_a_solver_and_its_nets(project, capsys):
    net = spoilt(project)
    assert run(capsys, "solver.prototxt")[0] == 1
    status, out, _ = run(capsys, "solver.prototxt", "--fix")
    assert status == 0 and "use_global_stats" not in net.read_text() and "--- net.prototxt" in out
    inline = project.solver(old='net: "net.prototxt"', new=f"net_param {{ {spoilt(project).read_text()} }}")
    assert run(capsys, "solver.prototxt", "--fix")[0] == 0
    assert "use_global_stats" not in inline.read_text()


def test_twins_in_two_files(project, capsys):
    text = project.net().read_text()
    project.write("test.prototxt", text.replace('"bn"', '"bn_test"'))
    project.solver(old='net: "net.prototxt"', new='train_net: "net.prototxt" test_net: "test.prototxt"')
    status, out, _ = run(capsys, "solver.prototxt")
    assert (
        status == 1
        and 'warning: test.prototxt:15:9: layer "bn_test": it is called "bn" in TRAIN (net.prototxt:15)' in out
    )
    assert run(capsys, "solver.prototxt", "--fix")[0] == 0
    assert Path("test.prototxt").read_text() == text


def test_a_solver_beside_a_net(project, capsys):
    status, out, _ = run(capsys, "net.prototxt", "--solver", "solver.prototxt")
    assert status == 1 and "warning: solver.prototxt:11:1" in out and "[bn-window]" in out
    path = project.solver(old="max_iter: 20", new="max_iter: 20  # minicaffe: ok bn-window")
    assert run(capsys, "net.prototxt", "--solver", path)[0] == 0
    status, _, err = run(capsys, "solver.prototxt", "--solver", "solver.prototxt")
    assert status == 2 and "solver.prototxt is a solver; expected a net beside --solver solver.prototxt" in err


@pytest.mark.parametrize("form", ["caffemodel", "h5"])
def test_weights(project, capsys, form):
    path = str(project.folder / f"net.{form}")
    with minicaffe.Net("net.prototxt", "TEST", seed=1) as net:
        net.save(path) if form == "caffemodel" else net.save_hdf5(path)
    status, out, _ = run(capsys, "net.prototxt", "--weights", path)
    assert status == 1 and f'warning: {path}: layer "bn": its factor is 0' in out and "minicaffe bn-stats" in out


def test_weights_of_nvidias_layout(project, capsys):
    layer = caffe_pb2.LayerParameter(name="bn", type="BatchNorm")
    blobs = [np.ones((1, 4, 1, 1), np.float32)] * 5
    write_weights("five.caffemodel", "five", [(layer, [(blob, None) for blob in blobs])])
    status, out, _ = run(capsys, "net.prototxt", "--weights", "five.caffemodel")
    assert status == 1 and 'five.caffemodel: layer "bn": the file has 5 blobs for it' in out and "NVIDIA" in out


def test_rules(capsys):
    status, out, _ = run(capsys, "--rules")
    assert status == 0 and "bn-one-for-both (warning, --fix)\n  One BatchNorm serves" in out
    status, out, _ = run(capsys, "--rules", "--json")
    records = [json.loads(line) for line in out.splitlines()]
    assert len(records) == records[-1]["rules"] + 1 and set(records[0]) == {
        "event",
        "name",
        "level",
        "sentence",
        "fixes",
    }


def test_words_that_are_missing_or_wrong(project, capsys):
    assert run(capsys)[2] == "minicaffe: error: check needs a NET; expected minicaffe check NET\n"
    assert '"bn-scale" is no rule of check; did you mean' in run(capsys, "net.prototxt", "--ignore", "bn-scale")[2]
    assert "none.prototxt: no such file" in run(capsys, "none.prototxt", "--fix")[2]


def test_an_error_says_what_fix_would_do(project, capsys):
    spoilt(project, "param { lr_mult: 1 decay_mult: 1 }")
    status, _, err = run(capsys, "net.prototxt")
    assert status == 2 and err.count("--fix") == 1 and err.endswith("not weights (--fix makes lr_mult 0)\n")
    project.net(old='type: "BatchNorm"', new='type: "BatchNormLayer"')
    status, _, err = run(capsys, "net.prototxt")
    assert status == 2 and err.endswith('did you mean "BatchNorm"? (--fix makes the type "BatchNorm")\n')
    Path("net.prototxt").write_text("layer { $ }")
    assert run(capsys, "net.prototxt")[2].startswith("minicaffe: error: net.prototxt:1:9: unexpected character")


def test_json_of_a_net_that_cannot_be_built(project, capsys):
    project.net(old='type: "BatchNorm"', new='type: "BatchNormLayer"')
    status, out, err = run(capsys, "net.prototxt", "--json")
    problem, finding = map(json.loads, out.splitlines())
    assert status == 2 and problem["event"] == "error" and err.endswith(problem["problem"] + "\n")
    assert [finding[key] for key in ("event", "rule", "level", "path")] == [
        "finding",
        "layer-type",
        "error",
        "net.prototxt",
    ]
    assert finding["line"] == 15 and finding["fix"]["words"] == 'makes the type "BatchNorm"'
    Path("net.prototxt").write_text("layer { $ }")
    status, out, _ = run(capsys, "net.prototxt", "--json")
    assert status == 2 and json.loads(out)["problem"].startswith("net.prototxt:1:9: unexpected character")


def test_a_file_without_phases_is_judged_as_one_for_both(project, capsys):
    net = spoilt(project, "batch_norm_param { use_global_stats: false }").read_text()
    start, _, rest = net.partition('layer {\n  name: "data"')
    one_phase = start + 'layer {\n  name: "data"' + rest[rest.index('layer {\n  name: "data"') + 22 :]
    one_phase = one_phase.replace(" include { phase: TRAIN }", "").replace(" include { phase: TEST }", "")
    project.write("train.prototxt", one_phase)
    status, out, _ = run(capsys, "train.prototxt", "--ignore", "bn-without-scale,bn-small-batch")
    assert status == 1 and out.count("warning: ") == 1 and "is false whatever the phase [bn-one-for-both]" in out
    assert run(capsys, "train.prototxt", "--ignore", "bn-without-scale,bn-small-batch", "--fix")[0] == 0
