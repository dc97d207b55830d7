"""The living tracks: all that a tracker keeps from frame to frame, and what every tracker does with it.

A tracker is policy: in which order it asks, who is paired with whom. The tracks themselves are here: one table, one row
a track in order of birth, with the filters, class votes and appearance of the same rows beside it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from trackforge.errors import InvalidInputError
from trackforge.online.appearance import Appearance
from trackforge.online.birth import Birth
from trackforge.online.classes import ClassVotes
from trackforge.online.clock import Clock, expect
from trackforge.online.columns import (
    COLUMNS,
    Array,
    Column,
    Columns,
    Floats,
    Ints,
    Mask,
    join,
    join_state,
    put,
    put_state,
    take,
    take_state,
)
from trackforge.online.damage import check_table
from trackforge.online.death import Death
from trackforge.online.lifecycle import TENTATIVE, Ageing, AgeingQuirks, judge
from trackforge.online.plausible import Watch
from trackforge.online.state import complete, restore, whole
from trackforge.online.views import Predicted
from trackforge.protocols import MotionModel, MotionState, WarpingMotionModel
from trackforge.types import Detections, Frame, Tracks

__all__ = ["Population"]

LAST_ID = 2**63 - 1


class Population:
    """The tracks of a sequence, from birth to death.

    A frame is `advance`, `warp` where a camera moved, `predict`, `give`, `retire`, `give_birth`, `tracks`; what a
    tracker does in between is its method. Ids count from 1, and a track that never became trusted has used one up.

    Args:
        motion: Predicts boxes.
        ageing: When tracks are born, trusted, lost and forgotten.
        quirks: Oddities of published trackers.
        death: The rule of death, where it has oddities of its own.
        columns: Columns of the tracker's own, by name.
        memories: Names of filters that the tracker remembers beside the present ones. New tracks have equal filters in
            all; who changes them is the tracker.
        embedding_alpha: Share of the past in the smoothed embedding of a track; None: embeddings are ignored.

    Attributes:
        table: The columns. A stage that changes one puts a new dict with a new array in its place.
        filters: The filters of the motion model.
        memories: The remembered filters.
        appearance: The embeddings.
        clock: The time.
    """

    def __init__(
        self,
        motion: MotionModel,
        ageing: Ageing,
        quirks: AgeingQuirks | None = None,
        *,
        death: Death | None = None,
        columns: Mapping[str, Column] | None = None,
        memories: Iterable[str] = (),
        embedding_alpha: float | None = None,
    ) -> None:
        self.motion = motion
        self._ageing, self._quirks = ageing, quirks or AgeingQuirks()
        self._birth, self._death = Birth(ageing, self._quirks), death or Death(ageing)
        self._own = dict(columns or {})
        self._columns = COLUMNS | self._own
        self._names = tuple(memories)
        self._alpha, self._voting = embedding_alpha, ageing.classes == "vote"
        self._watch = Watch()
        self.reset()

    def reset(self) -> None:
        """Forget everything; ids start at 1 again."""
        self.clock = Clock(self._ageing.frame_rate, count_updates=self._quirks.count_updates)
        self.table: Columns = {name: column.new(0) for name, column in self._columns.items()}
        self.filters: MotionState = self.motion.initiate(np.empty((0, 4)))
        self.memories: dict[str, MotionState] = dict.fromkeys(self._names, self.filters)
        self.appearance = Appearance(self._alpha or 0.0)
        self._votes = ClassVotes()
        self._next_id = 1
        self._watch.begin()

    def __len__(self) -> int:
        return len(self.table["track_id"])

    # -- the stages of a frame ---------------------------------------------------------------------------------------

    def advance(self, detections: Detections, frame: Frame) -> float:
        """Go to a frame and return the step from the last one, in frame intervals.

        Tracks whose time ran out in frames that were never seen are forgotten.

        Raises:
            InvalidInputError: These are no Detections and Frame, the frame's index (or timestamp, see `Clock`) does not
                increase, or embeddings changed their width. Nothing has changed then.
        """
        expect(detections, frame)
        known = self.appearance.value
        try:
            if self._alpha is not None:
                self.appearance.expect(len(self), detections.embedding)
            dt = self.clock.advance(frame)
        except InvalidInputError:
            self.appearance.value = known
            raise
        self._watch.look(detections, frame)
        if dt > 1 and len(self):
            self.keep(~self._death.given_up(self.table, self.clock.now))
        return dt

    def warp(self, affine: Floats) -> None:
        """Follow a moving camera: everything known of places in the last frame is carried over to this one.

        Args:
            affine: ``(2, 3)`` takes pixels ``(x, y, 1)`` of the last frame to this one.

        Raises:
            InvalidInputError: The motion model cannot be told of cameras.
        """
        if not isinstance(self.motion, WarpingMotionModel):
            raise InvalidInputError(
                f"A moving camera needs a motion model that can warp(); {type(self.motion).__name__} cannot. "
                "Use xyah, xywh or xysr, or leave the camera out."
            )
        self.filters = self.motion.warp(self.filters, affine)
        self.memories = {name: self.motion.warp(state, affine) for name, state in self.memories.items()}

    def predict(self, dt: float, *, still: Mask | None = None) -> Floats:
        """Move every track by ``dt`` frame intervals; return the boxes, ``(N, 4)``.

        Args:
            dt: As `advance` returned it.
            still: ``(N,)`` tracks that stay where they were.
        """
        if not len(self):
            return np.empty((0, 4))
        coasting = self.table["detection"] < 0
        moved = self.motion.predict(self.filters, dt=dt, coasting=coasting if coasting.any() else None)
        if still is not None and still.any():
            moved = put_state(moved, still, take_state(self.filters, still))
        self.filters = moved
        boxes = self.boxes()
        finite = np.isfinite(boxes)
        if not finite.all():  # a filter that lost its footing cannot be matched or repaired
            rows: Mask = np.logical_and.reduce(finite, axis=1)
            self.keep(rows)
            boxes = boxes[rows]
        return boxes

    def give(self, partner: Ints, detections: Detections, *, corrected: MotionState | None = None) -> None:
        """Give tracks their detections, and every track its new state.

        Args:
            partner: ``(N,)`` the detection of each track, -1 for none.
            detections: Those of the frame.
            corrected: Filters of the matched tracks, where the tracker itself has corrected them.
        """
        n = len(self)
        if not n:
            return
        table = dict(self.table)
        matched = partner >= 0
        rows = matched.nonzero()[0]
        found = partner[rows]
        score, class_id = detections.score[found], detections.class_id[found]
        if len(rows):
            if corrected is None:
                boxes = detections.xyxy[found].astype(np.float64)
                corrected = self.motion.update(self.of(self.filters, rows), boxes, score=score)
            self.filters = self.put(self.filters, rows, corrected)
            table["score"], table["class_id"] = put(table["score"], rows, score), put(table["class_id"], rows, class_id)
            if self._alpha is not None:
                self.appearance.add(rows, detections.embedding, found)
        if self._voting:
            self._votes.add(rows, class_id, score)
            table["class_id"] = self._votes.settle(self.table["class_id"])
        table["seen"] = np.where(matched, self.clock.now, table["seen"])
        table["detection"] = partner
        hits = table["hits"] + matched
        table["hits"] = hits = np.where(matched, hits, 0) if self._quirks.streak else hits
        table["state"] = self._judge(table["state"], hits, matched)
        self.table = table

    def retire(self) -> None:
        """Forget tracks that went without a detection for too long."""
        spared = self._death.spared(self.table, self.clock.now)
        if spared is not None:
            self.keep(spared)

    def give_birth(self, rows: Ints, detections: Detections) -> Ints:
        """Found a track on every good enough one of the given detections; return these.

        The new tracks are the last rows of the table; the tracker's own columns hold their fill values.

        Raises:
            InvalidInputError: No ids are left.
        """
        rows = self._birth.founders(rows, detections)
        n = len(rows)
        if not n:
            return rows
        if self._next_id > LAST_ID - n:
            raise InvalidInputError(
                f"Ids must stay below 2**63; the next track would be {self._next_id}. Reset the tracker, or "
                "load a state that a run has saved."
            )
        born = self._birth.columns(rows, detections, self._next_id, self.clock.now)
        born["state"] = self._judge(np.full(n, TENTATIVE), born["hits"], np.ones(n, bool))
        for name, column in self._own.items():
            born[name] = column.new(n)
        self._next_id += n
        filters = self.motion.initiate(detections.xyxy[rows].astype(np.float64))
        memories = dict.fromkeys(self._names, filters)
        if len(self):
            born, filters = join(self.table, born), join_state(self.filters, filters)
            memories = {name: join_state(self.memories[name], new) for name, new in memories.items()}
        self.table, self.filters, self.memories = born, filters, memories
        if self._alpha is not None:
            self.appearance.append(detections.embedding, rows)
        if self._voting:
            self._votes.append(detections.class_id[rows], detections.score[rows])
        return rows

    # -- what trackers ask between the stages ------------------------------------------------------------------------

    def keep(self, rows: Mask) -> None:
        """Forget all tracks but those of a mask."""
        if rows.all():
            return
        self.table = take(self.table, rows)
        self.filters = take_state(self.filters, rows)
        for name in self._names:
            self.memories[name] = take_state(self.memories[name], rows)
        self.appearance.keep(rows)
        if self._voting:
            self._votes.keep(rows)

    def of(self, filters: MotionState, rows: Ints) -> MotionState:
        """Select the filters of some tracks, given in order of rows."""
        return filters if len(rows) == len(self) else take_state(filters, rows)

    def put(self, filters: MotionState, rows: Ints, new: MotionState) -> MotionState:
        """Return filters with those of some tracks replaced, given in order of rows."""
        return new if len(rows) == len(self) else put_state(filters, rows, new)

    def boxes(self) -> Floats:
        """Return where the filters say that the tracks are, ``(N, 4)`` float64 pixels."""
        return self.motion.boxes(self.filters)

    def view(self, boxes: Floats) -> Predicted:
        """Return what an associator may ask, given the predicted boxes."""
        return Predicted(self.motion, self.filters, boxes)

    def tracks(self, boxes: Array, state: Ints | None = None, detection: Ints | None = None) -> Tracks:
        """Return the tracks with the given boxes; with other states and detections than the table's where given."""
        table, now = self.table, self.clock.now
        # A step shorter than a frame still is a frame without a detection, hence ceil.
        return Tracks.unchecked(
            track_id=table["track_id"],
            xyxy=boxes.astype(np.float32),
            score=table["score"],
            class_id=table["class_id"],
            state=table["state"] if state is None else state,
            age=np.ceil(now - table["born"]).astype(np.int64) + 1,
            time_since_update=np.ceil(now - table["seen"]).astype(np.int64),
            detection=table["detection"] if detection is None else detection,
            embedding=self.appearance.value,
        )

    def _judge(self, state: Ints, hits: Ints, matched: Mask) -> Ints:
        """Return the new states, given the old ones."""
        return judge(self._ageing, state, hits, matched, updates=self.clock.updates, streak=self._quirks.streak)

    # -- saving and loading ------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return everything: arrays, numbers, and dicts of them."""
        return {
            "clock": self.clock.state_dict(),
            "next_id": self._next_id,
            "table": {name: column.copy() for name, column in self.table.items()},
            "votes": self._votes.state_dict(),
            "appearance": self.appearance.state_dict(),
        } | {
            name: {str(i): column.copy() for i, column in enumerate(filters)}
            for name, filters in {"filters": self.filters, **self.memories}.items()
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue exactly where `state_dict` was taken.

        Raises:
            StateError: The state is damaged. Nothing has changed then.
        """
        fresh = copy.copy(self)
        fresh.reset()
        with complete():
            n = len(state["table"]["track_id"])
            fresh.table = {
                name: restore(name, state["table"][name], n, c.dtype, c.shape) for name, c in self._columns.items()
            }
            fresh.filters = fresh._restored(state["filters"], n)
            fresh.memories = {name: fresh._restored(state[name], n) for name in self._names}
            fresh._votes.load_state_dict(state["votes"], n, fresh.table["class_id"] if self._voting else None)
            fresh.appearance.load_state_dict(state.get("appearance", {}), n)
            fresh.clock.load_state_dict(state["clock"])
            fresh._next_id = whole("next_id", state["next_id"], 1)
            check_table(fresh.table, fresh._next_id, fresh.clock.now)
        self.__dict__.update(fresh.__dict__)

    def snapshot(self) -> tuple[Any, ...]:
        """Return all that a frame can change, for `recall`; hardly anything is copied, since arrays never change."""
        return (
            vars(self.clock).copy(), self.table, self.filters, self.memories.copy(), self.appearance.value,
            self._votes.known, self._votes.score, self._next_id,
        )  # fmt: skip

    def recall(self, before: tuple[Any, ...]) -> None:
        """Be as at `snapshot`."""
        clock, self.table, self.filters, self.memories, self.appearance.value, *votes, self._next_id = before
        vars(self.clock).update(clock)
        self._votes.known, self._votes.score = votes

    def _restored(self, saved: Mapping[str, Any], n: int) -> MotionState:
        if not n:  # as a new population has them: what no track is in says nothing
            return self.filters
        return tuple(restore("filters", saved[str(i)], n, a.dtype, a.shape[1:]) for i, a in enumerate(self.filters))
