"""Old layers, one at a time: every type and field has its place, and what has none is refused by name."""

import pytest

from minicaffe.errors import ProtoError
from minicaffe.proto import caffe_pb2, net_file, parse_net
from minicaffe.proto.schema import is_repeated
from minicaffe.proto.upgrade import v0, v1

V0, V1, NOW = (
    getattr(caffe_pb2, name).DESCRIPTOR for name in ("V0LayerParameter", "V1LayerParameter", "LayerParameter")
)


def refused(text):
    with pytest.raises(ProtoError) as error:
        parse_net(text, "n")
    assert "\n" not in str(error.value)
    return str(error.value)


def only_layer(text):
    (layer,) = parse_net(text).param.layer
    return layer


# -- V1 ----------------------------------------------------------------------------------------------------------


def test_every_v1_type_has_a_name():
    names = {value.name for value in V1.enum_types_by_name["LayerType"].values}
    assert set(v1.TYPES) == names - {"NONE"}


def test_every_v1_field_has_a_place():
    special = {"type", "layer", "param", *v1._OF_PARAMS}
    for field in V1.fields:
        if field.name not in special:
            now = NOW.fields_by_name[field.name]
            assert (now.type, is_repeated(now), now.message_type) == (
                field.type,
                is_repeated(field),
                field.message_type,
            )


@pytest.mark.parametrize("old", v1.TYPES)
def test_v1_types(old):
    assert only_layer(f"layers {{ name: 'a' type: {old} }}").type == v1.TYPES[old]


def test_v1_types_by_number():
    assert only_layer("layers { type: 4 }").type == "Convolution"
    assert only_layer("layers { type: 0x27 }").type == "Deconvolution"


def test_v1_multipliers_and_sharing():
    layer = only_layer(
        "layers { type: CONVOLUTION blobs_lr: 3 weight_decay: [1, 0] param: 'w' param: '' param: 'v' "
        "blob_share_mode: [PERMISSIVE] loss_weight: [0, 2] }"
    )
    first, second, third = layer.param
    assert (first.name, first.lr_mult, first.decay_mult, first.share_mode) == ("w", 3, 1, first.PERMISSIVE)
    assert (second.HasField("lr_mult"), second.decay_mult, second.HasField("share_mode")) == (False, 0, False)
    assert (third.name, len(third.ListFields())) == ("v", 1)
    assert list(layer.loss_weight) == [0, 2]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("layers { name: 'a' }", 'n:1:1: layer "a": has no type; expected one such as CONVOLUTION'),
        ("layers { name: 'a' type: NONE }", 'n:1:1: layer "a": has no type'),
        ("\nlayers { type: CONV }", '"type" takes one of NONE, ACCURACY'),
        ("\nlayers { type: CONVOLUTIN }", '; did you mean "CONVOLUTION"'),
        ("layers { type: 'Convolution' }", '"type" takes one of NONE'),
        ("layers { type: 40 }", "found 40"),
        ("layer { }\n layers { type: RELU }", "n:2:2: both the old `layers` and `layer` are used, expected `layer`"),
        ("layers { type: RELU kernelsize: 3 }", 'unknown field "kernelsize" in layers'),
    ],
)
def test_v1_that_cannot_be_upgraded(text, sentence):
    assert sentence in refused(text)


# -- V0 ----------------------------------------------------------------------------------------------------------

SETTINGS = {"det_crop_mode": "'warp'", "source": "'s'", "meanfile": "'m'", "pool": "AVE"}
VALUES = {"weight_filler": "{ type: 'xavier' }", "bias_filler": "{ value: 2 }"}


def text_of(field: str) -> str:
    if field in VALUES:
        return f"{field} {VALUES[field]}"
    is_bool = V0.fields_by_name[field].type == 8
    return f"{field}: {SETTINGS.get(field, 'true' if is_bool else '3')}"


def test_every_v0_field_has_a_place_or_is_refused():
    placed = {*v0._FIELDS, *v0._TRANSFORMS, *v0._OF_LAYER, "type", "hdf5_output_param"}
    assert {field.name for field in V0.fields} - placed == {"new_num", "new_channels"}
    assert {name for _, types in v0._FIELDS.values() for name in types} == set(v0._OPTIONS)
    for now, types in v0._FIELDS.values():
        for name in types:
            assert now in V1.fields_by_name[v0._OPTIONS[name]].message_type.fields_by_name


@pytest.mark.parametrize("old", v0.TYPES)
def test_v0_types(old):
    assert only_layer(f"layers {{ layer {{ type: '{old}' }} }}").type == v1.TYPES[v0.TYPES[old]]


@pytest.mark.parametrize("field", v0._FIELDS)
def test_v0_fields_reach_the_types_that_take_them(field):
    now, takers = v0._FIELDS[field]
    for old in v0.TYPES:
        text = f"layers {{ layer {{ name: 'x' type: '{old}' {text_of(field)} }} }}"
        if old in takers:
            options = getattr(only_layer(text), v0._OPTIONS[old])
            ((found, _),) = options.ListFields()
            assert found.name == now
        else:
            assert refused(text) == f'n:1:1: layer "x": has {field}, which a V0 layer of type "{old}" does not take'


@pytest.mark.parametrize("field", v0._TRANSFORMS)
def test_v0_transformations(field):
    for old in ("data", "images", "window_data"):
        layer = only_layer(f"layers {{ layer {{ type: '{old}' {text_of(field)} }} }}")
        ((found, _),) = layer.transform_param.ListFields()
        assert found.name == v0._TRANSFORMS[field]
    assert f"has {field}, which" in refused(f"layers {{ layer {{ type: 'relu' {text_of(field)} }} }}")


def test_v0_defaults_are_those_of_today():
    for field, (now, types) in v0._FIELDS.items():
        old = V0.fields_by_name[field]
        for name in types:
            new = V1.fields_by_name[v0._OPTIONS[name]].message_type.fields_by_name[now]
            if old.has_default_value and not is_repeated(new):
                assert old.default_value == new.default_value, (field, name)


def test_v0_blobs_and_multipliers():
    layer = only_layer(
        "layers { layer { name: 'c' type: 'conv' blobs_lr: [1, 2] weight_decay: 0 "
        "blobs { num: 1 channels: 1 height: 1 width: 2 data: [5, 6] } } }"
    )
    assert [(spec.lr_mult, spec.HasField("decay_mult")) for spec in layer.param] == [(1, True), (2, False)]
    assert (layer.name, list(layer.blobs[0].data), layer.blobs[0].width) == ("c", [5, 6], 2)


PAD = "layers { layer { name: 'p' type: 'padding' pad: 2 } bottom: 'x' top: 'y' }\n"


def test_v0_padding_joins_what_reads_it():
    conv = "layers { layer { name: 'c' type: 'conv' kernelsize: 3 } bottom: 'y' top: 'c' }"
    pool = "layers { layer { name: 'd' type: 'pool' kernelsize: 3 } bottom: 'y' top: 'd' }"
    net = parse_net(PAD + conv + pool)
    assert [(layer.name, list(layer.bottom)) for layer in net.param.layer] == [("c", ["x"]), ("d", ["x"])]
    assert list(net.param.layer[0].convolution_param.pad) == [2]
    assert net.param.layer[1].pooling_param.pad == 2
    assert net.lines == (2, 2)
    assert net.notes == ("upgraded 3 layers from Caffe's V0 form, merging 1 padding",)


def test_v0_padding_in_place():
    pad = PAD.replace("'y'", "'x'")
    net = parse_net(pad + "layers { layer { type: 'conv' } bottom: 'x' top: 'x' } layers { layer { type: 'relu' } "
                    "bottom: 'x' top: 'x' }")  # fmt: skip
    assert [list(layer.bottom) for layer in net.param.layer] == [["x"], ["x"]]
    assert list(net.param.layer[0].convolution_param.pad) == [2]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "layers { layer { name: 'c' type: 'convv' } }",
            'n:1:1: layer "c": unknown type "convv" of Caffe\'s V0 form; did you mean "conv"?',
        ),
        ("layers { layer { name: 'c' type: 'zzz' } }", "form; expected one of accuracy, bnll"),
        ("layers { layer { name: 'c' } }", 'layer "c": has no type; expected one of accuracy'),
        ("layers { layer { type: 'conv' new_num: 3 } }", "has new_num, which a V0 layer"),
        ("layers { layer { type: 'relu' hdf5_output_param { } } }", "has hdf5_output_param, which"),
        (
            "layers { layer { name: 'a' type: 'relu' } }\nlayers { name: 'b' type: RELU }",
            'n:2:1: layer "b" is of Caffe\'s V1 form, others of this net are of V0; expected one form',
        ),
        (
            "layers { layer { name: 'a' type: 'relu' } name: 'b' include { phase: TEST } }",
            'n:1:1: layer "a": found name, include beside the inner `layer` of Caffe\'s V0 form; expected',
        ),
        ("layers { layer { type: 'relu' } } layer { }", "n:1:1: both the old `layers` and `layer` are used"),
        (
            PAD + "layers { layer { name: 'r' type: 'relu' } bottom: 'y' top: 'y' }",
            'n:2:1: layer "r" reads the padding "y", but is of type "relu"; expected conv or pool',
        ),
        (
            PAD + "layers { layer { name: 'r' type: 'conv' } bottom: ['y', 'x'] top: 'y' }",
            'but has 2 bottoms; expected 1',
        ),
        (
            PAD.replace("top:", "top: 'z' top:") + "layers { layer { type: 'conv' } bottom: 'y' }",
            "but the padding has 1 bottom and 2 tops; expected 1 and 1",
        ),
        (
            PAD.replace("pad:", "stride: 1 pad:") + "layers { layer { type: 'conv' } bottom: 'y' }",
            "but the padding has stride; expected pad only",
        ),
        (PAD + "layers { layer { type: 'conv' pad: 1 } bottom: 'y' }", "but has pad 1 itself; expected one of them"),
        (PAD + PAD.replace("'x'", "'y'"), 'but is of type "padding"; expected conv or pool'),
        (PAD, 'n:1:1: layer "p" is a padding that no layer reads; expected a conv or pool'),
    ],
)  # fmt: skip
def test_v0_that_cannot_be_upgraded(text, sentence):
    assert sentence in refused(text)


# -- transformations in the wrong place ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options"),
    [("Data", "data_param"), ("ImageData", "image_data_param"), ("WindowData", "window_data_param")],
)
def test_misplaced_transformations(kind, options):
    misplaced = "scale: 2 mean_file: 'm' crop_size: 3 mirror: true batch_size: 4"
    net = parse_net(f"layer {{ type: '{kind}' {options} {{ {misplaced} }} transform_param {{ scale: 2 }} }}")
    (layer,) = net.param.layer
    assert [field.name for field, _ in getattr(layer, options).ListFields()] == ["batch_size"]
    moved = layer.transform_param
    assert (moved.scale, moved.mean_file, moved.crop_size, moved.mirror) == (2, "m", 3, True)
    assert net.notes == ("moved scale, mean_file, crop_size, mirror of 1 data layer to transform_param",)


@pytest.mark.parametrize(
    ("there", "here", "sentence"),
    [
        ("scale: 0.5", "scale: 2", "data_param has scale 0.5, transform_param has 2"),
        ("mirror: true", "mirror: false", "data_param has mirror true, transform_param has false"),
        ("mean_file: 'a'", "mean_file: 'b'", 'data_param has mean_file "a", transform_param has "b"'),
    ],
)
def test_transformations_that_disagree(there, here, sentence):
    text = f"\nlayer {{ name: 'd' type: 'Data' data_param {{ {there} }} transform_param {{ {here} }} }}"
    assert refused(text) == f'n:2:1: layer "d": {sentence}; expected it in transform_param only'


# -- inputs ------------------------------------------------------------------------------------------------------


def test_inputs_without_shapes_in_an_old_caffemodel():
    param = caffe_pb2.NetParameter(input=["data", "label"])
    param.layers.add(name="a", type=v1._V1.INNER_PRODUCT).blobs.add(num=1, channels=1, height=1, width=1, data=[1])
    net = net_file(param)
    assert not net.param.input and net.lines == (0,)
    assert net.notes[1:] == ("dropped the names of 2 inputs, which have no shapes",)


def test_lists_of_layers_keep_their_places():
    net = parse_net("input: ['x',\n'y'] input_shape [{ dim: 1 }, { dim: 2 }]\nlayer [{ name: 'a' },\n\n{ name: 'b' }]")
    assert net.lines == (1, 3, 5)
