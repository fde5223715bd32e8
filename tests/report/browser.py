"""A headless Chromium, told what to do over a pipe (the DevTools protocol); no package is needed."""

import base64
import json
import os
import shutil
import subprocess
import sys
import time

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars --remote-debugging-pipe"
).split()
_LAUNCH = (
    "import os, sys; a, b = int(sys.argv[1]), int(sys.argv[2]); a, b = os.dup(a), os.dup(b); "
    "a, b = (a, b) if min(a, b) > 4 else (os.dup(a), os.dup(b)); "
    "os.dup2(a, 3); os.dup2(b, 4); os.execvp(sys.argv[3], sys.argv[3:])"
)  # the browser reads from 3 and writes to 4


def find_browser():
    """CHROME, or the first known name on PATH; None without one."""
    return os.environ.get("CHROME") or next(filter(None, map(shutil.which, _NAMES)), None)


class Browser:
    """One page; ``problems`` gathers what the console, the log of the browser and failed requests say."""

    def __init__(self, program, folder):
        to_browser, ours_out = os.pipe()
        ours_in, from_browser = os.pipe()
        words = [sys.executable, "-c", _LAUNCH, str(to_browser), str(from_browser), program, *_FLAGS]
        self._process = subprocess.Popen(
            [*words, f"--user-data-dir={folder}", "about:blank"],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._out, self._in = os.fdopen(ours_out, "wb", 0), os.fdopen(ours_in, "rb", 0)
        self._buffer, self._number, self._session = b"", 0, None
        self.problems, self.requests, self._loaded = [], [], False
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def open(self, url, width, height=900, dark=False):
        """Load ``url`` in a window of this width and scheme."""
        self.problems, self.requests, self._loaded = [], [], False
        phone = width < 600
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=url)
        while not self._loaded:
            self._read()

    def evaluate(self, expression):
        """The value of a JavaScript expression, or of the promise it makes."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def picture(self, path, whole=False):
        """Write a PNG of the window, or of the whole page."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def close(self):
        self._session = None
        try:
            self.call("Browser.close")
            self._process.wait(10)
        except (OSError, EOFError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        finally:
            self._out.close()
            self._in.close()
            time.sleep(0)

    def _read(self):
        while b"\0" not in self._buffer:
            piece = os.read(self._in.fileno(), 1 << 20)
            if not piece:
                raise EOFError("the browser has ended")
            self._buffer += piece
        first, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(first)
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, method, params):
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            self.problems.append(params)
