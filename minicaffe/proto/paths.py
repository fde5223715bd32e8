"""Where a relative path in a prototxt leads."""

from __future__ import annotations

import os


def find(path: str, folder: str) -> str:
    """``path`` as Caffe takes it, from the working directory; where nothing is there, from the prototxt's ``folder``.

    Returned unchanged if there is nothing either: whoever opens it says so.
    """
    beside = os.path.join(folder, path)
    return beside if path and not os.path.exists(path) and os.path.exists(beside) else path
