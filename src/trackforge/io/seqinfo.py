"""What a MOTChallenge ``seqinfo.ini`` says, in its dialects, and the numbered pictures beside it.

Sections are named in any case, or missing; numbers are written ``30000/1001``, ``3.0`` or ``29,97``; remarks stand
behind ``;`` or ``#``; files come from Windows in its own encodings.
"""

from __future__ import annotations

import configparser
import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from trackforge.errors import DataError
from trackforge.intake.folders import is_companion, list_files
from trackforge.intake.limits import check_limit, limits
from trackforge.intake.names import inside, name_problem, plain_name
from trackforge.intake.reading import reading
from trackforge.registry.suffixes import IMAGE_SUFFIXES, VIDEO_SUFFIXES

__all__ = [
    "NumberedPictures",
    "SequenceInfo",
    "numbered_pictures",
    "picture_folder",
    "read_seqinfo",
    "seqinfo_lines",
    "video_beside",
]

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SequenceInfo:
    """What a MOTChallenge ``seqinfo.ini`` says about a sequence.

    Attributes:
        name: Of the sequence.
        length: Frames.
        rate: Frames per second.
        width: Of the images, pixels.
        height: Of the images, pixels.
        image_dir: Folder of the images, beside the ini file.
        image_ext: Ending of their names, with the dot.
    """

    name: str
    length: int
    rate: float = 30.0
    width: int = 0
    height: int = 0
    image_dir: str = "img1"
    image_ext: str = ".jpg"


def read_seqinfo(path: str | Path) -> SequenceInfo:
    """Read a ``seqinfo.ini``, or the one in a sequence's folder.

    Raises:
        DataError: It states no length, a value is no number, the length is above the limit, or the name could not be
            that of a file.
        FileNotFoundError: There is no such file.
    """
    path = Path(path)
    path = path / "seqinfo.ini" if path.is_dir() else path
    with reading(path, "A seqinfo.ini"):
        try:
            stated = _section(_text(path.read_bytes()))
            length, rate = _number(stated["seqlength"]), _number(stated.get("framerate", "30"))
            width, height = (_number(stated.get(name, "0")) for name in ("imwidth", "imheight"))
            if min(length, width, height, rate) < 0:
                raise ValueError("a number is negative")
            if not all(number.is_integer() for number in (length, width, height)):
                raise ValueError("seqLength, imWidth and imHeight must be whole numbers")
        except (configparser.Error, KeyError, ValueError, ZeroDivisionError) as error:
            raise DataError(
                "A seqinfo.ini must have a section [Sequence] with numbers for seqLength and frameRate; "
                f"{' '.join(str(error).split())[:200]}.",
                path=path,
            ) from error
        check_limit("frames", length, "seqLength", path=path)
        check_limit("pixels", width * height, "imWidth times imHeight", path=path)
        ending = stated.get("imext") or ".jpg"
        return SequenceInfo(
            name=plain_name(stated.get("name") or path.absolute().parent.name, "The sequence", path=path),
            length=int(length),
            rate=rate,
            width=int(width),
            height=int(height),
            image_dir=stated.get("imdir") or "img1",
            image_ext=ending if ending.startswith(".") else f".{ending}",
        )


def seqinfo_lines(info: SequenceInfo) -> tuple[str, ...]:
    """Return the lines of a ``seqinfo.ini`` that `read_seqinfo` reads back."""
    return (
        "[Sequence]",
        f"name={' '.join(info.name.split())}",
        f"imDir={info.image_dir}",
        f"frameRate={info.rate:.10g}",
        f"seqLength={info.length}",
        f"imWidth={info.width}",
        f"imHeight={info.height}",
        f"imExt={info.image_ext}",
    )


def picture_folder(folder: str | Path, info: SequenceInfo | None = None) -> Path | None:
    """Return where the pictures of a sequence lie; None where there are none.

    That is the folder that ``imDir`` names; where it holds no picture, and one other folder beside ``seqinfo.ini`` does
    (or ``img1``), it is that one, which is said.

    Args:
        folder: The sequence's.
        info: What its ``seqinfo.ini`` says.

    Raises:
        OSError: A folder cannot be listed.
    """
    folder, stated = Path(folder), info.image_dir if info else "img1"
    if stated in (".", "./", ".\\"):
        return folder if _has_pictures(folder) else None
    if name_problem(stated) is None:
        named = inside(folder, stated, "imDir")
        if _has_pictures(named):
            return named
    there = [
        place
        for place in sorted(folder.iterdir())
        if place.is_dir() and place.name not in ("gt", "det") and not is_companion(place.name) and _has_pictures(place)
    ]
    there = [place for place in there if place.name.lower() == "img1"] or there
    if len(there) != 1:
        return None
    if info is not None:
        _say_elsewhere(folder, stated, there[0].name)
    return there[0]


@dataclass(frozen=True)
class NumberedPictures:
    """The pictures of a sequence, by frame.

    Attributes:
        files: By 0-based frame.
        from_zero: Whether the first is numbered 0; MOTChallenge counts from 1.
        others: How many pictures have no number at the end of their name, or one that another has.
        left_out: What else was left out of the folder, in words.
    """

    files: Mapping[int, Path]
    from_zero: bool
    others: int
    left_out: str = ""


def numbered_pictures(folder: str | Path, ending: str | None = None) -> NumberedPictures:
    """List the pictures of a folder by their numbers: ``000001.jpg`` is the first frame.

    Where there is a number 0, that is the first frame. Where a number is above the limit of frames, as a time of day
    is, the pictures count in their order.

    Args:
        folder: Where they lie.
        ending: What ``imExt`` says, which tells the copies apart where a number stands twice.

    Raises:
        OSError: The folder cannot be listed.
    """
    listing = list_files(folder, IMAGE_SUFFIXES)
    files = listing.files
    wanted = [file for file in files if ending and file.suffix.lower() == ending.lower()] or files
    numbered: dict[int, Path] = {}
    for file in wanted:
        digits = re.search(r"(\d+)$", file.stem, re.ASCII)
        if digits:
            numbered.setdefault(int(digits[1]), file)
    if max(numbered, default=0) > limits().frames:
        numbered = dict(enumerate(numbered.values(), 1))
    first = 0 if 0 in numbered else 1
    by_frame = {number - first: file for number, file in numbered.items()}
    return NumberedPictures(by_frame, first == 0, len(files) - len(numbered), listing.left_out)


def video_beside(folder: str | Path, name: str = "") -> Path | None:
    """Return the video of a sequence without pictures: the one in its folder, or of several the one called ``name``.

    Raises:
        OSError: The folder cannot be listed.
    """
    films = list_files(folder, VIDEO_SUFFIXES).files
    named = [film for film in films if film.stem == name] if len(films) > 1 else films
    return named[0] if len(named) == 1 else None


def _has_pictures(folder: Path) -> bool:
    return folder.is_dir() and any(
        file.suffix.lower() in IMAGE_SUFFIXES and not is_companion(file.name) for file in folder.iterdir()
    )


@lru_cache(maxsize=1024)  # said once a sequence, however often it is read
def _say_elsewhere(folder: Path, stated: str, found: str) -> None:
    log.warning(
        "%s names imDir=%s, where no pictures are; those in %s/ were taken", folder / "seqinfo.ini", stated, found
    )


def _text(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _section(text: str) -> dict[str, str]:
    """Return the values of the section Sequence by their names in lower case; also where its head is missing."""
    if not re.search(r"^\s*\[", text, re.MULTILINE):
        text = "[Sequence]\n" + text
    ini = configparser.ConfigParser(interpolation=None, strict=False, inline_comment_prefixes=(";", "#"))
    ini.read_string(text)
    named = [name for name in ini.sections() if name.strip().lower() == "sequence"]
    if not named:
        named = [name for name in ini.sections() if "seqlength" in ini[name]]
    if not named:
        raise ValueError("there is none")
    return {key: value.strip().strip("\"'").strip() for key, value in ini[named[0]].items()}


def _number(text: str) -> float:
    """Read a number as people write it; raises ValueError or ZeroDivisionError where it is none."""
    above, slash, below = text.partition("/")
    number = float(above.replace(",", "."))
    if slash:
        number /= float(below.replace(",", "."))
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]!r} is not finite")
    return number
