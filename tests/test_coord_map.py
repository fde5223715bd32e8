"""Places followed through nets, beside what the nets themselves do."""

import numpy as np
import pytest

import minicaffe
from minicaffe import NetSpec
from minicaffe import layers as L
from minicaffe import params as P
from minicaffe.coord_map import coord_map, coord_map_from_to, crop
from minicaffe.errors import UsageError


def data(*dims):
    return L.Input(shape={"dim": dims or [1, 1, 40, 40]})


def conv(top, kernel, stride=1, pad=0, **more):
    return L.Convolution(top, num_output=1, kernel_size=kernel, stride=stride, pad=pad, **more)


def deconv(top, kernel, stride=1, pad=0, **more):
    return L.Deconvolution(
        top, convolution_param={"num_output": 1, "kernel_size": kernel, "stride": stride, "pad": pad, **more}
    )


def numbers(coords):
    axis, a, b = coords
    return axis, np.asarray(a).tolist(), np.asarray(b).tolist()


def test_one_layer():
    x = data()
    assert numbers(coord_map(conv(x, 5, 2, 1).fn)) == (1, [0.5], [-0.5])
    assert numbers(coord_map(deconv(x, 4, 2, 1).fn)) == (1, [2], [0.5])
    assert numbers(coord_map(conv(x, 3, dilation=2).fn)) == (1, [1], [-2])
    assert numbers(coord_map(L.Pooling(x, pool=P.Pooling.AVE, kernel_size=2, stride=2).fn)) == (1, [0.5], [-0.25])
    assert numbers(coord_map(L.Crop(x, x, axis=2, offset=[3, 4]).fn)) == (1, [1], [-3, -4])
    assert numbers(coord_map(L.ReLU(x).fn)) == (None, [1], [0])


def test_heights_and_widths():
    top = L.Convolution(data(), kernel_h=3, kernel_w=5, stride_h=1, stride_w=2, pad_h=1, pad_w=0, num_output=1)
    assert numbers(coord_map(top.fn)) == (1, [1, 0.5], [0, -1])
    with pytest.raises(UsageError, match="one of kernel_h and kernel_w stands alone; expected both"):
        coord_map(L.Convolution(data(), kernel_h=3).fn)
    with pytest.raises(UsageError, match="has no kernel_size"):
        coord_map(L.Convolution(data(), num_output=3).fn)


def test_from_one_branch_to_another():
    x = data()
    left, right = conv(x, 3), conv(L.ReLU(conv(x, 5)), 3, pad=1)
    assert numbers(coord_map_from_to(left, right)) == (1, [1], [-1])
    assert numbers(coord_map_from_to(right, left)) == (1, [1], [1])
    assert numbers(coord_map_from_to(left, left)) == (None, [1], [0])


def test_thirds_add_up_to_one():
    x = data()
    top = conv(conv(conv(x, 3, 3), 3, 3), 3, 3)
    top = deconv(deconv(deconv(top, 3, 3), 3, 3), 3, 3)
    assert crop(top, x).fn.params["crop_param"] == {"axis": 2, "offset": [0]}


@pytest.mark.parametrize(("kernel", "stride", "pad"), [(3, 1, 0), (6, 2, 10), ([3, 6], [1, 2], [4, 10])])
def test_a_crop_puts_things_where_they_were(tmp_path, kernel, stride, pad):
    """A bright pixel goes down and up again through symmetric windows, and comes out where it went in."""
    n = NetSpec()
    n.x = data()
    n.down = conv(n.x, kernel, stride, pad, weight_filler={"type": "constant", "value": 1})
    up = [s * 2 for s in stride] if isinstance(stride, list) else [stride * 2]
    n.pool = L.Pooling(n.down, pool=P.Pooling.AVE, kernel_size=2, stride=2)
    n.up = deconv(n.pool, [2 * s for s in up], up, weight_filler={"type": "bilinear"} if len(set(up)) < 2 else {})
    n.cut = crop(n.up, n.x)
    path = tmp_path / "net.prototxt"
    path.write_text(str(n.to_proto()))
    with minicaffe.Net(path, minicaffe.TEST) as net:
        net.params["up"][0].data[...] = 1
        net.blobs["x"].data[...] = 0
        net.blobs["x"].data[0, 0, 18:22, 18:22] = 1
        result = net.forward()["cut"][0, 0].astype(np.float64)
    assert result.shape == (40, 40)
    places = np.arange(40)
    middle = [float((result.sum(axis) * places).sum() / result.sum()) for axis in (1, 0)]
    np.testing.assert_allclose(middle, 19.5, atol=0.75)


def test_what_cannot_be_followed():
    x = data()
    top = L.InnerProduct(conv(x, 3), num_output=4)
    with pytest.raises(RuntimeError, match="no map between the two tops"):
        coord_map_from_to(top, x)
    with pytest.raises(RuntimeError, match="no map between the two tops"):
        coord_map_from_to(L.Pooling(x, global_pooling=True), x)
    with pytest.raises(RuntimeError, match="no map between the two tops"):
        coord_map_from_to(data(), x)
    with pytest.raises(RuntimeError, match="through a layer of type InnerProduct"):
        coord_map(top.fn)
    with pytest.raises(RuntimeError, match="after axis 1 and after axis 2; expected the same"):
        coord_map_from_to(conv(conv(x, 3, axis=2), 3), x)


def test_what_cannot_be_cropped():
    x = data()
    with pytest.raises(AssertionError, match=r"the scales differ: a place moves by 1\.5 for 1; expected 1"):
        crop(deconv(conv(x, 3, 3), 4, 2), x)
    with pytest.raises(AssertionError, match="the crop would begin at -1; expected 0 or more"):
        crop(conv(x, 3), x)
    with pytest.raises(AssertionError, match=r"the crop would begin at 0\.5; expected whole numbers"):
        crop(conv(x, 4, pad=2), x)
    assert minicaffe.coord_map.crop is crop
