"""The tracker behind SORT, ByteTrack and FairMOT: one table of tracks, five stages a frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.boxes import iou
from trackforge.errors import StateError
from trackforge.online.classes import ClassVotes, associate_by_class
from trackforge.online.clock import Clock, expect
from trackforge.online.columns import Columns, join, join_state, put_state, take, take_state
from trackforge.online.lifecycle import Lifecycle, Quirks
from trackforge.online.looks import Looks
from trackforge.online.state import check_header, header, restore
from trackforge.online.trust import CONFIRMED, LOST, TENTATIVE, judge
from trackforge.online.views import Predicted
from trackforge.protocols import Associator, MotionModel, MotionState
from trackforge.types import Detections, Frame, Matches, Tracks

__all__ = ["OnlineTracker"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DTYPES = {
    "track_id": np.int64, "class_id": np.int64, "state": np.int64, "hits": np.int64, "detection": np.int64,
    "born": np.float64, "seen": np.float64, "score": np.float32, "doomed": np.bool_,
}  # fmt: skip
"""The table: one row a living track, in order of birth. ``born`` and ``seen`` (last matched) are times of the clock,
``hits`` counts detections, ``detection`` is the row matched in the last frame, ``doomed`` marks `Quirks.lose_once`."""


class OnlineTracker:
    """Tracks frame by frame: predict, associate, correct, retire, give birth.

    Rows of the `Tracks` it returns are in order of birth. ``state`` is CONFIRMED for trusted tracks with a detection
    in this frame, LOST for trusted tracks without, TENTATIVE for all others; ``Tracks.visible`` is what goes into
    results. Ids count from 1 on each instance, and a track that never became trusted has used one up.

    Embeddings, where detections have them, are normalised and smoothed: ``embedding_alpha`` parts past, the rest new.

    Args:
        associator: Decides which track goes with which detection.
        motion: Predicts boxes.
        lifecycle: When tracks are born, trusted, lost and forgotten.
        quirks: Oddities of published trackers, all off by default.
    """

    def __init__(
        self,
        associator: Associator,
        motion: MotionModel,
        lifecycle: Lifecycle | None = None,
        *,
        quirks: Quirks | None = None,
    ) -> None:
        self.associator = associator
        self.motion = motion
        self.lifecycle = lifecycle or Lifecycle()
        self.quirks = quirks or Quirks()
        self._clock = Clock(self.lifecycle.frame_rate, count_updates=self.quirks.count_updates)
        self._birth_score = np.float32(self.lifecycle.birth_score)  # scores are float32: 0.7 must not exceed itself
        self.reset()

    def reset(self) -> None:
        """Forget everything; ids start at 1 again."""
        self._clock.reset()
        self._next_id = 1
        self._table: Columns = {name: np.empty(0, dtype) for name, dtype in DTYPES.items()}
        self._filters: MotionState = self.motion.initiate(np.empty((0, 4)))
        self._votes = ClassVotes()
        self._looks = Looks(self.lifecycle.embedding_alpha)

    def __len__(self) -> int:
        return len(self._table["track_id"])

    def update(self, detections: Detections, frame: Frame, /) -> Tracks:
        """Advance by one frame; to be called for every frame, empty or not, in increasing ``frame.index``.

        Raises:
            InvalidInputError: These are no Detections and Frame, the frame's index (or timestamp, see `Clock`) does not
                increase, or embeddings changed their width. The tracker is as it was before.
        """
        expect(detections, frame)
        if self.quirks.skip_empty and not len(detections):
            self._clock.skip(frame)
            return self._unmatched()
        self._looks.expect(len(self), detections.embedding)
        dt = self._clock.advance(frame)
        predicted = self._predict(dt)
        matches = self._associate(predicted, detections, frame)
        self._correct(matches, detections)
        self._retire()
        self._give_birth(matches, detections)
        boxes = self._boxes()
        if self.lifecycle.duplicate_iou is not None:
            boxes = self._drop_duplicates(boxes, self.lifecycle.duplicate_iou)
        return self._tracks(boxes, self._table["state"], self._table["detection"])

    # -- the five stages ---------------------------------------------------------------------------------------------

    def _predict(self, dt: float) -> Floats:
        """Move every track to this frame; return the boxes, ``(N, 4)``."""
        table, filters = self._table, self._filters
        if not len(self):
            return np.empty((0, 4))
        if dt > 1:  # tracks whose time ran out in frames that were never seen
            self._keep(np.less_equal(self._clock.now - table["seen"], self.lifecycle.patience + 1))
            table, filters = self._table, self._filters
        coasting = table["detection"] < 0
        moved = self.motion.predict(filters, dt=dt, coasting=coasting if coasting.any() else None)
        if self.quirks.freeze_tentative:
            frozen = (table["state"] == TENTATIVE).nonzero()[0]
            if len(frozen):
                moved = put_state(moved, frozen, take_state(filters, frozen))
        self._filters = moved
        boxes = self._boxes()
        finite: npt.NDArray[np.bool_] = np.logical_and.reduce(np.isfinite(boxes), axis=1)
        if not finite.all():  # a filter that lost its footing cannot be matched or repaired
            self._keep(finite)
            boxes = boxes[finite]
        return boxes

    def _associate(self, boxes: Floats, detections: Detections, frame: Frame) -> Matches:
        view = Predicted(self.motion, self._filters, boxes)
        tracks = self._tracks(boxes, self._table["state"], np.full(len(boxes), -1, np.int64))
        if self.lifecycle.classes == "separate":
            return associate_by_class(self.associator, tracks, detections, frame=frame, motion=view)
        return self.associator.associate(tracks, detections, frame=frame, motion=view)

    def _correct(self, matches: Matches, detections: Detections) -> None:
        """Give matched tracks what their detections say, and every track its new state."""
        table, n = dict(self._table), len(self)
        if not n:
            return
        detection = np.full(n, -1, np.int64)
        detection[matches.track] = matches.detection
        matched = detection >= 0
        rows = matched.nonzero()[0]
        found = detection[rows]
        if len(rows):
            everybody = len(rows) == n
            filters = self._filters if everybody else take_state(self._filters, rows)
            filters = self.motion.update(filters, detections.xyxy[found].astype(np.float64))
            self._filters = filters if everybody else put_state(self._filters, rows, filters)
        for name, values in (("score", detections.score), ("class_id", detections.class_id)):
            table[name] = table[name].copy()
            table[name][rows] = values[found]
        if self.lifecycle.classes == "vote":
            self._votes.add(rows, detections.class_id[found], detections.score[found])
            table["class_id"] = self._votes.winner
        self._looks.add(rows, detections.embedding, found)
        if self.quirks.lose_once:
            given_up = self._clock.now - table["seen"] > self.lifecycle.patience + 1
            table["doomed"] = table["doomed"] | (matched & given_up)
        table["seen"] = np.where(matched, self._clock.now, table["seen"])
        table["detection"] = detection
        hits = table["hits"] + matched
        table["hits"] = hits = np.where(matched, hits, 0) if self.quirks.streak else hits
        table["state"] = self._judge(table["state"], hits, matched)
        self._table = table

    def _retire(self) -> None:
        """Forget tracks that went without a detection for too long."""
        table = self._table
        missed = table["detection"] < 0
        if not missed.any():
            return
        trusted = self.lifecycle.patience + (1 if self.quirks.late_removal else 0)
        allowed = np.where(table["state"] == TENTATIVE, self.lifecycle.tentative_patience, trusted)
        keep = self._clock.now - table["seen"] <= allowed
        if self.quirks.lose_once:
            keep &= ~(missed & table["doomed"])
        self._keep(keep)

    def _give_birth(self, matches: Matches, detections: Detections) -> None:
        """Found a track on every good enough detection that nobody claimed."""
        rows = matches.unmatched_detection
        if len(rows):
            rows = rows[detections.score[rows] >= self._birth_score]
        n = len(rows)
        if not n:
            return
        now = np.full(n, self._clock.now)
        hits = np.zeros(n, np.int64) if self.quirks.uncounted_birth else np.ones(n, np.int64)
        born = {
            "track_id": self._next_id + np.arange(n, dtype=np.int64),
            "class_id": detections.class_id[rows],
            "hits": hits,
            "detection": rows,
            "born": now,
            "seen": now,
            "score": detections.score[rows],
            "doomed": np.zeros(n, bool),
            "state": self._judge(np.full(n, TENTATIVE, np.int64), hits, np.ones(n, bool)),
        }
        self._next_id += n
        filters = self.motion.initiate(detections.xyxy[rows].astype(np.float64))
        if len(self):
            born, filters = join(self._table, born), join_state(self._filters, filters)
        self._table, self._filters = born, filters
        self._looks.append(detections.embedding, rows)
        if self.lifecycle.classes == "vote":
            self._votes.append(detections.class_id[rows], detections.score[rows])

    # -- what the stages are made of ---------------------------------------------------------------------------------

    def _judge(self, state: Ints, hits: Ints, matched: npt.NDArray[np.bool_]) -> Ints:
        """Return the new states, given the old ones."""
        return judge(self.lifecycle, state, hits, matched, updates=self._clock.updates, streak=self.quirks.streak)

    def _keep(self, rows: npt.NDArray[np.bool_]) -> None:
        if rows.all():
            return
        self._table = take(self._table, rows)
        self._filters = take_state(self._filters, rows)
        self._looks.keep(rows)
        if self.lifecycle.classes == "vote":
            self._votes.keep(rows)

    def _boxes(self) -> Floats:
        return self.motion.boxes(self._filters)

    def _drop_duplicates(self, boxes: Floats, limit: float) -> Floats:
        """Of a found and a lost track in one place keep the longer lived, the lost one where they are equal."""
        lost = (self._table["state"] == LOST).nonzero()[0]
        if not len(lost) or len(lost) == len(boxes):
            return boxes
        found = (self._table["detection"] >= 0).nonzero()[0]
        i, j = np.nonzero(iou(boxes[found], boxes[lost], inclusive=self.quirks.inclusive_duplicates) > limit)
        if not len(i):
            return boxes
        life = self._table["seen"] - self._table["born"]
        i, j = found[i], lost[j]
        found_stays = life[i] > life[j]
        keep = np.ones(len(boxes), bool)
        keep[np.where(found_stays, j, i)] = False
        self._keep(keep)
        return boxes[keep]

    def _unmatched(self) -> Tracks:
        """Return all tracks as they are, none with a detection; for frames that are skipped."""
        state = self._table["state"]
        state = np.where(state == CONFIRMED, LOST, state)
        return self._tracks(self._boxes(), state, np.full(len(self), -1, np.int64))

    def _tracks(self, boxes: Floats, state: Ints, detection: Ints) -> Tracks:
        table, now = self._table, self._clock.now
        # A step shorter than a frame still is a frame without a detection, hence ceil.
        return Tracks.unchecked(
            track_id=table["track_id"],
            xyxy=boxes.astype(np.float32),
            score=table["score"],
            class_id=table["class_id"],
            state=state,
            age=np.ceil(now - table["born"]).astype(np.int64) + 1,
            time_since_update=np.ceil(now - table["seen"]).astype(np.int64),
            detection=detection,
            embedding=self._looks.value,
        )

    # -- saving and loading ------------------------------------------------------------------------------------------

    def _header(self) -> dict[str, Any]:
        return header(
            "trackforge.online",
            1,
            associator=self.associator,
            motion=self.motion,
            lifecycle=self.lifecycle,
            quirks=self.quirks,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to go on elsewhere: arrays, numbers, strings, and dicts of them."""
        return self._header() | {
            "clock": self._clock.state_dict(),
            "next_id": self._next_id,
            "table": {name: column.copy() for name, column in self._table.items()},
            "filters": {str(i): column.copy() for i, column in enumerate(self._filters)},
            "votes": self._votes.state_dict(),
            "looks": self._looks.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Continue exactly where `state_dict` was taken: every later result is the same to the last bit.

        Raises:
            StateError: The state is of another tracker, of other settings, or damaged. Nothing has changed then.
        """
        check_header(state, self._header())
        fresh = OnlineTracker(self.associator, self.motion, self.lifecycle, quirks=self.quirks)
        try:
            n = len(state["table"]["track_id"])
            fresh._table = {name: restore(name, state["table"][name], n, dtype) for name, dtype in DTYPES.items()}
            fresh._filters = tuple(restore("filters", state["filters"][str(i)], n) for i in range(len(self._filters)))
            fresh._votes.load_state_dict(state["votes"], n)
            fresh._looks.load_state_dict(state.get("looks", {}), n)
            fresh._clock.load_state_dict(state["clock"])
            fresh._next_id = int(state["next_id"])
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, StateError):
                raise
            raise StateError(f"The state must be complete; {error!r} is wrong with it. Save it again.") from error
        self.__dict__.update(fresh.__dict__)
