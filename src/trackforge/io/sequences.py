"""Frames of MOTChallenge sequences, with their pictures or without."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from trackforge.config import check, setting
from trackforge.errors import DataError, SourceError
from trackforge.intake.names import readable
from trackforge.intake.reading import reading
from trackforge.io.levels import Levels
from trackforge.io.picture_files import Losses, time_at
from trackforge.io.pictures import decode_picture, picture_bytes
from trackforge.io.seqinfo import numbered_pictures, picture_folder, read_seqinfo, video_beside
from trackforge.registry import registry
from trackforge.types import Frame, Stream

__all__ = ["BlankSource", "BlankSourceConfig", "MotSequenceSource", "MotSequenceSourceConfig"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class MotSequenceSourceConfig:
    """Settings of `MotSequenceSource`."""

    path: Path = setting(help="Folder of the sequence, or its seqinfo.ini.")
    images: Literal["auto", "require", "none"] = setting(
        "auto",
        help="Read pictures where they are there, insist on them, or give frames without (for known detections).",
    )
    on_corrupt: Literal["skip", "stop"] = setting(
        "skip", help="Damaged pictures are skipped, counted and logged once, or stop the run with an error."
    )

    def __post_init__(self) -> None:
        check(self)


class MotSequenceSource:
    """A MOTChallenge sequence: ``seqinfo.ini`` beside a folder of numbered pictures, or beside a video.

    ``frame.index`` is the picture's number less one, as everywhere outside `trackforge.io.mot`; where a picture bears
    the number 0, it is the number itself. A sequence without either, as annotations are often kept, gives frames of
    the stated size without image.

    Attributes:
        name: Of the sequence, as stated.
        rate: Frames per second, as stated.
        info: All of ``seqinfo.ini``.
        film: The video that holds the frames, where they are no pictures; else None.

    Raises:
        DataError: ``seqinfo.ini`` is malformed.
        SourceError: It is missing; or pictures are required and missing.
    """

    def __init__(self, config: MotSequenceSourceConfig) -> None:
        self.config = config
        path = config.path.parent if config.path.name == "seqinfo.ini" else config.path
        if not (path / "seqinfo.ini").is_file():
            raise SourceError(
                f"A MOTChallenge sequence must be a folder with a seqinfo.ini; {path} has none. Name the right folder."
            )
        self.info = read_seqinfo(path / "seqinfo.ini")
        self.name = self.info.name
        self.rate: float | None = self.info.rate if self.info.rate > 0 else None
        self._losses = Losses(config.on_corrupt)
        self._round = 0
        self._files: Mapping[int, Path] = {}
        self._film: Any = None
        self.film: Path | None = None
        if config.images != "none":
            with reading(path, "A sequence"):
                self._find(path)

    def _find(self, path: Path) -> None:
        """Find the pictures, or the video in their stead, and say what is odd about them."""
        folder = picture_folder(path, self.info)
        if folder is not None:
            found = numbered_pictures(folder, self.info.image_ext)
            self._files = {index: found.files[index] for index in sorted(found.files)}
            if found.from_zero:
                log.warning("%s counts its pictures from 0, not from 1: number 0 is taken for the first frame", folder)
            words = [f"{found.others} pictures without a number of their own"] if found.others else []
            words += [found.left_out] if found.left_out else []
            if words:
                log.warning("%s: left out %s", folder, " and ".join(words))
        film = video_beside(path, self.name) if not self._files else None
        if film is not None:
            self.film = film
            settings = {"path": film, "on_corrupt": self.config.on_corrupt}
            self._film = registry().create("source", "video", settings)
            log.info("%s holds no pictures: %s is read", path, film.name)
        elif not self._files and self.config.images == "require":
            raise SourceError(
                f"{path} must hold numbered {self.info.image_ext} pictures in {self.info.image_dir}/; there are none. "
                "Copy them there, or set images='none' where detections are known."
            )
        elif not self._files:
            log.info("%s holds no pictures: its frames come without image", path)

    @property
    def skipped(self) -> int:
        """Damaged pictures left out by the latest iteration."""
        return self._losses.count if self._film is None else int(self._film.skipped)

    @property
    def stream(self) -> Stream:
        """What ``seqinfo.ini`` states, and the number of frames that are there."""
        if self._film is not None:
            stream: Stream = self._film.stream
            return replace(stream, name=self.name, rate=self.rate or stream.rate)
        size = (self.info.width, self.info.height)
        return Stream(name=self.name, rate=self.rate, size=size if min(size) > 0 else None, length=len(self))

    def __len__(self) -> int:
        film = None if self._film is None else self._film.stream.length
        return film or len(self._files) or self.info.length

    def __iter__(self) -> Iterator[Frame]:
        """Give the first frame, the second, ...

        Raises:
            SourceError: No picture can be decoded; or, with ``on_corrupt="stop"``, one is damaged.
        """
        if self._film is not None:
            for frame in self._film:
                yield replace(frame, sequence=self.name)
            return
        losses = self._losses = Losses(self.config.on_corrupt)
        this = self._round
        levels = Levels(self.name)
        size = (self.info.width, self.info.height)
        for index in self._files or range(self.info.length):
            if this != self._round:
                return
            time = time_at(index, self.rate)
            file = self._files.get(index)
            if file is None:
                yield Frame(index=index, size=size, timestamp=time, sequence=self.name)
                continue
            try:
                image = decode_picture(picture_bytes(file), file, levels)
            except DataError as error:
                losses.add(file, error)
                continue
            name = readable(f"{file.parent.name}/{file.name}")
            yield Frame(index=index, image=image, timestamp=time, sequence=self.name, file=name)
        losses.check(self.config.path, len(self._files))

    def close(self) -> None:
        """End iterations under way, at their next frame."""
        self._round += 1
        if self._film is not None:
            self._film.close()


@dataclass(frozen=True, kw_only=True)
class BlankSourceConfig:
    """Settings of `BlankSource`."""

    length: int = setting(help="Number of frames.", unit="frames", minimum=0)
    size: tuple[int, int] = setting((0, 0), help="Width and height of the frames; 0,0 where unknown.", unit="px")
    rate: float | None = setting(None, help="Frames per second; none for frames without a clock.", minimum=1e-6)
    name: str = setting("frames", help="Name of the sequence.")

    def __post_init__(self) -> None:
        check(self)


class BlankSource:
    """Frames without pictures, for detections that are known.

    Attributes:
        name: Of the sequence, as set.
        rate: Frames per second as set, or None.
    """

    def __init__(self, config: BlankSourceConfig) -> None:
        self.config = config
        self.name = config.name
        self.rate = config.rate
        self._round = 0

    @property
    def stream(self) -> Stream:
        """Everything as set."""
        size = self.config.size
        return Stream(name=self.name, rate=self.rate, size=size if min(size) > 0 else None, length=len(self))

    def __len__(self) -> int:
        return self.config.length

    def __iter__(self) -> Iterator[Frame]:
        """Give the first frame, the second, ..."""
        this = self._round
        for index in range(self.config.length):
            if this != self._round:
                return
            yield Frame(index=index, size=self.config.size, timestamp=time_at(index, self.rate), sequence=self.name)

    def close(self) -> None:
        """End iterations under way, at their next frame."""
        self._round += 1
