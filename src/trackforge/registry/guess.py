"""Which source is meant by a path, URL, glob or number."""

from __future__ import annotations

import glob
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from trackforge.errors import DuplicateComponentError, SourceError, did_you_mean
from trackforge.intake.folders import is_companion
from trackforge.protocols import Source
from trackforge.registry.plugins import registry
from trackforge.registry.spec import ComponentSpec
from trackforge.registry.suffixes import IMAGE_SUFFIXES

__all__ = ["guess_source", "source_for"]


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
    return source_for(text).create({"path": text, **settings})  # type: ignore[no-any-return]


def source_for(text: str) -> ComponentSpec:
    """Return the source that reads a path, URL, glob or camera number; raises as `guess_source` does.

    Plugins take part with the file endings and address beginnings that their components name.
    """
    find = registry().find
    path = Path(text)
    if text.isascii() and text.isdigit() and not path.exists():
        return find("source", "camera")
    if text.startswith(("/dev/video", "video=")):
        return find("source", "camera")
    if "://" in text:
        return _of_url(text)
    if path.is_dir():
        return _of_folder(path)
    if path.exists():
        return _by_ending(path.name) or _of_content(path)
    if glob.has_magic(text):
        spec = _by_ending(path.name)  # several videos are no sequence
        return find("source", "images") if spec is None or spec.name == "video" else spec
    raise SourceError(_nothing_there(path))


def _of_url(text: str) -> ComponentSpec:
    scheme = text[: text.index("://") + 3].lower()
    if scheme in ("http://", "https://", "file://"):
        file = _by_ending(urlsplit(text).path)  # without ?query
        if file is not None and file.name == "video":  # which is read to its end, where a camera drops frames
            return file
    offers = [spec for spec, _ in registry().specs("source") if scheme in spec.suffixes]
    if not offers:
        known = sorted(s for spec, _ in registry().specs("source") for s in spec.suffixes if s.endswith("://"))
        raise SourceError(
            f"No source reads {scheme} addresses; got {text}. Known: {' '.join(known)}. Download the file first."
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
        "Name a file in it, or another folder."
    )


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
            f"{text} can be read by several sources: {names}. Name one, e.g. "
            f"trackforge.source({offers[0].name!r}, path={text!r})."
        )
    return offers[0]


def _nothing_there(path: Path) -> str:
    known = [spec.name for spec, _ in registry().specs("source")]
    near = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
    if path.suffix:
        hint = did_you_mean(path.name, near)
    else:
        hint = did_you_mean(str(path), known) or did_you_mean(path.name, near)
        hint += f" Sources by name: {', '.join(known)}."
    return f"A source must be a path, URL, glob, camera number or name; {path} does not exist.{hint}"
