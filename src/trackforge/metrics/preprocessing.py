"""What MOTChallenge leaves out of the score, and why.

Truth rows flagged 0 are never considered. In MOT16, MOT17 and MOT20 the truth also holds things that are not walking
people but that a tracker should not be punished for finding: people on vehicles, statues, reflections, ... A result
box that matches one of these at IoU 0.5 is taken out before scoring.

Source: Milan et al., "MOT16: A Benchmark for Multi-Object Tracking", 2016, section 4; Dendorfer et al., "MOT20", 2020;
details as in TrackEval 1.3.0 (MIT).
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from trackforge.errors import ConfigError, InvalidInputError, did_you_mean
from trackforge.metrics.matching import Frames, match
from trackforge.metrics.overlaps import EPS, Overlaps, find_overlaps
from trackforge.table import TrackTable

__all__ = ["PREPROCESSING", "Preprocessing", "counted", "prepare"]

Preprocessing: TypeAlias = Literal["none", "mot15", "mot16", "mot17", "mot20"]
PEDESTRIAN = 1
CLASSES = range(1, 14)
_DISTRACTORS = (2, 7, 8, 12)  # person on vehicle, static person, distractor, reflection
_NON_MOTORISED_VEHICLE = 6

PREPROCESSING: dict[str, tuple[int, ...]] = {
    "none": (),
    "mot15": (),
    "mot16": _DISTRACTORS,
    "mot17": _DISTRACTORS,
    "mot20": (*_DISTRACTORS, _NON_MOTORISED_VEHICLE),
}
"""The truth classes whose matches are taken out; where there are none, classes are not looked at."""


def prepare(truth: TrackTable, tracks: TrackTable, rule: str, frames: int) -> Overlaps:
    """Find what overlaps, leave out what does not count, and count ids from 0; see `counted`."""
    return counted(truth, tracks, rule, frames).relabelled()


def counted(truth: TrackTable, tracks: TrackTable, rule: str, frames: int) -> Overlaps:
    """Find what overlaps, and leave out what does not count; ids stay as they are.

    Args:
        truth: Truth; ``extra["flag"]`` 0 marks rows not to be considered, ``class_id`` is MOTChallenge's number.
        tracks: Results; ``class_id`` 0.
        rule: A key of `PREPROCESSING`.
        frames: Length of the sequence.

    Raises:
        ConfigError: There is no such rule.
        InvalidInputError: A class is none of MOTChallenge's, or results hold more than pedestrians.
    """
    if rule not in PREPROCESSING:
        raise ConfigError(
            f"preprocessing must be one of {', '.join(PREPROCESSING)}; got {rule!r}.{did_you_mean(rule, PREPROCESSING)}"
        )
    overlaps = find_overlaps(truth, tracks, frames)
    considered = truth.extra["flag"] != 0 if "flag" in truth.extra else np.ones(len(truth), np.bool_)
    found = np.ones(len(tracks), np.bool_)
    if PREPROCESSING[rule]:
        _check_classes(truth, tracks, rule)
        considered = considered & (truth.class_id == PEDESTRIAN)
        frames_ = Frames.of(overlaps, overlaps.iou >= 0.5 - EPS)
        distracts = np.isin(truth.class_id[overlaps.truth[frames_.pairs]], PREPROCESSING[rule])
        matched = match(frames_, overlaps.iou[frames_.pairs], distracts)
        gone = np.isin(truth.class_id[overlaps.truth[matched]], PREPROCESSING[rule])
        found[overlaps.track[matched[gone]]] = False
    return overlaps.keep(considered, found)


def _check_classes(truth: TrackTable, tracks: TrackTable, rule: str) -> None:
    strange = (truth.class_id < CLASSES.start) | (truth.class_id >= CLASSES.stop)
    if strange.any():
        row = int(np.flatnonzero(strange)[0])
        raise InvalidInputError(
            f"preprocessing {rule!r} needs truth with MOTChallenge's classes 1 to 13; sequence {truth.sequence!r} has "
            f"class {truth.class_id[row]} in frame {truth.frame[row] + 1}. Use preprocessing='none' or 'mot15', which "
            "do not look at classes."
        )
    if (tracks.class_id != 0).any():
        row = int(np.flatnonzero(tracks.class_id != 0)[0])
        raise InvalidInputError(
            f"preprocessing {rule!r} is for results that hold pedestrians only (class_id 0, in files 1 or -1); "
            f"sequence {tracks.sequence!r} has class_id {tracks.class_id[row]} in frame {tracks.frame[row] + 1}. "
            "Select the rows first: table[table.class_id == 0]."
        )
