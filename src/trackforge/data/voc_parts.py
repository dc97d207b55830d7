"""The parts of a Pascal VOC set: lists of names, which may hold spaces, endings and folders; else folders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from trackforge.data.files import read_lines
from trackforge.data.problems import Findings
from trackforge.intake.folders import is_companion
from trackforge.registry.suffixes import IMAGE_SUFFIXES

__all__ = ["part_names", "parts_of"]

_FOLDERS = ("train", "val", "valid", "validation", "test", "trainval")
_ENDING = re.compile(r"\.(xml|" + "|".join(s[1:] for s in IMAGE_SUFFIXES) + r")$", re.IGNORECASE)
_FLAG = re.compile(r"\s+(-1|0|1)$")


def _lists(base: Path) -> dict[str, Path]:
    folder = base / "ImageSets"
    folder = folder / "Main" if (folder / "Main").is_dir() else folder
    return {p.stem: p for p in sorted(folder.glob("*.txt")) if not is_companion(p.name)}


def _folders(files: Mapping[str, Path]) -> dict[str, str]:
    """Return the part of the files in ``train/`` and so on, by key."""
    return {key: key.split("/")[0] for key in files if "/" in key and key.split("/")[0] in _FOLDERS}


def part_names(base: Path, files: Mapping[str, Path]) -> list[str]:
    """Return the names of the parts that a folder with ``Annotations`` and ``ImageSets`` has."""
    return list(_lists(base)) or sorted(set(_folders(files).values()))


def parts_of(
    base: Path, split: str | None, files: Mapping[str, Path], notes: list[str], findings: Findings
) -> dict[str, str]:
    """Return the part of each xml file; ``trainval`` and the lists of single classes only serve when asked for.

    Args:
        base: The folder with ``Annotations`` and ``ImageSets``.
        split: This part only.
        files: The xml files, by their path below ``Annotations`` without ending.
        notes: Gets what is worth knowing.
        findings: Where lists that name nothing are reported.
    """
    lists = _lists(base)
    if not lists:
        return {key: part for key, part in _folders(files).items() if split in (None, part)}
    names: dict[str, list[str]] = {}
    for key in files:  # a list names a picture with or without its folder
        names.setdefault(key.rpartition("/")[2], []).append(key)
        if "/" in key:
            names.setdefault(key, []).append(key)
    parts: dict[str, str] = {}
    for name, file in lists.items():
        if split not in (None, name):
            continue
        lines = [line for _, line in read_lines(file)]
        entries = [_entry(line, names) for line in lines]
        if split is None and (name == "trainval" or any(flagged for _, flagged in entries)):
            continue
        for keys, _ in entries:
            for key in keys:
                parts.setdefault(key, name)
        unknown = [line for line, (keys, _) in zip(lines, entries, strict=True) if not keys]
        if not lines:
            notes.append(f"the part {name!r} lists no picture")
            findings.warn("The part lists no picture.", path=file, kind="empty-split")
        if unknown:
            first = unknown[0] if len(unknown[0]) < 80 else unknown[0][:77] + "..."
            notes.append(
                f"{len(unknown)} of the {len(lines)} pictures of the part {name!r} have no xml file, "
                f"the first is {first!r}"
            )
            findings.warn(f"There is no xml file for {first!r}.", path=file, kind="missing-label")
    return parts


def _entry(line: str, names: Mapping[str, list[str]]) -> tuple[list[str], bool]:
    """Return the xml files that a line of a list means, and whether it says if a class is in the picture (1, 0, -1)."""
    for text, flagged in ((line, False), (_FLAG.sub("", line), True)):
        plain = text.replace("\\", "/")
        stem = _ENDING.sub("", plain)
        for name in (plain, stem, stem.rpartition("/")[2]):
            if name in names:
                return names[name], flagged
    return [], bool(_FLAG.search(line))
