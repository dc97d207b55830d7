"""Frames of picture folders and of files that hold several pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.config import check, setting
from trackforge.errors import DataError
from trackforge.intake.names import readable
from trackforge.intake.reading import reading
from trackforge.io.levels import Levels
from trackforge.io.picture_files import Losses, find_pictures, time_at
from trackforge.io.sequences import BlankSource, BlankSourceConfig, MotSequenceSource, MotSequenceSourceConfig
from trackforge.io.stacks import count_pictures, open_pictures
from trackforge.registry.suffixes import STACK_SUFFIXES
from trackforge.types import Frame, Stream

__all__ = [
    "BlankSource",
    "BlankSourceConfig",
    "ImageSource",
    "ImageSourceConfig",
    "MotSequenceSource",
    "MotSequenceSourceConfig",
]


_Read: TypeAlias = "tuple[str, npt.NDArray[np.uint8] | None, float | None]"
"""A picture's name, the picture unless it is damaged, and the seconds that it is shown for, where that is known."""


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

    ``frame.index`` is the place in that order; a picture that cannot be decoded leaves a gap. Every page of a TIFF and
    every picture of an animated PNG, WebP or GIF is a frame; the durations in a single such file are the clock, unless
    a rate is set. Pictures of more than 8 bits become 8 by the rule of `trackforge.io.levels`.

    Attributes:
        name: The folder's name; a file's that holds several pictures.
        rate: Frames per second as set, or as the durations in the file come to, or None.

    Raises:
        SourceError: There are no pictures.
    """

    def __init__(self, config: ImageSourceConfig) -> None:
        self.config = config
        with reading(config.path, "Pictures"):
            self.files = find_pictures(str(config.path))
        first, self._alone = self.files[0], len(self.files) == 1
        folder = Path(os.path.abspath(config.path)).name if Path(config.path).is_dir() else first.parent.name  # noqa: PTH100
        self.name = readable(folder or first.stem)
        self.rate = config.rate
        self._length: int | None = None
        if self._alone and first.suffix.lower() in STACK_SUFFIXES:
            with suppress(DataError), closing(open_pictures(first)) as pictures:  # which is said when it is read
                self._length = len(pictures)
                if len(pictures) > 1:
                    self.name, seconds = readable(first.stem), sum(pictures.durations)
                    self.rate = config.rate or (len(pictures) / seconds if seconds else None)
        self._folder = Path(os.path.commonpath([file.parent for file in self.files]))
        self._losses = Losses(config.on_corrupt)
        self._round = 0

    @property
    def skipped(self) -> int:
        """Damaged pictures left out by the latest iteration."""
        return self._losses.count

    @property
    def stream(self) -> Stream:
        """Name, rate, and number of the pictures."""
        return Stream(name=self.name, rate=self.rate, length=len(self))

    def __len__(self) -> int:
        """Pictures to come; of animated PNGs in a folder, which only reading tells, each counts as one."""
        if self._length is None:
            several = (*(suffix for suffix in STACK_SUFFIXES if suffix != ".png"), ".gif")
            self._length = sum(count_pictures(file) if file.suffix.lower() in several else 1 for file in self.files)
        return self._length

    def __iter__(self) -> Iterator[Frame]:
        """Read the first picture, the second, ...

        Raises:
            SourceError: No picture can be decoded; or, with ``on_corrupt="stop"``, one is damaged.
        """
        losses = self._losses = Losses(self.config.on_corrupt)
        levels = Levels(self.name)
        timed = self._alone and not self.config.rate
        this, index, clock = self._round, -1, 0.0
        for file in self.files:
            if this != self._round:
                return
            for name, image, seconds in self._read(file, levels, losses):
                if this != self._round:
                    return
                index += 1
                time = time_at(index, self.rate) if seconds is None or not timed else clock
                clock += seconds or 0.0
                if image is not None:
                    yield Frame(index=index, image=image, timestamp=time, sequence=self.name, file=readable(name))
        losses.check(self.config.path, index + 1)

    def close(self) -> None:
        """End iterations under way, at their next frame."""
        self._round += 1

    def _read(self, file: Path, levels: Levels, losses: Losses) -> Iterator[_Read]:
        name = file.relative_to(self._folder).as_posix()
        try:
            pictures = open_pictures(file)
        except DataError as error:
            losses.add(file, error)
            yield name, None, None
            return
        with closing(pictures):
            for key in range(len(pictures)):
                image = None
                try:
                    image = pictures.read(key, levels)
                except DataError as error:
                    losses.add(file, error)
                seconds = pictures.durations[key] if pictures.durations else None
                yield f"{name}#{key}" if len(pictures) > 1 else name, image, seconds
