"""A data set is written whole or not at all, and nothing that stands there already is lost by it.

What is written grows beside its final place, under a name that nobody else has, and takes that place by one renaming.
So whatever ends the writing, an error, a full disk or a kill, there is the new set, the old one, or none.

A folder that cannot be renamed (a mount point, or where the program stands) is filled where it is, with the file `MARK`
in it as long as that lasts; a set with this file is refused by `trackforge.data.read`.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from trackforge.errors import DataError, SinkError
from trackforge.intake.folders import is_companion
from trackforge.registry.suffixes import IMAGE_SUFFIXES, VIDEO_SUFFIXES

__all__ = ["MARK", "holds", "one_file", "refuse_filled", "refuse_unfinished", "staged"]

MARK = ".trackforge-unfinished"
_PART_OF_A_SET = frozenset(
    {*IMAGE_SUFFIXES, *VIDEO_SUFFIXES, ".txt", ".xml", ".json", ".yaml", ".yml", ".ini", ".names", ".data", ".cache"}
    | {".csv", ".odgt", ".md", ".det", ".npy", ".rec", ".idx", ".lst", ".manifest"}
)
"""Endings of files that may go when a data set is replaced; a folder that holds others is somebody's work."""


def refuse_unfinished(path: Path) -> None:
    """Refuse a data set whose writing was broken off.

    Raises:
        DataError: It was.
    """
    if os.path.lexists(path / MARK):
        raise DataError(
            f"The data set must be whole; its writing was broken off ({MARK} is still there). Write it again.",
            path=path,
        )


def refuse_filled(target: Path, sources: Iterable[Path] = ()) -> None:
    """Refuse a target where something stands, without touching it.

    Args:
        target: File or folder that shall be written.
        sources: What is read, for the message.

    Raises:
        SinkError: There is a file, or a folder that is not empty.
    """
    _refuse_no_name(target)
    try:
        # as `staged` will: "gone/../set" is no path as long as there is no "gone", and yet it would become "set"
        final = Path(os.path.realpath(target))
        filled = any(os.path.lexists(p) and not (p.is_dir() and not any(p.iterdir())) for p in (target, final))
    except OSError as error:
        raise _failure(target, error) from error
    if filled:
        same = any(holds(target, source) for source in sources)
        what = "that is, or holds, what is read" if same else "something is there already"
        raise SinkError(
            f"The target must be new, or an empty folder; {target}: {what}. Name another place, or let it be replaced "
            "(overwrite=True, --overwrite)."
        )


@contextlib.contextmanager
def staged(target: Path, *, sources: Iterable[Path] = (), overwrite: bool = False) -> Iterator[tuple[Path, list[str]]]:
    """Give a place to write a data set to; it becomes ``target`` when the block ends well, else nothing is left of it.

    Args:
        target: File or folder.
        sources: What is read. Where ``target`` is one of these it is kept, under the name ``TARGET.before``.
        overwrite: Whether a file or a data set that stands there is replaced.

    Yields:
        The place, in the same folder as ``target``, and a list to which notes are added at the end.

    Raises:
        SinkError: Something stands there and shall or must not be replaced, or the place cannot be written to.
    """
    if not overwrite:
        refuse_filled(target, sources)
    notes: list[str] = []
    _refuse_no_name(target)
    final = Path(os.path.realpath(target))  # a link to a folder stays one
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        old = os.path.lexists(final)
        empty = old and final.is_dir() and not any(final.iterdir())
        if empty and not _can_be_renamed(final):
            with _in_place(final):
                yield final, notes
            return
        keep = bool(old and not empty and final.name) and any(
            os.path.realpath(source) == str(final) for source in sources
        )
        if old and not empty and not keep:
            _refuse_foreign(final, sources)
        stage = final.with_name(f".{secrets.token_hex(8)}.{final.name[-40:]}")
        if not final.suffix:
            stage.mkdir()
        try:
            yield stage, notes
            if old and not empty:
                notes += _put_aside(final, stage, keep=keep)
            else:
                stage.rename(final)
        except BaseException:
            _remove(stage)
            raise
    except OSError as error:
        # what a writer says names the place that it was given
        raise _failure(target, error) from error


@contextlib.contextmanager
def one_file(
    target: Path, *, sources: Iterable[Path] = (), overwrite: bool = False
) -> Iterator[tuple[Path, list[str]]]:
    """As `staged`, for a writer of one file that puts it in its place itself, by one renaming.

    Raises:
        SinkError: Something stands there and shall or must not be replaced.
    """
    notes: list[str] = []
    if not overwrite:
        refuse_filled(target, sources)
    elif os.path.lexists(target):
        if not target.is_file():
            raise SinkError(f"The target must be a file; {target} is none. Name another place.")
        if any(os.path.realpath(source) == os.path.realpath(target) for source in sources):
            before = _free_name(target)
            try:
                shutil.copy2(target, before)
            except OSError as error:
                raise _failure(target, error) from error
            notes.append(f"what was read stood there; it is now {before}")
    yield target, notes


def _free_name(path: Path) -> Path:
    """Return a name beside a path that says that it is the one before, and is not taken."""
    names = (f"{path.stem}.before{'' if k == 1 else k}{path.suffix}" for k in range(1, 10_000))
    return next(p for p in map(path.with_name, names) if not os.path.lexists(p))


def _failure(target: Path, error: OSError) -> SinkError:
    if isinstance(error, SinkError) and error.__cause__ is None:
        return error  # a refusal, not a fault in writing
    why = getattr(error, "strerror", None) or getattr(error.__cause__, "strerror", None) or error
    return SinkError(f"{target} cannot be written: {why}. Choose another place, or make room there.")


def holds(target: Path, source: Path) -> bool:
    """Tell whether a source is the target, or lies in it, however both are spelt."""
    outer, inner = os.path.realpath(target), os.path.realpath(source)
    return inner == outer or inner.startswith(outer.rstrip(os.sep) + os.sep)


def _can_be_renamed(folder: Path) -> bool:
    return not folder.is_mount() and not Path.cwd().samefile(folder) and os.access(folder.parent, os.W_OK)


@contextlib.contextmanager
def _in_place(folder: Path) -> Iterator[None]:
    mark = folder / MARK
    mark.touch(exist_ok=False)
    try:
        yield
    except BaseException:
        for entry in folder.iterdir():
            _remove(entry)
        raise
    mark.unlink()


def _refuse_no_name(target: Path) -> None:
    if "\0" in str(target):
        raise SinkError(f"The target must have a name that a file can have; got {str(target)!a}.")


def _refuse_foreign(folder: Path, sources: Iterable[Path]) -> None:
    """Refuse to replace what is not, by its endings, a data set or one file of labels, or holds what is read."""
    if not folder.name or any(holds(folder, source) for source in sources):
        raise SinkError(f"Only a data set is replaced; {folder} holds what is read, or everything. Name another place.")
    # a link to a folder, as a COCO set has to pictures elsewhere, is no work that is lost with it
    files = [folder] if folder.is_file() else (p for p in folder.rglob("*") if not p.is_dir())
    if not folder.is_dir() and not folder.is_file():
        raise SinkError(f"The target must be a folder or a file; {folder} is neither. Name another place.")
    for file in files:
        hidden = is_companion(file, folder) and file.name != MARK and not file.name.startswith((".DS_Store", "._"))
        if hidden or not (file.suffix.lower() in _PART_OF_A_SET or is_companion(file, folder)):
            raise SinkError(
                f"Only a data set is replaced; {folder} holds {file.name}, which is none's. Name another place, or "
                "remove the folder yourself."
            )


def _put_aside(final: Path, stage: Path, *, keep: bool) -> list[str]:
    """Put ``stage`` in the place of ``final``; the old one goes, or is kept under another name."""
    before = stage.with_name(f"{stage.name}.old")
    if keep:
        before = _free_name(final)
    final.rename(before)
    try:
        stage.rename(final)
    except OSError:
        before.rename(final)
        raise
    if keep:
        return [f"what was read stood there; it is now {before}"]
    _remove(before)
    return []


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
