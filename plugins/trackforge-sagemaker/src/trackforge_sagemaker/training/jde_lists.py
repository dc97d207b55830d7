"""FairMOT's ``data.json``: which lists of pictures to train and to validate on, and the folder where they begin.

::

    {"root": "/data/MOT", "train": {"mot17": "./data/mot17.train"}, "test": {"mot17": "./data/mot17.val"}}

The root is one of another machine, and the lists may lie elsewhere than pictures do; both are looked for in the
channel. Where a list does not lie in the folder that its paths begin from, which core's reader wants, a folder of links
is made that looks as if it did: a channel in the mode FastFile cannot be written to.

Source: ifzhang/FairMOT (MIT), layout of its data files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from trackforge.errors import DataError
from trackforge.intake.documents import load_json
from trackforge.intake.names import name_problem

__all__ = ["lists_of"]

VALIDATION = ("val", "validation", "test")
"""Parts that are validated on, the first that is there."""


def lists_of(file: Path, channel: Path, scratch: Path) -> tuple[list[Path], Path | None]:
    """Return what to train on, and what to validate on, as lists that core reads.

    Args:
        file: ``data.json``.
        channel: The folder around it, beyond which nothing is looked for.
        scratch: An empty folder for links.

    Raises:
        DataError: It is malformed, or a list is not in the channel, or its pictures are not.
    """
    said = load_json(file, "FairMOT's data.json")
    if not isinstance(said, Mapping) or not isinstance(said.get("train"), Mapping) or not said["train"]:
        raise DataError('It must name lists to train on: {"train": {"mot17": "mot17.train"}}.', path=file)
    part = next((name for name in VALIDATION if isinstance(said.get(name), Mapping) and said[name]), None)
    root = str(said.get("root") or "")
    train = [_found(str(one), root, file, channel) for one in said["train"].values()]
    lists = [_found(str(one), root, file, channel) for one in said[part].values()] if part else []
    if len({begin for _, begin in lists}) > 1:
        raise DataError("The lists to validate on must begin in one folder; they do not. Give one list.", path=file)
    views = _Views([*train, *lists], scratch)
    made = [views.of([one], begin) for one, begin in train]
    return made, views.of([one for one, _ in lists], lists[0][1]) if lists else None


class _Views:
    """Folders in which lists lie where their pictures begin; one for all lists that begin in one folder.

    Who is who depends on it: identities of two sets are the same where their folders are.
    """

    def __init__(self, lists: list[tuple[Path, Path]], scratch: Path) -> None:
        self._folders: dict[Path, Path] = {}
        self._scratch = scratch
        for one, begin in lists:
            if one.parent != begin:
                self._linked(begin)

    def of(self, lists: list[Path], begin: Path) -> Path:
        """Return one list of several, in the folder that its paths begin from."""
        if len(lists) == 1 and begin not in self._folders:
            return lists[0]
        folder = self._linked(begin)
        made = folder / f"{lists[0].stem}-{sum(1 for _ in folder.glob('*.txt'))}.txt"
        made.write_bytes(b"\n".join(one.read_bytes().rstrip() for one in lists) + b"\n")
        return made

    def _linked(self, begin: Path) -> Path:
        if begin not in self._folders:
            folder = self._scratch / str(len(self._folders))
            folder.mkdir(parents=True)
            for entry in begin.iterdir():
                (folder / entry.name).symlink_to(entry.absolute())
            self._folders[begin] = folder
        return self._folders[begin]


def _places(file: Path, channel: Path) -> list[Path]:
    """Return the folders in which something may begin, the nearest first."""
    inner = [folder for folder in file.parents if folder == channel or channel in folder.parents]
    return inner or [file.parent]


def _end_below(folder: Path, text: str) -> Path | None:
    """Return what a path of another machine means below a folder: as it stands, or by the end that is there."""
    parts = [part for part in PurePosixPath(text.replace("\\", "/")).parts if part not in ("/", ".")]
    for k in range(len(parts)):
        tail = "/".join(parts[k:])
        if name_problem(tail) is None and (folder / tail).exists():
            return folder / tail
    return None


def _found(name: str, root: str, file: Path, channel: Path) -> tuple[Path, Path]:
    """Return where a list is, and the folder in which its pictures begin."""
    places = _places(file, channel)
    found = next((there for place in places if (there := _end_below(place, name)) and there.is_file()), None)
    if found is None:
        raise DataError(f"The list {name!r:.120} must be in the channel; it is not below {channel}.", path=file)
    with found.open(encoding="utf-8", errors="replace") as lines:
        first = next((line.strip() for line in lines if line.strip()), "")
    stated = [there for place in places if root and (there := _end_below(place, root)) and there.is_dir()]
    for begin in dict.fromkeys([found.parent, *stated, *places]):
        below = _end_below(begin, first) if first else None
        if below is not None and below.is_file() and "images" in below.relative_to(begin).parts:
            return found, begin
    raise DataError(f"The first picture of {found.name}, {first!r:.120}, must be in the channel; it is not.", path=file)
