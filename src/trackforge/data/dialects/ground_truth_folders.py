"""What lies where in the output of a Ground Truth job on video: which labels there are, and what they are labels of.

A job leaves this in S3, and so it is read, copied as it is, one job or a folder of several::

    annotation-tool/
    annotations/consolidated-annotation/output/0/SeqLabel.json     0: the first line of the manifest
    annotations/worker-response/iteration-1/0/...json
    manifests/intermediate/1/output.manifest
    manifests/output/output.manifest                               where the job is done

Read alone, a manifest, a ``SeqLabel.json``, or a folder of these is as good.

Source: AWS, Ground Truth's output data (developer guide), "Output directories".
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from trackforge.data.dialects.frames import below
from trackforge.data.dialects.ground_truth_places import LocalFiles
from trackforge.errors import DataError
from trackforge.intake.folders import is_companion, natural_key, natural_order
from trackforge.io.manifest_lines import ManifestLine, read_manifest_lines
from trackforge.io.seqlabel_json import sequence_name

__all__ = ["Job", "Labelled", "answer_files", "is_video_manifest", "jobs", "lines_of", "looks_like_ground_truth"]

_LABELS = re.compile(rb'"(tracking|detection)(-a|A)nnotations"\s*:')
_VIDEO = re.compile(rb'"[^"\n]{1,200}-ref-metadata"\s*:\s*\{')
VIDEO_KINDS = ("groundtruth/video-object-tracking", "groundtruth/video-object-detection")
_HEAD = 1 << 16
_OUTPUT = "manifests/output/output.manifest"
_MADE = "annotations/consolidated-annotation/output"
_ANSWERS = "annotations/worker-response"
_INSIDE = frozenset({"annotations", "consolidated-annotation", "manifests", "output"})
PATTERNS = ("*.json", "*/*.json", "*/*/*.json")
FIRST_LINES = 50
"""Lines of a manifest that are looked at to tell what it is of: some may be broken, or labelling may have failed."""
LOOKED_AT = 8
"""Files of a folder that are looked at to tell what it holds."""


@dataclass(frozen=True)
class Job:
    """A job, or what is left of one.

    Attributes:
        folder: Where it lies.
        name: Of the job.
        manifest: Its manifest; None where there is none.
        labels: Files of labels that lie where a job puts them.
        answers: Folder of the workers' answers; None where there is none.
    """

    folder: Path
    name: str
    manifest: Path | None = None
    labels: tuple[Path, ...] = ()
    answers: Path | None = None


@dataclass(frozen=True)
class Labelled:
    """A labelled sequence.

    Attributes:
        name: Of the sequence.
        labels: The file with its labels; None where they are answers of workers.
        index: Which line of the manifest it is, from 0; -1 where there is none.
        sequence: Its sequence file; None where that is not here.
        metadata: What the manifest says of the labels.
        line: The line; None where there is none.
    """

    name: str
    labels: Path | None
    index: int = -1
    sequence: Path | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    line: ManifestLine | None = None


def is_labels(file: Path) -> bool:
    """Tell whether a file looks like ``SeqLabel.json`` or the answer of a worker."""
    return bool(_kind(file))


def _kind(file: Path) -> str:
    """Return ``"labels"``, ``"answer"``, or nothing where a file is neither."""
    if file.suffix.lower() != ".json" or not file.is_file():
        return ""
    with file.open("rb") as opened:
        found = _LABELS.search(opened.read(_HEAD))
    return "" if found is None else "labels" if found[2] == b"-a" else "answer"


def is_video_manifest(file: Path) -> bool:
    """Tell whether a file looks like the manifest of a job on video: one of its first lines names a file of labels."""
    if file.suffix.lower() not in (".manifest", ".jsonl", ".json") or not file.is_file():
        return False
    with file.open("rb") as opened:
        for text in islice(opened, FIRST_LINES):
            if _VIDEO.search(text) and any(kind.encode() in text for kind in VIDEO_KINDS):
                return True
    return False


def jobs(path: Path) -> list[Job]:
    """Return the jobs that a path holds; none where it holds none."""
    if path.is_file():
        if is_video_manifest(path):
            return [Job(_job_folder(path), path.parent.name, manifest=path)]
        return [Job(path.parent, sequence_name(path), labels=(path,))] if is_labels(path) else []
    if path.name in _INSIDE:  # what lies in the folder of a job
        around = next((job for folder in path.absolute().parents[:3] if (job := _job(folder)) is not None), None)
        if around is not None:
            return [around]
    if path.name == "worker-response":
        return [Job(path.parent.parent, path.absolute().parent.parent.name, answers=path)]
    found = [job for folder in _job_folders(path) if (job := _job(folder)) is not None]
    if found:
        return found
    manifests = [file for file in below(path, ("*.manifest", "*/*.manifest")) if is_video_manifest(file)]
    if manifests:
        return [Job(path, file.stem, manifest=file) for file in manifests]
    kinds = {file: _kind(file) for file in below(path, PATTERNS)}
    labels = tuple(file for file, kind in kinds.items() if kind == "labels")
    if labels:
        return [Job(path, path.name, labels=labels)]
    return [Job(path, path.name, answers=path)] if "answer" in kinds.values() else []


def looks_like_ground_truth(path: Path) -> bool:
    """Tell whether a path looks like what `jobs` finds, without looking at every file of a large folder."""
    if path.is_file():
        return is_video_manifest(path) or is_labels(path)
    if path.name in (*_INSIDE, "worker-response") and jobs(path):
        return True
    if any(_job(folder) is not None for folder in _job_folders(path)):
        return True
    if any(is_video_manifest(file) for file in below(path, ("*.manifest", "*/*.manifest"))):
        return True
    return any(is_labels(file) for file in islice(below(path, PATTERNS), LOOKED_AT))


def _job_folder(manifest: Path) -> Path:
    """Return the folder of a job of which this is the manifest."""
    place = manifest.absolute().parent
    return place.parent.parent if place.name == "output" and place.parent.name == "manifests" else manifest.parent


def _job_folders(path: Path) -> list[Path]:
    """Return what may be the folder of a job: the path itself, the folders in it and in these."""
    level, found = [path], list[Path]()
    for _ in range(3):  # folders of a folder are listed once, for a set has many pictures
        found += [folder for folder in level if any((folder / mark).exists() for mark in (_OUTPUT, _MADE, _ANSWERS))]
        level = [inner for folder in level for inner in _inside(folder)]
    return found


def _inside(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir() and not is_companion(entry.name)]
    except OSError:
        return []
    return [folder / name for name in natural_order(names)]


def _job(folder: Path) -> Job | None:
    manifest = folder / _OUTPUT
    consolidated, answers = folder / _MADE, folder / _ANSWERS
    labels = tuple(dict.fromkeys(f for f in below(consolidated, ("*/SeqLabel.json", "*/*.json")) if is_labels(f)))
    there = answers if answers.is_dir() and any(True for _ in answer_files(answers)) else None
    # a job's own manifest counts, broken or not, where what lies beside it is labels of video
    if manifest.is_file() and (labels or there is not None or is_video_manifest(manifest)):
        return Job(folder, folder.name, manifest=manifest, labels=labels, answers=there)
    if labels or there is not None:
        return Job(folder, folder.name, labels=tuple(dict.fromkeys(labels)), answers=there)
    return None


def answer_files(folder: Path) -> Iterator[Path]:
    """Yield the answers of workers that lie below a folder, in natural order."""
    files = [f for f in folder.rglob("*.json") if not is_companion(f, folder) and f.is_file()]
    for file in sorted(files, key=lambda f: natural_key(f.relative_to(folder).as_posix())):
        if is_labels(file):
            yield file


def lines_of(
    job: Job, caught: Callable[[DataError], None], attribute: str | None, notes: list[str], images: Path | None
) -> list[Labelled]:
    """Return the labelled sequences of a job.

    Args:
        job: The job.
        caught: Takes the error of a line that cannot be used; may raise.
        attribute: The one with the labels, where a line has several.
        notes: Takes what is worth knowing.
        images: Where else sequence files may lie.
    """
    if job.manifest is None:
        return [_alone(job, file) for file in job.labels]
    roots = [job.folder, job.manifest.parent, *([images] if images else [])]
    local, found = LocalFiles(roots), []
    failed, broken = 0, list[DataError]()

    def bad(error: DataError) -> None:
        broken.append(error)
        caught(error)

    lines = list(read_manifest_lines(job.manifest, bad))
    if not lines and not broken:
        bad(DataError("A manifest must name what was labelled, a line each; it is empty.", path=job.manifest, line=1))
    for line in lines:
        try:
            name = _attribute(line, attribute)
            if name is None:
                failed += 1
                continue
            address, at = line.document.get(name), line.number
            labels = local.find(address, "The labels of a sequence", least=2, path=line.path, line=at)
            if labels is None:
                raise line.fault(
                    f"The labels must lie below {job.folder}; {str(line.document[name])[-80:]!a} is not there. Fetch "
                    "the whole folder of the job, or leave the line out."
                )
            source = line.document.get("source-ref")
            sequence = local.find(source, "A sequence file", path=line.path, line=at)
            stem = PurePosixPath(str(source).replace("\\", "/")).stem
            found.append(Labelled(stem, labels, line.number - 1, sequence, line.labels()[name], line))
        except DataError as error:
            caught(error)
    if failed:
        notes.append(f"{failed} sequences have no labels, for labelling them failed; they are left out")
    return found


def _alone(job: Job, file: Path) -> Labelled:
    """Return labels of which no manifest tells what they are of."""
    name = sequence_name(file)
    folder = file.absolute().parent
    if folder.name == name and name.isdecimal():  # output/0/SeqLabel.json
        return Labelled(f"{job.name}-{name}", file, int(name))
    beside = [folder / f"{name}.json", folder.parent.parent / "sequence-files" / f"{name}.json"]
    sequence = next((place for place in beside if place != file.absolute() and place.is_file()), None)
    return Labelled(name, file, sequence=sequence)


def _attribute(line: ManifestLine, wanted: str | None) -> str | None:
    """Return the attribute with the labels; None where labelling failed."""
    labels = line.labels()
    video = {name: told for name, told in labels.items() if told.get("type") in VIDEO_KINDS and name in line.document}
    if wanted is not None:
        if wanted in video:
            return wanted
        names = ", ".join(map(ascii, video)) or "none"
        raise line.fault(f"The line must have labels of video {wanted!r}; it has {names}.")
    if not video:
        if any("failure-reason" in told for told in labels.values()):
            return None
        raise line.fault("The line must have an attribute that names labels of video; it has none.")
    # labels that were looked at again stand beside those that they were made of
    looked = [name for name, told in video.items() if told.get("adjustment-status")] or list(video)
    return max(looked, key=lambda name: str(video[name].get("creation-date", "")))
