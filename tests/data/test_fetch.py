import hashlib
import http.server
import re
import socket
import threading

import numpy as np
import pytest

from minicaffe.data.fetch import fetch
from minicaffe.errors import DataError

CONTENT = np.random.default_rng(1).bytes(700_001)
MD5 = hashlib.md5(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves ``server.content``; see ``Server`` for what it can do wrong."""

    def do_GET(self):
        server = self.server
        server.ranges.append(self.headers.get("Range"))
        if server.status != 200:
            self.send_error(server.status)
            return
        content, start = server.content, 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and server.knows_ranges:
            start = int(asked[1])
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if server.tells_length:
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        stop = len(content) if server.cut is None else min(len(content), start + server.cut)
        self.wfile.write(content[start:stop])

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    content = CONTENT
    status = 200
    knows_ranges = True
    tells_length = True
    cut = None  # bytes after which the connection is closed

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges = []
        self.url = f"http://127.0.0.1:{self.server_port}/set.tar.gz"


@pytest.fixture
def server():
    with Server() as one:
        thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield one
        one.shutdown()
        thread.join()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def refused(url, path, md5=MD5):
    with pytest.raises(DataError) as caught:
        fetch(url, path, md5)
    message = str(caught.value)
    assert message.startswith(url) and "--source" in message and "\n" not in message
    return message


def test_a_whole_file(server, tmp_path):
    steps = []
    fetch(server.url, tmp_path / "new" / "set.tar.gz", MD5, lambda *step: steps.append(step))
    assert (tmp_path / "new" / "set.tar.gz").read_bytes() == CONTENT
    assert names(tmp_path / "new") == ["set.tar.gz"]
    assert steps[0] == ("download", 0, len(CONTENT))
    assert steps[-1] == ("download", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in steps] == sorted({done for _, done, _ in steps})


def test_a_file_that_is_there_is_not_fetched_again(server, tmp_path):
    (tmp_path / "set").write_bytes(CONTENT)
    fetch(server.url, tmp_path / "set", MD5)
    assert server.ranges == []


def test_another_file_that_is_there_is_replaced(server, tmp_path):
    (tmp_path / "set").write_bytes(b"something else")
    fetch(server.url, tmp_path / "set", MD5)
    assert (tmp_path / "set").read_bytes() == CONTENT


def test_cut_off_then_resumed(server, tmp_path):
    server.cut = 300_000
    message = refused(server.url, tmp_path / "set")
    assert message == (
        f"{server.url}: the transfer broke off after 300000 bytes (400001 bytes are missing); "
        "the same command goes on from there, or give a copy of your own with --source"
    )
    assert names(tmp_path) == ["set.part"]
    server.cut = None
    steps = []
    fetch(server.url, tmp_path / "set", MD5, lambda *step: steps.append(step))
    assert server.ranges == [None, "bytes=300000-"]
    assert steps[0] == ("download", 300_000, len(CONTENT))
    assert (tmp_path / "set").read_bytes() == CONTENT
    assert names(tmp_path) == ["set"]


def test_cut_off_again_and_again(server, tmp_path):
    server.cut = 200_000
    for _ in range(3):
        refused(server.url, tmp_path / "set")
    fetch(server.url, tmp_path / "set", MD5)
    assert (tmp_path / "set").read_bytes() == CONTENT


def test_a_server_that_begins_at_the_beginning(server, tmp_path):
    server.knows_ranges = False
    (tmp_path / "set.part").write_bytes(CONTENT[:300_000])
    fetch(server.url, tmp_path / "set", MD5)
    assert server.ranges == ["bytes=300000-"]
    assert (tmp_path / "set").read_bytes() == CONTENT


def test_a_server_that_does_not_tell_the_length(server, tmp_path):
    server.tells_length = False
    steps = []
    fetch(server.url, tmp_path / "set", MD5, lambda *step: steps.append(step))
    assert (tmp_path / "set").read_bytes() == CONTENT
    assert steps[-1] == ("download", len(CONTENT), 0)


def test_a_part_that_is_whole_needs_no_server(tmp_path):
    (tmp_path / "set.part").write_bytes(CONTENT)
    fetch("http://127.0.0.1:1/", tmp_path / "set", MD5)
    assert names(tmp_path) == ["set"]


def test_a_part_longer_than_the_file_is_given_up(server, tmp_path):
    (tmp_path / "set.part").write_bytes(CONTENT + b"more")
    fetch(server.url, tmp_path / "set", MD5)
    assert server.ranges == [f"bytes={len(CONTENT) + 4}-", None]
    assert (tmp_path / "set").read_bytes() == CONTENT


def test_wrong_checksum(server, tmp_path):
    server.content = b"x" * 1000
    found = hashlib.md5(server.content).hexdigest()
    message = refused(server.url, tmp_path / "set")
    assert f"wrong checksum: found MD5 {found}, expected {MD5}" in message
    assert names(tmp_path) == []


@pytest.mark.parametrize("status, reason", [(404, "Not Found"), (403, "Forbidden"), (503, "Service Unavailable")])
def test_a_server_that_refuses(server, tmp_path, status, reason):
    server.status = status
    message = refused(server.url, tmp_path / "new" / "set")
    assert f"the server answers {status} {reason};" in message
    assert names(tmp_path) == []


def test_nobody_there(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
    message = refused(url, tmp_path / "new" / "set")
    assert "cannot be reached (Connection refused);" in message
    assert names(tmp_path) == []


def test_no_such_name(tmp_path):
    assert "cannot be reached (" in refused("http://no-such-host.invalid/set", tmp_path / "set")


def test_a_server_that_hangs_up_at_once(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: listener.accept()[0].close())
        thread.start()
        refused(f"http://127.0.0.1:{listener.getsockname()[1]}/", tmp_path / "set")
        thread.join()


def test_a_place_that_cannot_be_written(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=f"^{tmp_path}/file/set.part: cannot be written"):
        fetch(server.url, tmp_path / "file" / "set", MD5)
