"""What `evaluate` accepts: tables, files and folders, brought together by the names of sequences."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from trackforge.errors import DataError, InvalidInputError, MissingFileError, did_you_mean
from trackforge.intake.folders import list_files
from trackforge.io.coco import read_coco
from trackforge.io.mot import read_mot, read_seqinfo, sequence_of
from trackforge.io.mot_labels import holds_names
from trackforge.io.mot_text import looks_like
from trackforge.io.tables import FORMATS, read_tables
from trackforge.table import TrackTable

__all__ = ["Input", "Job", "pair_up"]

log = logging.getLogger(__name__)
Input: TypeAlias = TrackTable | str | Path | Mapping[str, TrackTable | str | Path]
Places: TypeAlias = dict[str, TrackTable | Path]


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One sequence to evaluate.

    Attributes:
        name: Of the sequence.
        truth: Ground truth.
        tracks: Results.
        length: Frames.
        swapped: Whether the file of the truth has the form of results, and the other that of ground truth.
    """

    name: str
    truth: TrackTable
    tracks: TrackTable
    length: int
    swapped: bool = False


def pair_up(
    truth: Input,
    tracks: Input,
    *,
    sequences: Sequence[str] | None = None,
    lengths: Mapping[str, int] | int | None = None,
    truth_file: str = "gt/gt.txt",
    kind: Literal["tracks", "detections"] = "tracks",
) -> Iterator[Job]:
    """Yield the sequences of the truth with the tracks (or detections) that belong to them, read one by one.

    Raises:
        InvalidInputError: A sequence has no tracks, or there is none at all.
        MissingFileError: A path does not exist.
    """
    wanted = _places(truth, truth_file)
    offered = _results(tracks, truth, kind)
    if not wanted:
        raise InvalidInputError("There must be ground truth for at least one sequence; got none.")
    if sequences is not None:
        for name in sequences:
            if name not in wanted:
                raise InvalidInputError(
                    f"There is no truth for sequence {name!r}.{did_you_mean(name, wanted)} There is: {_listed(wanted)}."
                )
        wanted = {name: wanted[name] for name in sequences}
    if len(wanted) == len(offered) == 1 and not _both_named(truth, tracks):
        offered = dict(zip(wanted, offered.values(), strict=True))
    missing = [name for name in wanted if name not in offered]
    if missing:
        raise InvalidInputError(
            f"Every sequence of the truth must have {kind}; there are none for {_listed(missing)}."
            f"{did_you_mean(missing[0], offered)} There are {kind} for: {_listed(offered) or 'nothing'}. Rename the "
            "files, or choose some (sequences=[...], --sequences); a sequence without any result needs an empty file."
        )
    surplus = [name for name in offered if name not in wanted]
    if surplus:
        log.info("%s without truth are left out: %s", kind, _listed(surplus))
    for name, place in wanted.items():
        yield _job(name, place, offered[name], lengths, kind)


def _both_named(truth: Input, tracks: Input) -> bool:
    """Whether both sides say which sequence they hold: then a difference in names is a mistake."""
    return all(
        isinstance(side, Mapping) or (isinstance(side, (str, Path)) and Path(side).is_dir()) for side in (truth, tracks)
    )


def _listed(names: Sequence[str] | Mapping[str, object], most: int = 8) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _job(
    name: str,
    truth: TrackTable | Path,
    tracks: TrackTable | Path,
    lengths: Mapping[str, int] | int | None,
    kind: Literal["tracks", "detections"],
) -> Job:
    truth_table = truth if isinstance(truth, TrackTable) else read_mot(truth, kind="truth", sequence=name)
    track_table = tracks if isinstance(tracks, TrackTable) else read_mot(tracks, kind=kind, sequence=name)
    length = lengths.get(name) if isinstance(lengths, Mapping) else lengths
    if length is None and isinstance(truth, Path) and truth.name == "gt.txt":  # gt_val_half.txt has other frames
        info = truth.parent.parent / "seqinfo.ini"
        length = read_seqinfo(info).length if info.is_file() else None
        last = max((int(t.frame[-1]) + 1 for t in (truth_table, track_table) if len(t)), default=0)
        if length is not None and last > length:
            raise DataError(
                f"The sequence must be as long as its boxes need, {last} frames; seqLength is {length}. Correct it, or "
                "give lengths=...",
                path=info,
            )
    if length is None:
        length = max((int(t.frame[-1]) + 1 for t in (truth_table, track_table) if len(t)), default=0)
    swapped = False
    if isinstance(truth, Path) and isinstance(tracks, Path):
        swapped = looks_like(truth) in ("tracks", "detections") and looks_like(tracks) == "truth"
    return Job(name, truth_table, track_table, length, swapped)


def _places(given: Input, truth_file: str) -> Places:
    """Return the table or file of every sequence."""
    if isinstance(given, TrackTable):
        return {given.sequence or "sequence": given}
    if isinstance(given, Mapping):
        return {str(name): v if isinstance(v, TrackTable) else _existing(v) for name, v in given.items()}
    path = _existing(given)
    if not path.is_dir():
        if path.suffix.lower() == ".json":
            tables = read_coco(path)
            if any(len(table) and "flag" not in table.extra for table in tables.values()):
                raise DataError(
                    "Ground truth must have images and annotations; this is a list of results. Are truth and results "
                    "swapped?",
                    path=path,
                )
            return dict(tables)
        if path.suffix.lower() in (".jsonl", ".parquet"):
            return dict(read_tables(path, FORMATS[path.suffix.lower()]))
        return {sequence_of(path): path}
    return _in_folder(path, truth_file)


def _results(given: Input, truth: Input, kind: Literal["tracks", "detections"]) -> Places:
    """Return the table or file of every sequence of results; COCO results lean on the truth's images and classes."""
    if isinstance(given, (str, Path)) and Path(given).suffix.lower() == ".json" and Path(given).is_file():
        reference = truth if isinstance(truth, (str, Path)) and Path(truth).suffix.lower() == ".json" else None
        return dict(read_coco(given, reference=reference))
    return _places(given, "gt/gt.txt" if kind == "tracks" else "det/det.txt")


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if not path.exists():
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise MissingFileError(f"{path} must be a file or folder; there is none.{did_you_mean(path.name, siblings)}")
    return path


def _in_folder(folder: Path, truth_file: str) -> Places:
    if (folder / truth_file).is_file():
        return {folder.resolve().name: folder / truth_file}
    found = {path.name: path / truth_file for path in sorted(folder.iterdir()) if (path / truth_file).is_file()}
    if found:
        return dict(found)
    parts = sorted({path.relative_to(folder).parts[0] for path in folder.glob(f"*/*/{truth_file}")})
    if len(parts) == 1:
        return _in_folder(folder / parts[0], truth_file)
    if parts:  # these may have sequences of the same names
        raise InvalidInputError(
            f"A folder of sequences must hold <sequence>/{truth_file}; {folder} holds parts: {', '.join(parts)}. Name "
            f"one: {folder / parts[0]}."
        )
    for place in (folder, folder / "data"):
        listed = list_files(place, (".txt",)).files if place.is_dir() else ()
        # the official evaluator leaves its summaries where its trackers have their folder "data"
        files = [path for path in listed if not holds_names(path) and not path.stem.endswith("_summary")]
        if files:
            named = {path: sequence_of(path) if path.stem == place.name else path.stem for path in files}
            return {name.removeprefix("gt_"): path for path, name in named.items()}
    if any(
        (path / "seqinfo.ini").is_file() or (path / "det/det.txt").is_file() for path in (folder, *folder.iterdir())
    ):
        raise InvalidInputError(
            f"A sequence must have {truth_file}; there is none in {folder}, as in the test parts of benchmarks. Name "
            "another part, or the file: truth_file=..., --truth-file."
        )
    below = list_files(folder, (".txt",), recursive=True).files  # TAO's sequences have names of several parts
    if below:
        return {path.relative_to(folder).with_suffix("").as_posix(): path for path in below if not holds_names(path)}
    raise InvalidInputError(
        f"A folder of sequences must hold <sequence>.txt or <sequence>/{truth_file}; {folder} has neither."
    )
