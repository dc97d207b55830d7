"""What analytics cost beside association, what they count on a real film, and how far metres are off.

``python -m benchmarks.analytics`` needs ``TRACKFORGE_DATA`` and writes ``results/analytics-*.json``;
``python -m benchmarks.analytics pitch pets`` only these.

* Cost: BYTE over the detections of MOT17's validation halves; every analytic is given the very steps. Medians of
  processor time a frame, and their ratio to BYTE's in the same run.
* Counts: crossings of lines on PETS09-S2L1, of the true tracks and of those of two detectors.
* Metres: a simulated pitch (`trackforge.synthetic.pitch`), with the players' own ids and through a tracker.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import trackforge
from benchmarks.context import data_dir, save
from trackforge import Detections, Frame, Step, Stream, Tracks, TrackState
from trackforge.io.mot import read_mot, read_seqinfo
from trackforge.protocols import Analytic, StreamAware
from trackforge.synthetic.pitch import Pitch, PitchConfig

RECTANGLE = "30%,40% 70%,40% 100%,90% 0,90%"
ANALYTICS: dict[str, tuple[str, dict[str, Any]]] = {
    "lines, two": ("lines", {"lines": "a=0,60% 100%,60%; b=50%,0 50%,100%"}),
    "zones, two": ("zones", {"zones": "a=0,0 50%,0 50%,100% 0,100%; b=20%,50% 80%,50% 100%,100% 0,100%"}),
    "trails": ("trails", {}),
    "heat": ("heat", {}),
    "ground": ("ground", {"points": RECTANGLE, "rectangle": (20.0, 30.0)}),
}
PETS = {"upright": "50%,0 50%,100%", "level": "0,55% 100%,55%", "slanted": "20%,30% 80%,90%"}
"""Lines across the scene."""
MARGIN = 5.0
JITTERS, SEEDS, FRAMES = (0.0, 1.0, 1.5, 2.0), (0, 1, 2), 1500
SWAPPED = 25
"""Frames for which a track has a second player from which on both have swapped: a second."""


def tracks_of(ids: Any, boxes: Any) -> Tracks:
    """Return visible tracks that stand where they are told."""
    n, boxes = len(ids), np.asarray(boxes, np.float32)
    return Tracks(
        track_id=ids, xyxy=boxes, score=np.ones(n, np.float32), class_id=np.zeros(n, np.int64),
        state=np.full(n, TrackState.CONFIRMED), age=np.ones(n, np.int64), time_since_update=np.zeros(n, np.int64),
        detection=np.arange(n),
    )  # fmt: skip


# -- cost -------------------------------------------------------------------------------------------------------------


def cost(data: Path) -> dict[str, Any]:
    """Return microseconds a frame of BYTE and of every analytic, and the ratio of these."""
    spent: dict[str, list[float]] = {name: [] for name in ("byte", *ANALYTICS)}
    boxes = 0
    for path in sorted((data / "mot17-half-val" / "det").glob("*.txt")):
        stored = read_mot(path, kind="detections")
        tracker = trackforge.tracker("byte")
        made = {name: opened(*one) for name, one in ANALYTICS.items()}
        for index in range(int(stored.frame.max()) + 1):
            rows = stored[stored.frame == index]
            found = Detections(xyxy=rows.xyxy.astype(np.float32), score=rows.score.astype(np.float32))
            frame = Frame(index=index, size=(1920, 1080), timestamp=index / 30)
            begun = time.process_time_ns()
            tracks = tracker.update(found, frame)
            spent["byte"].append(time.process_time_ns() - begun)
            step = Step(frame=frame, detections=found, tracks=tracks)
            boxes += len(tracks.visible)
            for name, one in made.items():
                begun = time.process_time_ns()
                one.update(step)
                spent[name].append(time.process_time_ns() - begun)
    frames = len(spent["byte"])
    mean = {name: round(float(np.mean(times)) / 1000, 1) for name, times in spent.items()}
    return {
        "frames": frames,
        "tracks a frame": round(boxes / frames, 1),
        "microseconds": mean,
        "of byte": {name: round(mean[name] / mean["byte"], 3) for name in ANALYTICS},
    }


def opened(name: str, settings: dict[str, Any], size: tuple[int, int] = (1920, 1080), rate: float = 30.0) -> Analytic:
    """Make an analytic, and tell it of the stream."""
    made = trackforge.analytic(name, **settings)
    if isinstance(made, StreamAware):
        made.open(Stream(rate=rate, size=size))
    return made


# -- counts -----------------------------------------------------------------------------------------------------------


def counts(data: Path) -> dict[str, Any]:
    """Return crossings on PETS of the true tracks, of stored detections and of the film itself."""
    folder = data / "pets09-s2l1"
    info = read_seqinfo(folder / "seqinfo.ini")
    truth = read_mot(folder / "gt" / "gt.txt", kind="truth")
    truth = truth[truth.extra["flag"] != 0]
    size, rate = (info.width, info.height), info.rate
    stored = read_mot(folder / "det" / "det_yolox_nano416.txt", kind="detections")

    def true() -> Iterator[Step]:
        for index in range(int(truth.frame.max()) + 1):
            rows = truth[truth.frame == index]
            yield Step(
                frame=Frame(index=index, size=size, timestamp=index / rate),
                detections=Detections(xyxy=rows.xyxy.astype(np.float32)),
                tracks=tracks_of(rows.track_id, rows.xyxy),
            )

    def tracked() -> Iterator[Step]:
        tracker = trackforge.tracker("byte")
        for index in range(int(truth.frame.max()) + 1):
            rows = stored[stored.frame == index]
            found = Detections(xyxy=rows.xyxy.astype(np.float32), score=rows.score.astype(np.float32))
            frame = Frame(index=index, size=size, timestamp=index / rate)
            yield Step(frame=frame, detections=found, tracks=tracker.update(found, frame))

    film = trackforge.track(str(folder / "vtest.avi"), trackforge.detector("motion"), "byte")
    ways: dict[str, Iterable[Step]] = {
        "ground truth": true(),
        "YOLOX-nano 416, BYTE": tracked(),
        "motion, BYTE": film,
    }
    counted = {}
    for name, steps in ways.items():
        made = opened("lines", {"lines": PETS, "margin": MARGIN}, size, rate)
        for step in steps:
            made.update(step)
        counted[name] = {line: {"in": row["in"], "out": row["out"]} for line, row in made.result()["lines"].items()}
    return {"margin": MARGIN, "lines": PETS, "frames": int(truth.frame.max()) + 1, "rows": counted}


# -- metres -----------------------------------------------------------------------------------------------------------


def metres(jitter: float, *, tracker: bool) -> dict[str, float]:
    """Return how far distances, speeds and places are off on simulated pitches, in parts and metres.

    Of players who kept their ids; those who came away with another's are counted.
    """
    found: dict[str, list[float]] = {name: [] for name in ("distance", "mean", "live", "place", "stated", "still", "v")}
    swapped = 0
    for seed in SEEDS:
        pitch = Pitch(PitchConfig(frames=FRAMES, jitter=jitter, miss=0.02 if jitter else 0.0, seed=seed))
        exact = {"jitter": 0.0, "rest": 0.05} if not jitter else {}
        made = trackforge.analytic("ground", points=pitch.corners.tolist(), rectangle=pitch.config.pitch, **exact)
        online, whose, truth, live = trackforge.tracker("byte"), {}, [], {}
        for frame, detections, true in pitch.scenes():
            tracks = (
                online.update(detections, frame)
                if tracker
                else tracks_of(detections.extra["truth_id"], detections.xyxy)
            )
            answer = made.update(Step(frame=frame, detections=detections, tracks=tracks))["tracks"]
            seen = tracks.visible
            for one, row in zip(seen.track_id.tolist(), seen.detection.tolist(), strict=True):
                whose.setdefault(one, []).append(int(detections.extra["truth_id"][row]))
                live[one] = answer[str(one)]["distance"]
            truth.append(true)
        result = made.result()
        walked, players = truth[-1].extra["distance"], pitch.config.players
        frames = {one: np.bincount(owners, minlength=players + 1) for one, owners in whose.items()}
        owner = {one: int(count.argmax()) for one, count in frames.items()}
        kept = np.ones(players, bool)
        for count in frames.values():
            if (count >= SWAPPED).sum() > 1:
                kept[np.flatnonzero(count >= SWAPPED) - 1] = False
        swapped += int((~kept).sum())
        total, now, errors = np.zeros(players), np.zeros(players), np.zeros(players)
        for row in result["tracks"]:
            player = owner[row["track_id"]] - 1
            total[player] += row["distance"]
            now[player] += live[row["track_id"]]
            errors[player] = np.hypot(errors[player], row["distance_error"])
        stands = np.arange(players) < pitch.config.still
        found["still"] += total[stands & kept].tolist()
        goes = ~stands & kept
        found["distance"] += (total[goes] / walked[goes] - 1).tolist()
        found["live"] += (now[goes] / walked[goes] - 1).tolist()
        found["stated"] += (errors[goes] / walked[goes]).tolist()
        speed = np.array([true.extra["speed"] for true in truth])
        path = [row for row in result["path"] if kept[owner[row["track_id"]] - 1]]
        ours = np.array([row["speed"] for row in path])
        theirs = np.array([speed[row["frame"], owner[row["track_id"]] - 1] for row in path])
        found["mean"].append(float(ours.mean() / theirs.mean() - 1))
        found["v"].append(float(np.sqrt(np.mean((ours - theirs) ** 2))))
        places = np.array(
            [[truth[row["frame"]].extra[axis][owner[row["track_id"]] - 1] for axis in "xy"] for row in path]
        )
        missed = np.hypot(*(places - [[row["x"], row["y"]] for row in path]).T)
        found["place"].append(float(np.sqrt(np.mean(missed**2))))
    values = {name: np.array(some) for name, some in found.items()}
    return {
        "swapped": swapped,
        "distance, mean %": round(100 * float(values["distance"].mean()), 2),
        "distance, worst player %": round(100 * float(np.abs(values["distance"]).max()), 2),
        "distance, stated %": round(100 * float(values["stated"].mean()), 2),
        "distance live, worst player %": round(100 * float(np.abs(values["live"]).max()), 2),
        "mean speed %": round(100 * float(np.abs(values["mean"]).max()), 2),
        "speed, rms m/s": round(float(values["v"].mean()), 3),
        "place, rms m": round(float(values["place"].mean()), 3),
        "who stands, most m": round(float(values["still"].max()), 2),
    }


def main() -> None:
    """Run as a script: all, or the parts that are named."""
    parts = sys.argv[1:] or ["pitch", "pets", "cost"]
    data = data_dir()
    if "pitch" in parts:
        print(save("analytics-pitch", pitches()))
    if "pets" in parts:
        print(save("analytics-pets", counts(data)))
    if "cost" in parts:
        print(save("analytics-cost", cost(data)))


def pitches() -> dict[str, Any]:
    """Return `metres` by jitter and ids."""
    rows = [
        {"jitter": jitter, "ids": "BYTE" if tracker else "players' own", **metres(jitter, tracker=tracker)}
        for tracker in (False, True)
        for jitter in (JITTERS if not tracker else JITTERS[1:])
    ]
    return {"seeds": len(SEEDS), "frames": FRAMES, "players": PitchConfig().players, "rows": rows}


if __name__ == "__main__":
    main()
