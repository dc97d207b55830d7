"""OC-SORT: trust observations more than what a filter made up while it saw nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.errors import StateError
from trackforge.motion import KalmanXYSR, KalmanXYSRConfig
from trackforge.online import ClassVotes, Clock, Columns, expect, join, judge, take
from trackforge.online.columns import join_state, put_state, take_state
from trackforge.online.state import check_header, header, restore
from trackforge.protocols import MotionModel, MotionState
from trackforge.types import Detections, Frame, Tracks, TrackState
from trackforge_byte.ocsort_config import ObservationCentricQuirks, ObservationCentricTrackerConfig
from trackforge_byte.ocsort_memory import (
    DTYPES,
    NEVER,
    empty_table,
    heading,
    previous_boxes,
    remember,
    replay,
)
from trackforge_byte.ocsort_steps import Steps

__all__ = [
    "ObservationCentricQuirks",
    "ObservationCentricTracker",
    "ObservationCentricTrackerConfig",
    "observation_centric_tracker",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
TENTATIVE = np.int64(TrackState.TENTATIVE)


class ObservationCentricTracker:
    """SORT that is led by observations: three steps of association and a filter that is set right afterwards.

    1. Confident detections with all tracks, by overlap with the predicted box plus a bonus where the detection lies in
       the direction the track was going (*momentum*).
    2. Where ``low_score`` asks for it, doubtful detections with the tracks left over that are trusted and were matched
       in the last frame (as in BYTE).
    3. Confident detections left over with the boxes where the tracks left over were last *seen* (*recovery*).

    A track found again after a gap has its filter led over the gap along a straight line of virtual boxes, as if it had
    been seen all the time (*re-update*).

    Rows of the `Tracks` it returns are in order of birth; states and ids are as `trackforge.online.OnlineTracker` has
    them. Embeddings are ignored.

    Source: Cao et al., "Observation-Centric SORT: Rethinking SORT for Robust Multi-Object Tracking", CVPR 2023.
    """

    def __init__(
        self,
        config: ObservationCentricTrackerConfig | None = None,
        *,
        quirks: ObservationCentricQuirks | None = None,
        motion: MotionModel | None = None,
        replay_motion: MotionModel | None = None,
    ) -> None:
        """Make a tracker.

        Args:
            config: Settings.
            quirks: Oddities of the published code.
            motion: Predicts boxes; `trackforge.motion.KalmanXYSR` by default.
            replay_motion: Stands in for ``motion`` after the first step of a re-update, where the two differ.
        """
        self.config = config or ObservationCentricTrackerConfig()
        self.quirks = quirks or ObservationCentricQuirks()
        self.motion = motion or KalmanXYSR(KalmanXYSRConfig.ocsort())
        self.replay_motion = replay_motion or self.motion
        self._associate = Steps(self.config, self.quirks)
        self._clock = Clock(self.config.frame_rate, count_updates=self.quirks.count_updates)
        self._birth = np.float32(self.config.birth_score)  # scores are float32: 0.7 must not exceed itself
        self.reset()

    def reset(self) -> None:
        """Forget everything; ids start at 1 again."""
        self._clock.reset()
        self._next_id = 1
        self._table: Columns = empty_table(self.config.delta_t)
        self._filters: MotionState = ()  # their arrays are known once the first box is
        self._anchor: MotionState = ()  # the filters as they were when their tracks were last seen
        self._votes = ClassVotes()

    def __len__(self) -> int:
        return len(self._table["track_id"])

    def update(self, detections: Detections, frame: Frame, /) -> Tracks:
        """Advance by one frame; to be called for every frame, empty or not, in increasing ``frame.index``.

        Raises:
            InvalidInputError: These are no Detections and Frame, or the frame's index (or timestamp, see
                `trackforge.online.Clock`) does not increase.
        """
        expect(detections, frame)
        dt = self._clock.advance(frame)
        xyxy = detections.xyxy.astype(np.float64)
        predicted = self._predict(dt)
        earlier = previous_boxes(self._table["past"], self._table["times"], self._clock.now, self.config.delta_t)
        partner, founders = self._associate(self._table, predicted, earlier, xyxy, detections)
        self._correct(partner, earlier, xyxy, detections)
        self._retire()
        self._give_birth(founders, xyxy, detections)
        return self._tracks(detections)

    # -- the stages --------------------------------------------------------------------------------------------------

    def _predict(self, dt: float) -> Floats:
        """Move every track to this frame; return the boxes, ``(N, 4)``."""
        if not len(self):
            return np.empty((0, 4))
        if dt > 1:  # tracks whose time ran out in frames that were never seen
            self._keep(self._clock.now - self._table["seen"] <= self.config.patience + 1)
        missed = self._table["detection"] < 0
        self._filters = self.motion.predict(self._filters, dt=dt, coasting=missed if missed.any() else None)
        boxes = self.motion.boxes(self._filters)
        solid = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1]) & np.isfinite(boxes).all(axis=1)
        if not solid.all():  # a filter that lost its footing cannot be matched or repaired
            self._keep(solid)
            boxes = boxes[solid]
        return boxes

    def _correct(self, partner: Ints, earlier: Floats, xyxy: Floats, detections: Detections) -> None:
        """Give matched tracks what their detections say, and every track its new state."""
        if not len(self):
            return
        table, now, quirks = dict(self._table), self._clock.now, self.quirks
        matched = partner >= 0
        rows = np.flatnonzero(matched)
        found = partner[rows]
        boxes = xyxy[found]
        self._correct_filters(rows, boxes)
        known = table["times"][rows, -1] != NEVER
        table["heading"] = table["heading"].copy()
        table["heading"][rows[known]] = heading(earlier[rows[known]], boxes[known])
        table["past"], table["times"] = remember(table["past"], table["times"], rows, boxes, now)
        for name, values in (("score", detections.score), ("class_id", detections.class_id)):
            table[name] = table[name].copy()
            table[name][rows] = values[found]
        if self.config.classes == "vote":
            self._votes.add(rows, detections.class_id[found], detections.score[found])
            table["class_id"] = self._votes.winner
        hits = table["hits"] + matched
        table["hits"] = hits = np.where(matched, hits, 0) if quirks.streak else hits
        table["seen"] = np.where(matched, now, table["seen"])
        table["detection"] = partner
        table["state"] = self._judge(table["state"], hits, matched)
        self._table = table

    def _correct_filters(self, rows: Ints, boxes: Floats) -> None:
        """Update filters with boxes; those of tracks found again are led over the gap first."""
        table, filters = self._table, self._filters
        coasted = table["detection"] < 0
        again = coasted[rows] & (table["times"][rows, -1] != NEVER)
        everybody = len(rows) == len(self)
        given = filters if everybody else take_state(filters, rows)
        if again.any():
            which = np.flatnonzero(again)
            back = rows[which]
            gaps = self._clock.now - table["times"][back, -1]
            led = replay(
                self.motion,
                take_state(self._anchor, back),
                table["past"][back, -1],
                boxes[which],
                gaps,
                later=self.replay_motion,
            )
            if self.quirks.double_update:
                led = self.motion.update(led, boxes[which])
            updated = put_state(self.motion.update(given, boxes), which, led)
        elif len(rows):
            updated = self.motion.update(given, boxes)
        else:
            return
        self._filters = updated if everybody else put_state(filters, rows, updated)
        self._anchor = updated if everybody else put_state(self._anchor, rows, updated)

    def _retire(self) -> None:
        """Forget tracks that went without a detection for too long."""
        table = self._table
        if not (table["detection"] < 0).any():
            return
        allowed = np.where(table["state"] == TENTATIVE, self.config.tentative_patience, self.config.patience)
        self._keep(self._clock.now - table["seen"] <= allowed)

    def _give_birth(self, rows: Ints, xyxy: Floats, detections: Detections) -> None:
        """Found a track on every good enough detection that nobody claimed."""
        rows = rows[detections.score[rows] >= self._birth]
        n, k, now = len(rows), self.config.delta_t, self._clock.now
        if not n:
            return
        hits = np.zeros(n, np.int64) if self.quirks.uncounted_birth else np.ones(n, np.int64)
        past, times = np.full((n, k, 4), -1.0), np.full((n, k), NEVER)
        if not self.quirks.forget_birth:
            past[:, -1], times[:, -1] = xyxy[rows], now
        born = {
            "track_id": np.arange(self._next_id, self._next_id + n),
            "class_id": detections.class_id[rows],
            "hits": hits,
            "detection": rows,
            "born": np.full(n, now),
            "seen": np.full(n, now),
            "score": detections.score[rows],
            "state": self._judge(np.full(n, TENTATIVE), hits, np.ones(n, bool)),
            "heading": np.zeros((n, 2)),
            "past": past,
            "times": times,
        }
        self._next_id += n
        filters = anchor = self.motion.initiate(xyxy[rows])
        if len(self):
            born = join(self._table, born)
            filters, anchor = join_state(self._filters, filters), join_state(self._anchor, anchor)
        self._table, self._filters, self._anchor = born, filters, anchor
        if self.config.classes == "vote":
            self._votes.append(detections.class_id[rows], detections.score[rows])

    # -- what the stages are made of ---------------------------------------------------------------------------------

    def _judge(self, state: Ints, hits: Ints, matched: Mask) -> Ints:
        """Return the new states, given the old ones."""
        return judge(self.config, state, hits, matched, updates=self._clock.updates, streak=self.quirks.streak)

    def _keep(self, rows: Mask) -> None:
        if rows.all():
            return
        self._table = take(self._table, rows)
        self._filters, self._anchor = take_state(self._filters, rows), take_state(self._anchor, rows)
        if self.config.classes == "vote":
            self._votes.keep(rows)

    def _tracks(self, detections: Detections) -> Tracks:
        table, now = self._table, self._clock.now
        boxes = self.motion.boxes(self._filters).astype(np.float32) if len(self) else np.empty((0, 4), np.float32)
        if self.config.report == "observed":
            matched = np.flatnonzero(table["detection"] >= 0)
            boxes[matched] = detections.xyxy[table["detection"][matched]]
        return Tracks.unchecked(
            track_id=table["track_id"],
            xyxy=boxes,
            score=table["score"],
            class_id=table["class_id"],
            state=table["state"],
            age=np.ceil(now - table["born"]).astype(np.int64) + 1,
            time_since_update=np.ceil(now - table["seen"]).astype(np.int64),
            detection=table["detection"],
        )

    # -- saving and loading ------------------------------------------------------------------------------------------

    def _header(self) -> dict[str, Any]:
        return header(
            "trackforge_byte.ocsort",
            1,
            config=self.config,
            quirks=self.quirks,
            motion=self.motion,
            replay_motion=self.replay_motion,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to go on elsewhere: arrays, numbers, strings, and dicts of them."""
        return self._header() | {
            "clock": self._clock.state_dict(),
            "next_id": self._next_id,
            "table": {name: column.copy() for name, column in self._table.items()},
            "filters": {str(i): column.copy() for i, column in enumerate(self._filters)},
            "anchor": {str(i): column.copy() for i, column in enumerate(self._anchor)},
            "votes": self._votes.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Continue exactly where `state_dict` was taken: every later result is the same to the last bit.

        Raises:
            StateError: The state is of another tracker, of other settings, or damaged. Nothing has changed then.
        """
        check_header(state, self._header())
        fresh = ObservationCentricTracker(
            self.config, quirks=self.quirks, motion=self.motion, replay_motion=self.replay_motion
        )
        try:
            n = len(state["table"]["track_id"])
            fresh._table = {name: restore(name, state["table"][name], n, dtype) for name, dtype in DTYPES.items()}
            fresh._filters, fresh._anchor = (
                tuple(restore(name, state[name][str(i)], n) for i in range(len(state[name])))
                for name in ("filters", "anchor")
            )
            fresh._votes.load_state_dict(state["votes"], n)
            fresh._clock.load_state_dict(state["clock"])
            fresh._next_id = int(state["next_id"])
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, StateError):
                raise
            raise StateError(f"The state must be complete; {error!r} is wrong with it. Save it again.") from error
        self.__dict__.update(fresh.__dict__)


def observation_centric_tracker(config: ObservationCentricTrackerConfig) -> ObservationCentricTracker:
    """Make an OC-SORT tracker without the oddities of the published one (for those, see `ocsort_preset.ocsort`)."""
    return ObservationCentricTracker(config)
