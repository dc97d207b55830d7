"""Every installed component keeps its protocol; and the kit catches those that do not."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

import trackforge
from trackforge.errors import InvalidInputError, StateError
from trackforge.motion import KalmanXYAH
from trackforge.registry import registry
from trackforge.testing import (
    BrokenRule,
    check_analytic,
    check_associator,
    check_detector,
    check_motion_model,
    check_sink,
    check_source,
    check_tracker,
    rules,
    strategies,
)
from trackforge.types import Detections, Frame, Matches, Stream, Tracks, TrackState


def _specs(kind):
    return [pytest.param(spec, id=spec.name) for spec, _ in registry().specs(kind)]


def _settings(spec, tmp_path, data_dir, golden_dir):
    """Return what a component cannot do without."""
    if spec.kind == "detector" and spec.name == "file":
        path = tmp_path / "det.txt"
        path.write_text("1,-1,10,20,30,40,0.9,-1,-1,-1\n3,-1,11,20,30,40,0.4,-1,-1,-1\n")
        return {"path": path}
    if spec.kind == "detector" and spec.name == "response":
        return {"path": tmp_path, "missing": "empty"}
    if spec.kind == "detector" and spec.name == "yolox":
        return {"weights": data_dir() / "weights" / "yolox_nano_dynamic_hw.onnx"}
    if spec.kind == "detector" and spec.name == "onnx":
        return {"weights": data_dir() / "weights" / "yolox_nano_416x416.onnx"}
    if spec.kind == "detector" and spec.name == "fairmot":
        return {"weights": _untrained_fairmot(tmp_path / "fairmot.pth"), "score": 0.05}
    if spec.kind == "detector" and spec.name in ("ssd", "mxnet"):
        return {"weights": golden_dir() / "mxnet" / "resnet50_300_tiny" / "model.tar.gz"}
    if spec.kind == "analytic":
        needs = {
            "lines": {"lines": "a=0,20 64,20; b=50%,0 50%,100%"},
            "ground": {"points": "20,10 44,10 64,48 0,48", "rectangle": (8.0, 12.0)},
            "zones": {"zones": "a=0,0 64,0 64,48 0,48; b=50%,0 50%,100% 20,20"},
        }
        return needs.get(spec.name, {})
    return {}


def _untrained_fairmot(path: Path) -> Path:
    torch = pytest.importorskip("torch")
    model = pytest.importorskip("trackforge_fairmot.model")
    from trackforge.models import KEY, ModelCard
    from trackforge_fairmot.preprocess import preprocessing

    card = ModelCard(component="fairmot", classes=("person",), preprocessing=preprocessing((64, 96)))
    torch.manual_seed(0)
    torch.save({"model": model.FairMOT("fairmot-yolov5n").state_dict(), KEY: card.to_json()}, path)
    return path


@pytest.fixture
def needed(tmp_path, request):
    folders = [lambda name=name: request.getfixturevalue(name) for name in ("data_dir", "golden_dir")]
    return lambda spec: _settings(spec, tmp_path, *folders)


@pytest.mark.parametrize("spec", _specs("tracker"))
def test_installed_trackers(spec):
    check_tracker(lambda: spec.create({}))


@pytest.mark.parametrize("spec", _specs("tracker"))
def test_installed_trackers_take_embeddings_and_images(spec):
    check_tracker(lambda: spec.create({}), images=True, embedding_dim=8, skip=("never_uses_an_id_again",))


@pytest.mark.parametrize("spec", _specs("associator"))
def test_installed_associators(spec):
    check_associator(lambda: spec.create({}))
    check_associator(lambda: spec.create({}), embedding_dim=8)


@pytest.mark.parametrize("spec", _specs("analytic"))
def test_installed_analytics(spec, needed):
    check_analytic(lambda: spec.create(needed(spec)))


@pytest.mark.parametrize("spec", _specs("motion"))
def test_installed_motion_models(spec):
    check_motion_model(lambda: spec.create({}))


@pytest.mark.parametrize("spec", _specs("detector"))
def test_installed_detectors(spec, needed):
    if spec.name == "gluoncv":
        pytest.skip("MXNet has an environment of its own, where it is checked: make test-mxnet")
    if spec.name == "endpoint":
        pytest.skip("it needs an endpoint: the plugin's tests/test_client_realtime.py has one")
    given_settings = needed(spec)
    check_detector(lambda: spec.create(given_settings))


WITHOUT_FILE = ("window",)
"""Sinks that write nothing; tests/unit/test_more_sinks.py looks at them."""
REFUSING = {"crops": ("leaves_nothing_half_done", "is_told_about_the_stream")}
"""Sinks that refuse a place which holds something, and the rules that count on its being replaced."""


@pytest.mark.parametrize("spec", [one for one in _specs("sink") if one.values[0].name not in WITHOUT_FILE])
def test_installed_sinks(spec):
    suffix = spec.suffixes[0] if spec.suffixes else ".out"
    check_sink(lambda path: spec.create({"path": path}), suffix=suffix, skip=REFUSING.get(spec.name, ()))


def _pictures(folder: Path) -> Path:
    cv2 = pytest.importorskip("cv2")
    for sub in ("img1", "."):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    for i in range(4):
        assert cv2.imwrite(str(folder / "img1" / f"{i + 1:06}.png"), np.full((48, 64, 3), 40 * i, np.uint8))
    (folder / "seqinfo.ini").write_text(
        "[Sequence]\nname=tiny\nimDir=img1\nframeRate=10\nseqLength=4\nimWidth=64\nimHeight=48\nimExt=.png\n"
    )
    return folder


def _video(path: Path) -> Path:
    street = trackforge.source("synthetic", frames=5, size=(128, 96))
    assert len(list(trackforge.track(street, "motion", "byte", sinks=[path]))) == 5
    return path


LIVE = ("camera",)
"""Sources that need a device or a network."""


@pytest.mark.parametrize("spec", [p for p in _specs("source") if p.values[0].name not in LIVE])
def test_installed_sources(spec, tmp_path):
    made = {
        "video": lambda: {"path": _video(tmp_path / "street.mp4")},
        "images": lambda: {"path": _pictures(tmp_path / "tiny") / "img1"},
        "mot-sequence": lambda: {"path": _pictures(tmp_path / "tiny")},
        "frames": lambda: {"length": 5, "size": (64, 48)},
        "synthetic": lambda: {"frames": 5, "size": (128, 96)},
    }
    given_settings = made[spec.name]()
    check_source(lambda: spec.create(given_settings))


# -- the kit catches what is wrong ------------------------------------------------------------------------------------


class Good:
    """The least tracker there is: one track, the detection with the best score."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.id, self.next, self.gap, self.age = 0, 1, 0, 0

    def update(self, detections, frame, /):
        if not len(detections):
            self.gap += 1
            self.age += 1
            return Tracks.empty()
        if self.gap > 5 or not self.id:
            self.id, self.next, self.age = self.next, self.next + 1, 0
        self.gap, self.age = 0, self.age + 1
        return self.tracks(detections, int(detections.score.argmax()))

    def tracks(self, detections, row):
        return Tracks(
            track_id=[self.id],
            xyxy=detections.xyxy[[row]],
            score=detections.score[[row]],
            class_id=[0],
            state=[TrackState.CONFIRMED],
            age=[self.age],
            time_since_update=[0],
            detection=[row],
        )

    def state_dict(self):
        return {"format": "good", **vars(self)}

    def load_state_dict(self, state, /):
        if state.get("format") != "good":
            raise StateError("The state must be of this tracker.")
        vars(self).update({key: value for key, value in state.items() if key != "format"})


class ReusesIds(Good):
    def update(self, detections, frame, /):
        self.next = 1
        return super().update(detections, frame)


class SharesIds(Good):
    ids = 0

    def update(self, detections, frame, /):
        known = self.id
        tracks = super().update(detections, frame)
        if self.id != known:
            SharesIds.ids += 1
            self.id = self.next = SharesIds.ids
            return dataclasses.replace(tracks, track_id=[self.id])
        return tracks


class ForgetsToReset(Good):
    def reset(self):
        if not hasattr(self, "next"):
            super().reset()


class ForgetsState(Good):
    def state_dict(self):
        return {"format": "good", "id": self.id, "next": self.next, "gap": self.gap}


class LeaksItself(Good):
    def state_dict(self):
        return {**super().state_dict(), "me": self}

    def load_state_dict(self, state, /):
        super().load_state_dict({key: value for key, value in state.items() if key != "me"})


class TakesAnyState(Good):
    def load_state_dict(self, state, /):
        vars(self).update(state)


class CannotBePickled(Good):
    def __init__(self):
        super().__init__()
        self.hook = lambda: None

    def state_dict(self):
        return {key: value for key, value in super().state_dict().items() if key != "hook"}


class ClaimsTwice(Good):
    def tracks(self, detections, row):
        tracks = super().tracks(detections, row)[[0, 0]]
        return dataclasses.replace(tracks, track_id=[2 * self.id, 2 * self.id + 1])


class PointsNowhere(Good):
    def tracks(self, detections, row):
        return dataclasses.replace(super().tracks(detections, row), detection=[len(detections)])


class ReturnsNone(Good):
    def update(self, detections, frame, /):
        return super().update(detections, frame) if len(detections) else None


class WritesIntoDetections(Good):
    def update(self, detections, frame, /):
        if len(detections):
            detections.score.flags.writeable = True
            detections.score[:] = 0.5
        return super().update(detections, frame)


class IsRandom(Good):
    def tracks(self, detections, row):
        return super().tracks(detections, int(np.random.default_rng().integers(len(detections))))


class SeesNothing(Good):
    def update(self, detections, frame, /):
        return Tracks.empty()


def test_the_least_tracker_passes():
    check_tracker(Good)


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (ReusesIds, "never_uses_an_id_again"),
        (SharesIds, "instances_share_nothing"),
        (ForgetsToReset, "reset_starts_anew"),
        (ForgetsState, "saves_and_restores_at_any_frame"),
        (LeaksItself, "saves_and_restores_at_any_frame"),
        (TakesAnyState, "refuses_a_foreign_state"),
        (CannotBePickled, "pickles_at_any_frame"),
        (ClaimsTwice, "returns_valid_columns"),
        (PointsNowhere, "returns_valid_columns"),
        (ReturnsNone, "takes_empty_frames"),
        (WritesIntoDetections, "leaves_its_input_alone"),
        (IsRandom, "same_input_gives_same_output"),
        (SeesNothing, "follows_the_obvious"),
    ],
)
def test_a_broken_tracker_is_caught_by_name(broken, rule):
    with pytest.raises(BrokenRule, match=rf"- {rule}: [^\n]+\n    The rule: "):
        check_tracker(broken)


class Overlap:
    """The least associator: rows in order, where boxes overlap."""

    def associate(self, tracks, detections, /, *, frame, motion):
        found, pairs = set(), []
        cost = 1 - trackforge.boxes.iou(motion.boxes, detections.xyxy.astype(float))
        for row in range(len(tracks)):
            free = [c for c in range(len(detections)) if c not in found and cost[row, c] < 0.9]
            if free:
                best = min(free, key=lambda c: cost[row, c])
                found.add(best)
                pairs.append((row, best))
        return self.matches(pairs, cost, len(tracks), len(detections))

    def matches(self, pairs, cost, m, n):
        track, detection = np.array(pairs, np.int64).reshape(-1, 2).T
        return Matches(
            track=track,
            detection=detection,
            cost=cost[track, detection],
            unmatched_track=np.setdiff1d(np.arange(m), track),
            unmatched_detection=np.setdiff1d(np.arange(n), detection),
        )


class LosesTracks(Overlap):
    def matches(self, pairs, cost, m, n):
        return dataclasses.replace(super().matches(pairs, cost, m, n), unmatched_track=np.empty(0, np.int64))


class UsesDetectionsTwice(Overlap):
    def matches(self, pairs, cost, m, n):
        return dataclasses.replace(super().matches(pairs, cost, m, n), unmatched_detection=np.arange(n))


class GivesFloats(Overlap):
    def matches(self, pairs, cost, m, n):
        whole = super().matches(pairs, cost, m, n)
        return dataclasses.replace(whole, track=whole.track.astype(float))


class Remembers(Overlap):
    calls = 0

    def associate(self, tracks, detections, /, *, frame, motion):
        self.calls += 1
        whole = super().associate(tracks, detections, frame=frame, motion=motion)
        return dataclasses.replace(whole, cost=whole.cost + self.calls)


class MovesBoxes(Overlap):
    def associate(self, tracks, detections, /, *, frame, motion):
        whole = super().associate(tracks, detections, frame=frame, motion=motion)
        motion.boxes.flags.writeable = True
        motion.boxes[:] = 0
        return whole


class PairsNothing(Overlap):
    def matches(self, pairs, cost, m, n):
        return super().matches([], cost, m, n)


class CannotBePickledEither(Overlap):
    def __init__(self):
        self.hook = lambda: None


def test_the_least_associator_passes():
    check_associator(Overlap)


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (LosesTracks, "divides_tracks_and_detections"),
        (UsesDetectionsTwice, "divides_tracks_and_detections"),
        (GivesFloats, "divides_tracks_and_detections"),
        (Remembers, "is_a_pure_function"),
        (MovesBoxes, "leaves_its_input_alone"),
        (PairsNothing, "pairs_the_obvious"),
        (CannotBePickledEither, "pickles"),
    ],
)
def test_a_broken_associator_is_caught_by_name(broken, rule):
    with pytest.raises(BrokenRule, match=f"- {rule}: "):
        check_associator(broken)


class Whole:
    """The least detector: the whole image."""

    classes = ("image",)
    embedding_dim = None

    def detect(self, frames, /):
        return [self.one(frame) for frame in frames]

    def one(self, frame):
        return Detections(xyxy=[[0, 0, *frame.size]])


class AnswersOnce(Whole):
    def detect(self, frames, /):
        return super().detect(frames)[:1]


class AnswersNone(Whole):
    def one(self, frame):
        return super().one(frame) if frame.image.any() else None


class InventsClasses(Whole):
    def one(self, frame):
        return dataclasses.replace(super().one(frame), class_id=[1])


class DependsOnTheBatch(Whole):
    def detect(self, frames, /):
        return [dataclasses.replace(d, score=[1 / len(frames)]) for d in super().detect(frames)]


class PromisesEmbeddings(Whole):
    embedding_dim = 4


class NamesNothing(Whole):
    classes = "image"


class PaintsOver(Whole):
    def one(self, frame):
        frame.image.base.flags.writeable = True
        frame.image.base[:] = 0
        return super().one(frame)


class CountsUp(Whole):
    """Remembers, rightly: index by index it is given, and forgets when told."""

    def __init__(self):
        self.seen = 0

    def one(self, frame):
        self.seen += 1
        return dataclasses.replace(super().one(frame), score=[1 / self.seen])

    def reset(self, sequence="", /):
        self.seen = 0


class ForgetsNothing(CountsUp):
    def reset(self, sequence="", /):
        pass


class RemembersSecretly(Whole):
    seen = 0

    def one(self, frame):
        self.seen += 1
        return dataclasses.replace(super().one(frame), score=[1 / self.seen])


def test_the_least_detector_passes():
    check_detector(Whole)
    check_detector(CountsUp)


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (AnswersOnce, "answers_every_frame"),
        (AnswersNone, "takes_any_image"),
        (InventsClasses, "answers_every_frame"),
        (DependsOnTheBatch, "batches_change_nothing"),
        (PromisesEmbeddings, "answers_every_frame"),
        (NamesNothing, "offers_the_attributes"),
        (PaintsOver, "leaves_its_input_alone"),
        (ForgetsNothing, "remembers_only_what_it_says"),
        (RemembersSecretly, "remembers_only_what_it_says"),
    ],
)
def test_a_broken_detector_is_caught_by_name(broken, rule):
    with pytest.raises(BrokenRule, match=f"- {rule}: "):
        check_detector(broken)


class Elsewhere(KalmanXYAH):
    def initiate(self, xyxy, /):
        return super().initiate(xyxy + 5)


class WritesIntoState(KalmanXYAH):
    def predict(self, state, /, *, dt=1.0, coasting=None):
        state[0][:] += 1
        return super().predict(state, dt=dt, coasting=coasting)


@pytest.mark.parametrize(
    ("broken", "rule"), [(Elsewhere, "starts_where_it_is_told"), (WritesIntoState, "every_method_is_pure")]
)
def test_a_broken_motion_model_is_caught_by_name(broken, rule):
    with pytest.raises(BrokenRule, match=f"- {rule}: "):
        check_motion_model(broken)


class Text:
    """The least sink; writes straight to its place, which is wrong."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        self.file = self.path.open("w")
        return self

    def __exit__(self, *error):
        self.file.close()

    def write(self, step, /):
        self.file.write(f"{step.frame.index}\n")


def test_a_sink_that_leaves_half_a_file_is_caught():
    with pytest.raises(BrokenRule, match="This sink breaks a rule:\n- leaves_nothing_half_done: "):
        check_sink(Text)


class OnlyOfPeople(Text):
    """Insists on one class."""

    def open(self, stream, /):
        (self.name,) = stream.classes


def test_a_sink_that_takes_some_streams_only_is_caught():
    with pytest.raises(BrokenRule, match="- is_told_about_the_stream: it raised ValueError"):
        check_sink(OnlyOfPeople)


class Three:
    """The least source; what its stream says is given."""

    def __init__(self, **known):
        self.stream = Stream(**known)

    def __iter__(self):
        return (Frame(index=index, sequence="three") for index in range(3))


def test_the_least_source_passes():
    check_source(Three)
    check_source(lambda: Three(name="three", length=4))


class Learns(Three):
    def __iter__(self):
        yield from super().__iter__()
        self.stream = Stream(name="three")


@pytest.mark.parametrize(
    ("make", "came"),
    [
        (lambda: Three(length=2), "stream.length is 2 and 3 frames came"),
        (lambda: Three(name="four"), "stream.name is 'four' and frame 0 is of 'three'"),
        (lambda: [Frame(index=0)], "stream is a NoneType"),
        (Learns, "and was Stream"),
    ],
)
def test_a_source_that_lies_about_itself_is_caught(make, came):
    with pytest.raises(BrokenRule, match=f"- tells_the_truth_about_itself: [^\\n]*{came}"):
        check_source(make)


@pytest.mark.parametrize(
    ("frames", "rule"),
    [
        ([Frame(index=1), Frame(index=1)], "yields_frames_in_order"),
        ([Frame(index=0, sequence="a"), Frame(index=1, sequence="b")], "yields_frames_in_order"),
        ([1, 2], "yields_frames_in_order"),
    ],
)
def test_a_broken_source_is_caught_by_name(frames, rule):
    with pytest.raises(BrokenRule, match=f"- {rule}: "):
        check_source(lambda: frames)


def test_a_source_that_runs_once_is_caught():
    with pytest.raises(BrokenRule, match="- starts_again: "):
        check_source(lambda: iter([Frame(index=0), Frame(index=1)]))


def test_rules_can_be_run_one_by_one_and_left_out():
    names = [rule.__name__ for rule in rules("tracker")]
    assert "pickles_at_any_frame" in names
    check_tracker(CannotBePickled, skip=("pickles_at_any_frame",))
    with pytest.raises(InvalidInputError, match="Did you mean 'pickles_at_any_frame'"):
        check_tracker(Good, skip=("pickles_at_any_fram",))
    with pytest.raises(InvalidInputError, match="tracker"):
        rules("trakcer")


# -- the strategies ---------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(strategies.streams(classes=3, embedding_dim=4, gap=2))
def test_streams_are_what_trackers_take(stream):
    tracker = trackforge.tracker("byte")
    last = -1
    for detections, frame in stream:
        assert frame.index > last
        last = frame.index
        assert detections.embedding.shape == (len(detections), 4)
        assert set(detections.class_id.tolist()) <= {0, 1, 2}
        tracks = tracker.update(detections, frame)
        assert len(set(tracks.track_id.tolist())) == len(tracks)


@settings(max_examples=60)
@given(strategies.boxes(empty=False, size=(100, 50), margin=10), strategies.images())
def test_boxes_and_images_keep_their_bounds(boxes, image):
    assert boxes.dtype == np.float32
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert (boxes >= -10).all()
    assert (boxes <= [110, 60, 110, 60]).all()
    assert Frame(index=0, image=image).size == (image.shape[1], image.shape[0])
