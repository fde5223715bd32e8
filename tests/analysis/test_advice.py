"""Every rule of ``check``: a net that trips it, one that does not; good nets are left alone; what fixes write."""

import numpy as np
import pytest
from era_nets import NETS, text_of

from minicaffe.analysis.advice import RULES, Source, advise, fixed, known_rules, make_case, of_texts
from minicaffe.analysis.advice.case import Planned
from minicaffe.analysis.check import check_net
from minicaffe.errors import ProtoError, UsageError
from minicaffe.proto import parse_net

DATA = """layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN }
  data_param { source: "cifar10_a" batch_size: 64 backend: LMDB } }
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TEST }
  data_param { source: "cifar10_b" batch_size: 1 backend: LMDB } }
"""
CONV = """layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 bias_term: false } }
"""
BN = """layer {
  name: "bn"
  type: "BatchNorm"
  bottom: "conv"
  top: "conv"
}
"""
SCALE = 'layer { name: "s" type: "Scale" bottom: "conv" top: "conv" scale_param { bias_term: true } }\n'
REST = """layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip" inner_product_param { num_output: 3 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""
GOOD = DATA + CONV + BN + SCALE + REST
INPUT = 'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: [2, 3, 8, 8] } } }\n'
DEPLOY = INPUT + CONV + BN + SCALE


def judge(text, path="net.prototxt", ignore=(), **more):
    source = Source(path, text)
    net = parse_net(text, path, strict=False)
    states = [(net, state) for state in check_net(net)]
    assert not [problem for _, state in states for problem in state.problems]
    return advise(make_case(states, {path: source}, **more), {path: source}, ignore)


def with_bn(field, text=GOOD):
    return text.replace('  top: "conv"\n}', f'  top: "conv"\n  {field}\n}}')


def stats(word):
    return f"batch_norm_param {{ use_global_stats: {word} }}"


def phase_of(text, phase):
    return text.replace('  type: "BatchNorm"', f'  type: "BatchNorm"\n  include {{ phase: {phase} }}')


def twins(first, second):
    """The good net with its BatchNorm twice: the one for TRAIN and the one for TEST with more fields."""
    pair = phase_of(with_bn(first, BN), "TRAIN") + phase_of(with_bn(second, BN), "TEST")
    return DATA + CONV + pair + SCALE + REST


def planned(max_iter=1000, iter_size=1, beside=True, text=""):
    return {"planned": Planned("s.prototxt", max_iter, iter_size, Source("s.prototxt", text), beside)}


def weights(*blobs):
    return {"weights_path": "w.caffemodel", "weights": {"bn": [np.asarray(blob, np.float32) for blob in blobs]}}


MEAN, VARIANCE = np.zeros(4), np.ones(4)
DROPOUT = 'layer { name: "drop" type: "Dropout" bottom: "conv" top: "conv" }\n'
BN2 = 'layer { name: "bn2" type: "BatchNorm" bottom: "conv" top: "bn2" }\n'
MIXED = DATA + CONV + BN + SCALE + REST.replace('bottom: "conv" top: "ip"', 'bottom: "bn2" top: "ip"')
MIXED_BAD = MIXED.replace(
    'layer { name: "ip"', BN2 + 'layer { name: "r2" type: "ReLU" bottom: "bn2" top: "bn2" }\nlayer { name: "ip"'
)
MIXED = MIXED.replace('layer { name: "ip"', BN2 + 'layer { name: "ip"')
LATER = DATA + CONV + BN + SCALE + DROPOUT + REST

TRIPS = {
    "layer-type": (None, GOOD, {}),
    "bn-lr": (None, with_bn("param { lr_mult: 0 }"), {}),
    "bn-decay": (with_bn("param { lr_mult: 0 decay_mult: 1 }"), with_bn("param { lr_mult: 0 decay_mult: 0 }"), {}),
    "bn-stored-in-train": (twins(stats("true"), ""), twins(stats("false"), stats("true")), {}),
    "bn-batch-in-test": (with_bn(stats("false"), DEPLOY), with_bn(stats("true"), DEPLOY), {}),
    "bn-one-for-both": (with_bn(stats("true")), GOOD, {}),
    "bn-without-scale": (DATA + CONV + BN + REST, DATA + CONV + BN + SCALE + REST, {}),
    "bn-useless-bias": (GOOD.replace("bias_term: false ", ""), GOOD, {}),
    "scale-axis": (GOOD.replace("{ bias_t", "{ axis: 2 bias_t"), GOOD.replace("{ bias_t", "{ axis: 1 bias_t"), {}),
    "dropout-before-bn": (DATA + CONV + DROPOUT + BN + SCALE + REST, LATER, {}),
    "twin-names": (
        twins("", "").replace('name: "bn"', 'name: "bn_test"').replace('name: "bn_test"', 'name: "bn"', 1),
        twins("", ""),
        {},
    ),
    "twin-options": (twins("batch_norm_param { eps: 0.001 }", ""), twins("", "batch_norm_param { eps: 1e-5 }"), {}),
    "bn-small-batch": (GOOD.replace("64", "2"), GOOD.replace("64", "8"), {}),
    "bn-window": (GOOD, with_bn("batch_norm_param { moving_average_fraction: 0.9 }"), planned(999)),
    "weights-layout": (GOOD, DEPLOY.replace('"bn"', '"other"'), weights(MEAN, VARIANCE, MEAN, VARIANCE)),
    "weights-factor": (GOOD, DEPLOY.replace('"bn"', '"other"'), weights(MEAN, VARIANCE, [0])),
    "weights-values": (GOOD, DEPLOY.replace('"bn"', '"other"'), weights(MEAN, [1, 1, -1, 1], [1])),
    "weights-few": (GOOD, DEPLOY.replace('"bn"', '"other"'), weights(MEAN, VARIANCE, [2.997])),
}  # fmt: skip


def test_every_rule_has_a_net_that_trips_it_and_one_that_does_not():
    assert list(TRIPS) == [rule.name for rule in RULES]


@pytest.mark.parametrize("name", [name for name, (bad, _, _) in TRIPS.items() if bad])
def test_a_rule_finds_what_it_is_for_and_nothing_else(name):
    bad, good, more = TRIPS[name]
    found = judge(bad, **more)
    assert [one.rule for one in found] == [name], [f"{one.rule}: {one.found}" for one in found]
    (rule,) = (rule for rule in RULES if rule.name == name)
    assert found[0].level == rule.level and found[0].layer
    assert found[0].found and found[0].why and found[0].todo
    assert bool(found[0].fix) == rule.fixes
    assert judge(good, **more) == []
    assert judge(bad, ignore=(name,), **more) == []


@pytest.mark.parametrize("name", sorted(NETS))
def test_good_nets_of_the_era_are_left_alone(name):
    found = judge(text_of(name), **(planned(60_000) if "train" in name else {}))
    told = [(one.rule, one.level, one.found) for one in found]
    assert told == []


def test_there_are_enough_of_them():
    assert len(NETS) >= 50


# -- what is written --------------------------------------------------------------------------------------------


def fix_all(text):
    """The text when nothing is left to fix, and how often it was judged."""
    for rounds in range(10):
        source = Source("net.prototxt", text)
        found = [one for one in of_texts({"net.prototxt": source}) if one.fix] or judge(text)
        new, done = fixed(source, found)
        if not done:
            assert new == text
            return text, rounds
        text = new
    raise AssertionError(text)


@pytest.mark.parametrize("name", [rule.name for rule in RULES if rule.fixes and TRIPS[rule.name][0]])
def test_a_fix_leaves_nothing_to_find(name):
    bad, _, _ = TRIPS[name]
    text, rounds = fix_all(bad)
    assert judge(text) == [] and rounds == 1 and text != bad


@pytest.mark.parametrize(
    "bad, good",
    [
        ("  batch_norm_param { use_global_stats: true }  # both\n", "  # both\n"),
        ("  batch_norm_param { use_global_stats: true }\n", ""),
        ("  batch_norm_param { eps: 0.001, use_global_stats: true; }\n", "  batch_norm_param { eps: 0.001, }\n"),
        (
            "  batch_norm_param {\n    use_global_stats: true\n    eps: 1\n  }\n",
            "  batch_norm_param {\n    eps: 1\n  }\n",
        ),
        (
            "  batch_norm_param <\n    eps: 1 use_global_stats: true # x\n  >\n",
            "  batch_norm_param <\n    eps: 1 # x\n  >\n",
        ),
        ("  batch_norm_param: { use_global_stats: true }\n", ""),
    ],
)  # fmt: skip
def test_the_rest_of_the_text_stays_to_the_letter(bad, good):
    before = GOOD.replace('  top: "conv"\n}', f'  top: "conv"\n{bad}}}')
    assert before != GOOD
    assert fix_all(before)[0] == GOOD.replace('  top: "conv"\n}', f'  top: "conv"\n{good}}}')
    windows = before.replace("\n", "\r\n")
    assert fix_all(windows)[0] == fix_all(before)[0].replace("\n", "\r\n")


@pytest.mark.parametrize(
    "word, known",
    [("ScaleLayer", "Scale"), ("Batchnorm", "BatchNorm"), ("batch_norm", "BatchNorm"), ("RELU", "ReLU"),
     ("BatchNormLayer", "BatchNorm"), ("SOFTMAX_LOSS", "SoftmaxWithLoss"), ("BatchNormalization", "BatchNorm"),
     ("ReLU", ""), ("Sclae", ""), ("MyLayer", ""), ("", "")],
)  # fmt: skip
def test_types_that_are_nearly_right(word, known):
    source = Source("n", f"layer {{ name: 'l' type: '{word}' }}")
    found = of_texts({"n": source})
    assert [one.rule for one in found] == ["layer-type"] * bool(known)
    if known:
        assert fixed(source, found)[0] == f"layer {{ name: 'l' type: '{known}' }}"
        assert f'write "{known}"' in found[0].todo


def test_a_rate_of_statistics_cannot_be_read_and_can_be_fixed():
    text = with_bn("param { lr_mult: 1 decay_mult: 1 } param { lr_mult: 0 } param { lr_mult: 2 }")
    with pytest.raises(ProtoError, match="lr_mult"):
        parse_net(text, "net.prototxt")
    found = of_texts({"net.prototxt": Source("net.prototxt", text)})
    assert [one.rule for one in found] == ["bn-lr", "bn-decay"] and "is 1, 2" in found[0].found
    text, rounds = fix_all(text)
    assert text == with_bn("param { lr_mult: 0 decay_mult: 0 } param { lr_mult: 0 } param { lr_mult: 0 }")
    assert rounds == 2


def test_a_scale_is_written_as_the_layer_before_it_is():
    text, _ = fix_all(MIXED_BAD)
    line = 'layer { name: "bn2/scale" type: "Scale" bottom: "bn2" top: "bn2" scale_param { bias_term: true } }\n'
    assert text == MIXED_BAD.replace(BN2, BN2 + line)
    long = BN2.replace(" name", "\n    name").replace(" type", "\n    type").replace(" }\n", "\n}  # last\n")
    text, _ = fix_all(MIXED_BAD.replace(BN2, long))
    wanted = ['name: "bn2/scale"', 'type: "Scale"', 'bottom: "bn2"', 'top: "bn2"', "scale_param { bias_term: true }"]
    assert long + "layer {\n" + "".join(f"    {field}\n" for field in wanted) + "}\n" in text


def test_in_a_list_of_layers_nothing_is_added():
    listed = BN2.replace("layer {", "layer: [ {", 1).replace(" }\n", " } ]\n")
    (found,) = judge(MIXED_BAD.replace(BN2, listed))
    assert found.rule == "bn-without-scale" and found.fix is None
    text, _ = fix_all(MIXED.replace(BN2, listed.replace(" } ]", f" {stats('true')} }} ]")))
    assert text == MIXED.replace(BN2, listed)


def test_twins_get_the_name_and_the_options_of_training():
    bad = twins("batch_norm_param { eps: 0.001 }", "batch_norm_param { use_global_stats: true }")
    start, mark, end = bad.rpartition('name: "bn"')
    text, _ = fix_all(start + 'name: "bn_test"' + end)
    assert text == start + mark + end.replace("{ use_global", "{ eps: 0.001 use_global")
    text, _ = fix_all(twins("", "batch_norm_param { eps: 0.1 }"))
    assert text == twins("", "").replace(
        '  top: "conv"\n  \n}\nlayer { name: "s"', '  top: "conv"\n}\nlayer { name: "s"'
    )


# -- how much it weighs -----------------------------------------------------------------------------------------


def levels(text, **more):
    return [(one.rule, one.level) for one in judge(text, **more)]


def test_one_layer_of_several_without_scale():
    (found,) = judge(MIXED_BAD)
    assert (found.rule, found.level, found.layer) == ("bn-without-scale", "warning", "bn2")
    assert found.found == "no Scale follows it, as one does behind other BatchNorm layers of this net"
    assert judge(MIXED) == []


def test_a_rectifier_behind_it_makes_it_a_warning():
    (found,) = judge(DATA + CONV + BN + REST)
    assert found.found == "no Scale follows it, and a ReLU reads it" and found.fix
    pooled = 'layer { name: "pool" type: "Pooling" bottom: "conv" top: "conv2" pooling_param { kernel_size: 2 } }\n'
    rest = REST.replace('bottom: "conv"', 'bottom: "conv2"').replace('top: "conv"', 'top: "conv2"')
    (found,) = judge(DATA + CONV + BN + pooled + rest)
    assert found.level == "warning"


def test_a_net_without_any_scale_or_rectifier_gets_one_note():
    (note,) = judge(DATA + CONV + BN + REST.replace("ReLU", "Sigmoid"))
    assert (note.rule, note.level, note.fix) == ("bn-without-scale", "note", None)
    assert note.found == 'no Scale follows "bn"' and note.place == "net.prototxt:7:1"


def test_scores_that_are_normalised_without_a_scale_are_a_warning():
    scores = BN.replace('"conv"', '"ip"')
    text = DATA + CONV + REST.replace('layer { name: "loss"', scores + 'layer { name: "loss"')
    assert "bn-without-scale" in [one.rule for one in judge(text) if one.found.endswith("a SoftmaxWithLoss reads it")]


def test_frozen_statistics_are_meant():
    frozen = SCALE.replace("scale_param", "param { lr_mult: 0 } param { lr_mult: 0 } scale_param")
    assert judge(with_bn(stats("true")).replace(SCALE, frozen)) == []
    half = frozen.replace("{ lr_mult: 0 } scale", "{ lr_mult: 1 } scale")
    assert levels(with_bn(stats("true")).replace(SCALE, half)) == [("bn-one-for-both", "warning")]
    weights_frozen = CONV.replace("convolution_param", "param { lr_mult: 0 } convolution_param")
    assert levels(with_bn(stats("true"), DATA + weights_frozen + BN + REST)) == [("bn-without-scale", "warning")]


def test_a_bias_goes_with_its_param_and_in_the_twin_too():
    spec = "param { lr_mult: 1 } param { lr_mult: 2 }"
    conv = CONV.replace("convolution_param", f"{spec} convolution_param").replace("bias_term: false", "bias_term: true")
    phases = (f"include {{ phase: {phase} }} bottom" for phase in ("TRAIN", "TEST"))
    pair = "".join(conv.replace("bottom", phase, 1) for phase in phases)
    text, _ = fix_all(DATA + pair + BN + SCALE + REST)
    assert text.count("bias_term: false") == 2 and text.count("param { lr_mult: 1 } convolution_param") == 2
    assert "lr_mult: 2" not in text


def test_a_bias_stays_where_weights_have_it_or_others_share_it():
    text = GOOD.replace("bias_term: false ", "")
    (found,) = judge(text, weights_path="w", weights={"conv": [np.zeros((4, 3, 3, 3)), np.zeros(4)]})
    assert (found.rule, found.level, found.fix) == ("bn-useless-bias", "warning", None)
    one = CONV.replace("bias_term: false ", "").replace("convolution_param", 'param { name: "w" } convolution_param')
    two = one.replace('name: "conv"', 'name: "other"').replace('top: "conv"', 'top: "other"')
    two += 'layer { name: "quiet" type: "Silence" bottom: "other" }\n'
    (found,) = judge(DATA + two + one + BN + SCALE + REST)
    assert (found.rule, found.fix) == ("bn-useless-bias", None)


def test_a_file_without_phases_that_says_false():
    one_phase = with_bn(stats("false")).replace("include { phase: TRAIN }", "")
    one_phase = one_phase[: one_phase.index('layer { name: "data"', 10)] + one_phase[one_phase.index(CONV[:20]) :]
    assert levels(one_phase) == [("bn-one-for-both", "warning")]


@pytest.mark.parametrize(
    "batch, size, told",
    [
        (64, 3, []),
        (8, 3, []),
        (7, 3, ["note"]),
        (5, 3, ["note"]),
        (4, 3, ["warning"]),
        (1, 32, ["warning"]),
        (8, 32, ["warning"]),
    ],
)
def test_small_batches(batch, size, told):
    text = GOOD.replace("64", str(batch)).replace("kernel_size: 3", f"kernel_size: {size}")
    assert [one.level for one in judge(text)] == told


def test_what_iter_size_does_not_do():
    (found,) = judge(GOOD.replace("64", "1").replace("kernel_size: 3", "kernel_size: 32"), **planned(10_000, 8))
    assert found.found.endswith("1 number for each channel: 1 item of 1 place")
    assert found.why.endswith("nothing but 0") and "iter_size 8 is no help" in found.todo


def test_the_window_beside_what_is_planned():
    (found,) = judge(GOOD, **planned(500, text="base_lr: 1\n  max_iter: 500"))
    assert (found.place, found.level) == ("s.prototxt:2:3", "warning")
    assert "span about 1,000 iterations (moving_average_fraction 0.999), and max_iter is 500" in found.found
    assert "minicaffe bn-stats" in found.todo and "such as 0.98" in found.todo
    assert levels(GOOD, **planned(500, beside=False)) == [("bn-window", "note")]
    assert judge(GOOD, **planned(1000)) == judge(GOOD, **planned(0)) == []
    forever = with_bn("batch_norm_param { moving_average_fraction: 1 }")
    assert "span all iterations there are" in judge(forever, **planned(10**6))[0].found


@pytest.mark.parametrize(
    "blobs, rule, words",
    [
        ([MEAN] * 5, "weights-layout", "NVIDIA's Caffe keeps"),
        ([MEAN.reshape(1, 4, 1, 1)] * 4, "weights-layout", "older BN layer keeps slope"),
        ([MEAN], "weights-layout", "the file has 1 blob for it: 4"),
        ([np.zeros(5), np.ones(5), [1]], "weights-layout", "(4, 4 and 1 numbers)"),
        ([MEAN, VARIANCE, [0]], "weights-factor", "1 / sqrt(eps), 316.2"),
        ([MEAN, [1, np.nan, np.inf, 1], [1]], "weights-values", "it has 2 of its variance not finite"),
        ([MEAN, [1, -1, -1, 1], [1]], "weights-values", "it has 2 variances below 0"),
        ([MEAN, VARIANCE, [np.nan]], "weights-values", "1 of its factor not finite"),
        ([-MEAN, -VARIANCE, [-1]], "weights-values", "a factor below 0"),
        ([MEAN, VARIANCE, [8.964]], "weights-few", "that of about 9 forwards in TRAIN"),
    ],
)
def test_weights(blobs, rule, words):
    (found,) = judge(GOOD, **weights(*blobs))
    assert (found.rule, found.place, found.layer) == (rule, "w.caffemodel", "bn")
    assert words in f"{found.found}; {found.why}"


@pytest.mark.parametrize("factor", [1, 999.98, 9.955 + 1])
def test_weights_that_are_right(factor):
    assert judge(GOOD, **weights(MEAN, VARIANCE, [factor])) == []


# -- comments ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "# minicaffe: ok bn-one-for-both (it is meant)\n" + with_bn(stats("true")),
        with_bn(f"{stats('true')} # minicaffe: ok bn-decay, bn-one-for-both"),
        with_bn(stats("true")).replace('}\nlayer { name: "s"', '} # minicaffe: ok bn-one-for-both\nlayer { name: "s"'),
        with_bn(stats("true")).replace("layer {\n", "# minicaffe: ok bn-one-for-both\n# as it is\nlayer {\n"),
    ],
)  # fmt: skip
def test_a_comment_allows_what_a_rule_would_find(text):
    assert judge(text) == []


def test_a_comment_elsewhere_does_not():
    assert len(judge(with_bn(stats("true")) + "# minicaffe: ok bn-one-for-both")) == 1


def test_rules_that_are_none():
    assert known_rules(["bn-lr"]) == ("bn-lr",)
    with pytest.raises(UsageError, match='"bn-window-" is no rule of check; did you mean "bn-window"'):
        known_rules(["bn-window-"])


# -- of forks ---------------------------------------------------------------------------------------------------


def test_factors_of_its_own():
    own = "batch_norm_param { scale_bias: true }"
    rates = "param { lr_mult: 0 } param { lr_mult: 0 } param { lr_mult: 0 } param { lr_mult: 1 } param { lr_mult: 2 }"
    alone = with_bn(f"{own} {rates}", DATA + CONV + BN + REST)
    assert judge(alone) == []
    assert judge(alone, **weights(MEAN, VARIANCE, [1], MEAN, VARIANCE)) == []
    assert judge(alone, **weights(MEAN, VARIANCE, [0], MEAN, VARIANCE)) == []
    (found,) = judge(alone, **weights(MEAN, VARIANCE, [1]))
    assert found.rule == "weights-layout" and "gamma and beta besides" in found.why
    found = of_texts({"n": Source("n", alone.replace("{ lr_mult: 0 }", "{ lr_mult: 3 }"))})
    assert [(one.rule, one.found) for one in found] == [("bn-lr", "lr_mult of its blobs is 3, 3, 3")]


def test_statistics_per_activation():
    whole = with_bn("batch_norm_param { per_activation: true }").replace("bias_term: true", "num_axes: -1")
    assert judge(whole) == []
    (found,) = judge(whole.replace("64", "16"))
    assert found.rule == "bn-small-batch" and "from 16 numbers" in found.found
    size = 4 * 30 * 30
    assert judge(whole, **weights(np.zeros(size), np.ones(size), [1])) == []
