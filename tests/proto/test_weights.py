"""Weights, solver states and means: Caffe's own files, ours, and damaged ones."""

from pathlib import Path

import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

from minicaffe.errors import ProtoError, WeightsError
from minicaffe.proto import (
    array_from_blob,
    blob_from_array,
    caffe_pb2,
    read_mean,
    read_state,
    read_weights,
    schema,
    write_mean,
    write_message,
    write_state,
    write_weights,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "cifar10_bn"
MODEL, STATE = GOLDEN / "short_iter_15.caffemodel", GOLDEN / "short_iter_15.solverstate"


def refused(kind, function, *args):
    with pytest.raises(kind) as error:
        function(*args)
    return str(error.value)


def test_weights_that_caffe_wrote():
    weights = read_weights(MODEL)
    assert list(weights) == ["conv1", "bn1", "conv2", "bn2", "conv3", "bn3", "ip1"]
    assert [array.shape for array in weights["bn3"]] == [(64,), (64,), (1,)]
    assert weights["ip1"][0].shape == (10, 1024) and weights["ip1"][0].dtype == np.float32
    assert weights["bn1"][2][0] == pytest.approx(sum(0.999**k for k in range(15)), rel=1e-6)
    first = caffe_pb2.NetParameter.FromString(MODEL.read_bytes()).layer[1].blobs[0]
    assert weights["conv1"][0].ravel().tolist() == list(first.data)


def test_state_that_caffe_wrote():
    state = read_state(STATE)
    assert (state.iter, state.current_step, len(state.history)) == (15, 0, 14)
    assert state.learned_net.endswith("short_iter_15.caffemodel")
    assert array_from_blob(state.history[0]).shape == (32, 3, 5, 5)


def test_written_again_as_caffe_wrote_it(tmp_path):
    net = caffe_pb2.NetParameter.FromString(MODEL.read_bytes())
    weights = read_weights(MODEL)
    path = tmp_path / "a.caffemodel"
    write_weights(path, net.name, [(layer, [(a, None) for a in weights.get(layer.name, [])]) for layer in net.layer])
    assert path.read_bytes() == MODEL.read_bytes()


def test_diffs_are_written(tmp_path):
    path = tmp_path / "a.caffemodel"
    layer = caffe_pb2.LayerParameter(name="a", blobs=[blob_from_array(np.zeros(7))])
    write_weights(path, "n", [(layer, [(np.ones(2, np.float32), np.full(2, 3, np.float32))])])
    (blob,) = caffe_pb2.NetParameter.FromString(path.read_bytes()).layer[0].blobs
    assert (list(blob.data), list(blob.diff)) == ([1, 1], [3, 3])
    assert len(layer.blobs) == 1 and len(layer.blobs[0].double_data) == 7


def test_older_forms_of_layers(tmp_path):
    path = tmp_path / "old.caffemodel"
    net = caffe_pb2.NetParameter()
    net.layers.add(name="v1", type=4).blobs.add(num=1, channels=1, height=1, width=2, data=[1, 2])
    net.layers.add(name="none", type=18)
    net.layers.add().layer.name = "v0"
    net.layers[2].layer.blobs.add(num=1, channels=1, height=1, width=1, data=[3])
    write_message(path, net)
    weights = read_weights(path)
    assert {name: blobs[0].tolist() for name, blobs in weights.items()} == {"v1": [[[[1, 2]]]], "v0": [[[[3]]]]}


def test_a_model_without_weights(tmp_path):
    write_weights(tmp_path / "a", "n", [(caffe_pb2.LayerParameter(name="r", type="ReLU"), [])])
    assert read_weights(tmp_path / "a") == {}


def test_two_layers_of_one_name(tmp_path):
    layer = (caffe_pb2.LayerParameter(name="a"), [(np.ones(1), None)])
    write_weights(tmp_path / "a", "n", [layer, layer])
    assert 'two layers are named "a"' in refused(WeightsError, read_weights, tmp_path / "a")


def test_a_blob_that_does_not_fit_its_shape(tmp_path):
    layer = caffe_pb2.LayerParameter(name="a", blobs=[caffe_pb2.BlobProto(num=1, data=[1, 2])])
    write_message(tmp_path / "a", caffe_pb2.NetParameter(layer=[layer]))
    found = refused(ProtoError, read_weights, tmp_path / "a")
    assert found == f'{tmp_path / "a"}: layer "a": a blob of 1 x 0 x 0 x 0 holds 2 values, expected 0'


def test_more_than_a_message_can_hold(tmp_path):
    huge = np.broadcast_to(np.float32(0), (2**29,))
    found = refused(WeightsError, write_weights, tmp_path / "a", "n", [(caffe_pb2.LayerParameter(), [(huge, None)])])
    assert (
        "the weights are 2147483648 bytes, expected at most 2130706431 for a binary file; HDF5 has no such limit"
        in found
    )
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("keep", [1000, 200_000, 360_004])
def test_a_caffemodel_cut_short(tmp_path, keep):
    path = tmp_path / "a.caffemodel"
    path.write_bytes(MODEL.read_bytes()[:keep])
    found = refused(ProtoError, read_weights, path)
    assert found == f"{path}: is cut short or damaged at {keep} bytes, expected a binary caffemodel"


def test_states_and_weights_mistaken_for_each_other():
    found = refused(ProtoError, read_weights, STATE)
    learned = read_state(STATE).learned_net
    assert found == (
        f'{STATE}: looks like a solver state, expected a binary caffemodel; did you mean its learned_net "{learned}"?'
    )
    assert refused(ProtoError, read_state, MODEL) == f"{MODEL}: looks like a caffemodel, expected a binary solver state"


def test_resume_is_skipped_by_a_schema_without_it(tmp_path):
    state = caffe_pb2.SolverState(iter=7, learned_net="w", history=[blob_from_array(np.ones(2, np.float32))])
    state.resume.seed = -5
    state.resume.recent_loss.extend([0.1, 2.5])
    state.resume.layer.add(net="train", layer="data", key=["position"], value=[-(2**40)])
    write_state(tmp_path / "s", state)
    assert read_state(tmp_path / "s") == state

    file = descriptor_pb2.FileDescriptorProto()
    schema.DESCRIPTOR.CopyToProto(file)
    fields = next(message for message in file.message_type if message.name == "SolverState").field
    del fields[[field.number for field in fields].index(1000)]
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    other = foreign_class(pool, "caffe.SolverState").FromString((tmp_path / "s").read_bytes())
    assert "resume" not in other.DESCRIPTOR.fields_by_name
    assert (other.iter, other.learned_net, list(other.history[0].data)) == (7, "w", [1, 1])


def foreign_class(pool, name):
    from google.protobuf import message_factory

    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
    return message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName(name))


def test_means(tmp_path):
    mean = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    write_mean(tmp_path / "m", mean)
    blob = caffe_pb2.BlobProto.FromString((tmp_path / "m").read_bytes())
    assert (blob.num, blob.channels, blob.height, blob.width, blob.HasField("shape")) == (1, 2, 3, 4, False)
    assert np.array_equal(read_mean(tmp_path / "m"), mean)
    write_message(tmp_path / "m", blob_from_array(mean.astype(np.float64)))
    assert np.array_equal(read_mean(tmp_path / "m"), mean)
    assert read_mean(tmp_path / "m").dtype == np.float32


def test_means_that_are_none(tmp_path):
    path = tmp_path / "m"
    write_message(path, blob_from_array(np.zeros((2, 3, 4, 5))))
    assert refused(ProtoError, read_mean, path).endswith(
        "holds a blob of 2 x 3 x 4 x 5, expected one mean image of 3 axes"
    )
    write_message(path, caffe_pb2.BlobProto(num=1, channels=3, height=1, width=1, data=[1]))
    assert refused(ProtoError, read_mean, path) == f"{path}: a blob of 1 x 3 x 1 x 1 holds 1 value, expected 3"
    assert "looks like a caffemodel, expected a binaryproto of one blob" in refused(ProtoError, read_mean, MODEL)
