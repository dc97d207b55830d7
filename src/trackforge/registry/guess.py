"""Which source is meant by a path, URL, glob or number."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trackforge.errors import ConfigError, DuplicateComponentError, SourceError, did_you_mean
from trackforge.intake.addresses import STDIN, file_path, is_address, shown_address, was_address
from trackforge.intake.folders import is_companion
from trackforge.protocols import Source
from trackforge.registry.plugins import registry
from trackforge.registry.spec import ComponentSpec
from trackforge.registry.suffixes import IMAGE_SUFFIXES

__all__ = ["check_output", "exists", "guess_source", "source_for"]


def guess_source(text: str, settings: Mapping[str, Any]) -> Source:
    """Make the source that a path, URL, glob or camera number stands for.

    Args:
        text: What the user wrote.
        settings: Further settings of the source.

    Raises:
        SourceError: It stands for nothing that is there; the message suggests what may be meant.
        DuplicateComponentError: Several sources offer to read it.
        ConfigError: The settings do not fit the source.
    """
    text = file_path(text)
    return source_for(text).create({"path": text, **settings})  # type: ignore[no-any-return]


def exists(path: str | Path) -> bool:
    """Tell whether there is a file, folder or pipe of that name; False for what can be no name."""
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # too long, a NUL, a folder that must not be looked into
        return False


def check_output(text: str | Path) -> None:
    """Refuse what is no file or folder to write to, before a folder of that name is made.

    Raises:
        ConfigError: It is an address or standard output.
    """
    text = str(text)
    if text in STDIN or was_address(text):
        shown = "- (standard output)" if text in STDIN else shown_address(text)
        raise ConfigError(f"An output must be a file or folder; got {shown}. Write to a file, and send that on.")


def source_for(text: str) -> ComponentSpec:
    """Return the source that reads a path, URL, glob or camera number; raises as `guess_source` does.

    A path that exists is meant before anything else that the text might be. What comes through a pipe, ``-`` being
    standard input, is a video; of an address the scheme decides, and whether it is live the stream that is opened.
    Plugins take part with the file endings and address beginnings that their components name.
    """
    text = file_path(text)
    if not text.strip():
        raise SourceError(f"A source must be a path, URL, glob, camera number or name; got {text!r}. Name one.")
    try:
        return _spec_for(text)
    except SourceError:
        raise
    except OSError as error:  # what must not be looked into, say
        raise SourceError(f"{shown_address(text)} cannot be read: {error.strerror or error}.") from error


def _spec_for(text: str) -> ComponentSpec:
    find, path, there = registry().find, Path(text), exists(text)
    if text.startswith("/dev/video") or (
        not there and (text.startswith("video=") or (text.isascii() and text.isdigit()))
    ):
        return find("source", "camera")
    if text in STDIN:
        return find("source", "video")
    if is_address(text):
        return _of_address(text)
    if there and path.is_dir():
        return _of_folder(path)
    if there and not path.is_file():  # a look into a pipe would take something out of it
        return find("source", "camera" if path.is_char_device() else "video")
    if there:
        return _by_ending(path.name) or _of_content(path)
    if glob.has_magic(text):
        spec = _by_ending(path.name)
        films = spec is not None and spec.name == "video" and not path.name.lower().endswith(IMAGE_SUFFIXES)
        if films and next(glob.iglob(text), None):  # noqa: PTH207 - the pattern may be absolute
            raise SourceError(
                f"A glob stands for the pictures of one sequence; {text} is for videos, each a sequence of its own. "
                "Give their names one by one, as the shell does where the glob is not in quotes."
            )
        return find("source", "images") if spec is None or spec.name == "video" else spec
    raise SourceError(_nothing_there(path))


def _of_address(text: str) -> ComponentSpec:
    scheme = text[: text.index("://") + 3].lower()
    offers = [spec for spec, _ in registry().specs("source") if scheme in spec.suffixes]
    if not offers:
        known = sorted(s for spec, _ in registry().specs("source") for s in spec.suffixes if s.endswith("://"))
        raise SourceError(
            f"No source reads {scheme} addresses; got {shown_address(text)}. Known: {' '.join(known)}. "
            "Download the file first."
        )
    return _only(text, offers)


def _of_folder(path: Path) -> ComponentSpec:
    find = registry().find
    if (path / "seqinfo.ini").is_file():
        return find("source", "mot-sequence")
    if any(file.name.lower().endswith(IMAGE_SUFFIXES) and not is_companion(file.name) for file in path.iterdir()):
        return find("source", "images")
    sequences = sorted(file.parent.name for file in path.glob("*/seqinfo.ini"))
    if sequences:
        raise SourceError(
            f"A source is one sequence; {path} holds {len(sequences)}. Name one, e.g. {path / sequences[0]}."
        )
    inside = sorted(file.name for file in path.iterdir())
    shown = ", ".join(inside[:3]) + (", ..." if len(inside) > 3 else "")
    raise SourceError(
        f"A source folder must hold pictures or a seqinfo.ini; {path} holds {shown or 'nothing'}. "
        f"Name a file in it, or another folder.{_hidden(path)}"
    )


def _hidden(path: Path) -> str:
    """Say how to get at the source of which a path has the name."""
    named = any(spec.name == str(path) for spec, _ in registry().specs("source"))
    return f" The source of that name is had by --set source.name={path}." if named else ""


def _of_content(path: Path) -> ComponentSpec:
    """Take a file of unknown ending for a video if it does not look like text; FFmpeg knows them by content."""
    with path.open("rb") as file:
        head = file.read(512)
    if b"\0" in head:
        return registry().find("source", "video")
    known = " ".join(s for spec, _ in registry().specs("source") for s in spec.suffixes if s.startswith("."))
    raise SourceError(
        f"A source must be a video, pictures or a camera; {path} is none by its ending and content. Detections from a "
        f"file go to the detector 'file', beside a source. Known endings: {known}."
    )


def _by_ending(name: str) -> ComponentSpec | None:
    """Return the one source for the longest ending that any of them names, or None."""
    offers: dict[int, list[ComponentSpec]] = {}
    for spec, _ in registry().specs("source"):
        fits = [len(suffix) for suffix in spec.suffixes if name.lower().endswith(suffix)]
        if fits:
            offers.setdefault(max(fits), []).append(spec)
    return _only(name, offers[max(offers)]) if offers else None


def _only(text: str, offers: list[ComponentSpec]) -> ComponentSpec:
    if len(offers) > 1:
        names = ", ".join(repr(spec.name) for spec in offers)
        raise DuplicateComponentError(
            f"{shown_address(text)} can be read by several sources: {names}. Name one, e.g. "
            f"trackforge.source({offers[0].name!r}, path={shown_address(text)!r})."
        )
    return offers[0]


def _nothing_there(path: Path) -> str:
    if os.path.islink(path):  # noqa: PTH114 - never fails, whatever the name
        return f"A source must be there; {path} is a link that leads to nothing. Restore what it leads to."
    known = [spec.name for spec, _ in registry().specs("source")]
    near = [file.name for file in path.parent.iterdir()] if exists(path.parent) and path.parent.is_dir() else []
    if was_address(path):
        hint = " An address has two slashes: http://host/film.mp4."
    elif path.suffix:  # of a file: only what a source would read
        endings = tuple(suffix for spec, _ in registry().specs("source") for suffix in spec.suffixes)
        hint = did_you_mean(path.name, [name for name in near if name.lower().endswith(endings)])
    else:
        hint = did_you_mean(str(path), known) or did_you_mean(path.name, near)
        hint += f" Sources by name: {', '.join(known)}."
    return f"A source must be a path, URL, glob, camera number or name; {path} does not exist.{hint}"
