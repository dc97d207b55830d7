"""Replays stored answers of SageMaker's models: counting, drawing and tracking without an endpoint."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trackforge.config import check, setting
from trackforge.errors import DataError, InvalidInputError, MissingFileError
from trackforge.intake.names import name_problem
from trackforge.io.builtin_response import answer_name, read_names, read_response
from trackforge.types import Detections, Frame

__all__ = ["ResponseDetector", "ResponseDetectorConfig"]

ENDINGS = (".out", ".json")
"""Of stored answers: as batch transform names them, and as people do."""


@dataclass(frozen=True, kw_only=True)
class ResponseDetectorConfig:
    """Settings of `ResponseDetector`."""

    path: Path = setting(
        help="Answer of one picture, or a folder with one for each: boats.jpg.out, boats.jpg.json, boats.json.",
        role="weights",
    )
    classes: tuple[str, ...] = setting((), help="Names of the classes, by number; none for those of the answers.")
    min_score: float | None = setting(
        None, help="Objects with a lower score are left out; none keeps all.", role="conf", minimum=0, maximum=1
    )
    missing: Literal["error", "empty"] = setting("error", help="What a picture without an answer is.")

    def __post_init__(self) -> None:
        check(self)


class ResponseDetector:
    """Gives each picture the objects of its stored answer, in the answer's order, with masks where it has some.

    Answers of the built-in Object Detection and of JumpStart's models are known, and told apart by what they hold; see
    `trackforge.io.builtin_response` and `trackforge.io.jumpstart_response`. The former know classes by number only.

    In a folder the answer is looked for by the picture's name, in folders below it as in the source's, and before that
    in the folder of the sequence's name, where answers of several films or cameras lie together. Frames of a film are
    numbered from 1, as the sink ``responses`` has them: ``000001.jpg.out``.

    Raises:
        MissingFileError: There is nothing at the path.
        DataError: Two answers have different names for a class.
    """

    embedding_dim: int | None = None

    def __init__(self, config: ResponseDetectorConfig) -> None:
        self.config = config
        if not config.path.exists():
            raise MissingFileError(f"path must be a stored answer, or a folder of such; there is no {config.path}.")
        self.classes: tuple[str, ...] = config.classes or _classes(config.path)
        self._owner: tuple[str, str, int] | None = None

    def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
        """Return the objects of each picture.

        Raises:
            MissingFileError: A picture has no answer, and shall have one.
            InvalidInputError: One answer is asked for the objects of two pictures, or has a class without a name.
            DataError: An answer is malformed.
        """
        return [self._one(frame) for frame in frames]

    def _one(self, frame: Frame) -> Detections:
        path = self._path(frame)
        if path is None:
            return Detections.empty()
        found = read_response(path, frame.size)
        if self.config.min_score is not None:
            found = found[found.score >= self.config.min_score]
        most = int(found.class_id.max(initial=-1))
        if most >= len(self.classes):
            raise InvalidInputError(
                f"classes must name every class; {path} has class {most} (from 0), {len(self.classes)} are named: "
                f"{', '.join(self.classes)}."
            )
        return found

    def _path(self, frame: Frame) -> Path | None:
        given = self.config.path
        if given.is_file():
            owner = (frame.sequence, frame.file or "", frame.index)
            self._owner = self._owner or owner
            if owner != self._owner:
                raise InvalidInputError(
                    f"{given} is the answer for one picture, and there are several: {self._owner[1] or 'frame 0'}, "
                    f"then {owner[1] or f'frame {frame.index}'}. Name the folder of answers."
                )
            return given
        names = _names(frame)
        folders = [given] if name_problem(frame.sequence) else [given / frame.sequence, given]
        places = (folder / name for folder in folders for name in names)
        found = next((place for place in places if place.is_file()), None)
        if found is None and self.config.missing == "error":
            raise MissingFileError(
                f"Every picture must have an answer in {given}; {frame.file or f'frame {frame.index}'} has none: "
                f"{', '.join(names)}. missing=empty takes it for a picture without objects."
            )
        return found


def _classes(path: Path) -> tuple[str, ...]:
    """Return the names that one answer, or a folder of such, tells; "class n" where none does."""
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.suffix.lower() in ENDINGS]
    names: dict[int, tuple[str, Path]] = {}
    for file in sorted(files):
        told: dict[int, str] = {}
        with contextlib.suppress(DataError):  # whoever asks for that picture is told
            told = read_names(file)
        for number, name in told.items():
            before, where = names.setdefault(number, (name, file))
            if name != before:
                raise DataError(
                    f"Answers must agree on the names of classes; class {number} is {name!r} here, and {before!r} in "
                    f"{where.name}. Keep the answers of one model in one folder, or name the classes.",
                    path=file,
                )
    return tuple(names[n][0] if n in names else f"class {n}" for n in range(1 + max(names, default=0)))


def _names(frame: Frame) -> list[str]:
    """Return the names under which the answer of a picture may lie."""
    name = answer_name(frame)
    return [f"{stem}{ending}" for stem in (name, name.with_suffix("")) for ending in ENDINGS]
