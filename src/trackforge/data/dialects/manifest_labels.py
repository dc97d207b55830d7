"""What a line of an augmented manifest, or the records that follow a picture in a stream, say of a picture.

Boxes are those of an attribute that is found by its form and its metadata. Where a line has several, those that people
looked at again count (``adjustment-status``), else one must be named; ``attribute="*"`` puts the boxes of all together,
classes by their names. What else is known of a picture comes along in columns: whether people labelled it, when and in
which job, and what other jobs say of it in a word, such as the verdict of a verification.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trackforge.data.class_names import ClassNames
from trackforge.data.problems import Findings
from trackforge.errors import DataError
from trackforge.intake.documents import finite_number, whole_number
from trackforge.io.manifest_lines import METADATA
from trackforge.io.sagemaker_boxes import Box, read_box, read_size

__all__ = ["EVERY", "KIND", "TOLD", "LabelReader", "PictureLabels", "holds_boxes"]

KIND = "groundtruth/object-detection"
EVERY = "*"
"""What is named instead of an attribute, for the boxes of all."""
TOLD = {
    "human-annotated": "human_annotated",
    "job-name": "job_name",
    "creation-date": "creation_date",
    "adjustment-status": "adjustment_status",
}
"""What metadata say of a whole picture, and the columns for it."""
_IN_WORDS = 50
"""Attributes that say something in a word, up to which they become columns."""
_SIDES = frozenset({"class_id", "left", "top", "width", "height", "score"})


@dataclass
class PictureLabels:
    """What is known of a picture.

    Attributes:
        size: ``(width, height)``; 0 where it is not stated.
        boxes: Its boxes.
        extras: Further columns of each box.
        extra: Further columns of the picture.
    """

    size: tuple[int, int] = (0, 0)
    boxes: list[Box] = field(default_factory=list)
    extras: list[dict[str, Any]] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)


class LabelReader:
    """Finds the boxes of a line."""

    def __init__(self, findings: Findings, names: ClassNames, attribute: str | None) -> None:
        self.findings, self.names, self._attribute = findings, names, attribute
        self._by_name: dict[str, int] = {}
        self._failed = 0

    def labels(
        self, document: Mapping[str, Any], file: Path, line: int | None, *, what: str = "The line"
    ) -> PictureLabels | None:
        """Return what is known of a picture; None where labelling failed, which is counted.

        Raises:
            DataError: There is no attribute with boxes, or it is malformed.
        """
        found = self._names(document, file, line, what)
        if not found:
            self._failed += 1
            return None
        made = PictureLabels(extra=_in_words(document, found))
        for name in found:
            self._add(made, name, document, file, line)
        return made

    def _add(self, made: PictureLabels, name: str, document: Mapping[str, Any], file: Path, line: int | None) -> None:
        labels, metadata = document[name], document.get(f"{name}{METADATA}")
        metadata = metadata if isinstance(metadata, dict) else {}
        numbers = self._classes(metadata.get("class-map"), file, line)
        try:
            size = read_size(labels.get("image_size"))
        except ValueError as error:
            raise self._fault(file, line, f"image_size of {name!r} {error}") from error
        made.size = made.size if min(made.size) > 0 else size
        made.extra |= {column: str(metadata[key])[:200] for key, column in TOLD.items() if key in metadata}
        stated = _confidences(metadata.get("objects"), len(labels["annotations"]))
        for at, value in enumerate(labels["annotations"]):
            try:
                box = read_box(value)
                number = numbers.get(box.class_id, box.class_id)
                self.names.number(number, f"annotations[{at}]", path=file, line=line)
            except DataError as error:
                self.findings.caught(error, kind="class-range")
                continue
            except ValueError as error:
                self.findings.bad(f"annotations[{at}] {error}.", path=file, line=line)
                continue
            extra: dict[str, Any] = {} if stated[at] is None else {"confidence": stated[at]}
            if self._attribute == EVERY:
                extra["attribute"] = name
            more = {k: v for k, v in value.items() if k not in _SIDES and isinstance(v, (str, bool, int, float))}
            made.boxes.append(box._replace(class_id=number))
            made.extras.append({**{str(k)[:200]: v for k, v in more.items()}, **extra})

    def _classes(self, class_map: Any, file: Path, line: int | None) -> dict[int, int]:
        """Note the classes of an attribute; return the number in the set of each, where that is another."""
        out: dict[int, int] = {}
        for key, label in (class_map if isinstance(class_map, dict) else {}).items():
            try:
                number = whole_number(key, 0)
            except ValueError as error:
                raise self._fault(file, line, f"A class-map must have numbers; one {error}") from error
            if self._attribute == EVERY:  # attributes number their classes each for itself
                free = max(self._by_name.values(), default=-1) + 1
                taken = number in self._by_name.values() and self._by_name.get(str(label)) != number
                out[number] = self._by_name.setdefault(str(label), free if taken else number)
                number = out[number]
            self.names.state(number, str(label), path=file, line=line)
        return out

    def _names(self, document: Mapping[str, Any], file: Path, line: int | None, what: str) -> list[str]:
        """Return the attributes with the boxes, none where labelling of those failed."""
        holding = [key for key, value in document.items() if holds_boxes(value)]
        told = {key: document.get(f"{key}{METADATA}") for key in holding}
        declared = [key for key in holding if _said(told[key], "type") == KIND]
        if self._attribute is not None and self._attribute != EVERY:
            found = [key for key in holding if key == self._attribute]
        else:
            found = declared or holding
        if len(found) > 1 and self._attribute is None:
            looked_at = [key for key in found if _said(told[key], "adjustment-status")]
            found = looked_at if len(looked_at) == 1 else found
        if len(found) > 1 and self._attribute is None:
            listing = ", ".join(map(ascii, found))
            raise DataError(
                f"{what} has several attributes with boxes: {listing}. Name one: attribute=...; or all: attribute='*'",
                path=file,
                line=line,
            )
        if found:
            return found
        metadata = [value for key, value in document.items() if key.endswith(METADATA) and isinstance(value, dict)]
        if any("failure-reason" in value for value in metadata):
            return []
        named = self._attribute not in (None, EVERY)
        wanted = f"the attribute {self._attribute!r}" if named else "an attribute"
        raise self._fault(file, line, f"{what} must have {wanted} with 'annotations'; it has {_keys(document)}")

    @staticmethod
    def _fault(file: Path, line: int | None, message: str) -> DataError:
        return DataError(f"{message}.", path=file, line=line)

    def notes(self) -> list[str]:
        """Say what was left out."""
        return (
            [f"{self._failed} pictures have no labels, for labelling them failed; they are left out"]
            if self._failed
            else []
        )


def _keys(document: Mapping[str, Any]) -> str:
    names = [ascii(key[:40]) for key in list(document)[:5]]
    return ", ".join(names) or "nothing"


def holds_boxes(value: Any) -> bool:
    """Tell whether the value of an attribute is boxes."""
    return isinstance(value, dict) and isinstance(value.get("annotations"), list)


def _said(metadata: Any, key: str) -> Any:
    return metadata.get(key) if isinstance(metadata, dict) else None


def _in_words(document: Mapping[str, Any], boxes: list[str]) -> dict[str, str]:
    """Return what other attributes say of a picture in a word: the name of a class, a verdict."""
    out: dict[str, str] = {}
    for key, value in document.items():
        name = key.removesuffix(METADATA)
        word = _said(value, "class-name")
        if name != key and name not in boxes and isinstance(word, str) and len(out) < _IN_WORDS:
            out[name[:200]] = word[:200]
    return out


def _confidences(objects: Any, count: int) -> list[float | None]:
    """Return what was said of each box, None throughout where that is not one each."""
    if not isinstance(objects, list) or len(objects) != count:
        return [None] * count
    try:
        return [finite_number(one["confidence"]) for one in objects]
    except (KeyError, TypeError, ValueError):
        return [None] * count
