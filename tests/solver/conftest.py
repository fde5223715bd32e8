"""A small net on a real database, for tests of the training loop."""

import numpy as np
import pytest

from minicaffe.data import write_lmdb

NET = """
name: "tiny"
layer {{ name: "data" type: "Data" top: "data" top: "label" include {{ phase: TRAIN }}
  transform_param {{ scale: 0.01 crop_size: 6 mirror: true }}
  data_param {{ source: "{lmdb}" batch_size: 8 backend: LMDB }} }}
layer {{ name: "data" type: "Data" top: "data" top: "label" include {{ phase: TEST }}
  transform_param {{ scale: 0.01 crop_size: 6 }} data_param {{ source: "{lmdb}" batch_size: 8 backend: LMDB }} }}
layer {{ name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param {{ num_output: 4 kernel_size: 3 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "bn" type: "BatchNorm" bottom: "conv" top: "conv" }}
layer {{ name: "scale" type: "Scale" bottom: "conv" top: "conv" scale_param {{ bias_term: true }} }}
layer {{ name: "relu" type: "ReLU" bottom: "conv" top: "conv" }}
layer {{ name: "drop" type: "Dropout" bottom: "conv" top: "conv" }}
layer {{ name: "ip" type: "InnerProduct" bottom: "conv" top: "ip"
  param {{ lr_mult: 1 }} param {{ lr_mult: 2 decay_mult: 0 }}
  inner_product_param {{ num_output: 3 weight_filler {{ type: "gaussian" std: 0.1 }} }} }}
layer {{ name: "accuracy" type: "Accuracy" bottom: "ip" bottom: "label" top: "accuracy" include {{ phase: TEST }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }}
"""

SOLVER = """
net: "{folder}/net.prototxt" test_iter: 3 test_interval: 4 base_lr: 0.05 momentum: 0.9 weight_decay: 0.001
lr_policy: "step" gamma: 0.5 stepsize: 6 display: 2 average_loss: 3 max_iter: 10 iter_size: 2
snapshot_prefix: "{folder}/snap/tiny" random_seed: 5
"""


@pytest.fixture
def tiny(tmp_path):
    """The path of a solver file whose net, database and snapshots lie beside it."""
    random = np.random.default_rng(3)
    labels = random.integers(0, 3, 37).astype(np.uint8)
    images = random.integers(0, 255, (37, 2, 8, 8)).astype(np.uint8) // 2 + 40 * labels[:, None, None, None]
    write_lmdb(tmp_path / "db", [(images.astype(np.uint8), labels)], 37, (2, 8, 8))
    (tmp_path / "net.prototxt").write_text(NET.format(lmdb=tmp_path / "db"))
    solver = tmp_path / "solver.prototxt"
    solver.write_text(SOLVER.format(folder=tmp_path))
    return solver
