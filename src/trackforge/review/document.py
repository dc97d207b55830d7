"""The labels of one sequence while people check them: tracks, what is checked, what is wanted, what was touched.

One JSON file a sequence, ``NAME.labels.json``: whole or not there, one track a line.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError
from trackforge.intake.documents import load_json
from trackforge.io.atomic import atomic_path
from trackforge.review import encoding
from trackforge.review.pictures import picture_path
from trackforge.review.thinning import Rows, thinned
from trackforge.review.tracks import LabelTrack
from trackforge.table import TrackTable

if TYPE_CHECKING:
    from trackforge.data import Dataset

__all__ = ["SUFFIX", "Document", "Effort"]

SUFFIX = ".labels.json"
"""How the file of a document ends."""
Ints: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What people changed, each thing counted once: what is touched twice on a frame is one box.

    Attributes:
        moved: Keyframes that people put where a box was already.
        added: Boxes that people drew where none was.
        deleted: Boxes, ends of tracks and whole tracks that people took away.
        renamed: Tracks that got another class.
        joined: Tracks that were cut or joined, so that boxes got another number.
    """

    moved: int = 0
    added: int = 0
    deleted: int = 0
    renamed: int = 0
    joined: int = 0

    @property
    def touched(self) -> int:
        """All of them together."""
        return self.moved + self.added + self.deleted + self.renamed + self.joined


@dataclass(frozen=True, kw_only=True, eq=False)
class Document:
    """The labels of one sequence.

    Attributes:
        sequence: Its name.
        source: Where its pictures are: a film, or a folder; relative to the folder of the document, or absolute.
        rate: Frames a second; None where unknown.
        size: ``(width, height)`` of its pictures in pixels, (0, 0) where unknown.
        frames: ``(F,)`` int64 numbers of its frames, 0-based, ascending.
        files: Names of the pictures, one a frame, below ``source``; empty for a film.
        classes: Names; ``LabelTrack.label`` points here.
        tracks: In order of their numbers.
        checked: Frames that a person has accepted.
        wanted: Frames that people are asked to look at, in this order; empty: all.
        notes: What is worth knowing, one sentence each.
        effort: What people changed so far.
        edits: How many edits stand in it.

    Raises:
        InvalidInputError: Numbers repeat or point to nothing, a keyframe stands on no frame of the sequence, or names
            of classes repeat.
    """

    sequence: str
    source: str = ""
    rate: float | None = None
    size: tuple[int, int] = (0, 0)
    frames: Ints = field(default=cast("Any", ()))
    files: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    tracks: tuple[LabelTrack, ...] = ()
    checked: frozenset[int] = frozenset()
    wanted: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    effort: Effort = field(default_factory=Effort)
    edits: int = 0

    def __post_init__(self) -> None:
        put = object.__setattr__
        frames = np.array(self.frames, np.int64).reshape(-1)
        frames.flags.writeable = False
        put(self, "frames", frames)
        for name, kind in (("files", str), ("classes", str), ("wanted", int), ("notes", str)):
            put(self, name, tuple(map(cast("Callable[[Any], Any]", kind), getattr(self, name))))
        put(self, "tracks", tuple(sorted(self.tracks, key=lambda one: one.id)))
        put(self, "checked", frozenset(map(int, self.checked)))
        put(self, "size", (int(self.size[0]), int(self.size[1])))
        self._judge()

    def _judge(self) -> None:
        frames, count = self.frames, len(self.classes)
        if len(frames) and (frames[0] < 0 or (np.diff(frames) <= 0).any()):
            raise InvalidInputError("frames must be numbers >= 0 in ascending order, each once. Sort them.")
        if self.files and len(self.files) != len(frames):
            raise InvalidInputError(
                f"files must name one picture a frame, or be empty; got {len(self.files)} for {len(frames)} frames."
            )
        if len(set(self.classes)) != count:
            raise InvalidInputError(f"Class names must differ; got {', '.join(self.classes)}. Rename or merge them.")
        ids = [one.id for one in self.tracks]
        for before, after in itertools.pairwise(ids):
            if before == after:
                raise InvalidInputError(f"Each track must have a number of its own; {after} is there twice.")
        for one in self.tracks:
            if one.label >= count:
                raise InvalidInputError(
                    f"The label of a track must be one of {count} classes; track {one.id} has {one.label}. "
                    "Name all classes."
                )
        known = set(frames.tolist())
        for what, numbers in (
            ("A keyframe", (k.frame for one in self.tracks for k in one.keyframes)),
            ("What is checked", self.checked),
            ("What is wanted", self.wanted),
        ):
            for number in numbers:
                if number not in known:
                    raise InvalidInputError(f"{what} must be a frame of the sequence; {number} is none.")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Document) and self.encoded() == other.encoded()

    __hash__ = None  # type: ignore[assignment]

    def replace(self, **changes: Any) -> Document:
        """Return a copy with some attributes exchanged."""
        return dataclasses.replace(self, **changes)

    # ---- tracks

    def track(self, number: int) -> LabelTrack:
        """Return a track by its number.

        Raises:
            InvalidInputError: There is none.
        """
        for one in self.tracks:
            if one.id == number:
                return one
        raise InvalidInputError(f"A track must be one of the document's; there is no track {number}. Reload the page.")

    @property
    def asked(self) -> tuple[int, ...]:
        """The frames that people are asked to look at: ``wanted``, or all."""
        return self.wanted or tuple(self.frames.tolist())

    def check(self) -> tuple[str, ...]:
        """Return what may be wrong though every rule is kept, one sentence each."""
        return tuple(said for one in self.tracks for said in one.doubts(self.frames, self.size))

    # ---- from and to tables and data sets

    @classmethod
    def from_table(
        cls,
        table: TrackTable,
        *,
        classes: Iterable[str],
        frames: Iterable[int] | None = None,
        sequence: str = "",
        source: str = "",
        rate: float | None = None,
        size: tuple[int, int] = (0, 0),
        files: Iterable[str] = (),
        wanted: Iterable[int] = (),
        object_ids: Mapping[int, str] | None = None,
        tolerance: float = 0.5,
        notes: Iterable[str] = (),
    ) -> Document:
        """Make a document of a tracker's rows.

        Args:
            table: Its rows; those without number (-1) become a track each. ``extra["origin"]``, where there is one,
                says ``"person"`` of boxes that a person put.
            classes: Names that ``table.class_id`` points to.
            frames: All frames of the sequence; where None, from 0 to the last that has a row.
            sequence: Its name; the table's where empty.
            source: Film or folder.
            rate: Frames a second.
            size: ``(width, height)`` in pixels.
            files: Names of the pictures, one a frame.
            wanted: Frames that people are asked to look at.
            object_ids: Names of objects by the number of their track.
            tolerance: How far, in pixels, a box may be from where it was: the more, the fewer keyframes.
            notes: What is worth knowing.

        Raises:
            InvalidInputError: A row stands on no frame of the sequence, or names no class.
        """
        told = list(notes)
        last = int(table.frame[-1]) + 1 if len(table) else 0
        numbers = np.array(range(last) if frames is None else list(frames), np.int64)
        if table.mask is not None:
            told.append("masks were left out: labels here are boxes")
        rows = Rows(
            frame=table.frame,
            track_id=table.track_id,
            xyxy=table.xyxy,
            score=table.score,
            class_id=table.class_id,
            origins=[str(one) for one in table.extra.get("origin", ())],
        )
        tracks = tuple(thinned(rows, numbers, tolerance, object_ids or {}, told))
        return cls(
            sequence=sequence or table.sequence,
            source=source,
            rate=rate,
            size=size,
            frames=numbers,
            files=tuple(files),
            classes=tuple(classes),
            tracks=tracks,
            wanted=tuple(wanted),
            notes=tuple(told),
        )

    def table(self) -> TrackTable:
        """Return all boxes on all frames; ``extra["origin"]`` says of each whether a model or a person put it."""
        parts = [(one, one.seen(self.frames)) for one in self.tracks]
        if not parts:
            return TrackTable.empty(self.sequence)
        return TrackTable(
            frame=np.concatenate([seen.frame for _, seen in parts]),
            track_id=np.concatenate([np.full(len(seen), one.id) for one, seen in parts]),
            xyxy=np.concatenate([seen.xyxy for _, seen in parts]),
            score=np.concatenate([seen.score for _, seen in parts]),
            class_id=np.concatenate([np.full(len(seen), one.label) for one, seen in parts]),
            extra={"origin": np.concatenate([np.where(seen.person, "person", "model") for _, seen in parts])},
            sequence=self.sequence,
        )

    @classmethod
    def from_dataset(cls, dataset: Dataset, sequence: str | None = None, **options: Any) -> Document:
        """Make a document of one video of a labelled set, whatever format it was read from.

        Args:
            dataset: The set; ignore regions are left out. Further columns of boxes become attributes.
            sequence: Name of the video; may be None where the set has one alone.
            options: ``source``, ``rate``, ``size``, ``files``, ``wanted``, ``tolerance`` (0.5) as for `from_table`, and
                ``origin``, who made the boxes where no column says so: ``"model"`` or ``"person"``.

        Raises:
            InvalidInputError: The set has no such video, or several and none is named.
        """
        from trackforge.review.datasets import document_fields

        return cls(**document_fields(dataset, sequence, **options))

    def to_dataset(self, root: str | Path = ".") -> Dataset:
        """Return the labels as a data set: one picture a frame, those without boxes too.

        Further columns of its boxes are ``score``, ``origin``, ``object_id`` and the attributes; of its pictures
        ``checked`` and ``wanted``.

        Args:
            root: Folder of the document, which ``source`` is relative to.
        """
        from trackforge.review.datasets import to_dataset

        return to_dataset(self.__dict__, self.tracks, root)

    def picture(self, frame: int, root: str | Path = ".") -> Path:
        """Return where the picture of a frame lies (``"film.mp4#12"`` in a film).

        Raises:
            InvalidInputError: The sequence has no such frame, or the document says no source.
        """
        return picture_path(self.source, self.frames, self.files, frame, root)

    # ---- files

    def encoded(self) -> bytes:
        """Return the content of its file."""
        return encoding.encoded(self._told())

    def head(self) -> dict[str, Any]:
        """Return all of it but its tracks, as a value of JSON."""
        return encoding.head_value(self._told())

    def _told(self) -> dict[str, Any]:
        return self.__dict__ | {"effort": dataclasses.asdict(self.effort)}

    def save(self, path: str | Path) -> None:
        """Write it, whole or not at all.

        Raises:
            SinkError: The place cannot be written to.
        """
        with atomic_path(path) as partial:
            partial.write_bytes(self.encoded())

    @classmethod
    def load(cls, path: str | Path) -> Document:
        """Read it.

        Raises:
            DataError: It is no such document, or of a later version.
            MissingFileError, SourceError: It is not there, or cannot be read.
        """
        return cls.decoded(load_json(path, "A document of labels"), path=path)

    @classmethod
    def decoded(cls, document: Any, *, path: str | Path | None = None) -> Document:
        """Return it from a value of JSON, as `encoded` wrote it; raises DataError where it is none."""
        with encoding.judged(path):
            told = encoding.decoded(document)
            return cls(**told | {"effort": Effort(**told["effort"])})
