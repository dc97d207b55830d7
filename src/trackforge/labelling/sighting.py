"""Every model's look at every sequence, once: what it found is kept, and what was kept is not looked for again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from trackforge.errors import ConfigError
from trackforge.labelling.documents import held
from trackforge.labelling.findings import Findings
from trackforge.labelling.looking import Place, Watch, look, place_of
from trackforge.labelling.models import Model, Models
from trackforge.labelling.project import Project, flat
from trackforge.protocols import Closable, stream_of
from trackforge.runs.fingerprint import fingerprint, versions
from trackforge.runs.running import Input, open_sources
from trackforge.types import Detections, Frame, Stream

__all__ = ["Sighted", "sighted"]


@dataclasses.dataclass(frozen=True)
class Sighted:
    """A sequence that every model has looked at.

    Attributes:
        name: Of the sequence.
        stream: What is known of it.
        place: Where its pictures lie.
        findings: Of each model.
        embedded: Whether the main detector tells objects apart by their looks, so that people's boxes cannot stand in
            for its.
    """

    name: str
    stream: Stream
    place: Place
    findings: Sequence[Findings]
    embedded: bool

    def merged(self, models: Models) -> tuple[list[Frame], dict[int, Detections], dict[int, int]]:
        """Return all frames, what the models found together in those looked at, and on how many boxes they disagree."""
        frames: list[Frame] = []
        found: dict[int, Detections] = {}
        disputed: dict[int, int] = {}
        for parts in zip(*(one.in_order() for one in self.findings), strict=True):
            frame = dataclasses.replace(parts[0].frame, sequence=self.name)
            frames.append(frame)
            known = [part.detections for part in parts]
            if all(one is not None for one in known):
                found[frame.index], disputed[frame.index] = models.merged([one for one in known if one is not None])
        return frames, found, disputed


def sighted(
    project: Project,
    models: Models,
    *,
    whole: bool,
    of: Callable[[str], bool] = bool,
    watch: Watch | None = None,
) -> list[Sighted]:
    """Have the models look at what they have not looked at, and settle what the classes are called.

    Args:
        project: What was found is kept in its folder.
        models: The detectors.
        whole: Look at the frames that people have checked, too.
        of: Tells by its name whether a sequence is wanted; all are.
        watch: Is told of every frame that is looked at.

    Raises:
        ConfigError: Sources or classes do not go together.
        TrackforgeError: Whatever sources and detectors raise; what was found before stays.
    """
    inputs = open_sources(models.plan)
    found: list[Sighted] = []
    try:
        project.documents()  # which may have classes that people have added
        theirs = [tuple(model.made(inputs[0].name)[0].classes) for model in models.all]
        classes = models.agree(theirs, project.classes)  # before hours of looking
        for component, one in zip(models.plan.sources, inputs, strict=True):
            if stream_of(one.source).live:
                raise ConfigError(
                    f"Labels are of footage that can be looked at again; {one.given} is live. Record it first: "
                    "trackforge track ADDRESS -o film.mp4."
                )
            place = place_of(component, one.source, project.folder / "frames" / flat(one.name))
            if of(one.name):
                found.append(_looked_at(project, models, component.table(), one, place, whole=whole, watch=watch))
        project.settle(project.classes or classes, [one.name for one in inputs])
    finally:
        for one in inputs:
            if isinstance(one.source, Closable):
                one.source.close()
    return found


def _looked_at(
    project: Project,
    models: Models,
    source: dict[str, object],
    one: Input,
    place: Place,
    *,
    whole: bool,
    watch: Watch | None,
) -> Sighted:
    run, before = project.run, project.document(one.name) if one.name in project.names else None
    stream, found = stream_of(one.source), []
    checked = frozenset[int]() if whole else held(before)
    embedded = False
    for model in models.all:
        mark = _mark(project, model, source, one.name)
        findings = Findings(project.folder / "found" / f"{flat(one.name)}-{mark}.jsonl", mark)
        needed = frozenset(findings.frames) - checked
        if not findings.covers(needed):
            detector, remembers = model.made(one.name)
            embeds = detector.embedding_dim is not None
            look(
                one.source,
                detector,
                findings,
                name=one.name,
                place=place,
                remembers=remembers,
                leave=frozenset() if embeds else checked,
                most=run.frames,
                batch_size=run.batch_size,
                ahead=run.ahead,
                total=_total(stream, run.frames),
                watch=watch,
            )
        found.append(findings)
        if model is models.all[0]:
            embedded = any(
                f.detections is not None and f.detections.embedding is not None for f in findings.frames.values()
            )
    return Sighted(one.name, stream, place, found, embedded)


def _total(stream: Stream, most: int | None) -> int | None:
    return most if stream.length is None else min(stream.length, most or stream.length)


def _mark(project: Project, model: Model, source: dict[str, object], name: str) -> str:
    run, component = project.run, model.component
    return fingerprint(
        {
            "detector": component.name,
            "settings": component.for_sequence(name).settings,
            "version": versions(component.spec.target),
            "agnostic": run.class_agnostic,
            "source": source,
            "part": [run.start, run.stride, run.frames],
        }
    )
