import numpy as np
import pytest

from minicaffe.data import read_windows
from minicaffe.errors import DataError

TEXT = """# 0
/pictures/a b.jpg
3
20
30
2
1 0.75 0 1 10 11
0 0.25 2 3 4 5

# 7
b.jpg
3 40 50
0
#8
c.jpg
3
5
5
1
4 1 0 0 4 4
"""


def test_what_is_read(tmp_path):
    path = tmp_path / "windows.txt"
    path.write_text(TEXT)
    windows = read_windows(path)
    assert windows.images == ["/pictures/a b.jpg", "b.jpg", "c.jpg"]
    assert windows.image.tolist() == [0, 0, 2]
    assert windows.label.tolist() == [1, 0, 4]
    assert windows.overlap.dtype == np.float32
    assert windows.overlap.tolist() == [0.75, 0.25, 1]
    assert windows.box.tolist() == [[0, 1, 10, 11], [2, 3, 4, 5], [0, 0, 4, 4]]
    assert windows.line.tolist() == [7, 8, 20]
    assert windows.channels == 3


@pytest.mark.parametrize(
    "text, message",
    [
        ("\n", ': the window file is empty; expected "# 0" and an image'),
        ("0\n", ':1: found "0", expected "# 0", the head of an image'),
        ("# one\n", ':1: found "one", expected "# 0", the head of an image'),
        ("# 0\na.jpg\n3\nten\n", ':4: found "ten", expected the height'),
        ("# 0\na.jpg\n3\n10\n-1\n", ':5: found "-1", expected the width'),
        ("# 0\na.jpg\n3\n10\n10\n", ": the file ends after 5 lines; expected the number of windows"),
        ("# 0\n", ": the file ends after 1 line; expected the path of an image"),
        (
            "# 0\na.jpg\n3\n10\n10\n1\n1 0.5 0 0 5 x\n",
            ':7: found "1 0.5 0 0 5 x", expected a window, class overlap x1 y1 x2 y2',
        ),
        (
            "# 0\na.jpg\n3\n10\n10\n2\n1 0.5 0 0 5 5\n",
            ": the file ends after 7 lines; expected a window, class overlap x1 y1 x2 y2",
        ),
        (
            "# 0\na.jpg\n3\n10\n10\n0\n# 0\n",
            ":7: found image 0 a second time, expected a number of its own for each image",
        ),
    ],
)
def test_files_that_make_no_sense(tmp_path, text, message):
    path = tmp_path / "windows.txt"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_windows(path)
    assert str(caught.value) == f"{path}{message}"


def test_a_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"windows\.txt: no such file"):
        read_windows(tmp_path / "windows.txt")
