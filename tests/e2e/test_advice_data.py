"""Advice never cries wolf: on real footage and real detections, with the trackers' own settings, it is silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from trackforge import runs

TRACKERS = ("byte", "observation-centric")


def told(**job: object) -> dict[str, list[str]]:
    summary = runs.carry_out(runs.plan(runs.TrackingRun(**job)))  # type: ignore[arg-type]
    assert all(result.boxes > 100 for result in summary.results)
    return {result.name: result.notes for result in summary.results}


@pytest.mark.parametrize("tracker", TRACKERS)
def test_silent_on_mot17(data_dir: Path, tracker: str) -> None:
    for number in ("02", "05", "13"):
        path = data_dir / "mot17-half-val" / "det" / f"MOT17-{number}-FRCNN.txt"
        source = {"name": "frames", "length": 250, "size": (1920, 1080)}
        notes = told(sources=("frames",), source=source, detector={"name": "file", "path": path}, tracker=tracker)
        assert notes == {"frames": []}, number


@pytest.mark.parametrize("tracker", [*TRACKERS, "sort"])
def test_silent_on_mot15(data_dir: Path, tracker: str) -> None:
    for name in ("ADL-Rundle-8", "ETH-Sunnyday", "PETS09-S2L1"):
        path = data_dir / "mot15-sort" / name / "det" / "det.txt"
        source = {"name": "frames", "length": 350, "size": (1000, 1000)}
        notes = told(sources=("frames",), source=source, detector={"name": "file", "path": path}, tracker=tracker)
        assert notes == {"frames": []}, name


def test_silent_on_a_real_street_and_a_drawn_one(data_dir: Path) -> None:
    film = str(data_dir / "pets09-s2l1" / "vtest.avi")
    assert told(sources=(film,), detector="motion", frames=250) == {"vtest": []}
    network = {"name": "yolox", "weights": data_dir / "weights" / "yolox_nano_416x416.onnx"}
    assert told(sources=(film,), detector=network, frames=60) == {"vtest": []}
    assert told(sources=("synthetic",), source={"size": (480, 270), "frames": 200}, detector="motion") == {"street": []}
