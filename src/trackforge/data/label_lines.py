"""The lines of YOLO and JDE label files: which of the dialects a line is in, and the box that it means.

A YOLO line is a class and, each value a share of the picture's width or height,

* ``cx cy w h``, a box;
* ``cx cy w h`` and the key points, two or three values each, where the yaml file states ``kpt_shape``;
* ``x1 y1 x2 y2 x3 y3 x4 y4``, an oriented box, or ``x1 y1 ... xn yn``, a polygon: the upright box around it is read.

One or two values may follow, as trackers write them: ``id``, ``confidence``, or ``confidence id``.

* One value is the confidence where any of the set is a fraction, and the identity where all are whole, save that 1.0
  and 0.0 (with a decimal point) alone are confidences. Where some are fractions and some beyond 0..1 it is neither.
* Two values behind a box or key points are confidence and identity. Behind a polygon they look like one more corner,
  and are confidence and identity where the last is a whole number above 1, which no corner has.

Without ``kpt_shape`` a line holds key points, of three values each, only where each third value is 0, 1 or 2 and some
are 2, which no polygon has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

from trackforge.data.problems import Findings
from trackforge.errors import DataError
from trackforge.intake.limits import check_limit, limits

__all__ = ["Label", "LabelReader"]

LARGEST_ID = 2**63 - 1


@dataclass(slots=True)
class Label:
    """A box of a label file.

    Attributes:
        class_id: Its class.
        share: Corners ``x1 y1 x2 y2``, as shares of the picture.
        kind: ``"box"``, ``"key points"``, ``"four corners"`` or ``"polygon"``.
        further: The one value behind it that may be an identity or a confidence, as it is written; else empty.
        track_id: Its identity, -1 where unknown.
        score: Its confidence, or None.
        line: 1-based line.
    """

    class_id: int
    share: tuple[float, float, float, float]
    kind: str
    line: int
    further: str = ""
    track_id: int = -1
    score: float | None = None


@dataclass
class LabelReader:
    """Reads the lines of one data set; some of what they mean is known only when all are read.

    Attributes:
        ids: Whether lines are JDE's, ``class id cx cy w h``.
        classes: Number of classes, 0 where unknown.
        keypoints: Number of key points and of values each, (0, 0) where lines have none.
        findings: Where malformed lines are reported.
        kinds: How many boxes were of each kind.
    """

    ids: bool
    classes: int
    keypoints: tuple[int, int]
    findings: Findings
    kinds: dict[str, int] = field(default_factory=dict)
    _open: list[Label] = field(default_factory=list)
    _most: int = field(default_factory=lambda: limits().classes)

    def read(self, path: Path, lines: Iterable[tuple[int, str]]) -> Iterator[Label]:
        """Yield the boxes of one file."""
        for line, text in lines:
            try:
                label = self._read(path, line, text)
            except DataError as error:
                self.findings.caught(error, kind="class-range" if "The class must" in str(error) else "format")
                continue
            self.kinds[label.kind] = self.kinds.get(label.kind, 0) + 1
            if label.further:
                self._open.append(label)
            yield label

    def settle(self) -> list[str]:
        """Decide what the one value behind boxes is, and put it there; return what is worth knowing."""
        values = [float(label.further) for label in self._open]
        written_whole = all(label.further.lstrip("+-").isdecimal() for label in self._open)
        whole = all(map(float.is_integer, values))
        notes = []
        if whole and (written_whole or max(values, default=0) > 1):
            for label, value in zip(self._open, values, strict=True):
                label.track_id = _whole(label.further, value) if abs(value) < LARGEST_ID else -1
        elif all(0 <= value <= 1 for value in values):
            for label, value in zip(self._open, values, strict=True):
                label.score = value
        else:
            notes.append(
                f"the last value of {len(values)} boxes is neither an identity nor a confidence, and was left out"
            )
        if points := self.kinds.get("key points"):
            notes.append(f"the key points of {points} boxes were left out; the set holds boxes")
        four = self.kinds.get("four corners", 0)
        if polygons := self.kinds.get("polygon", 0) + four:
            corners = f", {four} of them with four corners, as oriented boxes have" if four else ""
            notes.append(f"{polygons} polygons were read as their bounding boxes{corners}")
        return notes

    def _read(self, path: Path, line: int, text: str) -> Label:
        words = text.split()
        wanted = "class id cx cy w h" if self.ids else "class cx cy w h"
        try:
            values = [float(word) for word in words]
            if not all(map(isfinite, values)) or not all(v.is_integer() for v in values[: 1 + self.ids]):
                raise ValueError
        except ValueError:
            shown = text if len(text) <= 200 else text[:197] + "..."
            raise DataError(f"A line must hold numbers, {wanted!r}; got {shown!r}.", path=path, line=line) from None
        least = 6 if self.ids else 5
        if len(values) < least or (self.ids and len(values) > least):
            other = "" if self.ids else ", or a polygon"
            raise self._wrong(f"{least} values, {wanted!r}{other}", words, path, line)
        if values[0] < 0 or (self.classes and values[0] >= self.classes):
            limit = f"0..{self.classes - 1}" if self.classes else ">= 0"
            raise DataError(f"The class must be {limit}; got {values[0]:g}.", path=path, line=line)
        if values[0] > self._most:
            check_limit("classes", values[0], "The class", path=path, line=line)
        if self.ids:
            track = _identity(words[1], path, line)
            return Label(int(values[0]), _upright(values[2:6]), "box", line, track_id=track)
        return self._yolo(values, words, path, line)

    def _yolo(self, values: Sequence[float], words: Sequence[str], path: Path, line: int) -> Label:
        number, each = self.keypoints
        count, rest = number * each, len(values) - 5
        if not count and rest > 2:
            count = _unstated_points(values)
        elif rest == number * (5 - each):  # with or without the visibility of each point
            count = rest
        if rest <= 1 or (count and count <= rest <= count + 2):
            points = count if rest > 1 else 0
            share, kind, end = _upright(values[1:5]), "key points" if points else "box", 5 + points
        elif number:
            raise self._wrong(f"5 values, or {5 + count} with {number} key points (kpt_shape)", words, path, line)
        else:
            end = len(values) - (2 if _two_behind(words) else (len(values) - 1) % 2)
            share, kind = (_upright(values[1:5]), "box") if end == 5 else (_around(values[1:end]), "polygon")
            kind = "four corners" if end == 9 else kind
        label = Label(int(values[0]), share, kind, line)
        behind = words[end:]
        if len(behind) == 2:
            label.score, label.track_id = values[end], _identity(behind[1], path, line)
        elif behind:
            label.further = behind[0]
        return label

    @staticmethod
    def _wrong(wanted: str, words: Sequence[str], path: Path, line: int) -> DataError:
        shown = " ".join(words[:20]) + (" ..." if len(words) > 20 else "")
        return DataError(f"A line must hold {wanted}; got {len(words)}: {shown!r}.", path=path, line=line)


def _upright(values: Sequence[float]) -> tuple[float, float, float, float]:
    x, y, width, height = values
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _around(corners: Sequence[float]) -> tuple[float, float, float, float]:
    return min(corners[::2]), min(corners[1::2]), max(corners[::2]), max(corners[1::2])


def _unstated_points(values: Sequence[float]) -> int:
    """Return how many values are key points that no yaml file states, 0 where they may be a polygon."""
    count = (len(values) - 5) // 3 * 3
    flags = values[7 : 5 + count : 3]
    return count if len(values) - 5 == count and max(flags, default=0) == 2 and set(flags) <= {0, 1, 2} else 0


def _two_behind(words: Sequence[str]) -> bool:
    """Tell whether confidence and identity stand at the end of a polygon, or of a box."""
    return len(words) % 2 == 1 and words[-1].isdecimal() and float(words[-1]) > 1


def _identity(word: str, path: Path, line: int) -> int:
    value = float(word)
    if not value.is_integer() or abs(value) >= LARGEST_ID:
        raise DataError(
            f"The identity must be a whole number below {LARGEST_ID}; got {word[:40]}.", path=path, line=line
        )
    return _whole(word, value)


def _whole(word: str, value: float) -> int:
    """The identity exactly, also beyond 2^53; -1 where it is negative."""
    exact = int(value) if abs(value) < 2**53 or not word.lstrip("+-").isdecimal() else int(word)
    return max(exact, -1)
