"""``trackforge data merge`` and ``data consolidate``: several labels of the same pictures become one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from trackforge.cli.flags import Positive
from trackforge.cli.printing import put

__all__ = ["consolidate", "merge"]

Out = Annotated[Path, Parameter(name=["--out", "-o"])]
From = Annotated[str | None, Parameter(name=["--from"])]
Json = Annotated[bool, Parameter(name=["--json"], negative="")]
Names = list[str] | None


def merge(
    models: Annotated[list[str], Parameter(negative="")],
    /,
    *,
    output: Out,
    from_: From = None,
    to: str | None = None,
    classes: Names = None,
    rename: Names = None,
    priority: Names = None,
    rules: Names = None,
    overlap: float = 0.6,
    box: Literal["best", "mean"] = "best",
    across: float | None = None,
    share: Literal["union", "smaller"] = "union",
    overwrite: bool = False,
    as_json: Json = False,
) -> int:
    """Make one set of what several models found in the same pictures, each good at a task of its own.

    Parameters
    ----------
    models
        Sets, as NAME=PATH or PATH.
    output
        Folder or file to write.
    from_
        Their format, where it does not tell.
    to
        Format to write; coco where the target ends in .json.
    classes
        The classes of the result and their order; without them, those that come.
    rename
        Classes by their new names: pedestrian=person; of one model bikes:cyclist=rider; bikes:*= drops its others.
    priority
        Models, the most trusted first; scores decide among equals.
    rules
        What overlaps between classes mean: rider>person keeps the rider, car~truck the better, rider+person both.
    overlap
        IoU from which on boxes of one class by different models are one thing.
    box
        The box of what several found: that of the most trusted, or the mean.
    across
        Overlap from which on, of boxes of two classes that no rule names, the better stays.
    share
        What overlaps between classes are shares of: both boxes together, or the smaller one.
    overwrite
        Replace the data set that stands at the target.
    as_json
        Print JSON.
    """
    from trackforge import data
    from trackforge.cli.flags import split as words
    from trackforge.config import build
    from trackforge.labelling.merging import Labels, MergingConfig
    from trackforge.labelling.merging import merge as merged

    given = {"classes": words(classes), "rename": words(rename), "priority": words(priority), "rules": words(rules)}
    settings = build(MergingConfig, {**given, "overlap": overlap, "box": box, "across": across, "share": share})
    labels = []
    for model in models:
        name, sign, path = model.partition("=")
        whole = data.read(path if sign else model, from_)
        labels.append(Labels(name if sign else whole.name, whole))
    return _written(merged(labels, settings).found, output, to, overwrite=overwrite, as_json=as_json)


def consolidate(
    workers: Annotated[list[Path], Parameter(negative="")],
    /,
    *,
    output: Out,
    from_: From = None,
    to: str | None = None,
    iou: float = 0.5,
    least: Positive | None = None,
    overwrite: bool = False,
    as_json: Json = False,
) -> int:
    """Make one set of the labels that several people made of the same pictures: what most of them drew.

    Parameters
    ----------
    workers
        A set for each.
    output
        Folder or file to write.
    from_
        Their format, where it does not tell.
    to
        Format to write; coco where the target ends in .json.
    iou
        Overlap from which on two boxes can be one thing.
    least
        How many must have drawn a box; without it, more than half.
    overwrite
        Replace the data set that stands at the target.
    as_json
        Print JSON.
    """
    from trackforge import data

    whole = data.consolidate([data.read(one, from_) for one in workers], iou=iou, least=least)
    return _written(whole, output, to, overwrite=overwrite, as_json=as_json)


def _written(whole: object, output: Path, to: str | None, *, overwrite: bool, as_json: bool) -> int:
    import dataclasses
    import json
    from typing import cast

    from trackforge import data
    from trackforge.io.targets import check_writable

    check_writable([output], kind="either")
    report = data.convert(cast("data.Dataset", whole), output, to=to, overwrite=overwrite)
    text = json.dumps(dataclasses.asdict(report), indent=2, default=str) if as_json else str(report)
    put(text + "\n")
    return 0
