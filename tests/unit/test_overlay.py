from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from io_files import picture

import trackforge
from trackforge import Detections, Frame, Step, Tracks
from trackforge.errors import InvalidInputError, MissingDependencyError, SinkError
from trackforge.io.drawing import Canvas, Trails, colour_of
from trackforge.io.encode import VideoWriter
from trackforge.io.overlay import OverlaySink, OverlaySinkConfig
from trackforge.types import TrackState

SIZE = (320, 240)


def steps(frames: int, size: tuple[int, int] = SIZE, *, rate: float | None = 10.0, first: int = 0) -> Iterator[Step]:
    """One confirmed track that moves right, one lost track, one detection of nobody."""
    for index in range(first, first + frames):
        x = 60.0 + 2 * index
        boxes = np.array([[x, 100, x + 40, 180], [200, 20, 240, 60]], np.float32)
        tracks = Tracks(
            track_id=[1, 2],
            xyxy=[[x + 1, 101, x + 41, 181], [10, 190, 50, 230]],
            score=[0.9, 0.8],
            class_id=[0, 0],
            state=[TrackState.CONFIRMED, TrackState.LOST],
            age=[3, 3],
            time_since_update=[0, 1],
            detection=[0, -1],
        )
        time = None if rate is None else index / rate
        yield Step(
            frame=Frame(index=index, image=picture(index % 50, size), timestamp=time),
            detections=Detections(xyxy=boxes, score=[0.9, 0.4]),
            tracks=tracks,
        )


def drawn(step: Step, **settings: object) -> np.ndarray:
    """The pixels that an overlay changes, as a mask."""
    sink = OverlaySink(OverlaySinkConfig(path=Path("never-written.mp4"), **settings))
    sink._canvas = Canvas(step.frame.size)
    image = np.array(step.frame.image)
    sink.draw(image, step)
    return (image != step.frame.image).any(axis=2)


def test_frame_and_speed_stand_in_a_corner() -> None:
    (step,) = steps(1)
    changed = drawn(step, fps=True) & ~drawn(step)
    rows, columns = np.nonzero(changed)
    assert len(rows)
    assert rows.max() < SIZE[1] / 4
    assert columns.min() == 0


def probe(path: Path) -> tuple[list[float], tuple[str, str, int, int]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times = [frame.time for frame in container.decode(stream)]
        return times, (stream.codec_context.name, stream.codec_context.pix_fmt, stream.width, stream.height)


def test_the_video_plays_at_the_pace_of_the_source(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with trackforge.sink("overlay", path=path) as sink:
        for step in steps(12, first=30):
            sink.write(step)
    times, shape = probe(path)
    assert shape == ("h264", "yuv420p", *SIZE)
    assert times == pytest.approx([i / 10 for i in range(12)], abs=1e-4)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # plays before it is whole
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


def test_without_a_clock_the_rate_counts(tmp_path: Path) -> None:
    with OverlaySink(OverlaySinkConfig(path=tmp_path / "out.mkv", rate=5)) as sink:
        for step in steps(4, rate=None):
            sink.write(step)
    assert probe(tmp_path / "out.mkv")[0] == pytest.approx([0, 0.2, 0.4, 0.6], abs=1e-3)


@pytest.mark.parametrize("size", [(321, 240), (320, 241), (33, 17)])
def test_odd_sizes_gain_a_column_or_row(tmp_path: Path, size: tuple[int, int]) -> None:
    with OverlaySink(OverlaySinkConfig(path=tmp_path / "out.mp4")) as sink:
        for step in steps(2, size):
            sink.write(step)
    assert probe(tmp_path / "out.mp4")[1][2:] == (size[0] + size[0] % 2, size[1] + size[1] % 2)


def test_pictures_of_other_sizes_are_fitted_in(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with OverlaySink(OverlaySinkConfig(path=path, labels=False, trail=0)) as sink:
        sink.write(next(steps(1)))
        sink.write(next(steps(1, (100, 240), first=1)))
    with av.open(str(path)) as container:
        second = list(container.decode(video=0))[1].to_ndarray(format="rgb24")
    assert second.shape == (240, 320, 3)
    assert second[:, :100].mean() < 6  # a black bar
    assert second[200, 160].mean() > 15


def test_the_source_frames_stay_clean(tmp_path: Path) -> None:
    step = next(steps(1))
    before = np.array(step.frame.image)
    with OverlaySink(OverlaySinkConfig(path=tmp_path / "out.mp4")) as sink:
        sink.write(step)
    np.testing.assert_array_equal(step.frame.image, before)


def test_what_is_drawn_is_where_it_belongs() -> None:
    step = next(steps(1))
    plain = drawn(step, labels=False, trail=0)
    assert plain[101, 61:101].all()  # the upper edge of the filtered box
    assert not plain[20:61, 200:241].any()  # the detection of nobody
    assert not plain[190:231, 10:51].any()  # the lost track
    assert not plain[120:160, 70:92].any()  # the inside
    assert drawn(step, labels=False, trail=0, box="detected")[100, 60:100].all()
    assert drawn(step, labels=False, detections=True)[20:61, 200:241].any()
    assert drawn(step, labels=False, lost=True)[190:231, 10:51].any()
    label = drawn(step) & ~drawn(step, labels=False)
    rows, columns = np.nonzero(label)
    assert rows.max() < 101
    assert columns.min() >= 55
    plain = np.count_nonzero(drawn(step))
    assert np.count_nonzero(drawn(step, scores=True)) > plain
    assert np.count_nonzero(drawn(step, classes="person,car")) > plain
    assert np.count_nonzero(drawn(step, classes="person")) == plain  # a single class needs no name


def test_trails_follow_the_feet_and_end() -> None:
    trails = Trails(3)
    for frame in range(5):
        trails.add(frame, [7], np.array([[frame, 0, frame + 10, 20.0]]))
    assert list(trails.of(7)) == [(7, 20), (8, 20), (9, 20)]
    trails.add(20, [8], np.array([[0, 0, 2, 2.0]]))
    assert list(trails.of(7)) == []
    assert list(Trails(0).of(1)) == []


@pytest.mark.parametrize(
    "box", [[-1e9, -1e9, 1e9, 1e9], [-50, -50, -10, -10], [310, 230, 400, 300], [5, 5, 5, 5], [0, 0, 320, 240]]
)
def test_boxes_anywhere_can_be_drawn(box: list[float]) -> None:
    canvas, image = Canvas(SIZE), picture(0)
    for faint in (False, True):
        canvas.box(image, box, (255, 0, 0), faint=faint)
    canvas.label(image, box, "1234 person 0.99", (255, 0, 0))
    canvas.trail(image, [(-5000, 3), (9000, 9000)], (255, 0, 0))


def test_a_label_wider_than_the_picture_is_cut() -> None:
    image = np.zeros((10, 12, 3), np.uint8)
    Canvas((12, 10)).label(image, [0, 0, 5, 5], "123456789 pedestrian", (255, 0, 0))
    assert image.any()


def test_colours_are_stable_distinct_and_legible() -> None:
    colours = np.array([colour_of(i) for i in range(1, 31)], np.uint8)
    assert colour_of(7) == colour_of(7)
    lab = cv2.cvtColor(colours[None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
    near = np.linalg.norm(lab[1:] - lab[:-1], axis=1)
    assert near.min() > 30  # successive ids differ plainly (2.3 is just noticeable)
    apart = np.linalg.norm(lab[:, None] - lab[None], axis=2) + 1000 * np.eye(30)
    assert apart.min() > 4
    assert 45 < lab[:, 0].min() < lab[:, 0].max() < 85  # neither sinks into black nor into white


def test_frames_without_pictures_are_refused(tmp_path: Path) -> None:
    empty = Step(frame=Frame(index=3, size=SIZE), detections=Detections.empty(), tracks=Tracks.empty())
    with (
        pytest.raises(InvalidInputError, match="needs pictures; frame 3 has none"),
        OverlaySink(OverlaySinkConfig(path=tmp_path / "out.mp4")) as sink,
    ):
        sink.write(empty)
    assert list(tmp_path.iterdir()) == []


def test_no_frames_leave_no_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), OverlaySink(OverlaySinkConfig(path=tmp_path / "out.mp4")):
        pass
    assert list(tmp_path.iterdir()) == []
    assert "there were no frames" in caplog.text


def test_writing_outside_the_block_is_refused(tmp_path: Path) -> None:
    sink = OverlaySink(OverlaySinkConfig(path=tmp_path / "out.mp4"))
    with pytest.raises(SinkError, match="inside 'with sink:'"):
        sink.write(next(steps(1)))


def test_an_encoder_that_is_missing_gives_way_to_the_next(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "out.mp4", SIZE, 25, 23, ("no_such_encoder", "mpeg4"))
    for index in range(3):
        writer.write(picture(index), index / 25)
    writer.close()
    assert writer.encoder == "mpeg4"
    assert probe(tmp_path / "out.mp4")[1][0] == "mpeg4"
    with pytest.raises(MissingDependencyError, match="no_such_encoder"):
        VideoWriter(tmp_path / "other.mp4", SIZE, 25, 23, ("no_such_encoder",))


def test_an_ending_that_is_no_video_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(SinkError, match=r"out\.nonsense cannot be written: "),
        OverlaySink(OverlaySinkConfig(path=tmp_path / "out.nonsense")) as sink,
    ):
        sink.write(next(steps(1)))
    assert list(tmp_path.iterdir()) == []


def test_a_video_can_be_written_again_with_the_same_sink(tmp_path: Path) -> None:
    sink = OverlaySink(OverlaySinkConfig(path=tmp_path / "out.mp4"))
    for frames in (3, 5):
        with sink:
            for step in steps(frames):
                sink.write(step)
        assert len(probe(tmp_path / "out.mp4")[0]) == frames


def masked(size: tuple[int, int] = SIZE) -> Step:
    """The step of one track, whose detection has a mask: its left half."""
    import dataclasses

    from trackforge.io.masks import encode_mask

    (step,) = steps(1)
    pixels = np.zeros((size[1], size[0]), bool)
    pixels[100:180, 60:80] = True
    found = dataclasses.replace(step.detections, mask=[encode_mask(pixels), None])
    return dataclasses.replace(step, detections=found)


def test_masks_are_filled_so_that_what_is_below_shows_through() -> None:
    plain = drawn(masked(), labels=False, masks=False)
    filled = drawn(masked(), labels=False) & ~plain
    assert filled[110:170, 66:78].mean() > 0.95
    assert not filled[:, 84:].any()
    canvas, picture_ = Canvas(SIZE), np.full((*SIZE[::-1], 3), 100, np.uint8)
    canvas.mask(picture_, masked().detections.mask[0], (255, 0, 0))
    assert picture_[140, 70].tolist() == [170, 55, 55]


def test_a_mask_of_another_picture_is_told() -> None:
    with pytest.raises(InvalidInputError, match=r"240 x 320 .*it is 480 x 640"):
        drawn(masked((640, 480)))
