"""The same net in PyTorch, written from the graph: what a user would otherwise run, for side-by-side timing."""

import torch
import torch.nn.functional as F


class Twin:
    """Runs forward, backward and SGD with momentum for a training graph; parameters copied from the net."""

    def __init__(self, net, momentum: float, channels_last: bool):
        self.graph, self.channels_last = net.graph, channels_last
        self.momentum = momentum
        self.params = {}
        for fact in net.graph.params:
            if fact.learned:
                array = torch.from_numpy(net.arena.data[fact.id].copy())
                if channels_last and array.dim() == 4:
                    array = array.to(memory_format=torch.channels_last)
                self.params[fact.id] = array.requires_grad_()
        self.history = {i: torch.zeros_like(p) for i, p in self.params.items()}
        self.running = {
            node.index: [torch.zeros(net.graph.values[node.bottoms[0]].shape[1]) for _ in range(2)]
            for node in net.graph.nodes
            if node.type == "BatchNorm"
        }

    def load(self, net) -> dict:
        """The net's inputs as tensors, by value id."""
        inputs = {}
        for value in net.graph.inputs:
            array = torch.from_numpy(net.blobs[net.graph.values[value].name].data.copy())
            if self.channels_last and array.dim() == 4:
                array = array.contiguous(memory_format=torch.channels_last)
            inputs[value] = array
        return inputs

    def forward(self, inputs: dict) -> torch.Tensor:
        """The weighted sum of all losses."""
        values = dict(inputs)
        total, fused = 0.0, set()
        for node in self.graph.nodes:
            if node.index in fused or node.type == "Input":
                continue
            bottoms = [values[i] for i in node.bottoms]
            params = [self.params[i] for i in node.params if i in self.params]
            if node.type == "BatchNorm":
                scale = self._scale_after(node)
                affine = [self.params[i] for i in scale.params] if scale else [None, None]
                mean, var = self.running[node.index]
                out = F.batch_norm(bottoms[0], mean, var, *affine, training=True, momentum=0.001, eps=1e-5)
                last = scale or node
                fused.add(last.index)
            else:
                out, last = _LAYERS[node.type](node.layer, bottoms, params), node
            tops = out if isinstance(out, (list, tuple)) else [out]
            values.update(zip(last.tops, tops))
            total = total + sum(w * t.sum() for w, t in zip(last.loss_weights, tops) if w)
        return total

    def step(self, inputs: dict, forward, rate: float) -> float:
        """One training iteration through ``forward`` (plain or compiled)."""
        loss = forward(inputs)
        loss.backward()
        with torch.no_grad():
            for i, param in self.params.items():
                history = self.history[i].mul_(self.momentum).add_(param.grad, alpha=rate)
                param.sub_(history)
                param.grad = None
        return float(loss.detach())

    def _scale_after(self, node):
        readers = self.graph.consumers(node.tops[0])
        after = self.graph.nodes[readers[0]] if len(readers) == 1 else None
        return after if after is not None and after.type == "Scale" and len(after.params) == 2 else None


def _pair(field, height, width, default):
    if height or width:
        return height, width
    values = list(field) if hasattr(field, "__len__") else [field] if field else []
    return (values[0], values[-1]) if values else (default, default)


def _convolution(layer, bottoms, params):
    o = layer.options
    stride = _pair(o.stride, o.stride_h, o.stride_w, 1)
    pad = _pair(o.pad, o.pad_h, o.pad_w, 0)
    dilation = _pair(o.dilation, 0, 0, 1)
    return F.conv2d(bottoms[0], *params, stride=stride, padding=pad, dilation=dilation, groups=o.group)


def _pooling(layer, bottoms, params):
    o, x = layer.options, bottoms[0]
    kernel = tuple(x.shape[2:]) if o.global_pooling else _pair(o.kernel_size, o.kernel_h, o.kernel_w, 1)
    stride, pad = _pair(o.stride, o.stride_h, o.stride_w, 1), _pair(o.pad, o.pad_h, o.pad_w, 0)
    pool = F.max_pool2d if o.pool == 0 else F.avg_pool2d
    return pool(x, kernel, stride, pad, ceil_mode=o.round_mode == 0)


def _lrn(layer, bottoms, params):
    o, x = layer.options, bottoms[0]
    if o.norm_region == 0:
        return F.local_response_norm(x, o.local_size, o.alpha, o.beta, o.k)
    mean = F.avg_pool2d(x * x, o.local_size, 1, o.local_size // 2)
    return x * (1 + o.alpha * mean) ** -o.beta


def _eltwise(layer, bottoms, params):
    assert layer.options.operation == 1, "only sums are needed here"
    return sum(bottoms[1:], bottoms[0])


def _scale(layer, bottoms, params):
    view = (1, -1) + (1,) * (bottoms[0].dim() - 2)
    out = bottoms[0] * params[0].view(view)
    return out + params[1].view(view) if len(params) > 1 else out


_LAYERS = {
    "Convolution": _convolution,
    "Pooling": _pooling,
    "LRN": _lrn,
    "Eltwise": _eltwise,
    "Scale": _scale,
    "ReLU": lambda layer, b, p: (
        F.leaky_relu(b[0], layer.options.negative_slope) if layer.options.negative_slope else F.relu(b[0])
    ),
    "Sigmoid": lambda layer, b, p: torch.sigmoid(b[0]),
    "TanH": lambda layer, b, p: torch.tanh(b[0]),
    "Dropout": lambda layer, b, p: F.dropout(b[0], layer.options.dropout_ratio),
    "Concat": lambda layer, b, p: torch.cat(b, layer.options.axis),
    "Split": lambda layer, b, p: [b[0]] * len(layer.param.top),
    "InnerProduct": lambda layer, b, p: F.linear(b[0].flatten(1), *p),
    "SoftmaxWithLoss": lambda layer, b, p: F.cross_entropy(b[0], b[1].long().flatten()),
}
