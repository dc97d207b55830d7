"""Folders of results as a report reads them: what a run has written, or a folder of MOT files from elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trackforge.errors import ConfigError, DataError, InvalidInputError, MissingFileError, TrackforgeError
from trackforge.intake.addresses import file_path, is_address, source_name
from trackforge.intake.documents import load_json
from trackforge.intake.folders import list_files
from trackforge.io.mot import LABELS, read_labels
from trackforge.io.tables import FORMATS, read_tables
from trackforge.protocols import Closable, stream_of
from trackforge.registry.guess import exists
from trackforge.runs.component import Component
from trackforge.runs.layers import Layer, from_toml
from trackforge.runs.planning import expand, source_of
from trackforge.runs.tracking import TrackingRun
from trackforge.table import TrackTable

__all__ = ["FILMS", "ORDER", "Results", "SequenceFacts", "labels_of", "read_results"]

log = logging.getLogger(__name__)
FILMS = (".mp4", ".mkv", ".mov", ".webm", ".avi")
LONGEST = 10_000_000
"""Frames of a film that can be true; more is no number of frames."""
ORDER = (".jsonl", ".parquet", ".txt", ".json")
"""Formats of tracks, the one that tells most first."""


@dataclass
class SequenceFacts:
    """One sequence of a run.

    Attributes:
        name: Of the sequence.
        table: Its tracks.
        facts: What ``summary.json`` says of it, or nothing.
        classes: Names of classes, which ``class_id`` indexes.
        film: The film as the run saw it, or None where it is gone.
        overlay: A film of the run with boxes drawn in, or None.
    """

    name: str
    table: TrackTable
    facts: Mapping[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    film: Component | None = None
    overlay: Path | None = None

    @property
    def processed(self) -> int | None:
        """Frames that the run went through, damaged ones included; None where nobody says."""
        frames = self.facts.get("frames")
        skipped = self.facts.get("skipped", 0)
        if not isinstance(frames, int) or not isinstance(skipped, int) or not 0 <= frames + max(0, skipped) <= LONGEST:
            return None
        return frames + max(0, skipped)


@dataclass
class Results:
    """A folder of results.

    Attributes:
        folder: Where.
        sequences: By name, in the order of the run.
        facts: What ``summary.json`` says, or nothing.
        truth: Ground truth that the run names.
        preprocessing: What the run's scores leave out.
        start: Where in its films the run began, as `trackforge.runs` says it.
        stride: Every how many frames it took.
        partial: Whether the run ended before its films did.
        notes: What could not be read, in words.
    """

    folder: Path
    sequences: dict[str, SequenceFacts] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    truth: tuple[Path, ...] = ()
    preprocessing: str = "none"
    start: int | str = 0
    stride: int = 1
    partial: bool = False
    notes: list[str] = field(default_factory=list)
    title: str = ""
    """What the page calls the run."""

    @property
    def label(self) -> str:
        """What the page calls the run; its folder where nothing else is said."""
        return self.title or self.folder.resolve().name


def read_results(folder: str | Path, wanted: Sequence[str] = (), source: str = "") -> Results:
    """Read a folder of results.

    Args:
        folder: What ``trackforge track -o`` has written; or one with ``SEQUENCE.txt``, from anywhere.
        wanted: Only these sequences; all where empty.
        source: A film to take in place of the run's.

    Raises:
        MissingFileError: There is no such folder.
        InvalidInputError: It has no tracks, or not those wanted.
        DataError: A file is malformed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise MissingFileError(
            f"report needs a folder of results; there is none at {folder}. Make one: trackforge track FILM -o OUT/."
        )
    made = Results(folder)
    summary = folder / "summary.json"
    if summary.is_file():
        facts = load_json(summary, "A summary.json")
        made.facts = _tidy(facts)
    else:
        made.notes.append("There is no summary.json in the folder: speeds, notes and the film are not known.")
    stated = {str(one.get("name")): one for one in made.facts.get("sequences", ())}
    made.partial = bool(made.facts.get("interrupted"))
    for name, table, beside in _tables(folder, stated):
        if not wanted or name in wanted:
            classes = _classes(made.facts, stated.get(name, {}), beside)
            overlay = next((one for end in FILMS if (one := folder / f"{name}{end}").is_file()), None)
            made.sequences[name] = SequenceFacts(name, table, stated.get(name, {}), classes, None, overlay)
    missing = [name for name in wanted if name not in made.sequences]
    if missing or not made.sequences:
        has = ", ".join(made.sequences or stated) or "no tracks at all"
        what = f"sequence {missing[0]!r}" if missing else "tracks: a NAME.txt, NAME.jsonl or NAME.parquet"
        raise InvalidInputError(f"A folder of results must have {what}; {folder} has {has}.")
    _add_run(made, source)
    return made


def _tidy(facts: Any) -> dict[str, Any]:
    """Return a summary in which sequences are mappings with lists of notes, of whichever version it is."""
    if not isinstance(facts, dict):
        return {}
    sequences = facts.get("sequences")
    kept = [one for one in sequences if isinstance(one, dict)] if isinstance(sequences, list) else []
    return {**facts, "sequences": [_with_notes(one) for one in kept]}


def _with_notes(one: dict[str, Any]) -> dict[str, Any]:
    notes = one.get("notes")
    return {**one, "notes": [note for note in notes if isinstance(note, str)] if isinstance(notes, list) else []}


def _tables(folder: Path, stated: Mapping[str, Any]) -> Iterator[tuple[str, TrackTable, Path]]:
    """Yield each sequence once, with the file that its tracks come from."""
    files = [file for file in list_files(folder, ORDER).files if file.name not in (LABELS, "summary.json")]
    known: dict[str, tuple[TrackTable, Path]] = {}
    for end in ORDER:
        for file in files:
            if file.suffix.lower() != end or (end == ".txt" and file.stem in known) or _is_list(file, stated):
                continue
            try:
                tables = read_tables(file, FORMATS[end])
            except DataError:
                if file.stem in stated or end == ".txt":
                    raise
                continue  # a JSON file of something else
            for name, table in tables.items():
                key = file.stem if len(tables) == 1 and file.stem in stated else name
                if len(tables) == 1 and key not in stated and len(stated) == 1:
                    key = next(iter(stated))
                known.setdefault(key, (table, file))
    for name in [*stated, *(name for name in known if name not in stated)]:
        if name in known:
            yield name, *known[name]


def _is_list(file: Path, stated: Mapping[str, Any]) -> bool:
    """Whether a text file is no file of tracks but names beside one: NAME.classes.txt, NAME.labels.txt."""
    return file.suffix == ".txt" and Path(file.stem).suffix in (".classes", ".labels") and file.stem not in stated


def _classes(facts: Mapping[str, Any], sequence: Mapping[str, Any], beside: Path) -> tuple[str, ...]:
    """Return the names of the detector's classes, from wherever they are told."""
    detector = facts.get("detector")
    for said in (sequence.get("class_names"), detector.get("classes") if isinstance(detector, dict) else None):
        if isinstance(said, list) and all(isinstance(name, str) for name in said):
            return tuple(said)
    for file in (beside.with_suffix(".classes.txt"), beside.with_suffix(".labels.txt")):
        if file.is_file():
            return tuple(line.strip() for line in file.read_text("utf-8", "replace").splitlines() if line.strip())
    return read_labels(beside)


def _add_run(made: Results, source: str) -> None:
    """Find the films and the truth that the run names."""
    told = made.folder / "run.toml"
    layer = Layer("", {})
    if told.is_file():
        try:
            layer = from_toml(told, TrackingRun)
        except ConfigError as error:  # of a plugin that is gone, of a later version
            made.notes.append(f"run.toml cannot be read, so that the film and the truth are not known: {error}")
    said = layer.options
    made.preprocessing = str(said.get("preprocessing", "none"))
    made.start, made.stride = said.get("start", 0), said.get("stride", 1)
    made.partial = made.partial or said.get("frames") is not None
    bases = [Path(), made.folder.resolve().parent, made.folder.resolve().parent.parent]
    for path in said.get("truth", ()):
        found = next((base / path for base in bases if (base / path).exists()), None)
        if found is None:
            made.notes.append(f"The truth that the run names, {path}, is no longer there: no scores. Give it: --truth.")
        else:
            made.truth = (*made.truth, found)
    if source:
        if not exists(source) and not is_address(source):
            raise MissingFileError(f"--source must name the film; there is no {source}.")
        given: list[str] = [source]
    else:
        sources = said.get("sources") or [one.get("source") for one in made.facts.get("sequences", ())]
        given = [one for one in sources if isinstance(one, str)]
    for one in given:
        place = _place(one, bases)
        if place is None:
            continue
        for film in expand(place):
            _add_film(made, film, layer, only=len(made.sequences) == 1 and (len(given) == 1))


def _place(given: str, bases: Sequence[Path]) -> str | None:
    """Return where a film lies now; None where it is gone, or no file: no camera is asked again."""
    path = file_path(given)
    if not path or is_address(path) or path == "-":
        return None
    return next((str(base / path) for base in bases if exists(str(base / path))), None)


def _add_film(made: Results, given: str, layer: Layer, *, only: bool) -> None:
    try:
        component = source_of(given, [layer])
        opened = component.create()
        name = stream_of(opened).name or source_name(given)
        if isinstance(opened, Closable):
            opened.close()
    except (TrackforgeError, OSError) as error:
        made.notes.append(f"The film cannot be opened: {error}")
        return
    name = name if name in made.sequences else Path(given).stem
    if name not in made.sequences and only:
        name = next(iter(made.sequences))
    if name in made.sequences:
        made.sequences[name].film = component


def labels_of(folders: Sequence[Path]) -> list[str]:
    """Return the shortest ends of paths that differ."""
    for depth in range(1, 8):
        ends = ["/".join(folder.resolve().parts[-depth:]) for folder in folders]
        if len(set(ends)) == len(ends):
            return ends
    return [f"{end} {number}" for number, end in enumerate(ends, 1)]
