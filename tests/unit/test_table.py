"""TrackTable: order, checks, conversions."""

from __future__ import annotations

import numpy as np
import pytest

from trackforge.errors import InvalidInputError
from trackforge.table import TrackTable
from trackforge.types import Detections, Frame, Step, Tracks, TrackState


def boxes(n: int) -> np.ndarray:
    return np.tile([0.0, 0.0, 10.0, 20.0], (n, 1)) + np.arange(n)[:, None]


def test_rows_are_sorted_by_frame_and_keep_their_order_within_one() -> None:
    table = TrackTable(
        frame=[2, 0, 2, 1], track_id=[9, 1, 3, 1], xyxy=boxes(4), extra={"k": [0, 1, 2, 3]}, sequence="s"
    )
    assert table.frame.tolist() == [0, 1, 2, 2]
    assert table.track_id.tolist() == [1, 1, 9, 3]
    assert table.extra["k"].tolist() == [1, 3, 0, 2]
    assert table.frames.tolist() == [0, 1, 2]
    assert table.at(2).track_id.tolist() == [9, 3]
    assert len(table.at(7)) == 0
    assert table[table.track_id == 1].sequence == "s"
    assert table.xyxy.dtype == np.float64
    assert not table.xyxy.flags.writeable


def test_missing_columns_have_defaults() -> None:
    table = TrackTable(frame=[0], xyxy=boxes(1))
    assert (table.track_id.tolist(), table.score.tolist(), table.class_id.tolist()) == ([-1], [1.0], [0])
    assert len(TrackTable.empty("s")) == 0


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"frame": [-1]}, r"frame is 0-based and must be >= 0; got row 0 of 's' \(frame -1"),
        ({"track_id": [-2]}, "track_id must be >= 0, or -1"),
        ({"xyxy": [[0, 0, np.nan, 1]]}, "must be finite"),
        ({"xyxy": [[5, 0, 1, 1]]}, "x1 <= x2"),
        ({"score": [np.nan]}, "score must be finite"),
        ({"score": [1, 2]}, "same length"),
        ({"frame": [0, 0], "xyxy": boxes(2), "track_id": [4, 4]}, r"once in a frame; row 1 of 's' \(frame 0, id 4"),
    ],
)
def test_bad_columns_are_refused(columns: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        TrackTable(**{"frame": [0], "xyxy": boxes(1), "sequence": "s", **columns})  # type: ignore[arg-type]


def test_rows_without_id_may_share_a_frame() -> None:
    table = TrackTable(frame=[0, 0, 0], xyxy=boxes(3), track_id=[-1, 2, -1])
    assert len(table.duplicates()) == 0


def step(index: int, ids: list[int]) -> Step:
    n = len(ids)
    xyxy = boxes(n).astype(np.float32)
    state = np.full(n, TrackState.CONFIRMED)
    if n > 2:
        state[2] = TrackState.LOST
    tracks = Tracks(
        track_id=ids,
        xyxy=xyxy + 1,
        score=np.full(n, 0.5),
        class_id=np.arange(n),
        state=state,
        age=np.ones(n),
        time_since_update=np.zeros(n),
        detection=np.arange(n)[::-1],
    )  # type: ignore[arg-type]
    return Step(frame=Frame(index=index, sequence="street"), detections=Detections(xyxy=xyxy), tracks=tracks)


def test_from_steps_takes_visible_tracks_and_either_box() -> None:
    steps = [step(0, [5, 6, 7]), step(1, []), step(3, [6])]
    filtered, detected = TrackTable.from_steps(steps), TrackTable.from_steps(steps, box="detected")
    assert filtered.sequence == "street"
    assert filtered.frame.tolist() == [0, 0, 3]
    assert filtered.track_id.tolist() == [5, 6, 6]
    assert filtered.xyxy[0].tolist() == [1, 1, 11, 21]
    assert detected.xyxy[0].tolist() == [2, 2, 12, 22]  # track 5 has detection row 2
    assert len(TrackTable.from_steps([step(0, [])])) == 0


def test_steps_and_back() -> None:
    table = TrackTable(frame=[0, 0, 2], track_id=[3, 1, 3], xyxy=boxes(3), score=[0.5, 0.25, 1], class_id=[1, 0, 1])
    steps = list(table.steps())
    assert [len(s.tracks) for s in steps] == [2, 0, 1]
    assert steps[2].tracks.age.tolist() == [3]
    again = TrackTable.from_steps(steps)
    for name in ("frame", "track_id", "xyxy", "score", "class_id"):
        assert np.array_equal(getattr(again, name), getattr(table, name))
    assert [s.frame.index for s in table.steps([Frame(index=2, size=(8, 8))])] == [2]
    with pytest.raises(InvalidInputError, match="track_id"):
        list(TrackTable(frame=[0], xyxy=boxes(1)).steps())


def test_concatenate_joins_segments() -> None:
    first = TrackTable(frame=[0, 1], track_id=[1, 1], xyxy=boxes(2), sequence="a", extra={"x": [1, 2], "y": [0, 0]})
    second = TrackTable(frame=[0, 2], track_id=[2, 1], xyxy=boxes(2), sequence="b", extra={"x": [3, 4]})
    joined = TrackTable.concatenate([first, second])
    assert joined.frame.tolist() == [0, 0, 1, 2]
    assert joined.extra.keys() == {"x"}
    assert joined.extra["x"].tolist() == [1, 3, 2, 4]
    assert joined.sequence == "a"
    with pytest.raises(InvalidInputError, match="once in a frame"):
        TrackTable.concatenate([first, first])
    with pytest.raises(InvalidInputError, match="at least one"):
        TrackTable.concatenate([])


def test_detections_of_a_frame() -> None:
    found = TrackTable(frame=[4], xyxy=boxes(1), score=[0.3], extra={"depth": [2.0]}).detections(4)
    assert found.xyxy.dtype == np.float32
    assert found.extra["depth"].tolist() == [2.0]


def masked(index: int, rows: int, clock: float | None) -> Step:
    """Return a step whose last detection founds no track, the others two visible tracks in turned order."""
    found = Detections(xyxy=boxes(rows), mask=[{"size": [4, 4], "counts": f"{index}{n}"} for n in range(rows)])
    n = rows - 1
    tracks = Tracks(
        track_id=np.arange(n) + 1,
        xyxy=found.xyxy[:n],
        score=found.score[:n],
        class_id=found.class_id[:n],
        state=np.full(n, TrackState.CONFIRMED),
        age=np.ones(n),
        time_since_update=np.zeros(n),
        detection=np.arange(n)[::-1],
    )
    return Step(frame=Frame(index=index, timestamp=clock), detections=found, tracks=tracks)


def test_time_and_masks_come_along() -> None:
    table = TrackTable.from_steps([masked(0, 3, 0.0), masked(2, 3, None), masked(5, 2, 0.5)])
    np.testing.assert_array_equal(table.timestamp, [0.0, 0.0, np.nan, np.nan, 0.5])
    assert [mask["counts"] for mask in table.mask] == ["01", "00", "21", "20", "50"]
    turned = TrackTable(
        frame=table.frame[::-1], xyxy=table.xyxy[::-1], timestamp=table.timestamp[::-1], mask=table.mask[::-1]
    )
    assert [mask["counts"] for mask in turned.mask] == ["00", "01", "20", "21", "50"]
    steps = list(table.steps())
    assert [step.frame.timestamp for step in steps] == [0.0, None, None, None, None, 0.5]
    assert steps[0].detections.mask.tolist() == table.mask[:2].tolist()
    assert TrackTable.from_steps(steps).mask.tolist() == table.mask.tolist()


def test_a_table_without_clock_or_masks_has_none() -> None:
    table = TrackTable.from_steps(list(TrackTable(frame=[0, 1], track_id=[1, 1], xyxy=boxes(2)).steps()))
    assert table.timestamp is None
    assert table.mask is None
    timed = TrackTable.from_steps([masked(3, 2, 1.5)])
    joined = TrackTable.concatenate([table, timed])
    assert joined.timestamp is None
    assert joined.mask.tolist() == [None, None, timed.mask[0]]
    with pytest.raises(InvalidInputError, match="timestamp has 2 rows where xyxy has 1"):
        TrackTable(frame=[0], xyxy=boxes(1), timestamp=[1.0, 2.0])


def test_an_empty_table_takes_no_column_away() -> None:
    timed = TrackTable(frame=[0, 1], xyxy=boxes(2), timestamp=[0.0, 0.5], mask=["a", "b"], extra={"k": [1, 2]})
    joined = TrackTable.concatenate([TrackTable.empty("s"), timed])
    assert joined.sequence == "s"
    assert joined.timestamp is not None
    assert joined.timestamp.tolist() == [0.0, 0.5]
    assert joined.mask is not None
    assert joined.extra["k"].tolist() == [1, 2]


def test_detections_become_a_table_without_ids():
    found = [
        (4, Detections(xyxy=[[0, 0, 2, 2], [1, 1, 3, 3]], score=[0.5, 0.25], class_id=[1, 0])),
        (5, Detections.empty()),
        (7, Detections(xyxy=[[2, 2, 4, 4]])),
    ]
    table = TrackTable.from_detections(found, sequence="street")
    assert (table.frame.tolist(), table.track_id.tolist(), table.sequence) == ([4, 4, 7], [-1] * 3, "street")
    assert (table.score.tolist(), table.class_id.tolist()) == ([0.5, 0.25, 1.0], [1, 0, 0])
    assert len(TrackTable.from_detections([])) == 0
