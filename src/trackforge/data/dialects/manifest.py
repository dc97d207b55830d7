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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trackforge.data.building import Builder
from trackforge.data.class_names import ClassNames
from trackforge.data.dialects.ground_truth_folders import is_video_manifest
from trackforge.data.dialects.manifest_answers import read_picture_answers
from trackforge.data.dialects.manifest_labels import LabelReader, PictureLabels, holds_boxes
from trackforge.data.dialects.manifest_pictures import LocalPictures
from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.data.recordio import chosen_part, part_names
from trackforge.data.records import begins_with_picture, is_picture, record_head
from trackforge.errors import DataError
from trackforge.intake.documents import parse_json
from trackforge.intake.folders import is_companion, natural_order
from trackforge.io.manifest_lines import METADATA, read_manifest_lines
from trackforge.io.pictures import picture_size
from trackforge.io.recordio import RecordReader

__all__ = ["read_manifest", "sniff_manifest"]

_HEAD = 1 << 16


def sniff_manifest(path: Path) -> bool:
    """Tell whether a path looks like augmented manifests, or a stream of one."""
    return any(_looks(file) for file in _files(path))


def _looks(file: Path) -> bool:
    if file.suffix.lower() == ".rec":
        return begins_with_picture(file)
    with file.open("rb") as opened:
        head = opened.readline(_HEAD)
    if is_video_manifest(file):
        return False
    return b'"source-ref"' in head and head.lstrip(b"\xef\xbb\xbf \t").startswith(b"{")


def _files(path: Path) -> list[Path]:
    """Return the manifests of a folder; of streams, only where there are none of these."""
    if path.is_file():
        return [path] if path.suffix.lower() in (".manifest", ".jsonl", ".json", ".rec") else []
    done = path / "manifests/output/output.manifest"  # of a labelling job
    if done.is_file() and _looks(done):
        return [done]
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
    workers: bool = False,
    least: int | None = None,
) -> Dataset:
    """Read augmented manifests for object detection.

    Args:
        path: A manifest, a stream of one (``.rec``), or a folder of such, each a part.
        findings: Where malformed lines are reported.
        split: Read this part only.
        classes: Class names in order; without, those of the class maps.
        images: Folder of the pictures; that of the manifest unless given.
        prefix: What addresses begin with, ``s3://bucket/photos/``; the rest is where a picture lies in the folder.
        attribute: The one with the boxes, where a line has several; ``"*"`` for the boxes of all, classes by name.
        workers: Of a job's folder: take what single workers answered, and consolidate it.
        least: How many workers must have drawn a box; more than half of them unless given.

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
    if workers and not streams:
        where = images or folder
        more: dict[str, Any] = {"findings": findings, "classes": classes, "prefix": prefix, "least": least}
        return read_picture_answers(folder, files[0], where, **more)
    root = folder if streams or images is None else images
    reader = LabelReader(findings, ClassNames(classes, folder=folder), attribute)
    local = LocalPictures(root, prefix, findings)
    build = Builder()
    items: list[_Item] = []
    for file, part in zip(files, parts, strict=True):
        items += _from_stream(file, part, reader, root) if streams else _from_lines(file, part, reader, local)
    if not streams:
        items = local.present(items, build.notes)
    for item in items:
        row = build.image(item.place, item.size, split=item.part, extra=item.labels.extra)
        for box, extra in zip(item.labels.boxes, item.labels.extras, strict=True):
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
    labels: PictureLabels


def _from_lines(file: Path, part: str, reader: LabelReader, local: LocalPictures) -> Iterator[_Item]:
    for line in read_manifest_lines(file, reader.findings.caught):
        try:
            found = reader.labels(line.document, file, line.number)
            if found is None:
                continue
            place = local.find(line.document.get("source-ref"), file, line.number)
            size, picture = found.size, local.root / place
            if min(size) <= 0 and picture.is_file():
                size = picture_size(picture)
        except DataError as error:
            reader.findings.caught(error)
            continue
        yield _Item(place, file, line.number, part, size, found)


def _from_stream(file: Path, part: str, reader: LabelReader, root: Path) -> Iterator[_Item]:
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
                        document["record" if holds_boxes(value) else f"record {number}"] = value
                found = reader.labels(document, file, None, what=f"Record {picture}")
                header = record_head(records, picture)[1]
                if header is None:
                    raise DataError(f"Record {picture} must be a picture; it cannot be decoded.", path=file)
            except DataError as error:
                reader.findings.caught(error, kind="broken-record")
                continue
            if found is not None:
                place = f"{file.relative_to(root).as_posix()}#{picture}"
                yield _Item(place, file, 0, part, header.size, found)
        if records.damage is not None:
            reader.findings.caught(records.damage, kind="broken-record")
