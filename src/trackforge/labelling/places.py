"""Paths of a project that hold wherever the next command is given."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trackforge.intake.addresses import file_path
from trackforge.labelling.run import LabelRun
from trackforge.runs.component import Component

__all__ = ["inside", "outside", "settled"]

PATHS = ("sources", "also", "more_data", "weights", "start_weights")
TABLES = ("source", "detector", "tracker", "associator", "motion", "trainer")


def settled(run: LabelRun) -> LabelRun:
    """Return a project whose paths to what is there are absolute."""
    changes: dict[str, Any] = {name: _whole(getattr(run, name)) for name in PATHS}
    for name in TABLES:
        value = getattr(run, name)
        table = value.table() if isinstance(value, Component) else value
        if isinstance(table, Mapping):
            changes[name] = {
                key: one if key == "name" and not _model(one) else _whole(one) for key, one in table.items()
            }
    changes["model"] = tuple({key: _whole(one) for key, one in table.items()} for table in run.model)
    return dataclasses.replace(run, **changes)


def inside(table: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return a table whose paths below a folder are told from there, so that the folder can be moved."""
    top = str(folder.absolute()) + os.sep
    return {
        key: "./" + Path(str(one)[len(top) :]).as_posix() if isinstance(one, (str, Path)) and str(one).startswith(top)
        else str(one) if isinstance(one, Path) else one
        for key, one in table.items()
    }  # fmt: skip


def outside(table: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the table with these paths whole again."""
    return {
        key: str(folder.absolute() / one[2:]) if isinstance(one, str) and one.startswith("./") else one
        for key, one in table.items()
    }


def _whole(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_whole, value))
    if not isinstance(value, (str, Path)) or not str(value) or "{" in str(value):
        return value
    try:
        path = Path(file_path(str(value))).expanduser()
        if not path.exists():
            return value
    except (OSError, RuntimeError, ValueError):  # a text that is no path
        return value
    return type(value)(os.path.abspath(path))  # noqa: PTH100 - links stay as they are


def _model(value: Any) -> bool:
    return isinstance(value, (str, Path)) and Path(value).suffix != "" and Path(value).is_file()
