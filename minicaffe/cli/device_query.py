"""``minicaffe device-query``: the processor, and what the kernels make of it."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .flags import Command, Flag

_FEATURES = (
    "sse2", "ssse3", "sse4.1", "sse4.2", "avx", "fma", "avx2", "f16c", "avx512f", "avx512bw", "avx512dq", "avx512vl",
    "avx512vnni", "avx512bf16", "amx-tile", "neon", "fullfp16", "dotprod", "sve", "sve2",
)  # fmt: skip
_PACKAGES = ("numpy", "numba", "llvmlite", "protobuf", "lmdb", "tqdm")
_OPTIONAL = {"pillow": ("pillow",), "h5py": ("h5py",), "plyvel": ("plyvel", "plyvel-next")}


def run(options: dict[str, Any]) -> int:
    """Print the facts as lines, or as one JSON object."""
    found = facts()
    print(json.dumps(found) if options["json"] else "\n".join(_lines(found)))
    return 0


def facts() -> dict[str, Any]:
    """What is known of this machine and of the kernels; None for what the system does not tell."""
    import llvmlite.binding

    from ..kernels import _jit, _threads
    from ..kernels.fast import vector
    from ..version import __version__
    from ..warmup import KERNELS, kernel_files

    features = vector._features()
    return {
        "processor": {
            "model": _model(),
            "architecture": platform.machine(),
            "llvm_name": llvmlite.binding.get_host_cpu_name(),
            "cores": os.cpu_count(),
            "usable_cores": _threads.usable_cores(),
            "core_quota": _quota(),
            "features": [name for name in _FEATURES if name in features],
            "caches": _caches(Path("/sys/devices/system/cpu/cpu0/cache")),
        },
        "memory": {"bytes": _memory("MemTotal"), "available_bytes": _memory("MemAvailable")},
        "kernels": {
            "threads": _threads.threads(),
            "lanes": vector.LANES,
            "vector_bits": 32 * vector.LANES,
            "rows": vector.ROWS,
            "row_kernels": len(KERNELS),
            "cache": str(_jit.cache_folder()),
            "cache_usable": _jit.cache_usable(),
            "cache_files": kernel_files(),
        },
        "versions": {
            "minicaffe": __version__,
            "python": platform.python_version(),
            **{name: _version(name) for name in _PACKAGES},
            **{name: next(filter(None, map(_version, names)), None) for name, names in _OPTIONAL.items()},
        },
        "system": platform.platform(),
    }


def _lines(found: dict[str, Any]) -> Iterator[str]:
    """The facts for people."""
    processor, memory, kernels = found["processor"], found["memory"], found["kernels"]
    quota = "" if processor["core_quota"] is None else f", of whose time {processor['core_quota']:g} are granted"
    yield _line("processor", f"{processor['model']} ({processor['architecture']}; {processor['llvm_name']} to LLVM)")
    yield _line("cores", f"{processor['cores']}, {processor['usable_cores']} of them usable{quota}")
    yield _line("instructions", " ".join(processor["features"]) or "none that matter")
    caches = [f"L{c['level']} {c['type'].lower()} {_bytes(c['bytes'])}" for c in processor["caches"]]
    yield _line("caches", ", ".join(caches) or "not told by this system")
    yield _line("memory", f"{_bytes(memory['bytes'])}, {_bytes(memory['available_bytes'])} available")
    yield _line("threads", f"{kernels['threads']} compute, unless --threads says otherwise")
    yield _line(
        "vectors",
        f"{kernels['vector_bits']} bits: {kernels['lanes']} float32; products in blocks of {kernels['rows']} rows",
    )
    there = f"{kernels['cache_files']} files" if kernels["cache_files"] else '"minicaffe warmup" fills it'
    usable = "" if kernels["cache_usable"] else ", cannot be written: set NUMBA_CACHE_DIR"
    yield _line("kernels", f"{kernels['row_kernels']} of the fast plan; kept in {kernels['cache']} ({there}{usable})")
    versions = found["versions"]
    yield _line("versions", ", ".join(f"{name} {version}" for name, version in versions.items() if version))
    missing = [name for name, version in versions.items() if version is None]
    if missing:
        yield _line("missing", f"{', '.join(missing)}: some layers and tools need them")
    yield _line("system", found["system"])
    yield _line("gpu", "none is used: everything runs on the CPU")


def _line(title: str, text: str) -> str:
    return f"{title + ':':<14}{text}"


def _bytes(number: int | None) -> str:
    if number is None:
        return "unknown"
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number} bytes"


def _text(path: str | Path) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def _fields(path: str) -> dict[str, str]:
    """The first value of each KEY: VALUE line of a file."""
    pairs = [line.partition(":") for line in reversed(_text(path).splitlines())]
    return {key.strip(): value.strip() for key, _, value in pairs}


def _model() -> str:
    return _fields("/proc/cpuinfo").get("model name") or platform.processor() or platform.machine() or "unknown"


def _memory(field: str) -> int | None:
    words = _fields("/proc/meminfo").get(field, "").split()
    if words:
        return int(words[0]) * 1024
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if field == "MemTotal" else None
    except (AttributeError, ValueError, OSError):
        return None


def _quota() -> float | None:
    """How many cores' time the control group grants, where it grants less than all."""
    words = _text("/sys/fs/cgroup/cpu.max").split()
    if len(words) == 2 and words[0].isdecimal() and int(words[1]) > 0:
        return int(words[0]) / int(words[1])
    return None


def _caches(folder: Path) -> list[dict[str, Any]]:
    """Level, type and bytes of the first core's caches."""
    caches = []
    for index in sorted(folder.glob("index*")):
        level, kind, size = (_text(index / name).strip() for name in ("level", "type", "size"))
        factor = {"K": 1 << 10, "M": 1 << 20}.get(size[-1:], 1)
        number = size.rstrip("KM")
        if level.isdecimal() and number.isdecimal():
            caches.append({"level": int(level), "type": kind, "bytes": int(number) * factor})
    return caches


def _version(package: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


COMMAND = Command(
    name="device-query",
    summary="the processor, and what the kernels make of it",
    about="Shows the processor, its instructions and caches, the memory, the width of the kernels' vectors, where "
    "compiled kernels are kept, and the versions of the packages: what a report about speed or a fault should contain.",
    subject="",
    flags=(
        Flag("json", "", "print one JSON object on stdout"),
        Flag("gpu", "ID", "accepted for Caffe's sake; everything runs on the CPU"),
    ),
    examples=("minicaffe device-query", "minicaffe device-query --json"),
    run=run,
)
