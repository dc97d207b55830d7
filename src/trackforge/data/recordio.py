"""MXNet's RecordIO as a labelled data set: ``train.rec`` beside ``train.idx`` and ``train.lst``, or a list alone.

Files of records are parts of the set, called like the file, or like the folder that they lie in (``train/``,
``validation/``: SageMaker's channels). Pictures stay where they are, inside the file: ``train.rec#12`` is that of
record 12. Corners are shares of the picture; they become pixels by the size that each picture's header states. A sixth
number of an object is ``difficult`` where it is 0 or 1: an ignore region. Classes are numbers from 0, which a
``classes.txt`` beside the files, or ``classes=``, gives names.

A list (``.lst``), from which ``tools/im2rec.py`` makes such files, is read with the pictures that it names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from trackforge.data.building import Builder
from trackforge.data.class_names import ClassNames
from trackforge.data.files import RECORD_NAME
from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.data.records import begins_with_picture, record_head
from trackforge.errors import DataError
from trackforge.intake.folders import is_companion, natural_order
from trackforge.intake.names import inside, name_problem
from trackforge.intake.reading import reading
from trackforge.io.image_records import OBJECT_WIDTH, DetectionLabel, parse_list_line
from trackforge.io.pictures import picture_size
from trackforge.io.recordio import RecordReader, is_recordio, read_index

__all__ = ["ALL", "part_names", "read_recordio", "sniff_recordio"]

ALL = "all"
"""What the file of the pictures is called that are in no part."""
_USUAL = frozenset({"train", "val", "valid", "validation", "test", "trainval"})
_LABELS = re.compile(rb"\d+(?:\.0*)?\t\d+(?:\.0*)?\t\d+(?:\.0*)?\t")


def sniff_recordio(path: Path) -> bool:
    """Tell whether a path looks like records of labelled pictures, or a list of such."""
    return any(_looks(file) for file in _files(path))


def _looks(file: Path) -> bool:
    if file.suffix == ".rec":
        return is_recordio(file) and not begins_with_picture(file)
    with file.open("rb") as opened:
        return _LABELS.match(opened.read(1 << 10)) is not None


def _files(path: Path) -> list[Path]:
    """Return the files of records, in a folder or those in it; lists only where there are none of these."""
    if path.is_file():
        return [path] if path.suffix.lower() in (".rec", ".lst") else []
    for suffix in (".rec", ".lst"):
        found = [file for pattern in (f"*{suffix}", f"*/*{suffix}") for file in path.glob(pattern)]
        found = [file for file in found if file.is_file() and not is_companion(file, path)]
        if found:
            return natural_order(found)
    return []


def part_names(path: Path, files: Sequence[Path]) -> list[str]:
    """Return which part of the set each file is: its folder's name, else its own.

    What all names begin with is left out where it leaves the usual ones: ``coco_train``, ``coco_val``.
    """
    names = [file.parent.name if file.parent not in (path, path.parent) else file.stem for file in files]
    tails = [re.split("[_-]", name)[-1] for name in names]
    heads = {name.removesuffix(tail) for name, tail in zip(names, tails, strict=True)}
    if len(names) > 1 and len(heads) == 1 and set(tails) <= _USUAL:
        names = tails
    return ["" if name == ALL else name for name in names]


def read_recordio(
    path: Path,
    *,
    findings: Findings,
    split: str | None = None,
    classes: Sequence[str] = (),
    images: Path | None = None,
) -> Dataset:
    """Read files of records with labels for detection, or lists of such.

    Args:
        path: A ``.rec`` or ``.lst`` file, or a folder that holds them, in folders of its own or not.
        findings: Where malformed records are reported.
        split: Read this part only.
        classes: Class names in order; without, those of ``classes.txt``, else numbers.
        images: Where the pictures of a list lie; beside it unless given.

    Raises:
        DataError: There are no such files, or the first records are none of labelled pictures.
    """
    files = _files(path)
    if not files:
        raise DataError("There must be a file of records, .rec, or a list, .lst; there is none.", path=path)
    folder = path if path.is_dir() else path.parent
    parts = part_names(path, files)
    if split is not None:
        parts, files = chosen_part(split, parts, files, path)
    root = (images or folder) if files[0].suffix == ".lst" else folder
    build, names = Builder(), ClassNames(classes, folder=folder)
    reader = _Reader(build, names, root, findings)
    for file, part in zip(files, parts, strict=True):
        if file.suffix == ".lst":
            reader.listed(file, part)
        else:
            reader.records(file, part)
    stated, notes = names.finish()
    build.notes += [*reader.notes(), *notes]
    return build.finish(stated, root=root, name=folder.name if path.is_dir() else path.stem)


def chosen_part(split: str, parts: Sequence[str], files: Sequence[Path], path: Path) -> tuple[list[str], list[Path]]:
    """Return the part of that name, or the one that begins so, and its files.

    Raises:
        DataError: There is none.
    """
    found = {part for part in parts if part == split} or {part for part in parts if part.startswith(split)}
    if len(found) != 1:
        listing = ", ".join(dict.fromkeys(filter(None, parts))) or "none"
        raise DataError(f"There is no split {split!r}; there are: {listing}.", path=path)
    kept = [(part, file) for part, file in zip(parts, files, strict=True) if part in found]
    return [part for part, _ in kept], [file for _, file in kept]


class _Reader:
    """Grows the data set record by record."""

    def __init__(self, build: Builder, names: ClassNames, root: Path, findings: Findings) -> None:
        self._build, self._names, self._root, self._findings = build, names, root, findings
        self._wide = 0

    def records(self, file: Path, part: str) -> None:
        """Read a file of records."""
        if begins_with_picture(file):
            raise DataError(
                "Record 0 must have labels before its picture; it has none, as in the stream of an augmented "
                "manifest. Read it as such: format='augmented-manifest' (--from augmented-manifest).",
                path=file,
            )
        known = self._names_in_list(file.with_suffix(".lst"))
        with RecordReader(file, tolerant=True) as reader:
            self._check_index(file, reader)
            place = file.relative_to(self._root).as_posix()
            for number in range(len(reader)):
                try:
                    record, header = record_head(reader, number)
                    what = f"Record {number}"
                    label = DetectionLabel.of(record.label, what=f"The label of record {number}", path=file)
                    if header is None:
                        raise DataError(f"{what} must hold a picture; what it holds cannot be decoded.", path=file)
                    classes = self._classes(label, what, file, None)
                except DataError as error:
                    self._findings.caught(error, kind="broken-record")
                    continue
                self._add(f"{place}#{number}", header.size, part, label, classes, known.get(record.id, ""))
            if reader.damage is not None:
                self._findings.caught(reader.damage, kind="broken-record")

    def listed(self, file: Path, part: str) -> None:
        """Read a list."""
        for number, text in _lines(file):
            try:
                line = parse_list_line(text, path=file, line=number)
                label = DetectionLabel.of(line.label, what="The label", path=file, line=number)
                picture = inside(self._root, line.path, "The picture", path=file, line=number)
                classes = self._classes(label, "The picture", file, number)
                try:
                    size = picture_size(picture)
                except DataError as error:
                    why = str(error).removeprefix(f"{picture}: ")
                    raise DataError(f"{picture}: {why}", path=file, line=number) from error
            except DataError as error:
                self._findings.caught(error, kind="broken-record")
                continue
            self._add(picture.relative_to(self._root).as_posix(), size, part, label, classes)

    def _classes(self, label: DetectionLabel, what: str, file: Path, line: int | None) -> Sequence[int]:
        values = label.objects[:, 0].tolist()
        return [self._names.number(value, f"A box of {what.lower()}", path=file, line=line) for value in values]

    def _add(
        self,
        place: str,
        size: tuple[int, int],
        part: str,
        label: DetectionLabel,
        classes: Sequence[int],
        name: str = "",
    ) -> None:
        row = self._build.image(place, size, split=part, extra={RECORD_NAME: name} if name else None)
        self._wide += label.objects.shape[1] > OBJECT_WIDTH + 1 and len(label.objects) > 0
        shares = label.objects[:, 1:OBJECT_WIDTH].astype(float).tolist()
        for number, (x1, y1, x2, y2), difficult in zip(classes, shares, label.difficult.tolist(), strict=True):
            corners = (x1 * size[0], y1 * size[1], x2 * size[0], y2 * size[1])
            self._build.box(row, corners, number, ignore=difficult)

    def _names_in_list(self, file: Path) -> dict[int, str]:
        """Return what the pictures were called before they came into records, by their number, where a list tells."""
        found: dict[int, str] = {}
        if file.is_file():
            try:
                for number, text in _lines(file):
                    line = parse_list_line(text, path=file, line=number)
                    if name_problem(line.path) is None:
                        found[line.id] = line.path
            except DataError as error:
                message = str(error).removeprefix(f"{file}:{error.line}: ")
                self._findings.warn(message, kind="list", path=file, line=error.line)
        return found

    def _check_index(self, file: Path, reader: RecordReader) -> None:
        """Look whether the index, which is not needed here, fits: MXNet reads by it."""
        path = file.with_suffix(".idx")
        if not path.is_file():
            return
        try:
            places = read_index(path)
        except DataError as error:
            message = str(error).removeprefix(f"{path}:{error.line}: ")
            self._findings.warn(message, kind="index", path=path, line=error.line)
            return
        wrong = set(places.values()) ^ set(reader.offsets)
        if wrong and reader.damage is None:
            message = (
                f"The index does not fit {file.name}: {len(wrong)} of its places, or of the records, have no other."
            )
            self._findings.warn(message, kind="index", path=path)
            self._build.notes.append(f"{path.name} does not fit {file.name}; all records are read, whatever it says")

    def notes(self) -> list[str]:
        """Say what was left out."""
        return (
            [f"the objects of {self._wide} pictures have numbers behind the sixth, which are left out"]
            if self._wide
            else []
        )


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    with reading(file, "A list"), file.open(encoding="utf-8-sig") as opened:
        for number, line in enumerate(opened, 1):
            if line.strip():
                yield number, line
