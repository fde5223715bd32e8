"""Nets with parameters as after training, for the tests of folding."""

import numpy as np

from minicaffe import Net
from minicaffe.analysis.fold import Folded, differences, fold, net_text, random_batches
from minicaffe.proto import NetFile, parse_net


def fill_trained(net: Net, seed: int = 7) -> None:
    """Weights that keep the spread, statistics that are sums, factors of either sign, shifts that are not small."""
    random = np.random.default_rng(seed)
    for fact in net.graph.params:
        data = net.params[net.graph.nodes[fact.node].name][fact.index].data
        if fact.label == "variance":
            data[...] = 3 * random.uniform(0.5, 2, fact.shape)
        elif fact.label == "factor":
            data[...] = 3
        elif fact.label in ("gamma", "slope"):
            data[...] = random.uniform(0.5, 2, fact.shape) * random.choice([-1, 1, 1, 1], fact.shape)
        else:
            spread = np.sqrt(2 / np.prod(fact.shape[1:])) if fact.label == "weights" else 0.5
            random.standard_normal(dtype=np.float32, out=data)
            data *= np.float32(spread)


def folded(file: NetFile | str, keep=(), seed: int = 7, plans=("inspect",), bound: float = 1e-4) -> tuple[Folded, Net]:
    """The net of ``file`` (its text), folded and found equal, and the net before; its input is random numbers."""
    file = parse_net(file) if isinstance(file, str) else file
    net = Net(file, "TEST", seed=seed)
    fill_trained(net, seed)
    found = fold(net, keep)
    arrays = {name: [blob.data for blob in blobs] for name, blobs in net.params.items()}
    after = parse_net(net_text(found, file))
    batches = list(random_batches(net, 1, seed))
    for plan in plans:
        result = differences((file, arrays), (after, found.arrays), batches, plan, keep=keep)
        assert len(result) >= len(net.graph.outputs)
        assert all(one.relative <= bound for one in result), (result, net_text(found, file))
    return found, net


def net(*layers: str, shape=(2, 4, 6, 6)) -> str:
    """A net with the input x and ``layers``, each "name Type bottom,... [-> top]" and its options after |."""
    dims = " ".join(f"dim: {n}" for n in shape)
    text = f'layer {{ name: "x" type: "Input" top: "x" input_param {{ shape {{ {dims} }} }} }}\n'
    for line in layers:
        words, _, options = line.partition("|")
        words, _, top = words.partition("->")
        name, kind, bottoms = words.split()
        wires = " ".join(f'bottom: "{bottom}"' for bottom in bottoms.split(","))
        tops = " ".join(f'top: "{one}"' for one in (top.strip() or name).split(","))
        text += f'layer {{ name: "{name}" type: "{kind}" {wires} {tops} {options} }}\n'
    return text


CONV = "| convolution_param { num_output: 4 kernel_size: 3 %s weight_filler { type: 'xavier' } }"
"""Options of a convolution that keeps four channels."""

SCALE = "| scale_param { bias_term: true }"
