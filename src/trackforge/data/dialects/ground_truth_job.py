"""A labelling job's files: what people are shown, what they may say, and where their labels will stand.

``write_job`` makes a folder that can be uploaded as it is, to the address ``prefix``, and described to AWS
(``trackforge sagemaker label`` does both, by ``job.json``, which says what the job is). Nothing of AWS is needed to
write it, or to read what a job gives back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from trackforge.data.dialects.ground_truth_categories import (
    VERDICTS,
    box_template,
    kept_attributes,
    picture_categories,
    video_categories,
)
from trackforge.data.dialects.ground_truth_documents import (
    dumped,
    label_metadata,
    picture_names,
    seqlabel_document,
    sequence_document,
)
from trackforge.data.dialects.ground_truth_fields import FRAME_OWN, OBJECT_OWN
from trackforge.data.dialects.ground_truth_rules import (
    MOST_FRAMES,
    MOST_SEQUENCES,
    Kind,
    Task,
    check_attribute,
    check_labels,
    check_prefix,
    functions,
)
from trackforge.data.dialects.manifest_writing import picture_line
from trackforge.data.files import PicturePlacer, Place, file_names, require_order, require_sizes, stems, write_text
from trackforge.data.filming import filmed, still_names
from trackforge.data.mixing import concatenate
from trackforge.data.model import Dataset
from trackforge.data.parts import cut_sequences
from trackforge.data.staging import staged
from trackforge.errors import ConfigError, DataError

__all__ = ["LabellingJob", "write_job"]


class _Labels(Protocol):
    """Labels that can become a data set, such as a document of `trackforge.review`."""

    def to_dataset(self, root: str | Path) -> Dataset: ...


@dataclass(frozen=True, kw_only=True)
class LabellingJob:
    """What was written.

    Attributes:
        folder: To be uploaded as it is.
        kind: What people do.
        task: What is labelled.
        attribute: Under which name their labels will stand in the output manifest (LabelAttributeName).
        audited: Under which name the labels stand that they look at; empty for a new job.
        prefix: Where the folder is to be uploaded to; empty where nothing was said.
        manifests: Input manifests; each is a job of its own, for one has ten sequences at most.
        categories: The category configuration.
        template: The page that workers see; None for video, where AWS has its own.
        functions: Names of AWS's functions, before a task and after it.
        sequences: How many there are.
        pictures: How many there are.
        notes: What is worth knowing, one sentence each.
    """

    folder: Path
    kind: Kind
    task: Task
    attribute: str
    audited: str
    prefix: str
    manifests: tuple[Path, ...]
    categories: Path
    template: Path | None
    functions: tuple[str, str]
    sequences: int
    pictures: int
    notes: tuple[str, ...]

    def address(self, file: Path) -> str:
        """Return where a file of the folder will lie; its path below the folder where no prefix was given."""
        return self.prefix + file.relative_to(self.folder).as_posix()


def write_job(
    labels: Dataset | Iterable[Any],
    target: str | Path,
    *,
    kind: Kind = "adjustment",
    task: Task = "video-tracking",
    attribute: str | None = None,
    audited: str | None = None,
    prefix: str = "",
    header: str = "Draw a box around every object",
    short: str = "",
    full: str = "",
    images: Place = "copy",
    overwrite: bool = False,
) -> LabellingJob:
    """Write what a labelling job needs: pictures, sequence files, labels, manifest, categories and page.

    Boxes of video are written in whole pixels. Attributes that are texts are shown; other columns stay here. Sequences
    of more than 2,000 frames are cut, and there is a manifest for every ten of them, each a job of its own.

    Args:
        labels: A data set, or documents of `trackforge.review`; frames without boxes are shown as well.
        target: Folder, new or empty.
        kind: ``"adjustment"``: people correct; ``"verification"``: they say what is wrong; ``"new"``: they begin with
            empty pictures.
        task: ``"video-tracking"``, ``"video-detection"`` (boxes without identity), or ``"boxes"`` of single pictures.
        attribute: Under which name their labels will stand; ``checked-ref`` for video and ``checked`` for pictures
            unless given.
        audited: Under which name the present labels stand; ``labels-ref`` or ``labels``.
        prefix: Where the folder will be uploaded to, ``s3://bucket/folder/``.
        header: What workers read above a picture (``boxes``).
        short: What they read beside it.
        full: What they read on demand.
        images: Whether pictures are brought along.
        overwrite: Replace the data set that stands there.

    Raises:
        ConfigError: A name, a class or the prefix breaks a rule of Ground Truth.
        DataError: There is no picture, a box is inverted, or a picture is missing.
        SinkError: The place cannot be written to, or something stands there.
    """
    target, end = Path(target), "" if task == "boxes" else "-ref"
    attribute = f"checked{end}" if attribute is None else attribute
    audited = "" if kind == "new" else f"labels{end}" if audited is None else audited
    check_attribute(attribute, task, other=audited)
    if audited:
        check_attribute(audited, task, what="audited")
    prefix = check_prefix(prefix)
    dataset = _dataset(labels, target)
    if not len(dataset):
        raise DataError("A labelling job must have pictures; there is none.", path=dataset.root)
    check_labels(dataset.classes, task)
    require_order(dataset, "Boxes to be labelled")
    write = _write_boxes if task == "boxes" else _write_video
    with staged(target, sources=(dataset.root,), overwrite=overwrite) as (stage, notes):
        job = _Job(stage, kind, task, attribute, audited, prefix, images)
        manifests, sequences, more = write(dataset, job, (header, short, full))
        said = {name: getattr(job, name) for name in ("kind", "task", "attribute", "audited", "prefix")}
        _put(stage / "job.json", said)
    if not prefix:
        notes.append("addresses are paths in the folder; say where it will be uploaded to: prefix='s3://...'")
    template = target / "template.liquid.html"
    return LabellingJob(
        folder=target,
        kind=kind,
        task=task,
        attribute=attribute,
        audited=audited,
        prefix=prefix,
        manifests=tuple(target / name for name in manifests),
        categories=target / "categories.json",
        template=template if task == "boxes" else None,
        functions=functions(kind, task),
        sequences=sequences,
        pictures=len(dataset),
        notes=(*more, *notes),
    )


@dataclass(frozen=True)
class _Job:
    stage: Path
    kind: Kind
    task: Task
    attribute: str
    audited: str
    prefix: str
    images: Place


def _dataset(labels: Dataset | Iterable[_Labels], target: Path) -> Dataset:
    if isinstance(labels, Dataset):
        return labels
    parts = [one.to_dataset(target.parent) for one in labels]
    if not parts:
        raise ConfigError("A labelling job must have labels or pictures to begin with; got no document.")
    return concatenate(parts, identities="shared")


def _write_video(dataset: Dataset, job: _Job, texts: tuple[str, str, str]) -> tuple[list[str], int, list[str]]:
    dataset, notes = filmed(dataset, still_names(dataset.name))
    shown, hidden = _shown(dataset)
    if hidden:
        notes.append(f"columns that are no text are no attributes for people, and were left out: {', '.join(hidden)}")
    ignored = int(dataset.boxes.ignore.sum())
    if ignored and job.kind != "new":
        notes.append(f"{ignored} ignore regions were left out, for a job has none")
    long = len(shown.sequences)
    shown = cut_sequences(shown, MOST_FRAMES)
    if len(shown.sequences) > long:
        notes.append(f"sequences of more than {MOST_FRAMES} frames were cut; there are {len(shown.sequences)} now")
    placer, names = PicturePlacer(shown, job.images), file_names(shown.sequences, "A sequence", shown)
    lines = []
    for number, sequence in enumerate(shown.sequences, 1):
        rows = np.flatnonzero(shown.images.sequence == sequence)
        rows = rows[np.argsort(shown.images.frame[rows], kind="stable")]
        lines.append(_sequence(shown, rows, number, names[sequence], job, placer))
    manifests = _manifests(lines, MOST_SEQUENCES)
    for name, part in manifests.items():
        write_text(job.stage / name, part)
    if len(manifests) > 1:
        notes.append(f"a job has {MOST_SEQUENCES} sequences at most; there are {len(manifests)} manifests, a job each")
    audited = job.audited if job.kind != "new" else ""
    categories = video_categories(shown, kind=job.kind, audited=audited, short=texts[1], full=texts[2])
    _put(job.stage / "categories.json", categories)
    return list(manifests), len(lines), notes + placer.notes()


def _sequence(shown: Dataset, rows: Any, number: int, name: str, job: _Job, placer: PicturePlacer) -> str:
    """Write the files of a sequence and return its line of the manifest."""
    part = shown[rows]
    pictures = picture_names(shown, placer, rows.tolist())
    for row, picture in zip(rows.tolist(), pictures, strict=True):
        placer.place(row, job.stage / "frames" / name / picture)
    place = f"sequence-files/{name}.json"
    times = part.images.extra.get("timestamp")
    document = sequence_document(
        pictures,
        number=number,
        prefix=f"{job.prefix}frames/{name}/",
        times=() if times is None or times.dtype.kind != "f" else times.tolist(),
    )
    _put(job.stage / place, document)
    line: dict[str, Any] = {"source-ref": job.prefix + place}
    if job.kind != "new":
        labels = f"labels/{name}/SeqLabel.json"
        tracked = job.task == "video-tracking"
        _put(job.stage / labels, seqlabel_document(part, pictures, name, tracked=tracked, whole=True))
        line[job.audited] = job.prefix + labels
        line[f"{job.audited}-metadata"] = label_metadata(part, tracked=tracked, human=False)
    return dumped(line)


def _shown(dataset: Dataset) -> tuple[Dataset, list[str]]:
    """Return the set with no further columns than people are to see, and the names of the others."""
    images, boxes = dataset.images, dataset.boxes
    texts = kept_attributes(boxes.extra, OBJECT_OWN)
    of_frames = kept_attributes(images.extra, FRAME_OWN)
    own = {k: v for k, v in boxes.extra.items() if k in ("object_id", "object_name")}
    plain = {k: v for k, v in images.extra.items() if k in FRAME_OWN and k != "ground_truth_rest"}
    hidden = sorted({*boxes.extra} - {*texts, *OBJECT_OWN, "coco_id", "area"})
    made = dataset.replace(images=images.replace(extra=of_frames | plain), boxes=boxes.replace(extra=texts | own))
    return made, hidden


def _manifests(lines: list[str], most: int) -> dict[str, list[str]]:
    """Return the manifests by name."""
    parts = [lines[k : k + most] for k in range(0, len(lines), most)]
    if len(parts) == 1:
        return {"input.manifest": parts[0]}
    return {f"input-{k:03d}.manifest": part for k, part in enumerate(parts, 1)}


def _write_boxes(dataset: Dataset, job: _Job, texts: tuple[str, str, str]) -> tuple[list[str], int, list[str]]:
    if job.kind != "new":
        require_sizes(dataset, "A manifest with boxes states the size of the picture")
    placer, names = PicturePlacer(dataset, job.images), stems(dataset)
    lines = []
    for row, name in enumerate(names):
        picture = f"images/{name}{placer.suffix(row)}"
        placer.place(row, job.stage / picture)
        lines.append(dumped(picture_line(dataset, row, job.prefix + picture, job.audited, human=False)))
    write_text(job.stage / "input.manifest", lines)
    verdicts = job.kind == "verification"
    _put(job.stage / "categories.json", picture_categories(VERDICTS if verdicts else dataset.classes))
    header, short, full = texts
    page = box_template(dataset.classes, kind=job.kind, audited=job.audited, header=header, short=short, full=full)
    write_text(job.stage / "template.liquid.html", [page.rstrip("\n")])
    return ["input.manifest"], 0, placer.notes()


def _put(file: Path, document: dict[str, Any]) -> None:
    write_text(file, [json.dumps(document, ensure_ascii=False, indent=1)])
