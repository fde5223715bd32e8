"""Keras's files: the configuration of a model and the weights of its layers, from HDF5 or ``.keras``.

HDF5 (Keras 2 and 3): attribute model_config, and in model_weights a group for each layer whose attribute weight_names
lists its arrays. ``.keras``: a zip of config.json, metadata.json and model.weights.h5, where a layer's arrays are
layers/NAME/vars/0, 1, ...; NAME is the snake case of its class, with a number from the second on.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...errors import ProtoError, WeightsError
from ...proto import load_h5py
from ...proto.files import read_bytes

_WANTED = "a model of Keras, .h5 or .keras"
Trail = tuple[tuple[str, str], ...]
"""The way to a layer: (name, place in a ``.keras``) of each model around it but the outermost, and of itself."""

MODELS = ("Sequential", "Functional", "Model")
"""The classes of models that have layers of their own."""


class Model:
    """The file of a model: ``config`` (class_name and config), ``version`` of Keras ("2.15.0"), arrays by layer."""

    def __init__(self, path: str):
        self.path = path
        data = read_bytes(path, _WANTED)
        with _told(path):
            if zipfile.is_zipfile(io.BytesIO(data)):
                self._read_zip(data)
            else:
                self._read_hdf5(data)
        if not isinstance(self.config, dict) or self.config.get("class_name") not in MODELS:
            kind = self.config.get("class_name") if isinstance(self.config, dict) else None
            raise ProtoError(f"{path}: holds a {kind or 'model of no class'}; expected one of {', '.join(MODELS)}")
        if self.version.split(".")[0] not in ("2", "3"):
            raise ProtoError(f'{path}: was written by Keras "{self.version}"; expected 2 or 3')

    def arrays(self, trail: Trail, wanted: Sequence[str]) -> list[np.ndarray]:
        """The arrays of the layer at the end of ``trail``, float32; WeightsError where they are not as many."""
        found = self._by_path(trail) if self._zipped else self._by_name(trail)
        name = "/".join(part for part, _ in trail)
        if len(found) != len(wanted):
            names = ", ".join(wanted) or "none"
            raise WeightsError(f'{self.path}: layer "{name}" has {len(found)} arrays; expected {names}')
        return [np.asarray(array, np.float32) for array in found]

    def _read_zip(self, data: bytes) -> None:
        archive = zipfile.ZipFile(io.BytesIO(data))
        missing = {"config.json", "model.weights.h5"} - set(archive.namelist())
        if missing:
            raise ProtoError(f"{self.path}: is a zip without {min(missing)}; expected {_WANTED}")
        self._zipped = True
        self.config = json.loads(archive.read("config.json"))
        metadata = json.loads(archive.read("metadata.json")) if "metadata.json" in archive.namelist() else {}
        self.version = str(metadata.get("keras_version", "3"))
        with load_h5py().File(io.BytesIO(archive.read("model.weights.h5")), "r") as file:
            self._stored = _arrays(file)

    def _read_hdf5(self, data: bytes) -> None:
        if not data.startswith(b"\x89HDF"):
            raise ProtoError(f"{self.path}: is neither HDF5 nor a zip; expected {_WANTED}")
        self._zipped = False
        with load_h5py().File(io.BytesIO(data), "r") as file:
            if "model_config" not in file.attrs or "model_weights" not in file:
                raise ProtoError(
                    f"{self.path}: has no model_config with model_weights; expected a whole model, as model.save writes"
                )
            self.config = json.loads(_text(file.attrs["model_config"]))
            weights = file["model_weights"]
            self.version = _text(file.attrs.get("keras_version", weights.attrs.get("keras_version", "1")))
            self._stored = {}
            for layer, group in weights.items():
                for name in map(_text, group.attrs.get("weight_names", ())):
                    self._stored[f"{layer}|{name}"] = np.asarray(group[name])

    def _by_path(self, trail: Trail) -> list[np.ndarray]:
        place = "".join(f"layers/{part}/" for _, part in trail) + "vars/"
        found = {int(name[len(place) :]): a for name, a in self._stored.items() if name.startswith(place)}
        return [found[i] for i in sorted(found)]

    def _by_name(self, trail: Trail) -> list[np.ndarray]:
        found, outer, own = [], trail[0][0], trail[-1][0]
        for name, array in self._stored.items():
            layer, _, path = name.partition("|")
            if layer == outer and (len(trail) == 1 or own in path.split("/")[:-1]):
                found.append(array)
        return found


def places(layers: Sequence[dict[str, Any]]) -> list[str]:
    """Where the layers of one model stand in a ``.keras``."""
    seen: Counter[str] = Counter()
    found = []
    for layer in layers:
        name = _snake(layer["class_name"])
        found.append(f"{name}_{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return found


def _snake(name: str) -> str:
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _arrays(file: Any) -> dict[str, np.ndarray]:
    """All arrays of an HDF5 file, by path; the older separator counts as the present one."""
    found = {}

    def visit(name: str, item: Any) -> None:
        if hasattr(item, "shape"):
            name = name.replace("\\", "/").replace("_layer_checkpoint_dependencies/", "layers/")
            found[name] = np.asarray(item)

    file.visititems(visit)
    return found


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@contextmanager
def _told(path: str) -> Iterator[None]:
    """Whatever a damaged file makes the readers raise, as one sentence."""
    try:
        yield
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, zipfile.BadZipFile) as error:
        if isinstance(error, (ProtoError, WeightsError)) or "h5py" in str(error):
            raise
        said = " ".join(str(error).split())
        raise ProtoError(f"{path}: is damaged ({said}); expected {_WANTED}") from None
