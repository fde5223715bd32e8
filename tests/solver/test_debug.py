"""The lines of debug_info: every layer in Caffe's order, each version of a blob with its own numbers."""

import re

from minicaffe.solver import Listener, get_solver

NET = """
layer { name: "x" type: "DummyData" top: "x" top: "t" dummy_data_param {
  shape { dim: 4 dim: 3 } shape { dim: 4 } data_filler { value: 2 } data_filler { value: 1 } } }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "y" param { name: "w" } param { lr_mult: 0 }
  inner_product_param { num_output: 3 weight_filler { value: 0.5 } } }
layer { name: "bn" type: "BatchNorm" bottom: "y" top: "y" batch_norm_param { use_global_stats: true eps: 1 } }
layer { name: "sc" type: "Scale" bottom: "y" top: "y" scale_param { filler { value: 2 } } }
layer { name: "flat" type: "Flatten" bottom: "y" top: "f" }
layer { name: "sum" type: "Eltwise" bottom: "f" bottom: "f" top: "s" }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "s" bottom: "t" top: "loss" }
"""


class Lines(Listener):
    def __init__(self):
        self.lines = []

    def debug(self, source, text):
        self.lines.append(text.strip())


def lines(tmp_path, **overrides):
    (tmp_path / "net.prototxt").write_text(NET)
    path = tmp_path / "solver.prototxt"
    path.write_text(
        f'net: "{tmp_path}/net.prototxt" base_lr: 0.1 lr_policy: "fixed" display: 2 debug_info: true '
        f'snapshot_prefix: "{tmp_path}/s"'
    )
    listener = Lines()
    get_solver(path, overrides=overrides, listener=listener).step(2)
    return listener.lines


def test_forward_lines_have_every_layer_and_each_version(tmp_path):
    assert [line for line in lines(tmp_path) if line.startswith("[Forward]")] == [
        "[Forward] Layer x, top blob x data: 2",
        "[Forward] Layer x, top blob t data: 1",
        "[Forward] Layer ip, top blob y data: 3",
        "[Forward] Layer ip, param blob w data: 0.5",
        "[Forward] Layer ip, param blob 1 data: 0",
        "[Forward] Layer bn, top blob y data: 3",
        "[Forward] Layer bn, param blob 0 data: 0",
        "[Forward] Layer bn, param blob 1 data: 0",
        "[Forward] Layer bn, param blob 2 data: 0",
        "[Forward] Layer sc, top blob y data: 6",
        "[Forward] Layer sc, param blob 0 data: 2",
        "[Forward] Layer flat, top blob f data: 6",
        "[Forward] Layer f_flat_0_split, top blob f_flat_0_split_0 data: 6",
        "[Forward] Layer f_flat_0_split, top blob f_flat_0_split_1 data: 6",
        "[Forward] Layer sum, top blob s data: 12",
        "[Forward] Layer loss, top blob loss data: 1.09861",
    ]


def test_backward_lines_have_what_wants_a_gradient(tmp_path):
    found = [line.rsplit(": ", 1)[0] for line in lines(tmp_path) if re.match(r"\[Backward\] Layer", line)]
    assert found == [
        "[Backward] Layer loss, bottom blob s diff",
        "[Backward] Layer sum, bottom blob f_flat_0_split_0 diff",
        "[Backward] Layer sum, bottom blob f_flat_0_split_1 diff",
        "[Backward] Layer f_flat_0_split, bottom blob f diff",
        "[Backward] Layer flat, bottom blob y diff",
        "[Backward] Layer sc, bottom blob y diff",
        "[Backward] Layer sc, param blob 0 diff",
        "[Backward] Layer bn, bottom blob y diff",
        "[Backward] Layer bn, param blob 0 diff",
        "[Backward] Layer bn, param blob 1 diff",
        "[Backward] Layer bn, param blob 2 diff",
        "[Backward] Layer ip, param blob 0 diff",
    ]


def test_norms_follow_every_backward_pass(tmp_path):
    found = [line for line in lines(tmp_path, iter_size="3") if "All net params" in line]
    assert len(found) == 3
    # 9 weights of 0.5, 3 biases and all statistics of 0, 3 factors of 2
    assert all("L1 norm = (10.5, " in line and "L2 norm = (3.77492, " in line for line in found)


def test_test_nets_have_their_forward_lines_too(tmp_path):
    shown = lines(tmp_path, test_iter="2", test_interval="2", display="0")
    assert shown.count("[Forward] Layer loss, top blob loss data: 1.09861") == 2
    assert not any(line.startswith("[Backward]") for line in shown)
