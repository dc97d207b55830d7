"""What explains a result that nobody hoped for: nothing found, nothing tracked, far too many ids; each with the cure.

Rules look at the counts of a run (`trackforge.runs.tally.Tally`) and say at most three lines, the most important first.
They stay silent where a result can be right: on PETS09-S2L1, the MOT17 half-validation set, MOT15 and the demo's
street, with the trackers' own settings, none of them speaks (`tests/e2e/test_advice_data.py` holds them to it). Where a
component has noticed something itself (`trackforge.protocols.Noting`), a rule that would name another cure does not.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from trackforge.runs.choosing import published_networks
from trackforge.runs.component import Component
from trackforge.runs.tally import BINS, Tally

__all__ = ["MOST", "advise"]

MOST = 3
"""Lines at most."""
PLAUSIBLE = 0.3
"""Score from which a detection is probably a thing; what is below is mostly noise, whatever the detector."""
TRACKED = 0.5
"""Part of the plausible detections that is tracked at least where all is well; on the sets above it was .75 or more."""
HARDLY = 0.1
"""Part of them below which it is as if nothing were."""
RARE = 0.1
"""Detections a frame below which it is as if there were none."""
IDS, LIFE, MIDDLE, TURNOVER = 30, 16.0, 8.0, 5.0
"""An explosion has at least so many ids, of fewer visible frames in the mean, fewer in the middle, and for each place
that was ever filled at once so many ids. On the sets above ids lived for 22 frames and more in the mean."""
DOUBLE, LEAST_DOUBLE = 0.1, 5
"""Part of the frames, and how many, in which two classes have tracks on one place before it is said."""
SLOW = 3.0
"""Frames a second below which people walk out of their own box from one frame to the next."""
LEARNING = 100
"""Frames from which on the scores of the detector motion say something; figures pass .7 once their sizes are known."""
LISTED = 3
"""Classes that a line names."""


def advise(
    tally: Tally,
    detector: Component,
    tracker: Component,
    *,
    classes: Sequence[str] = (),
    made: Any = None,
    noticed: Sequence[str] = (),
) -> list[str]:
    """Say what explains a result, and what to try.

    Args:
        tally: What was counted.
        detector: Which detector ran.
        tracker: Which tracker ran.
        classes: Names of the detector's classes.
        made: The tracker itself, whose ``lifecycle`` knows best from which score on tracks are born.
        noticed: What the components have said already.
    """
    return list(_advice(tally, detector, tracker, classes, made, noticed))[: max(MOST - len(noticed), 0)]


def _advice(
    tally: Tally, detector: Component, tracker: Component, classes: Sequence[str], made: Any, noticed: Sequence[str]
) -> Iterator[str]:
    plausible = tally.detections - tally.below(PLAUSIBLE)
    if not tally.frames:
        yield "no frames came from the source; is it the right file?"
    elif not tally.detections or (not tally.lives and tally.detections < RARE * tally.frames):
        if not noticed:
            yield _nothing_found(tally, detector, classes)
    elif tracker.name == "none":
        return
    elif not tally.lives or tally.boxes < TRACKED * plausible:
        slow, low = _slow(tally), _low_scores(tally, tracker, made)
        if slow:
            yield slow
        elif low:
            if _learning(tally, detector):
                if not tally.lives:
                    yield (
                        f"no tracks in {tally.frames} frames: the detector motion learns the background and the sizes "
                        "of things from the first ones; give it some seconds more"
                    )
            elif not noticed:
                yield low
        elif tally.boxes < HARDLY * plausible or not tally.lives:
            yield _never_trusted(tally, tracker, made)
    elif _explodes(tally):
        yield _too_many(tally, detector, tracker, made, noticed)
    elif tally.life <= 3 and len(tally.lives) >= 5 and (slow := _slow(tally)):
        yield slow
    pair, frames = next(iter(tally.doubles.most_common(1)), ((0, 0), 0))
    if frames >= max(DOUBLE * tally.frames, LEAST_DOUBLE):
        a, b = (classes[kind] if kind < len(classes) else f"class {kind}" for kind in pair)
        yield (
            f"in {frames} of {tally.frames} frames one thing is both {a} and {b}, a track each; --class-agnostic keeps "
            "the better box"
        )


def _nothing_found(tally: Tally, detector: Component, classes: Sequence[str]) -> str:
    """Say what was looked for, and how to find more."""
    kept = detector.value("keep_classes") if detector.has("keep_classes") else None
    names = [str(one) for one in (kept or classes)]
    listed = ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")
    said = f"{tally.detections or 'no'} detections in {tally.frames} frames"
    if listed:
        said += f" by {detector.name}, which looks for {listed}"
    if detector.name == "file":
        return f"{said}; does {detector.value('path')} belong to this sequence, and count its frames from 1?"
    if detector.name == "motion":
        cure = f"it sees what moves before a static camera; a network sees what stands still, too{_network()}"
        return f"{said}: {cure}"
    cures = []
    cures += [f"a lower --conf ({name} is {least:g})" for name, least in _minded(detector).items() if least > 0.05]
    if any(s.role == "size" for s in detector.spec.settings()):
        cures.append("a larger --imgsz for small things")
    if kept:
        cures.append("other --classes")
    return said + (
        f"; try {', or '.join(cures)}" if cures else f"; 'trackforge info detector {detector.name}' has more"
    )


def _low_scores(tally: Tally, tracker: Component, made: Any) -> str:
    """Say how many detections were too poor to begin a track, and which threshold would let the good ones in."""
    name, least = _birth(tracker, made)
    below = tally.below(least) if least is not None else 0
    if least is None or below < 0.6 * tally.detections:
        return ""
    wanted = min(_proposed(tally), _rounded(least - 0.05))
    if wanted <= 0:
        return ""
    threshold = f"{name} ({least:g})" if name else f"{least:g}, from which on {tracker.name} begins tracks"
    few = "" if not tally.lives else f", and few were tracked ({tally.boxes} boxes)"
    all_of_them = "all" if below == tally.detections else str(below)
    return f"{tally.detections} detections, {all_of_them} below {threshold}{few}; try --conf {wanted:g}"


def _never_trusted(tally: Tally, tracker: Component, made: Any) -> str:
    """Say why detections that are good enough came to nothing."""
    _, least = _birth(tracker, made)
    good = tally.detections - (tally.below(least) if least is not None else 0)
    hits = getattr(getattr(made, "lifecycle", None), "min_hits", None)
    if hits is None and tracker.has("min_hits"):
        hits = tracker.value("min_hits")
    if not isinstance(hits, int) or hits < 2 or not good:
        return (
            f"{tally.detections} detections (best score {tally.greatest:.2f}), but {tracker.name} showed no track; "
            f"'trackforge info tracker {tracker.name}' shows its thresholds"
        )
    if tally.frames < hits:
        return f"a track is shown from its frame {hits} on (min_hits), and there were {tally.frames}; give more frames"
    return (
        f"{good} detections could have begun a track, but hardly any had {hits} in a row (min_hits); try --set "
        "tracker.min_hits=1, or a smaller --stride where things move far between frames"
    )


def _learning(tally: Tally, detector: Component) -> bool:
    """Tell whether a run was so short that the background was hardly known: its scores say little as yet."""
    return detector.name == "motion" and tally.frames < LEARNING


def _explodes(tally: Tally) -> bool:
    ids = len(tally.lives)
    return ids >= IDS and ids >= TURNOVER * tally.most and tally.boxes < LIFE * ids and tally.life < MIDDLE


def _too_many(tally: Tally, detector: Component, tracker: Component, made: Any, noticed: Sequence[str]) -> str:
    """Say how many ids there are too many, and the likeliest cure."""
    seen = (
        f"{len(tally.lives)} ids, though at most {tally.most} at once, half of them for {tally.life:g} frames or less"
    )
    if noticed:  # the cause has been said
        return seen
    slow = _slow(tally)
    if slow:
        return f"{seen}: {slow}"
    _, least = _birth(tracker, made)
    noise = tally.below(PLAUSIBLE)
    if noise > 0.3 * tally.detections and (least is None or least < PLAUSIBLE):
        return (
            f"{seen}: {noise} of {tally.detections} detections score below {PLAUSIBLE:g}, and {tracker.name} takes "
            f"them all; try --conf 0.4"
        )
    if detector.name == "motion":
        return f"{seen}: what moves comes apart here; a network finds whole things{_network()}"
    lasting = [name for name in ("max_lost", "max_age", "track_buffer") if tracker.has(name)]
    longer = f", or a larger tracker.{lasting[0]} (now {tracker.value(lasting[0])})" if lasting else ""
    trust = "--set tracker.min_hits=5 shows only what lasts" if tracker.has("min_hits") else "try --tracker byte"
    return f"{seen}: things are lost and found again; {trust}{longer}"


def _slow(tally: Tally) -> str:
    """Say that frames are far apart, where they are."""
    rate = tally.rate
    if rate is None or rate >= SLOW:
        return ""
    return (
        f"frames are {1 / rate:.1f} s apart, in which things move too far to be followed; take a smaller --stride, or "
        "footage with more frames a second"
    )


def _birth(tracker: Component, made: Any) -> tuple[str, float | None]:
    """Return the setting that says from which score on tracks begin, where it has one, and the score."""
    minded = _minded(tracker)
    name = "birth_score" if "birth_score" in minded else max(minded, key=lambda one: minded[one], default="")
    known = getattr(getattr(made, "lifecycle", None), "birth_score", None)
    if isinstance(known, (int, float)) and known > 0:  # presets make it from other settings
        return (name if minded.get(name) == known else ""), float(known)
    return name, minded.get(name)


def _minded(component: Component) -> dict[str, float]:
    """Return the scores that a component minds, by the names of its settings."""
    values = {s.name: component.value(s.name) for s in component.spec.settings() if s.role == "conf"}
    return {name: float(value) for name, value in values.items() if isinstance(value, (int, float))}


def _proposed(tally: Tally) -> float:
    """Return a score that three quarters of the plausible detections reach; of all, where hardly any is plausible."""
    scores = tally.scores.copy()
    scores[: round(PLAUSIBLE * BINS)] = 0
    share = 0.25
    if scores.sum() < 0.05 * tally.detections:
        scores, share = tally.scores, 0.75
    place = int(np.searchsorted(np.cumsum(scores), share * scores.sum(), side="right"))
    return max(_rounded(place / BINS), 0.01)


def _rounded(score: float) -> float:
    """Round down to the next twentieth."""
    return int(score * 20 + 1e-6) / 20


def _network() -> str:
    """Name a network that is installed and whose weights can be downloaded, as the end of a sentence."""
    for spec, catalogue in published_networks():
        if catalogue.downloadable and importlib.util.find_spec(spec.target.partition(".")[0]):
            return f": --detector {spec.name}"
    return " ('trackforge plugins' shows how to get one)"
