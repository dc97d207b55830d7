"""Frames of picture folders and MOTChallenge sequences, and frames without pictures."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from trackforge.config import check, setting
from trackforge.errors import DataError, SourceError
from trackforge.intake.folders import natural_key
from trackforge.io.pictures import decode_picture
from trackforge.registry.suffixes import IMAGE_SUFFIXES
from trackforge.types import Frame, Stream

__all__ = [
    "BlankSource",
    "BlankSourceConfig",
    "ImageSource",
    "ImageSourceConfig",
    "MotSequenceSource",
    "MotSequenceSourceConfig",
]

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ImageSourceConfig:
    """Settings of `ImageSource`."""

    path: str | Path = setting(help="Folder of pictures, one picture, or a glob such as 'shots/*.jpg'.")
    rate: float | None = setting(None, help="Frames per second; none where the pictures have no clock.", minimum=1e-6)
    on_corrupt: Literal["skip", "stop"] = setting(
        "skip", help="Damaged pictures are skipped, counted and logged once, or stop the run with an error."
    )

    def __post_init__(self) -> None:
        check(self)


class ImageSource:
    """Pictures in natural order (2.jpg before 10.jpg), RGB, upright; their sizes may differ.

    ``frame.index`` is the place in that order; a picture that cannot be decoded leaves a gap.

    Attributes:
        name: The folder's name.
        rate: Frames per second as set, or None.
        skipped: Damaged pictures left out by the latest iteration.

    Raises:
        SourceError: There are no pictures.
    """

    def __init__(self, config: ImageSourceConfig) -> None:
        self.config = config
        self.rate = config.rate
        self.skipped = 0
        self.files = _find(str(config.path))
        self.name = self.files[0].parent.name or self.files[0].stem
        self._folder = Path(os.path.commonpath([file.parent for file in self.files]))
        self._round = 0

    @property
    def stream(self) -> Stream:
        """Name, rate as set, and number of the pictures."""
        return Stream(name=self.name, rate=self.rate, length=len(self))

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[Frame]:
        """Read the first picture, the second, ...

        Raises:
            SourceError: No picture can be decoded; or, with ``on_corrupt="stop"``, one is damaged.
        """
        self.skipped = 0
        this = self._round
        for index, file in enumerate(self.files):
            if this != self._round:
                return
            image = read_image(file)
            if image is not None:
                yield Frame(
                    index=index,
                    image=image,
                    timestamp=_time(index, self.rate),
                    sequence=self.name,
                    file=file.relative_to(self._folder).as_posix(),
                )
                continue
            _lose(self, file)
        if self.skipped == len(self.files):
            raise SourceError(f"{self.config.path} must hold pictures; none of {self.skipped} files can be decoded.")

    def close(self) -> None:
        """End iterations under way, at their next frame."""
        self._round += 1


def _lose(source: ImageSource | MotSequenceSource, file: Path) -> None:
    """Count a picture that cannot be decoded, or stop there."""
    if source.config.on_corrupt == "stop":
        raise SourceError(f"{file} cannot be decoded. Repair or remove it, or set on_corrupt='skip'.")
    if not source.skipped:
        log.warning("%s cannot be decoded and is skipped; further ones are only counted", file)
    source.skipped += 1


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
    """A MOTChallenge sequence: ``seqinfo.ini`` beside a folder of numbered pictures.

    ``frame.index`` is the picture's number less one, as everywhere outside `trackforge.io.mot`. A sequence without
    pictures, as annotations are often kept, gives frames of the stated size without image.

    Attributes:
        name: Of the sequence, as stated.
        rate: Frames per second, as stated.
        info: All of ``seqinfo.ini``.
        skipped: Damaged pictures left out by the latest iteration.

    Raises:
        DataError: ``seqinfo.ini`` is malformed.
        SourceError: It is missing; or pictures are required and missing.
    """

    def __init__(self, config: MotSequenceSourceConfig) -> None:
        from trackforge.io.mot import read_seqinfo

        self.config = config
        path = config.path.parent if config.path.name == "seqinfo.ini" else config.path
        if not (path / "seqinfo.ini").is_file():
            raise SourceError(
                f"A MOTChallenge sequence must be a folder with a seqinfo.ini; {path} has none. Name the right folder."
            )
        self.info = read_seqinfo(path / "seqinfo.ini")
        self.name = self.info.name
        self.rate: float | None = self.info.rate if self.info.rate > 0 else None
        self.skipped = 0
        self._round = 0
        folder = path / self.info.image_dir
        self._files = _numbered(folder, self.info.image_ext) if config.images != "none" else {}
        if self._files or config.images == "none":
            return
        if config.images == "require":
            raise SourceError(
                f"{path} must hold numbered {self.info.image_ext} pictures in {folder.name}/; there are none. "
                "Copy them there, or set images='none' where detections are known."
            )
        log.info("%s holds no pictures: its frames come without image", path)

    @property
    def stream(self) -> Stream:
        """What ``seqinfo.ini`` states, and the number of frames that are there."""
        size = (self.info.width, self.info.height)
        return Stream(name=self.name, rate=self.rate, size=size if min(size) > 0 else None, length=len(self))

    def __len__(self) -> int:
        return len(self._files) or self.info.length

    def __iter__(self) -> Iterator[Frame]:
        """Give the first frame, the second, ...

        Raises:
            SourceError: No picture can be decoded; or, with ``on_corrupt="stop"``, one is damaged.
        """
        self.skipped = 0
        this = self._round
        size = (self.info.width, self.info.height)
        for index in sorted(self._files) or range(self.info.length):
            if this != self._round:
                return
            time = _time(index, self.rate)
            file = self._files.get(index)
            if file is None:
                yield Frame(index=index, size=size, timestamp=time, sequence=self.name)
                continue
            image = read_image(file)
            if image is None:
                _lose(self, file)
            else:
                name = f"{self.info.image_dir}/{file.name}"
                yield Frame(index=index, image=image, timestamp=time, sequence=self.name, file=name)
        if self._files and self.skipped == len(self._files):
            raise SourceError(f"{self.config.path} must hold pictures; none of {self.skipped} files can be decoded.")

    def close(self) -> None:
        """End iterations under way, at their next frame."""
        self._round += 1


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
            yield Frame(index=index, size=self.config.size, timestamp=_time(index, self.rate), sequence=self.name)

    def close(self) -> None:
        """End iterations under way, at their next frame."""
        self._round += 1


def read_image(file: Path) -> npt.NDArray[np.uint8] | None:
    """Read a picture as RGB uint8 ``(H, W, 3)``, upright; None where it is damaged.

    Raises:
        SourceError: The file cannot be read.
    """
    try:
        return decode_picture(file.read_bytes(), file)
    except DataError:
        return None
    except OSError as error:
        raise SourceError(f"{file} cannot be read: {error.strerror or error}.") from error


def _time(index: int, rate: float | None) -> float | None:
    return index / rate if rate else None


def _find(path: str) -> list[Path]:
    place = Path(path)
    if place.is_dir():
        found = [file for file in place.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES]
        what = "A picture folder must hold pictures"
    elif place.is_file():
        found, what = [place], ""
    else:
        found = [Path(file) for file in glob.glob(path, recursive=True)]  # noqa: PTH207 - the pattern may be absolute
        found = [file for file in found if file.suffix.lower() in IMAGE_SUFFIXES]
        what = "The path must name a folder of pictures, or a glob that matches some"
    if not found:
        raise SourceError(f"{what}; {path} gives none. Known endings: {' '.join(sorted(IMAGE_SUFFIXES))}.")
    return sorted(found, key=lambda file: natural_key(str(file)))


def _numbered(folder: Path, suffix: str) -> dict[int, Path]:
    """Map 0-based frame indices to the numbered pictures of a folder."""
    if not folder.is_dir():
        return {}
    return {int(p.stem) - 1: p for p in folder.iterdir() if p.suffix.lower() == suffix.lower() and p.stem.isdecimal()}
