#!/usr/bin/env python3
"""Write those nets under models/ that repeat themselves, layer by layer as their papers have them.

usage: python scripts/make_models.py [FOLDER]     (default: models)

Layers of the ImageNet nets are named as in the weights that were published for Caffe, so that these fit. Trained
nets are written twice, with data and loss and for use; solvers are written by hand.
"""

import sys
from pathlib import Path

from bn_study_nets import NETS, study_net
from net_text import Text, cifar10

MODELS = Path(__file__).resolve().parent.parent / "models"
NOISE = """
layer {
  name: "data"
  type: "DummyData"
  top: "data"
  top: "label"
  dummy_data_param {
    shape { dim: 32 dim: 3 dim: 128 dim: 128 }
    shape { dim: 32 }
    data_filler { type: "gaussian" std: 1 }
    data_filler { type: "constant" value: 7 }
  }
}
"""

LOSS = """
layer {
  name: "accuracy"
  type: "Accuracy"
  bottom: "%(bottom)s"
  bottom: "label"
  top: "accuracy"
  include { phase: TEST }
}
layer {
  name: "loss"
  type: "SoftmaxWithLoss"
  bottom: "%(bottom)s"
  bottom: "label"
  top: "loss"
}
"""


def resnet20(net: Text) -> str:
    """CIFAR's residual net: three stages of three blocks of two 3 x 3 convolutions, 16, 32 and 64 channels."""

    def conv_norm(x, name, outputs, kernel, stride=1):
        x = net.conv(x, name, outputs, kernel, stride, pad=kernel // 2, bias=False)
        return net.norm(x, f"{name}_bn", f"{name}_scale")

    x = net.relu(conv_norm("data", "conv1", 16, 3), "relu1")
    for stage, channels in enumerate((16, 32, 64), 1):
        for block in range(1, 4):
            name = f"res{stage}{block}"
            stride = 2 if stage > 1 and block == 1 else 1
            shortcut = conv_norm(x, f"{name}_shortcut", channels, 1, stride) if stride == 2 else x
            branch = net.relu(conv_norm(x, f"{name}_conv1", channels, 3, stride), f"{name}_relu1")
            branch = conv_norm(branch, f"{name}_conv2", channels, 3)
            x = net.relu(net.layer("Eltwise", name, (shortcut, branch), name), f"{name}_relu2")
    return net.product(net.pool(x, "pool", "AVE"), "ip", 10)


def caffenet128(net: Text) -> str:
    """CaffeNet with half as many fully-connected outputs; BatchNorm and Scale before every ReLU; no LRN."""

    def norm_relu(x, number):
        return net.relu(net.norm(x, f"bn{number}", f"scale{number}"), f"relu{number}")

    x = "data"
    for number, options, pooled in CAFFENET:
        x = norm_relu(net.conv(x, f"conv{number}", *options, bias=False), number)
        x = net.pool(x, f"pool{number}", "MAX", 3, 2) if pooled else x
    for number in (6, 7):
        x = norm_relu(net.product(x, f"fc{number}", 2048, bias=False), number)
    return net.product(x, "fc8", 1000)


# number, (outputs, kernel, stride, pad, groups), whether a pooling follows
CAFFENET = (
    (1, (96, 11, 4), True),
    (2, (256, 5, 1, 2, 2), True),
    (3, (384, 3, 1, 1), False),
    (4, (384, 3, 1, 1, 2), False),
    (5, (256, 3, 1, 1, 2), True),
)


def caffenet(net: Text) -> str:
    x = "data"
    for number, options, pooled in CAFFENET:
        x = net.relu(net.conv(x, f"conv{number}", *options), f"relu{number}")
        x = net.pool(x, f"pool{number}", "MAX", 3, 2) if pooled else x
        x = net.lrn(x, f"norm{number}") if number <= 2 else x
    for number in (6, 7):
        x = net.relu(net.product(x, f"fc{number}", 4096), f"relu{number}")
        x = net.dropout(x, f"drop{number}", 0.5)
    return net.product(x, "fc8", 1000)


def googlenet(net: Text) -> str:
    def conv_relu(x, name, outputs, kernel, stride=1):
        folder, _, part = name.rpartition("/")
        x = net.conv(x, name, outputs, kernel, stride, pad=kernel // 2)
        return net.relu(x, f"{folder}/relu_{part}")

    def inception(x, name, one, reduce3, three, reduce5, five, projection):
        paths = (
            conv_relu(x, f"{name}/1x1", one, 1),
            conv_relu(conv_relu(x, f"{name}/3x3_reduce", reduce3, 1), f"{name}/3x3", three, 3),
            conv_relu(conv_relu(x, f"{name}/5x5_reduce", reduce5, 1), f"{name}/5x5", five, 5),
            conv_relu(net.pool(x, f"{name}/pool", "MAX", 3, 1, 1), f"{name}/pool_proj", projection, 1),
        )
        return net.layer("Concat", f"{name}/output", paths, f"{name}/output")

    x = net.pool(conv_relu("data", "conv1/7x7_s2", 64, 7, 2), "pool1/3x3_s2", "MAX", 3, 2)
    x = conv_relu(net.lrn(x, "pool1/norm1"), "conv2/3x3_reduce", 64, 1)
    x = net.lrn(conv_relu(x, "conv2/3x3", 192, 3), "conv2/norm2")
    x = net.pool(x, "pool2/3x3_s2", "MAX", 3, 2)
    x = inception(x, "inception_3a", 64, 96, 128, 16, 32, 32)
    x = inception(x, "inception_3b", 128, 128, 192, 32, 96, 64)
    x = net.pool(x, "pool3/3x3_s2", "MAX", 3, 2)
    x = inception(x, "inception_4a", 192, 96, 208, 16, 48, 64)
    x = inception(x, "inception_4b", 160, 112, 224, 24, 64, 64)
    x = inception(x, "inception_4c", 128, 128, 256, 24, 64, 64)
    x = inception(x, "inception_4d", 112, 144, 288, 32, 64, 64)
    x = inception(x, "inception_4e", 256, 160, 320, 32, 128, 128)
    x = net.pool(x, "pool4/3x3_s2", "MAX", 3, 2)
    x = inception(x, "inception_5a", 256, 160, 320, 32, 128, 128)
    x = inception(x, "inception_5b", 384, 192, 384, 48, 128, 128)
    x = net.dropout(net.pool(x, "pool5/7x7_s1", "AVE", 7), "pool5/drop_7x7_s1", 0.4)
    return net.product(x, "loss3/classifier", 1000)


def resnet50(net: Text) -> str:
    def conv_norm(x, name, outputs, kernel, stride=1, bias=False):
        x = net.conv(x, name, outputs, kernel, stride, pad=kernel // 2, bias=bias)
        label = name.removeprefix("res") if name.startswith("res") else f"_{name}"
        return net.norm(x, f"bn{label}", f"scale{label}")

    x = net.relu(conv_norm("data", "conv1", 64, 7, 2, bias=True), "conv1_relu")  # the published weights have the bias
    x = net.pool(x, "pool1", "MAX", 3, 2)
    for stage, (blocks, channels) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), 2):
        for block in "abcdef"[:blocks]:
            name = f"res{stage}{block}"
            stride = 2 if stage > 2 and block == "a" else 1
            shortcut = conv_norm(x, f"{name}_branch1", 4 * channels, 1, stride) if block == "a" else x
            branch = net.relu(conv_norm(x, f"{name}_branch2a", channels, 1, stride), f"{name}_branch2a_relu")
            branch = net.relu(conv_norm(branch, f"{name}_branch2b", channels, 3), f"{name}_branch2b_relu")
            branch = conv_norm(branch, f"{name}_branch2c", 4 * channels, 1)
            x = net.relu(net.layer("Eltwise", name, (shortcut, branch), name), f"{name}_relu")
    return net.product(net.pool(x, "pool5", "AVE", 7), "fc1000", 1000)


def mobilenet(net: Text) -> str:
    def conv_norm_relu(x, name, relu, *options):
        x = net.conv(x, name, *options, bias=False)
        return net.relu(net.norm(x, f"{name}/bn", f"{name}/scale"), relu)

    x = conv_norm_relu("data", "conv1", "relu1", 32, 3, 2, 1)
    inputs = 32
    for label, outputs, stride in MOBILENET:
        x = conv_norm_relu(x, f"conv{label}/dw", f"relu{label}/dw", inputs, 3, stride, 1, inputs)
        x = conv_norm_relu(x, f"conv{label}/sep", f"relu{label}/sep", outputs, 1)
        inputs = outputs
    return net.conv(net.pool(x, "pool6", "AVE"), "fc7", 1000, 1)


# name of the pair of convolutions, outputs, stride
MOBILENET = (
    ("2_1", 64, 1),
    ("2_2", 128, 2),
    ("3_1", 128, 1),
    ("3_2", 256, 2),
    ("4_1", 256, 1),
    ("4_2", 512, 2),
    *((f"5_{i}", 512, 1) for i in range(1, 6)),
    ("5_6", 1024, 2),
    ("6", 1024, 1),
)

# name, layers, size of images, its paper
DEPLOYED = (
    ("resnet20", resnet20, 32, "He et al. 2015, arXiv 1512.03385, section 4.2"),
    ("caffenet128", caffenet128, 128, "Krizhevsky et al. 2012, at 128 pixels; Ioffe and Szegedy, arXiv 1502.03167"),
    ("caffenet", caffenet, 227, "Krizhevsky et al. 2012, with pooling before normalisation as in Caffe"),
    ("googlenet", googlenet, 224, "Szegedy et al. 2014, arXiv 1409.4842, without the auxiliary classifiers"),
    ("resnet50", resnet50, 224, "He et al. 2015, arXiv 1512.03385; strides in the first 1 x 1 convolutions"),
    (
        "mobilenet",
        mobilenet,
        224,
        "Howard et al. 2017, arXiv 1704.04861; a depthwise convolution has a group a channel",
    ),
)

# name, layers, data, comment
TRAINED = (
    (
        "resnet20",
        resnet20,
        cifar10(128, 100),
        "ResNet-20: He et al. 2015, arXiv 1512.03385, section 4.2, with 1 x 1 convolutions where a shortcut changes\n"
        "# size (the paper pads with zeros there) and mirroring as the only augmentation.",
    ),
    (
        "caffenet128",
        caffenet128,
        NOISE,
        "CaffeNet at 128 pixels with BatchNorm and Scale before every ReLU, and so without LRN and Dropout (Ioffe and\n"
        "# Szegedy, arXiv 1502.03167). Its images are noise, for timing; Data layers in its place make it learn.",
    ),
)


def files() -> dict[str, str]:
    """Path under models/ -> text, for every file that this script writes."""
    written = {}
    for name, layers, size, source in DEPLOYED:
        net = Text(name, f"{name} for use: images in, the probability of each class out.\n# {source}.")
        net.input(size)
        net.softmax(layers(net))
        written[f"{name}/deploy.prototxt"] = net.text
    for name, layers, data, comment in TRAINED:
        net = Text(name, comment, averages=0.95)
        net.add(data)
        net.add(LOSS % {"bottom": layers(net)})
        written[f"{name}/train_test.prototxt"] = net.text
    for name in NETS:
        written[f"bn_study/{name}.prototxt"] = study_net(name, LOSS)
    return written


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else MODELS
    for path, text in files().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
