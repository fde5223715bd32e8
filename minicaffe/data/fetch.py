"""Fetching a file over HTTP: resumable, checked, and there only when whole."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path

from ..errors import DataError
from .progress import Progress, ignore

__all__ = ["fetch"]

_BLOCK = 1 << 18
_TIMEOUT = 30.0  # seconds without a byte
_HELP = "give a copy of your own with --source"


def fetch(url: str, path: str | os.PathLike, md5: str, progress: Progress = ignore) -> None:
    """Bring ``url`` to ``path``; nothing is done if ``path`` already has this MD5 sum.

    What has come stays in ``path`` + ".part" until the file is whole, and the next call goes on from there if the
    server can. Raises DataError where there is no connection, the server refuses, the transfer breaks off, or
    the sum is wrong (the file is then removed).
    """
    path = Path(path)
    if path.is_file() and _md5(path) == md5:
        return
    part = path.with_name(path.name + ".part")
    try:
        if not (part.is_file() and _md5(part) == md5):
            _download(url, part, progress)
        found = _md5(part)
        if found == md5:
            os.replace(part, path)
            return
        part.unlink()
    except urllib.error.HTTPError as error:
        error.close()
        raise DataError(f"{url}: the server answers {error.code} {error.reason}; {_HELP}") from None
    except urllib.error.URLError as error:
        raise DataError(f"{url}: cannot be reached ({_reason(error.reason)}); {_HELP}") from None
    except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise DataError(f"{url}: no answer ({_reason(error)}); {_HELP}") from None
    except OSError as error:
        raise DataError(f"{part}: cannot be written ({_reason(error)})") from None
    raise DataError(f"{url}: wrong checksum: found MD5 {found}, expected {md5}; try again, or {_HELP}")


def _download(url: str, part: Path, progress: Progress) -> None:
    done = part.stat().st_size if part.is_file() else 0
    try:
        answer = _request(url, done)
    except urllib.error.HTTPError as error:
        if error.code != 416 or done == 0:
            raise
        error.close()
        done, answer = 0, _request(url, 0)  # the server has nothing beyond what is there: another file
    with answer:
        if answer.status != 206:
            done = 0  # the server begins at the beginning
        length = answer.headers.get("Content-Length")
        total = done + int(length) if length else 0
        part.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "ab" if done else "wb") as file:
            progress("download", done, total)
            while block := _read(url, answer, done):
                file.write(block)
                done += len(block)
                progress("download", done, total)
    if done < total:
        raise _broken_off(url, done, f"{total - done} bytes are missing")


def _read(url: str, answer: http.client.HTTPResponse, done: int) -> bytes:
    try:
        return answer.read(_BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise _broken_off(url, done, _reason(error)) from None


def _broken_off(url: str, done: int, reason: str) -> DataError:
    return DataError(
        f"{url}: the transfer broke off after {done} bytes ({reason}); the same command goes on from there, or {_HELP}"
    )


def _request(url: str, start: int) -> http.client.HTTPResponse:
    headers = {"User-Agent": "minicaffe", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT)


def _reason(error: str | BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
