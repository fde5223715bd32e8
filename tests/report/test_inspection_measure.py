"""What an inspection measures, beside NumPy's own figures, and that the net is afterwards as it was."""

import tracemalloc

import numpy as np
import pytest

import minicaffe as caffe
from minicaffe.data.lmdb_writer import write_lmdb
from minicaffe.errors import DataError, UsageError
from minicaffe.proto import parse_net
from minicaffe.report import inspect_net
from minicaffe.report.numbers import channel_moments, channel_shares, numbers_of

NET = """
name: "small"
layer { name: "data" type: "Input" top: "data" top: "label"
  input_param { shape { dim: 12 dim: 3 dim: 8 dim: 8 } shape { dim: 12 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } bias_filler { value: 0.5 } } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "conv" }
layer { name: "scale" type: "Scale" bottom: "conv" top: "conv" scale_param { bias_term: true } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "side" type: "TanH" bottom: "conv" top: "side" }
layer { name: "sum" type: "Eltwise" bottom: "conv" bottom: "side" top: "sum" }
layer { name: "drop" type: "Dropout" bottom: "sum" top: "sum" }
layer { name: "flat" type: "Flatten" bottom: "sum" top: "flat" }
layer { name: "ip" type: "InnerProduct" bottom: "flat" top: "ip"
  inner_product_param { num_output: 7 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""


def filled(phase="TRAIN", text=NET):
    net = caffe.Net(parse_net(text, "small.prototxt"), phase, seed=3)
    random = np.random.default_rng(0)
    net.blobs["data"].data[...] = random.normal(2, 5, (12, 3, 8, 8))
    net.blobs["label"].data[...] = random.integers(0, 7, 12)
    net.params["scale"][1].data[2] = -100  # a unit that dies
    return net


def same(found, array):
    array = np.asarray(array, np.float64)
    assert found.shape == array.shape and found.broken == 0
    assert found.zeros == np.count_nonzero(array == 0)
    for name in ("min", "max", "mean", "std"):
        assert getattr(found, name) == pytest.approx(getattr(array, name)(), rel=1e-6, abs=1e-9)
    if found.histogram:
        counts, edges = np.histogram(array[array != 0], len(found.histogram.counts))
        np.testing.assert_array_equal(found.histogram.counts, counts)
        np.testing.assert_allclose(found.histogram.edges, edges, rtol=1e-6)


@pytest.mark.parametrize("size", [1, 100, 600_000])
def test_numbers(size):
    x = np.random.default_rng(size).normal(3, 2, size).astype(np.float32)
    same(numbers_of(x), x)


def test_numbers_that_are_not_finite():
    x = np.array([np.nan, np.inf, -np.inf, 0, 0, 2, 3, 1e38, -1e38], np.float32)
    found = numbers_of(x)
    assert (found.size, found.broken, found.zeros) == (9, 3, 2)
    assert found.min == pytest.approx(-1e38) and found.histogram.counts.sum() == 4
    found = numbers_of(np.full(4, np.nan, np.float32))
    assert (found.mean, found.std, found.rms, found.histogram, found.broken) == (None, None, None, None, 4)
    assert numbers_of(np.zeros((0, 3), np.float32)).size == 0
    assert numbers_of(np.ones((2, 3), np.float32)).histogram is None


@pytest.mark.parametrize("shape", [(5, 3, 4, 4), (9, 6), (7,), (1, 2)])
def test_moments_of_channels(shape):
    x = np.random.default_rng(1).normal(1000, 3, shape)
    mean, variance = channel_moments(x)
    rows = np.moveaxis(x.reshape(shape[0], shape[1] if len(shape) > 1 else 1, -1), 1, 0).reshape(len(mean), -1)
    np.testing.assert_allclose(mean, rows.mean(1), rtol=1e-12)
    np.testing.assert_allclose(variance, rows.var(1, ddof=1) if rows.shape[1] > 1 else 0 * mean, rtol=1e-9)
    np.testing.assert_allclose(channel_shares(x, lambda b: b > 1000), (rows > 1000).mean(1))


def test_each_layer_is_seen_as_it_runs():
    """In-place layers overwrite one another; what was measured is what each of them made, and its own gradient."""
    renamed = NET.replace('bottom: "conv" top: "conv" }', 'bottom: "conv" top: "bn" }', 1)
    renamed = renamed.replace('"Scale" bottom: "conv" top: "conv"', '"Scale" bottom: "bn" top: "scale"')
    renamed = renamed.replace('"ReLU" bottom: "conv" top: "conv"', '"ReLU" bottom: "scale" top: "relu"')
    renamed = renamed.replace('"TanH" bottom: "conv"', '"TanH" bottom: "relu"').replace(
        'bottom: "conv" bottom: "side"', 'bottom: "relu" bottom: "side"'
    )
    apart = filled(text=renamed)
    apart.forward()
    apart.backward()
    found = filled().inspect(out=None)
    for name, blob in {"conv": "conv", "bn": "bn", "scale": "scale", "relu": "relu", "side": "side"}.items():
        same(found.layers[name].tops[0].data, apart.blobs[blob].data)
        same(found.layers[name].tops[0].gradient, apart.blobs[blob].diff)
    for name in ("conv", "scale", "ip"):
        for i, param in enumerate(found.layers[name].params):
            same(param.data, apart.params[name][i].data)
            same(param.gradient, apart.params[name][i].diff)
            assert param.ratio is None or param.ratio == pytest.approx(param.gradient.rms / param.data.rms)
    assert found.loss == pytest.approx(apart.loss)
    assert list(found.layers) == ["data", "conv", "bn", "scale", "relu", "side", "sum", "drop", "flat", "ip", "loss"]
    assert found.layers["sum"].bottoms == ("conv", "side") and found.layers["flat"].tops[0].data.shape == (12, 144)


def test_units():
    net = filled()
    found = net.inspect(out=None).layers["relu"]
    assert found.units.kind == "dead" and found.units.silent == (2,) and found.units.places == 12 * 36
    assert found.flags == ("1 dead",)
    assert found.findings[0].startswith("1 of 4 units is 0 at all 432 places of this batch: no gradient flows")
    text = NET.replace('type: "TanH"', 'type: "Sigmoid"').replace('"ReLU"', '"Power" power_param { scale: 90 }')
    net = filled(text=text)
    net.forward()
    y = net.blobs["side"].data
    units = net.inspect(out=None).layers["side"].units
    assert units.kind == "saturated"
    np.testing.assert_allclose(units.share, ((y <= 0.01) | (y >= 0.99)).mean((0, 2, 3)))


def test_batch_norm():
    net = filled("TEST")
    mean, variance, factor = net.params["bn"]
    mean.data[...], variance.data[...], factor.data[...] = [2, 4, 6, 8], [20, 20, 20, 40], 2
    found = net.inspect(out=None).layers["bn"]
    x = net.blobs["data"].data
    conv = caffe.Net(parse_net(NET, "n"), "TEST", seed=3)
    conv.blobs["data"].data[...] = x
    conv.forward(end="conv")
    rows = conv.value(conv.graph.nodes[1].tops[0]).data.transpose(1, 0, 2, 3).reshape(4, -1).astype(np.float64)
    norm = found.norm
    np.testing.assert_allclose(norm.stored_mean, [1, 2, 3, 4])
    np.testing.assert_allclose(norm.stored_variance, [10, 10, 10, 20])
    np.testing.assert_allclose(norm.batch_mean, rows.mean(1), rtol=1e-5)
    np.testing.assert_allclose(norm.batch_variance, rows.var(1, ddof=1), rtol=1e-5)
    np.testing.assert_allclose(norm.ratio, (norm.stored_variance + 1e-5) / (norm.batch_variance + 1e-5))
    assert (norm.used, norm.factor, norm.items, norm.places) == ("stored", 2, 12, 432)
    assert norm.window == pytest.approx(1000, rel=1e-4) and norm.stored_forwards == pytest.approx(2, abs=0.01)


def test_statistics_that_lag_are_told():
    net = filled("TEST")
    for blob, value in zip(net.params["bn"], (0, 0.01, 1)):
        blob.data[...] = value
    layer = net.inspect(out=None).layers["bn"]
    assert layer.flags == ("statistics lag",)
    assert "The stored statistics do not fit this batch" in layer.findings[0]
    assert "about 1 forward in TRAIN, where the averages span about 1,000" in layer.findings[0]
    net.params["bn"][2].data[...] = 0
    assert "Nothing is stored yet (the factor is 0)" in net.inspect(out=None).layers["bn"].findings[0]
    train = filled()
    train.forward()
    train.forward()  # statistics of this very batch
    assert train.inspect(out=None).layers["bn"].findings == ()


def test_means_that_moved_on_in_a_long_training_are_told():
    net = filled("TRAIN")
    norm = net.inspect(out=None).layers["bn"].norm
    mean, variance, factor = (blob.data for blob in net.params["bn"])
    factor[...] = 1000  # of thousands of forwards
    for far, flags in ((0.5, ()), (1.5, ("statistics lag",))):  # a batch of 12 is itself uncertain by 0.6
        mean[...] = 1000 * (norm.batch_mean + far * np.sqrt(norm.batch_variance))
        variance[...] = 1000 * norm.batch_variance
        layer = net.inspect(out=None).layers["bn"]
        assert layer.flags == flags
    assert "in one channel of ten the means lie 1.5 standard deviations or more apart" in layer.findings[0]
    assert "span about 1,000 forwards in TRAIN, in which the weights have moved on" in layer.findings[0]


def test_an_inspection_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (40, 3, 8, 8), dtype=np.uint8)
    write_lmdb(tmp_path / "db", [(pixels, np.arange(40, dtype=np.uint8) % 7)], 40, (3, 8, 8), "db")
    data = 'layer { name: "data" type: "Data" top: "data" top: "label" data_param { source: "db" batch_size: 12 } }'
    text = NET[: NET.index("layer")] + data + NET[NET.index('layer { name: "conv"') :]
    net, other = (caffe.Net(parse_net(text, "n"), "TRAIN", seed=3) for _ in range(2))
    with net, other:
        for one in (net, other):
            one.forward()
            one.backward()
        before = [(blob.data.copy(), blob.diff.copy()) for blobs in net.params.values() for blob in blobs]
        state = net.state()
        found = net.inspect()
        assert (tmp_path / "report.html").stat().st_size > 10_000 and found.layers["drop"].tops[0].data.zeros
        after = [(blob.data, blob.diff) for blobs in net.params.values() for blob in blobs]
        for pair, then in zip(before, after):
            np.testing.assert_array_equal(pair[0], then[0])
            np.testing.assert_array_equal(pair[1], then[1])
        assert net.state() == state
        for one in (net, other):
            one.clear_param_diffs()
            one.forward()
            one.backward()
        np.testing.assert_array_equal(net.params["conv"][0].diff, other.params["conv"][0].diff)
        assert net.loss == other.loss


LSTM = """
layer { name: "data" type: "Input" top: "x" top: "cont"
  input_param { shape { dim: 3 dim: 2 dim: 4 } shape { dim: 3 dim: 2 } } }
layer { name: "lstm" type: "LSTM" bottom: "x" bottom: "cont" top: "h"
  recurrent_param { num_output: 5 weight_filler { type: "uniform" min: -1 max: 1 } } }
layer { name: "relu" type: "ReLU" bottom: "x" top: "x" }
"""


def test_hidden_states_and_inputs_are_kept():
    nets = [caffe.Net(parse_net(LSTM, "n"), "TEST", seed=3) for _ in range(2)]
    x = np.random.default_rng(0).normal(size=(3, 2, 4))
    for net in nets:
        net.forward(x=x, cont=np.ones((3, 2)))
    nets[0].inspect(out=None)
    np.testing.assert_array_equal(nets[0].blobs["x"].data, nets[1].blobs["x"].data)
    for net in nets:
        net.forward()
    np.testing.assert_array_equal(nets[0].blobs["h"].data, nets[1].blobs["h"].data)


def test_layers_by_name():
    net = filled()
    assert list(net.inspect(["ip", "conv"], out=None).layers) == ["conv", "ip"]
    assert list(net.inspect("bn", out=None).layers) == ["bn"]
    with pytest.raises(UsageError, match='the net has no layer "relo" in phase TRAIN; did you mean "relu"'):
        net.inspect(["relo"], out=None)


def test_refusals(tmp_path):
    net = filled()
    with pytest.raises(UsageError, match="item is 12; expected one of the batch, 0 to 11"):
        net.inspect(out=None, item=12)
    with pytest.raises(DataError, match=r"names\.txt: no such file"):
        net.inspect(out=None, labels=tmp_path / "names.txt")
    (tmp_path / "names.txt").write_text("\n")
    with pytest.raises(DataError, match="is empty; expected names of classes"):
        net.inspect(out=None, labels=tmp_path / "names.txt")
    fast = caffe.Net(parse_net(NET[: NET.index('layer { name: "conv"')], "n"), "TEST", plan="fast")
    text = NET + 'layer { name: "out" type: "HDF5Output" bottom: "ip" bottom: "label" '
    text += f'hdf5_output_param {{ file_name: "{tmp_path}/out.h5" }} }}'
    with (
        caffe.Net(parse_net(text, "n"), "TEST") as writing,
        pytest.raises(UsageError, match=r'layer "out" \(HDF5Output\) would write this run'),
    ):
        writing.inspect(out=None)
    with pytest.raises(UsageError, match="the fast plan keeps no blobs to inspect"):
        fast.inspect(out=None)


def test_predictions():
    net = filled()
    found = net.inspect(out=None, labels=["a", "b"])
    scores = net.blobs["ip"].data.astype(np.float64)
    p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    assert len(found.predictions) == 8 and found.labels == ("a", "b")
    classes = net.blobs["ip"].shape[1]
    assert found.notes == (f"There are 2 names for {classes} classes: the names may be of others.",)
    assert "png" not in repr(found.layers)
    for i, one in enumerate(found.predictions):
        assert one.classes == tuple(np.argsort(-p[i])[:5]) and one.truth == net.blobs["label"].data[i]
        np.testing.assert_allclose(one.probabilities, np.sort(p[i])[::-1][:5], rtol=1e-6)


WIDE = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 8 dim: 8 dim: 64 dim: 64 } } }
""" + "".join(
    f"""
layer {{ name: "conv{i}" type: "Convolution" bottom: "{f"conv{i - 1}" if i else "data"}" top: "conv{i}"
  convolution_param {{ num_output: 8 kernel_size: 3 pad: 1 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "relu{i}" type: "ReLU" bottom: "conv{i}" top: "conv{i}" }}"""
    for i in range(10)
)


def test_memory():
    """A net of the inspect plan takes its blobs, its parameters and its scratch; looking at it takes much less."""
    source = parse_net(WIDE, "wide")
    caffe.Net(source, "TEST", seed=1).inspect(out=None)  # imports and compiled kernels
    tracemalloc.start()
    try:
        net = caffe.Net(source, "TEST", seed=1)
        taken, _ = tracemalloc.get_traced_memory()
        needed = net._run.bytes_needed() + 8 * sum(blob.count for blobs in net.params.values() for blob in blobs)
        blobs = 2 * 4 * sum(blob.count for blob in net.blobs.values())
        assert blobs <= needed <= taken < needed + 500_000
        tracemalloc.reset_peak()
        net.forward()
        assert tracemalloc.get_traced_memory()[1] < taken + 500_000
        tracemalloc.reset_peak()
        found = net.inspect(out=None)
        now, peak = tracemalloc.get_traced_memory()
        assert peak - taken < blobs / 2 and now - taken < blobs / 10
        assert len(found.layers) == 21
    finally:
        tracemalloc.stop()


def test_without_gradients():
    found = inspect_net(filled(), gradients=False)
    assert found.loss is not None and found.layers["conv"].tops[0].gradient is None
    assert found.layers["conv"].params[0].gradient is None
