"""What came of a run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from trackforge.intake.addresses import without_secrets
from trackforge.runs.facts import stamp
from trackforge.runs.tally import Tally
from trackforge.table import TrackTable
from trackforge.types import Detections

__all__ = ["SequenceResult"]


@dataclass
class SequenceResult:
    """What came of one sequence."""

    name: str
    source: str
    tally: Tally = field(default_factory=Tally)
    """Counts of frames, detections and tracks."""
    seconds: float = 0.0
    stages: Mapping[str, float] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)
    """Names of the sinks that wrote the outputs, in their order."""
    started: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    stopped: bool = False
    """Whether the end was not reached, for a signal or a limit."""
    ended: bool = False
    """Whether that was since the reader of an output had seen enough."""
    skipped: int = 0
    """Damaged frames that were left out."""
    failure: Exception | None = None
    """What became of an output that failed while others did not."""
    dropped: int = 0
    """Frames of a live source in whose place newer ones came."""
    table: TrackTable | None = None
    found: list[tuple[int, Detections]] = field(default_factory=list)
    """Detections by frame index, kept with the table."""
    classes: tuple[str, ...] = ()
    """Names of the detector's classes."""
    model: Mapping[str, Any] = field(default_factory=dict)
    """What the detector's weights say of themselves."""
    analytics: Mapping[str, Any] = field(default_factory=dict)
    """What came of the tracks, by name of the analytic."""
    fps: float | None = None
    """Frames a second of the film as it was tracked, where the source says."""
    notes: list[str] = field(default_factory=list)
    """What people should know about this result, most important first: what was seen, and the cure."""

    @property
    def frames(self) -> int:
        """Frames that were tracked."""
        return self.tally.frames

    @property
    def last(self) -> int:
        """Index of the last frame; -1 where there is none."""
        return self.tally.last

    @property
    def detections(self) -> int:
        """Detections, of all frames."""
        return self.tally.detections

    @property
    def boxes(self) -> int:
        """Boxes of visible tracks, of all frames."""
        return self.tally.boxes

    @property
    def ids(self) -> Collection[int]:
        """Ids of the tracks that were visible."""
        return self.tally.lives.keys()

    @property
    def rate(self) -> float:
        """Frames per second, all in all."""
        return self.frames / self.seconds if self.seconds else 0.0

    def detected(self) -> TrackTable:
        """Return the detections as a table without ids."""
        return TrackTable.from_detections(self.found, sequence=self.name)

    def stage_ms(self) -> dict[str, float]:
        """Return milliseconds a frame by stage, in the order of the flow; stages overlap."""
        order = [name for name in ("decode", "detect", "track", "segment", "write") if name in self.stages]
        return {name: 1000 * self.stages[name] / max(self.frames, 1) for name in order}

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON.

        ``fps`` is the speed of the run, ``rate`` the film's frames a second; ``size`` is width and height; stages are
        in milliseconds a frame; ``scores`` counts detections by tenths, ``median_life`` is in visible frames;
        ``analytics`` is what came of the tracks, without lists.
        """
        return {
            "name": self.name,
            "source": self.source,
            "started": stamp(self.started),
            "frames": self.frames,
            "first_frame": self.tally.first if self.frames else None,
            "last_frame": self.tally.last if self.frames else None,
            "stopped": self.stopped,
            "size": list(self.tally.size) if self.frames else None,
            "rate": self.fps or (round(self.tally.rate, 3) if self.tally.rate else None),
            "skipped": self.skipped,
            "dropped": self.dropped,
            "detections": self.detections,
            "boxes": self.boxes,
            "ids": len(self.ids),
            "most_at_once": self.tally.most,
            "median_life": self.tally.life,
            "scores": self.tally.by_score(),
            "classes": self.tally.by_class(self.classes),
            "seconds": round(self.seconds, 3),
            "fps": round(self.rate, 2),
            "stage_ms": {name: round(ms, 3) for name, ms in self.stage_ms().items()},
            "outputs": self.outputs,
            "files": [{"path": path, "format": name} for path, name in zip(self.outputs, self.formats, strict=True)],
            **({"analytics": {name: _brief(one) for name, one in self.analytics.items()}} if self.analytics else {}),
            "notes": self.notes,
            **({"failed": without_secrets(str(self.failure))} if self.failure else {}),
        }


def _brief(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an analytic found without its lists, which stand in ``analytics.json``."""
    return {
        name: _brief(value) if isinstance(value, Mapping) else value
        for name, value in values.items()
        if not isinstance(value, (list, tuple))
    }
