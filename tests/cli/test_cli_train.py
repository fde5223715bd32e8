"""``minicaffe train`` on a tiny net: lines, files, records, and every way that input can be bad."""

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import struct
import sys
import termios

import numpy as np
import pytest

from minicaffe.cli import main

SIDE = 'layer { name: "side" type: "ReLU" bottom: "data" top: "side" include { stage: "more" min_level: 2 } }\n'
UNTESTED = ("test_interval=1000000000", "test_initialization=false")


def parsed(log: str):
    """Read a log as Caffe's own parse_log does: a row per iteration and phase."""
    rows = {"Train": [], "Test": []}
    iteration, lr = None, None
    for line in log.splitlines():
        if found := re.search(r"Iteration (\d+)", line):
            iteration = int(found[1])
        if found := re.search(r"lr = ([-+]?[0-9]*\.?[0-9]+([eE]?[-+]?[0-9]+)?)", line):
            lr = float(found[1])
        for phase, found_rows in rows.items():
            if found := re.search(phase + r" net output #(\d+): (\S+) = ([\.\deE+-]+)", line):
                if not found_rows or found_rows[-1]["iteration"] != iteration:
                    found_rows.append({"iteration": iteration})
                found_rows[-1][found[2]] = float(found[3])
    return rows["Train"], rows["Test"], lr


def weights_of(path):
    from minicaffe.proto import read_weights

    return {(name, i): array for name, arrays in read_weights(str(path)).items() for i, array in enumerate(arrays)}


def test_a_training_writes_caffes_log_its_files_and_one_line(project, capsys):
    assert main(["train", "solver.prototxt"]) == 0
    shown = capsys.readouterr()
    train, test, lr = parsed(shown.err)
    assert [row["iteration"] for row in train] == [0, 5, 10, 15]
    assert [row["iteration"] for row in test] == [0, 10, 20]
    assert lr == 0.05
    assert train[-1]["loss"] < train[0]["loss"]
    assert set(test[-1]) == {"iteration", "accuracy", "loss"}
    places = [line.split()[3] for line in shown.err.splitlines() if re.match(r"[IW]\d{4} ", line)]
    assert places[:2] == ["caffe.cpp:197]", "solver.cpp:45]"]
    assert places[-2:] == ["solver.cpp:332]", "caffe.cpp:250]"]
    names = {f"snap/tiny_iter_{n}.{kind}" for n in (15, 20) for kind in ("caffemodel", "solverstate")}
    assert names <= project.files()
    accuracy, loss = test[-1]["accuracy"], test[-1]["loss"]
    assert re.fullmatch(
        rf"tiny: 20 iterations in \d\.\d s, test accuracy {accuracy:.4f}, loss (\d+\.\d{{4}}); "
        r"wrote snap/tiny_iter_20\.caffemodel and \.solverstate\n",
        shown.out,
    )
    assert float(re.search(r"loss (\S+);", shown.out)[1]) == pytest.approx(loss, abs=1e-4)


def test_without_a_terminal_there_is_no_bar(project, capsys):
    assert main(["train", "solver.prototxt", "--set", "max_iter=2", *UNTESTED]) == 0
    shown = capsys.readouterr().err
    assert "\r" not in shown and "%|" not in shown


def test_json_gives_one_object_per_line_and_no_prose(project, capsys):
    assert main(["train", "solver.prototxt", "--json"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["event"] for record in records] == [
        *("test", "display", "display", "test", "display", "display", "test", "done")
    ]
    display, test, done = records[1], records[-2], records[-1]
    assert display["iteration"] == 0 and display["lr"] == pytest.approx(0.05)
    assert display["outputs"] == {"loss": pytest.approx(display["loss"])}
    assert set(test["outputs"]) == {"accuracy", "loss"}
    assert done["tests"] == {"0": test["outputs"]}
    assert (done["iteration"], done["iterations"], done["stopped_early"]) == (20, 20, False)
    assert done["model"] == "snap/tiny_iter_20.caffemodel"


def test_set_and_seed_change_the_solver(project, capsys):
    words = ["train", "-solver=solver.prototxt", "--seed", "5", "--set", "max_iter=3", "display=1"]
    assert main([*words, "snapshot_prefix=other/x"]) == 0
    assert "max_iter: 3" in capsys.readouterr().err
    first = weights_of("other/x_iter_3.caffemodel")
    assert main([*words, "snapshot_prefix=again/x", "--threads", "1"]) == 0
    again = weights_of("again/x_iter_3.caffemodel")
    assert all((first[key] == again[key]).all() for key in first)


def test_weights_and_snapshot_go_on_from_files(project, capsys):
    assert main(["train", "solver.prototxt"]) == 0
    straight = weights_of("snap/tiny_iter_20.caffemodel")
    capsys.readouterr()
    words = ["train", "solver.prototxt", "-snapshot", "snap/tiny_iter_15.solverstate"]
    assert main([*words, "--set", "snapshot_prefix=resumed/tiny"]) == 0
    shown = capsys.readouterr()
    assert "caffe.cpp:235] Resuming from snap/tiny_iter_15.solverstate\n" in shown.err
    assert "sgd_solver.cpp:336] SGDSolver: restoring history\n" in shown.err
    assert shown.out.startswith("tiny: 5 iterations in ") and ", from 15 to 20," in shown.out
    resumed = weights_of("resumed/tiny_iter_20.caffemodel")
    assert all((straight[key] == resumed[key]).all() for key in straight)

    words = [
        "train",
        "solver.prototxt",
        "-weights",
        "snap/tiny_iter_20.caffemodel",
        "--set",
        "max_iter=0",
        "snapshot=0",
    ]
    assert main([*words, "snapshot_prefix=tuned/tiny"]) == 0
    shown = capsys.readouterr().err
    assert shown.count("] Finetuning from snap/tiny_iter_20.caffemodel\n") == 2
    assert 'weights: "snap/tiny_iter_20.caffemodel"\n' in shown
    tuned = weights_of("tuned/tiny_iter_0.caffemodel")
    assert all(np.array_equal(straight[key], tuned[key]) for key in straight)


def test_layers_that_find_no_partner_are_named(project, capsys):
    assert main(["train", "solver.prototxt", "--set", "max_iter=1"]) == 0
    project.net(old='name: "ip" type', new='name: "classifier" type')
    capsys.readouterr()
    assert main(["train", "solver.prototxt", "--set", "max_iter=1", "--weights", "snap/tiny_iter_1.caffemodel"]) == 0
    shown = capsys.readouterr().err
    assert "] Ignoring source layer ip\n" in shown
    assert "snap/tiny_iter_1.caffemodel has no weights for classifier: left as they were\n" in shown


def test_snapshots_in_hdf5_are_written_and_taken_up(project, capsys):
    assert main(["train", "solver.prototxt"]) == 0
    straight = weights_of("snap/tiny_iter_20.caffemodel")
    hdf5 = ["--set", "snapshot_format=HDF5"]
    assert main(["train", "solver.prototxt", *hdf5, "snapshot_prefix=h5/tiny"]) == 0
    shown = capsys.readouterr()
    assert "] Snapshotting solver state to HDF5 file h5/tiny_iter_15.solverstate.h5\n" in shown.err
    assert shown.out.endswith("; wrote h5/tiny_iter_20.caffemodel.h5 and .solverstate.h5\n")
    words = ["train", "solver.prototxt", "--snapshot", "h5/tiny_iter_15.solverstate.h5"]
    assert main([*words, "--set", "snapshot_prefix=resumed/tiny"]) == 0  # a state's form is its own
    for path in ("h5/tiny_iter_20.caffemodel.h5", "resumed/tiny_iter_20.caffemodel"):
        found = weights_of(path)
        assert all(np.array_equal(straight[key], found[key]) for key in straight), path
    assert main(["test", "net.prototxt", "--weights", "h5/tiny_iter_20.caffemodel.h5", "--iterations", "1"]) == 0
    words = ["train", "solver.prototxt", "--set", "max_iter=0", "snapshot=0", "snapshot_prefix=tuned/tiny", "--weights"]
    assert main([*words, "h5/tiny_iter_20.caffemodel.h5"]) == 0
    tuned = weights_of("tuned/tiny_iter_0.caffemodel")
    assert all(np.array_equal(straight[key], tuned[key]) for key in straight)


def test_hdf5_without_h5py_is_refused_before_training(project, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert main(["train", "solver.prototxt", "--set", "snapshot_format=HDF5"]) == 2
    assert "HDF5 files need h5py; expected it to be installed: pip install minicaffe[hdf5]" in capsys.readouterr().err
    assert "snap" not in {path.split("/")[0] for path in project.files()}


def test_weights_of_the_solver_file_are_reported(project, capsys):
    assert main(["train", "solver.prototxt", "--set", "max_iter=1"]) == 0
    project.net(old='name: "ip" type', new='name: "classifier" type')
    project.solver("random_seed: 3", 'random_seed: 3 weights: "snap/tiny_iter_1.caffemodel"')
    capsys.readouterr()
    assert main(["train", "solver.prototxt", "--set", "max_iter=1"]) == 0
    shown = capsys.readouterr().err
    assert shown.count("] Ignoring source layer ip\n") == 1
    assert "snap/tiny_iter_1.caffemodel has no weights for classifier: left as they were\n" in shown
    project.net()
    assert main(["train", "solver.prototxt", "--set", "max_iter=1", "weights="]) == 0
    (project.folder / "other.caffemodel").write_bytes((project.folder / "snap/tiny_iter_1.caffemodel").read_bytes())
    project.net(old='name: "ip" type', new='name: "classifier" type')
    both = "snap/tiny_iter_1.caffemodel,other.caffemodel"
    assert main(["train", "solver.prototxt", "--set", "max_iter=1", "--weights", both]) == 0
    assert " and other.caffemodel have no weights for classifier: left as they were\n" in capsys.readouterr().err


def test_shared_weights_are_noted(project, capsys):
    old = 'layer {\n  name: "ip"'
    extra = (
        'layer {{ name: "{0}" type: "InnerProduct" bottom: "conv" top: "{0}" '
        'param {{ name: "w" }} inner_product_param {{ num_output: 2 bias_term: false '
        'weight_filler {{ type: "xavier" }} }} }}\n'
    )
    silent = 'layer { name: "quiet" type: "Silence" bottom: "one" bottom: "two" }\n'
    project.net(old=old, new=extra.format("one") + extra.format("two") + silent + old)
    assert main(["train", "solver.prototxt", "--set", "max_iter=1"]) == 0
    assert main(["test", "net.prototxt", "--weights", "snap/tiny_iter_1.caffemodel", "--iterations", "1"]) == 0
    shown = capsys.readouterr().err
    assert "parameters that share their memory were copied once: two[0] with one[0]\n" in shown


@pytest.mark.parametrize(
    ("words", "mode", "notes"),
    [
        ([], "CPU", 0),
        ([], "GPU", 1),
        (["-gpu", "0"], "CPU", 1),
        (["--gpu=all"], "GPU", 1),
    ],
)
def test_asking_for_a_gpu_brings_one_note(project, capsys, words, mode, notes):
    project.solver('net: "net.prototxt"', f'net: "net.prototxt" solver_mode: {mode}')
    assert main(["train", "solver.prototxt", "--set", "max_iter=1", *words]) == 0
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("W") and "CPU" in line]
    assert len(warnings) == notes


BAD_NETS = {
    "prototxt typo": ("kernel_size: 3", "kernel_sise: 3", ["net.prototxt:13:", '"kernel_sise"', "kernel_size"]),
    "unknown type": ('type: "ReLU"', 'type: "Relu6"', ['"Relu6"', "ReLU"]),
    "wrong number of bottoms": ('type: "ReLU" bottom: "conv"', 'type: "ReLU"', ["relu", "0 bottoms"]),
    "zero dimension": ("num_output: 4", "num_output: 0", ["conv", "num_output"]),
    "unknown bottom": ('bottom: "ip" bottom: "label"', 'bottom: "ipp" bottom: "label"', ['"ipp"', '"ip"']),
    "shape mismatch": (
        'name: "relu" type: "ReLU" bottom: "conv" top: "conv"',
        'name: "sum" type: "Eltwise" bottom: "conv" bottom: "data" top: "conv"',
        ["sum", "8 x 4 x 4 x 4", "8 x 1 x 6 x 6"],
    ),
    "larger than a blob may be": ("num_output: 4", "num_output: 2000000000", ["conv", "at most 2,147,483,647"]),
    "data missing": ("train_lmdb", "train_lmbd", ["train_lmbd", "train_lmdb"]),
}


@pytest.mark.parametrize(("old", "new", "words"), BAD_NETS.values(), ids=BAD_NETS.keys())
def test_a_bad_net_is_told_and_nothing_is_touched(project, capsys, old, new, words):
    project.net(old=old, new=new)
    before = project.files()
    assert main(["train", "solver.prototxt"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert all(line.startswith("minicaffe: error: ") for line in shown.err.splitlines())
    assert all(word in shown.err for word in words), shown.err
    assert project.files() == before


def write_images(folder, *shapes):
    """An LMDB with one image of each shape."""
    import lmdb

    from minicaffe.data.datum import datum_from_array

    shutil.rmtree(folder)
    with lmdb.open(str(folder), map_size=1 << 20) as env, env.begin(write=True) as txn:
        for i, shape in enumerate(shapes):
            datum = datum_from_array(np.zeros(shape, np.uint8), 0)
            txn.put(f"{i:05d}".encode(), datum.SerializeToString())


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ([], ["train_lmdb", "empty"]),
        ([(1, 6, 6), (1, 5, 6)], ["train_lmdb", "00001", "1 x 5 x 6", "1 x 6 x 6"]),
    ],
    ids=["empty", "of other sizes"],
)
def test_bad_data_is_one_sentence(project, capsys, shapes, words):
    write_images(project.folder / "train_lmdb", *shapes)
    assert main(["train", "solver.prototxt", "--set", *UNTESTED]) == 2
    shown = capsys.readouterr().err.splitlines()[-1]
    assert shown.startswith("minicaffe: error: ")
    assert all(word in shown for word in words), shown
    assert not (project.folder / "snap").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["none.prototxt"], "none.prototxt: "),
        (["solver.prototxt", "--weights", "none.caffemodel"], "none.caffemodel: "),
        (["solver.prototxt", "--weights", "net.prototxt"], "net.prototxt: "),
        (["solver.prototxt", "--snapshot", "none.solverstate"], "none.solverstate: "),
        (["solver.prototxt", "--set", "max_itr=5"], 'a solver has no field "max_itr"; did you mean "max_iter"?'),
        (["solver.prototxt", "--set", "max_iter=many"], '"max_iter" takes an integer; found many'),
        (["net.prototxt"], "net.prototxt"),
    ],
)
def test_bad_words_for_files_and_fields(project, capsys, words, sentence):
    before = project.files()
    assert main(["train", *words]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("minicaffe: error: ")
    assert shown.err.count("\n") == 1
    assert sentence in shown.err
    assert project.files() == before


def test_weights_of_another_shape_give_a_table(project, capsys):
    assert main(["train", "solver.prototxt", "--set", "max_iter=1"]) == 0
    project.net(classes=5)
    capsys.readouterr()
    assert main(["train", "solver.prototxt", "--weights", "snap/tiny_iter_1.caffemodel"]) == 2
    shown = capsys.readouterr().err
    assert re.search(r"ip\[0\] +3 x 64 +5 x 64\n", shown)
    assert re.search(r"ip\[1\] +3 +5\n", shown)


@pytest.mark.parametrize("kind", ["caffemodel", "solverstate"])
def test_a_truncated_file_is_told(project, capsys, kind):
    assert main(["train", "solver.prototxt", "--set", "max_iter=1"]) == 0
    path = project.folder / f"snap/tiny_iter_1.{kind}"
    path.write_bytes(path.read_bytes()[:-20])
    capsys.readouterr()
    flag = "--weights" if kind == "caffemodel" else "--snapshot"
    assert main(["train", "solver.prototxt", flag, str(path)]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith(f"minicaffe: error: {path}: ") and shown.count("\n") == 1


def test_the_two_files_of_a_snapshot_mixed_up(project, capsys):
    assert main(["train", "solver.prototxt", "--set", "max_iter=1"]) == 0
    for flag, kind in (("--weights", "solverstate"), ("--snapshot", "caffemodel")):
        capsys.readouterr()
        assert main(["train", "solver.prototxt", flag, f"snap/tiny_iter_1.{kind}"]) == 2
        shown = capsys.readouterr().err
        assert shown.count("\n") == 1
        assert f"snap/tiny_iter_1.{kind}" in shown


def test_a_label_outside_the_classes(project, capsys):
    project.net(classes=2)
    assert main(["train", "solver.prototxt", "--set", *UNTESTED]) == 2
    shown = capsys.readouterr().err.splitlines()[-1]
    assert shown.startswith('minicaffe: error: layer "loss" (SoftmaxWithLoss): label 2 at batch index 2')


def test_a_loss_that_is_not_finite(project, capsys):
    project.net(old="scale: 0.00390625", new="scale: 1e36")
    assert main(["train", "solver.prototxt", "--set", *UNTESTED]) == 2
    shown = capsys.readouterr().err.splitlines()[-1]
    assert shown.startswith(
        'minicaffe: error: iteration 0: the loss is not finite, first seen in blob "conv" of layer "conv" '
    )
    assert "the state before this iteration is in snap/tiny_iter_0.caffemodel" in shown
    assert "snap/tiny_iter_0.caffemodel" in project.files()


def test_check_finite_names_layer_blob_and_number(project, capsys):
    project.net(old="scale: 0.00390625", new="scale: 1e36")
    words = ["train", "solver.prototxt", "--check_finite", "--plan", "inspect", "--set", *UNTESTED]
    assert main(words) == 2
    shown = capsys.readouterr().err.splitlines()[-1]
    assert shown.startswith('minicaffe: error: iteration 0: blob "conv" of layer "conv" (Convolution) holds inf at 0, ')
    assert "numbers are not finite; the state before this iteration is in snap/tiny_iter_0.caffemodel" in shown


def test_a_folder_that_cannot_be_written(project, capsys):
    project.write("snap", "a file where the folder should be")
    assert main(["train", "solver.prototxt"]) == 2
    folder = project.folder / "snap"
    expected = f'minicaffe: error: snapshot_prefix is "snap/tiny", but {folder} is no folder\n'
    assert capsys.readouterr().err == expected


def test_on_a_terminal_the_bar_and_the_lines_never_mix(project):
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("4H", 40, 110, 0, 0))
    process = project.start("train", "solver.prototxt", stderr=end)
    os.close(end)
    shown = read_all(terminal)
    assert process.wait(timeout=60) == 0
    pieces = [piece for line in shown.split("\n") for piece in line.split("\r") if piece.strip()]
    lines = [piece for piece in pieces if "] " in piece and piece.startswith(("I", "W"))]
    bars = [piece for piece in pieces if piece.startswith("tiny: ")]
    assert sum("Iteration 20, loss = " in line for line in lines) == 1
    assert all(re.match(r"[IW]\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ \S+\] ", line) for line in lines)
    assert not any("%|" in line for line in lines)
    assert re.search(r"\| 20/20 \[.*, loss \d\.\d{4}, [\d,]+ images/s\]", "\n".join(bars))
    assert any("testing 1/2" in bar for bar in bars)
    assert bars and not any(re.search(r"[IW]\d{4} ", bar) for bar in bars)


def test_what_a_first_run_says_about_compiling(project, capsys, monkeypatch, tmp_path_factory):
    monkeypatch.setattr("minicaffe.kernels._jit.cache_folder", lambda: tmp_path_factory.mktemp("cache"))
    assert main(["train", "solver.prototxt", "--set", "max_iter=1"]) == 0
    assert "minicaffe:0] compiling the kernels, which is done once" in capsys.readouterr().err


def test_where_compiled_kernels_cannot_be_kept(project, capsys, monkeypatch):
    folder = project.folder / "none"
    monkeypatch.setattr("minicaffe.kernels._jit.cache_folder", lambda: folder)
    assert main(["train", "solver.prototxt", "--set", "max_iter=1"]) == 0
    assert f"compiling the kernels, as in every run: {folder} cannot be written" in capsys.readouterr().err


def test_a_terminal_that_tells_no_width_has_a_bar(project):
    terminal, end = pty.openpty()  # 0 x 0
    process = project.start("train", "solver.prototxt", stderr=end)
    os.close(end)
    shown = read_all(terminal)
    assert process.wait(timeout=60) == 0
    assert re.search(r"tiny: .*\| 20/20 \[", shown)


@pytest.mark.parametrize("seed", ["-1", "9223372036854775808"])
def test_a_seed_that_no_snapshot_can_hold(project, capsys, seed):
    before = project.files()
    assert main(["train", "solver.prototxt", f"--seed={seed}"]) == 2
    assert re.search(rf'seed is "?{seed}"?; expected', capsys.readouterr().err)
    assert project.files() == before


def test_a_net_that_is_not_there_says_who_asked_and_where_it_was_looked_for(project, capsys):
    project.solver(old="net.prototxt", new="models/nett.prototxt")
    assert main(["train", "solver.prototxt"]) == 2
    assert capsys.readouterr().err == (
        'minicaffe: error: solver.prototxt: net: models/nett.prototxt: no such file, as there is no folder "models"; '
        "expected a net in a prototxt; paths begin in the working directory or in the folder of the solver\n"
    )


def read_all(terminal):
    """What a terminal is told until its other end closes."""
    told = b""
    with open(terminal, "rb", buffering=0) as file:
        while True:
            try:
                part = file.read(4096)
            except OSError:  # how Linux ends it
                part = b""
            if not part:
                return told.decode()
            told += part


def wait_for(process, text):
    """Read stderr up to the line that holds ``text``."""
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"no line with {text}")


ENDLESS = ["train", "solver.prototxt", "--set", "max_iter=100000000", "snapshot=0", *UNTESTED]


def test_ctrl_c_snapshots_and_stops(project):
    process = project.start(*ENDLESS)
    wait_for(process, "Iteration 5 (")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Optimization stopped early." in err
    assert "stopping after this iteration" in err
    found = re.search(r"wrote (snap/tiny_iter_\d+\.caffemodel) and \.solverstate", out)
    assert found[1] in project.files()
    assert "stopped before 100000000" in out


def test_hangup_snapshots_and_goes_on(project):
    process = project.start(*ENDLESS)
    wait_for(process, "Iteration 5 (")
    process.send_signal(signal.SIGHUP)
    wait_for(process, "Snapshotting solver state to binary proto file")
    wait_for(process, " iter/s, ")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert len([name for name in project.files() if name.endswith(".solverstate")]) == 2


def test_the_effects_of_signals_can_be_set(project):
    process = project.start(*ENDLESS, "--sigint_effect", "snapshot", "--sighup_effect=stop")
    wait_for(process, "Iteration 5 (")
    process.send_signal(signal.SIGINT)
    wait_for(process, "Snapshotting solver state to binary proto file")
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Optimization stopped early." in err


def test_a_signal_without_effect(project):
    process = project.start(*ENDLESS, "--sigint_effect=none", "--sighup_effect=stop")
    wait_for(process, "Iteration 5 (")
    process.send_signal(signal.SIGINT)
    wait_for(process, " iter/s, ")
    assert process.poll() is None
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_a_reader_of_json_that_goes_away_stops_the_training_with_a_snapshot(project):
    process = project.start(*ENDLESS, "--json")
    assert json.loads(process.stdout.readline())["event"] == "display"
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 141
    assert "Optimization stopped early." in err and "Traceback" not in err
    assert any(name.endswith(".solverstate") for name in project.files())


def test_the_flags_weights_take_the_place_of_the_files(project, capsys):
    assert main(["train", "solver.prototxt", "--set", "max_iter=2", *UNTESTED]) == 0
    project.solver("random_seed: 3", 'random_seed: 3 weights: "nowhere.caffemodel"')
    capsys.readouterr()
    words = ["train", "solver.prototxt", "--set", "max_iter=1", *UNTESTED]
    assert main(words) == 2
    assert "nowhere.caffemodel" in capsys.readouterr().err
    assert main([*words, "--weights", "snap/tiny_iter_2.caffemodel"]) == 0
    assert "Finetuning from snap/tiny_iter_2.caffemodel" in capsys.readouterr().err


def test_level_and_stage_choose_layers_of_the_training_net(project, capsys):
    words = ["train", "solver.prototxt", "--set", "max_iter=1", "debug_info=true", *UNTESTED]
    project.net(old='layer { name: "relu"', new=SIDE + 'layer { name: "relu"')
    assert main(words) == 0
    assert "Layer side" not in capsys.readouterr().err
    assert main([*words, "--level", "2", "--stage", "more,other", "--kernels", "direct"]) == 0
    assert "[Forward] Layer side, top blob side data" in capsys.readouterr().err
