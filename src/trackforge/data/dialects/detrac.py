"""UA-DETRAC's XML as a labelled data set: one file a sequence, ``MVI_20011.xml``.

Frames count from 1; a sequence has 25 a second. An ``ignored_region`` holds in every frame of its sequence. Pictures
are searched for in folders of the sequence's name beside the file or beside its folder, as the benchmark unpacks them.

Source: Wen et al., "UA-DETRAC: A New Benchmark and Protocol for Multi-Object Detection and Tracking", CVIU 2020.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from trackforge.data.building import Builder
from trackforge.data.dialects.frames import add_frames, below, folders, numbered_pictures
from trackforge.data.dialects.markup import Element, first_tag, parse_xml
from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.errors import DataError
from trackforge.intake.limits import check_limit
from trackforge.intake.names import name_problem
from trackforge.intake.reading import reading

__all__ = ["DETRAC_CLASSES", "read_detrac", "sniff_detrac"]

DETRAC_CLASSES = ("car", "van", "bus", "others")
"""The vehicle types of the benchmark."""
UNTOLD = "vehicle"
"""What a target is called whose type is not stated."""
RATE = 25.0
LOOKED_AT = 4
PATTERNS = ("*.xml", "*/*.xml", "*/*/*.xml")


def sniff_detrac(path: Path) -> bool:
    """Tell whether a path is UA-DETRAC's XML, or a folder with such."""
    return any(first_tag(file) == "sequence" for file in islice(_files(path), LOOKED_AT))


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield from [path] if path.suffix.lower() == ".xml" else []
    else:
        yield from below(path, PATTERNS)


@dataclass(frozen=True)
class _Box:
    frame: int
    track_id: int
    type: str
    xyxy: tuple[float, ...]
    extra: dict[str, float]


@dataclass
class _Sequence:
    name: str
    split: str
    file: Path
    regions: list[tuple[float, ...]] = field(default_factory=list)
    frames: set[int] = field(default_factory=set)
    boxes: list[_Box] = field(default_factory=list)


def read_detrac(path: Path, *, findings: Findings, split: str | None = None) -> Dataset:
    """Read UA-DETRAC's XML.

    Args:
        path: The file of a sequence, a folder of such, or of ``DETRAC-Train-Annotations-XML`` and
            ``DETRAC-Test-Annotations-XML``, which are the parts ``train`` and ``test``.
        findings: Where malformed entries are reported.
        split: Read this part only.
    """
    with reading(path, "A UA-DETRAC file"):
        root = path.parent if path.is_file() else path
        sequences = []
        for file in _files(path):
            part = "" if path.is_file() else _part(file)
            if first_tag(file) == "sequence" and split in (None, part):
                try:
                    sequences.append(_read(file, part, findings))
                except DataError as error:
                    findings.caught(error)
        types = {box.type for s in sequences for box in s.boxes}
        build, names = Builder(), list(DETRAC_CLASSES) if types <= {*DETRAC_CLASSES} else sorted(types)
        for sequence in sequences:
            _add(build, sequence, names, root)
        if not sequences:
            raise DataError("There must be files of sequences (MVI_20011.xml); none was found.", path=path)
        return build.finish(names, root=root, name=path.stem if path.is_file() else path.name)


def _part(file: Path) -> str:
    """Return the part that the benchmark's own name of a folder states."""
    words = file.parent.name.lower().replace("_", "-").split("-")
    return next((word for word in words if word in ("train", "test")), "")


def _read(file: Path, part: str, findings: Findings) -> _Sequence:
    tree = parse_xml(file, "A UA-DETRAC file")
    name = tree.attributes.get("name", "")
    made = _Sequence(file.stem if name_problem(name) else name, part, file)
    for node in tree.all("ignored_region"):
        for box in node.all("box"):
            try:
                made.regions.append(_corners(box))
            except DataError as error:
                findings.caught(error)
    for node in tree.all("frame"):
        try:
            number = node.whole("num", least=1)
            check_limit("frames", number, "The frame", path=file, line=node.line)
        except DataError as error:
            findings.caught(error)
            continue
        made.frames.add(number - 1)
        for target in (t for targets in node.all("target_list") for t in targets.all("target")):
            try:
                made.boxes.append(_box(target, number - 1))
            except DataError as error:
                findings.caught(error)
    return made


def _corners(box: Element) -> tuple[float, ...]:
    x, y, width, height = (box.number(name) for name in ("left", "top", "width", "height"))
    if width < 0 or height < 0:
        raise box.fault(f"Width and height of a box must be >= 0; got {width:g} and {height:g}.")
    return x, y, x + width, y + height


def _box(target: Element, frame: int) -> _Box:
    box, told = target.find("box"), target.find("attribute")
    if box is None:
        raise target.fault("A target must have a box.")
    extra: dict[str, float] = {}
    kind = ""
    if told is not None:
        kind = told.attributes.get("vehicle_type", "")
        for name in ("orientation", "speed", "truncation_ratio"):
            if name in told.attributes:
                extra[name] = told.number(name)
    return _Box(frame, target.whole("id"), kind or UNTOLD, _corners(box), extra)


def _pictures(sequence: _Sequence) -> dict[int, Path]:
    for around in (sequence.file.parent, sequence.file.parent.parent):
        for place in (around, *folders(around)):
            found = numbered_pictures(place / sequence.name)
            if found:
                return found
    return {}


def _add(build: Builder, sequence: _Sequence, names: list[str], root: Path) -> None:
    pictures = _pictures(sequence)
    rows = add_frames(build, sequence.name, sequence.frames, pictures, root=root, split=sequence.split, rate=RATE)
    check_limit("boxes", len(rows) * len(sequence.regions), "The ignored regions of all frames", path=sequence.file)
    for box in sequence.boxes:
        build.box(rows[box.frame], box.xyxy, names.index(box.type), track_id=box.track_id, extra=box.extra)
    for row in rows.values():
        for region in sequence.regions:
            build.box(row, region, 0, ignore=True)
