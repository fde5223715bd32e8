"""A net that says what is in images: read, resized, cropped, run, averaged. The names are pycaffe's."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from . import TEST
from .errors import UsageError, shape_text
from .io import ArrayError, Transformer, oversample, resize_image
from .net import Net
from .proto import NetFile

__all__ = ["Classifier", "ImageNet"]


class ImageNet(Net):
    """A Net in phase TEST whose one input takes images, and the Transformer that makes them fit.

    ``mean``, ``input_scale``, ``raw_scale``, ``channel_swap``: see ``io.Transformer``. ``how`` goes to Net.
    """

    def __init__(
        self,
        model_file: Any,
        pretrained_file: Any,
        mean: Any,
        input_scale: Any,
        raw_scale: Any,
        channel_swap: Any,
        **how: Any,
    ) -> None:
        super().__init__(model_file, TEST, weights=pretrained_file, **how)
        if not self.inputs or len(self.blobs[self.inputs[0]].shape) != 4:
            found = [f"{name} {shape_text(self.blobs[name].shape)}" for name in self.inputs]
            raise UsageError(f"the net has the inputs {', '.join(found) or 'none'}; expected images, N x K x H x W")
        name = self.inputs[0]
        self.transformer = Transformer({name: self.blobs[name].shape})
        self.transformer.set_transpose(name, (2, 0, 1))
        if mean is not None:
            self.transformer.set_mean(name, mean)
        if input_scale is not None:
            self.transformer.set_input_scale(name, input_scale)
        if raw_scale is not None:
            self.transformer.set_raw_scale(name, raw_scale)
        if channel_swap is not None:
            self.transformer.set_channel_swap(name, channel_swap)

    def run_images(self, images: Iterable[np.ndarray], blob: str | None = None) -> np.ndarray:
        """``blob``, or the net's first output, for all ``images`` (H, W, K), a batch of them in memory at a time."""
        blob = self.outputs[0] if blob is None else blob
        results = [found[blob] for found in self.run_batches(images, [blob])]
        if not results:
            raise ArrayError("no images; expected one at least")
        return np.concatenate(results)

    def run_batches(self, images: Iterable[np.ndarray], blobs: Sequence[str]) -> Iterator[dict[str, np.ndarray]]:
        """``blobs``, and the net's outputs, for one batch of ``images`` (H, W, K) after the other."""
        name, waiting = self.inputs[0], iter(images)
        while batch := list(islice(waiting, self.blobs[name].shape[0])):
            ready = np.stack([self.transformer.preprocess(name, image) for image in batch])
            yield self.forward_all(blobs, **{name: ready})


class Classifier(ImageNet):
    """The net of ``model_file`` with the weights of ``pretrained_file``, for images.

    ``image_dims``: (height, width) to which images are resized before the crops of the net's size are cut out; the
    net's own where not given. Other keywords, such as ``plan="fast"``, go to ``Net``. Example::

        net = Classifier("deploy.prototxt", "net.caffemodel", mean=np.load("mean.npy").mean((1, 2)),
                         raw_scale=255, channel_swap=(2, 1, 0), image_dims=(256, 256))
        net.predict([minicaffe.io.load_image("cat.jpg")])[0].argmax()
    """

    def __init__(
        self,
        model_file: str | os.PathLike | NetFile,
        pretrained_file: str | os.PathLike | None,
        image_dims: Sequence[int] | None = None,
        mean: np.ndarray | None = None,
        input_scale: float | None = None,
        raw_scale: float | None = None,
        channel_swap: Sequence[int] | None = None,
        **how: Any,
    ) -> None:
        super().__init__(model_file, pretrained_file, mean, input_scale, raw_scale, channel_swap, **how)
        self.crop_dims = np.array(self.blobs[self.inputs[0]].shape[2:])
        self.image_dims = np.array(self.crop_dims if image_dims is None else image_dims, int)
        if self.image_dims.shape != (2,) or (self.image_dims < self.crop_dims).any():
            raise UsageError(
                f"image_dims is {shape_text(np.atleast_1d(self.image_dims).tolist())}; expected height and width, "
                f"at least {shape_text(self.crop_dims.tolist())} as the net's input"
            )

    def predict(self, inputs: Iterable[np.ndarray], oversample: bool = True, blob: str | None = None) -> np.ndarray:
        """``blob``, or the net's first output, for each of ``inputs``, images (H, W, K): (N, classes).

        With ``oversample`` the mean over ten crops (corners, centre, mirrored), else that of the centre alone.
        """
        if not oversample:
            return self.run_images(map(self.centre, inputs), blob)
        predictions = self.run_images((crop for image in inputs for crop in self._ten(image)), blob)
        return predictions.reshape(len(predictions) // 10, 10, -1).mean(1)

    def _ten(self, image: np.ndarray) -> np.ndarray:
        return oversample(resize_image(image, self.image_dims)[None], self.crop_dims)

    def centre(self, image: np.ndarray) -> np.ndarray:
        """The middle of an image (H, W, K), resized to ``image_dims``, as large as the net's input."""
        (y, x), (height, width) = (self.image_dims - self.crop_dims) // 2, self.crop_dims
        return resize_image(image, self.image_dims)[y : y + height, x : x + width]
