"""What a labelling job asks for: the category configuration, and the page on which workers draw boxes.

Of video the configuration says which attributes an object of a class has, and names the labels that are looked at. Of
pictures it lists the classes alone (or, to verify, the verdicts), and the page draws the boxes that are there.

Source: AWS, "Labeling category configuration file", "Verify and adjust labels" and the reference of crowd elements.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from trackforge.data.columns import Array
from trackforge.data.dialects.ground_truth_fields import FRAME_OWN, OBJECT_OWN
from trackforge.data.dialects.ground_truth_rules import Kind
from trackforge.data.model import Dataset

__all__ = ["VERDICTS", "box_template", "kept_attributes", "picture_categories", "video_categories"]

MOST_CHOICES = 10
"""Different texts up to which an attribute is a choice among them; beyond it is free text."""
VERDICTS = ("correct", "wrong")
"""What somebody who only verifies says of a picture's boxes, or of an object of a film."""
_VERDICT = {
    "name": "verdict",
    "description": "Is the box right?",
    "type": "string",
    "enum": list(VERDICTS),
}
"""What is asked of every object where nothing may be changed; without, there would be nothing to say."""
_NEVER = frozenset({"origin", "coco_id", "area", "rate", "record_name", "confidence", "score"})
"""Columns of ours that are nobody's attributes."""


def kept_attributes(extra: Mapping[str, Array], own: frozenset[str]) -> dict[str, Array]:
    """Return the columns that labellers get to see as attributes: texts."""
    return {k: v for k, v in extra.items() if k not in own | _NEVER and v.ndim == 1 and v.dtype.kind == "U"}


def video_categories(
    dataset: Dataset, *, kind: Kind, audited: str = "", short: str = "", full: str = ""
) -> dict[str, Any]:
    """Return the configuration of a job on video.

    Args:
        dataset: Its classes, and the attributes that its boxes and pictures have.
        kind: Of the job.
        audited: The attribute of the labels that are looked at.
        short: What workers read beside the picture.
        full: What they read on demand.
    """
    edits = {"editsAllowed": "none"} if kind == "verification" else {}
    boxes = dataset.boxes[~dataset.boxes.ignore]
    each: list[list[dict[str, Any]]] = [[] for _ in dataset.classes]
    everywhere = []
    for name, values in kept_attributes(boxes.extra, OBJECT_OWN).items():
        having = sorted(set(boxes.class_id[values != ""].tolist()))
        told = _attribute(name, values) | edits
        if len(having) == len(dataset.classes) > 1:
            everywhere.append(told)
        else:
            for label in having:
                each[label].append(told)
    frames = kept_attributes(dataset.images.extra, FRAME_OWN)
    of_frames = [_attribute(name, values) | edits for name, values in frames.items() if (values != "").any()]
    made: dict[str, Any] = {
        "documentVersion": "2020-03-01",
        "frameAttributes": of_frames,
        "categoryGlobalAttributes": everywhere + ([_VERDICT] if kind == "verification" else []),
        "labels": [{"label": name, "attributes": each[k]} for k, name in enumerate(dataset.classes)],
        "instructions": {"shortInstruction": short, "fullInstruction": full},
        "annotationType": "BoundingBox",
    }
    return made | ({"auditLabelAttributeName": audited} if audited else {})


def _attribute(name: str, values: Array) -> dict[str, Any]:
    found = sorted(value for value in np.unique(values).tolist() if value)
    choice = {"enum": found} if len(found) <= MOST_CHOICES else {}
    return {"name": name.removeprefix("attribute_"), "description": name, "type": "string", **choice}


def picture_categories(classes: Sequence[str]) -> dict[str, Any]:
    """Return the configuration of a job on pictures."""
    return {"document-version": "2018-11-28", "labels": [{"label": name} for name in classes]}


def box_template(
    classes: Sequence[str], *, kind: Kind, audited: str = "", header: str = "", short: str = "", full: str = ""
) -> str:
    """Return the page that workers see: on which they draw boxes, or say whether those that are drawn are right.

    Args:
        classes: Of the boxes.
        kind: Of the job; the boxes that an attribute of the manifest's line holds are drawn unless it is new.
        audited: That attribute.
        header: What stands above the picture.
        short: What workers read beside it, as plain text.
        full: What they read on demand.
    """
    line = f"task.input.manifestLine.{audited}"
    boxes = (
        f"    {{% for box in {line}.annotations %}}\n"
        "      {% capture class_id %}{{ box.class_id }}{% endcapture %}\n"
        f"      {{% assign label = {line}-metadata.class-map[class_id] %}}\n"
        "      { label: {{ label | to_json }}, left: {{ box.left }}, top: {{ box.top }}, "
        "width: {{ box.width }}, height: {{ box.height }} },\n"
        "    {% endfor %}"
    )
    given = '"{{ task.input.labels | to_json | escape }}"'
    element, name, values = "crowd-bounding-box", "boundingBox", f"  labels={given}\n"
    if kind == "adjustment":
        values += f'  initial-value="[\n{boxes} ]"\n'
    elif kind == "verification":
        element, name = "crowd-image-classifier", "verdict"
        names = escape(json.dumps(list(classes), ensure_ascii=False))
        values = f"  categories={given}\n  overlay='{{ boundingBox: {{ labels: {names}, value: [\n{boxes} ] }} }}'\n"
    return (
        '<script src="https://assets.crowd.aws/crowd-html-elements.js"></script>\n'
        "<crowd-form>\n"
        f"<{element}\n"
        f'  name="{name}"\n'
        '  src="{{ task.input.taskObject | grant_read_access }}"\n'
        f'  header="{escape(header)}"\n'
        f"{values}"
        ">\n"
        f'  <full-instructions header="Instructions"><p>{escape(full)}</p></full-instructions>\n'
        f"  <short-instructions><p>{escape(short)}</p></short-instructions>\n"
        f"</{element}>\n"
        "</crowd-form>\n"
    )
