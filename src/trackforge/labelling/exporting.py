"""A project's labels for another program, where people check them: Ground Truth, CVAT, Label Studio and the rest."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from trackforge import data
from trackforge.data import Dataset
from trackforge.data.dialects.ground_truth_job import write_job
from trackforge.errors import ConfigError
from trackforge.labelling.outlines import masks_words
from trackforge.labelling.project import Project
from trackforge.labelling.teaching import labelled

__all__ = ["GROUND_TRUTH", "Exported", "Frames", "Kind", "hand_out"]

Frames: TypeAlias = Literal["wanted", "checked", "unchecked", "all"]
Kind: TypeAlias = Literal["adjustment", "verification", "new"]
GROUND_TRUTH = "ground-truth"
WHOLE = ("cvat", "label-studio", "mot")
"""Formats of films, whose tools show them from the first frame to the last."""


@dataclasses.dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: Where.
        frames: How many frames.
        boxes: How many boxes.
        notes: What is worth knowing, one sentence each.
        following: What to do with it, one sentence.
    """

    path: Path
    frames: int
    boxes: int
    notes: tuple[str, ...]
    following: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {**dataclasses.asdict(self), "path": str(self.path)}


def hand_out(
    project: Project,
    format: str,  # noqa: A002 - the natural word
    target: Path | None = None,
    *,
    frames: Frames | None = None,
    kind: Kind = "adjustment",
    task: Literal["video-tracking", "video-detection", "boxes"] = "video-tracking",
    prefix: str = "",
    overwrite: bool = False,
) -> Exported:
    """Write the labels as they stand for another program.

    Args:
        project: The project.
        format: ``ground-truth`` for a labelling job of SageMaker, else the name of a data set format.
        target: Where to; below ``exchange/`` of the project, by round and format, where None.
        frames: Which frames. Without it, those that people are asked to look at; of formats of films, all.
        kind: What people do in a labelling job of Ground Truth.
        task: What they label there.
        prefix: The address that its folder will be uploaded to.
        overwrite: Replace what stands at ``target``.

    Raises:
        ConfigError: There are no labels yet, or no such frames.
        UnknownComponentError: There is no such format.
        SinkError: The place cannot be written to.
    """
    if not project.documents():
        raise ConfigError(f"There are no labels yet. Make them first: trackforge label {project.folder}.")
    which = frames or ("all" if format in WHOLE else "wanted")
    part = _part(project, which)
    own = target is None
    place = target or project.folder / "exchange" / f"round-{project.round().number:03d}-{format}"
    if format == GROUND_TRUTH:
        job = write_job(part, place, kind=kind, task=task, prefix=prefix, overwrite=own or overwrite)
        following = (
            f"Upload it and start the job: trackforge sagemaker label {place} --workteam TEAM; when people are done, "
            "fetch what they made: trackforge sagemaker label JOB --do fetch"
        )
        lost = ("ground-truth cannot hold masks: the boxes lose theirs",) if part.boxes.mask is not None else ()
        return Exported(place, len(part), len(part.boxes), (*job.notes, *lost), following)
    if format == "coco":
        place = place if place.suffix else place / "labels.json"
        part = part.replace(images=part.images.replace(extra={}))
    notes = [*masks_words(part), *data.write(part, place, format, overwrite=own or overwrite)]
    return Exported(place, len(part), len(part.boxes), tuple(notes))


def _part(project: Project, which: Frames) -> Dataset:
    documents = project.documents()
    whole = labelled(project, checked_only=False)
    keep = np.ones(len(whole), np.bool_)
    if which != "all":
        keep[:] = False
        for name, document in documents.items():
            chosen = set(document.checked)
            if which == "wanted":
                chosen = set(document.asked) - chosen
            elif which == "unchecked":
                chosen = set(document.frames.tolist()) - chosen
            mine = whole.images.sequence == document.sequence
            keep |= mine & np.isin(whole.images.frame, np.array(sorted(chosen), np.int64))
            del name
    if not keep.any():
        raise ConfigError(f"There must be frames to hand out; none is {which}. Ask for others: --frames all.")
    return whole[keep]
