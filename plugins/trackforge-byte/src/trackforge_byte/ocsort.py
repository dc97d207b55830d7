"""OC-SORT: trust observations more than what a filter made up while it saw nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.motion import KalmanXYSR, KalmanXYSRConfig
from trackforge.online import Floats, Ints, Mask, Population, PopulationTracker, put_state, take_state
from trackforge.protocols import MotionModel, MotionState
from trackforge.types import Detections, Frame, Tracks
from trackforge_byte.ocsort_config import ObservationCentricQuirks, ObservationCentricTrackerConfig
from trackforge_byte.ocsort_memory import NEVER, heading, memory, previous_boxes, remember, replay
from trackforge_byte.ocsort_steps import Steps

__all__ = [
    "ObservationCentricQuirks",
    "ObservationCentricTracker",
    "ObservationCentricTrackerConfig",
    "observation_centric_tracker",
]


class ObservationCentricTracker(PopulationTracker):
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
        super().__init__(
            # the anchor: filters as they were when their tracks were last seen
            Population(self.motion, self.config, self.quirks, columns=memory(self.config.delta_t), memories=["anchor"]),
            "observation-centric",
            config=self.config,
            quirks=self.quirks,
            motion=self.motion,
            replay_motion=self.replay_motion,
        )

    def _step(self, detections: Detections, _: Frame, dt: float) -> Tracks:
        tracked, xyxy = self._population, detections.xyxy.astype(np.float64)
        predicted = tracked.predict(dt)
        solid = (predicted[:, 2] > predicted[:, 0]) & (predicted[:, 3] > predicted[:, 1])
        if not solid.all():  # nothing overlaps with a point
            tracked.keep(solid)
            predicted = predicted[solid]
        memory, span = tracked.table, self.config.delta_t
        earlier = previous_boxes(memory["past"], memory["times"], tracked.clock.now, span)
        partner, founders = self._associate(memory, predicted, earlier, xyxy, detections)
        self._correct(partner, earlier, xyxy, detections)
        tracked.retire()
        self._found(founders, xyxy, detections)
        return tracked.tracks(self._reported(detections))

    def _correct(self, partner: Ints, earlier: Floats, xyxy: Floats, detections: Detections) -> None:
        """Give matched tracks what their detections say, and remember it."""
        tracked = self._population
        rows = (partner >= 0).nonzero()[0]
        if not len(rows):
            tracked.give(partner, detections)
            return
        memory, found = tracked.table, partner[rows]
        boxes, known = xyxy[found], memory["times"][rows, -1] != NEVER
        filters = self._corrected(rows, known, boxes, detections.score[found])
        seen = rows[known]
        going = memory["heading"].copy()
        going[seen] = heading(earlier[seen], boxes[known])
        past, times = remember(memory["past"], memory["times"], rows, boxes, tracked.clock.now)
        tracked.table = memory | {"heading": going, "past": past, "times": times}
        tracked.give(partner, detections, corrected=filters)
        tracked.memories["anchor"] = tracked.put(tracked.memories["anchor"], rows, filters)

    def _corrected(self, rows: Ints, known: Mask, boxes: Floats, score: npt.NDArray[np.float32]) -> MotionState:
        """Update the filters of some tracks; those of tracks found again, if ever seen, are led over the gap first."""
        tracked = self._population
        updated = self.motion.update(tracked.of(tracked.filters, rows), boxes, score=score)
        memory = tracked.table
        again = (memory["detection"][rows] < 0) & known
        if not again.any():
            return updated
        which = np.flatnonzero(again)
        back = rows[which]
        led = replay(
            self.motion,
            take_state(tracked.memories["anchor"], back),
            memory["past"][back, -1],
            boxes[which],
            tracked.clock.now - memory["times"][back, -1],
            later=self.replay_motion,
        )
        if self.quirks.double_update:
            led = self.motion.update(led, boxes[which], score=score[which])
        return put_state(updated, which, led)

    def _found(self, rows: Ints, xyxy: Floats, detections: Detections) -> None:
        """Found new tracks, whose founding box is the first observation."""
        tracked = self._population
        born = tracked.give_birth(rows, detections)
        if len(born) and not self.quirks.forget_birth:
            past, times = tracked.table["past"].copy(), tracked.table["times"].copy()
            past[-len(born) :, -1], times[-len(born) :, -1] = xyxy[born], tracked.clock.now
            tracked.table = tracked.table | {"past": past, "times": times}

    def _reported(self, detections: Detections) -> npt.NDArray[np.floating[Any]]:
        """Return the estimated boxes, or the detected ones of matched tracks, as the settings say; ``(N, 4)``."""
        estimated = self._population.boxes()
        if self.config.report == "filtered":
            return estimated
        partner = self._population.table["detection"]
        return np.where((partner >= 0)[:, None], detections.xyxy[partner], estimated) if len(detections) else estimated


def observation_centric_tracker(config: ObservationCentricTrackerConfig) -> ObservationCentricTracker:
    """Make an OC-SORT tracker without the oddities of the published one (for those, see `ocsort_preset.ocsort`)."""
    return ObservationCentricTracker(config)
