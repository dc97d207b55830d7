"""Labels of several models, each made for a task of its own, become one: classes mapped, overlaps decided.

>>> people = Labels("people", Detections(xyxy=[[10, 10, 30, 60]], score=[0.9]), ("pedestrian",))
>>> bikes = Labels("bikes", Detections(xyxy=[[9, 10, 31, 62]], score=[0.6]), ("cyclist",))
>>> settings = MergingConfig(classes=("person", "rider"), rename=("pedestrian=person", "cyclist=rider"),
...                          rules=("rider>person",))
>>> whole = merge([people, bikes], settings)
>>> [whole.classes[number] for number in whole.found.class_id]
['rider']
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt

from trackforge.config import check, setting
from trackforge.data import Boxes, Dataset
from trackforge.data.agreement import steady_mean
from trackforge.data.mixing import allowed_folders
from trackforge.data.shared_pictures import boxes_of_all, one_root, shared_pictures
from trackforge.errors import ConfigError, InvalidInputError, did_you_mean
from trackforge.labelling.merging_rows import Rows, decide
from trackforge.labelling.merging_rules import class_map, rules_between
from trackforge.table import TrackTable
from trackforge.types import Detections

__all__ = ["Labels", "MergingConfig", "merge"]

Ints: TypeAlias = npt.NDArray[np.int64]
Strings: TypeAlias = npt.NDArray[np.str_]
Found = TypeVar("Found", Detections, TrackTable, Dataset)


@dataclass(frozen=True, kw_only=True)
class MergingConfig:
    """How labels of several models become one."""

    classes: tuple[str, ...] = setting(
        (), commas=True, help="The classes of the result and their order; those that come, where none are set."
    )
    rename: tuple[str, ...] = setting(
        (),
        commas=True,
        help="Classes by their new names: pedestrian=person; of one model bikes:cyclist=rider; bikes:*= drops the "
        "others of that model.",
    )
    priority: tuple[str, ...] = setting(
        (), commas=True, help="Models, the most trusted first; those not named come last. Scores decide among equals."
    )
    overlap: float = setting(
        0.6,
        unit="IoU",
        above=0,
        maximum=1,
        help="From here on, boxes of one class by different models are one thing.",
    )
    box: Literal["best", "mean"] = setting(
        "best", help="The box of what several models found: that of the most trusted, or the mean."
    )
    rules: tuple[str, ...] = setting(
        (),
        commas=True,
        help="What overlaps between classes mean: rider>person keeps the rider, car~truck the better, rider+person "
        "both; rider>person@0.3 from another overlap on.",
    )
    rule_overlap: float = setting(0.5, above=0, maximum=1, help="From here on, boxes of two classes fall under a rule.")
    across: float | None = setting(
        None,
        above=0,
        maximum=1,
        help="From here on, of boxes of two classes that no rule names the better stays; none keeps both.",
    )
    share: Literal["union", "smaller"] = setting(
        "union", help="What overlaps between classes are shares of: both boxes together, or the smaller one."
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class Labels(Generic[Found]):
    """What one model found.

    Attributes:
        model: Its name, different for each.
        found: In one frame, in one sequence, or in a whole set.
        classes: Names that ``found.class_id`` points to; a data set's own where left out.
    """

    model: str
    found: Found
    classes: tuple[str, ...] = ()


def merge(models: Sequence[Labels[Found]], config: MergingConfig | None = None) -> Labels[Found]:
    """Make one set of labels of what several models found in the same pictures.

    Boxes of one class by different models that overlap are one thing; boxes of one model never are. Tracks of
    different models are one track where they overlap in most of the pictures that both are in, and also where one
    model has several pieces of it; a track has the class that most of its boxes have. What gives way to another
    class in most of its pictures goes wholly, else only there.

    ``extra["model"]`` says whose each box is. Masks and further columns are that model's.

    Args:
        models: Their labels, all of them `Detections` of one frame, `TrackTable` of one sequence, or `Dataset`.
        config: Settings; the defaults keep all classes and make one of what overlaps.

    Returns:
        The labels, with the classes of the result; ids are numbered from 1.

    Raises:
        ConfigError: A setting names a model or a class that there isn't, or rules contradict each other.
        InvalidInputError: No labels are given, they are of different types, or two models have one name.
    """
    config = config or MergingConfig()
    _check(models)
    theirs = [_classes(labels) for labels in models]
    names = [labels.model for labels in models]
    for name in config.priority:
        if name not in names:
            raise ConfigError(
                f"priority must name models; {name!r} is none.{did_you_mean(name, names)} There are: "
                f"{', '.join(names)}."
            )
    maps, classes = class_map(names, theirs, config.rename, config.classes)
    between = rules_between(config.rules, classes, config.rule_overlap)
    rank = [config.priority.index(n) if n in config.priority else len(config.priority) for n in names]
    joined = _joined(models, maps, classes)
    things, identity = decide(
        joined.rows,
        rank=rank,
        same=config.overlap,
        between=between,
        across=config.across,
        share=config.share,
        ordinary=len(classes),
    )
    lead = np.array([thing[0] for thing in things], np.int64)
    boxes = joined.rows.xyxy[lead]
    if config.box == "mean":
        boxes = np.array([steady_mean(joined.rows.xyxy[thing]) for thing in things]).reshape(-1, 4)
    ids: dict[int, int] = {}
    for one in identity:
        if one >= 0:
            ids.setdefault(one, len(ids) + 1)
    columns = {
        "xyxy": boxes,
        "class_id": joined.rows.class_id[lead] % max(len(classes), 1),
        "track_id": np.array([ids.get(one, -1) for one in identity], np.int64),
    }
    owner = np.array(names, np.str_)[joined.rows.model[lead]]
    return Labels("merged", cast("Found", joined.made(lead, columns, owner)), classes)


def _check(models: Sequence[Labels[Any]]) -> None:
    if not models:
        raise InvalidInputError("Merging needs the labels of at least one model; got none.")
    names = [labels.model for labels in models]
    if len(set(names)) < len(names):
        raise InvalidInputError(f"Each model must have a name of its own; got {', '.join(names)}.")
    kinds = {type(labels.found) for labels in models}
    if len(kinds) > 1 or not kinds <= {Detections, TrackTable, Dataset}:
        listing = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise InvalidInputError(f"Labels must all be Detections, or TrackTables, or Datasets; got {listing}.")


def _classes(labels: Labels[Any]) -> tuple[str, ...]:
    return labels.classes or (labels.found.classes if isinstance(labels.found, Dataset) else ())


@dataclass(frozen=True)
class _Joined:
    """The boxes of all models in one table, and how labels are made of some of them."""

    rows: Rows
    made: Callable[[Ints, dict[str, Any], Strings], Any]


def _joined(models: Sequence[Labels[Any]], maps: Sequence[Ints], classes: tuple[str, ...]) -> _Joined:
    kind = type(models[0].found)
    if kind is Dataset:
        return _joined_sets([labels.found for labels in models], maps, classes)
    parts, owner = [], []
    masked = any(labels.found.mask is not None for labels in models)
    for number, (labels, table) in enumerate(zip(models, maps, strict=True)):
        found = labels.found
        class_id = _mapped(found.class_id, table, labels.model)
        found = dataclasses.replace(found, class_id=class_id)[class_id >= 0]
        if masked and found.mask is None:
            found = dataclasses.replace(found, mask=np.full(len(found), None))
        parts.append(found)
        owner.append(np.full(len(found), number))
    model = np.concatenate(owner)
    if kind is Detections:
        every: Any = _one_frame(parts)
        order = np.arange(len(model))
        picture, track = np.zeros(len(model), np.int64), np.full(len(model), -1)
    else:
        track = _numbered(model, np.concatenate([part.track_id for part in parts]))
        ends = np.cumsum([len(part) for part in parts])[:-1]
        parts = [dataclasses.replace(p, track_id=ids) for p, ids in zip(parts, np.split(track, ends), strict=True)]
        order = np.argsort(np.concatenate([part.frame for part in parts]), kind="stable")
        every = TrackTable.concatenate(parts)
        picture, track = every.frame, every.track_id
    model = model[order]

    def made(lead: Ints, columns: dict[str, Any], owner: Strings) -> Any:
        chosen = every[lead]
        if kind is Detections:
            columns.pop("track_id")
        return dataclasses.replace(chosen, **columns, extra=dict(chosen.extra) | {"model": owner})

    wide = every.xyxy.astype(np.float64), every.score.astype(np.float64)
    class_id = _of_track(every.class_id, track)
    return _Joined(
        Rows(picture=picture, model=model, xyxy=wide[0], score=wide[1], class_id=class_id, track=track), made
    )


def _one_frame(parts: Sequence[Detections]) -> Detections:
    """Return the boxes of all, with the columns that all have; an embedding where all are of one width."""
    common = [name for name in parts[0].extra if all(name in part.extra for part in parts)]
    names = ["xyxy", "score", "class_id", *(n for n in ("mask",) if parts[0].mask is not None)]
    widths = {None if part.embedding is None else part.embedding.shape[1] for part in parts}
    if len(widths) == 1 and None not in widths:
        names.append("embedding")
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Detections(**columns, extra={n: np.concatenate([part.extra[n] for part in parts]) for n in common})


def _joined_sets(sets: Sequence[Dataset], maps: Sequence[Ints], classes: tuple[str, ...]) -> _Joined:
    parts = []
    for part, table in zip(sets, maps, strict=True):
        class_id = _mapped(part.boxes.class_id, table, part.name)
        boxes = part.boxes.replace(class_id=class_id)[class_id >= 0]
        parts.append(part.replace(boxes=boxes, classes=classes))
    images, row_of = shared_pictures(parts)
    every, model = boxes_of_all(parts, row_of, classes)
    _, place = np.unique(images.sequence, return_inverse=True)
    track = _numbered(model, every.track_id, place.reshape(-1)[every.image])
    score = next((every.extra[name] for name in ("score", "confidence") if name in every.extra), np.ones(len(every)))
    # an ignore region is none of the things: it is merged with its like only
    class_id = _of_track(every.class_id + every.ignore * max(len(classes), 1), track)

    def made(lead: Ints, columns: dict[str, Any], owner: Strings) -> Dataset:
        chosen = every[lead]
        boxes: Boxes = chosen.replace(**columns, extra=dict(chosen.extra) | {"model": owner})
        return Dataset(
            images=images,
            boxes=boxes,
            classes=classes,
            root=parts[0].root if one_root(parts) else Path(),
            name=parts[0].name,
            notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
            folders=allowed_folders(parts),
        )

    score = np.nan_to_num(np.asarray(score, np.float64), nan=1.0)
    return _Joined(
        Rows(picture=every.image, model=model, xyxy=every.xyxy, score=score, class_id=class_id, track=track), made
    )


def _mapped(class_id: Ints, table: Ints, model: str) -> Ints:
    if len(class_id) and not 0 <= int(class_id.min()) <= int(class_id.max()) < len(table):
        raise InvalidInputError(
            f"class_id must point to a class of its model, 0..{len(table) - 1}; {model} has "
            f"{class_id.min()}..{class_id.max()}. Give the names of all of them."
        )
    return table[class_id] if len(class_id) else class_id


def _numbered(model: Ints, track_id: Ints, place: Ints | None = None) -> Ints:
    """Return a number for every track of every model, from 0; -1 for boxes without one."""
    out = np.full(len(model), -1, np.int64)
    known = track_id >= 0
    if known.any():
        keys = np.stack((model, track_id, np.zeros_like(model) if place is None else place), axis=1)[known]
        out[known] = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)
    return out


def _of_track(class_id: Ints, track: Ints) -> Ints:
    """Return the classes, those of a track's boxes all the one that most of them have."""
    known = track >= 0
    if not known.any():
        return class_id
    counts = np.zeros((int(track.max()) + 1, int(class_id[known].max()) + 1), np.int64)
    np.add.at(counts, (track[known], class_id[known]), 1)
    return np.where(known, counts.argmax(axis=1)[np.maximum(track, 0)], class_id)
