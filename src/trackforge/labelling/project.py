"""The folder of a labelling project: what was asked for, the labels, and what each round has come to.

::

    PROJECT/label.toml                  what was asked for
    PROJECT/ledger.json                 sequences and classes
    PROJECT/sequences/NAME.labels.json  the labels: what people look at, and what counts
    PROJECT/frames/NAME/000123.jpg      pictures, where the source cannot be read again
    PROJECT/found/                      what detectors found, frame by frame
    PROJECT/rounds/000/                 round.json, what people were shown, signals, chosen.json, measure.json, train/,
                                        settled.json
    PROJECT/exchange/                   exports and imports

Every file is whole or not there, and every step writes the same again when it is repeated: a project goes on from its
folder, however the command before ended.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from trackforge.errors import ConfigError, DataError, did_you_mean
from trackforge.intake.documents import load_json
from trackforge.io.atomic import atomic_path
from trackforge.labelling.models import Models
from trackforge.labelling.places import settled
from trackforge.labelling.run import FIXED, LabelRun
from trackforge.review import Document
from trackforge.runs.component import Component
from trackforge.runs.layers import Layer, from_job, from_toml, options
from trackforge.runs.repeating import repeating
from trackforge.runs.values import plain

__all__ = ["MARK", "Project", "Round", "State", "flat", "is_project", "write_json"]

MARK, LEDGER = "label.toml", "ledger.json"
FORMAT = 1
State: TypeAlias = Literal["labelling", "checking", "measured", "closed"]
"""Of a round: the model labels; people check; what they changed is measured; the next round has begun."""


def is_project(path: str | Path) -> bool:
    """Tell whether a folder is a labelling project."""
    return (Path(path) / MARK).is_file()


def write_json(path: Path, value: Any) -> None:
    """Write JSON, whole or not at all.

    Raises:
        SinkError: The place cannot be written to.
    """
    with atomic_path(path) as partial:
        partial.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Round:
    """One turn of the loop.

    Attributes:
        number: From 0.
        state: How far it is.
        detector: The model that labels, as a table with ``name``; empty for the one that was asked for.
        conf: The tracker's least score of a confident box, as people's checking has settled it; None for what was
            asked for.
        checked: Frames that models before it were trained on or judged by, by sequence.
        measured: Frames that people had checked when it was measured, by sequence: a training takes these, and none
            that people check while it runs.
        training: What came of the training that ended it, in words; empty where there was none.
    """

    number: int = 0
    state: State = "labelling"
    detector: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    conf: float | None = None
    checked: Mapping[str, Sequence[int]] = dataclasses.field(default_factory=dict)
    measured: Mapping[str, Sequence[int]] = dataclasses.field(default_factory=dict)
    training: str = ""


class Project:
    """A labelling project.

    Args:
        folder: Where it is.
        run: What was asked for.

    Attributes:
        classes: Names of the labels; empty before the first model was asked.
        names: Of the sequences, in the order in which they were given.
    """

    def __init__(self, folder: Path, run: LabelRun) -> None:
        self.folder, self.run = folder, run
        self.classes: tuple[str, ...] = ()
        self.names: tuple[str, ...] = ()
        ledger = folder / LEDGER
        if ledger.is_file():
            told = load_json(ledger, "The ledger of a labelling project")
            if not isinstance(told, dict) or told.get("format") != FORMAT:
                raise DataError("The ledger must be one that this version wrote. Use that version.", path=ledger)
            self.classes, self.names = tuple(told["classes"]), tuple(told["sequences"])

    # ---- beginning, and going on

    @classmethod
    def begin(cls, *given: LabelRun | Layer) -> Project:
        """Make the folder of a project, or open it where the same was begun there.

        Raises:
            ConfigError: A setting is wrong, nothing is to be labelled, or another project is there.
            SinkError: The folder cannot be written to.
        """
        layers = [one if isinstance(one, Layer) else from_job(one) for one in given]
        run = settled(joined(layers))
        if run.out is None:
            raise ConfigError("A labelling project needs a folder. Give one: -o PROJECT.")
        if is_project(run.out) and (run.out / LEDGER).is_file():
            return cls.open(run.out, from_job(dataclasses.replace(run, out=None)))
        if not run.sources:
            raise ConfigError("label needs something to label: a video, a folder of pictures. Give one: label a.mp4.")
        if run.out.is_dir() and any(run.out.iterdir()) and not is_project(run.out):
            raise ConfigError(f"The folder of a project must be new or empty; {run.out} holds something else.")
        Models(run)  # sources, detectors and settings, before anything is written
        made = cls(run.out, dataclasses.replace(run, out=None))
        made.write()
        return made

    @classmethod
    def open(cls, folder: Path, *given: LabelRun | Layer) -> Project:
        """Open a project to go on with it, with settings that came since.

        Raises:
            ConfigError: It is none, or what labels hang on would be another.
        """
        if not is_project(folder):
            raise ConfigError(f"{folder} is no labelling project: it has no {MARK}. Make one: label VIDEO -o {folder}.")
        before = from_toml(folder / MARK, LabelRun)
        layers = [one if isinstance(one, Layer) else from_job(one) for one in given]
        was, now = joined([before]), settled(joined([before, *layers]))
        for name in FIXED if (folder / LEDGER).is_file() else ():
            if plain(_told(getattr(was, name))) != plain(_told(getattr(now, name))):
                raise ConfigError(
                    f"{folder} is a project with {name} = {plain(getattr(was, name))!r}, which cannot change; got "
                    f"{plain(getattr(now, name))!r}. Begin another in a folder of its own."
                )
        made = cls(folder, dataclasses.replace(now, out=None))
        if made.text() != (folder / MARK).read_text(encoding="utf-8"):
            made.write()
        return made

    def text(self) -> str:
        """Return what was asked for, as its file has it."""
        return repeating(self.run, "label", "-o ANOTHER-FOLDER", file=MARK)

    def write(self) -> None:
        """Write down what was asked for."""
        with atomic_path(self.folder / MARK) as partial:
            partial.write_text(self.text(), encoding="utf-8")

    def settle(self, classes: Sequence[str], names: Sequence[str]) -> None:
        """Say once which classes and sequences there are.

        Raises:
            ConfigError: Files of two sequences would have one name.
        """
        places = [self.path(name) for name in names]
        for name, place in zip(names, places, strict=True):
            if places.count(place) > 1:
                raise ConfigError(f"Files of sequences need different names; {name!r} has that of another.")
        self.classes, self.names = tuple(classes), tuple(names)
        write_json(
            self.folder / LEDGER, {"format": FORMAT, "classes": list(self.classes), "sequences": list(self.names)}
        )

    # ---- labels

    @property
    def sequences(self) -> Path:
        """The folder of the labels."""
        return self.folder / "sequences"

    def path(self, name: str) -> Path:
        """Return where the labels of a sequence are."""
        return self.sequences / f"{flat(name)}.labels.json"

    def document(self, name: str) -> Document | None:
        """Return the labels of a sequence; None before there are any."""
        path = self.path(name)
        return self.aligned(Document.load(path)) if path.is_file() else None

    def stamp(self, name: str) -> tuple[int, int] | None:
        """Return what changes whenever somebody writes the labels of a sequence; None before there are any."""
        path = self.path(name)
        if not path.is_file():
            return None
        status = path.stat()
        return status.st_mtime_ns, status.st_size

    def aligned(self, document: Document) -> Document:
        """Return a document with the classes of the project; those that people have added are the project's as well."""
        self.classes += tuple(name for name in document.classes if name not in self.classes)
        if document.classes == self.classes:
            return document
        table = [self.classes.index(name) for name in document.classes]
        tracks = tuple(dataclasses.replace(one, label=table[one.label]) for one in document.tracks)
        return document.replace(classes=self.classes, tracks=tracks)

    def documents(self) -> dict[str, Document]:
        """Return the labels of all sequences that have any."""
        found = {name: one for name in self.names if (one := self.document(name)) is not None}
        return {name: self.aligned(one) for name, one in found.items()}  # by classes that came with the last as well

    def known(self, name: str) -> str:
        """Return the name of a sequence as the project has it.

        Raises:
            ConfigError: It has none of that name.
        """
        if name not in self.names:
            raise ConfigError(
                f"The project has no sequence {name!r}.{did_you_mean(name, self.names)} It has: "
                f"{', '.join(self.names) or 'none yet'}."
            )
        return name

    # ---- rounds

    def place(self, number: int) -> Path:
        """Return the folder of a round."""
        return self.folder / "rounds" / f"{number:03d}"

    def rounds(self) -> list[Round]:
        """Return all rounds, the first first; that which has not begun is not there."""
        found: list[Round] = []
        while (path := self.place(len(found)) / "round.json").is_file():
            told = load_json(path, "The record of a round")
            known = {f.name for f in dataclasses.fields(Round)}
            if not isinstance(told, dict) or not known >= set(told):
                raise DataError("The record of a round must be one that this version wrote.", path=path)
            found.append(Round(**told))
        return found

    def round(self) -> Round:
        """Return the round at hand; a new first one where there is none."""
        rounds = self.rounds()
        return rounds[-1] if rounds else Round()

    def record(self, round_: Round) -> Round:
        """Write down how far a round is."""
        write_json(self.place(round_.number) / "round.json", dataclasses.asdict(round_))
        return round_


def joined(layers: Iterable[Layer]) -> LabelRun:
    """Return the project that layers come to, the components of each with the settings of all."""
    layers = list(layers)
    run = options(LabelRun, layers)
    tables: dict[str, Any] = {}
    for layer in layers:
        for kind, table in layer.tables.items():
            before = tables.get(kind, {})
            other = "name" in table and table["name"] != before.get("name", table["name"])
            tables[kind] = {**({} if other else before), **table}
    return dataclasses.replace(run, **tables)


def _told(value: Any) -> Any:
    return value.table() if isinstance(value, Component) else value or ""


def flat(name: str) -> str:
    """Return the name of a sequence as the name of a file."""
    return name.replace("/", "-").replace("\\", "-")
