"""The manual: a page for each type and message, examples that build, and what is said of unknown names."""

import pytest

from minicaffe.analysis.check import check_net
from minicaffe.analysis.manual import Blob, Parameter, find_topic, layer_page, message_page, one_line, topics
from minicaffe.errors import UsageError
from minicaffe.layers import Inferred, Layer, layer_types, register
from minicaffe.layers.base import homes
from minicaffe.proto import caffe_pb2, parse_net

FROM_FILES = {"Data", "HDF5Data", "ImageData", "InfogainLoss", "Python", "WindowData"}
OWN = sorted(homes)


@pytest.mark.parametrize("name", OWN)
def test_every_type_has_an_example_that_builds(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = layer_page(name)
    net = parse_net(page.example, f"{name}.prototxt")
    assert net.param.layer[-1].type == name
    for state in check_net(net):
        assert state.problems == ()
        assert bool(state.notes) == (name in FROM_FILES)
        if state.outline.layers[-1].draft.layer.type == name and name not in ("Python", "HDF5Data"):
            assert list(state.outline.layers[-1].tops) == [blob.shape for blob in page.tops]


@pytest.mark.parametrize("name", OWN)
def test_every_type_is_explained(name):
    page = layer_page(name)
    assert page.about and page.title and "\n" not in page.title
    unexplained = [one.name for options in page.options for one in options.fields if not one.about]
    assert unexplained == []
    assert one_line(name) == page.title


def test_the_page_of_batch_norm():
    page = find_topic("BatchNorm")
    assert page.about.startswith("y = (x - mean) / sqrt(variance + eps)")
    assert page.title == "normalise each channel to mean 0 and variance 1."
    assert page.numbers == ("1", "1")
    assert page.facts == ("May run in place: its top may be its bottom.",)
    assert page.bottoms == page.tops == (Blob("conv1", (64, 16, 32, 32)),)
    assert page.parameters[2] == Parameter("factor", (1,), "zeros", False)
    (options,) = page.options
    assert (options.field, options.name) == ("batch_norm_param", "BatchNormParameter")
    assert [(one.name, one.type, one.default) for one in options.fields[:3]] == [
        ("use_global_stats", "bool", ""),
        ("moving_average_fraction", "float", "0.999"),
        ("eps", "float", "1e-05"),
    ]


def test_fillers_are_those_of_a_bare_prototxt():
    assert layer_page("PReLU").parameters == (Parameter("slope", (16,), "constant, value 0.25", True),)
    assert [one.filling for one in layer_page("Convolution").parameters] == ["zeros", "zeros"]


def test_facts_follow_from_the_class():
    assert layer_page("SoftmaxWithLoss").facts == (
        "Bottom 1 gets no gradient.",
        "Top 0 is a loss, of weight 1 unless loss_weight says otherwise.",
        "Called SOFTMAX_LOSS in nets of the older form.",
    )
    assert [options.field for options in layer_page("SoftmaxWithLoss").options] == ["softmax_param", "loss_param"]
    assert layer_page("Concat").numbers == ("1 or more", "1")
    assert layer_page("Python").numbers == ("any number", "any number")
    assert layer_page("Threshold").facts[-2:] == (
        "Its bottom gets no gradient.",
        "Called THRESHOLD in nets of the older form.",
    )
    assert "Its tops are the memory of its bottom; nothing is copied." in layer_page("Reshape").facts


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("batchnorm", "BatchNorm"),
        ("CONVOLUTION", "Convolution"),
        ("SOFTMAX_LOSS", "SoftmaxWithLoss"),
        ("euclidean_loss", "EuclideanLoss"),
        ("SeLu", "SeLu"),
        ("SeLU", "SeLU"),
    ],
)
def test_types_in_any_case_and_by_their_older_names(name, found):
    assert find_topic(name).type == found


@pytest.mark.parametrize(
    ("name", "message", "field"),
    [
        ("solver", "SolverParameter", ""),
        ("net", "NetParameter", ""),
        ("data_param", "DataParameter", "data_param"),
        ("DataParameter", "DataParameter", ""),
        ("netstaterule", "NetStateRule", ""),
        ("weight_filler", "FillerParameter", "weight_filler"),
        ("train_state", "NetState", "train_state"),
    ],
)
def test_messages_by_their_names_and_by_those_of_fields(name, message, field):
    page = find_topic(name)
    assert (page.name, page.field) == (message, field)


def test_enums_required_and_repeated_fields():
    fields = {one.name: one for one in message_page("ConvolutionParameter").fields}
    assert (fields["kernel_size"].type, fields["weight_filler"].type) == ("repeated uint32", "FillerParameter")
    assert fields["engine"].default == "DEFAULT"
    assert [name for name, _ in fields["engine"].values] == ["DEFAULT", "CAFFE", "CUDNN"]
    assert {one.type for one in message_page("ClipParameter").fields} == {"required float"}


def test_words_of_solvers_and_fillers():
    policies, rules = message_page("SolverParameter").words
    assert dict(policies[1])["step"] == "base_lr * gamma ^ floor(iter / stepsize)"
    assert [name for name, _ in rules[1]] == ["SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam"]
    ((field, fillers),) = message_page("FillerParameter").words
    assert field == "type" and all(about for _, about in fillers)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("ScaleLayer", '; did you mean "Scale"?'),
        ("BachNorm", '; did you mean "BatchNorm"'),
        ("convolution_parm", '; did you mean "convolution_param"'),
        ("trian", '; did you mean "train"'),
        ("xyzzy", "; expected one of train, layers, solver, a type or a message such as data_param"),
    ],
)
def test_unknown_names_are_told_with_the_nearest(name, near):
    with pytest.raises(UsageError) as error:
        find_topic(name, ("train",))
    assert str(error.value).startswith(f'"{name}" is no command, layer type or message{near}')


def test_a_type_of_the_users_own_has_a_page():
    @register("TestManual", options="power_param")
    class TestManual(Layer):
        """y = x + 1; dx = dy. More."""

        def infer(self, x):
            return Inferred([x])

    try:
        page = find_topic("testmanual")
        assert (page.title, page.example, page.bottoms) == ("y = x + 1", "", ())
        assert page.options[0].fields[0].name == "power"
        assert "TestManual" in topics()
    finally:
        from minicaffe.layers import base

        del base._REGISTRY["TestManual"]


def test_all_messages_and_types_are_topics():
    assert set(layer_types()) <= set(topics())
    for name in caffe_pb2.DESCRIPTOR.message_types_by_name:
        assert message_page(name).fields
