"""Augmented manifests of SageMaker and Ground Truth: a line of JSON a picture, with its boxes; read and written.

A line has ``source-ref``, the picture's address, an attribute of any name with ``image_size`` and ``annotations`` in
pixels, and ``<attribute>-metadata`` with a ``class-map`` of the classes that the line uses. The address is one of a
storage service; the picture is looked for here by as much of its end as is there, in ``pictures=`` or beside the
manifest, or by what follows ``prefix=``.

Pipe mode with the RecordIO wrapper makes of the same manifest a stream of records: the picture, the attribute, the
next picture, ... Such a stream, kept as a ``.rec`` file, is read as well, pictures where they are.

Source: AWS, "Augmented Manifest" and Ground Truth's output data (developer guide).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trackforge.data.building import Builder
from trackforge.data.class_names import ClassNames
from trackforge.data.dialects.manifest_pictures import LocalPictures
from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.data.recordio import chosen_part, part_names
from trackforge.data.records import begins_with_picture, is_picture, record_head
from trackforge.errors import DataError
from trackforge.intake.documents import finite_number, parse_json, whole_number
from trackforge.intake.folders import is_companion, natural_order
from trackforge.intake.reading import reading
from trackforge.io.pictures import picture_size
from trackforge.io.recordio import RecordReader
from trackforge.io.sagemaker_boxes import Box, read_box, read_size

__all__ = ["read_manifest", "sniff_manifest"]

METADATA = "-metadata"
KIND = "groundtruth/object-detection"
_HEAD = 1 << 16


def sniff_manifest(path: Path) -> bool:
    """Tell whether a path looks like augmented manifests, or a stream of one."""
    return any(_looks(file) for file in _files(path))


def _looks(file: Path) -> bool:
    if file.suffix.lower() == ".rec":
        return begins_with_picture(file)
    with file.open("rb") as opened:
        head = opened.readline(_HEAD)
    return b'"source-ref"' in head and head.lstrip(b"\xef\xbb\xbf \t").startswith(b"{")


def _files(path: Path) -> list[Path]:
    """Return the manifests of a folder; of streams, only where there are none of these."""
    if path.is_file():
        return [path] if path.suffix.lower() in (".manifest", ".jsonl", ".json", ".rec") else []
    for suffix in (".manifest", ".jsonl", ".rec"):
        found = [file for pattern in (f"*{suffix}", f"*/*{suffix}") for file in path.glob(pattern)]
        found = [file for file in found if file.is_file() and not is_companion(file, path) and _looks(file)]
        if found:
            return natural_order(found)
    return []


def read_manifest(
    path: Path,
    *,
    findings: Findings,
    split: str | None = None,
    classes: Sequence[str] = (),
    images: Path | None = None,
    prefix: str = "",
    attribute: str | None = None,
) -> Dataset:
    """Read augmented manifests for object detection.

    Args:
        path: A manifest, a stream of one (``.rec``), or a folder of such, each a part.
        findings: Where malformed lines are reported.
        split: Read this part only.
        classes: Class names in order; without, those of the class maps.
        images: Folder of the pictures; that of the manifest unless given.
        prefix: What addresses begin with, ``s3://bucket/photos/``; the rest is where a picture lies in the folder.
        attribute: The one with the boxes, where a line has several.

    Raises:
        DataError: There is no such file, or part; or several attributes hold boxes, and none was named.
    """
    files = _files(path)
    if not files:
        raise DataError("There must be a manifest, lines of JSON with 'source-ref'; there is none.", path=path)
    folder = path if path.is_dir() else path.parent
    parts = part_names(path, files)
    if split is not None:
        parts, files = chosen_part(split, parts, files, path)
    streams = files[0].suffix.lower() == ".rec"
    root = folder if streams or images is None else images
    reader = _Reader(findings, ClassNames(classes, folder=folder), attribute)
    local = LocalPictures(root, prefix, findings)
    build = Builder()
    items: list[_Item] = []
    for file, part in zip(files, parts, strict=True):
        items += _from_stream(file, part, reader, root) if streams else _from_lines(file, part, reader, local)
    if not streams:
        items = local.present(items, build.notes)
    for item in items:
        row = build.image(item.place, item.size, split=item.part)
        for box, confidence in zip(item.boxes, item.confidence, strict=True):
            extra = None if confidence is None else {"confidence": confidence}
            build.box(row, box.xyxy, box.class_id, extra=extra)
    stated, notes = reader.names.finish()
    build.notes += [*reader.notes(), *notes]
    return build.finish(stated, root=root, name=path.stem if path.is_file() else path.name)


@dataclass(frozen=True)
class _Item:
    """A labelled picture; ``line`` is 1-based."""

    place: str
    file: Path
    line: int
    part: str
    size: tuple[int, int]
    boxes: list[Box]
    confidence: list[float | None]


def _from_lines(file: Path, part: str, reader: _Reader, local: LocalPictures) -> Iterator[_Item]:
    with reading(file, "A manifest"), file.open(encoding="utf-8-sig") as opened:
        for number, text in enumerate(opened, 1):
            if not text.strip():
                continue
            try:
                document = _object(parse_json(text, "A line", path=file, line=number), file, number)
                found = reader.labels(document, file, number)
                if found is None:
                    continue
                place = local.find(document.get("source-ref"), file, number)
                size, boxes, confidence = found
                picture = local.root / place
                if min(size) <= 0 and picture.is_file():
                    size = picture_size(picture)
            except DataError as error:
                reader.findings.caught(error)
                continue
            yield _Item(place, file, number, part, size, boxes, confidence)


def _from_stream(file: Path, part: str, reader: _Reader, root: Path) -> Iterator[_Item]:
    """Read pictures and the records that follow each."""
    with RecordReader(file, tolerant=True) as records:
        pictures = [k for k in range(len(records)) if is_picture(records.read(k, 8))]
        for picture, after in zip(pictures, [*pictures[1:], len(records)], strict=True):
            try:
                document: dict[str, Any] = {}
                for number in range(picture + 1, after):
                    text = records.read(number).decode("utf-8", errors="replace")
                    value = parse_json(text, f"Record {number}", path=file)
                    if isinstance(value, dict) and "class-map" in value:
                        document[f"record{METADATA}"] = value
                    else:
                        document["record" if _holds_boxes(value) else f"record {number}"] = value
                found = reader.labels(document, file, None, what=f"Record {picture}")
                header = record_head(records, picture)[1]
                if header is None:
                    raise DataError(f"Record {picture} must be a picture; it cannot be decoded.", path=file)
            except DataError as error:
                reader.findings.caught(error, kind="broken-record")
                continue
            if found is not None:
                place = f"{file.relative_to(root).as_posix()}#{picture}"
                yield _Item(place, file, 0, part, header.size, found[1], found[2])
        if records.damage is not None:
            reader.findings.caught(records.damage, kind="broken-record")


def _object(value: Any, file: Path, line: int | None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError(f"A line must be a JSON object; got {type(value).__name__}.", path=file, line=line)
    return value


class _Reader:
    """Finds the boxes of a line."""

    def __init__(self, findings: Findings, names: ClassNames, attribute: str | None) -> None:
        self.findings, self.names, self._attribute = findings, names, attribute
        self._failed = 0

    def labels(
        self, document: Mapping[str, Any], file: Path, line: int | None, *, what: str = "The line"
    ) -> tuple[tuple[int, int], list[Box], list[float | None]] | None:
        """Return size, boxes and confidences; None where labelling failed, which is counted.

        Raises:
            DataError: There is no attribute with boxes, or it is malformed.
        """
        name = self._name(document, file, line, what)
        if name is None:
            self._failed += 1
            return None
        labels, metadata = document[name], document.get(f"{name}{METADATA}")
        metadata = metadata if isinstance(metadata, dict) else {}
        class_map = metadata.get("class-map")
        for number, label in (class_map if isinstance(class_map, dict) else {}).items():
            try:
                self.names.state(whole_number(number, 0), str(label), path=file, line=line)
            except ValueError as error:
                raise self._fault(file, line, f"A class-map must have numbers; one {error}") from error
        try:
            size = read_size(labels.get("image_size"))
        except ValueError as error:
            raise self._fault(file, line, f"image_size of {name!r} {error}") from error
        boxes, confidence = [], []
        stated = _confidences(metadata.get("objects"), len(labels["annotations"]))
        for at, value in enumerate(labels["annotations"]):
            try:
                box = read_box(value)
                self.names.number(box.class_id, f"annotations[{at}]", path=file, line=line)
            except DataError as error:
                self.findings.caught(error, kind="class-range")
            except ValueError as error:
                self.findings.bad(f"annotations[{at}] {error}.", path=file, line=line)
            else:
                boxes.append(box)
                confidence.append(stated[at])
        return size, boxes, confidence

    def _name(self, document: Mapping[str, Any], file: Path, line: int | None, what: str) -> str | None:
        """Return the attribute with the boxes, None where labelling of that failed."""
        holding = [key for key, value in document.items() if _holds_boxes(value)]
        if self._attribute is not None:
            found = [key for key in holding if key == self._attribute]
        else:
            declared = [key for key in holding if _declared(document.get(f"{key}{METADATA}"))]
            found = declared or holding
        if len(found) > 1:
            listing = ", ".join(map(ascii, found))
            raise DataError(
                f"{what} has several attributes with boxes: {listing}. Name one: attribute=...", path=file, line=line
            )
        if found:
            return found[0]
        metadata = [value for key, value in document.items() if key.endswith(METADATA) and isinstance(value, dict)]
        if any("failure-reason" in value for value in metadata):
            return None
        wanted = f"the attribute {self._attribute!r}" if self._attribute else "an attribute"
        raise self._fault(file, line, f"{what} must have {wanted} with 'annotations'; it has {_keys(document)}")

    @staticmethod
    def _fault(file: Path, line: int | None, message: str) -> DataError:
        return DataError(f"{message}.", path=file, line=line)

    def notes(self) -> list[str]:
        """Say what was left out."""
        return (
            [f"{self._failed} pictures have no labels, for labelling them failed; they are left out"]
            if self._failed
            else []
        )


def _keys(document: Mapping[str, Any]) -> str:
    names = [ascii(key[:40]) for key in list(document)[:5]]
    return ", ".join(names) or "nothing"


def _holds_boxes(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("annotations"), list)


def _declared(metadata: Any) -> bool:
    return isinstance(metadata, dict) and metadata.get("type") == KIND


def _confidences(objects: Any, count: int) -> list[float | None]:
    """Return what was said of each box, None throughout where that is not one each."""
    if not isinstance(objects, list) or len(objects) != count:
        return [None] * count
    try:
        return [finite_number(one["confidence"]) for one in objects]
    except (KeyError, TypeError, ValueError):
        return [None] * count
