"""Compiles all kernels ahead of their use, for images of machines and for continuous integration.

Row kernels have one signature each. Others are compiled for the types they are called with, so that small nets with
every type of layer run once under both plans.
"""

from __future__ import annotations

import numpy as np

from . import TEST, TRAIN
from .errors import UsageError
from .kernels import _jit
from .kernels.fast.elsewhere import load_kernels
from .kernels.fast.rows import KERNELS
from .net import Net
from .plan import fast  # noqa: F401 (its modules declare the row kernels)
from .proto import caffe_pb2, parse_net
from .solver.rates import learning_rate
from .solver.rules import RULES, make_rule

__all__ = ["kernel_files", "warm_up"]

_SIZE = 16
_INPUTS = f"""
layer {{ name: "data" type: "Input" top: "data" top: "label" top: "target"
  input_param {{ shape {{ dim: 8 dim: 3 dim: {_SIZE} dim: {_SIZE} }} shape {{ dim: 8 }} shape {{ dim: 8 dim: 4 }} }} }}
layer {{ name: "matrix" type: "Input" top: "matrix" input_param {{ shape {{ dim: 4 dim: 4 }} }} }}
layer {{ name: "made" type: "DummyData" top: "made"
  dummy_data_param {{ shape {{ dim: 8 dim: 4 dim: {_SIZE} dim: {_SIZE} }} data_filler {{ type: "gaussian" }} }} }}
layer {{ name: "rois" type: "DummyData" top: "rois" dummy_data_param {{ shape {{ dim: 3 dim: 5 }} }} }}
"""

_LAYERS = [
    # tops, type, bottoms, options; a top that is a bottom runs in place
    ("conv", "Convolution", "data", "convolution_param { num_output: 4 kernel_size: 3 pad: 1 FILL }"),
    ("apart", "Convolution", "conv", "convolution_param { num_output: 4 kernel_size: 3 pad: 1 group: 4 FILL }"),
    ("wide", "Convolution", "conv", "convolution_param { num_output: 32 kernel_size: 5 pad: 2 bias_term: false FILL }"),
    ("point", "Convolution", "wide", "convolution_param { num_output: 32 kernel_size: 1 FILL }"),
    ("wino", "Convolution", "point", "convolution_param { num_output: 32 kernel_size: 3 pad: 1 FILL }"),
    ("step", "Convolution", "wino", "convolution_param { num_output: 4 kernel_size: 3 stride: 2 FILL }"),
    ("bn", "BatchNorm", "conv", ""),
    ("scale", "Scale", "bn", "scale_param { bias_term: true }"),
    ("scale", "Sigmoid", "scale", ""),
    ("bnrow", "BatchNorm", "made", ""),
    ("bnrow", "Scale", "bnrow", ""),
    ("bnrow", "Scale", "bnrow", "scale_param { bias_term: true }"),
    ("bias", "Bias", "bnrow", ""),
    ("bias", "ReLU", "bias", ""),
    ("tanh", "TanH", "apart", ""),
    ("sigm", "Sigmoid", "apart", ""),
    ("relu", "ReLU", "apart", ""),
    ("tanh", "TanH", "tanh", ""),
    ("elu", "ELU", "apart", ""),
    ("elu", "ELU", "elu", ""),
    ("swish", "Swish", "elu", ""),
    ("swish", "Swish", "swish", ""),
    ("bnll", "BNLL", "swish", ""),
    ("bnll", "BNLL", "bnll", ""),
    ("absolute", "AbsVal", "bnll", ""),
    ("absolute", "AbsVal", "absolute", ""),
    ("clip", "Clip", "absolute", "clip_param { min: -1 max: 1 }"),
    ("clip", "Clip", "clip", "clip_param { min: -1 max: 1 }"),
    ("prelu", "PReLU", "clip", ""),
    ("prelu", "PReLU", "prelu", ""),
    ("mvn", "MVN", "prelu", ""),
    ("mvn", "MVN", "mvn", ""),
    ("mvn", "MVN", "mvn", "mvn_param { normalize_variance: false }"),
    ("centred", "MVN", "mvn", "mvn_param { normalize_variance: false }"),
    ("exp", "Exp", "centred", ""),
    ("exp", "Exp", "exp", "exp_param { scale: -1 }"),
    ("log", "Log", "exp", "log_param { shift: 1 }"),
    ("log", "Log", "log", "log_param { shift: 1 }"),
    ("line", "Power", "log", ""),
    ("line", "Power", "line", ""),
    ("square", "Power", "line", "power_param { power: 2 }"),
    ("square", "Power", "square", "power_param { power: 2 }"),
    ("cube", "Power", "square", "power_param { power: 3 }"),
    ("cube", "Power", "cube", "power_param { power: 3 }"),
    ("squares", "Reduction", "cube", "reduction_param { operation: SUMSQ } loss_weight: 0.001"),
    ("beyond", "Threshold", "data", ""),
    ("beyond", "Threshold", "beyond", ""),
    ("first", "ArgMax", "data", ""),
    ("best", "ArgMax", "data", "argmax_param { out_max_val: true }"),
    ("values", "ArgMax", "data", "argmax_param { out_max_val: true axis: 1 }"),
    ("lrn", "LRN", "relu", "lrn_param { local_size: 3 }"),
    ("within", "LRN", "relu", "lrn_param { local_size: 3 norm_region: WITHIN_CHANNEL }"),
    ("sum", "Eltwise", "tanh sigm lrn", ""),
    ("weighted", "Eltwise", "bias scale", "eltwise_param { coeff: 1 coeff: -1 }"),
    ("product", "Eltwise", "sum weighted", "eltwise_param { operation: PROD }"),
    ("largest", "Eltwise", "product within conv", "eltwise_param { operation: MAX }"),
    ("max", "Pooling", "largest", "pooling_param { pool: MAX kernel_size: 3 stride: 2 }"),
    ("mean", "Pooling", "largest", "pooling_param { pool: AVE kernel_size: 3 stride: 2 }"),
    ("drop", "Dropout", "max", ""),
    ("both", "Concat", "drop mean", ""),
    ("flat", "Flatten", "both", ""),
    ("all", "Pooling", "step", "pooling_param { pool: AVE global_pooling: true }"),
    ("ip", "InnerProduct", "flat", "inner_product_param { num_output: 40 FILL }"),
    ("ip", "ReLU", "ip", ""),
    ("ip", "Dropout", "ip", ""),
    ("nobias", "InnerProduct", "ip", "inner_product_param { num_output: 4 bias_term: false FILL }"),
    ("ipall", "InnerProduct", "all", "inner_product_param { num_output: 4 FILL }"),
    ("soft", "Softmax", "ipall", ""),
    ("softmap", "Softmax", "conv", ""),
    ("", "Silence", "softmap", ""),
    ("accuracy", "Accuracy", "nobias label", ""),
    ("five", "Accuracy", "nobias label", "accuracy_param { top_k: 3 }"),
    ("lstm", "LSTM", "made target", "recurrent_param { num_output: 4 FILL }"),
    ("rnn", "RNN", "lstm target", "recurrent_param { num_output: 4 FILL } loss_weight: 1"),
    ("loss", "SoftmaxWithLoss", "nobias label", ""),
    ("distance", "EuclideanLoss", "soft target", ""),
    ("hinge", "HingeLoss", "nobias label", ""),
    ("pairs", "ContrastiveLoss", "ipall soft label", ""),
    ("likelihood", "MultinomialLogisticLoss", "soft label", ""),
    ("binary", "SigmoidCrossEntropyLoss", "ipall target", ""),
    ("gain", "InfogainLoss", "nobias label matrix", ""),
    ("picked", "Embed", "label", "embed_param { num_output: 4 input_dim: 2 bias_term: false }"),
    ("vector", "Embed", "label", "embed_param { num_output: 4 input_dim: 2 }"),
    ("learned", "Parameter", "", "parameter_param { shape { dim: 8 dim: 4 } }"),
    ("three", "Eltwise", "picked vector learned", ""),
    ("tiles", "Tile", "three", "tile_param { tiles: 2 }"),
    ("pieces", "Reshape", "tiles", "reshape_param { shape { dim: 0 dim: 4 dim: -1 } } loss_weight: 0.001"),
    ("rrelu", "RReLU", "tanh", ""),
    ("rrelu", "RReLU", "rrelu", ""),
    ("relu6", "ReLU6", "rrelu", ""),
    ("relu6", "ReLU6", "relu6", ""),
    ("selu", "SELU", "relu6", ""),
    ("selu", "SELU", "selu", ""),
    ("affine", "EltwiseAffine", "selu", ""),
    ("affine", "EltwiseAffine", "affine", ""),
    ("apl", "APL", "affine", ""),
    ("apl", "APL", "apl", ""),
    ("axpy", "Axpy", "all apl tanh", ""),
    ("normed", "Normalize", "axpy", ""),
    ("places", "Normalize", "normed", "norm_param { across_spatial: false channel_shared: false }"),
    ("zoomed", "Interp", "places", "interp_param { zoom_factor: 2 } loss_weight: 0.001"),
    ("repeated", "Upsample", "places", "loss_weight: 0.001"),
    ("topmost where", "Pooling", "places", "pooling_param { pool: MAX kernel_size: 2 stride: 2 }"),
    ("unpooled", "Upsample", "topmost where", "loss_weight: 0.001"),
    ("regions", "ROIPooling", "places rois", "roi_pooling_param { pooled_h: 2 pooled_w: 2 } loss_weight: 0.001"),
    (
        "bins",
        "PSROIPooling",
        "places rois",
        "psroi_pooling_param { spatial_scale: 1 output_dim: 1 group_size: 2 } loss_weight: 1",
    ),
    ("gained", "BatchNorm", "places", "batch_norm_param { scale_bias: true }"),
    ("gained", "BN", "gained", "loss_weight: 0.001"),
    ("smooth", "SmoothL1Loss", "ipall target", ""),
    ("inside", "SmoothL1Loss", "ipall soft target", ""),
    ("outside", "SmoothL1Loss", "ipall soft target target", ""),
]


def warm_up() -> None:
    """Compile whatever is not in the cache; see ``kernels._jit.told_of_compiling``.

    Raises UsageError where the cache cannot be written.
    """
    folder = _jit.cache_folder()
    if not _jit.cache_usable():
        raise UsageError(
            f"{folder} cannot be written, so compiled kernels cannot be kept; "
            "expected NUMBA_CACHE_DIR to name a folder that can"
        )
    load_kernels(KERNELS.values())
    text, deployed = (_INPUTS + "".join(lines) for lines in (_lines(losses=True), _lines(losses=False)))
    for plan in ("fast", "inspect"):
        for kernels in ("auto", "direct"):
            _run(text, TRAIN, kernels, plan)
            _run(text, TEST, kernels, plan)
            _run(deployed, TEST, kernels, plan)  # without gradients more runs in place


def kernel_files() -> int:
    """How many kernels the cache holds."""
    return sum(1 for _ in _jit.cache_folder().rglob("*.nbi"))


def _lines(losses: bool) -> list[str]:
    kept = [facts for facts in _LAYERS if losses or not facts[1].endswith("Loss")]
    return [_layer(index, *facts) for index, facts in enumerate(kept)]


def _layer(index: int, name: str, kind: str, bottoms: str, options: str) -> str:
    wired = " ".join(f'bottom: "{bottom}"' for bottom in bottoms.split())
    options = options.replace("FILL", 'weight_filler { type: "xavier" }')
    tops = " ".join(f'top: "{top}"' for top in name.split())
    return f'layer {{ name: "{kind}{index}" type: "{kind}" {wired} {tops} {options} }}\n'


def _run(text: str, phase: int, kernels: str, plan: str) -> None:
    with Net(parse_net(text), phase, seed=1, kernels=kernels, plan=plan) as net:
        random = np.random.default_rng(1)
        net.blobs["data"].data[...] = random.standard_normal(net.blobs["data"].shape)
        net.forward()
        if phase == TRAIN:
            net.backward()
            for kind in RULES:
                param = caffe_pb2.SolverParameter(type=kind, base_lr=0.001, lr_policy="fixed")
                rule = make_rule(param, net.arena)
                rule.apply(learning_rate(param, 0), rule.gradient_norm())
