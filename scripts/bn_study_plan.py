"""The questions of the study, the trainings that answer them, and what was published for ImageNet.

Published: ducha-aiki/caffenet-benchmark, batchnorm.md and BatchSize.md; Mishkin et al. 2016, arXiv 1606.02228.
"""

from typing import NamedTuple

from bn_study_nets import BATCH

IMAGES = 153_600  # three passes over the training images
FEWER_IMAGES = 51_200  # one pass, as small batches take long


class Training(NamedTuple):
    """One training but for its seed: a net of models/bn_study/, how its weights begin, images at a time and in all."""

    net: str
    method: str = "lsuv"
    batch: int = BATCH
    images: int = IMAGES

    @property
    def name(self) -> str:
        words = [self.net]
        if self.method != "lsuv":
            words.append(self.method)
        if self.images != IMAGES:
            words.append(f"batch {self.batch}")
        return ", ".join(words)


class Answer(NamedTuple):
    """A row of a table: its label, its training, and the published accuracy, if there is one."""

    label: str
    training: Training
    published: float | None = None


class Question(NamedTuple):
    """What is asked; ``same_net``: only answers of one net are compared with one another."""

    title: str
    answers: tuple[Answer, ...]
    same_net: bool = False


def _batches(net: str, published: dict[int, float]) -> tuple[Answer, ...]:
    sizes = (1, 4, 16, 64, 256)
    return tuple(Answer(str(n), Training(net, batch=n, images=FEWER_IMAGES), published.get(n)) for n in sizes)


BASE = Training("after")
QUESTIONS = (
    Question(
        "BatchNorm before or after the non-linearity, with and without Scale",
        (
            Answer("no BatchNorm", Training("none"), 0.471),
            Answer("before", Training("before"), 0.474),
            Answer("before + Scale", Training("before_scale"), 0.478),
            Answer("after", BASE, 0.499),
            Answer("after + Scale", Training("after_scale"), 0.493),
        ),
    ),
    Question(
        "Eight activations, with BatchNorm after them",
        (
            Answer("ReLU", BASE, 0.499),
            Answer("RReLU", Training("after_rrelu"), 0.500),
            Answer("PReLU", Training("after_prelu"), 0.503),
            Answer("ELU", Training("after_elu"), 0.498),
            Answer("Maxout", Training("after_maxout"), 0.487),
            Answer("Sigmoid", Training("after_sigmoid"), 0.475),
            Answer("TanH", Training("after_tanh"), 0.448),
            Answer("none (linear)", Training("after_linear"), 0.384),
        ),
    ),
    Question(
        "Dropout of the two hidden layers, with BatchNorm",
        (
            Answer("0.5", BASE, 0.499),
            Answer("0.2", Training("after_dropout_0.2"), 0.527),
            Answer("0", Training("after_dropout_0"), 0.513),
        ),
    ),
    Question(
        "First weights: orthonormal or LSUV",
        (
            Answer("before + Scale, LSUV", Training("before_scale"), 0.478),
            Answer("before + Scale, orthonormal", Training("before_scale", "orthonormal"), 0.482),
            Answer("after, LSUV", BASE, 0.499),
            Answer("after, orthonormal", Training("after", "orthonormal"), 0.500),
            Answer("no BatchNorm, LSUV", Training("none"), 0.471),
            Answer("no BatchNorm, orthonormal", Training("none", "orthonormal")),
        ),
        same_net=True,
    ),
    Question("Batch size, with BatchNorm (after)", _batches("after", {})),
    Question(
        "Batch size, without BatchNorm",
        _batches("none", {1: 0.474, 64: 0.475, 256: 0.471}),
    ),
)


def trainings() -> list[Training]:
    """Every training once, in the order of the questions."""
    return list(dict.fromkeys(answer.training for question in QUESTIONS for answer in question.answers))
