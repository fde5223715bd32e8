"""Flags in Caffe's spellings, and what is said about wrong ones."""

import pytest

from minicaffe.cli import COMMANDS, test, train
from minicaffe.cli.flags import Command, Flag, comma_list, parse, split_command, whole
from minicaffe.cli.netflags import THREADS
from minicaffe.errors import UsageError


@pytest.mark.parametrize("words", [["s"], ["-solver", "s"], ["--solver", "s"], ["-solver=s"], ["--solver=s"]])
def test_every_spelling_of_a_flag_is_the_same(words):
    assert parse(train.COMMAND, words)["solver"] == "s"


def test_values_are_converted_and_defaults_filled_in():
    words = ["-model", "n", "-weights", "a,b", "-iterations", "7", "-stage", "x,,y", "-level", "-1"]
    values = parse(test.COMMAND, words)
    assert values["weights"] == ("a", "b")
    assert values["iterations"] == 7
    assert values["stage"] == ("x", "y")
    assert values["level"] == -1
    assert values["phase"] == "TEST"
    assert values["json"] is False
    assert values["threads"] is None


def test_caffes_defaults():
    values = parse(test.COMMAND, ["n"])
    assert values["iterations"] == 50
    values = parse(train.COMMAND, ["s"])
    assert (values["sigint_effect"], values["sighup_effect"]) == ("stop", "snapshot")


def test_dashes_stand_for_underscores():
    assert parse(train.COMMAND, ["s", "--sigint-effect", "none"])["sigint_effect"] == "none"


def test_the_last_of_two_values_counts():
    assert parse(train.COMMAND, ["s", "--seed", "1", "--seed=2"])["seed"] == 2


def test_set_takes_the_pairs_that_follow_and_may_be_repeated():
    words = ["--set", "max_iter=5", "display=1", "solver.prototxt", "--set=net=a=b", "-set", "display=2"]
    values = parse(train.COMMAND, words)
    assert values["set"] == {"max_iter": "5", "display": "2", "net": "a=b"}
    assert values["solver"] == "solver.prototxt"


def test_values_of_one_parse_do_not_leak_into_the_next():
    parse(train.COMMAND, ["s", "--set", "max_iter=5"])
    assert parse(train.COMMAND, ["s"])["set"] == {}


@pytest.mark.parametrize("words", [["train", "-gpu", "0", "s"], ["-gpu", "0", "train", "s"], ["-gpu=0", "train", "s"]])
def test_flags_may_stand_before_the_command(words):
    name, rest = split_command(words, COMMANDS)
    assert name == "train"
    assert parse(train.COMMAND, rest)["gpu"] == "0"


def test_no_command_among_the_words():
    assert split_command(["--json", "-gpu", "0"], COMMANDS) == (None, ["--json", "-gpu", "0"])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["s", "-solvr", "x"], 'train has no flag -solvr; did you mean "--solver"?'),
        (["s", "--snapshots=x"], 'train has no flag --snapshots; did you mean "--snapshot"?'),
        (["s", "--qqqq"], "train has no flag --qqqq; it knows --solver, --weights,"),
        (["s", "--weights"], "--weights has no value; expected --weights FILE[,FILE]"),
        (["--solver", "--json"], "--solver has no value; expected --solver SOLVER"),
        (["--solver="], "--solver is empty; expected SOLVER"),
        (["s", "--json=1"], '--json takes no value; found "1"'),
        (["s", "t"], 'train: "t" is one word too many; expected one SOLVER'),
        (["s", "--threads", "0"], '--threads is "0"; expected a whole number of at least 1'),
        (["s", "--seed", "many"], '--seed is "many"; expected a whole number of at least 0'),
        (
            ["s", "--sigint_effect", "stopp"],
            '--sigint_effect is "stopp"; expected stop, snapshot or none; did you mean "stop"?',
        ),
        (["s", "--set", "max_iter"], '--set is "max_iter"; expected KEY=VALUE'),
        (["s", "--weights", ","], '--weights is ","; expected at least one word'),
        (["s", "--set", "=5"], '--set is "=5"; expected KEY=VALUE'),
        ([], "train needs a SOLVER; expected minicaffe train SOLVER"),
    ],
)
def test_a_mistake_is_one_sentence(words, sentence):
    with pytest.raises(UsageError) as caught:
        parse(train.COMMAND, words)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_a_whole_number_without_a_bound():
    assert whole()("-3") == -3
    with pytest.raises(UsageError, match=r'^"x"; expected a whole number$'):
        whole()("x")


def test_a_comma_list_drops_what_is_empty():
    assert comma_list(" a, ,b,") == ("a", "b")


def tool(switches=True):
    flags = (
        Flag("root", "ROOT", ""),
        Flag("list", "LIST", ""),
        Flag("out", "FILE", "", needed=False),
        Flag("gray", "", ""),
        Flag("width", "N", "", whole(0), 0),
    )
    return Command("tool", "", "", "root list out", flags, (), lambda options: 0, switches)


@pytest.mark.parametrize(
    "words", [["a", "b"], ["-list", "b", "a"], ["a", "--list=b"], ["-gray", "a", "b"], ["-width", "0", "a", "b"]]
)
def test_several_bare_words_fill_what_is_not_given(words):
    values = parse(tool(), words)
    assert (values["root"], values["list"], values["out"], values["width"]) == ("a", "b", None, 0)


def test_a_bare_word_that_may_be_left_out():
    assert parse(tool(), ["a", "b", "c"])["out"] == "c"


@pytest.mark.parametrize("word", ["-gray", "--gray=true", "-gray=1", "--gray=T", "--gray=yes"])
def test_a_switch_that_is_on(word):
    assert parse(tool(), ["a", "b", "-nogray", word])["gray"] is True


@pytest.mark.parametrize("word", ["-nogray", "--gray=false", "-gray=0", "--gray=No"])
def test_a_switch_that_is_off(word):
    assert parse(tool(), ["-gray", "a", "b", word])["gray"] is False


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["a"], "tool needs a LIST; expected minicaffe tool ROOT LIST [FILE]"),
        (["a", "b", "c", "d"], 'tool: "d" is one word too many; expected ROOT, LIST and FILE'),
        (["a", "b", "--gray=maybe"], '--gray is "maybe"; expected true or false'),
        (["a", "b", "--gray="], '--gray is ""; expected true or false'),
        (["a", "b", "--nogrey"], "tool has no flag --nogrey"),
    ],
)
def test_a_mistake_with_several_bare_words(words, sentence):
    with pytest.raises(UsageError) as caught:
        parse(tool(), words)
    assert str(caught.value).startswith(sentence)


def test_plain_switches_take_no_values():
    with pytest.raises(UsageError, match="--gray takes no value"):
        parse(tool(switches=False), ["a", "b", "--gray=true"])


def test_threads_have_a_bound():
    assert THREADS.convert("1024") == 1024
    with pytest.raises(UsageError, match="expected at most 1024"):
        THREADS.convert("100000")
