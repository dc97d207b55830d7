"""A detector for tests of the server, as a plugin brings it: finds what is bright, and is slow or fails on demand."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from trackforge.config import check, setting
from trackforge.registry import ComponentSpec, hookimpl
from trackforge.types import Detections, Frame

FAILS = (250, 0, 250)
"""Colour of the upper left pixel of a picture that the detector fails at."""


@dataclass(frozen=True, kw_only=True)
class BrightConfig:
    pause: float = setting(0.0, help="Time that a batch takes.", unit="s")
    gate: Path | None = setting(None, help="While a file of that name is there, no batch comes to its end.")
    load: Path | None = setting(None, help="Loading takes until a file of that name is there.")
    broken: bool = setting(False, help="Whether it cannot be made.")

    def __post_init__(self) -> None:
        check(self)


class BrightDetector:
    classes = ("light",)
    embedding_dim = None

    def __init__(self, config: BrightConfig) -> None:
        self.config = config
        if config.broken:
            raise ValueError("it cannot be made, in /secret/place")
        while config.load is not None and not config.load.exists():
            time.sleep(0.02)

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        time.sleep(self.config.pause)
        while self.config.gate is not None and self.config.gate.exists():
            time.sleep(0.01)
        return [self._look(frame) for frame in frames]

    def _look(self, frame: Frame) -> Detections:
        image = frame.image
        assert image is not None
        if all(abs(int(image[0, 0, k]) - FAILS[k]) < 12 for k in range(3)):
            raise RuntimeError("it fails at such pictures, in /secret/place")
        _, _, stats, _ = cv2.connectedComponentsWithStats((image.min(axis=2) > 200).astype(np.uint8))
        boxes = [(x, y, x + w, y + h) for x, y, w, h, area in stats[1:].tolist() if area > 8]
        boxes.sort()
        return Detections(
            xyxy=np.array(boxes, np.float32).reshape(-1, 4),
            score=np.full(len(boxes), 0.9, np.float32),
            class_id=np.zeros(len(boxes), np.int64),
        )


@hookimpl
def trackforge_components() -> Iterator[ComponentSpec]:
    yield ComponentSpec(
        kind="detector",
        name="bright",
        target="bright_detector:BrightDetector",
        config="bright_detector:BrightConfig",
        summary="finds what is bright",
    )


def install(folder: Path) -> Path:
    """Make a folder that, on the path, has the plugin installed; returns it."""
    info = folder / "bright_detector-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bright-detector\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[trackforge]\nbright-detector = bright_detector\n")
    (folder / "bright_detector.py").write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
    return folder


def scene(frame: int, seed: int = 0, size: tuple[int, int] = (160, 120)) -> np.ndarray:
    """Return an RGB picture of three lights that wander over a dark ground."""
    width, height = size
    image = np.full((height, width, 3), 30, np.uint8)
    rng = np.random.default_rng(seed)
    for _ in range(3):
        x, y, dx, dy = rng.uniform(0, width - 20), rng.uniform(0, height - 20), *rng.uniform(-2, 2, 2)
        left, top = int((x + dx * frame) % (width - 16)), int((y + dy * frame) % (height - 16))
        image[top : top + 14, left : left + 12] = 255
    return image


def encoded(image: np.ndarray, kind: str = ".png") -> bytes:
    """Return an RGB picture as the bytes of a file."""
    ok, data = cv2.imencode(kind, image[:, :, ::-1])
    assert ok
    return data.tobytes()
