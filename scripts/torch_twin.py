"""The same net in PyTorch, made from the graph: what a user would otherwise run, for side-by-side timing."""

import torch
import torch.nn.functional as F


class Twin(torch.nn.Module):
    """Computes what the net's graph says, from a copy of its parameters; BatchNorm and Scale become one operation.

    In TRAIN it returns the weighted sum of all losses, in TEST the net's outputs by order. ``inputs`` are tensors
    in the order of the graph's inputs.
    """

    def __init__(self, net, channels_last: bool = False):
        super().__init__()
        self.graph, self.channels_last = net.graph, channels_last
        self.states = {}
        for node in self.graph.nodes:
            arrays = [torch.from_numpy(blob.data.copy()) for blob in net.params.get(node.name, [])]
            if node.type == "BatchNorm":
                mean, variance, factor = arrays
                weight = 1 / factor if factor else factor
                self.states[node.index] = [mean * weight, variance * weight]
            else:
                for fact, array in zip(node.params, arrays):
                    self.register_parameter(_label(fact), torch.nn.Parameter(array))
        self.train(self.graph.phase == "TRAIN")
        if channels_last:
            self.to(memory_format=torch.channels_last)

    def load(self, net) -> list[torch.Tensor]:
        """The net's inputs as tensors."""
        inputs = [torch.from_numpy(net.blobs[name].data.copy()) for name in net.inputs]
        if self.channels_last:
            inputs = [x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x for x in inputs]
        return inputs

    def optimizer(self, solver, rate: float) -> torch.optim.Optimizer:
        """SGD with the solver's momentum and decay, and each parameter's own multipliers."""
        groups = {}
        for fact in self.graph.params:
            if fact.learned:
                alike = groups.setdefault((fact.lr_mult, fact.decay_mult), [])
                alike.append(self._parameters[_label(fact.id)])
        groups = [
            {"params": tensors, "lr": rate * lr_mult, "weight_decay": solver.weight_decay * decay_mult}
            for (lr_mult, decay_mult), tensors in groups.items()
        ]
        return torch.optim.SGD(groups, lr=rate, momentum=solver.momentum, fused=True)

    def forward(self, *inputs):
        values = dict(zip(self.graph.inputs, inputs))
        total, fused = 0.0, set()
        for node in self.graph.nodes:
            if node.index in fused or node.type == "Input":
                continue
            bottoms = [values[i] for i in node.bottoms]
            if node.type == "BatchNorm":
                last = self._scale_after(node) or node
                out = self._batch_norm(node, bottoms[0], self._params(last))
                fused.add(last.index)
            else:
                out, last = _LAYERS[node.type](node.layer, bottoms, self._params(node)), node
            tops = out if isinstance(out, (list, tuple)) else [out]
            values.update(zip(last.tops, tops))
            total = total + sum(w * t.sum() for w, t in zip(last.loss_weights, tops) if w)
        if self.training:
            return total
        outputs = tuple(values[i] for i in self.graph.outputs)
        return outputs if len(outputs) > 1 else outputs[0]

    def _params(self, node) -> list[torch.Tensor]:
        return [self._parameters[_label(i)] for i in node.params if _label(i) in self._parameters]

    def _batch_norm(self, node, x, affine):
        o = node.layer.options
        mean, variance = self.states[node.index]
        batch, share = not node.layer.use_stored, 1 - o.moving_average_fraction
        return F.batch_norm(x, mean, variance, *(affine or [None, None]), batch, share, o.eps)

    def _scale_after(self, node):
        readers = self.graph.consumers(node.tops[0])
        after = self.graph.nodes[readers[0]] if len(readers) == 1 else None
        return after if after is not None and after.type == "Scale" and len(after.params) == 2 else None


def _label(fact_id: int) -> str:
    return f"param{fact_id}"


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
    "Dropout": lambda layer, b, p: F.dropout(b[0], layer.options.dropout_ratio, layer.phase == "TRAIN"),
    "Concat": lambda layer, b, p: torch.cat(b, layer.options.axis),
    "Split": lambda layer, b, p: [b[0]] * len(layer.param.top),
    "InnerProduct": lambda layer, b, p: F.linear(b[0].flatten(1), *p),
    "Softmax": lambda layer, b, p: torch.softmax(b[0], layer.options.axis),
    "SoftmaxWithLoss": lambda layer, b, p: F.cross_entropy(b[0], b[1].long().flatten()),
}
