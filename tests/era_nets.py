"""Good nets of well-known families, as they were written for Caffe, small enough to be read in a moment.

``NETS`` maps names to prototxts. Each keeps what its family is known for: where BatchNorm stands, what follows it, what
its ``param`` and ``batch_norm_param`` say, how the phases are told apart.
"""

from itertools import product

PARAMS = "param { lr_mult: 0 } param { lr_mult: 0 } param { lr_mult: 0 }"
PARAMS_0 = "param { lr_mult: 0 decay_mult: 0 } " * 3
FROZEN = "param { lr_mult: 0 decay_mult: 0 } " * 2
TRUE, FALSE = (f"batch_norm_param {{ use_global_stats: {word} }}" for word in ("true", "false"))


class Text:
    """A net being written: every layer reads the last top unless told otherwise."""

    def __init__(self, style="", scale="", bias="bias_term: false"):
        self.lines, self.last, self.count = [], "data", 0
        self.style, self.scale, self.bias = style, scale, bias

    def layer(self, kind, top="", more="", bottoms=(), name=""):
        self.count += 1
        bottoms = bottoms or (self.last,)
        self.last = top or f"{kind.lower()}{self.count}"
        tied = "".join(f'bottom: "{bottom}" ' for bottom in bottoms)
        name = name or f"{kind.lower()}_{self.count}"
        self.lines.append(f'layer {{\n  name: "{name}" type: "{kind}" {tied}top: "{self.last}"\n  {more}\n}}')
        return self.last

    def conv(self, outputs, kernel=3, more="", kind="Convolution", bottoms=(), params=""):
        sizes = f"num_output: {outputs} kernel_size: {kernel} pad: {kernel // 2} {self.bias} {more}"
        return self.layer(kind, more=f"{params} convolution_param {{ {sizes} }}", bottoms=bottoms)

    def norm(self, in_place=True, scale=True, phase="", style=None, name=""):
        more = f"{phase} {self.style if style is None else style}"
        top = self.layer("BatchNorm", self.last if in_place else "", more, name=name)
        if scale:
            self.layer("Scale", top, f"{phase} {self.scale} scale_param {{ bias_term: true }}")
        return top

    def pointwise(self, kind="ReLU", more=""):
        return self.layer(kind, self.last, more)

    def pool(self, how="MAX", size=2):
        return self.layer("Pooling", more=f"pooling_param {{ pool: {how} kernel_size: {size} stride: {size} }}")

    def inner(self, outputs=10, more=""):
        return self.layer("InnerProduct", more=f"{more} inner_product_param {{ num_output: {outputs} }}")

    def net(self, head):
        return "\n".join([head, *self.lines, *(TAIL if head is not DEPLOY else DEPLOY_TAIL)]).replace("LAST", self.last)


def data(phase, batch, source):
    return (
        f'layer {{ name: "data" type: "Data" top: "data" top: "label" include {{ phase: {phase} }}\n'
        f'  data_param {{ source: "{source}_{phase.lower()}_lmdb" batch_size: {batch} backend: LMDB }} }}'
    )


TRAIN_VAL = f"{data('TRAIN', 64, 'cifar10')}\n{data('TEST', 100, 'cifar10')}"
DEPLOY = (
    'name: "deploy"\nlayer { name: "data" type: "Input" top: "data" input_param { shape { dim: [1, 3, 32, 32] } } }'
)
TAIL = [
    'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "LAST" bottom: "label" top: "loss" }',
    'layer { name: "right" type: "Accuracy" bottom: "LAST" bottom: "label" top: "right" include { phase: TEST } }',
]
DEPLOY_TAIL = ['layer { name: "prob" type: "Softmax" bottom: "LAST" top: "prob" }']


def resnet(net, head):
    """Conv, BatchNorm, Scale, ReLU in place; sums of branches."""
    net.conv(8, 7)
    net.norm()
    net.pointwise()
    first = net.pool()
    net.conv(16, 1, bottoms=(first,))
    short = net.norm()
    net.conv(16, bottoms=(first,))
    net.norm()
    net.pointwise()
    net.conv(16)
    long = net.norm()
    net.layer("Eltwise", bottoms=(short, long))
    net.pointwise()
    net.pool("AVE", 4)
    net.inner()


def preactivated(net, head):
    """BatchNorm first, in a blob of its own, as the sum is read again."""
    first = net.conv(8)
    net.norm(in_place=False)
    net.pointwise()
    net.conv(8)
    net.norm()
    net.pointwise()
    net.conv(8)
    net.layer("Eltwise", bottoms=(first, net.last))
    net.norm(in_place=False)
    net.pointwise()
    net.inner()


def inception(net, head):
    """Branches that are joined again."""
    net.conv(8)
    net.norm(in_place=False)
    start = net.pointwise()
    branches = []
    for size in (1, 3, 5):
        net.conv(4, size, bottoms=(start,))
        net.norm(in_place=False)
        branches.append(net.pointwise())
    net.layer("Concat", bottoms=branches)
    net.pool("AVE", 8)
    net.inner()


def densenet(net, head):
    """BatchNorm of all that was joined; Dropout behind each convolution, as its paper has it."""
    start = net.conv(8)
    for _ in range(2):
        net.norm(in_place=False)
        net.pointwise()
        net.conv(4)
        net.pointwise("Dropout", "dropout_param { dropout_ratio: 0.2 }")
        start = net.layer("Concat", bottoms=(start, net.last))
    net.norm()
    net.pointwise()
    net.inner()


def mobilenet(net, head):
    """Convolutions of one channel each."""
    net.conv(8)
    net.norm()
    net.pointwise()
    for kind in ("Convolution", "ConvolutionDepthwise"):
        net.conv(8, 3, "group: 8", kind)
        net.norm()
        net.pointwise("ReLU6" if kind != "Convolution" else "ReLU")
        net.conv(8, 1)
        net.norm()
        net.pointwise()
    net.inner()


def vgg(net, head):
    """Pairs of convolutions; Dropout behind what is normalised, a layer with weights behind that."""
    for outputs in (4, 8):
        net.conv(outputs)
        net.norm()
        net.pointwise()
        net.pool()
    net.inner(16, "")
    net.pointwise()
    net.pointwise("Dropout")
    net.inner()


def encoder(net, head):
    """Down and up again, as nets that tell a class for every pixel."""
    net.conv(8)
    net.norm()
    net.pointwise("PReLU")
    net.pool()
    net.conv(8, 2, "stride: 2", "Deconvolution")
    net.norm()
    net.pointwise()
    net.inner()


def after(net, head):
    """Normalised behind the activation, before the next weights: gamma and beta are in those."""
    for kind in ("ReLU", "ELU"):
        net.conv(8)
        net.pointwise(kind)
        net.norm(scale=False)
        net.pool()
    net.inner()


def shifted(net, head):
    """BatchNorm and Bias alone."""
    net.conv(8)
    top = net.norm(scale=False)
    net.layer("Bias", top)
    net.pointwise()
    net.inner()


def twins(net, head):
    """A BatchNorm for each phase, of one name."""
    for n in range(2):
        top = net.conv(8)
        net.norm(False, False, "include { phase: TRAIN }", f"{PARAMS} {FALSE}", name=f"bn{n}")
        made = net.last
        net.last = top
        net.layer("BatchNorm", made, f"include {{ phase: TEST }} {PARAMS} {TRUE}", name=f"bn{n}")
        net.layer("Scale", made, "scale_param { bias_term: true }")
        net.pointwise()
    net.inner()


FAMILIES = (resnet, preactivated, inception, densenet, mobilenet, vgg, encoder, after, shifted)
STYLES = {
    "plain_train_val": (TRAIN_VAL, "", ""),
    "param_train_val": (TRAIN_VAL, PARAMS, ""),
    "slow_train_val": (TRAIN_VAL, PARAMS_0 + "batch_norm_param { moving_average_fraction: 0.99 eps: 0.001 }", ""),
    "frozen_train_val": (TRAIN_VAL, PARAMS_0 + TRUE, FROZEN),
    "plain_deploy": (DEPLOY, "", ""),
    "stored_deploy": (DEPLOY, TRUE, ""),
}
NETS = {"twins_train_val": (twins, TRAIN_VAL, "", "")}
for family, (style, (head, norm, scale)) in product(FAMILIES, STYLES.items()):
    if style.startswith("frozen") and family in (after, shifted):
        continue
    NETS[f"{family.__name__}_{style}"] = (family, head, norm, scale)


def text_of(name):
    family, head, norm, scale = NETS[name]
    net = Text(norm, scale)
    family(net, head)
    return net.net(head)
