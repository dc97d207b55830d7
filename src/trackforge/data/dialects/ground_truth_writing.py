"""Writing labels of video as a job of Ground Truth leaves them: manifest, labels, sequence files, pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trackforge.data.dialects.ground_truth_documents import (
    dumped,
    label_metadata,
    picture_names,
    seqlabel_document,
    sequence_document,
)
from trackforge.data.dialects.ground_truth_fields import FRAME_OWN, OBJECT_OWN
from trackforge.data.dialects.ground_truth_rules import check_attribute, check_prefix
from trackforge.data.files import PicturePlacer, Place, file_names, require_order, write_text
from trackforge.data.filming import filmed, still_names
from trackforge.data.model import Dataset
from trackforge.errors import ConfigError
from trackforge.io.atomic import atomic_path
from trackforge.io.seqlabel import metadata_path

__all__ = ["write_ground_truth", "write_sequence"]


def write_ground_truth(
    dataset: Dataset, target: Path, *, images: Place = "copy", prefix: str = "", attribute: str = "labels-ref"
) -> list[str]:
    """Write a job's output folder; return what is worth knowing.

    There are ``manifests/output/output.manifest``, ``annotations/consolidated-annotation/output/<line>/SeqLabel.json``,
    ``sequence-files/<name>.json`` and ``frames/<name>/``. A target that ends in ``.json`` is one file, of a set
    with one sequence.

    Args:
        dataset: What to write; stills become the frames of a sequence.
        target: Folder, or file.
        images: What to do with the pictures.
        prefix: The address that the folder is uploaded to, ``s3://bucket/folder/``.
        attribute: Under which name the labels stand in the manifest.

    Raises:
        ConfigError: The attribute or the prefix breaks a rule, or a file is to hold several sequences.
        DataError: A box is inverted, or a picture is missing.
        SinkError: The place cannot be written to.
    """
    check_attribute(attribute, "video-tracking")
    prefix = check_prefix(prefix)
    require_order(dataset, "Ground Truth's boxes")
    dataset, notes = filmed(dataset, still_names(dataset.name))
    tracked = bool((dataset.boxes.track_id >= 0).any()) or not len(dataset.boxes)
    if target.suffix.lower() == ".json":
        return notes + _one_file(dataset, target, tracked=tracked)
    placer, names = PicturePlacer(dataset, images), file_names(dataset.sequences, "A sequence", dataset)
    lines = []
    for number, sequence in enumerate(dataset.sequences):
        rows = _rows(dataset, sequence)
        labels = f"annotations/consolidated-annotation/output/{number}/SeqLabel.json"
        place = write_sequence(dataset, rows, target, names[sequence], number + 1, prefix, placer)
        part, pictures = dataset[rows], picture_names(dataset, placer, rows.tolist())
        write_text(target / labels, [dumped(seqlabel_document(part, pictures, sequence, tracked=tracked))])
        line = {"source-ref": prefix + place, attribute: prefix + labels}
        lines.append(dumped(line | {f"{attribute}-metadata": label_metadata(part, tracked=tracked)}))
    write_text(target / "manifests/output/output.manifest", lines)
    return notes + _worth_knowing(dataset) + placer.notes()


def write_sequence(
    dataset: Dataset, rows: Any, target: Path, name: str, number: int, prefix: str, placer: PicturePlacer
) -> str:
    """Write the pictures of a sequence and its sequence file; return where that lies in the folder.

    Args:
        dataset: The set.
        rows: Pictures of the sequence, by frame.
        target: The folder.
        name: Of the sequence, fit for a file.
        number: Of the sequence, from 1.
        prefix: What addresses begin with.
        placer: Of the set.
    """
    names = picture_names(dataset, placer, rows.tolist())
    for row, picture in zip(rows.tolist(), names, strict=True):
        placer.place(row, target / "frames" / name / picture)
    document = sequence_document(names, number=number, prefix=f"{prefix}frames/{name}/", times=_times(dataset, rows))
    place = f"sequence-files/{name}.json"
    write_text(target / place, [dumped(document)])
    return place


def _one_file(dataset: Dataset, target: Path, *, tracked: bool) -> list[str]:
    if len(dataset.sequences) != 1:
        raise ConfigError(
            f"A SeqLabel.json holds one sequence; there are {len(dataset.sequences)}. Write a folder, or choose one."
        )
    rows = _rows(dataset, dataset.sequences[0])
    names = picture_names(dataset, PicturePlacer(dataset, "none"), rows.tolist())
    document = seqlabel_document(dataset[rows], names, dataset.sequences[0], tracked=tracked)
    with atomic_path(target) as partial:
        write_text(partial, [dumped(document)])
    with atomic_path(metadata_path(target)) as partial:
        write_text(partial, [dumped(label_metadata(dataset[rows], tracked=tracked))])
    return _worth_knowing(dataset)


def _rows(dataset: Dataset, sequence: str) -> Any:
    rows: Any = np.flatnonzero(dataset.images.sequence == sequence)
    return rows[np.argsort(dataset.images.frame[rows], kind="stable")]


def _times(dataset: Dataset, rows: Any) -> Sequence[float]:
    found = dataset.images.extra.get("timestamp")
    times: list[float] = [] if found is None or found.dtype.kind != "f" else found[rows].tolist()
    return times


def _worth_knowing(dataset: Dataset) -> list[str]:
    boxes, notes = dataset.boxes, []
    unknown = int((boxes.track_id < 0).sum())
    if unknown and unknown < len(boxes):
        notes.append(f"{unknown} boxes without identity became an object each")
    columns = {**boxes.extra, **dataset.images.extra}
    several = [k for k, v in columns.items() if v.ndim != 1 and k not in OBJECT_OWN | FRAME_OWN]
    if several:
        notes.append(f"columns of several numbers a row were left out: {', '.join(several)}")
    return notes
