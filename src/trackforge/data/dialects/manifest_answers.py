"""Answers of single workers in a job on pictures: boxes that each drew, by the line of the manifest.

``annotations/worker-response/iteration-1/0/2022-09-12_09:51:00.json``: the folder after that of the iteration is the
line of the manifest, from 0; a file has the answers of all workers, boxes with the name of their class in whatever the
page called its element. A later answer of the same worker counts.

Source: AWS, Ground Truth's output data (developer guide), and the reference of crowd elements.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from trackforge.data.building import Builder
from trackforge.data.consolidating import consolidate
from trackforge.data.dialects.manifest_pictures import LocalPictures
from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.errors import DataError
from trackforge.intake.documents import finite_number, load_json, whole_number
from trackforge.intake.folders import is_companion, natural_key
from trackforge.io.manifest_lines import read_manifest_lines
from trackforge.io.pictures import picture_size

__all__ = ["read_picture_answers"]

_ITERATION = re.compile(r"iteration-\d+$")
_SIDES = ("left", "top", "width", "height")


class _Answer(NamedTuple):
    """What one worker drew in one picture."""

    size: tuple[int, int]
    boxes: list[tuple[str, tuple[float, float, float, float]]]


class _Line(NamedTuple):
    """Where a picture lies, and which line names it."""

    place: str
    file: Path
    line: int


def read_picture_answers(
    folder: Path,
    manifest: Path,
    root: Path,
    *,
    findings: Findings,
    classes: Sequence[str] = (),
    prefix: str = "",
    least: int | None = None,
) -> Dataset:
    """Return the boxes of all workers of a job, consolidated.

    Args:
        folder: Of the job.
        manifest: Its manifest.
        root: Folder of the pictures.
        findings: Where malformed answers are reported.
        classes: Class names in order; others are an error then.
        prefix: What addresses of pictures begin with.
        least: How many workers must have drawn a box; more than half of them unless given.

    Raises:
        DataError: There are no answers, or they are malformed.
    """
    answers = _read(folder / "annotations/worker-response", findings)
    if not answers:
        raise DataError("Answers of workers must lie in annotations/worker-response; there are none.", path=folder)
    local, notes = LocalPictures(root, prefix, findings), list[str]()
    lines = {}
    for index, line in enumerate(read_manifest_lines(manifest, findings.caught)):
        try:
            lines[index] = _Line(
                local.find(line.document.get("source-ref"), manifest, line.number), manifest, line.number
            )
        except DataError as error:
            findings.caught(error)
    local.present(list(lines.values()), notes)
    names = list(classes)
    workers = dict.fromkeys(worker for told in answers.values() for worker in told)
    builds = {worker: Builder() for worker in workers}
    for index, told in sorted(answers.items()):
        if index not in lines:
            findings.bad(f"An answer must be to a line of the manifest; there is no line {index + 1}.", path=folder)
            continue
        place = lines[index].place
        for worker, answer in told.items():
            _add(builds[worker], place, answer, names, root, findings, fixed=bool(classes))
    notes.append(f"the answers of {len(workers)} workers were consolidated")
    parts = [build.finish(names, root=root, name=folder.name) for build in builds.values()]
    made = consolidate(parts, least=least)
    return made.replace(notes=(*made.notes, *notes))


def _add(
    build: Builder, place: str, answer: _Answer, names: list[str], root: Path, findings: Findings, *, fixed: bool
) -> None:
    picture = root / place
    size = picture_size(picture) if min(answer.size) <= 0 and picture.is_file() else answer.size
    row = build.image(place, size)
    for label, corners in answer.boxes:
        if label not in names:
            if fixed:
                findings.bad(
                    f"A box must have one of the classes {', '.join(names)}; got {label[:80]!a}.", path=picture
                )
                continue
            names.append(label)
        build.box(row, corners, names.index(label))


def _read(folder: Path, findings: Findings) -> dict[int, dict[str, _Answer]]:
    """Return the answers by line of the manifest, from 0, and worker."""
    out: dict[int, dict[str, _Answer]] = {}
    files = (
        [f for f in folder.rglob("*.json") if f.is_file() and not is_companion(f, folder)] if folder.is_dir() else []
    )
    for file in sorted(files, key=lambda f: natural_key(f.relative_to(folder).as_posix())):
        try:
            index = _index(file.relative_to(folder).parts, file)
            for worker, answer in _answers(load_json(file, "The answer of a worker"), file, findings.caught):
                out.setdefault(index, {})[worker] = answer
        except DataError as error:
            findings.caught(error)
    return out


def _index(parts: tuple[str, ...], file: Path) -> int:
    numbers = [part for part in parts[:-1] if not _ITERATION.match(part)]
    try:
        return whole_number(numbers[0] if numbers else None, 0, 10_000_000)
    except ValueError as error:
        raise DataError(f"The folder of an answer must be the line of the manifest; it {error}.", path=file) from error


def _answers(document: Any, file: Path, caught: Callable[[DataError], None]) -> Iterator[tuple[str, _Answer]]:
    listed = document.get("answers") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise DataError("The answers to a picture must be an object with a list 'answers'; it has none.", path=file)
    for at, one in enumerate(listed):
        try:
            found = _element(one.get("answerContent") if isinstance(one, dict) else None)
            if found is None:
                raise ValueError("must have boxes, 'boundingBoxes', in its answerContent")
            yield str(one.get("workerId") or f"worker {at + 1}")[:200], _answer(found)
        except (ValueError, TypeError, AttributeError) as error:
            caught(DataError(f"answers[{at}] {error}.", path=file))


def _element(content: Any) -> dict[str, Any] | None:
    """Return the element of the page that has boxes, however it was called."""
    values = content.values() if isinstance(content, dict) else ()
    return next((v for v in values if isinstance(v, dict) and isinstance(v.get("boundingBoxes"), list)), None)


def _answer(found: dict[str, Any]) -> _Answer:
    told = found.get("inputImageProperties")
    told = told if isinstance(told, dict) else {}
    size = (whole_number(told.get("width", 0), 0), whole_number(told.get("height", 0), 0))
    boxes = []
    for box in found["boundingBoxes"]:
        if not isinstance(box, dict) or not isinstance(box.get("label"), str) or not box["label"]:
            raise ValueError("must have boxes with a text 'label'")
        left, top, width, height = (finite_number(box.get(side)) for side in _SIDES)
        if width < 0 or height < 0:
            raise ValueError(f"must have boxes with width and height >= 0; got {width:g} and {height:g}")
        boxes.append((box["label"], (left, top, left + width, top + height)))
    return _Answer(size, boxes)
