"""Drives with several cameras: pictures named by the time they were taken at, cut at the same times in every camera.

A camera is a folder of pictures whose names end in a time, as of Ford's multi-AV data set: seconds since 1970 with a
point (``1501822123.123456.png``), or whole milli-, micro- or nanoseconds (13, 16 and 19 digits). Every group is of so
many seconds from the first picture of all cameras, and a camera's part of it is one sequence: ``front-001`` has what
was seen at the same time as ``rear-001``.
"""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from trackforge.data.clip_records import Clip, Record
from trackforge.data.clips import ClipReport
from trackforge.data.dialects.ground_truth_rules import MOST_FRAMES, check_prefix
from trackforge.errors import ConfigError, DataError
from trackforge.intake.folders import list_files
from trackforge.intake.names import plain_name
from trackforge.io.partial_folder import PartialFolder
from trackforge.io.pictures import picture_size
from trackforge.registry.suffixes import IMAGE_SUFFIXES

__all__ = ["cut_drive", "time_of"]

_SECONDS = re.compile(r"(?<!\d)(\d{9,11}\.\d{1,9})$")
_WHOLE = re.compile(r"(?<![\d.])(\d{10}|\d{13}|\d{16}|\d{19})$")
_UNIT = {10: 1, 13: 10**3, 16: 10**6, 19: 10**9}


def time_of(picture: str | Path) -> float | None:
    """Return when a picture was taken, seconds since 1970, as its name says; None where it does not.

    >>> time_of("1501822123.25.png"), time_of("cam_1501822123250.jpg"), time_of("000012.jpg")
    (1501822123.25, 1501822123.25, None)
    """
    stem = Path(picture).stem
    found = _SECONDS.search(stem)
    if found:
        return float(found[1])
    whole = _WHOLE.search(stem)
    return None if whole is None else int(whole[1]) / _UNIT[len(whole[1])]


def cut_drive(
    cameras: Sequence[str | Path], target: str | Path, *, seconds: float, stride: int = 1, prefix: str = ""
) -> ClipReport:
    """Make sequences of a drive's pictures: copies, a sequence file each with its times, and input manifests.

    Args:
        cameras: A folder of pictures a camera.
        target: Folder; one that this function filled goes on to be filled.
        seconds: How long a group is.
        stride: Take every so-manieth picture of each camera.
        prefix: Where the folder will be uploaded to, ``s3://bucket/folder/``.

    Raises:
        ConfigError: A number is out of range, two cameras have one name, or a group has too many pictures.
        DataError: A folder has no pictures, or a name no time.
        SinkError: The place cannot be written to.
    """
    if not (0 < seconds < math.inf) or stride < 1:
        raise ConfigError(f"A group must last longer than 0 seconds, and stride be 1 or more; got {seconds}, {stride}.")
    target = Path(target)
    timed = {name: _pictures(folder)[::stride] for name, folder in _names(cameras).items()}
    begin = min(pictures[0][0] for pictures in timed.values())
    groups: dict[tuple[int, str], list[tuple[float, Path]]] = {}
    for name, pictures in timed.items():
        for time, file in pictures:
            groups.setdefault((int((time - begin) // seconds), name), []).append((time, file))
    largest = max(groups, key=lambda key: len(groups[key]))
    if len(groups[largest]) > MOST_FRAMES:
        raise ConfigError(
            f"A sequence must have at most {MOST_FRAMES} frames; {largest[1]!r} has {len(groups[largest])} in "
            f"{seconds:g} seconds. Take shorter groups, or a stride."
        )
    settings = {"form": "frames", "seconds": float(seconds), "stride": stride, "prefix": check_prefix(prefix)}
    record, made = Record(target, settings), 0
    digits = max(3, len(str(max(group for group, _ in groups) + 1)))
    for (group, camera), pictures in sorted(groups.items()):
        name = f"{camera}-{group + 1:0{digits}d}"
        if record.has(name):
            continue
        _copy(pictures, target / "frames" / name)
        times, files = tuple(time for time, _ in pictures), tuple(file.name for _, file in pictures)
        record.add(Clip(name=name, film=camera, first=0, step=1, count=len(files), times=times, files=files))
        made += 1
    manifests = record.write_manifests()
    lacking = [f"{camera} has nothing in group {group + 1}" for group, camera in _lacking(groups, list(timed))]
    notes = [f"{len(timed)} cameras, groups of {seconds:g} seconds from {begin:.6f}", *lacking[:5]]
    return ClipReport(**record.totals(), made=made, manifests=manifests, failed={}, notes=tuple(notes))


def _lacking(groups: dict[tuple[int, str], list[tuple[float, Path]]], cameras: list[str]) -> list[tuple[int, str]]:
    numbers = sorted({group for group, _ in groups})
    return [(group, camera) for group in numbers for camera in cameras if (group, camera) not in groups]


def _names(cameras: Sequence[str | Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for camera in map(Path, cameras):
        name = plain_name(camera.absolute().name, "A camera", path=camera)
        if name in found:
            raise ConfigError(f"Cameras must have names of their own; {found[name]} and {camera} have one. Rename one.")
        found[name] = camera
    if not found:
        raise ConfigError("A drive must have a camera, a folder of pictures; got none.")
    return found


def _pictures(folder: Path) -> list[tuple[float, Path]]:
    if not folder.is_dir():
        raise DataError("A camera must be a folder of pictures; this is none.", path=folder)
    files = list_files(folder, IMAGE_SUFFIXES).files
    if not files:
        raise DataError("A camera must be a folder of pictures; there is none in it.", path=folder)
    out = []
    for file in files:
        time = time_of(file)
        if time is None:
            raise DataError(
                "A picture of a drive must be named by the time it was taken at, such as 1501822123.123456.png or "
                "1501822123123456.png; this is not.",
                path=file,
            )
        out.append((time, file))
    return sorted(out)


def _copy(pictures: Sequence[tuple[float, Path]], folder: Path) -> None:
    if folder.is_dir() and len(list(folder.iterdir())) == len(pictures):
        return
    place = PartialFolder(folder)
    try:
        for _, file in pictures:
            picture_size(file)
            place.save(file.name, file.read_bytes())
    except BaseException:
        shutil.rmtree(place.path, ignore_errors=True)
        raise
    place.settle(None, mixed=False)
