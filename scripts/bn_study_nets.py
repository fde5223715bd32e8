"""The nets of models/bn_study/: CaffeNet in miniature, for 32 x 32 images, each with one thing changed.

Three convolutions and three fully-connected layers, with Dropout behind the first two of these. BatchNorm, where there
is one, stands before or behind every non-linearity; what is changed is told by the file's name.
"""

from typing import NamedTuple

from net_text import Text, cifar10

BATCH = 64
WINDOW = 6400  # images that the moving averages of BatchNorm span: a hundred iterations
# name, (outputs, kernel, stride, pad), whether a pooling follows
CONVOLUTIONS = (("1", (32, 5, 2, 2), False), ("2", (32, 3, 1, 1), True), ("3", (64, 3, 1, 1), True))
HIDDEN = 256


class Variant(NamedTuple):
    """What one net has: ``place`` of BatchNorm ("", "before", "after"), Scale, the activation, the share dropped."""

    place: str = "after"
    scale: bool = False
    activation: str = "ReLU"
    dropout: float = 0.5


NETS = {
    "none": Variant(place=""),
    "before": Variant("before"),
    "before_scale": Variant("before", scale=True),
    "after": Variant(),
    "after_scale": Variant(scale=True),
    "after_rrelu": Variant(activation="RReLU"),
    "after_prelu": Variant(activation="PReLU"),
    "after_elu": Variant(activation="ELU"),
    "after_maxout": Variant(activation="Maxout"),
    "after_sigmoid": Variant(activation="Sigmoid"),
    "after_tanh": Variant(activation="TanH"),
    "after_linear": Variant(activation=""),
    "after_dropout_0": Variant(dropout=0),
    "after_dropout_0.2": Variant(dropout=0.2),
}


def study_net(name: str, loss: str) -> str:
    """The prototxt of ``NETS[name]``; ``loss`` is the text of its last layers, with %(bottom)s."""
    variant = NETS[name]
    comment = (
        "CaffeNet128 in miniature, after Mishkin et al. 2016, arXiv 1606.02228; written by scripts/make_models.py."
    )
    if variant.place == "before" or not variant.activation:
        comment += f"\n# minicaffe: ok bn-useless-bias{'' if variant.scale else ', bn-without-scale'}"
    net = Text(f"bn_study_{name}", comment, averages=1 - BATCH / WINDOW)
    net.add(cifar10(BATCH, 500, " scale: 0.04"))
    x = "data"
    for number, (outputs, *window), pooled in CONVOLUTIONS:
        x = net.conv(x, f"conv{number}", _pieces(variant) * outputs, *window)
        x = _activate(net, x, number, variant)
        x = net.pool(x, f"pool{number}", "MAX", 3, 2) if pooled else x
    for number in ("4", "5"):
        x = net.product(x, f"fc{number}", _pieces(variant) * HIDDEN)
        x = _activate(net, x, number, variant)
        x = net.dropout(x, f"drop{number}", variant.dropout) if variant.dropout else x
    net.add(loss % {"bottom": net.product(x, "fc6", 10)})
    return net.text


def _pieces(variant: Variant) -> int:
    """How many outputs Maxout takes the largest of."""
    return 2 if variant.activation == "Maxout" else 1


def _activate(net: Text, x: str, number: str, variant: Variant) -> str:
    """The non-linearity, and BatchNorm where it is wished for."""
    if variant.place == "before":
        _normalise(net, x, number, variant)
    if variant.activation == "Maxout":
        parts = [f"{x}_a", f"{x}_b"]
        net.add(_slice(x, parts))
        x = net.layer("Eltwise", f"max{number}", parts, f"max{number}", "eltwise_param { operation: MAX }")
    elif variant.activation:
        net.layer(variant.activation, f"{variant.activation.lower()}{number}", x, x)
    if variant.place == "after":
        _normalise(net, x, number, variant)
    return x


def _slice(bottom: str, tops: list[str]) -> str:
    written = "\n  ".join(f'top: "{top}"' for top in tops)
    return f'layer {{\n  name: "{bottom}_slice"\n  type: "Slice"\n  bottom: "{bottom}"\n  {written}\n}}\n'


def _normalise(net: Text, x: str, number: str, variant: Variant) -> None:
    if variant.scale:
        net.norm(x, f"bn{number}", f"scale{number}")
    else:
        net.batch_norm(x, f"bn{number}")
