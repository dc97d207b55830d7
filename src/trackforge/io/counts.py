"""Counts: how many objects of each class are in every picture or frame, as CSV or JSON."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trackforge.config import check, setting
from trackforge.intake.names import readable
from trackforge.io.csv_lines import csv_text, harmless
from trackforge.io.jsonl import short
from trackforge.io.text_sink import TextSink
from trackforge.types import Step

__all__ = ["COLUMNS", "CountSink", "CountSinkConfig"]

COLUMNS = ("sequence", "frame", "file", "class", "count")
"""The header row."""


@dataclass(frozen=True, kw_only=True)
class CountSinkConfig:
    """Settings of `CountSink`."""

    path: Path = setting(help="File to write; - for standard output.")
    form: Literal["auto", "csv", "json"] = setting("auto", help="Auto: JSON for a file that ends so, else CSV.")
    classes: tuple[str, ...] = setting((), help="Class names; the detector's where none are set.")

    def __post_init__(self) -> None:
        check(self)


class CountSink(TextSink):
    """Writes what `Step.tracks` shows of every frame: all of a detection run, in a tracking run the visible tracks.

    CSV: a header and one row for every class of every frame that has some; a frame without any has one row of count 0
    and no class. ``frame`` is the 0-based index in the sequence, ``file`` the picture's name.

    JSON: an object with ``pictures``, a list in the order of the frames, each with ``counts`` by class, their
    ``total`` and ``objects``: the ``number`` that is drawn on its box (`trackforge.io.annotated`), class, score and
    corners in pixels; then over all of them, by class, the ``total`` and the ``most`` in one picture.

    Raises:
        SinkError: The file cannot be written.
    """

    def __init__(self, config: CountSinkConfig) -> None:
        super().__init__(config.path)
        self.config = config
        self._begin()

    def _begin(self) -> None:
        self._total, self._most, self._pictures = Counter[str](), Counter[str](), 0

    @property
    def _json(self) -> bool:
        form = self.config.form
        return form == "json" or (form == "auto" and self.config.path.suffix.lower() == ".json")

    def head(self) -> str:
        """Begin the counting anew; return the header row, or what begins the list."""
        self._begin()
        return '{"pictures": [' if self._json else csv_text([COLUMNS])

    def body(self, step: Step) -> str:
        """Return the counts of a frame."""
        names = [self._name(class_id) for class_id in step.tracks.visible.class_id.tolist()]
        counts = Counter(names)
        self._total.update(counts)
        self._most |= counts
        text = self._entry(step, names, counts) if self._json else self._rows(step, counts)
        self._pictures += 1
        return text

    def _name(self, class_id: int) -> str:
        classes = self.config.classes or self.stream.classes
        return classes[class_id] if 0 <= class_id < len(classes) else f"class {class_id}"

    def _rows(self, step: Step, counts: Counter[str]) -> str:
        frame = step.frame
        place = harmless(frame.sequence or self.stream.name), frame.index, harmless(frame.file or "")
        kinds: list[tuple[str, int]] = sorted(counts.items()) or [("", 0)]
        return csv_text((*place, harmless(name), count) for name, count in kinds)

    def _entry(self, step: Step, names: list[str], counts: Counter[str]) -> str:
        frame, tracks = step.frame, step.tracks.visible
        objects = [
            {"number": number, "class": name, "score": score, "box": box}
            for number, (name, score, box) in enumerate(
                zip(names, short(tracks.score), short(tracks.xyxy), strict=True), 1
            )
        ]
        entry = {
            "sequence": readable(frame.sequence or self.stream.name),
            "frame": frame.index,
            "file": frame.file,
            "size": list(frame.size),
            "total": len(names),
            "counts": dict(sorted(counts.items())),
            "objects": objects,
        }
        return ("," if self._pictures else "") + "\n  " + json.dumps(entry, ensure_ascii=False)

    def tail(self) -> str:
        """Return what was counted over all pictures."""
        if not self._json:
            return ""
        classes = {name: {"total": n, "most": self._most[name]} for name, n in sorted(self._total.items())}
        return f'\n],\n "classes": {json.dumps(classes, ensure_ascii=False)}}}\n'
