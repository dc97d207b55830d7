"""Writing Label Studio's JSON: a task a video with thinned key frames, a task a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from trackforge.data.columns import Boxes
from trackforge.data.dialects.cvat_meta import attribute_texts
from trackforge.data.dialects.keyframes import chosen
from trackforge.data.files import PicturePlacer, Place, require_sizes, stems
from trackforge.data.model import Dataset
from trackforge.data.pictures import split_key
from trackforge.intake.names import relative_name
from trackforge.io.atomic import atomic_path

__all__ = ["write_label_studio"]

RATE = 25.0
"""Frames per second where the set does not state them; Label Studio refuses key frames without a time."""
_ELSEWHERE = frozenset({"rate", "coco_id", "record_name", "frame_name", "ground_truth_rest", "timestamp"})
"""Columns of pictures that are numbers of other formats, or have a place of their own."""
TOLERANCE = 0.01
"""Pixels by which a box may be off where no key frame holds it."""


def write_label_studio(dataset: Dataset, target: Path, *, images: Place = "none", name: str = "box") -> list[str]:
    """Write tasks to import into Label Studio; return what is worth knowing.

    Attributes that a track has throughout become choices of its region, each by the control of the attribute's name.

    Args:
        dataset: What to write.
        target: The JSON file, or a folder for ``tasks.json``.
        images: Whether pictures (of stills; videos stay where they are) are brought along, into ``images/``.
        name: Name of the control in the labelling interface, ``<VideoRectangle name="box" toName="video"/>``.

    Raises:
        DataError: The size of a picture is unknown.
        SinkError: The place cannot be written to.
    """
    require_sizes(dataset, "Label Studio's boxes are in percent of the picture")
    file = target if target.suffix.lower() == ".json" else target / "tasks.json"
    tasks, notes = [], []
    stills = dataset[dataset.images.sequence == ""]
    placer = PicturePlacer(stills, images)
    for row, stem in enumerate(stems(stills)):
        picture = stem + placer.suffix(row)
        placer.place(row, file.parent / "images" / picture)
        tasks.append(_still(stills, row, picture, name))
    unfilmed, changing = 0, set[str]()
    for sequence in dataset.sequences:
        task, filmed = _video(dataset[dataset.images.sequence == sequence], sequence, name, changing)
        tasks.append(task)
        unfilmed += not filmed
    if unfilmed:
        notes.append(f"Label Studio wants videos: make one of the pictures of each of {unfilmed} sequences, named so")
    if changing:
        notes.append(f"attributes that change within a track have no place there: {', '.join(sorted(changing))}")
    lost = sorted({*dataset.images.extra} - _ELSEWHERE)
    if lost:
        notes.append(f"what is said of frames has no place there: {', '.join(lost)}")
    with atomic_path(file) as partial:
        partial.write_text(json.dumps(tasks, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return notes + placer.notes()


def _attributes(boxes: Boxes) -> dict[str, list[str]]:
    """Return the attributes of boxes, as texts."""
    return {k: v for k, v in attribute_texts(boxes).items() if k not in ("ignore", "visibility", "ground_truth_rest")}


def _told(texts: dict[str, list[str]], rows: Any, region: str, to: str, changing: set[str]) -> list[dict[str, Any]]:
    """Return results that say the attributes of a region; those that are not the same in all its rows are noted."""
    out = []
    for name, values in texts.items():
        found = {values[row] for row in rows.tolist()}
        if len(found) > 1:
            changing.add(name)
        elif found != {""}:
            value = {"choices": [found.pop()]}
            out.append({"id": region, "type": "choices", "from_name": name, "to_name": to, "value": value})
    return out


def _video(part: Dataset, sequence: str, name: str, changing: set[str]) -> tuple[dict[str, Any], bool]:
    """Return the task of a sequence, and whether it is a video's."""
    images, boxes = part.images, part.boxes
    paths = {split_key(p)[0] for p in images.path.tolist() if split_key(p)[1] is not None}
    film = paths.pop().name if len(paths) == 1 else f"{relative_name(sequence, 'The sequence').name}.mp4"
    stated = float(images.extra["rate"][0]) if "rate" in images.extra else float("nan")
    rate = stated if np.isfinite(stated) and stated > 0 else RATE
    length = int(images.frame.max()) + 1
    frame, kept = images.frame[boxes.image], ~boxes.ignore
    size = np.array([images.width.max(), images.height.max()], np.float64)
    results, texts = [], _attributes(boxes)
    for track in dict.fromkeys(boxes.track_id[kept].tolist()):
        rows = np.flatnonzero(kept & (boxes.track_id == track))
        for group in [rows] if track >= 0 else rows[:, None]:  # a box without identity is a track of one frame
            order = group[np.argsort(frame[group], kind="stable")]
            region = str(track) if track >= 0 else f"box-{group[0]}"
            results.append(
                {
                    "id": region,
                    "type": "videorectangle",
                    "from_name": name,
                    "to_name": "video",
                    "original_width": int(size[0]),
                    "original_height": int(size[1]),
                    "value": {
                        "framesCount": length,
                        "duration": length / rate,
                        "sequence": _keys(frame[order], boxes[order], size, length, rate),
                        "labels": [part.classes[int(boxes.class_id[order[0]])]],
                    },
                }
            )
            results += _told(texts, group, region, "video", changing)
    data = {"video": film, "fps": rate}
    return {"data": data, "annotations": [{"result": results}]}, bool(split_key(images.path[0])[1] is not None)


def _keys(frame: Any, boxes: Boxes, size: Any, length: int, rate: float) -> list[dict[str, Any]]:
    """Return the key frames of a track; the last of each run of frames is not enabled, or it would go on."""
    breaks = np.diff(frame) != 1
    keep = chosen(frame, boxes.xyxy, TOLERANCE, np.append(breaks, True) | np.append(True, breaks))
    ends = np.append(breaks, frame[-1] != length - 1)
    share = np.concatenate((boxes.xyxy[:, :2] / size, boxes.size / size), axis=1) * 100
    return [
        {
            "frame": int(frame[k]) + 1,
            "enabled": not bool(ends[k]),
            "rotation": 0,
            **dict(zip(("x", "y", "width", "height"), share[k].tolist(), strict=True)),
            "time": (int(frame[k]) + 1) / rate,
        }
        for k in np.flatnonzero(keep).tolist()
    ]


def _still(dataset: Dataset, row: int, picture: str, name: str) -> dict[str, Any]:
    boxes = dataset.labels(row)
    texts = _attributes(boxes)
    width, height = int(dataset.images.width[row]), int(dataset.images.height[row])
    results = []
    for k in np.flatnonzero(~boxes.ignore).tolist():
        x1, y1, x2, y2 = (boxes.xyxy[k] / [width, height, width, height] * 100).tolist()
        value = {"x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1, "rotation": 0}
        results.append(
            {
                "id": f"{row}-{k}",
                "type": "rectanglelabels",
                "from_name": name,
                "to_name": "image",
                "original_width": width,
                "original_height": height,
                "value": value | {"rectanglelabels": [dataset.classes[int(boxes.class_id[k])]]},
            }
        )
        results += _told(texts, np.array([k]), f"{row}-{k}", "image", set())
    return {"data": {"image": f"images/{picture}"}, "annotations": [{"result": results}]}
