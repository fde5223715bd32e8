"""Darknet's nets: the same numbers as plain loops over its formulas, and its files refused where they are wrong."""

import numpy as np
import pytest
from darknet_oracle import ACTIVATIONS, Oracle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minicaffe.errors import MinicaffeError
from minicaffe.importers import import_darknet

CONV = "convolutional"


@pytest.fixture
def agree(tmp_path, run_net):
    """Import the oracle's net and compare what it gives: the last layer's output, or those of the named layers."""

    def check(oracle, shape, *layers, batch=2, **how):
        x = np.random.default_rng(1).uniform(-1, 1, (batch, *shape)).astype(np.float32)
        expected = oracle.run(x)
        files = tmp_path / "tiny.cfg", tmp_path / "tiny.weights"
        oracle.write(*files)
        imported = import_darknet(*files, batch=batch, **how)
        found = run_net(imported, x)
        assert len(found) == max(1, len(layers)), list(found)
        for number in layers or (-1,):
            array = found[f"conv{number}"] if layers else next(iter(found.values()))
            np.testing.assert_allclose(array.reshape(expected[number].shape), expected[number], rtol=2e-4, atol=2e-5)
        return imported

    return check


def conv(**options):
    return CONV, {"size": 3, "stride": 1, "pad": 1, "filters": 4, "activation": "leaky", **options}


def test_a_net_like_yolo_v3_tiny(agree):
    sections = [
        conv(batch_normalize=1),
        ("maxpool", {"size": 2, "stride": 2}),
        conv(batch_normalize=1, filters=6),
        ("maxpool", {"size": 2, "stride": 1}),
        conv(size=1, filters=5, activation="linear"),
        ("yolo", {"mask": "0,1", "anchors": "10,14, 23,27", "classes": 2, "num": 2}),
        ("route", {"layers": "-4"}),
        conv(size=1, filters=3, batch_normalize=1),
        ("upsample", {"stride": 2}),
        ("route", {"layers": "-1, 0"}),
        conv(size=1, filters=5, activation="linear"),
        ("yolo", {"mask": "2,3"}),
    ]
    imported = agree(Oracle(3, 8, 12, sections), (3, 8, 12), 4, 10)
    assert 'tiny.cfg:50: [yolo] is left out: the net gives the map that it reads, "conv4"' in imported.notes[1]
    pooled = {layer.name: layer for layer in imported.layers}
    assert [pooled[name].type for name in ("maxpool3_all", "maxpool3")] == ["Pooling", "Crop"]
    assert imported.arrays["conv0_bn"][2] == [1] and len(imported.arrays["conv0_scale"]) == 2


def test_a_map_that_other_layers_read_too_is_an_output(tmp_path, run_net):
    sections = [
        conv(filters=3, activation="linear"),
        ("yolo", {"mask": "0"}),
        ("route", {"layers": "-2"}),
        conv(filters=2),
        ("yolo", {"mask": "1"}),
    ]
    oracle = Oracle(3, 6, 5, sections)
    x = np.random.default_rng(1).uniform(-1, 1, (2, 3, 6, 5)).astype(np.float32)
    expected = oracle.run(x)
    files = tmp_path / "two.cfg", tmp_path / "two.weights"
    oracle.write(*files)
    found = run_net(import_darknet(*files, batch=2), x)
    assert set(found) == {"conv0_output", "conv3"}
    for name, number in (("conv0_output", 0), ("conv3", 3)):
        np.testing.assert_allclose(found[name], expected[number], rtol=2e-4, atol=2e-5)


def test_a_residual_net(agree):
    sections = [
        conv(stride=2, batch_normalize=1, filters=8),
        conv(size=1, filters=4, batch_normalize=1),
        conv(filters=8, batch_normalize=1, groups=2),
        ("shortcut", {"from": "-3", "activation": "linear"}),
        ("route", {"layers": "-1", "groups": 2, "group_id": 1}),
        conv(filters=6, activation="mish"),
        ("avgpool", {}),
        ("dropout", {"probability": 0.5}),
        conv(size=1, pad=0, filters=5, activation="linear"),
        ("softmax", {"groups": 1, "temperature": 2}),
        ("cost", {"type": "sse"}),
    ]
    agree(Oracle(3, 9, 7, sections), (3, 9, 7))


def test_a_net_like_yolo_v2(agree):
    sections = [
        conv(filters=8, batch_normalize=1),
        ("maxpool", {"size": 2, "stride": 2}),
        conv(filters=6, batch_normalize=1),
        ("route", {"layers": "-3"}),
        ("reorg", {"stride": 2}),
        ("route", {"layers": "-1,-3"}),
        conv(size=1, filters=5, activation="linear"),
        ("region", {"anchors": "1,2", "bias_match": 1}),
    ]
    agree(Oracle(3, 8, 4, sections, header=(0, 1, 0)), (3, 8, 4))


@pytest.mark.parametrize("header", [(0, 1, 0), (0, 2, 5), (1001, 0, 0), (0, 2001 - 1, 0)])
def test_connected_and_every_header(agree, header):
    sections = [
        conv(filters=3, flipped=1),
        ("connected", {"output": 7, "activation": "relu", "batch_normalize": 1}),
        ("connected", {"output": 4}),
        ("softmax", {}),
    ]
    agree(Oracle(2, 5, 4, sections, header=header), (2, 5, 4))


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_activations(agree, kind):
    agree(Oracle(2, 4, 4, [conv(activation=kind), conv(activation=kind, batch_normalize=1)]), (2, 4, 4))


def test_normalisation_as_builds_for_gpus_have_it_and_another_size(agree):
    oracle = Oracle(2, 4, 4, [conv(batch_normalize=1)], epsilon=0.3)
    oracle.first["width"] = 9
    agree(oracle, (2, 6, 5), epsilon=0.3, size=(6, 5))


def test_small_variances_keep_their_numbers(agree):
    oracle = Oracle(2, 4, 4, [conv(batch_normalize=1, activation="linear")])
    variances = np.array([0, 1e-14, 1e-11, 1e-6], np.float32)
    make = oracle._new

    def new(number, what, *rest, **how):
        found = make(number, what, *rest, **how)
        if what == "variance":
            found[:] = variances
            oracle.stored[3] = variances
        return found

    oracle._new = new
    agree(oracle, (2, 4, 4))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(2, 9), st.integers(2, 9), st.integers(1, 5), st.integers(1, 4), st.none() | st.integers(0, 5))
def test_every_maxpool(agree, height, width, size, stride, padding):
    options = {"size": size, "stride": stride, **({} if padding is None else {"padding": padding})}
    pad = size - 1 if padding is None else padding
    counts = [(n + pad - size) // stride + 1 for n in (height, width)]
    last = [(n - 1) * stride - pad // 2 for n in counts]
    if min(counts) < 1 or pad // 2 >= size or any(at >= n for at, n in zip(last, (height, width))):
        return  # windows without a pixel
    agree(Oracle(2, height, width, [("maxpool", options)]), (2, height, width), batch=1)


@st.composite
def nets(draw):
    sections, shapes = [], []
    shape = channels, height, width = draw(st.integers(1, 4)), draw(st.integers(4, 8)), draw(st.integers(4, 8))
    first = shape
    for _ in range(draw(st.integers(1, 5))):
        channels, height, width = shape
        kind = draw(st.sampled_from(["conv", "conv", "maxpool", "upsample", "route", "shortcut"]))
        same = [i for i, other in enumerate(shapes) if other[1:] == shape[1:]]
        equal = [i for i, other in enumerate(shapes) if other == shape]
        if kind == "maxpool" and min(height, width) > 2:
            size, stride = draw(st.integers(1, 3)), draw(st.integers(1, 2))
            sections.append((kind, {"size": size, "stride": stride}))
            shape = channels, (height - 1) // stride + 1, (width - 1) // stride + 1
        elif kind == "upsample" and max(height, width) < 9:
            sections.append((kind, {"stride": 2}))
            shape = channels, 2 * height, 2 * width
        elif kind == "route" and same:
            chosen = draw(st.lists(st.sampled_from(same), min_size=1, max_size=3))
            sections.append((kind, {"layers": ",".join(map(str, chosen))}))
            shape = sum(shapes[i][0] for i in chosen), height, width
        elif kind == "shortcut" and equal:
            sections.append((kind, {"from": draw(st.sampled_from(equal)), "activation": draw(ACTIVE)}))
        else:
            size, stride = draw(st.sampled_from([1, 2, 3])), draw(st.integers(1, 2))
            groups = draw(st.sampled_from([n for n in (1, 2, 3) if channels % n == 0]))
            filters = groups * draw(st.integers(1, 3))
            normal = draw(st.integers(0, 1))
            sections.append(conv(filters=filters, size=size, stride=stride, groups=groups, batch_normalize=normal,
                                 activation=draw(ACTIVE)))  # fmt: skip
            pad = size // 2
            shape = filters, *((n + 2 * pad - size) // stride + 1 for n in (height, width))
        shapes.append(shape)
    sections.append(("avgpool", {}))
    return first, sections


ACTIVE = st.sampled_from(sorted(ACTIVATIONS))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nets(), st.integers(0, 99))
def test_random_nets(agree, tmp_path, run_net, net, seed):
    first, sections = net
    oracle = Oracle(*first, sections, seed)
    x = np.random.default_rng(seed).uniform(-1, 1, (2, *first)).astype(np.float32)
    expected = oracle.run(x)[-1]
    oracle.write(tmp_path / "r.cfg", tmp_path / "r.weights")
    found = run_net(import_darknet(tmp_path / "r.cfg", tmp_path / "r.weights", batch=2), x)
    last = found[f"avgpool{len(sections) - 1}"]  # what nobody reads is an output too
    scale = max(1, abs(expected).max())
    np.testing.assert_allclose(last, expected, rtol=1e-3, atol=1e-4 * scale)


NET = "[net]\nwidth=4\nheight=4\nchannels=1\n"


@pytest.mark.parametrize(
    "cfg, said",
    [
        ("", "bad.cfg: is empty, expected a cfg of Darknet"),
        ("# none", "bad.cfg: has no sections; expected a cfg of Darknet"),
        ("width=4", 'bad.cfg:1: found "width=4" before any section; expected [net]'),
        ("[net]\nwidth 4", 'bad.cfg:2: found "width4"; expected key=value, [section] or a comment'),
        ("[net]\nwidth=4\nwidth=5", "bad.cfg:3: width is given twice, first in line 2; expected it once"),
        ("[maxpool]\nsize=2", "bad.cfg:1: [maxpool] stands first; expected [net]"),
        ("[net]\nwidth=4\nchannels=1\n[avgpool]", "bad.cfg:1: [net] has no height; expected at least 1"),
        (NET, "bad.cfg: has no layers after [net]; expected some"),
        (NET + "[net]", "bad.cfg:5: [net] cannot be imported"),
        (NET + "[crnn]", "bad.cfg:5: [crnn] cannot be imported; did you mean"),
        (NET + "[local]\nsize=3", "bad.cfg:5: [local] cannot be imported; expected one of convolutional, conv, "),
        (NET + "[maxpool]\nsise=2", 'bad.cfg:6: [maxpool] has an unknown option "sise"; did you mean "size"'),
        (NET + "[maxpool]\nsize=x", 'bad.cfg:6: size of [maxpool] is "x"; expected a whole number'),
        (NET + "[maxpool]\nsize=0", 'bad.cfg:6: size of [maxpool] is "0"; expected at least 1'),
        (NET + "[maxpool]\nsize=9\npadding=0", "bad.cfg:5: [maxpool]: size 9 does not fit into 1 x 1 x 4 x 4"),
        (NET + "[convolutional]\nxnor=1", 'bad.cfg:6: xnor of [convolutional] is "1"; expected 0, as nothing else'),
        (NET + "[convolutional]\ndilation=2", 'bad.cfg:6: dilation of [convolutional] is "2"; expected 1'),
        (NET + "[convolutional]\nactivation=leeky", 'bad.cfg:6: activation of [convolutional] is "leeky"; expected on'),
        (NET + "[convolutional]\ngroups=2", 'bad.cfg:6: groups of [convolutional] is "2"; expected a divisor of 1 ch'),
        (NET + "[convolutional]\nsize=9", "bad.cfg:5: [convolutional]: kernel 9 x 9 is larger than the padded input"),
        (NET + "[avgpool]\n[route]\nlayers=3", 'bad.cfg:7: layers of [route] is "3"; expected layers from 0 to 0, or'),
        (NET + "[avgpool]\n[route]", "bad.cfg:6: [route] has no layers; expected whole numbers between commas"),
        (NET + "[avgpool]\n[route]\nlayers=0\ngroups=2", 'bad.cfg:8: groups of [route] is "2"; expected a divisor of'),
        (NET + "[avgpool]\n[upsample]\n[shortcut]\nfrom=0", 'from of [shortcut] is "0"; expected layers of one shape'),
        (NET + "[yolo]\n[avgpool]", "bad.cfg:6: [avgpool] reads what a detection gives; expected [route] after a dete"),
        (NET + "[yolo]\n[route]\nlayers=0", 'layers of [route] is "0"; expected a layer whose numbers can be imported'),
        (NET + "[reorg]\nstride=2", 'bad.cfg:6: stride of [reorg] is "2"; expected a divisor of height and width'),
        (NET + "[softmax]\ngroups=2", 'bad.cfg:6: groups of [softmax] is "2"; expected 1, as nothing else'),
    ],
)  # fmt: skip
def test_wrong_cfgs(tmp_path, cfg, said):
    (tmp_path / "bad.cfg").write_text(cfg)
    (tmp_path / "w.weights").write_bytes(bytes(820 if "conv" in cfg else 16))
    with pytest.raises(MinicaffeError) as error:
        import_darknet(tmp_path / "bad.cfg", tmp_path / "w.weights")
    assert said in str(error.value) and str(error.value).startswith(str(tmp_path))


@pytest.mark.parametrize(
    "numbers, said",
    [
        ([0, 2, 0, 0, 0, *[0] * 9], "ends within the weights of"),
        ([0, 2, 0, 0, 0, *[0] * 9], "[convolutional]: 8 of 9 numbers are left; expected the weights of this cfg"),
        ([0, 2, 0, 0, 0, *[0] * 12], "2 of 12 numbers are left after the last layer; expected the weights of this cfg"),
        ([0, 2, 0, 0, 0, 0x7FC00000, *[0] * 9], "the biases of"),
        ([0, 2], "has 8 bytes; expected the header of Darknet's weights, and numbers"),
        ([0, 2, 0, 0], "has 16 bytes; expected a header of 20 and numbers of 4 each"),
        ([-5, 2, 0, 0], "begins with version -5.2; expected the header of Darknet's weights"),
    ],
)
def test_wrong_weights(tmp_path, numbers, said):
    (tmp_path / "a.cfg").write_text(NET + "[convolutional]\nsize=3")
    (tmp_path / "a.weights").write_bytes(np.array(numbers, "<i4" if min(numbers) < 0 else "<u4").tobytes())
    with pytest.raises(MinicaffeError) as error:
        import_darknet(tmp_path / "a.cfg", tmp_path / "a.weights")
    assert said in str(error.value) and "a.weights" in str(error.value)
