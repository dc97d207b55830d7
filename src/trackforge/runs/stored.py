"""Tracks that are stored already, as the parts of a run: frames, boxes and ids as they were, without tracking again.

The three components here belong to a plan alone and stand in no registry: a source of frames without pictures, a
detector that gives the stored boxes, and a tracker that gives these their stored ids.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trackforge.config import check, setting
from trackforge.errors import ConfigError, DataError, InvalidInputError, StateError
from trackforge.intake.documents import parse_json
from trackforge.registry.spec import ComponentSpec
from trackforge.runs.component import Component
from trackforge.runs.stored_files import form_of, read_stored, stated
from trackforge.table import TrackTable
from trackforge.types import Detections, Frame, Stream, Tracks, TrackState

__all__ = ["StoredBoxes", "StoredComponent", "StoredConfig", "StoredFrames", "StoredIds"]

ID = "stored_id"
"""Column of the detections that holds the ids."""
BOX = "stored_box"
"""Column of the detections that holds the boxes of the tracks, where the detector's own are stored beside them."""


@dataclass(frozen=True, kw_only=True)
class StoredConfig:
    """Settings of what reads stored tracks."""

    path: Path = setting(help="File of tracks: MOTChallenge text, JSON lines, Parquet, COCO.")
    sequence: str = setting("", help="Which of the sequences in it.")
    rate: float | None = setting(None, help="Frames a second, where the file has no times.", unit="fps", above=0)
    size: tuple[int, int] | None = setting(None, help="Width and height of the pictures.", unit="px", minimum=1)

    def __post_init__(self) -> None:
        check(self)


class _Stored:
    """One sequence of a file of tracks, each row with an id."""

    def __init__(self, config: StoredConfig) -> None:
        self.config = config
        path = config.path
        tables, self.classes = read_stored(path)
        self.name = config.sequence or next(iter(tables))
        if self.name not in tables:
            raise ConfigError(f"{path} must hold the sequence {self.name!r}; it has: {', '.join(tables)}.")
        self.table: TrackTable = tables[self.name]
        if len(self.table) and int(self.table.track_id.min()) < 1:
            frame = int(self.table.frame[int(np.argmin(self.table.track_id))])
            raise DataError(
                f"Stored tracks must have ids from 1 on; a box of frame {frame} has {int(self.table.track_id.min())}. "
                "Track first: trackforge track, with these boxes as --detector file.",
                path=path,
            )


class StoredBoxes(_Stored):
    """A detector that gives each frame the boxes that are stored for its index, whatever the picture."""

    embedding_dim: int | None = None

    def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
        """Return the boxes of each frame; none of frames that the file does not mention."""
        found = []
        for frame in frames:
            boxes = self.table.detections(frame.index)
            extra = {**boxes.extra, ID: self.table.track_id[self.table.rows(frame.index)], BOX: boxes.xyxy}
            own = extra.pop("detected", None)
            xyxy = boxes.xyxy if own is None else np.asarray(own, np.float32)
            found.append(dataclasses.replace(boxes, xyxy=xyxy, extra=extra))
        return found


class StoredIds:
    """A tracker that gives the boxes of `StoredBoxes` their ids."""

    def __init__(self) -> None:
        self._births: dict[int, int] = {}

    def update(self, detections: Detections, frame: Frame, /) -> Tracks:
        """Return a visible track for every box."""
        ids = np.asarray(detections.extra.get(ID, np.empty(0)), np.int64)
        if len(ids) != len(detections):
            raise InvalidInputError("Stored tracks need the boxes of StoredBoxes, with their ids; got others.")
        births = [self._births.setdefault(one, frame.index) for one in ids.tolist()]
        extra = {name: column for name, column in detections.extra.items() if name not in (ID, BOX)}
        return Tracks(
            track_id=ids,
            xyxy=np.asarray(detections.extra[BOX], np.float32) if len(ids) else detections.xyxy,
            score=detections.score,
            class_id=detections.class_id,
            state=np.full(len(ids), int(TrackState.CONFIRMED)),
            age=np.asarray([frame.index - birth + 1 for birth in births], np.int64),
            time_since_update=np.zeros(len(ids), np.int64),
            detection=np.arange(len(ids)),
            extra=extra,
        )

    def reset(self) -> None:
        """Forget when each was born."""
        self._births = {}

    def state_dict(self) -> dict[str, Any]:
        """Return when each was born."""
        return {"births": dict(self._births)}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Go on where `state_dict` was taken.

        Raises:
            StateError: It is another's state.
        """
        if not isinstance(state.get("births"), dict):
            raise StateError("The state of stored tracks must hold births; it does not. Save it again.")
        self._births = dict(state["births"])


class StoredFrames(_Stored):
    """The frames that a file of tracks knows, without pictures: of JSON lines all of them, else from 0 to the last."""

    def __init__(self, config: StoredConfig) -> None:
        super().__init__(config)
        rate, self._size = stated(config.path)
        self._rate, self._size = config.rate or rate, config.size or self._size
        self._frames = list(self._known())
        size = next((frame.size for frame in self._frames if min(frame.size) > 0), None)
        self.stream = Stream(name=self.name, rate=self._rate, size=size, length=len(self._frames))

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)

    def _known(self) -> Iterator[Frame]:
        if form_of(self.config.path) == "jsonl":
            yield from self._from_lines()
            return
        for step in self.table.steps():
            stamp = step.frame.timestamp
            if stamp is None and self._rate:
                stamp = step.frame.index / self._rate
            yield Frame(index=step.frame.index, timestamp=stamp, sequence=self.name, size=self._size or (0, 0))

    def _from_lines(self) -> Iterator[Frame]:
        config = self.config
        with config.path.open(encoding="utf-8-sig") as file:
            for line in (parse_json(text) for text in file if text.strip()):
                if (line.get("sequence") or config.path.stem) != self.name:
                    continue
                stamp = line.get("timestamp")
                if stamp is None and config.rate:
                    stamp = line["frame"] / config.rate
                size = config.size or (int(line.get("width") or 0), int(line.get("height") or 0))
                yield Frame(index=line["frame"], timestamp=stamp, sequence=self.name, size=size, file=line.get("file"))


@dataclass(frozen=True)
class StoredComponent(Component):
    """A component of this module: kind ``source``, ``detector`` or ``tracker``."""

    @property
    def spec(self) -> ComponentSpec:
        """What it is; the registry knows nothing of it, since it means nothing without the others."""
        target = {"source": "StoredFrames", "detector": "StoredBoxes", "tracker": "StoredIds"}[self.kind]
        config = "" if self.kind == "tracker" else "trackforge.runs.stored:StoredConfig"
        return ComponentSpec(
            kind=self.kind,
            name=self.name,
            target=f"trackforge.runs.stored:{target}",
            summary="Tracks as they are stored.",
            config=config,
        )
