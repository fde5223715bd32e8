"""``minicaffe draw``: a picture of a net, with shapes and parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import GraphError, UsageError, plural
from .flags import Command, Flag, one_of
from .netflags import LAYERS, LEVEL, PYTHON, STAGE, get_ready
from .results import Results, show_notes

if TYPE_CHECKING:
    from ..draw import State
    from ..proto import NetFile


def target(text: str) -> str:
    """A converter for files of drawings."""
    from ..draw import check_kind, kind_of

    try:
        check_kind(kind_of(text))
    except UsageError:
        raise UsageError(f'"{text}"; expected a name that ends in .svg, .png or .dot') from None
    return text


def run(options: dict[str, Any]) -> int:
    """Draw a net in the phases that were asked for; GraphError with all that is wrong with it."""
    from ..draw import draw_net_to_file
    from ..proto import read_net

    get_ready(options)
    net, out, results = read_net(options["model"]), options["o"], Results(options["json"])
    states, notes = (_checked if options["display_shapes"] else _plain)(net, options)
    show_notes([*(f"{net.path}: {note}" for note in net.notes), *notes])
    draw_net_to_file(
        net.param, out, options["rankdir"], display_lrm=options["display_lrm"], dark=options["dark"], states=states
    )
    layers, titles = len({index for state in states for index in state.layers}), [state.title for state in states]
    results.close(
        f"wrote {out}: {plural(layers, 'layer')}; {'; '.join(titles)}", wrote=out, layers=layers, states=titles
    )
    return 0


def _checked(net: NetFile, options: dict[str, Any]) -> tuple[list[State], list[str]]:
    """The states of a net that is right, with all that can be told of them, and what was assumed."""
    from ..analysis.check import PHASES, check_net
    from ..analysis.drawing import states_of

    phases = PHASES if options["phase"] == "ALL" else (options["phase"],)
    level, where = options["level"], {"stages": options["stage"], "python_path": options["allow_python_layers"]}
    checked = check_net(net, phases, level, **where)
    problems = list(dict.fromkeys(problem for state in checked for problem in state.problems))
    if problems:
        raise GraphError(problems)
    states, notes = states_of(net, checked, level), [note for state in checked for note in state.notes]
    drawn = {index for state in states for index in state.layers}
    left = [layer.name for index, layer in enumerate(net.param.layer) if index not in drawn]
    if left and options["phase"] == "ALL":
        notes.append(f"{net.path}: left out, as they need another --stage or --level: {', '.join(left)}")
    return states, notes


def _plain(net: NetFile, options: dict[str, Any]) -> tuple[list[State], list[str]]:
    """The states of a net as it stands, right or wrong."""
    from ..draw import plain_states

    phase = None if options["phase"] == "ALL" else options["phase"]
    return plain_states(net.param, phase, options["level"], options["stage"]), []


COMMAND = Command(
    name="draw",
    summary="draw a net: layers, shapes, parameters",
    about="Draws a net without its data: layers as boxes with their type, windows and number of parameters, blobs as "
    "arrows with their shapes, ? where data would tell. With both phases in one picture, a layer that only one of them "
    "has says so, and where shapes differ the figures of TRAIN stand before those of TEST: 64/100 x 10. Colours are "
    "pycaffe's: convolutions red, pooling orange, inner products violet, layers in place green. An svg is light or "
    "dark as the page around it. Deep nets are easier to read from top to bottom, with --rankdir TB. Graphviz is not "
    "needed; png needs pillow: pip install minicaffe[draw].",
    subject="model o",
    flags=(
        Flag("model", "NET", "the prototxt of a net"),
        Flag("o", "FILE", "the drawing to write; it ends in .svg, .png or .dot", target, "net.svg", needed=False),
        Flag("phase", "PHASE", "TRAIN, TEST or ALL", one_of("TRAIN", "TEST", "ALL"), "ALL"),
        Flag("rankdir", "WAY", "where the data flow: LR, RL, TB or BT", one_of("LR", "RL", "TB", "BT"), "LR"),
        Flag(
            "display_shapes",
            "",
            "shapes and parameters; --nodisplay_shapes draws any net, even a wrong one",
            default=True,
        ),
        Flag("display_lrm", "", "lr_mult of convolutions and inner products"),
        Flag("dark", "", "draw on a dark ground"),
        LEVEL,
        STAGE,
        LAYERS,
        PYTHON,
        Flag("json", "", "print one JSON object on stdout"),
    ),
    examples=(
        "minicaffe draw models/cifar10_bn/train_test.prototxt -o net.svg",
        "minicaffe draw deploy.prototxt --rankdir TB -o net.png",
    ),
    run=run,
    switches=True,
)
