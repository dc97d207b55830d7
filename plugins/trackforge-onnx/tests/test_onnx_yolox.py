"""A published file from end to end: what is found by looking equals what the family's own plugin finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import trackforge
from trackforge_onnx.detector import OnnxDetector, OnnxDetectorConfig


def test_yolox_nano_by_looking(data_dir: Path) -> None:
    file = data_dir / "weights" / "yolox_nano_416x416.onnx"
    looked = OnnxDetector(OnnxDetectorConfig(weights=file, score=0.1))
    known = trackforge.detector("yolox", weights=file, score=0.1)
    frames = []
    for frame in trackforge.source(str(data_dir / "pets09-s2l1" / "vtest.avi")):
        frames.append(frame)
        if len(frames) == 4:
            break
    for one, other in zip(looked.detect(frames), known.detect(frames), strict=True):
        assert len(one) == len(other) > 3
        assert np.allclose(one.xyxy, other.xyxy, atol=1e-3)
        assert np.allclose(one.score, other.score, atol=1e-6)
        assert (one.class_id == other.class_id).all()
