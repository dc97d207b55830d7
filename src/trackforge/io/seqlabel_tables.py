"""Ground Truth's ``SeqLabel.json`` as a table of tracks; what it means is told in `trackforge.io.seqlabel_json`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from trackforge.errors import DataError, InvalidInputError
from trackforge.intake.documents import load_json, whole_number
from trackforge.intake.limits import check_limit
from trackforge.io.seqlabel import metadata_path
from trackforge.io.seqlabel_json import (
    ANSWERS,
    CONSOLIDATED,
    classes_named,
    frame_numbers,
    parse_seqlabel,
    sequence_name,
)
from trackforge.table import TrackTable

__all__ = ["is_seqlabel", "seqlabel_classes", "seqlabel_table"]


def is_seqlabel(document: Any) -> TypeGuard[dict[str, Any]]:
    """Tell whether a JSON document holds labels of frames as Ground Truth has them."""
    return isinstance(document, dict) and any(key in document for key in (*CONSOLIDATED, *ANSWERS))


def seqlabel_table(document: Mapping[str, Any], path: Path) -> TrackTable:
    """Return the objects of all frames; ids count from 1, as objects appear, and are -1 where objects have none.

    Raises:
        DataError: A frame or an object is malformed, or an object is in a frame twice.
    """

    def refuse(message: str) -> None:
        raise DataError(f"{message[:1].upper()}{message[1:]}.", path=path)

    found = parse_seqlabel(document, path, refuse)
    numbers = frame_numbers([f.file for f in found.frames], [f.number for f in found.frames])
    check_limit("frames", max(numbers, default=0), "The frame", path=path)
    order = sorted(range(len(numbers)), key=numbers.__getitem__)
    ids: dict[str, int] = {}
    rows = [(numbers[k], one) for k in order for one in found.frames[k].objects]
    tracks = [ids.setdefault(one.id, len(ids) + 1) if found.tracked and one.id else -1 for _, one in rows]
    try:
        return TrackTable(
            frame=np.array([frame for frame, _ in rows], np.int64),
            track_id=np.array(tracks, np.int64),
            xyxy=np.array([one.xyxy for _, one in rows], np.float64).reshape(-1, 4),
            class_id=np.array([max(one.number, 0) for _, one in rows], np.int64),
            extra={
                "flag": np.ones(len(rows), np.int64),
                "object_id": np.array([one.id for _, one in rows], np.str_),
            },
            sequence=sequence_name(path),
        )
    except InvalidInputError as error:
        raise DataError(str(error), path=path) from error


def seqlabel_classes(document: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    """Return the names of classes: those of the metadata beside the file, else those that objects are called by.

    Raises:
        DataError: A frame or an object is malformed, or a class map has no numbers.
    """
    names: dict[int, str] = {}
    beside = metadata_path(path)
    if beside.is_file():
        told = load_json(beside, "The metadata of labels")
        class_map = told.get("class-map") if isinstance(told, dict) else None
        for key, name in (class_map if isinstance(class_map, dict) else {}).items():
            try:
                names[whole_number(key, 0)] = str(name)
            except ValueError as error:
                raise DataError(f"A class-map must have numbers; one {error}.", path=beside) from error
    else:
        names = dict(classes_named(parse_seqlabel(document, path, lambda _: None).frames))
    check_limit("classes", max(names, default=0), "The class", path=path)
    return tuple(names.get(number, f"class {number}") for number in range(max(names, default=-1) + 1))
