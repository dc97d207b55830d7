"""What all servers of this benchmark have in common: the film, two detectors, the tracker, and what must come out."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import trackforge
from benchmarks.context import data_dir
from trackforge.serving import step_json
from trackforge.types import Detections, Frame

DETECTORS: dict[str, tuple[str, dict[str, Any]]] = {
    "stored detections": ("file", {"path": "pets09-s2l1/det/det_yolox_nano416.txt"}),
    "YOLOX-nano, ONNX Runtime": (
        "yolox",
        {"weights": "weights/yolox_nano_416x416.onnx", "keep_classes": ["person"], "threads": 1},
    ),
}
"""Name of the component and its settings; paths are below the folder of data."""
TRACKER = "byte"
FILM = 300
"""Frames of the film; a session takes a stretch of them."""
QUALITY = 90


def settings(label: str) -> tuple[str, dict[str, Any]]:
    """Return a detector's component and its settings, paths whole."""
    name, given = DETECTORS[label]
    paths = {key: str(data_dir() / given[key]) for key in ("path", "weights") if key in given}
    return name, {**given, **paths}


@functools.cache
def pictures() -> tuple[bytes, ...]:
    """Return the film as JPEGs."""
    import cv2

    source = trackforge.source("video", path=data_dir() / "pets09-s2l1" / "vtest.avi", stop=FILM)
    return tuple(
        cv2.imencode(".jpg", frame.image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
        for frame in source
    )


def stretch(session: int, frames: int) -> range:
    """Return the frames that a session sends: each begins somewhere else, so that a mix-up shows."""
    begin = 37 * session % (FILM - frames + 1)
    return range(begin, begin + frames)


class Known:
    """A detector that has seen every frame already."""

    embedding_dim = None

    def __init__(self, label: str) -> None:
        from trackforge.io.pictures import decode_picture

        name, given = settings(label)
        detector = trackforge.detector(name, **given)
        self.classes = tuple(detector.classes)
        self.spent: dict[str, list[float]] = {"decoding": [], "detection": [], "tracking": []}
        self.cpu = 0.0
        self._found: dict[int, Detections] = {}
        tracker = trackforge.tracker(TRACKER)
        begun = time.process_time()
        for index, data in enumerate(pictures()):
            marks = [time.perf_counter()]
            frame = Frame(index=index, image=decode_picture(data, "picture"))
            marks.append(time.perf_counter())
            self._found[index] = detector.detect([frame])[0]
            marks.append(time.perf_counter())
            tracker.update(self._found[index], frame)
            marks.append(time.perf_counter())
            for which, took in zip(self.spent.values(), np.diff(marks).tolist(), strict=True):
                which.append(took)
        self.cpu = (time.process_time() - begun) / FILM

    def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
        """Say what was found."""
        return [self._found[frame.index] for frame in frames]

    def expected(self, session: int, frames: int) -> list[dict[str, Any]]:
        """Return the answers that a session must get: what offline tracking gives for its frames."""
        size = (768, 576)
        film = [Frame(index=k, size=size) for k in stretch(session, frames)]
        steps = trackforge.track(film, self, trackforge.tracker(TRACKER))
        return [step_json(step, self.classes) for step in steps]


def save_pictures(folder: Path) -> None:
    """Write the film for those who send it."""
    for index, data in enumerate(pictures()):
        (folder / f"{index:04d}.jpg").write_bytes(data)


def differing(answers: Sequence[bytes], expected: Sequence[dict[str, Any]]) -> int:
    """Count the rows of a session that are not those of offline tracking, to the last digit; missing ones included."""
    wrong = abs(len(answers) - len(expected))
    for got, wanted in zip(answers, expected, strict=False):
        said = json.loads(got)
        wrong += {key: said.get(key) for key in wanted} != wanted
    return wrong
