"""The schema: caffe.desc is caffe.proto, and caffe.proto reads and writes what Caffe does."""

import importlib.util
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

from minicaffe.proto import caffe_pb2
from minicaffe.proto.schema import DESCRIPTOR, is_repeated

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "cifar10_bn"


def test_desc_is_built_from_proto():
    pytest.importorskip("grpc_tools.protoc")
    spec = importlib.util.spec_from_file_location("build_schema", ROOT / "scripts" / "build_schema.py")
    build_schema = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build_schema)
    stored = (ROOT / "minicaffe" / "proto" / "caffe.desc").read_bytes()
    parse = descriptor_pb2.FileDescriptorSet.FromString
    assert parse(build_schema.compiled()) == parse(stored)


@pytest.mark.parametrize("name, message", [("caffemodel", "NetParameter"), ("solverstate", "SolverState")])
def test_every_byte_of_caffes_files_is_known(name, message):
    data = (GOLDEN / f"short_iter_15.{name}").read_bytes()
    parsed = getattr(caffe_pb2, message).FromString(data)
    parsed.DiscardUnknownFields()
    assert parsed.SerializeToString() == data


@pytest.mark.parametrize(
    "message, field, number, repeated, default",
    [
        ("NetParameter", "layer", 100, True, None),
        ("LayerParameter", "clip_param", 148, False, None),
        ("LayerParameter", "swish_param", 147, False, None),
        ("PoolingParameter", "round_mode", 13, False, 0),
        ("BatchNormParameter", "eps", 3, False, pytest.approx(1e-5)),
        ("FillerParameter", "type", 1, False, "constant"),
        ("SolverParameter", "weights", 42, True, None),
        ("SolverParameter", "layer_wise_reduce", 41, False, True),
        ("SolverParameter", "solver_mode", 17, False, 1),
        ("SolverState", "resume", 1000, False, None),
        ("V1LayerParameter", "blob_share_mode", 1002, True, None),
        ("V0LayerParameter", "det_crop_mode", 59, False, "warp"),
    ],
)
def test_fields(message, field, number, repeated, default):
    found = getattr(caffe_pb2, message).DESCRIPTOR.fields_by_name[field]
    assert (found.number, is_repeated(found)) == (number, repeated)
    if default is not None:
        assert found.default_value == default


def test_the_face_looks_like_generated_code():
    assert (caffe_pb2.TRAIN, caffe_pb2.TEST) == (0, 1)
    assert caffe_pb2.Phase.Name(1) == "TEST"
    assert caffe_pb2.PoolingParameter.STOCHASTIC == 2
    assert caffe_pb2.V1LayerParameter.LayerType.Value("DECONVOLUTION") == 39
    assert caffe_pb2.DESCRIPTOR is DESCRIPTOR
    assert caffe_pb2.NetParameter.LAYER_FIELD_NUMBER == 100
    assert {"NetParameter", "Phase", "TRAIN", "DESCRIPTOR"} <= set(caffe_pb2.__all__)
    layer = caffe_pb2.LayerParameter(name="a")
    assert pickle.loads(pickle.dumps(layer)) == layer


def test_the_pool_is_private():
    code = """
from google.protobuf import descriptor_pb2, descriptor_pool
other = descriptor_pb2.FileDescriptorProto(name="caffe.proto", package="caffe")
other.message_type.add(name="NetParameter").field.add(name="x", number=1, type=5, label=1)
descriptor_pool.Default().AddSerializedFile(other.SerializeToString())
from minicaffe.proto import caffe_pb2
print(len(descriptor_pool.Default().FindMessageTypeByName("caffe.NetParameter").fields))
print(len(caffe_pb2.NetParameter.DESCRIPTOR.fields))
"""
    assert run(code) == ["1", "9"]


def test_import_is_light():
    assert run("import sys, minicaffe.proto; print('numba' in sys.modules)") == ["False"]


def run(code):
    """What ``code`` prints in a fresh interpreter."""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return out.stdout.split()
