"""A round's labels: frames to detections, to tracks with their gaps filled, to documents that people check.

What people have said stays as it is. On the frames that they have checked their boxes take the place of detections, so
that the tracks of the others begin and end where they say.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from trackforge.errors import ConfigError
from trackforge.intake.documents import load_json
from trackforge.labelling.choosing import choose
from trackforge.labelling.documents import held, rebuilt, save_table
from trackforge.labelling.filling import filled, whole_tracks
from trackforge.labelling.joining import joined, only
from trackforge.labelling.looking import Watch
from trackforge.labelling.models import Models
from trackforge.labelling.outlines import BESIDE
from trackforge.labelling.places import outside
from trackforge.labelling.project import Project, Round, flat, write_json
from trackforge.labelling.sighting import Sighted, sighted
from trackforge.labelling.signals import Signals, signals_of
from trackforge.labelling.thresholds import Threshold, threshold_of
from trackforge.protocols import Tracker
from trackforge.review import Document
from trackforge.runs.replaying import replay
from trackforge.table import TrackTable
from trackforge.types import Detections, Frame

__all__ = ["ask", "choose_again", "prelabel"]

log = logging.getLogger(__name__)


def prelabel(project: Project, *, watch: Watch | None = None) -> Round:
    """Label what nobody has checked, and ask for the frames that are worth people's look the most.

    What was done before a kill, or before an endpoint failed, is not done again.

    Args:
        project: Its round at hand is in the state ``labelling``.
        watch: Is told of every frame that is looked at.

    Returns:
        The round, which people may check now; that is not written down yet.

    Raises:
        ConfigError: Sources or classes do not go together.
        TrackforgeError: Whatever sources, detectors and tracker raise; what was found before stays.
    """
    round_ = project.round()
    if not project.rounds():
        project.record(round_)
    models = Models(project.run, outside(round_.detector, project.folder))
    sequences = sighted(project, models, whole=project.run.settles, watch=watch)
    threshold = threshold_of(project.run, round_.conf)
    tracker = threshold.tracker.create()
    told = {one.name: [f"found/{f.path.name}" for f in one.findings] for one in sequences}
    write_json(project.place(round_.number) / "found.json", told)
    for sequence in sequences:
        _label(project, round_, models, threshold, tracker, sequence)
    ask(project, round_)
    return round_


def _label(
    project: Project, round_: Round, models: Models, threshold: Threshold, tracker: Tracker, sequence: Sighted
) -> None:
    """Make the labels of one sequence and put them where people find them."""
    name, run = sequence.name, project.run
    stamp, before = project.stamp(name), project.document(name)
    said, checked = (TrackTable.empty(name), frozenset[int]()) if before is None else (before.table(), held(before))
    frames, merged, disputed = sequence.merged(models)
    numbers = np.array([frame.index for frame in frames], np.int64)
    kept = {index: threshold.kept(one) for index, one in merged.items()}
    fed = _fed(frames, kept, said, frozenset() if sequence.embedded else checked)
    stream = dataclasses.replace(sequence.stream, name=name, classes=project.classes)
    table = filled(whole_tracks(replay(fed, tracker, stream), sequence=name), numbers, run.gap)
    labels = joined(said, table, checked)
    size = frames[0].size if frames and len({frame.size for frame in frames}) == 1 else (0, 0)
    empty = _empty(project, sequence, frames, numbers, size, before)
    if table.mask is not None and BESIDE not in empty.notes:
        empty = empty.replace(notes=(*empty.notes, BESIDE))
    document = rebuilt(labels, before, empty, tolerance=run.tolerance)
    signals = signals_of(
        labels,
        merged,
        numbers,
        size,
        doubt=run.doubt,
        disputed=disputed if len(models.all) > 1 else None,
    )
    folder = project.place(round_.number)
    save_table(folder / "tracks" / f"{flat(name)}.npz", labels)
    write_json(folder / "signals" / f"{flat(name)}.json", signals.as_dict())
    document.save(folder / "shown" / f"{flat(name)}.labels.json")
    if project.stamp(name) != stamp:
        log.info("%s: somebody has edited the labels meanwhile; they are made again", name)
        _label(project, round_, models, threshold, tracker, sequence)
        return
    document.save(project.path(name))


def _fed(
    frames: Sequence[Frame], found: dict[int, Detections], people: TrackTable, checked: frozenset[int]
) -> Iterator[tuple[Frame, Detections]]:
    """Yield what the tracker gets: people's boxes where they have checked, else what the models found."""
    mine = only(people, checked)
    for frame in frames:
        if frame.index in checked:
            rows = mine.at(frame.index)
            yield (
                frame,
                Detections(xyxy=rows.xyxy.astype(np.float32), class_id=rows.class_id),
            )
        else:
            yield frame, found[frame.index]


def _empty(
    project: Project,
    sequence: Sighted,
    frames: Sequence[Frame],
    numbers: np.ndarray[tuple[int], np.dtype[np.int64]],
    size: tuple[int, int],
    before: Document | None,
) -> Document:
    """Return what is known of a sequence, without its labels."""
    place = sequence.place
    named = place.named and all(frame.file is not None for frame in frames)
    source = place.source
    return Document(
        sequence=sequence.name,
        source=f"../frames/{source.name}" if place.cut else str(source),
        rate=sequence.stream.rate,
        size=size,
        frames=numbers,
        files=tuple(str(frame.file) for frame in frames) if named else (),
        classes=project.classes,
        notes=() if before is None else before.notes,
    )


def _signals(project: Project, round_: Round) -> dict[str, Signals]:
    """Return what was doubtful about the labels of a round, by sequence."""
    folder = project.place(round_.number) / "signals"
    return {name: Signals.from_dict(load_json(folder / f"{flat(name)}.json")) for name in project.names}


def ask(project: Project, round_: Round, count: int | None = None) -> list[dict[str, Any]]:
    """Choose the frames that people are asked to look at in a round, and write them into the documents.

    Args:
        project: The project.
        round_: The round.
        count: How many; as the project says, where None.

    Returns:
        The frames, with the reasons; they stand in ``chosen.json`` of the round.
    """
    documents = project.documents()
    checked = {name: document.checked for name, document in documents.items()}
    signals = _signals(project, round_)
    chosen = choose(signals, checked, count or project.run.count)
    for name, document in documents.items():
        wanted = tuple(one.frame for one in chosen if one.sequence == name)
        if not wanted and chosen:  # none would mean all
            wanted = tuple(sorted(document.checked))[:1]
            chosen += [] if wanted else choose({name: signals[name]}, {}, 1)
            wanted = wanted or (chosen[-1].frame,)
        if document.wanted != wanted:
            document.replace(wanted=wanted).save(project.path(name))
    told = [one.as_dict() for one in chosen]
    write_json(project.place(round_.number) / "chosen.json", {"frames": told})
    return told


def choose_again(project: Project, count: int | None = None) -> list[dict[str, Any]]:
    """Choose anew which frames people are asked to look at in the round at hand.

    Raises:
        ConfigError: There are no labels yet.
    """
    round_ = project.round()
    if round_.state == "labelling":
        raise ConfigError(f"There are no labels yet to choose by. Make them first: trackforge label {project.folder}.")
    return ask(project, round_, count)
