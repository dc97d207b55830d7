"""Writing CVAT's XML for video, version 1.1, so that CVAT shows it as the set has it.

Of the boxes of a track only those become keyframes that a straight line between others does not give, so that a
labeller has few to move. Where a track ends or pauses, a keyframe with ``outside="1"`` stands on the next frame:
without it CVAT would go on with the last box.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from trackforge.data.dialects.cvat_meta import attribute_lines, attribute_texts, label_lines
from trackforge.data.dialects.keyframes import Ints, chosen
from trackforge.data.dialects.markup import as_text, quoted
from trackforge.data.files import PicturePlacer, Place, require_order, write_text
from trackforge.data.filming import filmed, still_names
from trackforge.data.model import Dataset
from trackforge.data.pictures import split_key
from trackforge.errors import InvalidInputError
from trackforge.intake.names import inside, plain_name

__all__ = ["write_cvat"]


def write_cvat(dataset: Dataset, target: Path, *, images: Place = "copy", tolerance: float = 0.01) -> list[str]:
    """Write a folder a sequence, with ``annotations.xml`` and ``images/``; return what is worth knowing.

    The frames of the set are those of the task: it begins with the first and ends with the last, and where there is one
    in n only, its step is n. Part of the set becomes the subset of the task.

    Args:
        dataset: What to write; stills become the frames of a sequence of their own.
        target: Folder.
        images: What to do with the pictures.
        tolerance: How far, in pixels, a box may be from where it was: the more, the fewer keyframes. CVAT itself keeps
            hundredths of a pixel; 0.5 is good for the jitter of a tracker.
    """
    if not 0 <= tolerance < math.inf:
        raise InvalidInputError(f"tolerance must be a number of pixels >= 0; got {tolerance}.")
    require_order(dataset, "CVAT's boxes")
    dataset, notes = filmed(dataset, still_names(dataset.name))
    unknown = int((dataset.boxes.track_id < 0).sum())
    if unknown:
        notes.append(f"{unknown} boxes without identity became a track each, for CVAT knows no box of a film without")
    placer = PicturePlacer(dataset, images)
    count = Counter[str]()
    for split in dict.fromkeys(dataset.images.split.tolist()):
        part = dataset.images.split == split
        for name in dict.fromkeys(dataset.images.sequence[part].tolist()):
            rows = np.flatnonzero(part & (dataset.images.sequence == name))
            rows = rows[np.argsort(dataset.images.frame[rows], kind="stable")]
            place = target / plain_name(split, "The split") if split else target
            folder = inside(place, name, "The sequence")
            task = _Task(dataset[rows], name, split, tolerance)
            write_text(folder / "annotations.xml", task.lines(count))
            count["numbered"] += dataset.images.frame[rows].tolist() != list(range(len(rows)))
            for row in rows.tolist():
                file = f"frame_{int(dataset.images.frame[row]):06d}{placer.suffix(row)}"
                placer.place(row, folder / "images" / file)
    if count["numbered"]:
        notes.append(
            f"the frames of {count['numbered']} sequences are not 0, 1, 2, ...: make their tasks of the film, with the "
            "start frame and the step that the file states, for a task of the pictures alone counts these"
        )
    boxes = len(dataset.boxes)
    if boxes > count["keyframe"]:
        notes.append(
            f"{count['keyframe']} of {boxes} boxes are keyframes; CVAT interpolates the others, "
            f"{tolerance:g} pixels off at most"
        )
    if count["occluded"]:
        notes.append(f"CVAT knows no degrees of occlusion; {count['occluded']} boxes above 1 became 1")
    return notes + placer.notes()


class _Task:
    """One sequence, its pictures in order of frames."""

    def __init__(self, part: Dataset, name: str, split: str, tolerance: float) -> None:
        self.part, self.name, self.split, self.tolerance = part, name, split, tolerance
        frames = np.unique(part.images.frame)
        self.start, self.last = int(frames[0]), int(frames[-1])
        self.step = int(np.gcd.reduce(np.diff(frames))) if len(frames) > 1 else 1
        self.texts = attribute_texts(part.boxes)
        occluded = part.boxes.extra.get("occluded")
        known = occluded is not None and occluded.ndim == 1 and occluded.dtype.kind in "iufb"
        self.occluded: Any = occluded if known else np.zeros(len(part.boxes))

    def lines(self, count: Counter[str]) -> Iterator[str]:
        yield '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>'
        yield from self._meta()
        for number, rows in self._tracks():
            label = self.part.classes[int(self.part.boxes.class_id[rows[0]])]
            yield f'  <track id="{number}" label={quoted(label)} source="file">'
            yield from self._boxes(rows, count)
            yield "  </track>"
        yield "</annotations>"

    def _meta(self) -> Iterator[str]:
        images = self.part.images
        width, height = int(images.width.max(initial=0)), int(images.height.max(initial=0))
        size = (self.last - self.start) // self.step + 1
        step = f"step={self.step}" if self.step > 1 else ""
        yield f"  <meta>\n    <task>\n      <name>{as_text(self.name)}</name>\n      <size>{size}</size>"
        yield "      <mode>interpolation</mode>\n      <overlap>0</overlap>"
        yield f"      <subset>{as_text(self.split)}</subset>"
        yield f"      <start_frame>{self.start}</start_frame>\n      <stop_frame>{self.last}</stop_frame>"
        yield f"      <frame_filter>{step}</frame_filter>\n      <z_order>False</z_order>"
        yield from label_lines(self.part.classes, self.texts)
        yield f"      <original_size>\n        <width>{width}</width>\n        <height>{height}</height>"
        yield "      </original_size>\n    </task>"
        films = {split_key(p) for p in images.path.tolist()[:1] if p}
        for film, key in films:
            if key is not None:
                yield f"    <source>{as_text(film.name)}</source>"
        yield "  </meta>"

    def _tracks(self) -> Iterator[tuple[int, Ints]]:
        """Yield number and boxes of each track: one identity and class, one box a frame."""
        boxes = self.part.boxes
        groups: dict[tuple[int, int, int], list[int]] = {}
        seen = Counter[tuple[int, int, int]]()
        following = int(boxes.track_id.max(initial=-1)) + 1
        for row, (image, track, label) in enumerate(
            zip(boxes.image.tolist(), boxes.track_id.tolist(), boxes.class_id.tolist(), strict=True)
        ):
            if track < 0:
                track, following = following, following + 1
            nth = seen[image, track, label]
            seen[image, track, label] += 1
            groups.setdefault((track, label, nth), []).append(row)
        for (track, _, _), rows in groups.items():
            yield track, np.array(rows, np.int64)

    def _boxes(self, rows: Ints, count: Counter[str]) -> Iterator[str]:
        boxes = self.part.boxes
        frames = self.part.images.frame[boxes.image[rows]]
        told = [(int(self.occluded[r] > 0), *(texts[r] for texts in self.texts.values())) for r in rows.tolist()]
        count["occluded"] += int((self.occluded[rows] > 1).sum())
        changes = np.array([k == 0 or told[k] != told[k - 1] for k in range(len(rows))])
        for run in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(frames) != self.step) + 1):
            keep = chosen(frames[run], boxes.xyxy[rows[run]], self.tolerance, changes[run])
            for k in run[keep].tolist():
                yield from self._box(int(rows[k]), int(frames[k]), told[k][0], outside=False)
            count["keyframe"] += int(keep.sum())
            end = int(run[-1])
            if frames[end] + self.step <= self.last:
                yield from self._box(int(rows[end]), int(frames[end]) + self.step, told[end][0], outside=True)

    def _box(self, row: int, frame: int, occluded: int, *, outside: bool) -> Iterator[str]:
        x1, y1, x2, y2 = (f"{v:.12g}" for v in self.part.boxes.xyxy[row].tolist())
        yield (
            f'    <box frame="{frame}" keyframe="1" outside="{int(outside)}" occluded="{occluded}" '
            f'xtl="{x1}" ytl="{y1}" xbr="{x2}" ybr="{y2}" z_order="0">'
        )
        yield from attribute_lines(self.texts, row, "      ")
        yield "    </box>"
