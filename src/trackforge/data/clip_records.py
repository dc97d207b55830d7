"""What has been cut into a folder so far, ``clips.json``, and the input manifests that follow from it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trackforge.data.dialects.ground_truth_documents import dumped, sequence_document
from trackforge.data.dialects.ground_truth_rules import MOST_SEQUENCES
from trackforge.errors import ConfigError, DataError, SinkError
from trackforge.intake.documents import finite_number, load_json, whole_number
from trackforge.intake.limits import limits
from trackforge.intake.names import plain_name, relative_name
from trackforge.io.atomic import atomic_path

__all__ = ["Clip", "Record"]

NAME = "clips.json"


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A part that was cut.

    Attributes:
        name: Of the part.
        film: The film's name.
        first: Its first frame in the film, from 0.
        step: Every so-manieth frame of the film is in it.
        count: How many frames it has.
        rate: Its frames a second.
        times: When each was taken, seconds since 1970; empty where unknown.
        files: Names of its pictures; those by number in the film where empty.
    """

    name: str
    film: str
    first: int
    step: int
    count: int
    rate: float = 0.0
    times: tuple[float, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def pictures(self) -> tuple[str, ...]:
        """Names of its pictures."""
        return self.files or tuple(f"{self.first + k * self.step + 1:06d}.jpg" for k in range(self.count))


class Record:
    """The parts in a folder, and how they were made; a part stands in it once it is whole.

    Args:
        target: The folder.
        settings: How parts are made.

    Raises:
        ConfigError: The folder was filled with other settings.
        DataError: Its record is no record.
        SinkError: Something else stands there.
    """

    def __init__(self, target: Path, settings: Mapping[str, Any]) -> None:
        self.target, self.settings = target, dict(settings)
        self.clips: list[Clip] = []
        file = target / NAME
        if file.is_file():
            self.clips = self._read(file)
        elif target.is_dir() and any(target.iterdir()):
            raise SinkError(f"The target must be new, or a folder of such parts; {target} holds other things.")
        self._names = {clip.name for clip in self.clips}

    def _read(self, file: Path) -> list[Clip]:
        document = load_json(file, "A record of clips")
        stated = document.get("settings") if isinstance(document, dict) else None
        if not isinstance(stated, dict) or not isinstance(document.get("clips"), list):
            raise DataError("A record of clips must have 'settings' and 'clips'; it does not.", path=file)
        other = [key for key, value in self.settings.items() if stated.get(key) != value]
        if other:
            key = other[0]
            raise ConfigError(
                f"Parts of a folder must be made alike; {self.target} was filled with {key}={stated.get(key)!r}, and "
                f"{key}={self.settings[key]!r} is asked for. Say the same, or name another folder."
            )
        try:
            return [_clip(one, file) for one in document["clips"]]
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise DataError(f"A record of clips must tell of each what it is; {error}.", path=file) from error

    def has(self, name: str) -> bool:
        """Tell whether a part is there."""
        return name in self._names

    def add(self, clip: Clip) -> None:
        """Note a part that is whole."""
        self.clips.append(clip)
        self._names.add(clip.name)
        document = {"version": 1, "settings": self.settings, "clips": [dataclasses.asdict(one) for one in self.clips]}
        with atomic_path(self.target / NAME) as partial:
            partial.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    def totals(self) -> dict[str, Any]:
        """Return what a report says of all parts: ``target``, how many ``clips``, how many ``frames``."""
        return {"target": self.target, "clips": len(self.clips), "frames": sum(clip.count for clip in self.clips)}

    def write_manifests(self) -> tuple[Path, ...]:
        """Write sequence files and manifests of all parts; return the manifests."""
        form, prefix = self.settings["form"], self.settings["prefix"]
        if form == "clips" or not self.clips:
            return ()
        if form == "stills":
            lines = [{"source-ref": f"{prefix}frames/{c.name}/{file}"} for c in self.clips for file in c.pictures]
            return (self._manifest("input.manifest", lines),)
        lines = []
        for number, clip in enumerate(self.clips, 1):
            place = f"sequence-files/{clip.name}.json"
            folder = f"{prefix}frames/{clip.name}/"
            document = sequence_document(clip.pictures, number=number, prefix=folder, times=clip.times)
            with atomic_path(self.target / place) as partial:
                partial.write_text(dumped(document) + "\n", encoding="utf-8")
            lines.append({"source-ref": prefix + place})
        parts = [lines[k : k + MOST_SEQUENCES] for k in range(0, len(lines), MOST_SEQUENCES)]
        names = ["input.manifest"] if len(parts) == 1 else [f"input-{k:03d}.manifest" for k in range(1, len(parts) + 1)]
        for old in self.target.glob("input*.manifest"):
            if old.name not in names:
                old.unlink()
        return tuple(self._manifest(name, part) for name, part in zip(names, parts, strict=True))

    def _manifest(self, name: str, lines: list[dict[str, str]]) -> Path:
        file = self.target / name
        with atomic_path(file) as partial:
            partial.write_text("".join(dumped(line) + "\n" for line in lines), encoding="utf-8")
        return file


def _clip(entry: Mapping[str, Any], file: Path) -> Clip:
    """Return what the record says of a part; raises what Python raises where it is not as it must be."""
    return Clip(
        name=plain_name(str(entry["name"]), "A part", path=file),
        film=str(entry["film"]),
        first=whole_number(entry["first"], 0),
        step=whole_number(entry["step"], 1),
        count=whole_number(entry["count"], 1, limits().frames),
        rate=finite_number(entry.get("rate", 0)),
        times=tuple(map(finite_number, entry.get("times", ()))),
        files=tuple(relative_name(str(name), "A picture", path=file).as_posix() for name in entry.get("files", ())),
    )
