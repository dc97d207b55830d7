"""What the pipeline costs beside the network: PETS video to a MOT file, YOLOX-nano on ONNX Runtime.

One run holds both sides, in turns: the network alone, fed with inputs that were prepared before; and everything, from
video to result file (decoding, preprocessing, network, NMS, association, writing), by `trackforge.track`. Both get
one thread a network, as a service with several streams would run it, and then two. The overlay video is measured apart.

``python -m benchmarks.speed.pipeline`` writes ``results/speed-pipeline.json``.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import trackforge
from benchmarks.context import data_dir, save
from trackforge_yolox.detector import YoloxDetector, YoloxDetectorConfig

ROUNDS = 5
FRAMES = 300


def network_alone(detector: YoloxDetector, inputs: list[Any]) -> float:
    """Return seconds a frame of the network on prepared inputs."""
    begin = time.perf_counter()
    for batch in inputs:
        detector.backend.infer(batch)
    return (time.perf_counter() - begin) / len(inputs)


def whole(detector: YoloxDetector, video: Path, out: Path) -> float:
    """Return seconds a frame from video to the files in ``out``."""
    begin = time.perf_counter()
    steps = trackforge.track(
        trackforge.source("video", path=video, stop=FRAMES), detector, trackforge.tracker("byte"), sinks=[out]
    )
    count = sum(1 for _ in steps)
    return (time.perf_counter() - begin) / count


def measure(threads: int, folder: Path) -> dict[str, Any]:
    """Measure with a number of threads for the network."""
    data = data_dir()
    video = data / "pets09-s2l1" / "vtest.avi"
    detector = YoloxDetector(
        YoloxDetectorConfig(
            weights=data / "weights" / "yolox_nano_416x416.onnx", keep_classes=("person",), threads=threads
        )
    )
    frames = [f.image for f in trackforge.source("video", path=video, stop=FRAMES)]
    inputs = [detector.backend.prepare([image]) for image in frames]
    del frames
    alone, everything, overlay = [], [], []
    for _ in range(ROUNDS):
        alone.append(network_alone(detector, inputs))
        everything.append(whole(detector, video, folder / "out.txt"))
        overlay.append(whole(detector, video, folder / "out.mp4"))
    ratios = [b / a for a, b in zip(alone, everything, strict=True)]
    return {
        "network_ms": round(1e3 * statistics.median(alone), 2),
        "pipeline_ms": round(1e3 * statistics.median(everything), 2),
        "with_overlay_instead_ms": round(1e3 * statistics.median(overlay), 2),
        "added_percent": round(100 * (statistics.median(ratios) - 1), 1),
        "added_percent_range": [round(100 * (min(ratios) - 1), 1), round(100 * (max(ratios) - 1), 1)],
    }


def run() -> dict[str, Any]:
    """Measure with one and with two threads."""
    with tempfile.TemporaryDirectory() as folder:
        rows = {str(threads): measure(threads, Path(folder)) for threads in (1, 2)}
    return {
        "name": "The pipeline around the detector",
        "input": f"PETS09-S2L1, first {FRAMES} frames, 768x576; YOLOX-nano 416, ONNX Runtime",
        "network_threads": rows,
    }


def main() -> None:
    """Run as a script."""
    result = run()
    for threads, row in result["network_threads"].items():
        print(f"{threads} threads:", row)
    print("wrote", save("speed-pipeline", result))


if __name__ == "__main__":
    main()
