"""The package tells whoever uses it that it is typed, and what its names are."""

import ast
from importlib.resources import files

import minicaffe


def test_the_marker_is_installed():
    assert files("minicaffe").joinpath("py.typed").is_file()
    assert files("minicaffe").joinpath("analysis", "examples", "BatchNorm.prototxt").is_file()


def test_the_names_for_type_checkers_are_those_that_exist():
    tree = ast.parse(files("minicaffe").joinpath("__init__.py").read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imported = {(one.asname or one.name) for node in block.body if hasattr(node, "names") for one in node.names}
    given = {node.targets[0].id for node in block.body if isinstance(node, ast.Assign)}
    assert (imported | given) - {"PythonLayer"} == set(minicaffe._HOMES)
    for node in block.body:
        for one in getattr(node, "names", ()):
            if one.asname and node.module:
                home = minicaffe._HOMES[one.asname]
                assert node.module == home, one.asname
