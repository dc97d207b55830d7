"""One film that somebody sent: where it is, how far it got, what came out."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, Literal

from trackforge.analytics.together import Together
from trackforge.serving.films.steps import StepLines
from trackforge.serving.films.tracking import FilmSummary
from trackforge.serving.served import ServedSession
from trackforge.types import Step, Stream

__all__ = ["KINDS", "Film", "Result"]

State = Literal["receiving", "waiting", "tracking", "done", "failed", "cancelled"]
KINDS = ("txt", "jsonl", "json", "mp4")
"""Results of a film by their endings: MOT text, JSON lines, COCO json, the film with its tracks drawn in."""


class Result:
    """One form of the results.

    Attributes:
        state: ``"none"`` where nobody asked for it yet, ``"making"``, ``"ready"`` or ``"failed"``.
        why: What went wrong.
        frames: Frames that are in it so far.
    """

    def __init__(self) -> None:
        self.state: Literal["none", "making", "ready", "failed"] = "none"
        self.why = ""
        self.frames = 0


class Film:
    """A film and its results.

    Attributes:
        id: What clients call it: unguessable, fit for a path.
        name: What its sender calls it, fit to be shown.
        folder: Where it and its results lie.
        tracker: Name of the tracker, where its sender wanted a certain one.
        video: Whether its sender wants the video drawn without asking again.
        state: ``"receiving"``, ``"waiting"`` for its turn, ``"tracking"``, ``"done"``, ``"failed"`` or ``"cancelled"``.
        why: What went wrong.
        bytes: Size of the film.
        promised: Bytes that nobody else may take while it comes.
        frames: Frames that are tracked.
        total: Frames that the film says it has, or None.
        rate: Frames per second of the film, or None.
        size: ``(width, height)`` in pixels; (0, 0) before the first frame.
        stop: Set where it is to end early.
        steps: The steps so far.
        results: By ending.
        analytics: What is made of its tracks; None before its session was opened.
    """

    def __init__(self, id: str, name: str, folder: Path, *, tracker: str | None = None, video: bool = False) -> None:  # noqa: A002 - what everybody calls it
        self.id, self.name, self.folder = id, name, folder
        self.tracker, self.video = tracker, video
        self.state: State = "receiving"
        self.why = ""
        self.bytes = self.promised = self.frames = 0
        self.total: int | None = None
        self.rate: float | None = None
        self.size = (0, 0)
        self.summary: FilmSummary | None = None
        self.analytics: Together | None = None
        self.created = time.time()
        self.began = self.ended = 0.0  # by the monotonic clock; 0 before
        self.stop = threading.Event()
        folder.mkdir(mode=0o700)
        self.path = folder / "film"
        self.steps = StepLines(folder / "steps.ndjson")
        self.results = {kind: Result() for kind in KINDS}

    @property
    def over(self) -> bool:
        """Whether nothing more comes."""
        return self.state in ("done", "failed", "cancelled")

    def place(self, kind: str) -> Path:
        """Return where a result lies once it is ready."""
        return self.folder / f"results.{kind}"

    def begun(self, session: ServedSession) -> None:
        """Take note of the session that tracks it."""
        self.analytics = session.analytics

    def tell(self, stream: Stream) -> None:
        """Take note of what the film says of itself."""
        self.total, self.rate = stream.length, stream.rate

    def see(self, step: Step, classes: tuple[str, ...]) -> None:
        """Take note of a step.

        Raises:
            SinkError: It cannot be written down.
        """
        self.size = step.frame.size
        self.steps.write(step, classes)
        self.frames += 1

    def end(self, state: State, why: str = "") -> None:
        """Be over."""
        self.ended = time.monotonic()
        self.began = self.began or self.ended
        self.steps.close()
        self.why, self.state = why, state

    @property
    def room(self) -> int:
        """Bytes that it takes on disk."""
        found = 0
        for file in self.folder.glob("*"):
            try:
                found += file.stat().st_size
            except OSError:  # moved meanwhile
                continue
        return found

    def card(self) -> dict[str, Any]:
        """Tell what is known, as JSON has it."""
        now = self.ended or time.monotonic()
        seconds = now - self.began if self.began else 0.0
        summary = self.summary
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "why": self.why,
            "frames": self.frames,
            "total": self.total,
            "rate": self.rate,
            "width": self.size[0],
            "height": self.size[1],
            "fps": round(self.frames / seconds, 2) if seconds > 0 else 0.0,
            "seconds": round(seconds, 3),
            "bytes": self.bytes,
            "skipped": summary.skipped if summary else 0,
            "lack": summary.lack if summary else "",
            "tracker": self.tracker,
            "created": round(self.created, 3),
            "results": {
                kind: {"state": one.state, "frames": one.frames, **({"why": one.why} if one.why else {})}
                for kind, one in self.results.items()
            },
        }
