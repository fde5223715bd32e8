"""``minicaffe device-query``: facts that hold on any machine."""

import json

import pytest

from minicaffe.cli import device_query, main
from minicaffe.kernels import _jit
from minicaffe.kernels.fast.vector import LANES


@pytest.mark.parametrize("name", ["device-query", "device_query"])
def test_lines(name, capsys):
    assert main([name, "-gpu", "0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    titles = [line.split(":")[0] for line in lines]
    for title in (
        "processor",
        "cores",
        "instructions",
        "caches",
        "memory",
        "threads",
        "vectors",
        "kernels",
        "versions",
    ):
        assert titles.count(title) == 1
    assert f"{32 * LANES} bits: {LANES} float32" in lines[titles.index("vectors")]
    assert str(_jit.cache_folder()) in lines[titles.index("kernels")]


def test_json(capsys):
    assert main(["device-query", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kernels"]["lanes"] == LANES and found["kernels"]["row_kernels"] > 10
    assert 1 <= found["processor"]["usable_cores"] <= found["processor"]["cores"]
    assert found["memory"]["bytes"] > 1 << 28
    assert found["versions"]["numpy"] and found["versions"]["numba"]


def test_a_system_that_tells_nothing(monkeypatch):
    monkeypatch.setattr(device_query, "_text", lambda path: "")
    monkeypatch.setattr(device_query, "_version", lambda package: None)
    found = device_query.facts()
    assert found["processor"]["caches"] == [] and found["processor"]["core_quota"] is None
    lines = list(device_query._lines(found))
    assert any(line.startswith("missing:      numpy, numba") for line in lines)
    assert any(line.startswith("caches:       not told") for line in lines)


def test_caches_and_quota(tmp_path, monkeypatch):
    for k, (level, kind, size) in enumerate([("1", "Data", "48K"), ("3", "Unified", "30M"), ("x", "?", "")]):
        folder = tmp_path / f"index{k}"
        folder.mkdir()
        for name, text in (("level", level), ("type", kind), ("size", size)):
            (folder / name).write_text(text + "\n")
    assert device_query._caches(tmp_path) == [
        {"level": 1, "type": "Data", "bytes": 48 << 10},
        {"level": 3, "type": "Unified", "bytes": 30 << 20},
    ]
    for text, quota in (("max 100000", None), ("150000 100000", 1.5), ("", None)):
        monkeypatch.setattr(device_query, "_text", lambda path, text=text: text)
        assert device_query._quota() == quota


@pytest.mark.parametrize(
    ("number", "text"), [(None, "unknown"), (7, "7 bytes"), (48 << 10, "48 KiB"), (3 << 29, "1.5 GiB")]
)
def test_sizes_in_words(number, text):
    assert device_query._bytes(number) == text
