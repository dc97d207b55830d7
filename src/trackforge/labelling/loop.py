"""What a project does next, and doing it: label, have checked, measure, train, and again until the goal is reached.

Everything stands in the folder. `go_on` does what needs no person and stops where one is needed; called again after a
kill, it does what is left.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from trackforge.errors import ConfigError
from trackforge.intake.documents import load_json
from trackforge.io.owned import owned
from trackforge.labelling.documents import load_table
from trackforge.labelling.looking import Watch
from trackforge.labelling.measures import Measures
from trackforge.labelling.measuring import measure
from trackforge.labelling.prelabelling import prelabel
from trackforge.labelling.project import Project, Round, flat, write_json
from trackforge.labelling.settling import ENOUGH, judging, settled
from trackforge.labelling.standing import Next, Status
from trackforge.labelling.teaching import Lesson, teach, trainer_of
from trackforge.labelling.words import effort_words
from trackforge.review import Document
from trackforge.training.progress import Teller

__all__ = ["Tell", "go_on", "measured", "status", "working"]


@dataclasses.dataclass(frozen=True)
class Tell:
    """Who is told how far it is; nobody by default.

    Attributes:
        look: Of every frame that a detector looks at.
        line: Of what has been done, in words.
        epoch: Of every epoch.
        train: How far a training is.
    """

    look: Watch | None = None
    line: Callable[[str], object] = str
    epoch: Callable[[Mapping[str, Any]], None] | None = None
    train: Teller | None = None


@contextlib.contextmanager
def working(project: Project) -> Iterator[None]:
    """Hold a project while the block works at it.

    Raises:
        ConfigError: Another command works at it.
    """
    with owned(project.folder / "working", "A labelling project is for one command at a time"):
        yield


def status(project: Project) -> Status:
    """Tell where a project stands."""
    round_, documents = project.round(), project.documents()
    scores, goals = latest_scores(project), project.run.goals()
    reached = {goal.words: goal.reached(scores) for goal in goals}
    asked = {name: _asked(document) for name, document in documents.items()}
    left = sum(len(frames - documents[name].checked) for name, frames in asked.items())
    whole = sum(len(document.frames) for document in documents.values())
    checked = sum(len(document.checked) for document in documents.values())
    following: Next = "check"
    if round_.state == "labelling" or not documents:
        following = "label"
    elif (goals and all(reached.values())) or checked == whole:
        following = "done" if round_.state != "checking" or not _fresh(project, round_, documents) else "measure"
    elif round_.state == "measured":
        following = "train"
    elif not left:
        following = "measure"
    return Status(
        folder=str(project.folder),
        next=following,
        round=round_.number,
        sequences=len(documents),
        frames=whole,
        boxes=sum(len(document.table()) for document in documents.values()),
        tracks=sum(len(document.tracks) for document in documents.values()),
        checked=checked,
        wanted=sum(map(len, asked.values())),
        left=left,
        scores=scores,
        goals=reached,
        training=next((one.training for one in reversed(project.rounds()) if one.training), ""),
        model=str(round_.detector.get("weights", "")),
    )


def go_on(project: Project, *, ready: bool = False, tell: Tell | None = None) -> tuple[Status, int]:
    """Do what comes next, until people are needed or nothing is left.

    Args:
        project: The project.
        ready: People are done with this round, though they have not looked at all frames that they were asked to.
        tell: Who is told how far it is.

    Returns:
        Where the project stands then, and the number of the signal that stopped a training, or 0.

    Raises:
        ConfigError: ``ready``, and nothing has been checked in this round.
        TrackforgeError: What models, sources and training raise; the same call goes on from there.
    """
    tell = tell or Tell()
    with working(project):
        while True:
            now = status(project)
            if now.next == "label":
                tell.line(f"round {now.round}: labelling")
                labelled = prelabel(project, watch=tell.look)
                _measure_late(project, labelled, tell)
                project.record(dataclasses.replace(labelled, state="checking"))
                continue
            if now.next == "check" and not (ready and project.round().state == "checking"):
                return now, 0
            if now.next == "done":
                return now, 0
            if project.round().state == "checking":
                documents = project.documents()  # as they are now: people go on while a model is trained
                tell.line(effort_words(_measured(project, project.round(), documents)))
                counted = {name: sorted(document.checked) for name, document in documents.items()}
                project.record(dataclasses.replace(project.round(), state="measured", measured=counted))
                ready = False
                continue
            lesson = _train(project, tell)
            if lesson.signal:
                return status(project), lesson.signal


def measured(project: Project) -> Measures:
    """Measure what people changed in this round, and keep it in ``measure.json`` of the round.

    Raises:
        ConfigError: Nothing has been checked in this round.
    """
    return _measured(project, project.round(), project.documents())


def _measured(project: Project, round_: Round, documents: Mapping[str, Document]) -> Measures:
    fresh = _fresh(project, round_, documents)
    if not fresh:
        raise ConfigError(
            "Nothing has been checked in this round, so there is nothing to measure. Check frames in the page "
            f"(trackforge serve --labels {project.sequences}), or bring in labels: trackforge label import "
            f"{project.folder} LABELS."
        )
    folder = project.place(round_.number)
    shown = {name: _shown(project, round_, name).table() for name in fresh}
    scored = {name: load_table(folder / "tracks" / f"{flat(name)}.npz", name) for name in fresh}
    people = {name: documents[name].table() for name in fresh}
    result = measure(shown, people, fresh, project.classes, scored=scored, same=project.run.same)
    write_json(folder / "measure.json", result.as_dict())
    return result


def _measure_late(project: Project, round_: Round, tell: Tell) -> None:
    """Measure the round before again, where people checked more of it until the labels of this one took their place."""
    if not round_.number:
        return
    before = project.rounds()[round_.number - 1]
    documents = {name: _shown(project, round_, name) for name in before.measured}
    late = sum(len(documents[name].checked - set(frames)) for name, frames in before.measured.items())
    if late:
        result = _measured(project, before, documents)
        tell.line(f"round {before.number}, with {late} checked meanwhile: {effort_words(result)}")


def latest_scores(project: Project) -> dict[str, float | None]:
    """Return the scores of the latest round that was measured, by the names of goals; empty before."""
    for round_ in reversed(project.rounds()):
        path = project.place(round_.number) / "measure.json"
        if round_.state in ("measured", "closed") and path.is_file():
            told = load_json(path, "What a round has measured")
            spelt = {"AP50": "ap50", "AP": "ap", "F1": "f1", "IDF1": "idf1", "HOTA": "hota", "MOTA": "mota"}
            scores = {name: told["overall"][spelt.get(name, name)] for name in (*spelt, "precision", "recall")}
            return {**scores, "effort": told["effort"]["per 100 boxes"]}
    return {}


def _train(project: Project, tell: Tell) -> Lesson:
    round_ = project.round()
    if trainer_of(project) is not None:
        tell.line(f"round {round_.number}: training on what people have checked")
    lesson = teach(project, round_, watch=tell.epoch, tell=tell.train, look=tell.look)
    if lesson.signal:
        return lesson
    tell.line(lesson.words)
    following = Round(
        number=round_.number + 1,
        detector=lesson.detector,
        conf=_least(project, round_, lesson, tell),
        checked=round_.measured,
    )
    project.record(following)  # first: a round that is closed is followed by another
    project.record(dataclasses.replace(round_, state="closed", training=lesson.words))
    return lesson


def _least(project: Project, round_: Round, lesson: Lesson, tell: Tell) -> float | None:
    """Choose the tracker's least score for the labels to come, and say why; as set, where nothing is to be chosen."""
    if not project.run.settles:
        return None
    choice = lesson.choice
    if choice is None or choice.frames < ENOUGH:
        frames, fair = judging(project, trained=bool(lesson.detector))
        if not frames:  # people have taken back what they had checked
            return round_.conf
        choice = settled(project, lesson.detector, frames, round_.conf, fair=fair, watch=tell.look)
    write_json(project.place(round_.number) / "settled.json", choice.as_dict())
    tell.line(choice.words)
    return choice.conf


def _asked(document: Document) -> set[int]:
    return set(document.asked)


def _shown(project: Project, round_: Round, name: str) -> Document:
    """Return the labels of a sequence as people were shown them in a round."""
    return project.aligned(Document.load(project.place(round_.number) / "shown" / f"{flat(name)}.labels.json"))


def _fresh(project: Project, round_: Round, documents: Mapping[str, Document]) -> dict[str, list[int]]:
    """Return the frames that people have checked since a round's labels were made, by sequence."""
    found = {
        name: sorted(document.checked - _shown(project, round_, name).checked)
        for name, document in documents.items()
        if document.checked
    }
    return {name: frames for name, frames in found.items() if frames}
