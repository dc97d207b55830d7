"""Detections of a sequence in one file."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.io.atomic import atomic_path
from trackforge.types import Detections, Frame

__all__ = ["load", "store"]

log = logging.getLogger(__name__)
FORMAT = 1


def store(path: Path, frames: Sequence[Frame], detections: Sequence[Detections], facts: Mapping[str, Any]) -> None:
    """Write detections and where they come from; masks are left out.

    Raises:
        SinkError: The place cannot be written to.
    """
    columns: dict[str, npt.NDArray[Any]] = {
        "index": np.array([frame.index for frame in frames], np.int64),
        "size": np.array([frame.size for frame in frames], np.int64).reshape(-1, 2),
        "time": np.array([np.nan if f.timestamp is None else f.timestamp for f in frames], np.float64),
        "count": np.array([len(found) for found in detections], np.int64),
    }
    for name in ("xyxy", "score", "class_id"):
        columns[name] = np.concatenate([getattr(found, name) for found in detections])
    embeddings = [found.embedding for found in detections if found.embedding is not None]
    if len(embeddings) == len(detections):
        columns["embedding"] = np.concatenate(embeddings)
    for name in set.intersection(*(set(found.extra) for found in detections)):
        columns[f"extra.{name}"] = np.concatenate([found.extra[name] for found in detections])
    header = {"format": FORMAT, "sequence": frames[0].sequence, "facts": dict(facts)}
    with atomic_path(path) as partial, partial.open("wb") as file:
        np.savez(file, header=np.array(json.dumps(header, default=str)), **columns)  # type: ignore[arg-type]


def load(path: Path) -> tuple[list[Frame], list[Detections]] | None:
    """Read what `store` wrote; None where there is nothing, or nothing of use."""
    if not path.exists():
        return None
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            data = {name: file[name] for name in file.files}
        header = json.loads(str(data.pop("header")))
        if header["format"] != FORMAT:
            return None
        sequence = str(header["sequence"])
        ends = np.cumsum(data["count"])
        bounds = list(zip((ends - data["count"]).tolist(), ends.tolist(), strict=True))
        frames = [
            Frame(index=index, size=(width, height), timestamp=None if np.isnan(time) else time, sequence=sequence)
            for index, (width, height), time in zip(
                data["index"].tolist(), data["size"].tolist(), data["time"].tolist(), strict=True
            )
        ]
        extra = {name.removeprefix("extra."): data[name] for name in data if name.startswith("extra.")}
        rows = (slice(first, last) for first, last in bounds)
        return frames, [
            Detections(
                xyxy=data["xyxy"][here],
                score=data["score"][here],
                class_id=data["class_id"][here],
                embedding=data["embedding"][here] if "embedding" in data else None,
                extra={name: column[here] for name, column in extra.items()},
            )
            for here in rows
        ]
    except Exception as error:  # noqa: BLE001 - a damaged archive makes NumPy and zipfile raise almost anything
        log.warning("%s is damaged (%s) and is made again", path, error)
        return None
