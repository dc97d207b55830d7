"""What trackers are tried on: the detections of whole sequences, found once and replayed ever after.

A detector runs once for every sequence and every set of settings that its network can notice. A threshold below which
boxes are left out is no such setting: the detector runs at the lowest one, and trials leave out the rest (`Recordings`
checks that this gives the same boxes). Detections are kept in memory, and on disk where a folder is given.
"""

from __future__ import annotations

import dataclasses
import itertools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trackforge.errors import InvalidInputError
from trackforge.intake.addresses import shown_setting
from trackforge.protocols import Closable
from trackforge.runs.component import Component
from trackforge.runs.fingerprint import fingerprint, versions
from trackforge.runs.storage import load, store
from trackforge.runs.values import written
from trackforge.table import TrackTable
from trackforge.types import Detections, Frame

__all__ = ["Floor", "Footage", "Found", "Recordings"]

log = logging.getLogger(__name__)
TRIED = 10
"""Frames on which it is checked that they do."""


@dataclasses.dataclass(frozen=True)
class Found:
    """Detections of a sequence, frame by frame; the frames have no pictures."""

    frames: Sequence[Frame]
    detections: Sequence[Detections]

    def from_score(self, least: float) -> Found:
        """Leave out detections with a lower score."""
        limit = np.float32(least)
        return Found(self.frames, [found[found.score >= limit] for found in self.detections])


@dataclasses.dataclass(frozen=True)
class Footage:
    """A sequence to track.

    Attributes:
        name: Of the sequence.
        source: Where frames come from.
        truth: Ground truth.
        length: Frames, or None where only the source knows.
    """

    name: str
    source: Component
    truth: TrackTable
    length: int | None = None


@dataclasses.dataclass(frozen=True)
class Floor:
    """A setting of the detector that should do no more than leave out boxes of lower scores, and its range."""

    key: str
    low: float
    high: float


class Recordings:
    """Detections of sequences, by the settings of a detector.

    Args:
        detector: The detector as it is; ``{name}`` in its settings is the name of the sequence.
        folder: Where to keep detections, or None for memory only.
        floor: The least score, if that is going to vary.

    Attributes:
        watch: Is told of every frame that the detector looks at: sequence, frames looked at, and frames in all, where
            known; 0 frames before the first. Not in other processes.
    """

    def __init__(self, detector: Component, folder: Path | None = None, *, floor: Floor | None = None) -> None:
        self.detector = detector
        self.folder = folder
        self.floor = floor
        self.watch: Callable[[str, int, int | None], object] | None = None
        self.runs = 0
        self._kept: dict[tuple[str, str], Found] = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"runs": 0, "watch": None}

    def check_floor(self, footage: Sequence[Footage], values: Mapping[str, Any]) -> None:
        """Find out whether a tuned least score only leaves out boxes; if not, every value of it is detected anew.

        Looks at the first frames of the first sequence, with the middle of the range.
        """
        if self.floor is None or self.detector.name == "file":
            return
        key = self.floor.key
        middle = (self.floor.low + self.floor.high) / 2
        others = {name: value for name, value in values.items() if name != key}
        low, high = (
            list(self._detect(self.detector.but({**others, key: value}), footage[0], TRIED))
            for value in (self.floor.low, middle)
        )
        same = all(
            _same(loose[loose.score >= np.float32(middle)], tight)
            for (_, loose), (_, tight) in zip(low, high, strict=True)
        )
        if not same:
            log.warning(
                "detector.%s does more than to leave out boxes, so the detector runs again for every value of it",
                self.floor.key,
            )
            self.floor = None

    def find(self, footage: Footage, values: Mapping[str, Any]) -> Found:
        """Return the detections of a sequence.

        Args:
            footage: The sequence.
            values: Settings of the detector that differ from the untuned ones.

        Raises:
            ConfigError: A setting is wrong.
            SourceError: The sequence cannot be read.
        """
        values, least = dict(values), None
        if self.floor is not None:
            key = self.floor.key
            given = values.get(key, self.detector.value(key))
            if isinstance(given, (int, float)) and given >= self.floor.low:
                least, values[key] = float(given), self.floor.low
        found = self._found(footage, values)
        return found if least is None else found.from_score(least)

    def _found(self, footage: Footage, values: Mapping[str, Any]) -> Found:
        key = footage.name, repr(sorted((name, written(value)) for name, value in values.items()))
        if key not in self._kept:
            self._kept[key] = self._fetch(footage, self.detector.but(values))
        return self._kept[key]

    def _fetch(self, footage: Footage, detector: Component) -> Found:
        """Read detections from disk, or run the detector."""
        if self.folder is None or detector.name == "file":
            return self._run(footage, detector)
        facts = {
            "detector": detector.name,
            "settings": detector.settings,
            "version": versions(detector.spec.target),
            "source": footage.source.name,
            "source settings": footage.source.settings,
        }
        path = self.folder / f"{footage.name}-{fingerprint(facts)}.npz"
        kept = load(path)
        if kept is not None:
            return Found(*kept)
        found = self._run(footage, detector)
        store(path, found.frames, found.detections, shown_setting(facts))
        return found

    def _run(self, footage: Footage, detector: Component) -> Found:
        self.runs += 1
        if detector.name != "file":
            log.info("%s: running detector %s", footage.name, detector.name)
        told = _untold if self.watch is None or detector.name == "file" else self.watch
        told(footage.name, 0, footage.length)
        pairs = []
        for pair in self._detect(detector, footage, None):
            pairs.append(pair)
            told(footage.name, len(pairs), footage.length)
        if not pairs:
            raise InvalidInputError(f"A sequence must have frames; {footage.name!r} has none.")
        return Found([frame for frame, _ in pairs], [found for _, found in pairs])

    def _detect(self, detector: Component, footage: Footage, most: int | None) -> Iterator[tuple[Frame, Detections]]:
        made = detector.for_sequence(footage.name).create()
        source = footage.source.create()
        try:
            for frame in itertools.islice(source, most):
                found = made.detect([frame])[0]
                if found.mask is not None:
                    found = dataclasses.replace(found, mask=None)
                yield dataclasses.replace(frame, image=None), found
        finally:
            if isinstance(source, Closable):
                source.close()


def _untold(name: str, done: int, total: int | None) -> None:
    del name, done, total


def _same(a: Detections, b: Detections) -> bool:
    return len(a) == len(b) and all(
        np.allclose(np.sort(x, axis=0), np.sort(y, axis=0), rtol=1e-4, atol=1e-3)
        for x, y in ((a.xyxy, b.xyxy), (a.score, b.score))
    )
