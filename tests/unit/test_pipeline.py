"""The loop: order, overlap, early stop, errors and threads, with components of our own that follow the protocols."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trackforge
from trackforge import Detections, Frame, Step, Tracks, TrackState
from trackforge.errors import InvalidInputError, PluginError, SinkError, SourceError, UnknownComponentError
from trackforge.io.atomic import PartialFile
from trackforge.pipeline import track
from trackforge.protocols import Detector, Sink, Tracker
from trackforge.runs import Stopwatch


class Walk:
    """A source of blank frames; counts how often it was opened, how far it got and whether it was closed."""

    def __init__(self, length: int, *, fail_at: int | None = None, pause: float = 0.0) -> None:
        self.length, self.fail_at, self.pause = length, fail_at, pause
        self.given = 0
        self.ended = False
        self.thread: threading.Thread | None = None

    def __iter__(self) -> Iterator[Frame]:
        try:
            for index in range(self.length):
                self.thread = threading.current_thread()
                if index == self.fail_at:
                    raise SourceError(f"frame {index} is damaged")
                time.sleep(self.pause)
                self.given += 1
                yield Frame(index=index, size=(100, 80))
        finally:
            self.ended = True


class OneBox:
    """Finds one box a frame, whose left edge is the frame's index."""

    classes = ("thing",)
    embedding_dim = None

    def __init__(self, *, pause: float = 0.0) -> None:
        self.pause = pause
        self.batches: list[int] = []

    def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
        self.batches.append(len(frames))
        time.sleep(self.pause * len(frames))
        return [Detections(xyxy=[[f.index, 0, f.index + 10, 20]], score=[0.9]) for f in frames]


class Echo:
    """Calls the i-th box track i + 1."""

    def __init__(self, *, pause: float = 0.0) -> None:
        self.pause = pause
        self.seen: list[int] = []

    def update(self, detections: Detections, frame: Frame, /) -> Tracks:
        time.sleep(self.pause)
        self.seen.append(frame.index)
        n = len(detections)
        return Tracks(
            track_id=np.arange(n) + 1,
            xyxy=detections.xyxy,
            score=detections.score,
            class_id=detections.class_id,
            state=np.full(n, TrackState.CONFIRMED),
            age=np.ones(n),
            time_since_update=np.zeros(n),
            detection=np.arange(n),
        )

    def reset(self) -> None:
        self.seen.clear()

    def state_dict(self) -> dict[str, object]:
        return {}

    def load_state_dict(self, state: dict[str, object], /) -> None:
        pass


class Lines:
    """Writes one line a frame through PartialFile, as the shipped sinks do."""

    def __init__(self, path: Path, *, fail_at: int | None = None) -> None:
        self.path, self.fail_at = path, fail_at

    def __enter__(self) -> Lines:
        self.partial = PartialFile(self.path)
        self.file = self.partial.path.open("w")
        return self

    def write(self, step: Step, /) -> None:
        if step.frame.index == self.fail_at:
            raise SinkError("no space left on device")
        self.file.write(f"{step.frame.index}\n")

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object, /) -> None:
        self.file.close()
        self.partial.settle(kind)


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 300
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not left


AHEAD = pytest.mark.parametrize("ahead", [0, 1, 4])


@AHEAD
@pytest.mark.parametrize("batch_size", [1, 3, 50])
def test_every_frame_becomes_a_step_in_order(ahead: int, batch_size: int) -> None:
    detector, tracker = OneBox(), Echo()
    steps = list(track(Walk(20), detector, tracker, batch_size=batch_size, ahead=ahead))
    assert [s.frame.index for s in steps] == list(range(20)) == tracker.seen
    assert [s.tracks.xyxy[0, 0] for s in steps] == list(range(20))
    assert sum(detector.batches) == 20
    assert max(detector.batches) == min(batch_size, 20)


@AHEAD
def test_a_plain_iterable_of_frames_is_a_source(ahead: int) -> None:
    frames = [Frame(index=i, size=(4, 4)) for i in (0, 3, 4, 90)]
    assert [s.frame.index for s in track(frames, OneBox(), Echo(), ahead=ahead)] == [0, 3, 4, 90]


@AHEAD
def test_no_frames_give_no_steps_and_an_empty_output(tmp_path: Path, ahead: int) -> None:
    assert list(track([], OneBox(), Echo(), sinks=[Lines(tmp_path / "a.txt")], ahead=ahead)) == []
    assert (tmp_path / "a.txt").read_text() == ""


@AHEAD
def test_empty_frames_reach_the_tracker_too(ahead: int) -> None:
    class Nothing(OneBox):
        def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
            return [Detections.empty() for _ in frames]

    tracker = Echo()
    steps = list(track(Walk(5), Nothing(), tracker, ahead=ahead))
    assert tracker.seen == [0, 1, 2, 3, 4]
    assert [len(s.tracks) for s in steps] == [0] * 5


@AHEAD
def test_break_finishes_the_outputs_and_ends_the_source(tmp_path: Path, ahead: int) -> None:
    source, out = Walk(10_000), tmp_path / "a.txt"
    for step in track(source, OneBox(), Echo(), sinks=[Lines(out)], ahead=ahead):
        if step.frame.index == 7:
            break
    assert out.read_text().split() == [str(i) for i in range(8)]
    assert source.ended
    assert source.given < 8 + 2 * ahead + 4
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@AHEAD
def test_close_before_the_first_step_opens_nothing(tmp_path: Path, ahead: int) -> None:
    source = Walk(10)
    track(source, OneBox(), Echo(), sinks=[Lines(tmp_path / "a.txt")], ahead=ahead).close()
    assert source.given == 0
    assert not list(tmp_path.iterdir())


@AHEAD
def test_keyboard_interrupt_inside_the_loop_finishes_the_outputs(tmp_path: Path, ahead: int) -> None:
    class Impatient(Echo):
        def update(self, detections: Detections, frame: Frame, /) -> Tracks:
            if frame.index == 5:
                raise KeyboardInterrupt
            return super().update(detections, frame)

    with pytest.raises(KeyboardInterrupt):
        list(track(Walk(100), OneBox(), Impatient(), sinks=[Lines(tmp_path / "a.txt")], ahead=ahead))
    assert (tmp_path / "a.txt").read_text().split() == ["0", "1", "2", "3", "4"]


@AHEAD
def test_a_source_error_comes_after_the_frames_before_it(tmp_path: Path, ahead: int) -> None:
    tracker = Echo()
    steps = track(Walk(10, fail_at=6), OneBox(), tracker, sinks=[Lines(tmp_path / "a.txt")], ahead=ahead)
    with pytest.raises(SourceError, match="frame 6 is damaged"):
        list(steps)
    assert tracker.seen == [0, 1, 2, 3, 4, 5]
    (left,) = tmp_path.iterdir()
    assert left.match("a.partial-*.txt")


@AHEAD
def test_a_sink_error_leaves_nothing_behind(tmp_path: Path, ahead: int) -> None:
    source = Walk(10_000)
    with pytest.raises(SinkError, match="no space"):
        list(track(source, OneBox(), Echo(), sinks=[Lines(tmp_path / "b.txt", fail_at=3)], ahead=ahead))
    assert not list(tmp_path.iterdir())
    assert source.ended
    assert source.given < 8 + 2 * ahead + 4  # nobody takes the rest


@AHEAD
def test_a_sink_that_fails_takes_no_other_along(tmp_path: Path, ahead: int) -> None:
    sinks = [Lines(tmp_path / "a.txt"), Lines(tmp_path / "b.txt", fail_at=3), Lines(tmp_path / "c.txt")]
    steps = track(Walk(20), OneBox(), Echo(), sinks=sinks, ahead=ahead)
    seen = []
    with pytest.raises(SinkError, match="no space"):
        seen += [step.frame.index for step in steps]  # raised at the end, when the others are whole
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.txt", "c.txt"]
    for path in tmp_path.iterdir():
        assert path.read_text().split() == [str(i) for i in range(20)]


def test_a_sink_that_cannot_open_stops_before_any_frame_is_read(tmp_path: Path) -> None:
    (tmp_path / "folder.txt").mkdir()
    source = Walk(10)
    with pytest.raises(SinkError, match="is a folder"):
        list(track(source, OneBox(), Echo(), sinks=[Lines(tmp_path / "a.txt"), Lines(tmp_path / "folder.txt")]))
    assert source.given == 0
    assert [p.name for p in tmp_path.iterdir()] == ["folder.txt"]


@AHEAD
@pytest.mark.parametrize("indices", [(0, 0), (0, 2, 1), (5, 3)])
def test_indices_must_increase(indices: tuple[int, ...], ahead: int) -> None:
    frames = [Frame(index=i, size=(4, 4)) for i in indices]
    with pytest.raises(InvalidInputError, match=f"got {indices[-1]} after {indices[-2]}"):
        list(track(frames, OneBox(), Echo(), ahead=ahead))


@AHEAD
def test_a_source_must_yield_frames(ahead: int) -> None:
    with pytest.raises(InvalidInputError, match="got ndarray"):
        list(track([np.zeros((4, 4, 3), np.uint8)], OneBox(), Echo(), ahead=ahead))  # type: ignore[list-item]


@AHEAD
@pytest.mark.parametrize("answer", [[], [Detections.empty()] * 3, [None, None]])
def test_a_detector_must_answer_every_frame(answer: list[Detections], ahead: int) -> None:
    class Wrong(OneBox):
        def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
            return answer

    with pytest.raises(PluginError, match=r"Wrong gave \d for 2 frames"):
        list(track(Walk(4), Wrong(), Echo(), batch_size=2, ahead=ahead))


@pytest.mark.parametrize(("name", "value"), [("batch_size", 0), ("ahead", -1)])
def test_arguments_are_checked_at_the_call(name: str, value: int) -> None:
    with pytest.raises(InvalidInputError, match=name):
        track([], OneBox(), Echo(), **{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("sinks", ["out.txt", Path("out.txt")])
def test_one_output_is_a_list_of_one(sinks: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"sinks must be a list; got 'out\.txt'\. Write sinks=\['out\.txt'\]"):
        track([], OneBox(), Echo(), sinks=sinks)


@pytest.mark.parametrize(
    ("role", "wrong"),
    [
        ("source", None),
        ("source", 5.5),
        ("source", Walk),
        ("detector", None),
        ("detector", OneBox),
        ("detector", Echo()),
        ("tracker", OneBox()),
        ("tracker", Echo),
        ("sink", object()),
        ("sink", Lines),
    ],
)
def test_what_cannot_play_its_role_is_refused_at_the_call(role: str, wrong: object) -> None:
    cast: dict[str, Any] = {"source": [], "detector": OneBox(), "tracker": Echo(), "sink": None, role: wrong}
    sinks = [cast["sink"]] if role == "sink" else []
    with pytest.raises(InvalidInputError, match=f"A {role} must be an object with"):
        track(cast["source"], cast["detector"], cast["tracker"], sinks=sinks)


def test_names_are_resolved_at_the_call() -> None:
    with pytest.raises(UnknownComponentError, match="no detector 'nothing-such'"):
        track([], "nothing-such", Echo())
    with pytest.raises(UnknownComponentError, match="no tracker 'nothing-such'"):
        track([], OneBox(), "nothing-such")
    with pytest.raises(UnknownComponentError, match=r"no sink is known for 'a.nothing'"):
        track([], OneBox(), Echo(), sinks=["a.nothing"])


def test_decoding_detection_and_association_overlap() -> None:
    length = 30
    meet = threading.Barrier(3, timeout=300)  # passed only while all three are at work

    class Source(Walk):
        def __iter__(self) -> Iterator[Frame]:
            for frame in super().__iter__():
                if frame.index >= 2:
                    meet.wait()
                yield frame

    class Detector(OneBox):
        def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
            if 1 <= frames[0].index < length - 1:
                meet.wait()
            return super().detect(frames)

    class Follower(Echo):
        def update(self, detections: Detections, frame: Frame, /) -> Tracks:
            if frame.index < length - 2:
                meet.wait()
            return super().update(detections, frame)

    assert len(list(track(Source(length), Detector(), Follower()))) == length


def test_nothing_leaves_the_callers_thread_when_ahead_is_zero() -> None:
    source = Walk(3)
    list(track(source, OneBox(), Echo(), ahead=0))
    assert source.thread is threading.current_thread()
    list(track(source, OneBox(), Echo(), ahead=2))
    assert source.thread is not threading.current_thread()


def test_a_slow_caller_is_not_outrun() -> None:
    source = Walk(1000)
    steps = track(source, OneBox(), Echo(), ahead=3)
    next(steps)
    time.sleep(0.1)
    # one step out, three waiting for it and for the detector each, one in every stage's hands
    assert source.given <= 1 + 3 + 3 + 2
    steps.close()


def test_a_stuck_source_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trackforge.pipeline.PATIENCE", 0.1)
    release, ended = threading.Event(), list[bool]()

    def stuck() -> Iterator[Frame]:
        yield Frame(index=0, size=(4, 4))
        ended.append(release.wait(300))

    steps = track(stuck(), OneBox(), Echo())
    next(steps)
    steps.close()
    assert not ended
    release.set()


def test_the_public_name_is_this_function() -> None:
    assert trackforge.track is track


def test_a_stopwatch_sees_every_stage_and_changes_nothing(tmp_path: Path) -> None:
    watch, pause, length = Stopwatch(), 0.01, 10
    source, detector = watch.source(Walk(length, pause=pause)), watch.detector(OneBox(pause=2 * pause))
    tracker, sink = watch.tracker(Echo(pause=pause)), watch.sink(Lines(tmp_path / "a.txt"))
    steps = list(track(source, detector, tracker, sinks=[sink]))
    assert [s.frame.index for s in steps] == list(range(length))
    assert (tmp_path / "a.txt").read_text().split() == [str(i) for i in range(length)]
    assert set(watch.seconds) == {"decode", "detect", "track", "write"}
    assert pause * length <= watch.seconds["decode"]
    assert 2 * pause * length <= watch.seconds["detect"]
    assert pause * length <= watch.seconds["track"]
    assert detector.classes == ("thing",)
    assert isinstance(detector, Detector)
    assert isinstance(tracker, Tracker)
    assert isinstance(sink, Sink)


def test_a_watched_source_still_ends_and_fails_where_it_would() -> None:
    watch, inner = Stopwatch(), Walk(10, fail_at=2)
    with pytest.raises(SourceError, match="frame 2"):
        list(track(watch.source(inner), OneBox(), Echo()))
    assert inner.ended


class ThreeSteps:
    """A staged detector that notes in which thread each step ran."""

    classes = ("thing",)
    embedding_dim = None

    def __init__(self):
        self.threads = {"prepare": set(), "infer": set(), "select": set()}

    def _note(self, step):
        self.threads[step].add(threading.current_thread().name)

    def prepare(self, frames):
        self._note("prepare")
        return [frame.index for frame in frames]

    def infer(self, prepared):
        self._note("infer")
        return [10.0 * index for index in prepared]

    def select(self, predictions):
        self._note("select")
        return [Detections(xyxy=[[x, 0, x + 20, 40]], score=[0.9]) for x in predictions]

    def detect(self, frames):
        return self.select(self.infer(self.prepare(frames)))


@pytest.mark.parametrize(("ahead", "batch_size"), [(0, 1), (1, 1), (4, 1), (4, 3), (2, 8)])
def test_a_staged_detector_finds_the_same_in_three_threads(ahead, batch_size):
    frames = [Frame(index=i, size=(640, 480)) for i in range(7)]
    detector = ThreeSteps()
    steps = list(trackforge.track(frames, detector, trackforge.tracker("byte"), ahead=ahead, batch_size=batch_size))
    assert [step.detections.xyxy[0, 0] for step in steps] == [10.0 * i for i in range(7)]
    here = threading.current_thread().name
    names = [here] * 3 if ahead == 0 else ["trackforge-decode", "trackforge-detect", here]
    assert [detector.threads[step] for step in ("prepare", "infer", "select")] == [{name} for name in names]


def test_a_watched_staged_detector_stays_staged():
    watch = Stopwatch()
    frames = [Frame(index=i, size=(640, 480)) for i in range(3)]
    list(trackforge.track(frames, watch.detector(ThreeSteps()), trackforge.tracker("byte")))
    assert set(watch.seconds) == {"prepare", "detect", "select"}
