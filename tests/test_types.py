"""The package tells whoever uses it that it is typed."""

from importlib.resources import files


def test_the_marker_is_installed():
    assert files("minicaffe").joinpath("py.typed").is_file()
    assert files("minicaffe").joinpath("analysis", "examples", "BatchNorm.prototxt").is_file()
