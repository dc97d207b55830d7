"""The clock that sources make: whatever the stamps do, seconds increase, and what was right stays as it was."""

from __future__ import annotations

import itertools
import logging
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trackforge
from trackforge.io.timeline import Timeline


def placed(timeline: Timeline, stamps: list[float | None], arrivals: list[float] | None = None) -> list[float]:
    arrived = arrivals or [None] * len(stamps)  # type: ignore[list-item]
    return [timeline.place(k, stamp, now) for k, (stamp, now) in enumerate(zip(stamps, arrived, strict=True))]


def test_good_stamps_stay_to_the_last_digit() -> None:
    stamps = [9.9 + k / 29.97 for k in range(500)]
    assert placed(Timeline("a", 29.97, origin=9.9), stamps) == [stamp - 9.9 for stamp in stamps]


def test_no_stamps_are_counted_by_the_rate() -> None:
    assert placed(Timeline("a", 12.5, origin=0.0), [None] * 60) == [k / 12.5 for k in range(60)]


def test_equal_and_swapped_stamps_change_nobody_else() -> None:
    made = placed(Timeline("a", 25.0, origin=0.0), [0.0, 0.04, 0.04, 0.12, 0.08, 0.16])
    assert made == pytest.approx([0.0, 0.04, 0.0404, 0.12, 0.1204, 0.16])


def test_a_clock_that_stands_goes_by_the_rate() -> None:
    assert placed(Timeline("a", 10.0, origin=0.0), [0.0] * 6) == pytest.approx([0, 0.001, 0.101, 0.201, 0.301, 0.401])
    seconds = [float(k // 10) for k in range(30)]  # as of a clock of whole seconds
    made = placed(Timeline("b", 10.0, origin=0.0), seconds)
    assert np.abs(np.array(made) - np.arange(30) / 10).max() <= 0.1
    assert made[10::10] == [1.0, 2.0]
    slow = Timeline("c", 10.0, origin=0.0)  # whose rate is not what the stamps say
    made = placed(slow, [0.0] * 30 + [1.0 + k / 30 for k in range(90)])
    assert slow.restarts == 0
    assert made[-1] == pytest.approx(1.0 + 89 / 30)
    arrivals = [0.3 * k for k in range(5)]
    assert placed(Timeline("d", 25.0), [7.0] * 5, arrivals) == pytest.approx([0, 0.0004, 0.6, 0.9, 1.2])


def test_stamps_that_come_back_far_behind_are_a_new_clock() -> None:
    timeline = Timeline("a", 10.0, origin=0.0)
    made = placed(timeline, [0.0, *[None] * 50, 0.1, 0.2])
    assert made[-2:] == pytest.approx([5.1, 5.2])
    assert timeline.restarts == 1


def test_a_missing_stamp_is_counted_from_the_last_one() -> None:
    assert placed(Timeline("a", 10.0, origin=0.0), [0.0, 3.0, None, None, 3.3]) == pytest.approx([0, 3, 3.1, 3.2, 3.3])


def test_stamps_that_are_no_numbers_count_as_missing() -> None:
    nan, inf = float("nan"), float("inf")
    made = placed(Timeline("a", 10.0, origin=0.0), [0.0, nan, inf, 0.3])
    assert made == pytest.approx([0, 0.1, 0.2, 0.3])


def test_seconds_increase_after_a_leap_into_the_far_future() -> None:
    made = placed(Timeline("a", 10.0, origin=0.0), [0.0, 1e15, 1e15, 0.0, 0.1])
    assert all(a < b for a, b in itertools.pairwise(made))


def test_joined_streams_go_on(caplog: pytest.LogCaptureFixture) -> None:
    timeline = Timeline("joined", 10.0, origin=0.0)
    made = placed(timeline, [0.0, 0.1, 0.2, 0.0, 0.1, 0.2, 0.0])
    assert made == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    assert timeline.restarts == 2
    assert [record.message[:34] for record in caplog.records] == ["joined: the clock jumped by -0.200"]


def test_damaged_pictures_at_the_joint_take_their_time() -> None:
    timeline = Timeline("joined", 10.0, origin=0.0)
    timeline.place(0, 0.0)
    timeline.place(1, 5.0)
    assert timeline.place(4, 0.2) == pytest.approx(5.3)


def test_a_gap_of_a_file_is_time_that_passed(caplog: pytest.LogCaptureFixture) -> None:
    timeline = Timeline("a", 10.0, origin=0.0)
    with caplog.at_level(logging.INFO, logger="trackforge"):
        assert placed(timeline, [0.0, 0.1, 60.0, 60.1, 90.0]) == [0.0, 0.1, 60.0, 60.1, 90.0]
    assert (timeline.gaps, timeline.restarts) == (2, 0)
    assert [record.message for record in caplog.records] == [
        "a: no picture for 59.9 s after second 0.1; further gaps are only counted"
    ]


def test_an_encoder_that_starts_again_goes_by_arrival() -> None:
    timeline = Timeline("camera", 10.0)
    assert timeline.place(0, 812.0, 0.0) == 0.0
    assert timeline.place(1, 812.1, 0.13) == pytest.approx(0.1)
    assert timeline.place(2, 0.4, 3.2) == pytest.approx(3.2)
    assert timeline.missed == 30
    assert timeline.place(33, 0.5, 3.3) == pytest.approx(3.3)
    assert (timeline.missed, timeline.restarts) == (0, 1)


def test_a_camera_whose_clock_is_set_does_not_leap() -> None:
    timeline = Timeline("camera", 10.0)
    made = placed(timeline, [5.0, 5.1, 1.7e9, 1.7e9 + 0.1], [0.0, 0.1, 0.2, 0.3])
    assert made == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_a_connection_made_again_counts_from_its_arrival() -> None:
    timeline = Timeline("camera", 5.0)
    timeline.place(0, 100.0, 0.0)
    timeline.rejoin()
    assert timeline.place(1, 7.0, 10.0) == 10.0
    assert timeline.missed == 49
    timeline.rejoin()
    assert timeline.place(51, 7.2, 10.01) == pytest.approx(10.2)
    assert timeline.restarts == 0


STAMPS = st.one_of(st.none(), st.floats(-1e5, 1e5), st.sampled_from([0.0, 0.04, 0.08]))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(STAMPS, st.floats(0, 10), st.booleans()), min_size=2, max_size=30),
    st.one_of(st.none(), st.floats(0.01, 240)),
    st.booleans(),
)
def test_whatever_comes_seconds_increase(
    pictures: list[tuple[float | None, float, bool]], rate: float | None, live: bool
) -> None:
    timeline, now, made = Timeline("any", rate, origin=None if live else 0.0), 0.0, []
    for position, (stamp, step, lost) in enumerate(pictures):
        now += step
        if lost:
            timeline.rejoin()
        made.append(timeline.place(position, stamp, now if live else None))
    assert all(a < b for a, b in itertools.pairwise(made))
    assert np.isfinite(made).all()


def film(path: Path, ticks: list[int]) -> Path:
    """Write a film whose pictures have the given times, in milliseconds."""
    with av.open(str(path), "w", options={"avoid_negative_ts": "disabled"}) as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for k, tick in enumerate(ticks):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 3 * k, np.uint8), format="rgb24")
            packets = stream.encode(frame.reformat(format="yuvj420p"))
            for packet in packets:
                packet.time_base = Fraction(1, 1000)
                packet.pts = packet.dts = tick
                container.mux(packet)
    return path


def test_a_film_with_a_hole_keeps_it(tmp_path: Path) -> None:
    source = trackforge.source(film(tmp_path / "hole.mkv", [0, 40, 80, 5000, 5040]))
    assert [frame.timestamp for frame in source] == pytest.approx([0, 0.04, 0.08, 5.0, 5.04])


def test_the_end_of_a_counter_is_no_new_clock_but_a_leap_over_it_is() -> None:
    made = placed(Timeline("a", 10.0, origin=99.8, wrap=100.0), [99.8, 99.9, 100.0, 100.1, 100.2])
    assert made == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    joined = Timeline("b", 10.0, origin=60.0, wrap=100.0)
    assert placed(joined, [60.0, 60.1, 170.0, 170.1]) == pytest.approx([0, 0.1, 0.2, 0.3])
    assert joined.restarts == 1
    paused = Timeline("c", 10.0, origin=5.0, wrap=1000.0)
    assert placed(paused, [5.0, 5.1, 205.0]) == pytest.approx([0, 0.1, 200.0])


@pytest.mark.parametrize(("origin", "first"), [(1.7e9, 5.0), (0.0, 1.7e9), (10.0, 9.9)])
def test_a_start_that_the_first_stamp_contradicts_does_not_count(origin: float, first: float) -> None:
    made = placed(Timeline("a", 10.0, origin=origin), [first, first + 0.1, first + 0.2])
    assert made == pytest.approx([0, 0.1, 0.2])


def test_thousandfold_steps_are_noticed_from_the_start_only(caplog: pytest.LogCaptureFixture) -> None:
    placed(Timeline("a", 10.0, origin=0.0), [0.0, 0.1, *(100.0 * k for k in range(1, 9))])
    placed(Timeline("b", None, origin=0.0), [40.0 * k for k in range(9)])
    assert not caplog.records
    placed(Timeline("c", 10.0, origin=0.0), [100.0 * k for k in range(9)])
    assert [record.message[:27] for record in caplog.records] == ["c: pictures are 100 s apart"]


def test_a_clock_that_comes_with_the_second_picture_loses_none() -> None:
    """An RTSP camera's first picture may have no stamp; how long the consumer took for it says nothing."""
    timeline = Timeline("camera", 25.0)
    timeline.rejoin()
    assert timeline.place(0, None, 0.0) == 0.0
    assert timeline.place(1, 7.04, 1.5) == pytest.approx(0.04)
    assert timeline.missed == 0
    assert timeline.place(2, 7.08, 1.51) == pytest.approx(0.08)
    timeline.rejoin()  # but after an outage that is how the lost ones are counted
    assert timeline.place(3, 100.0, 2.51) == pytest.approx(2.51)
    assert timeline.missed == 24
