"""Darknet's layers by plain loops over NumPy arrays, as its documentation has them; and files of random weights."""

import numpy as np

ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": lambda x: x * (x > 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky": lambda x: np.where(x > 0, x, 0.1 * x),
    "relie": lambda x: np.where(x > 0, x, 0.01 * x),
    "logistic": lambda x: 1 / (1 + np.exp(-x)),
    "loggy": lambda x: 2 / (1 + np.exp(-x)) - 1,
    "tanh": np.tanh,
    "ramp": lambda x: x * (x > 0) + 0.1 * x,
    "hardtan": lambda x: np.clip(x, -1, 1),
    "elu": lambda x: np.where(x >= 0, x, np.exp(x) - 1),
    "selu": lambda x: np.where(x >= 0, 1.0507 * x, 1.0507 * 1.6732 * (np.exp(x) - 1)),
    "swish": lambda x: x / (1 + np.exp(-x)),
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
}


class Oracle:
    """A net of (kind, options) pairs: random weights, the two files, and what the net gives for x (N, C, H, W)."""

    def __init__(self, channels, height, width, sections, seed=0, header=(0, 2, 0), epsilon=None):
        self.first = {"width": width, "height": height, "channels": channels, "learning_rate": 0.1}
        self.sections, self.header, self.epsilon = sections, header, epsilon
        self.random = np.random.default_rng(seed)
        self.stored = []  # arrays in the file's order
        self.weights = {}

    def write(self, cfg, weights):
        """Write both files; ``run`` must have been called, which makes the weights."""
        lines = []
        for kind, options in [("net", self.first), *self.sections]:
            lines += [f"[{kind}]", *(f"{key} = {value}" for key, value in options.items()), "", "# next", "; or so"]
        cfg.write_text("\n".join(lines))
        wide = self.header[0] * 10 + self.header[1] >= 2 and max(self.header[:2]) < 1000
        seen = np.array([7], "<i8" if wide else "<i4").tobytes()
        numbers = b"".join(np.asarray(array, "<f4").tobytes() for array in self.stored)
        weights.write_bytes(np.array(self.header, "<i4").tobytes() + seen + numbers)

    def run(self, x):
        """The outputs of all layers, float64."""
        outputs = []
        x = np.asarray(x, np.float64)
        for number, (kind, options) in enumerate(self.sections):
            x = getattr(self, f"_{kind}")(number, options, x, outputs)
            outputs.append(x)
        return outputs

    def _new(self, number, what, shape, low=-1.0, high=1.0, stored=None):
        key = number, what
        if key not in self.weights:
            array = self.random.uniform(low, high, shape).astype(np.float32)
            self.weights[key] = array.astype(np.float64)
            self.stored.append(array if stored is None else stored(array))
        return self.weights[key]

    def _normal(self, number, n, y, axes):
        scales = self._new(number, "scales", n)
        mean = self._new(number, "mean", n)
        variance = self._new(number, "variance", n, 0, 2)
        std = np.sqrt(variance) + 1e-6 if self.epsilon is None else np.sqrt(variance + self.epsilon)
        return scales.reshape(axes) * (y - mean.reshape(axes)) / std.reshape(axes)

    def _convolutional(self, number, o, x, _):
        filters, size, stride, groups = (o.get(k, 1) for k in ("filters", "size", "stride", "groups"))
        pad = size // 2 if o.get("pad") else o.get("padding", 0)
        n, c, h, w = x.shape
        biases = self._new(number, "biases", filters)
        order = ("scales", "mean", "variance")
        if o.get("batch_normalize"):
            for what in order:
                self._new(number, what, filters, *((0, 2) if what == "variance" else ()))
        flip = (lambda a: a.reshape(filters, -1).T) if o.get("flipped") else None
        weights = self._new(number, "weights", (filters, c // groups, size, size), stored=flip)
        padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        out = np.zeros((n, filters, (h + 2 * pad - size) // stride + 1, (w + 2 * pad - size) // stride + 1))
        share, part = filters // groups, c // groups
        for f in range(filters):
            inside = padded[:, f // share * part : (f // share + 1) * part]
            for i, j in np.ndindex(out.shape[2:]):
                window = inside[:, :, i * stride : i * stride + size, j * stride : j * stride + size]
                out[:, f, i, j] = (window * weights[f]).sum((1, 2, 3))
        if o.get("batch_normalize"):
            out = self._normal(number, filters, out, (-1, 1, 1))
        return ACTIVATIONS[o.get("activation", "logistic")](out + biases.reshape(-1, 1, 1))

    def _connected(self, number, o, x, _):
        flat = x.reshape(len(x), -1)
        n = o["output"]
        biases = self._new(number, "biases", n)
        turned = (lambda a: a.T) if max(self.header[:2]) > 1000 else None
        out = flat @ self._new(number, "weights", (n, flat.shape[1]), stored=turned).T
        if o.get("batch_normalize"):
            out = self._normal(number, n, out, -1)
        return ACTIVATIONS[o.get("activation", "logistic")](out + biases)[:, :, None, None]

    def _maxpool(self, _, o, x, __):
        stride = o.get("stride", 1)
        size = o.get("size", stride)
        pad = o.get("padding", size - 1)
        n, c, h, w = x.shape
        out = np.full((n, c, (h + pad - size) // stride + 1, (w + pad - size) // stride + 1), -np.inf)
        for i, j, a, b in np.ndindex(*out.shape[2:], size, size):
            row, column = i * stride + a - pad // 2, j * stride + b - pad // 2
            if 0 <= row < h and 0 <= column < w:
                out[:, :, i, j] = np.maximum(out[:, :, i, j], x[:, :, row, column])
        return out

    def _avgpool(self, _, o, x, __):
        return x.mean((2, 3), keepdims=True)

    def _route(self, number, o, x, outputs):
        numbers = [int(word) for word in str(o["layers"]).split(",")]
        groups, part = o.get("groups", 1), o.get("group_id", 0)
        parts = [np.split(outputs[i], groups, 1)[part] for i in numbers]
        return np.concatenate(parts, 1)

    def _shortcut(self, number, o, x, outputs):
        return ACTIVATIONS[o.get("activation", "linear")](x + outputs[int(o["from"])])

    def _upsample(self, _, o, x, __):
        stride = o.get("stride", 2)
        return x.repeat(stride, 2).repeat(stride, 3) * o.get("scale", 1)

    def _softmax(self, _, o, x, __):
        y = x if o.get("spatial") else x.reshape(len(x), -1)
        e = np.exp(y / o.get("temperature", 1))
        return e / e.sum(1, keepdims=True)

    def _reorg(self, _, o, x, __):
        s = o.get("stride", 1)
        n, c, h, w = x.shape
        planes = c // (s * s)
        flat, out = x.reshape(n, -1), np.empty((n, c * h * w))
        for k, j, i in np.ndindex(c, h, w):
            plane, offset = k % planes, k // planes
            row, column = j * s + offset // s, i * s + offset % s
            out[:, i + w * (j + h * k)] = flat[:, column + w * s * (row + h * s * plane)]
        return out.reshape(n, c * s * s, h // s, w // s)

    def _dropout(self, _, o, x, __):
        return x

    _cost = _yolo = _region = _detection = _dropout
