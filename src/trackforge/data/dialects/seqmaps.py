"""MOTChallenge sequences that lists name: seqmap files, and sets whose sequences lie deeper, such as SportsMOT.

A list is a text file with a sequence a line, below the word ``name`` in the seqmaps of MOTChallenge, TrackEval and
DanceTrack, without it in SportsMOT's ``splits_txt``. The sequences are read by `trackforge.data.mot`.

Source: Luiten and Hoffhues, TrackEval (MIT), its layout only; Sun et al., "DanceTrack", CVPR 2022; Cui et al.,
"SportsMOT", ICCV 2023.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from trackforge.data.dialects.frames import below, folders, relative
from trackforge.data.files import read_lines
from trackforge.data.mixing import concatenate
from trackforge.data.model import Dataset
from trackforge.data.mot import Rule, read_mot_set
from trackforge.data.problems import Findings
from trackforge.errors import DataError
from trackforge.intake.names import name_problem
from trackforge.intake.reading import reading
from trackforge.intake.rows import first_row

__all__ = ["listed_truth", "read_seqmaps", "sniff_seqmaps"]

DEEPEST = 3
"""How many folders lie between a set and its sequences at most."""
LISTS = ("splits_txt/*.txt", "seqmaps/*.txt", "*seqmap*.txt", "*/splits_txt/*.txt")
_PARTS = ("train", "val", "test")


def sniff_seqmaps(path: Path) -> bool:
    """Tell whether a path is a list of sequences that lie near, or a folder with lists and sequences."""
    if path.is_dir():
        return next(below(path, LISTS), None) is not None and next(_sequences(path), None) is not None
    if path.suffix.lower() != ".txt":
        return False
    row = first_row(path)
    if row is None or len(row) != 1:
        return False
    named = row.words[0].lower() == "name" or name_problem(row.words[0]) is None
    return named and not row.words[0].replace(".", "").isdecimal() and bool(_near(path, set(_names(path))))


def _sequences(path: Path, deep: int = 0) -> Iterator[Path]:
    """Yield the folders of sequences at or below a folder."""
    if (path / "seqinfo.ini").is_file() or (path / "gt" / "gt.txt").is_file():
        yield path
    elif deep < DEEPEST:
        for folder in folders(path):
            yield from _sequences(folder, deep + 1)


def _names(file: Path) -> dict[str, int]:
    """Return the names of a list, with their lines."""
    try:
        lines = [(number, text.split()[0]) for number, text in read_lines(file)]
    except DataError:
        return {}
    if lines and lines[0][1].lower() == "name":
        lines = lines[1:]
    return {text: number for number, text in lines}


def _near(file: Path, names: set[str]) -> dict[str, Path]:
    """Return where the sequences of a list lie: beside it, or beside its folder."""
    found: dict[str, Path] = {}
    for around in (file.parent, file.parent.parent):
        for folder in _sequences(around):
            if folder.name in names:
                found.setdefault(folder.name, folder)
        if len(found) == len(names):
            break
    return found


def _part_of(file: Path) -> str:
    """Return the part that the name of a list states: ``train`` of ``train_seqmap.txt``."""
    return re.sub(r"[_\-]?seqmap[_\-]?", "", file.stem) or file.stem


def read_seqmaps(
    path: Path, *, findings: Findings, split: str | None = None, rule: Rule = "pedestrian", detector: str | None = None
) -> Dataset:
    """Read the sequences that a list names, or those of a folder with lists.

    The part of a sequence is the folder that it lies in, where that is ``train``, ``val`` or ``test`` (or ends so);
    else the list of such a name that has it.

    Args:
        path: The list, or the folder of the set.
        findings: Where malformed files are reported.
        split: Read this part only, or the sequences of this list: ``split="basketball"``.
        rule: Which rows become what; as of format ``mot``.
        detector: Which of MOT17's copies, for a folder; as of format ``mot``. A list names its own.
    """
    with reading(path, "A set of sequences"):
        if path.is_file():
            root, lists, chosen = _listed(path, findings)
        else:
            root, lists = path, {_part_of(file): set(_names(file)) for file in below(path, LISTS)}
            chosen = [s for s in _sequences(path) if detector == "all" or _wanted(s.name, detector)]
        parts = {folder: _split(folder, lists) for folder in chosen}
        if split in lists:
            chosen = [s for s in chosen if s.name in lists[split]]
        elif split is not None:
            known = [p for p in parts.values() if p == split] or [p for p in parts.values() if p.startswith(split)]
            chosen = [s for s in chosen if parts[s] in known]
        if not chosen:
            what = "" if split is None else f" of the part {split!r}; the lists are {', '.join(lists)}"
            raise DataError(
                f"There must be sequences (folders with gt/gt.txt or seqinfo.ini); none was found{what}.", path=path
            )
        sets = []
        for folder in chosen:
            try:
                sets.append(_rooted(folder, root, parts[folder], findings, rule))
            except DataError as error:
                findings.caught(error)
        if not sets:
            raise DataError(f"None of the {len(chosen)} sequences can be read; try one to see why.", path=path)
        made = concatenate(sets, identities="shared")
        return made.replace(root=root, name=path.stem if path.is_file() else path.name)


def listed_truth(path: Path) -> dict[str, Path]:
    """Return the ground truth of each sequence that a list names; those without, such as of a test part, are left out.

    Raises:
        DataError: A sequence of the list is not there.
    """
    _, _, chosen = _listed(path, Findings())
    return {folder.name: truth for folder in chosen if (truth := folder / "gt" / "gt.txt").is_file()}


def _listed(path: Path, findings: Findings) -> tuple[Path, dict[str, set[str]], list[Path]]:
    """Return root, list and sequences of a list; what it names and is not there is reported."""
    names = _names(path)
    found = _near(path, set(names))
    for name, line in names.items():
        if name not in found:
            findings.bad(
                f"A sequence of the list must lie beside it or its folder; there is no {name!r} below "
                f"{path.parent.parent}. Put it there, or take it from the list.",
                path=path,
                line=line,
            )
    chosen = [found[name] for name in names if name in found]
    shared = set.intersection(*(set(folder.parents) for folder in chosen)) if chosen else {path.parent}
    return max(shared, key=lambda p: len(p.parts)), {_part_of(path): set(names)}, chosen


def _wanted(name: str, detector: str | None) -> bool:
    found = re.search(r"-(DPM|FRCNN|SDP)$", name)
    return found is None or found[1] == (detector or "FRCNN")


def _split(folder: Path, lists: dict[str, set[str]]) -> str:
    name = folder.parent.name
    if name in lists or any(name == part or name.endswith(f"-{part}") for part in _PARTS):
        return name
    return next((part for part in _PARTS if folder.name in lists.get(part, ())), "")


def _rooted(folder: Path, root: Path, split: str, findings: Findings, rule: Rule) -> Dataset:
    made = read_mot_set(folder, findings=findings, rule=rule, detector="all")
    before = relative(folder, root)
    paths = [f"{before}/{p}" if p and before != "." else p for p in made.images.path.tolist()]
    return made.replace(images=made.images.replace(path=paths, split=[split] * len(made)), root=root)
