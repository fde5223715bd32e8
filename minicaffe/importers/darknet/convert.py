"""Darknet's nets: a ``.cfg`` and its ``.weights`` as a Caffe net that computes the same numbers.

Layers are called by their section and number, counted from 0 after [net] as Darknet counts: conv0, conv0_bn, route3.
Format and formulas: the cfg files and sources of pjreddie/darknet, with ``groups`` of [route], mish and relu6 of
AlexeyAB/darknet.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from ...errors import LayerError, ProtoError, UsageError, WeightsError, did_you_mean, shape_text
from ..activations import activate, leaky
from ..builder import Builder, Imported
from ..windows import convolve, global_pool, pool
from .files import Section, Weights, read_cfg

_TRAINING = frozenset(
    "batch subdivisions time_steps momentum decay angle saturation exposure hue aspect learning_rate burn_in "
    "max_batches max_epochs policy power step steps scales scale gamma adam B1 B2 eps max_crop min_crop max_ratio "
    "min_ratio center clip random seq_scales mosaic mosaic_bound mixup cutmix blur flip letter_box notruth "
    "label_smooth_eps resize_step track augment_speed dynamic_minibatch optimized_memory workspace_size_limit_MB "
    "num_sigmas_reject_badlabels ema_alpha gaussian_noise contrastive loss_scale cudnn_half hyper_epsilon log_step "
    "num_steps_reset_saturation sgdr_cycle sgdr_mult sequential_subdivisions use_cuda_graph color_preset "
    "equidistant_point attention adversarial_lr".split()
)
_SLOPES = {"leaky": 0.1, "relie": 0.01}
_ACTIVATIONS = {
    "logistic": "sigmoid",
    "selu": "selu_darknet",
    **{name: name for name in "linear relu relu6 tanh elu swish mish hardtan ramp loggy".split()},
}
_KNOWN_ACTIVATIONS = (*_SLOPES, *_ACTIVATIONS)


def import_darknet(
    cfg: str | os.PathLike,
    weights: str | os.PathLike,
    batch: int = 1,
    size: tuple[int, int] | None = None,
    epsilon: float | None = None,
) -> Imported:
    """The net of a ``.cfg`` with the numbers of a ``.weights``.

    ``size`` (height, width) takes the place of those in [net]. Normalisation is Darknet's on the CPU,
    (x - mean) / (sqrt(variance) + 0.000001), or with ``epsilon`` (x - mean) / sqrt(variance + epsilon), which is what
    some builds for GPUs compute. [yolo], [region] and [detection] give the map that they read.

    Raises ProtoError for a cfg that cannot be read or imported, with file and line; WeightsError for weights that are
    not those of the cfg.
    """
    sections = read_cfg(os.fspath(cfg))
    numbers = Weights(os.fspath(weights))
    name = os.path.splitext(os.path.basename(os.fspath(cfg)))[0]
    net = _Darknet(name, sections[0], numbers, batch, size, epsilon)
    for section in sections[1:]:
        net.add(section)
    numbers.close()
    if not net.tops:
        raise ProtoError(f"{os.fspath(cfg)}: has no layers after [net]; expected some")
    for top in dict.fromkeys(net.maps):
        net.b.show(top)
    return net.b.done()


class _Darknet:
    """The net so far.

    ``tops`` has the top of each section, None where that is not what Darknet gives; ``maps`` what detections read.
    """

    def __init__(
        self,
        name: str,
        first: Section,
        weights: Weights,
        batch: int,
        size: tuple[int, int] | None,
        epsilon: float | None,
    ):
        if first.kind not in ("net", "network"):
            raise ProtoError(f"{first.place} stands first; expected [net]")
        first.check(["width", "height", "channels", *sorted(_TRAINING)], ["inputs=0"])
        self.b, self.weights, self.epsilon = Builder(name), weights, epsilon
        height, width = size or (first.whole("height", 0, 1), first.whole("width", 0, 1))
        self.tops: list[str | None] = []
        self.maps: list[str] = []
        self.top: str | None = self.b.input("data", (batch, first.whole("channels", 0, 1), height, width))
        self.b.notes.append(
            'Darknet feeds "data" with RGB from 0 to 1, the image as it is or in a box of grey; other ranges and '
            "orders give other numbers"
        )

    def add(self, section: Section) -> None:
        """Append a section; ProtoError for one that cannot be imported."""
        if section.kind not in _SECTIONS:
            expected = did_you_mean(section.kind, _SECTIONS) or f"; expected one of {', '.join(_SECTIONS)}"
            raise ProtoError(f"{section.place} cannot be imported{expected}")
        label, convert = _SECTIONS[section.kind]
        if self.top is None and section.kind != "route":
            raise ProtoError(f"{section.place} reads what a detection gives; expected [route] after a detection")
        try:
            self.top = convert(self, section, f"{label}{len(self.tops)}", self.top)
        except (LayerError, UsageError) as error:
            raise ProtoError(f"{section.place}: {error}") from None
        self.tops.append(self.top)

    def layer(self, section: Section, key: str, number: int) -> str:
        """The top of layer ``number``, counted from here where negative; refuses what comes later."""
        at = number if number >= 0 else len(self.tops) + number
        if not 0 <= at < len(self.tops):
            raise section.wrong(key, f"layers from 0 to {len(self.tops) - 1}, or negative ones, counted from here")
        top = self.tops[at]
        if top is None:
            raise section.wrong(key, "a layer whose numbers can be imported; that one is a detection")
        return top

    def normalise(self, section: Section, name: str, x: str, parameters: list[np.ndarray]) -> str:
        """BatchNorm and Scale, in place, of (biases, scales, mean, variance)."""
        biases, scales, mean, variance = parameters
        if (variance < 0).any():
            raise WeightsError(f"{self.weights.path}: variances of {section.place} are below 0; expected others")
        eps = self.epsilon
        if eps is None:  # (sqrt(v) + e)^2 = v + 2 e sqrt(v) + e^2
            eps, v = 1e-12, variance.astype(np.float64)
            variance = v + 2e-6 * np.sqrt(v)
        top = self.b.add("BatchNorm", f"{name}_bn", [x], [mean, variance, np.ones(1)], in_place=True, eps=eps)
        return self.b.add("Scale", f"{name}_scale", [top], [scales, biases], in_place=True, bias_term=True)

    def activation(self, section: Section, name: str, x: str, default: str) -> str:
        """The activation of a section, in place where that can be."""
        kind = section.text("activation", default)
        if kind in _SLOPES:
            return leaky(self.b, _SLOPES[kind], f"{name}_{kind}", x)
        if kind not in _ACTIVATIONS:
            near = did_you_mean(kind, _KNOWN_ACTIVATIONS)
            raise section.wrong("activation", f"one of {', '.join(_KNOWN_ACTIVATIONS)}{near}")
        return activate(self.b, _ACTIVATIONS[kind], f"{name}_{kind}", x)

    def image(self, name: str, x: str) -> str:
        """x with four axes."""
        shape = self.b.shapes[x]
        return x if len(shape) == 4 else self.b.add("Reshape", f"{name}_image", [x], shape={"dim": [0, 0, 1, 1]})

    # -- sections --------------------------------------------------------------------------------------------

    def convolutional(self, s: Section, name: str, x: str) -> str:
        s.check(
            "filters size stride stride_x stride_y pad padding groups batch_normalize activation flipped "
            "stopbackward dontsave learning_rate train_only_bn".split(),
            "binary=0 xnor=0 bin_output=0 dilation=1 antialiasing=0 dontload=0 dontloadscales=0 deform=0 rotate=0 "
            "sway=0 stretch=0 stretch_sway=0 assisted_excitation=0 coordconv=0".split(),
        )
        x = self.image(name, x)
        filters, size, groups = (s.whole(key, 1, 1) for key in ("filters", "size", "groups"))
        stride = s.whole("stride", 1, 1)
        steps = s.whole("stride_y", stride, 1), s.whole("stride_x", stride, 1)
        pad = size // 2 if s.whole("pad", 0) else s.whole("padding", 0, 0)
        channels = self.b.shapes[x][1]
        if channels % groups or filters % groups:
            raise s.wrong("groups", f"a divisor of {channels} channels and {filters} filters")
        normal = s.whole("batch_normalize", 0) != 0
        vectors = self._vectors(s, filters, normal)
        shape = filters, channels // groups, size, size
        weights = self.weights.take(s, "weights", *shape)
        if s.whole("flipped", 0):
            weights = weights.reshape(-1, filters).T.reshape(shape)
        bias = None if normal else vectors[0]
        top = convolve(self.b, name, x, weights, bias, steps, ((pad, pad), (pad, pad)), group=groups)
        if normal:
            top = self.normalise(s, name, top, vectors)
        return self.activation(s, name, top, "logistic")

    def _vectors(self, s: Section, count: int, normal: bool) -> list[np.ndarray]:
        """Biases, and with normalisation scales, means and variances."""
        names = ("biases", "scales", "rolling means", "rolling variances")
        return [self.weights.take(s, what, count) for what in (names if normal else names[:1])]

    def connected(self, s: Section, name: str, x: str) -> str:
        s.check(
            "output activation batch_normalize stopbackward dontsave".split(), "dontload=0 dontloadscales=0".split()
        )
        outputs, inputs = s.whole("output", 1, 1), int(np.prod(self.b.shapes[x][1:]))
        (biases,) = self._vectors(s, outputs, False)
        if self.weights.transposed:
            weights = self.weights.take(s, "weights", inputs, outputs).T
        else:
            weights = self.weights.take(s, "weights", outputs, inputs)
        if not s.whole("batch_normalize", 0):
            top = self.b.add("InnerProduct", name, [x], [weights, biases], num_output=outputs)
        else:
            top = self.b.add("InnerProduct", name, [x], [weights], num_output=outputs, bias_term=False)
            names = ("scales", "rolling means", "rolling variances")
            top = self.normalise(s, name, top, [biases, *(self.weights.take(s, what, outputs) for what in names)])
        return self.activation(s, name, top, "logistic")

    def maxpool(self, s: Section, name: str, x: str) -> str:
        s.check("size stride stride_x stride_y padding stopbackward".split(), ["maxpool_depth=0", "antialiasing=0"])
        stride = s.whole("stride", 1, 1)
        steps = s.whole("stride_y", stride, 1), s.whole("stride_x", stride, 1)
        size = s.whole("size", stride, 1)
        pad = s.whole("padding", size - 1, 0)
        x = self.image(name, x)
        counts = [(n + pad - size) // step + 1 for n, step in zip(self.b.shapes[x][2:], steps)]
        if min(counts) < 1:
            raise LayerError(f"size {size} does not fit into {shape_text(self.b.shapes[x])}; expected a smaller one")
        return pool(self.b, name, x, "MAX", (size, size), steps, (pad // 2, pad // 2), counts)

    def avgpool(self, s: Section, name: str, x: str) -> str:
        s.check(())
        return global_pool(self.b, name, self.image(name, x), "AVE")

    def route(self, s: Section, name: str, _: str | None) -> str:
        s.check("layers groups group_id stopbackward".split())
        groups, part = s.whole("groups", 1, 1), s.whole("group_id", 0, 0)
        tops = [self.layer(s, "layers", number) for number in s.wholes("layers")]
        if not tops:
            raise s.wrong("layers", "at least one layer")
        if part >= groups:
            raise s.wrong("group_id", f"at most {groups - 1}, as groups is {groups}")
        if groups > 1:
            tops = [self._part(s, f"{name}_{i}", top, groups, part) for i, top in enumerate(tops)]
        return tops[0] if len(tops) == 1 else self.b.add("Concat", name, [self.image(name, top) for top in tops])

    def _part(self, s: Section, name: str, x: str, groups: int, part: int) -> str:
        if self.b.shapes[x][1] % groups:
            raise s.wrong("groups", f"a divisor of {self.b.shapes[x][1]} channels")
        tops = self.b.add_many("Slice", name, [x], groups)
        self.b.silence(f"{name}_rest", [top for i, top in enumerate(tops) if i != part])
        return tops[part]

    def shortcut(self, s: Section, name: str, x: str) -> str:
        s.check("from activation stopbackward".split(), ["alpha=1", "beta=1"])
        others = [self.layer(s, "from", number) for number in s.wholes("from")]
        for other in others:
            if self.b.shapes[other] != self.b.shapes[x]:
                shapes = " and ".join(shape_text(self.b.shapes[top]) for top in (other, x))
                raise s.wrong("from", f"layers of one shape; these are {shapes}")
        return self.activation(s, name, self.b.add("Eltwise", name, [x, *others]), "linear")

    def upsample(self, s: Section, name: str, x: str) -> str:
        s.check(["stride", "scale"])
        stride, scale = s.whole("stride", 2, 1), s.real("scale", 1)
        top = self.b.add("Upsample", name, [self.image(name, x)], scale=stride)
        return top if scale == 1 else self.b.add("Power", f"{name}_scale", [top], in_place=True, scale=scale)

    def softmax(self, s: Section, name: str, x: str) -> str:
        s.check("groups temperature spatial noloss".split())
        if s.whole("groups", 1, 1) != 1:
            raise s.wrong("groups", "1, as nothing else can be imported")
        heat = s.real("temperature", 1)
        if not heat > 0:
            raise s.wrong("temperature", "a number above 0")
        shape = self.b.shapes[x]
        if not s.whole("spatial", 0) and int(np.prod(shape[2:])) > 1:
            x = self.b.add("Flatten", f"{name}_flat", [x])
        if heat != 1:
            x = self.b.add("Power", f"{name}_temperature", [x], scale=1 / heat)
        return self.b.add("Softmax", name, [x])

    def reorg(self, s: Section, name: str, x: str) -> str:
        s.check(["stride"], ["reverse=0", "flatten=0", "extra=0"])
        step = s.whole("stride", 1, 1)
        _, channels, height, width = self.b.shapes[x]
        if channels % step**2 or height % step or width % step:
            found = shape_text(self.b.shapes[x])
            raise s.wrong("stride", f"a divisor of height and width whose square divides the channels of {found}")
        # Darknet takes the memory for planes of (height * step) x (width * step) and gathers every step-th pixel
        planes = {"dim": [0, channels // step**2, height, step, width, step]}
        split = self.b.add("Reshape", f"{name}_split", [x], shape=planes)
        order = self.b.add("Permute", f"{name}_order", [split], order=[0, 3, 5, 1, 2, 4])
        sizes = [0, channels * step**2, height // step, width // step]
        return self.b.add("Reshape", name, [order], shape={"dim": sizes})

    def dropout(self, s: Section, name: str, x: str) -> str:
        s.check("probability dropblock dropblock_size_rel dropblock_size_abs dropblock_size size_rel size_abs".split())
        return x

    def cost(self, s: Section, name: str, x: str) -> str:
        self.b.notes.append(f"{s.place} is left out: it only trains")
        return x

    def detection(self, s: Section, name: str, x: str) -> None:
        self.b.notes.append(f'{s.place} is left out: the net gives the map that it reads, "{x}"')
        self.maps.append(x)


_SECTIONS: dict[str, tuple[str, Callable]] = {
    "convolutional": ("conv", _Darknet.convolutional),
    "conv": ("conv", _Darknet.convolutional),
    "connected": ("connected", _Darknet.connected),
    "conn": ("connected", _Darknet.connected),
    "maxpool": ("maxpool", _Darknet.maxpool),
    "max": ("maxpool", _Darknet.maxpool),
    "avgpool": ("avgpool", _Darknet.avgpool),
    "avg": ("avgpool", _Darknet.avgpool),
    "route": ("route", _Darknet.route),
    "shortcut": ("shortcut", _Darknet.shortcut),
    "upsample": ("upsample", _Darknet.upsample),
    "softmax": ("softmax", _Darknet.softmax),
    "soft": ("softmax", _Darknet.softmax),
    "reorg": ("reorg", _Darknet.reorg),
    "dropout": ("dropout", _Darknet.dropout),
    "cost": ("cost", _Darknet.cost),
    "yolo": ("yolo", _Darknet.detection),
    "region": ("region", _Darknet.detection),
    "detection": ("detection", _Darknet.detection),
}
