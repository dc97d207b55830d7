"""The detector runs once; everything else is replayed."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from trackforge import Detections, Frame, TrackTable
from trackforge.registry import ComponentSpec, hookimpl, registry
from trackforge.runs.fingerprint import fingerprint
from trackforge.runs.storage import load, store
from trackforge.synthetic.world import SyntheticSource, SyntheticSourceConfig
from trackforge.tuning import Component, Footage, Library, Range

SETTINGS = {"frames": 12, "size": (160, 120), "walkers": 3}


class Seeing:
    """A detector that makes its boxes from the frame's number, and counts."""

    classes = ("person",)
    embedding_dim = 2
    ran = 0

    def __init__(self, score: float, shift: float, *, rescored: bool) -> None:
        self.score, self.shift, self.rescored = score, shift, rescored

    def detect(self, frames) -> list[Detections]:
        Seeing.ran += len(frames)
        return [self._one(frame) for frame in frames]

    def _one(self, frame: Frame) -> Detections:
        assert frame.image is not None
        score = np.linspace(0, 1, 11, dtype=np.float32)
        low = np.stack((np.arange(11) * 10 + self.shift, np.full(11, frame.index)), axis=1)
        found = Detections(
            xyxy=np.concatenate((low, low + 8), axis=1),
            score=score,
            embedding=np.ones((11, 2)),
            mask=np.array([None] * 11, object),
            extra={"row": np.arange(11)},
        )
        found = found[score >= np.float32(self.score)]
        if self.rescored and len(found):  # a threshold that changes what is left: as soft suppression would
            found = Detections(xyxy=found.xyxy, score=found.score * (1 - self.score), embedding=found.embedding)
        return found


@pytest.fixture
def seeing():
    """Two detectors of a plugin: one with a threshold as it should be, one that does more."""
    import dataclasses
    import sys
    import types

    from trackforge.config import check, setting

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class SeeingConfig:
        score: float = setting(0.1, help="Least score.", minimum=0, maximum=1)
        shift: float = setting(0.0, help="Moves boxes.", unit="px")

        def __post_init__(self) -> None:
            check(self)

    module = types.ModuleType("tuning_seeing")
    module.SeeingConfig = SeeingConfig
    module.plain = lambda config: Seeing(config.score, config.shift, rescored=False)
    module.odd = lambda config: Seeing(config.score, config.shift, rescored=True)
    sys.modules["tuning_seeing"] = module

    class Plugin:
        @hookimpl
        def trackforge_components(self):
            for name in ("plain", "odd"):
                yield ComponentSpec(
                    kind="detector",
                    name=f"seeing-{name}",
                    target=f"tuning_seeing:{name}",
                    config="tuning_seeing:SeeingConfig",
                )

    registry().specs()
    registry().register(Plugin(), "tuning-seeing")
    Seeing.ran = 0
    yield
    registry().unregister("tuning-seeing")
    del sys.modules["tuning_seeing"]


@pytest.fixture(scope="module")
def street() -> Footage:
    truth = SyntheticSource(SyntheticSourceConfig(**SETTINGS)).truth
    return Footage("street", Component("source", "synthetic", SETTINGS), truth)


FLOOR = Range("detector.score", 0.05, 0.9)


def test_one_run_serves_every_score(seeing, street, tmp_path: Path) -> None:
    library = Library(Component("detector", "seeing-plain"), [FLOOR], tmp_path)
    library.check_floor([street], {})
    assert library.floor is not None
    Seeing.ran = 0
    for score in (0.2, 0.5, 0.75, 0.05):
        found = library.find(street, {"score": score})
        direct = Seeing(score, 0, rescored=False)
        assert len(found.frames) == 12
        for frame, boxes in zip(street.source.create(), found.detections, strict=True):
            (expected,) = direct.detect([frame])
            np.testing.assert_array_equal(boxes.xyxy, expected.xyxy)
            np.testing.assert_array_equal(boxes.score, expected.score)
            np.testing.assert_array_equal(boxes.embedding, expected.embedding)
            np.testing.assert_array_equal(boxes.extra["row"], expected.extra["row"])
            assert boxes.mask is None
    assert library.runs == 1
    assert all(frame.image is None and frame.size == (160, 120) for frame in found.frames)


def test_whoever_watches_is_told_of_every_frame_once(seeing, street, tmp_path: Path) -> None:
    library = Library(Component("detector", "seeing-plain"), (), tmp_path)
    told: list[tuple[str, int, int | None]] = []
    library.watch = lambda *now: told.append(now)
    library.find(street, {})
    library.find(street, {})
    assert told == [(street.name, done, street.length) for done in range(len(library.find(street, {}).frames) + 1)]
    assert pickle.loads(pickle.dumps(library)).watch is None


def test_without_tuning_the_default_score_holds(seeing, street) -> None:
    library = Library(Component("detector", "seeing-plain"), [FLOOR])
    assert min(found.score.min() for found in library.find(street, {}).detections) == np.float32(0.1)


def test_stored_detections_serve_the_next_time(seeing, street, tmp_path: Path) -> None:
    detector = Component("detector", "seeing-plain")
    first = Library(detector, [FLOOR], tmp_path)
    before = first.find(street, {"score": 0.3})
    second = Library(detector, [FLOOR], tmp_path)
    after = second.find(street, {"score": 0.3})
    assert (first.runs, second.runs) == (1, 0)
    for a, b in zip(before.detections, after.detections, strict=True):
        for name in ("xyxy", "score", "class_id", "embedding"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert [(f.index, f.size, f.timestamp, f.sequence) for f in before.frames] == [
        (f.index, f.size, f.timestamp, f.sequence) for f in after.frames
    ]
    second.find(street, {"shift": 3.0, "score": 0.3})  # the network would notice
    second.find(street, {"shift": 3.0, "score": 0.6})
    assert second.runs == 1
    other = Footage("street", Component("source", "synthetic", {**SETTINGS, "frames": 5}), street.truth)
    assert len(Library(detector, [FLOOR], tmp_path).find(other, {}).frames) == 5


def test_a_damaged_store_is_made_again(seeing, street, tmp_path: Path, caplog) -> None:
    detector = Component("detector", "seeing-plain")
    Library(detector, (), tmp_path).find(street, {})
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    again = Library(detector, (), tmp_path)
    again.find(street, {})
    assert again.runs == 1
    assert "damaged" in caplog.text
    assert load(path) is not None


def test_a_score_that_does_more_is_detected_anew(seeing, street, caplog) -> None:
    library = Library(Component("detector", "seeing-odd"), [FLOOR])
    library.check_floor([street], {})
    assert library.floor is None
    assert "detector.score does more than to leave out boxes" in caplog.text
    library.find(street, {"score": 0.5})
    library.find(street, {"score": 0.6})
    library.find(street, {"score": 0.6})
    assert library.runs == 2


def test_the_motion_detector_can_be_cached(street, tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    detector = Component("detector", "motion", {"history": 20})
    fresh, kept = (Library(detector, (), tmp_path).find(street, {}) for _ in range(2))
    assert [len(d) for d in fresh.detections] == [len(d) for d in kept.detections]


def test_frames_without_detections_are_stored(tmp_path: Path) -> None:
    frames = [Frame(index=3, size=(4, 5), sequence="s"), Frame(index=7, size=(4, 5), timestamp=0.5, sequence="s")]
    store(tmp_path / "a.npz", frames, [Detections.empty(embedding_dim=3), Detections.empty(embedding_dim=3)], {})
    kept, found = load(tmp_path / "a.npz")
    assert [(f.index, f.timestamp) for f in kept] == [(3, None), (7, 0.5)]
    assert found[0].embedding.shape == (0, 3)


def test_fingerprints_notice_changed_files(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    file.write_text("a")
    before = fingerprint({"weights": file, "score": 0.1})
    assert fingerprint({"score": 0.1, "weights": str(file)}) == before
    file.write_text("ab")
    assert fingerprint({"weights": file, "score": 0.1}) != before
    assert fingerprint({"weights": "yolox-s"}) != fingerprint({"weights": "yolox-m"})


def test_footage_keeps_its_truth(street) -> None:
    assert isinstance(street.truth, TrackTable)
