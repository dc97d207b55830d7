"""The pictures of a labelled sequence: where its frames lie, or the film that they are frames of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trackforge.data.dialects.frames import size_of
from trackforge.data.dialects.ground_truth_places import LocalFiles
from trackforge.data.dialects.ground_truth_sequences import SequenceFile
from trackforge.data.parts import Part, frames_of_part
from trackforge.errors import DataError
from trackforge.intake.names import name_problem
from trackforge.registry.suffixes import VIDEO_SUFFIXES

__all__ = ["FramePictures"]


class FramePictures:
    """Finds pictures.

    Args:
        roots: Folders that they may lie in.
        prefix: What addresses of pictures begin with; the rest is where one lies in a folder.

    Attributes:
        size: ``(width, height)`` of the first picture of the sequence that was looked for last; 0 where unknown.
    """

    def __init__(self, roots: Sequence[Path], prefix: str) -> None:
        self.roots, self._local = roots, LocalFiles(roots, prefix)
        self.size = (0, 0)

    def of(self, name: str, files: Sequence[str], listed: SequenceFile | None, place: Path) -> list[str]:
        """Return where each picture of a sequence lies; empty where it is not here.

        Args:
            name: Of the sequence.
            files: Names of the pictures.
            listed: Its sequence file, which states the address of their folder.
            place: The file of the labels, for messages.

        Raises:
            DataError: A name leads out of its folder.
        """
        folders = [root / one for root in self.roots for one in _folders(name)]
        folders = [folder for folder in folders if folder.is_dir()]
        found = []
        for file in files:
            problem = name_problem(file)
            if file and problem:
                raise DataError(f"A frame must name a picture in its folder; {file[:80]!a} {problem}.", path=place)
            picture = None
            if file and listed is not None and listed.prefix:
                address = f"{listed.prefix.rstrip('/')}/{file}"
                picture = self._local.find(address, "A picture", path=listed.path, least=2)
            if file and picture is None:
                picture = next((folder / file for folder in folders if (folder / file).is_file()), None)
            found.append("" if picture is None else picture.as_posix())
        first = next(filter(None, found), None)
        self.size = (0, 0) if first is None else size_of(Path(first))
        return found

    def of_film(
        self, name: str, part: Part | None, numbers: Sequence[int], *, whole: bool, path: Path
    ) -> tuple[list[str], tuple[int, int]]:
        """Return the frames of a film, ``film.mp4#12``, and their size; nothing where it is not here.

        Args:
            name: Of the sequence, and of the film.
            part: What the name says, where the sequence is a part of a film.
            numbers: Of the pictures, as their names say.
            whole: Whether these are all of the part.
            path: Where they were read, for messages.

        Raises:
            DataError: Numbers of a part may be several frames of the film.
        """
        keys, film = list(numbers), self._film(name)
        if film is not None and part is not None:
            count, span = _film_of(film)[0], part.last - part.first
            if not part.step and count > 1 and span % (count - 1) == 0:
                part = part._replace(step=span // (count - 1))  # the film of the part has its frames
            keys = frames_of_part(numbers, part, film=False, whole=whole, path=path)
        elif part is not None and (film := self._film(part.film)) is not None:
            keys = frames_of_part(numbers, part, film=True, whole=whole, path=path)
        if film is None:
            return [""] * len(keys), (0, 0)
        return [f"{film.as_posix()}#{key}" for key in keys], _film_of(film)[1]

    def _film(self, name: str) -> Path | None:
        if name_problem(name):
            return None
        places = (root / f"{name}{suffix}" for root in self.roots for suffix in VIDEO_SUFFIXES)
        return next((place for place in places if place.is_file()), None)


def _folders(name: str) -> tuple[str, ...]:
    """Return where the pictures of a sequence may lie in a folder."""
    return name, f"frames/{name}", f"images/{name}", f"{name}/images", ""


def _film_of(film: Path) -> tuple[int, tuple[int, int]]:
    """Return how many frames a film has, and their size."""
    from trackforge.data.video import VideoFrames

    video = VideoFrames(film)
    try:
        return len(video), video.size(0)
    finally:
        video.close()
