"""``minicaffe upgrade``: what is written and what is said."""

import json

import pytest

from minicaffe.cli import main
from minicaffe.proto import caffe_pb2, read_net, write_message

OLD = """
layers { name: "d" type: DATA top: "d" data_param { source: "s" batch_size: 1 mirror: true } }
layers { name: "r" type: RELU bottom: "d" top: "d" }
"""
NEW = """layer {
  name: "d"
  type: "Data"
  top: "d"
  transform_param {
    mirror: true
  }
  data_param {
    source: "s"
    batch_size: 1
  }
}
layer {
  name: "r"
  type: "ReLU"
  bottom: "d"
  top: "d"
}
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.prototxt").write_text(OLD)
    return tmp_path


def test_a_net(here, capsys):
    assert main(["upgrade", "old.prototxt", "new.prototxt"]) == 0
    assert capsys.readouterr() == (
        "old.prototxt: upgraded 2 layers from Caffe's V1 form\n"
        "old.prototxt: moved mirror of 1 data layer to transform_param\n"
        "wrote new.prototxt, a net\n",
        "",
    )
    assert (here / "new.prototxt").read_text() == NEW
    assert main(["upgrade", "--source", "new.prototxt", "--out=new.caffemodel"]) == 0
    assert capsys.readouterr().out == (
        "new.prototxt: already in the present form\nwrote new.caffemodel, a binary net\n"
    )
    assert read_net("new.caffemodel").param == read_net("new.prototxt").param


def test_in_place_and_as_json(here, capsys):
    assert main(["upgrade", "old.prototxt", "old.prototxt", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["kind"], done["binary"], done["wrote"], len(done["notes"])) == ("net", False, "old.prototxt", 2)
    assert (here / "old.prototxt").read_text() == NEW


def test_a_caffemodel_and_a_solver(here, capsys):
    net = caffe_pb2.NetParameter()
    net.layers.add(name="r", type=18).blobs.add(num=1, channels=1, height=1, width=1, data=[1])
    write_message("old.caffemodel", net)
    assert main(["upgrade", "old.caffemodel", "new"]) == 0
    assert capsys.readouterr().out.endswith("wrote new, a binary net\n")
    (here / "s").write_text("solver_type: ADAM")
    assert main(["upgrade", "s", "s"]) == 0
    assert capsys.readouterr().out == 's: replaced the old solver_type by type: "Adam"\nwrote s, a solver\n'


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["old.prototxt"], "upgrade needs a TARGET; expected minicaffe upgrade SOURCE TARGET"),
        (["none", "new"], "none: no such file, expected a net or a solver"),
        (["old.prototxt", "no/new"], 'no/new: cannot be written, as there is no folder "no"'),
        (["bad", "new"], 'bad:1:16: "type" takes one of NONE, '),
    ],
)
def test_what_is_refused(here, words, sentence, capsys):
    (here / "bad").write_text("layers { type: RELUU }")
    assert main(["upgrade", *words]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1
    assert shown.err.startswith(f"minicaffe: error: {sentence}")
    assert not (here / "new").exists()
