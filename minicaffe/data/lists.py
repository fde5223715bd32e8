"""Text files that list other files."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import DataError, did_you_mean

__all__ = ["read_lines"]


def read_lines(path: str | os.PathLike, expected: str) -> list[str]:
    """The lines of a text file, without their ends; raises DataError, which says what was ``expected``."""
    file = Path(path)
    if file.is_dir():
        raise DataError(f"{path}: is a folder; expected {expected}")
    try:
        return file.read_text("utf-8-sig").splitlines()
    except FileNotFoundError:
        siblings = [entry.name for entry in file.parent.iterdir()] if file.parent.is_dir() else []
        raise DataError(f"{path}: no such file{did_you_mean(file.name, siblings)}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: is no text; expected {expected}") from None
    except (OSError, ValueError) as error:  # a zero byte in the name is a ValueError
        raise DataError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
