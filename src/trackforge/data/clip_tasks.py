"""What people are to do on frames that were cut: classes, and for stills the page on which boxes are drawn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from trackforge.data.columns import Boxes, Images
from trackforge.data.dialects.ground_truth_categories import box_template, picture_categories, video_categories
from trackforge.data.dialects.ground_truth_rules import check_labels
from trackforge.data.model import Dataset
from trackforge.io.atomic import atomic_path

__all__ = ["check_task", "write_task"]


def check_task(classes: Sequence[str], form: Literal["frames", "stills"]) -> None:
    """Refuse classes that a labelling job cannot have.

    Args:
        classes: What boxes are to be drawn around.
        form: What was cut, or is to be.

    Raises:
        ConfigError: They are none, too many, or a name is too long.
    """
    check_labels(classes, "boxes" if form == "stills" else "video-tracking")


def write_task(folder: Path, classes: Sequence[str], form: Literal["frames", "stills"]) -> None:
    """Write ``categories.json``, and for stills ``template.liquid.html``: with these a folder is a new labelling job.

    Args:
        folder: What `trackforge.data.clips.cut_clips` filled.
        classes: What boxes are to be drawn around.
        form: What was cut.

    Raises:
        ConfigError: The classes are none that a job can have.
        SinkError: The folder cannot be written to.
    """
    check_task(classes, form)
    none = np.zeros(0, np.int64)
    nothing = Dataset(
        images=Images(path=np.zeros(0, np.str_), width=none, height=none),
        boxes=Boxes(image=none, xyxy=np.zeros((0, 4))),
        classes=tuple(classes),
    )
    stills = form == "stills"
    document = picture_categories(classes) if stills else video_categories(nothing, kind="new")
    texts = {"categories.json": json.dumps(document, ensure_ascii=False, indent=1) + "\n"}
    if stills:
        texts["template.liquid.html"] = box_template(classes, kind="new", header="Draw a box around every object")
    for name, text in texts.items():
        with atomic_path(folder / name) as partial:
            partial.write_text(text, encoding="utf-8")
