"""``minicaffe convert-imageset``: real image files to databases."""

import io

import lmdb
import numpy as np
import pytest
from PIL import Image

from minicaffe.cli import main
from minicaffe.data import LmdbSource, open_database
from minicaffe.data.images import resize
from minicaffe.proto import caffe_pb2


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Five colour PNGs of 6 x 8 pixels, ``a 0.png`` to ``a 4.png`` below ``images``, and a list of them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    random = np.random.default_rng(3)
    for k in range(5):
        Image.fromarray(random.integers(0, 256, (6, 8, 3), dtype=np.uint8)).save(tmp_path / f"images/a {k}.png")
    (tmp_path / "list.txt").write_text("".join(f"a {k}.png {k % 3}\n" for k in range(5)))
    return tmp_path


def pixels(path):
    """The image of a file as the database should hold it."""
    with Image.open(path) as picture:
        return np.asarray(picture)[:, :, ::-1].transpose(2, 0, 1)


def stored(path):
    """The datums of an LMDB by key, in key order."""
    with lmdb.open(str(path), readonly=True, lock=False) as env, env.begin() as txn:
        return {key.decode(): caffe_pb2.Datum.FromString(value) for key, value in txn.cursor()}


def array(datum):
    return np.frombuffer(datum.data, np.uint8).reshape(datum.channels, datum.height, datum.width)


@pytest.mark.parametrize("name", ["convert-imageset", "convert_imageset"])
def test_keys_pixels_and_labels(folder, capsys, name):
    assert main([name, "images/", "list.txt", "db"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "db: 5 images of 3 x 6 x 8, labels 0 to 2\n"
    assert [line.split("] ")[1] for line in shown.err.splitlines()] == ["A total of 5 images.", "Processed 5 files."]
    datums = stored("db")
    assert list(datums) == [f"{k:08d}_a {k}.png" for k in range(5)]
    for k, datum in enumerate(datums.values()):
        assert (datum.label, datum.encoded, datum.HasField("encoded")) == (k % 3, False, True)
        assert (array(datum) == pixels(f"images/a {k}.png")).all()
    assert sorted(path.name for path in folder.iterdir()) == ["db", "images", "list.txt"]


def test_a_net_can_read_it(folder):
    assert main(["convert-imageset", "images", "list.txt", "made/deep/db", "-resize_width=4", "-resize_height=3"]) == 0
    source = LmdbSource("made/deep/db")
    images, labels = np.empty((5, 3, 3, 4), np.uint8), np.empty(5)
    source.read(images, labels)
    source.close()
    assert labels.tolist() == [0, 1, 2, 0, 1]
    assert (images[2] == resize(pixels("images/a 2.png"), 3, 4)).all()


@pytest.mark.parametrize("gray", ["-gray", "--gray=true", "--gray=1"])
def test_gray(folder, gray):
    assert main(["convert-imageset", gray, "images", "list.txt", "db"]) == 0
    assert all(datum.channels == 1 for datum in stored("db").values())


@pytest.mark.parametrize("color", ["-nogray", "--gray=false"])
def test_not_gray(folder, color):
    assert main(["convert-imageset", color, "images", "list.txt", "db"]) == 0
    assert all(datum.channels == 3 for datum in stored("db").values())


def test_shuffled_the_same_for_the_same_seed(folder):
    for name, seed in (("one", "1"), ("again", "1"), ("two", "2")):
        assert main(["convert-imageset", "images", "list.txt", name, "-shuffle", "-seed", seed]) == 0
    one, again, two = map(stored, ("one", "again", "two"))
    assert list(one) == list(again) != list(two)
    assert sorted(key[9:] for key in one) == [f"a {k}.png" for k in range(5)]
    assert [key[:8] for key in one] == [f"{k:08d}" for k in range(5)]


def test_encoded_keeps_the_files_own_bytes(folder):
    assert main(["convert-imageset", "images", "list.txt", "db", "--encoded"]) == 0
    datum = stored("db")["00000001_a 1.png"]
    assert datum.encoded and datum.label == 1 and not datum.HasField("channels")
    assert datum.data == (folder / "images/a 1.png").read_bytes()


@pytest.mark.parametrize(
    ("words", "mode", "size"), [(["-gray"], "L", (8, 6)), (["-resize_height=2", "-resize_width=3"], "RGB", (3, 2))]
)
def test_encoded_anew_where_the_image_changes(folder, words, mode, size):
    assert main(["convert-imageset", "images", "list.txt", "db", "--encoded", *words]) == 0
    with Image.open(io.BytesIO(stored("db")["00000000_a 0.png"].data)) as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", mode, size)


def test_encode_type_alone_encodes(folder):
    assert main(["convert-imageset", "images", "list.txt", "db", "-encode_type", "jpg"]) == 0
    datum = stored("db")["00000000_a 0.png"]
    assert datum.encoded
    with Image.open(io.BytesIO(datum.data)) as picture:
        assert picture.format == "JPEG"


def test_a_leveldb(folder, capsys):
    pytest.importorskip("plyvel")
    assert main(["convert-imageset", "images", "list.txt", "db", "-backend", "leveldb"]) == 0
    source = open_database("db")
    assert (source.count, source.shape) == (5, (3, 6, 8))
    assert (source.record()[0] == pixels("images/a 0.png")).all()
    source.close()
    capsys.readouterr()
    assert main(["compute-image-mean", "-backend=leveldb", "db"]) == 0
    assert capsys.readouterr().out.startswith("mean of 5 images of 3 x 6 x 8: ")


def bad_list(folder):
    (folder / "images/broken.jpg").write_bytes(b"no picture at all")
    text = "a 0.png 0\n\na 1.png one\nnone.png 1\nbroken.jpg 2\nalone\na 2.png 99999999999\n" + "x" * 600 + ".png 1\r\n"
    (folder / "list.txt").write_text(text)


def test_bad_lines_are_all_told_and_nothing_is_written(folder, capsys):
    bad_list(folder)
    before = sorted(path.name for path in folder.rglob("*"))
    assert main(["convert-imageset", "images", "list.txt", "db"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        f"minicaffe: error: {line}"
        for line in (
            'list.txt:3: the label is "one"; expected a whole number',
            "list.txt:4: images/none.png: no such file",
            'list.txt:6: found "alone", expected a path and a label',
            "list.txt:7: the label is 99999999999; expected a number of 32 bits",
            "list.txt:8: a path of 604 bytes; expected at most 502",
            "5 of 7 lines cannot be used, so nothing was written; --skip_bad leaves them out",
        )
    ]
    assert sorted(path.name for path in folder.rglob("*")) == before


def test_bad_lines_can_be_left_out(folder, capsys):
    bad_list(folder)
    assert main(["convert-imageset", "images", "list.txt", "db", "--skip-bad"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "db: 1 image of 3 x 6 x 8, labels 0 to 0; 6 lines left out\n"
    assert sum("left out: list.txt:" in line for line in shown.err.splitlines()) == 6
    assert list(stored("db")) == ["00000000_a 0.png"]


def test_a_broken_image(folder, capsys):
    bad_list(folder)
    (folder / "list.txt").write_text("a 0.png 0\nbroken.jpg 2\n")
    assert main(["convert-imageset", "images", "list.txt", "db"]) == 2
    last = capsys.readouterr().err.splitlines()[-2:]
    assert last[0].startswith("minicaffe: error: list.txt:2: images/broken.jpg: 17 bytes of an encoded image")
    assert not (folder / "db").exists()


def test_many_bad_lines_are_counted(folder, capsys):
    (folder / "list.txt").write_text("".join(f"{k}.png 0\n" for k in range(30)))
    assert main(["convert-imageset", "images", "list.txt", "db"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 22 and lines[20] == "minicaffe: error: ... and 10 more"


def test_nothing_left(folder, capsys):
    (folder / "list.txt").write_text("none.png 0\n")
    assert main(["convert-imageset", "images", "list.txt", "db", "--skip_bad"]) == 2
    assert "1 of 1 line cannot be used, so nothing was written" in capsys.readouterr().err
    assert not (folder / "db").exists()


def test_sizes(folder, capsys):
    Image.new("RGB", (5, 5)).save(folder / "images/a 3.png")
    assert main(["convert-imageset", "images", "list.txt", "db", "--check_size"]) == 2
    error = capsys.readouterr().err
    assert "list.txt:4: images/a 3.png: an image of 3 x 5 x 5; expected 3 x 6 x 8, as a 0.png\n" in error
    assert main(["convert-imageset", "images", "list.txt", "db"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "db: 5 images of 2 sizes, labels 0 to 2\n"
    assert "images of 2 sizes, most of 3 x 6 x 8: a batch needs images of one size" in shown.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["images", "list.txt", "images"], "images: is there already; expected the name of a new database"),
        (["images", "lst.txt", "db"], 'lst.txt: no such file; did you mean "list.txt"?'),
        (["images", "nothing", "db"], "nothing: no lines; expected a path and a label in each"),
        (["images", "list.txt"], "convert-imageset needs a DB; expected minicaffe convert-imageset ROOT LIST DB"),
        (["images", "list.txt", "db", "x"], '"x" is one word too many; expected ROOT, LIST and DB'),
        (["images", "list.txt", "db", "-resize_width", "3"], "only one of --resize_height and --resize_width is given"),
        (["images", "list.txt", "db", "-gray=maybe"], '--gray is "maybe"; expected true or false'),
    ],
)
def test_mistakes(folder, capsys, words, sentence):
    (folder / "nothing").write_text("\n")
    assert main(["convert-imageset", *words]) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1
    assert not (folder / "db").exists()
