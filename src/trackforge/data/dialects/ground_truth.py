"""Labels of video from Ground Truth: whole output folders, manifests, ``SeqLabel.json``, answers of workers; read.

What the files mean is told in `trackforge.io.seqlabel_json`, where they lie in
`trackforge.data.dialects.ground_truth_folders`. Frames are those of the sequence file where it is here, also frames
without an object, and are joined to labels by the names of their pictures. An object is one as long as its id is, in
its sequence: two clips of one film are two sequences, unless they are joined.

A sequence that is called like a clip (``street-000201-000400``, see `trackforge.data.parts`) counts its frames from its
own first; ``join=True`` makes one sequence of all clips of a film, with the film's frames, and of objects that have the
same id in several of them one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trackforge.data.class_names import ClassNames
from trackforge.data.consolidating import consolidate
from trackforge.data.dialects.ground_truth_answers import read_answers
from trackforge.data.dialects.ground_truth_fields import ClassMap
from trackforge.data.dialects.ground_truth_folders import Job, Labelled, jobs, lines_of, looks_like_ground_truth
from trackforge.data.dialects.ground_truth_rows import SequenceRows
from trackforge.data.dialects.ground_truth_sequences import SequenceFile, read_sequence_file
from trackforge.data.mixing import concatenate
from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.errors import DataError
from trackforge.intake.documents import load_json, whole_number
from trackforge.intake.names import relative_name
from trackforge.intake.reading import reading
from trackforge.io.seqlabel import metadata_path
from trackforge.io.seqlabel_json import SeqLabel, classes_named, parse_seqlabel

__all__ = ["read_ground_truth", "sniff_ground_truth"]


def sniff_ground_truth(path: Path) -> bool:
    """Tell whether a path looks like labels of video from Ground Truth."""
    return looks_like_ground_truth(path)


def read_ground_truth(
    path: Path,
    *,
    findings: Findings,
    classes: Sequence[str] = (),
    images: Path | None = None,
    prefix: str = "",
    attribute: str | None = None,
    workers: bool = False,
    least: int | None = None,
    join: bool = False,
    size: tuple[int, int] | None = None,
) -> Dataset:
    """Read labels of video.

    Args:
        path: A job's output folder, a folder of such, a manifest, a ``SeqLabel.json``, answers of workers.
        findings: Where malformed lines, frames and objects are reported.
        classes: Class names in order; without, those of class maps, and of objects' names where there is none.
        images: Folder of the pictures, or of the films that they are frames of; that of the labels unless given.
        prefix: What addresses of pictures begin with; the rest is where one lies in the folder.
        attribute: The one with the labels; where a line has several, that of the latest adjustment unless given.
        workers: Take what single workers answered, and consolidate it, rather than what the job made of it.
        least: How many workers must have drawn a box; more than half of them unless given.
        join: Make one sequence of the clips of a film.
        size: ``(width, height)`` in pixels of frames whose picture is not there.

    Raises:
        DataError: There are no such labels, or they are malformed.
    """
    found = jobs(path)
    if not found:
        raise DataError(
            "There must be labels of video, a job's output folder, an output.manifest or a SeqLabel.json; there are "
            "none.",
            path=path,
        )
    root = found[0].folder if len(found) == 1 else path
    reader = _Reader(findings, tuple(classes), root, images, prefix, size, join=join)
    sets = [reader.job(job, attribute, workers=workers, least=least) for job in found]
    with reading(path, "Labels of video"):
        made = sets[0] if len(sets) == 1 else concatenate(sets)
    name = path.stem if path.is_file() else path.name
    return made.replace(name=name, notes=tuple(dict.fromkeys(made.notes)))


class _Reader:
    """Reads job by job."""

    def __init__(
        self,
        findings: Findings,
        classes: tuple[str, ...],
        root: Path,
        images: Path | None,
        prefix: str,
        size: tuple[int, int] | None,
        *,
        join: bool,
    ) -> None:
        self.findings, self.classes, self.root, self.images = findings, classes, root, images
        self.prefix, self.size, self.join = prefix, size, join

    def job(self, job: Job, attribute: str | None, *, workers: bool, least: int | None) -> Dataset:
        """Return the labels of a job; the part of each worker consolidated, where that is asked for or all there is."""
        notes: list[str] = []
        lines = lines_of(job, self.findings.caught, attribute, notes, self.images)
        if job.answers is None or not (workers or not lines):
            if workers:
                notes.append(f"{job.name} has no answers of single workers; what it made of them was read")
            return self._set(job, [(one, self._labels(one)) for one in lines], notes)
        answers = read_answers(job.answers, self.findings.caught)
        by_index = {str(one.index): one for one in lines if one.index >= 0}
        sequences = {key: by_index.get(key) or Labelled(_answered(job, key), None) for key in answers}
        names = dict.fromkeys(worker for told in answers.values() for worker in told)
        if len(names) > 1:
            notes.append(f"the answers of {len(names)} workers were consolidated")
        parts = [
            self._set(job, [(sequences[key], told[name]) for key, told in answers.items() if name in told], notes)
            for name in names
        ]
        if len(parts) <= 1:
            return parts[0] if parts else self._set(job, [], notes)
        return consolidate(parts, least=least)

    def _labels(self, one: Labelled) -> SeqLabel | None:
        """Return the labels of a sequence; None where they cannot be read, which is reported."""
        file = one.labels
        if file is None:
            return None
        try:
            with reading(file, "Labels of a sequence"):
                document = load_json(file, "Labels of a sequence")
                return parse_seqlabel(document, file, lambda message: self._bad(message, file))
        except DataError as error:
            self.findings.caught(error)
            return None

    def _bad(self, message: str, file: Path) -> None:
        self.findings.bad(f"{message[:1].upper()}{message[1:]}.", path=file)

    def _set(self, job: Job, labelled: Sequence[tuple[Labelled, SeqLabel | None]], notes: list[str]) -> Dataset:
        names = ClassNames(self.classes, folder=job.folder)
        taken = set[str]()
        rows = SequenceRows(self.findings, names, [*([self.images] if self.images else []), job.folder], self.prefix)
        for one, labels in labelled:
            if labels is None:
                continue
            place = one.labels or job.folder
            try:
                sequence = self._name(one, place, taken)
                mapped = self._state(rows, one, labels, place)
                rows.add(sequence, one, labels, self._listed(one), join=self.join, size=self.size, mapped=mapped)
            except DataError as error:
                self.findings.caught(error)
        return rows.finish(self.images or self.root, job.name, notes)

    def _name(self, one: Labelled, place: Path, taken: set[str]) -> str:
        name = relative_name(one.name, "A sequence", path=place).as_posix()
        free = next(n for n in (name, *(f"{name}-{k}" for k in range(2, len(taken) + 3))) if n not in taken)
        taken.add(free)
        return free

    def _state(self, rows: SequenceRows, one: Labelled, labels: SeqLabel, place: Path) -> ClassMap | None:
        """Note the names of classes: the manifest's, those beside the file, or those that objects are called by.

        Returns:
            The class map, which names all classes that there are; None where there is none.
        """
        told = one.metadata.get("class-map")
        where, line = (place, None) if one.line is None else (one.line.path, one.line.number)
        beside = metadata_path(place) if one.labels is not None else None
        if not isinstance(told, dict) and beside is not None and beside.is_file():
            document = load_json(beside, "The metadata of labels")
            told, where = document.get("class-map") if isinstance(document, dict) else None, beside
        if not isinstance(told, dict) or not told:
            for number, name in classes_named(labels.frames):
                rows.state(number, name, path=place)
            return None
        numbers = set[int]()
        for key, name in told.items():
            try:
                number = whole_number(key, 0)
            except ValueError as error:
                raise DataError(f"A class-map must have numbers; one {error}.", path=where, line=line) from error
            rows.state(number, str(name), path=where, line=line)
            numbers.add(number)
        return ClassMap(frozenset(numbers), f"{where.name}, line {line}" if line else where.name)

    def _listed(self, one: Labelled) -> SequenceFile | None:
        if one.sequence is None:
            return None
        try:
            return read_sequence_file(one.sequence)
        except DataError as error:
            self.findings.caught(error)
            return None


def _answered(job: Job, key: str) -> str:
    """Return the name of a sequence of which only answers are there."""
    return f"{job.name}-{key}" if key.isdecimal() else key
