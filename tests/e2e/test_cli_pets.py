"""A real street: video to scores in one command."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_runs import run_json


@pytest.mark.slow
def test_pets_with_yolox_nano_and_byte(data_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the network runs on ONNX Runtime")
    pets = data_dir / "pets09-s2l1"
    answer = run_json(
        "track",
        pets / "vtest.avi",
        "--detector",
        "yolox",
        "--classes",
        "person",
        "--set",
        f"detector.weights={data_dir}/weights/yolox_nano_416x416.onnx",
        "--set",
        "detector.score=0.01",
        "--truth",
        pets / "gt" / "gt.txt",
        "-o",
        tmp_path / "pets.txt",
        timeout=1700,
    )
    combined = answer["scores"]["combined"]
    assert answer["sequences"][0]["frames"] == 795
    assert combined["MOTA"] >= 0.78
    assert combined["HOTA"] >= 0.507
    assert answer["scores"]["detections"]["ap50"] >= 0.9


@pytest.mark.slow
def test_pets_with_the_motion_detector(data_dir: Path, tmp_path: Path) -> None:
    pets = data_dir / "pets09-s2l1"
    words = ("track", pets / "vtest.avi", "--truth", pets / "gt" / "gt.txt", "-o", tmp_path / "pets.txt")
    answer = run_json(*words, timeout=1700)
    assert (answer["detector"]["name"], answer["detector"]["settings"]) == ("motion", {})
    assert (answer["tracker"]["name"], answer["tracker"]["settings"]) == ("byte", {})
    assert answer["scores"]["detections"]["ap50"] >= 0.6
    assert answer["scores"]["combined"]["MOTA"] >= 0.55
