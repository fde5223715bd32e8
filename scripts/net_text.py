"""Prototxts, written layer by layer: what make_models.py builds its nets with."""

DEFAULTS = {"kernel_size": 0, "stride": 1, "pad": 0, "group": 1}
MSRA = 'weight_filler { type: "msra" }'


def cifar10(batch: int, test_batch: int, transform: str = "") -> str:
    """Data layers over CIFAR-10's databases; ``transform`` is what both do besides subtracting the mean."""
    return f"""
layer {{
  name: "data"
  type: "Data"
  top: "data"
  top: "label"
  include {{ phase: TRAIN }}
  transform_param {{ mean_file: "data/cifar10/mean.binaryproto"{transform} mirror: true }}
  data_param {{ source: "data/cifar10/cifar10_train_lmdb" batch_size: {batch} backend: LMDB }}
}}
layer {{
  name: "data"
  type: "Data"
  top: "data"
  top: "label"
  include {{ phase: TEST }}
  transform_param {{ mean_file: "data/cifar10/mean.binaryproto"{transform} }}
  data_param {{ source: "data/cifar10/cifar10_test_lmdb" batch_size: {test_batch} backend: LMDB }}
}}
"""


class Text:
    """The text of one net. Each method adds layers and returns the top they end in.

    ``averages``: the moving_average_fraction of every BatchNorm, where it is not the default.
    """

    def __init__(self, name: str, comment: str, averages: float | None = None):
        self.text = f'# {comment}\nname: "{name}"\n'
        self.averages = averages

    def layer(self, kind: str, name: str, bottoms, top: str, options: str = "") -> str:
        bottoms = [bottoms] if isinstance(bottoms, str) else bottoms
        lines = [f'name: "{name}"', f'type: "{kind}"', *(f'bottom: "{x}"' for x in bottoms), f'top: "{top}"']
        body = "\n  ".join([*lines, options] if options else lines)
        self.text += f"layer {{\n  {body}\n}}\n"
        return top

    def add(self, text: str) -> None:
        self.text += text.removeprefix("\n")

    def input(self, size: int) -> str:
        shape = f"input_param {{ shape {{ dim: 1 dim: 3 dim: {size} dim: {size} }} }}"
        return self.layer("Input", "data", [], "data", shape)

    def conv(self, x, name, outputs, kernel, stride=1, pad=0, group=1, bias=True) -> str:
        fields = window(kernel, stride, pad, group=group) + ("" if bias else " bias_term: false")
        return self.layer("Convolution", name, x, name, f"convolution_param {{ num_output: {outputs}{fields} {MSRA} }}")

    def norm(self, x, norm_name, scale_name) -> str:
        """BatchNorm and Scale in place."""
        self.batch_norm(x, norm_name)
        return self.layer("Scale", scale_name, x, x, "scale_param { bias_term: true }")

    def batch_norm(self, x, name) -> str:
        options = f"batch_norm_param {{ moving_average_fraction: {self.averages} }}" if self.averages else ""
        return self.layer("BatchNorm", name, x, x, options)

    def relu(self, x, name) -> str:
        return self.layer("ReLU", name, x, x)

    def pool(self, x, name, kind, kernel=None, stride=1, pad=0) -> str:
        fields = window(kernel, stride, pad) if kernel else " global_pooling: true"
        return self.layer("Pooling", name, x, name, f"pooling_param {{ pool: {kind}{fields} }}")

    def lrn(self, x, name) -> str:
        return self.layer("LRN", name, x, name, "lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }")

    def product(self, x, name, outputs, bias=True) -> str:
        fields = f"num_output: {outputs}" + ("" if bias else " bias_term: false")
        return self.layer("InnerProduct", name, x, name, f"inner_product_param {{ {fields} {MSRA} }}")

    def dropout(self, x, name, ratio) -> str:
        return self.layer("Dropout", name, x, x, f"dropout_param {{ dropout_ratio: {ratio} }}")

    def softmax(self, x) -> str:
        return self.layer("Softmax", "prob", x, "prob")


def window(kernel, stride, pad, group=1) -> str:
    """Those of these fields that differ from Caffe's defaults, each with a space in front."""
    fields = {"kernel_size": kernel, "stride": stride, "pad": pad, "group": group}
    return "".join(f" {field}: {value}" for field, value in fields.items() if value != DEFAULTS[field])
