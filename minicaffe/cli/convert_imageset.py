"""``minicaffe convert-imageset``: image files to a database, as Caffe's convert_imageset does."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import DataError, UsageError, plural, shape_text
from .flags import Command, Flag, one_of, whole
from .log import Log
from .progress import Rate, Screen
from .signals import ended_by_signals

if TYPE_CHECKING:
    from ..data.imageset import Entry, RecordMaker

_SHOWN = 20  # lines of the list that are reported before the rest is only counted
_LOGGED = 1000  # images between two lines of the log


class _Unusable(DataError):
    """Lines of the list that cannot be used: ``problems`` has a sentence for each, up to a number, and a last word."""

    def __init__(self, sentences: list[str], of: int):
        more = len(sentences) - _SHOWN
        shown = [*sentences[:_SHOWN], *([f"... and {more} more"] if more > 0 else [])]
        last = f"{len(sentences)} of {plural(of, 'line')} cannot be used, so nothing was written"
        self.problems = (*shown, f"{last}; --skip_bad leaves them out")
        super().__init__("\n".join(self.problems))


def run(options: dict[str, Any]) -> int:
    """Read the list, then every image, and write the database."""
    if (options["resize_height"] > 0) != (options["resize_width"] > 0):
        raise UsageError("only one of --resize_height and --resize_width is given; expected both or none")
    with ended_by_signals(), contextlib.closing(Screen()) as screen:
        _Run(options, screen)()
    return 0


class _Run:
    def __init__(self, options: dict[str, Any], screen: Screen):
        self._options, self._screen, self._log = options, screen, Log(screen.line)
        self._problems: list[str] = []
        self._shapes: dict[tuple[int, ...], int] = {}
        self._labels: list[int] = []
        self._rate = Rate(200)

    def __call__(self) -> None:
        from ..data.imageset import RecordMaker, read_list, shuffled
        from ..data.records import new_database

        options, screen = self._options, self._screen
        maker = RecordMaker(
            options["root"],
            not options["gray"],
            options["resize_height"],
            options["resize_width"],
            options["encoded"] or bool(options["encode_type"]),
            options["encode_type"] or "",
        )
        entries, problems = read_list(options["list"], options["root"])
        self._lines = len(entries) + len(problems)
        with new_database(options["database"], options["backend"]) as put:
            for sentence in problems:
                self._bad(sentence)
            if problems and not options["skip_bad"]:
                raise _Unusable(problems, self._lines)
            if options["shuffle"]:
                self._log.info("convert_imageset.cpp:83", "Shuffling data")
                entries = shuffled(entries, options["seed"])
            self._log.info("convert_imageset.cpp:86", f"A total of {len(entries)} images.")
            self._log.release()
            screen.start("images: ", len(entries))
            self._write(entries, maker, put)
            screen.close()
            if self._problems and not (options["skip_bad"] and self._labels):
                raise _Unusable(self._problems, self._lines)
        self._tell()

    def _write(self, entries: Sequence[Entry], maker: RecordMaker, put: Callable[[bytes, bytes], None]) -> None:
        from ..data.imageset import records

        keep = self._options["skip_bad"]
        found = records(entries, maker, self._options["check_size"], lambda at, why: self._bad(f"{at.place}: {why}"))
        for done, record in enumerate(found, 1):
            self._screen.to(done)
            if record is None or (self._problems and not keep):
                continue
            put(record.key, record.value)
            self._shapes[record.shape] = self._shapes.get(record.shape, 0) + 1
            self._labels.append(record.entry.label)
            self._rate.add(1)
            self._screen.say(str(self._rate))
            if len(self._labels) % _LOGGED == 0:
                self._log.info("convert_imageset.cpp:144", f"Processed {len(self._labels)} files.")
        if len(self._labels) % _LOGGED and not (self._problems and not keep):
            self._log.info("convert_imageset.cpp:150", f"Processed {len(self._labels)} files.")

    def _bad(self, sentence: str) -> None:
        self._problems.append(sentence)
        if self._options["skip_bad"]:
            self._log.warning(f"left out: {sentence}")

    def _tell(self) -> None:
        shape = max(self._shapes, key=self._shapes.__getitem__)
        size = f"of {shape_text(shape)}" if len(self._shapes) == 1 else f"of {len(self._shapes)} sizes"
        labels = f"labels {min(self._labels)} to {max(self._labels)}"
        left_out = f"; {plural(len(self._problems), 'line')} left out" if self._problems else ""
        images = plural(len(self._labels), "image")
        print(f"{self._options['database']}: {images} {size}, {labels}{left_out}")
        if len(self._shapes) > 1:
            self._log.warning(
                f"images of {len(self._shapes)} sizes, most of {shape_text(shape)}: a batch needs images of one size; "
                f"--resize_height and --resize_width make them so"
            )


COMMAND = Command(
    name="convert-imageset",
    summary="image files and a list of labels to a database",
    about="Reads the images that LIST names, a path and a label in each line, below ROOT, and writes a database "
    "of Datums, as Caffe's convert_imageset does. Lines that cannot be used are reported, all of them, and then "
    "nothing is written; with --skip_bad they are left out.",
    subject="root list database",
    flags=(
        Flag("root", "ROOT", "the folder that the paths begin at, or what stands before each of them"),
        Flag("list", "LIST", "the list: a path, which may hold spaces, and a label in each line"),
        Flag("database", "DB", "the database to make; must not be there yet"),
        Flag("gray", "", "read the images as grey ones, of one channel"),
        Flag("shuffle", "", "write them in a random order"),
        Flag("seed", "N", "which random order: the same number gives the same", whole(0), 0),
        Flag("backend", "KIND", "lmdb or leveldb", one_of("lmdb", "leveldb"), "lmdb"),
        Flag("resize_width", "N", "pixels to resize to, with --resize_height; 0: as they are", whole(0), 0),
        Flag("resize_height", "N", "pixels to resize to, with --resize_width; 0: as they are", whole(0), 0),
        Flag("check_size", "", "an image of another size than the first is an error"),
        Flag("encoded", "", "store image files in the database instead of pixels"),
        Flag(
            "encode_type",
            "KIND",
            "the kind of these files: png, jpg, ...; each path's own if not given",
            one_of("jpg", "jpeg", "jpe", "png", "bmp", "webp", "tif", "tiff"),
        ),
        Flag("skip_bad", "", "leave out what cannot be used instead of writing nothing"),
    ),
    examples=(
        "minicaffe convert-imageset images/ train.txt train_lmdb --resize_height 256 --resize_width 256 --shuffle",
        "minicaffe convert_imageset -gray -encoded -encode_type png images/ val.txt val_lmdb",
    ),
    run=run,
    switches=True,
)
