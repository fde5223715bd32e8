"""Code of the user's own on the command line: layer types with --layers, Python layers where they are allowed."""

OWN_TYPE = """
import numpy as np
from minicaffe.layers import Inferred, Layer, register

@register("Softsign")
class Softsign(Layer):
    in_place = False
    backward_reads = ("bottoms",)

    def infer(self, x):
        return Inferred([x])

    def forward(self, bottoms, tops):
        np.divide(bottoms[0], 1 + abs(bottoms[0]), out=tops[0])

    def backward(self, bottoms, tops, top_diffs, bottom_diffs):
        if bottom_diffs[0] is not None:
            np.divide(top_diffs[0], (1 + abs(bottoms[0])) ** 2, out=bottom_diffs[0])
"""

PYTHON_LAYER = """
import caffe

class Softsign(caffe.Layer):
    def setup(self, bottom, top):
        pass
    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)
    def forward(self, bottom, top):
        top[0].data[...] = bottom[0].data / (1 + abs(bottom[0].data))
    def backward(self, top, propagate_down, bottom):
        bottom[0].diff[...] = top[0].diff / (1 + abs(bottom[0].data)) ** 2
"""

RELU = 'layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }'
BEHIND = 'bottom: "conv" top: "ip"'


def lines_with_a_loss(out):
    return [line.split('"loss"')[1].split(",")[0] for line in out.splitlines() if '"loss"' in line]


def ask_for(project, layer):
    text = project.net().read_text()
    assert RELU in text and BEHIND in text
    text = text.replace(RELU, f'layer {{ name: "own" {layer} bottom: "conv" top: "own" }}')
    project.write("net.prototxt", text.replace(BEHIND, 'bottom: "own" top: "ip"'))


def run(project, *words):
    process = project.start("train", "solver.prototxt", *words, "--json")
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def test_a_type_of_the_user_s_own_and_a_python_layer_train_alike(project):
    project.write("own.py", OWN_TYPE)
    (project.folder / "code").mkdir()
    project.write("code/softsign.py", PYTHON_LAYER)
    ask_for(project, 'type: "Softsign"')
    status, first, err = run(project, "--layers", "own.py")
    assert status == 0, err
    ask_for(project, 'type: "Python" python_param { module: "softsign" layer: "Softsign" }')
    status, second, err = run(project, "--allow_python_layers", "code")
    assert status == 0, err
    assert "Iteration 15" in err
    assert lines_with_a_loss(first) == lines_with_a_loss(second) != []


def test_both_are_refused_by_name_unless_asked_for(project):
    ask_for(project, 'type: "Softsign"')
    status, _, err = run(project)
    assert (status, err.count("\n")) == (2, 1)
    assert 'layer "own": unknown layer type "Softsign"' in err
    ask_for(project, 'type: "Python" python_param { module: "softsign" layer: "Softsign" }')
    status, _, err = run(project)
    assert status == 2
    assert "would run the user's code softsign.Softsign, which is not allowed; expected --allow-python-layers" in err


def test_a_file_of_layers_that_is_not_there(project):
    status, _, err = run(project, "--layers", "nowhere.py")
    assert (status, err) == (2, "minicaffe: error: nowhere.py: no such file; expected a Python file\n")


def test_a_file_of_layers_that_cannot_be_run(project):
    for text, message in (
        ("import nothing_of_the_kind\n", "ModuleNotFoundError: No module named 'nothing_of_the_kind' ("),
        ("def f(:\n", "SyntaxError: invalid syntax (wrong.layers, line 1)"),
    ):
        project.write("wrong.layers", text)
        status, _, err = run(project, "--layers", "wrong.layers")
        assert (status, err.count("\n")) == (2, 1)
        assert err.startswith(f"minicaffe: error: wrong.layers: this Python file cannot be run: {message}")
