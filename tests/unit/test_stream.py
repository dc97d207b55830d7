"""What is known about a stream: sources say it, sinks and trackers are told, and the command does as Python does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from cli_runs import run

import trackforge
from trackforge import Frame, Tracks
from trackforge.errors import InvalidInputError
from trackforge.pipeline import track
from trackforge.protocols import Closable, Lossy, Sink, Source, StreamAware, Tracker, stream_of
from trackforge.runs import Stopwatch
from trackforge.types import Detections, Step, Stream

DETECTIONS = "1,-1,10,20,30,40,0.9,-1,-1,-1\n2,-1,11,20,30,40,0.9,2,-1,-1\n3,-1,12,20,30,40,0.9,-1,-1,-1\n"


class Told:
    """A sink and tracker at once that notes what happens to it."""

    def __init__(self) -> None:
        self.events: list[object] = []

    def open(self, stream: Stream, /) -> None:
        self.events.append(stream)

    def __enter__(self) -> Told:
        self.events.append("enter")
        return self

    def __exit__(self, *_: object) -> None:
        self.events.append("exit")

    def write(self, step: Step, /) -> None:
        self.events.append(step.frame.index)

    def update(self, detections: Detections, frame: Frame, /) -> Tracks:
        self.events.append(frame.index)
        return Tracks.empty()

    def reset(self) -> None: ...

    def state_dict(self) -> dict[str, object]:
        return {}

    def load_state_dict(self, state: dict[str, object], /) -> None: ...


class Nothing:
    classes = ("person", "dog")
    embedding_dim = None

    def detect(self, frames: object, /) -> list[Detections]:
        return [Detections.empty() for _ in frames]  # type: ignore[attr-defined]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "shots"
    (folder / "a").mkdir(parents=True)
    (folder / "b").mkdir()
    for name in ("a/2.png", "a/10.png", "b/1.png"):
        cv2.imwrite(str(folder / name), np.full((48, 64, 3), 90, np.uint8))
    return folder


@pytest.mark.parametrize("ahead", [0, 4])
def test_sinks_and_tracker_are_told_before_the_first_frame(ahead: int) -> None:
    sink, tracker = Told(), Told()
    source = trackforge.source("frames", length=2, rate=5.0, name="street")
    list(track(source, Nothing(), tracker, sinks=[sink], ahead=ahead))
    told = Stream(name="street", rate=5.0, length=2, classes=("person", "dog"))
    assert sink.events == ["enter", told, 0, 1, "exit"]
    assert tracker.events == [told, 0, 1]


def test_the_first_frame_tells_what_the_source_does_not() -> None:
    sink = Told()
    frames = [Frame(index=3, size=(64, 48), sequence="yard")]
    list(track(frames, Nothing(), Told(), sinks=[sink]))
    assert sink.events[1] == Stream(name="yard", size=(64, 48), length=1, classes=("person", "dog"))


def test_without_frames_they_are_told_all_the_same() -> None:
    sink, tracker = Told(), Told()
    list(track([], Nothing(), tracker, sinks=[sink]))
    assert sink.events == ["enter", Stream(length=0, classes=("person", "dog")), "exit"]
    assert len(tracker.events) == 1


def test_a_stopwatch_passes_on_what_is_known() -> None:
    watch, sink, tracker = Stopwatch(), Told(), Told()
    source = watch.source(trackforge.source("frames", length=1, rate=5.0))
    assert stream_of(source).rate == 5.0
    list(track(source, Nothing(), watch.tracker(tracker), sinks=[watch.sink(sink), watch.sink(Plain())]))
    assert sink.events[1] == tracker.events[0] == Stream(name="frames", rate=5.0, length=1, classes=Nothing.classes)


class Plain:
    def __enter__(self) -> Plain:
        return self

    def __exit__(self, *_: object) -> None: ...

    def write(self, step: Step, /) -> None: ...


def test_what_is_optional_is_declared() -> None:
    assert isinstance(Told(), (Sink, Tracker))
    assert isinstance(Told(), StreamAware)
    assert isinstance(Plain(), Sink)
    assert not isinstance(Plain(), StreamAware)
    blank = trackforge.source("frames", length=1)
    assert isinstance(blank, Source)
    assert isinstance(blank, Closable)
    assert not isinstance(blank, Lossy)
    assert stream_of(Frame(index=i) for i in range(2)) == Stream()


def test_sources_say_what_they_know(pictures: Path, tmp_path: Path) -> None:
    images = trackforge.source(str(pictures / "a"), rate=4.0)
    assert images.stream == Stream(name="a", rate=4.0, length=2)
    assert isinstance(images, Closable)
    assert isinstance(images, Lossy)
    (tmp_path / "seqinfo.ini").write_text("[Sequence]\nseqLength=7\nframeRate=14\nimWidth=64\nimHeight=48\nname=S1\n")
    assert trackforge.source(tmp_path).stream == Stream(name="S1", rate=14.0, size=(64, 48), length=7)
    (tmp_path / "seqinfo.ini").write_text("[Sequence]\nseqLength=7\nframeRate=0\n")
    assert trackforge.source(tmp_path).stream == Stream(name=tmp_path.name, length=7)


def test_frames_know_their_file(pictures: Path, tmp_path: Path) -> None:
    def files(source: Source) -> Iterator[str | None]:
        return (frame.file for frame in source)

    assert list(files(trackforge.source(str(pictures / "a")))) == ["2.png", "10.png"]
    assert list(files(trackforge.source(str(pictures / "*/*.png")))) == ["a/2.png", "a/10.png", "b/1.png"]
    (pictures / "a").rename(tmp_path / "img1")
    (tmp_path / "seqinfo.ini").write_text("[Sequence]\nseqLength=10\nimExt=.png\n")
    assert list(files(trackforge.source(tmp_path))) == ["img1/2.png", "img1/10.png"]
    assert list(files(trackforge.source("frames", length=1))) == [None]


@pytest.mark.parametrize("wrong", [{"rate": 0.0}, {"rate": float("nan")}, {"size": (0, 3)}, {"length": -1}])
def test_impossible_streams_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError, match=f"stream.{next(iter(wrong))} must be"):
        Stream(**wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match=r"several names; got 'dog'"):
        Stream(classes="dog")  # type: ignore[arg-type]


def test_python_writes_what_the_command_writes(pictures: Path, tmp_path: Path) -> None:
    # x264 compiled for AVX reads behind its rows unless they are whole vectors of 16 macroblocks; at other widths
    # two runs may differ by a bit
    for file in pictures.glob("*/*.png"):
        cv2.imwrite(str(file), np.full((192, 256, 3), 90, np.uint8))
    detections = tmp_path / "det.txt"
    detections.write_text(DETECTIONS)
    names = ["out.json", "out.txt", "out.jsonl", "out.parquet", "out.mp4"]
    (tmp_path / "python").mkdir()
    (tmp_path / "command").mkdir()
    detector = trackforge.detector("file", path=detections, classes=("person", "dog"))
    source = trackforge.source(str(pictures / "*/*.png"), rate=4.0)
    sinks = [tmp_path / "python" / name for name in names]
    for _ in track(source, detector, trackforge.tracker("byte"), sinks=sinks):
        pass
    outs = [word for name in names for word in ("-o", tmp_path / "command" / name)]
    run(
        "track",
        pictures / "*/*.png",
        "--set",
        "source.rate=4",
        "--detector",
        "file",
        "--set",
        f"detector.path={detections}",
        "--set",
        "detector.classes=person,dog",
        *outs,
    )
    for name in names:
        made, expected = ((tmp_path / who / name).read_bytes() for who in ("python", "command"))
        assert made == expected, name
    text = (tmp_path / "python" / "out.json").read_text()
    assert '"name": "dog"' in text
    assert '"file_name": "a/a/10.png"' in text
    assert '"class": "person"' in (tmp_path / "python" / "out.jsonl").read_text()


def test_what_is_set_wins_over_what_the_stream_says(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with trackforge.sink(path, classes=("human",)) as sink:
        assert isinstance(sink, StreamAware)
        sink.open(Stream(classes=("person",)))
    assert '"name": "human"' in path.read_text()
