"""What a last reading of runs, outputs and scores found: nothing read is replaced, parts are scored as parts."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import trackforge
from trackforge import runs
from trackforge.errors import ConfigError, SinkError
from trackforge.io.mot_labels import read_labels
from trackforge.runs.detecting import DetectionRun, plan_detection
from trackforge.runs.filtering import narrowed
from trackforge.runs.slicing import Slice
from trackforge.types import Detections, Frame, Step, Stream, Tracks
from trackforge.validation.naming import share_classes


def lines(count: int, *, truth: bool) -> str:
    """A thing that moves to the right, in every frame."""
    rest = "1,1,1" if truth else ".9,-1,-1,-1"
    return "".join(f"{k + 1},{1 if truth else -1},{10 + 2 * k},20,30,60,{rest}\n" for k in range(count))


@pytest.mark.parametrize(("start", "stride"), [(0, 2), (10, 1), (5, 3)])
def test_a_part_is_scored_by_the_frames_that_were_looked_at(tmp_path: Path, start: int, stride: int) -> None:
    (tmp_path / "gt.txt").write_text(lines(30, truth=True))
    (tmp_path / "det.txt").write_text(lines(30, truth=False))
    run = runs.TrackingRun(
        sources=("frames",),
        source={"name": "frames", "length": 30, "size": (200, 100)},
        detector={"name": "file", "path": tmp_path / "det.txt"},
        tracker="iou",
        truth=(tmp_path / "gt.txt",),
        start=start,
        stride=stride,
    )
    scores = runs.carry_out(runs.plan(run)).scores
    assert scores is not None
    seen = len(range(start, 30, stride))
    assert scores.report.combined["GT_Dets"] == seen
    assert scores.report.combined["CLR_FN"] <= 2  # the tracker's first frames


def test_annotated_pictures_do_not_replace_pictures_under_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("shots").mkdir()
    cv2.imwrite("shots/a.jpg", np.zeros((20, 30, 3), np.uint8))
    before = Path("shots/a.jpg").read_bytes()
    det = tmp_path / "det.txt"
    det.write_text("1,-1,1,1,5,5,.9,-1,-1,-1\n")
    run = DetectionRun(sources=("shots/*.jpg",), detector={"name": "file", "path": det}, out=("{name}",))
    with pytest.raises(ConfigError, match="must not replace"):
        list(runs.run(plan_detection(run)))
    assert Path("shots/a.jpg").read_bytes() == before


def test_crops_that_cannot_be_put_in_their_place_stay_beside_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "crops"
    frame = Frame(index=0, image=np.full((50, 50, 3), 9, np.uint8), size=(50, 50))
    found = Detections(xyxy=[[5, 5, 30, 40]], score=[0.9])
    tracker = trackforge.tracker("iou", min_hits=1)
    sink = trackforge.sink("crops", path=place)
    sink.__enter__()
    tracks: Tracks = tracker.update(found, frame)
    sink.write(Step(frame=frame, detections=found, tracks=tracks))
    place.mkdir(exist_ok=True)
    (place / "mine.txt").write_text("put here meanwhile")
    with pytest.raises(SinkError, match="crops cannot be written"):
        sink.__exit__(None, None, None)
    assert (place / "mine.txt").exists()
    assert len(list(tmp_path.rglob("*.jpg"))) == 1
    assert "what was written is in" in caplog.text


def test_one_class_takes_a_detector_without_names_and_no_two_classes_share_a_name() -> None:
    shared = share_classes(["a", "b"], [], one_class=True)
    assert shared.of_found.tolist() == [0]
    names = share_classes(["a", "b", "c"], ["a", "x"], pairs=[("a", "x"), ("b", "a"), ("c", "a")]).names
    assert len(set(names)) == len(names) == 2


def test_a_blank_line_among_names_is_a_class_without_one(tmp_path: Path) -> None:
    (tmp_path / "a.labels.txt").write_text("person\n\ncar\n\n")
    assert read_labels(tmp_path / "a.txt") == ("person", "", "car")


class Odd:
    """A detector that knows its stream, and numbers a class that has no name."""

    classes = ("person", "car")
    embedding_dim = None
    stream: Stream | None = None

    def open(self, stream: Stream, /) -> None:
        self.stream = stream

    def detect(self, frames: list[Frame], /) -> list[Detections]:
        return [Detections(xyxy=[[0, 0, 5, 5]], score=[0.9], class_id=[7]) for _ in frames]


def test_a_filter_passes_on_the_stream_and_names_what_has_no_name() -> None:
    odd = Odd()
    detector = narrowed(odd, ["car"])
    detector.open(Stream(name="yard"))  # type: ignore[attr-defined]
    detector.detect([Frame(index=0, size=(10, 10))])
    assert odd.stream is not None
    assert "class 7 (1)" in detector.notes()[0]  # type: ignore[attr-defined]


def test_a_part_of_a_source_tells_what_the_source_left_out() -> None:
    class Lossy:
        skipped = 3

        def __iter__(self) -> object:
            return iter(())

    part = Slice(Lossy(), 2, 1)  # type: ignore[arg-type]
    assert (part.skipped, part.dropped, tuple(part.notes())) == (3, 0, ())
