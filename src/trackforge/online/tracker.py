"""The tracker behind SORT, ByteTrack and FairMOT: an associator, a motion model and a lifecycle."""

from __future__ import annotations

import numpy as np

from trackforge.online.answers import checked_matches
from trackforge.online.base import PopulationTracker
from trackforge.online.classes import associate_by_class
from trackforge.online.clock import expect
from trackforge.online.columns import Column, Floats
from trackforge.online.death import Death, singles
from trackforge.online.lifecycle import CONFIRMED, LOST, TENTATIVE, Lifecycle, Quirks
from trackforge.online.population import Population
from trackforge.protocols import Associator, MotionModel
from trackforge.types import Detections, Frame, Matches, Tracks

__all__ = ["OnlineTracker"]


class OnlineTracker(PopulationTracker):
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
        self.associator, self.motion = associator, motion
        self.lifecycle = life = lifecycle or Lifecycle()
        self.quirks = odd = quirks or Quirks()
        self._death = Death(life, late_removal=odd.late_removal, lose_once=odd.lose_once)
        super().__init__(
            Population(
                motion,
                life,
                odd,
                death=self._death,
                columns={"doomed": Column(np.bool_)},
                embedding_alpha=life.embedding_alpha,
            ),
            "online",
            associator=associator,
            motion=motion,
            lifecycle=life,
            quirks=odd,
        )

    def update(self, detections: Detections, frame: Frame, /) -> Tracks:
        """Advance by one frame; see `PopulationTracker.update`."""
        if self.quirks.skip_empty:
            expect(detections, frame)
            if not len(detections):
                self._population.clock.skip(frame)
                return self._unmatched()
        return super().update(detections, frame)

    def _step(self, detections: Detections, frame: Frame, dt: float) -> Tracks:
        people, quirks = self._population, self.quirks
        boxes = people.predict(dt, still=people.table["state"] == TENTATIVE if quirks.freeze_tentative else None)
        matches = self._associate(boxes, detections, frame)
        partner = np.full(len(boxes), -1, np.int64)
        partner[matches.track] = matches.detection
        if quirks.lose_once:
            doomed = self._death.condemned(people.table, partner >= 0, people.clock.now)
            people.table = people.table | {"doomed": doomed}
        before = people.table
        people.give(partner, detections)
        if quirks.stale_score:
            lost = before["state"] == LOST
            people.table = people.table | {"score": np.where(lost, before["score"], people.table["score"])}
        people.retire()
        people.give_birth(matches.unmatched_detection, detections)
        boxes = people.boxes()
        if self.lifecycle.duplicate_iou is not None:
            kept = singles(people.table, boxes, self.lifecycle.duplicate_iou, inclusive=quirks.inclusive_duplicates)
            if kept is not None:
                people.keep(kept)
                boxes = boxes[kept]
        return people.tracks(boxes)

    def _associate(self, boxes: Floats, detections: Detections, frame: Frame) -> Matches:
        people = self._population
        view = people.view(boxes)
        tracks = people.tracks(boxes, detection=np.full(len(boxes), -1, np.int64))
        if self.lifecycle.classes == "separate":
            return associate_by_class(self.associator, tracks, detections, frame=frame, motion=view)
        found = self.associator.associate(tracks, detections, frame=frame, motion=view)
        return checked_matches(found, len(tracks), len(detections), self.associator)

    def _unmatched(self) -> Tracks:
        """Return all tracks as they are, none with a detection; for frames that are skipped."""
        people = self._population
        state = people.table["state"]
        state = np.where(state == CONFIRMED, LOST, state)
        return people.tracks(people.boxes(), state, np.full(len(self), -1, np.int64))
