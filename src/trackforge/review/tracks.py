"""A tracked label: the keyframes of one object, and the boxes that they mean."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.data.dialects.keyframes import between
from trackforge.errors import InvalidInputError
from trackforge.table import LARGEST as WIDEST

__all__ = ["Box", "Keyframe", "LabelTrack", "Origin", "Seen"]

Box: TypeAlias = tuple[float, float, float, float]
Origin: TypeAlias = Literal["model", "person"]
Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]

LARGEST = 2**53
"""The largest number of a frame, track or class: what every program that reads JSON keeps exactly."""


@dataclass(frozen=True, kw_only=True)
class Keyframe:
    """Where an object is on a frame, as a model found it or a person put it.

    Attributes:
        frame: Number of the frame, 0-based.
        xyxy: Corners in pixels, ``x1 <= x2`` and ``y1 <= y2``; where ``outside``, where the line from before leads to.
        outside: Whether the object is not to be seen from here to the next keyframe.
        origin: Who says so.
        score: How sure the model was; None for what a person says.
        attributes: What is true of the object from here on, beside the attributes of the track.

    Raises:
        InvalidInputError: The box is not finite or inverted, or the frame is negative.
    """

    frame: int
    xyxy: Box
    outside: bool = False
    origin: Origin = "model"
    score: float | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        corners = tuple(float(one) + 0.0 for one in self.xyxy)  # minus zero would not survive a line
        if (
            len(corners) != 4
            or not all(abs(v) <= WIDEST for v in corners)
            or corners[2] < corners[0]
            or corners[3] < corners[1]
        ):
            raise InvalidInputError(
                f"A box must be four finite numbers with x1 <= x2 and y1 <= y2; got {list(corners)} on frame "
                f"{self.frame}. Mend or leave out the box."
            )
        if not 0 <= self.frame <= LARGEST:
            raise InvalidInputError(f"A keyframe must stand on a frame >= 0; got {self.frame}. Count frames from 0.")
        if self.origin not in ("model", "person"):
            raise InvalidInputError(f'origin must be "model" or "person"; got {self.origin!r}.')
        if self.score is not None and not abs(self.score) <= WIDEST:
            raise InvalidInputError(f"A score must be finite, or None; got {self.score} on frame {self.frame}.")
        for name, value in (("frame", int(self.frame)), ("xyxy", corners), ("outside", bool(self.outside))):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "attributes", _texts(self.attributes))


@dataclass(frozen=True, eq=False)
class Seen:
    """The boxes of a track, one row a frame where it is seen.

    Attributes:
        frame: ``(N,)`` frames, ascending.
        xyxy: ``(N, 4)`` pixels.
        score: ``(N,)``; 1 where a person put the box, in a straight line between keyframes.
        person: ``(N,)`` whether a person put the box, or the end of the line that it lies on.
        keyframe: ``(N,)`` place of the keyframe at or before it.
    """

    frame: Ints
    xyxy: Floats
    score: Floats
    person: Bools
    keyframe: Ints

    def __len__(self) -> int:
        return len(self.frame)


@dataclass(frozen=True, kw_only=True)
class LabelTrack:
    """One object of a sequence.

    Attributes:
        id: Number of the track, >= 1.
        object_id: What another program calls the object, such as Ground Truth's ``object-id``; empty where none does.
        label: Its class, as index in the document's ``classes``.
        attributes: What is true of the object on all frames.
        keyframes: In order of frames, at least one.
        line: Its line in a file, once it was written: an edit changes one track of many.

    Raises:
        InvalidInputError: Keyframes are missing, out of order or twice on a frame, or a number is out of range.
    """

    id: int
    object_id: str = ""
    label: int = 0
    attributes: Mapping[str, str] = field(default_factory=dict)
    keyframes: tuple[Keyframe, ...]
    line: str = field(default="", init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 1 <= self.id <= LARGEST:
            raise InvalidInputError(f"A track must have a number >= 1; got {self.id}. Number tracks from 1.")
        if not 0 <= self.label <= LARGEST:
            raise InvalidInputError(f"label must be an index of a class, >= 0; got {self.label} in track {self.id}.")
        keyframes = tuple(self.keyframes)
        if not keyframes or all(one.outside for one in keyframes):
            raise InvalidInputError(f"Track {self.id} must have a keyframe with a box; it has none. Leave it out.")
        for before, after in itertools.pairwise(keyframes):
            if after.frame <= before.frame:
                raise InvalidInputError(
                    f"Keyframes must be in order, one a frame; track {self.id} has {after.frame} after {before.frame}."
                )
        put = object.__setattr__
        put(self, "id", int(self.id))
        put(self, "label", int(self.label))
        put(self, "keyframes", keyframes)
        put(self, "attributes", _texts(self.attributes))

    def __hash__(self) -> int:
        return hash((self.id, self.label, len(self.keyframes)))

    def seen(self, frames: Ints) -> Seen:
        """Return the boxes at those of ``frames`` (ascending) where the object is seen."""
        at = np.array([one.frame for one in self.keyframes], np.int64)
        outside = np.array([one.outside for one in self.keyframes])
        person = np.array([one.origin == "person" for one in self.keyframes])
        values = np.array([(*one.xyxy, 1.0 if one.score is None else one.score) for one in self.keyframes], np.float64)
        wanted = frames[np.searchsorted(frames, at[0]) :]
        owner = np.searchsorted(at, wanted, side="right") - 1
        visible = ~outside[owner]
        wanted, owner = wanted[visible], owner[visible]
        made = between(at, values, wanted)
        following = np.minimum(owner + 1, len(at) - 1)
        by_line = (at[owner] != wanted) & ~outside[following] & person[following]
        return Seen(wanted, made[:, :4], made[:, 4], person[owner] | by_line, owner)

    def at(self, frame: int) -> Keyframe | None:
        """Return the box on a frame, as the keyframe that would say the same; None where the object is not seen."""
        seen = self.seen(np.array([frame], np.int64))
        if not len(seen):
            return None
        k = int(seen.keyframe[0])
        own = self.keyframes[k]
        if own.frame == frame:
            return own
        corners = seen.xyxy[0].tolist()
        person = bool(seen.person[0])
        return Keyframe(
            frame=frame,
            xyxy=(corners[0], corners[1], corners[2], corners[3]),
            origin="person" if person else "model",
            score=None if person or own.score is None else float(seen.score[0]),
            attributes=own.attributes,
        )

    def doubts(self, frames: Ints, size: tuple[int, int]) -> Iterator[str]:
        """Yield what may be wrong with the boxes in pictures of a size (0 where unknown), one sentence each."""
        seen = self.seen(frames)
        flat = seen.frame[(seen.xyxy[:, 2:] <= seen.xyxy[:, :2]).any(axis=1)]
        if len(flat):
            yield f"track {self.id} has {len(flat)} boxes without area, first on frame {int(flat[0])}"
        out = (seen.xyxy[:, 2:] <= 0).any(axis=1)
        if all(size):
            out |= (seen.xyxy[:, :2] >= np.array(size)).any(axis=1)
        if out.any():
            first = int(seen.frame[out][0])
            yield f"track {self.id} has {int(out.sum())} boxes beside the picture, first on frame {first}"

    def with_keyframes(self, keyframes: Sequence[Keyframe]) -> LabelTrack:
        """Return the track with other keyframes, put in order."""
        ordered = tuple(sorted(keyframes, key=lambda one: one.frame))
        return LabelTrack(
            id=self.id, object_id=self.object_id, label=self.label, attributes=self.attributes, keyframes=ordered
        )


def _texts(given: Mapping[str, str]) -> dict[str, str]:
    """Return attributes as a mapping of texts."""
    for name, value in given.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise InvalidInputError(f"Attributes must be texts; got {name!r}: {value!r}. Write numbers as text.")
        if any("\ud800" <= letter <= "\udfff" for letter in name + value):
            raise InvalidInputError("Attributes must be whole text; one holds half a character (a lone surrogate).")
    return dict(given)
