"""The house keeps its order: a room imports only rooms above it, and the front door loads nothing heavy."""

import ast
import subprocess
import sys
from pathlib import Path

import minicaffe

PACKAGE = Path(minicaffe.__file__).parent

ROOMS = [
    "version",
    "alias",
    "errors",
    "settings",
    "user_code",
    "proto",
    "net_spec",
    "coord_map",
    "kernels",
    "data",
    "io",
    "draw",
    "fillers",
    "layers",
    "deploy",
    "graph",
    "plan",
    "arena",
    "weights",
    "runner",
    "execution",
    "report",
    "notebook",
    "blobs",
    "parameters",
    "batched",
    "numbered",
    "running",
    "net",
    "bn_stats",
    "classifier",
    "detector",
    "solver",
    "pycaffe",
    "analysis",
    "importers",
    "timing",
    "warmup",
    "cli",
]
FRONT_DOOR = {"__init__", "__main__"}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path):
    """(line, room) for every import of the package's own modules, at any depth of the file."""
    package = ["minicaffe", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            full = base + (node.module.split(".") if node.module else [])
            names = [full] if len(full) > 1 else [[*full, alias.name] for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        else:
            continue
        for name in names:
            if name[:1] == ["minicaffe"] and len(name) > 1:
                yield node.lineno, name[1]


def test_rooms_import_upwards_only():
    wrong, seen = [], set()
    for path in sorted(PACKAGE.rglob("*.py")):
        room = room_of(path)
        if room in FRONT_DOOR:
            continue
        assert room in ROOMS, f"{path} is in no known room"
        seen.add(room)
        for line, target in imported_rooms(path):
            if target in ("TRAIN", "TEST", "__version__"):
                continue  # constants of the front door
            if ROOMS.index(target) > ROOMS.index(room):
                wrong.append(f"{path.relative_to(PACKAGE)}:{line} ({room}) imports {target}")
    assert not wrong, "\n".join(wrong)
    assert seen == set(ROOMS)


def test_only_the_command_line_prints():
    printing = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if room_of(path) != "cli"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
    ]
    assert printing == []


def modules_after(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_import_is_light():
    loaded = modules_after("import minicaffe")
    assert "minicaffe" in loaded
    assert not loaded & {"numba", "numpy", "google.protobuf", "tqdm", "lmdb"}


def test_help_is_light():
    code = "from minicaffe.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass"
    assert not modules_after(code) & {"numba", "numpy", "google.protobuf", "tqdm", "lmdb"}


def test_public_names_resolve():
    for name in minicaffe.__all__:
        assert getattr(minicaffe, name) is not None
