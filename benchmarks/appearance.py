"""Do embeddings help? FairMOT's association, BYTE on top of it, and the clean tracker, on one street with and without.

PETS09-S2L1, stored detections of YOLOX-nano, every box described by a small re-identification network (Intel's
``person-reidentification-retail-0248``, 256 numbers) that was trained elsewhere. Settings are published ones, those
of the threshold apart the same for all rows.

``python -m benchmarks.appearance`` writes ``results/accuracy-appearance.json``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import trackforge
from benchmarks.accuracy import COUNTS, SCORES
from benchmarks.context import data_dir, save
from trackforge import Detections, Frame
from trackforge.io.mot import read_mot
from trackforge.metrics.retrieval import retrieve
from trackforge.runs import replay

RATE = 7.0
"""Frames a second, as seqinfo.ini says; FairMOT's evaluator scales the patience with lost tracks by it."""
FAIRMOT, YOLOX = 0.4, 0.6
"""Least confident score as FairMOT published it, for its own network, and as ByteTrack did for YOLOX, whose boxes these
are. Every tracker is shown at both."""
TRACKERS: tuple[tuple[str, str, bool, tuple[str, ...]], ...] = (
    ("FairMOT", "fairmot", True, ("conf_thres",)),
    ("FairMOT + BYTE with re-ID", "fairmot-byte-reid", True, ("conf_thres",)),
    ("FairMOT + BYTE", "fairmot-byte", False, ("conf_thres",)),
    ("appearance, clean", "appearance", True, ("high_score", "birth_score")),
    ("the same without embeddings", "appearance", False, ("high_score", "birth_score")),
    ("ByteTrack", "bytetrack", False, ("track_thresh",)),
)
"""What is compared: name, tracker, whether it sees embeddings, its settings of the threshold."""
PUBLISHED_ONES = 3
"""The first of them, which FairMOT's evaluator runs with a patience by the frame rate."""
PUBLISHED = {
    "whose": "ByteTrack's paper (ECCV 2022), MOT17 half-val, FairMOT's own detections and embeddings",
    "rows": {
        "FairMOT": {"MOTA": 69.1, "IDF1": 72.8, "IDSW": 299},
        "FairMOT + BYTE with re-ID": {"MOTA": 70.4, "IDF1": 74.2, "IDSW": 232},
        "FairMOT + BYTE": {"MOTA": 70.3, "IDF1": 73.2, "IDSW": 236},
    },
}
WIDTH, HEIGHT = 128, 256


class Reid:
    """The re-identification network: crops of BGR pixels, 0 to 255, to vectors."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def embed(self, image: npt.NDArray[np.uint8], xyxy: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Describe boxes of an RGB picture, ``(N, 256)`` of length 1; zeros for those outside of it."""
        import cv2

        high, wide = image.shape[:2]
        out = np.zeros((len(xyxy), 256), np.float32)
        for row, box in enumerate(np.rint(xyxy).astype(int)):
            left, top, right, bottom = np.clip(box, 0, (wide, high, wide, high))
            if right > left and bottom > top:
                crop = cv2.resize(image[top:bottom, left:right, ::-1], (WIDTH, HEIGHT)).astype(np.float32)
                vector = self._session.run(None, {self._input: crop[None]})[0][0]
                out[row] = vector / np.linalg.norm(vector)
        return out


def described(folder: Path, network: Path) -> Iterator[tuple[Frame, Detections]]:
    """Yield every frame, without its picture, and its detections with embeddings."""
    table = read_mot(folder / "det" / "det_yolox_nano416.txt", kind="detections")
    reid = Reid(network)
    for frame in trackforge.source("video", path=folder / "vtest.avi"):
        found = table.detections(frame.index)
        assert frame.image is not None
        yield replace(frame, image=None), replace(found, embedding=reid.embed(frame.image, found.xyxy))


def separation(folder: Path, stream: list[tuple[Frame, Detections]]) -> dict[str, float]:
    """Say how well the embeddings tell the people of the ground truth apart, by every tenth frame."""
    truth = read_mot(folder / "gt" / "gt.txt", kind="truth")
    vectors, people = [], []
    for frame, found in stream[::10]:
        here = truth.frame == frame.index
        overlap = trackforge.boxes.iou(found.xyxy, truth.xyxy[here])
        for row, column in enumerate(overlap.argmax(axis=1) if overlap.size else ()):
            if overlap[row, column] >= 0.5:
                vectors.append(found.embedding[row])  # type: ignore[index]
                people.append(int(truth.track_id[here][column]))
    found = retrieve(np.array(vectors), np.array(people))
    return {"vectors": len(people), "mAP": round(found.mean_precision, 3), "rank1": round(found.rank1, 3)}


def cases() -> Iterator[tuple[str, str, bool, dict[str, Any]]]:
    """Yield every tracker at both thresholds, and the published ones as FairMOT's evaluator runs them."""
    for label, name, embeddings, _ in TRACKERS[:PUBLISHED_ONES]:
        yield f"{label}, from {FAIRMOT:g}, patience by frame rate", name, embeddings, {"frame_rate": RATE}
    for threshold in (FAIRMOT, YOLOX):
        for label, name, embeddings, keys in TRACKERS:
            settings = {key: round(threshold + 0.1 * (key == "birth_score"), 2) for key in keys}
            yield f"{label}, from {threshold:g}", name, embeddings, settings


def run() -> dict[str, Any]:
    """Track and score every row."""
    folder = data_dir() / "pets09-s2l1"
    stream = list(described(folder, data_dir() / "weights" / "person-reidentification-retail-0248.onnx"))
    rows = []
    for label, name, embeddings, settings in cases():
        seen = stream if embeddings else [(frame, replace(found, embedding=None)) for frame, found in stream]
        with tempfile.TemporaryDirectory() as results:
            path = Path(results) / "pets.txt"
            with trackforge.sink("mot", path=path, min_area=100.0, max_aspect_ratio=1.6) as sink:
                for step in replay(seen, trackforge.tracker(name, **settings)):
                    sink.write(step)
            scores = trackforge.evaluate(folder / "gt" / "gt.txt", path).combined
        shown = {k: int(scores[k]) if k in COUNTS else round(100 * scores[k], 2) for k in SCORES}
        rows.append({"label": label, "tracker": name, "embeddings": embeddings, "settings": settings, "scores": shown})
        print(f"{label:48}", *(f"{k} {v:g}" for k, v in shown.items()))
    return {
        "name": "PETS09-S2L1, YOLOX-nano at 416, person-reidentification-retail-0248",
        "embeddings": separation(folder, stream),
        "rows": rows,
        "published": PUBLISHED,
    }


def main() -> None:
    """Run as a script."""
    print("wrote", save("accuracy-appearance", run()))


if __name__ == "__main__":
    main()
