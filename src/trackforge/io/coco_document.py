"""What tables of tracks look like as COCO json; what the fields mean is told in `trackforge.io.coco_json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trackforge.intake.limits import check_limit
from trackforge.intake.names import readable
from trackforge.io.masks import plain_mask
from trackforge.io.polygons import area_of
from trackforge.table import TrackTable
from trackforge.types import Frame

__all__ = ["coco_document"]


def coco_document(
    tables: Mapping[str, TrackTable], frames: Mapping[str, Sequence[Frame]], classes: Sequence[str]
) -> dict[str, Any]:
    """Make the json of tables, with a video a sequence and an image a frame.

    Args:
        tables: By sequence.
        frames: The frames of each, also those without boxes.
        classes: Names by ``class_id``; ``"class 0"`` ... where there are none.

    Raises:
        DataError: There are more classes than the limit allows.
    """
    most = max((int(t.class_id.max()) + 1 for t in tables.values() if len(t)), default=1)
    check_limit("classes", most, "The number of classes")
    names = [classes[i] if i < len(classes) else f"class {i}" for i in range(max(most, len(classes)))]
    videos: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for video, (name, table) in enumerate(tables.items(), 1):
        called = readable(name)
        videos.append({"id": video, "name": called})
        image_of = {}
        for frame in frames[name]:
            image_of[frame.index] = len(images) + 1
            images.append(
                {
                    "id": len(images) + 1,
                    "video_id": video,
                    "frame_index": frame.index,
                    "file_name": f"{called}/{readable(frame.file or f'{frame.index + 1:06d}.jpg')}",
                    "width": frame.size[0],
                    "height": frame.size[1],
                }
            )
        box = np.concatenate((table.xyxy[:, :2], table.xyxy[:, 2:] - table.xyxy[:, :2]), axis=1)
        flag = table.extra["flag"] if "flag" in table.extra else np.ones(len(table), np.int64)
        masks = [None] * len(table) if table.mask is None else table.mask.tolist()
        for index, track, bbox, score, class_id, considered, mask in zip(
            table.frame.tolist(),
            table.track_id.tolist(),
            np.round(box, 6).tolist(),
            table.score.tolist(),
            table.class_id.tolist(),
            flag.tolist(),
            masks,
            strict=True,
        ):
            annotation: dict[str, Any] = {
                "id": len(annotations) + 1,
                "image_id": image_of[index],
                "category_id": class_id + 1,
                "bbox": bbox,
                "area": bbox[2] * bbox[3],
                "iscrowd": int(not considered),
                "score": score,
            }
            if track >= 0:
                annotation["track_id"] = track
            if mask is not None:
                annotation["segmentation"] = plain_mask(mask)
                annotation["area"] = area_of(mask)
            annotations.append(annotation)
    categories = [{"id": number, "name": name} for number, name in enumerate(names, 1)]
    return {"videos": videos, "images": images, "categories": categories, "annotations": annotations}
