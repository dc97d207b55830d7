"""Time in frame intervals."""

from __future__ import annotations

import pytest

from trackforge.errors import InvalidInputError
from trackforge.online import Clock
from trackforge.types import Frame


def steps(clock: Clock, *frames: tuple[int, float | None]) -> list[float]:
    return [clock.advance(Frame(index=index, timestamp=timestamp)) for index, timestamp in frames]


def test_frame_indices_count_by_default():
    clock = Clock()
    assert steps(clock, (7, None), (8, None), (11, 99.0)) == [1, 1, 3]
    assert (clock.now, clock.updates, clock.index) == (4, 3, 11)


def test_timestamps_count_where_the_rate_is_known():
    clock = Clock(10.0)
    assert steps(clock, (0, 0.0), (1, 0.1), (2, 0.35), (3, None), (4, 0.5)) == pytest.approx([1, 1, 2.5, 1, 1])


@pytest.mark.parametrize("rate", [23.976, 25.0, 29.97, 30.0, 59.94])
def test_rounded_timestamps_of_a_steady_video_make_steps_of_exactly_one(rate):
    clock = Clock(rate)
    frames = [(i, round(i / rate, 3)) for i in range(500)]
    assert set(steps(clock, *frames)) == {1.0}
    assert clock.now == 499


def test_a_dropped_frame_is_a_step_of_exactly_two():
    assert steps(Clock(30.0), (0, 0.0), (1, 0.033), (2, 0.1)) == [1, 1, 2]


def test_short_steps_are_kept():
    assert steps(Clock(10.0), (0, 0.0), (1, 0.003)) == pytest.approx([1, 0.03])


def test_updates_count_when_asked():
    clock = Clock(10.0, count_updates=True)
    assert steps(clock, (0, 0.0), (50, 1.0), (51, 0.5)) == [1, 1, 1]
    assert clock.now == 2


def test_skipping_lets_no_time_pass_but_keeps_order():
    clock = Clock(count_updates=True)
    clock.advance(Frame(index=3))
    clock.skip(Frame(index=4))
    assert (clock.now, clock.updates, clock.index) == (0, 1, 4)
    with pytest.raises(InvalidInputError, match="got 4 after 4"):
        clock.advance(Frame(index=4))


@pytest.mark.parametrize("timestamp", [1.0, 0.5])
def test_timestamps_must_increase_and_an_error_changes_nothing(timestamp):
    clock = Clock(10.0)
    steps(clock, (0, 0.9), (1, 1.0))
    before = clock.state_dict()
    with pytest.raises(InvalidInputError, match="timestamp must increase"):
        clock.advance(Frame(index=2, timestamp=timestamp))
    assert clock.state_dict() == before


def test_it_continues_from_its_state():
    clock, other = Clock(10.0), Clock(10.0)
    steps(clock, (0, 0.0), (1, 0.25))
    other.load_state_dict(clock.state_dict())
    assert steps(clock, (2, 0.5)) == steps(other, (2, 0.5))
    assert clock.state_dict() == other.state_dict()
    fresh = Clock()
    fresh.load_state_dict(Clock().state_dict())
    assert steps(fresh, (0, None)) == [1]
