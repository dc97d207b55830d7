"""Whatever people do to labels can be undone to the last byte, and moves nothing that it should not."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trackforge.errors import InvalidInputError
from trackforge.review import Document, NothingToUndo, Store, apply, edits
from trackforge.review.changes import difference, patched
from trackforge.table import TrackTable

FRAMES = 12
NUMBERS = st.integers(0, 2**31)


def box(draw: st.DrawFn) -> list[float]:
    x, y = draw(st.floats(-5, 50)), draw(st.floats(-5, 40))
    return [x, y, x + draw(st.floats(6, 20)), y + draw(st.floats(6, 20))]


@st.composite
def tables(draw: st.DrawFn) -> TrackTable:
    """Tables of a few tracks that come, go and pause."""
    rows = [
        (frame, track, *box(draw), draw(st.floats(0, 1)))
        for track in range(1, draw(st.integers(1, 3)) + 1)
        for frame in range(FRAMES)
        if draw(st.integers(0, 3))
    ]
    columns = np.array(rows, np.float64).reshape(-1, 7)
    order = np.argsort(columns[:, 0], kind="stable")
    columns = columns[order]
    ids = columns[:, 1].astype(np.int64)
    return TrackTable(
        frame=columns[:, 0].astype(np.int64), track_id=ids, xyxy=columns[:, 2:6], score=columns[:, 6], class_id=ids % 2
    )


@st.composite
def deeds(draw: st.DrawFn) -> dict[str, Any]:
    """Edits of every kind, most of which mean something."""
    track, frame = draw(st.integers(1, 5)), draw(st.integers(0, FRAMES - 1))
    return draw(
        st.sampled_from(
            [
                {"action": "accept", "first": frame, "last": draw(st.integers(0, FRAMES))},
                {"action": "reopen", "frames": [frame]},
                {"action": "set_box", "track": track, "frame": frame, "xyxy": box(draw)},
                {"action": "set_box", "track": track, "frame": frame, "xyxy": box(draw)},
                {"action": "set_outside", "track": track, "frame": frame, "outside": draw(st.booleans())},
                {"action": "add_track", "frame": frame, "xyxy": box(draw), "label": draw(st.integers(0, 2))},
                {"action": "merge", "track": track, "other": draw(st.integers(1, 5))},
                {"action": "rename", "track": track, "label": draw(st.integers(0, 2))},
                {"action": "delete_track", "track": track},
                {"action": "add_class", "name": f"class {frame}"},
                {"action": "rename_class", "label": 0, "name": f"class {track}"},
                {"action": "set_attributes", "track": track, "attributes": {"k": str(frame)}},
                *(
                    {"action": action, "track": track, "frame": frame}
                    for action in ("put_keyframe", "delete_keyframe", "delete_box", "finish", "begin", "split")
                ),
            ]
        )
    )


def made(table: TrackTable, tolerance: float = 0.0) -> Document:
    return Document.from_table(
        table, classes=("a", "b"), frames=range(FRAMES), sequence="s", size=(64, 48), tolerance=tolerance
    )


def rows(table: TrackTable) -> list[tuple[Any, ...]]:
    order = np.lexsort((table.track_id, table.frame))
    names = ("frame", "track_id", "class_id", "score")
    return [tuple(getattr(table, name)[k] for name in names) + tuple(table.xyxy[k]) for k in order.tolist()]


@given(tables())
def test_without_tolerance_the_table_of_a_document_is_the_table(table: TrackTable) -> None:
    document = made(table)
    assert rows(document.table()) == rows(table)
    assert Document.from_dataset(document.to_dataset(), tolerance=0).encoded() == document.encoded() or not len(table)


@given(tables(), st.floats(0.01, 5))
def test_no_box_is_off_by_more_than_the_tolerance(table: TrackTable, tolerance: float) -> None:
    again = made(table, tolerance).table()
    order, other = np.lexsort((table.track_id, table.frame)), np.lexsort((again.track_id, again.frame))
    assert (again.frame[other] == table.frame[order]).all()
    assert np.abs(again.xyxy[other] - table.xyxy[order]).max(initial=0) <= tolerance + 1e-9


@settings(max_examples=60)
@given(tables(), st.lists(deeds(), max_size=12))
def test_any_edits_can_be_undone_to_the_last_byte_and_done_again(table: TrackTable, wanted: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.labels.json"
        made(table, 0.5).save(path)
        original, store, done = path.read_bytes(), Store(folder), 0
        for one in wanted:
            try:
                store.edit("s", one)
                done += 1
            except InvalidInputError:
                continue
        final = path.read_bytes()
        assert Document.load(path).encoded() == final
        store = Store(folder)  # as after a restart
        assert store.open("s").undo == done
        for _ in range(done):
            store.undo("s")
        assert path.read_bytes() == original
        for k in range(done):
            (store if k % 2 else Store(folder)).redo("s")
        assert path.read_bytes() == final
        try:
            store.redo("s")
        except NothingToUndo:
            return
        raise AssertionError


@given(tables(), st.lists(deeds(), max_size=8))
def test_differences_lead_both_ways(table: TrackTable, wanted: list[Any]) -> None:
    first = document = made(table)
    for one in wanted:
        try:
            document = apply(document, one)
        except InvalidInputError:
            continue
        document.table()
    assert patched(first, difference(first, document)).encoded() == document.encoded()
    assert patched(document, difference(document, first)).encoded() == first.encoded()


@given(tables(), st.integers(1, 3), st.integers(0, FRAMES - 1))
def test_cut_and_joined_again_boxes_are_where_they_were(table: TrackTable, track: int, frame: int) -> None:
    document = made(table, 3.0)
    try:
        cut = edits.split(document, track, frame)
    except InvalidInputError:
        return
    new = cut.tracks[-1].id
    assert (cut.track(track).seen(cut.frames).frame < frame).all()
    assert (cut.track(new).seen(cut.frames).frame >= frame).all()
    again = edits.merge(cut, track, new)
    was, now = document.track(track).seen(document.frames), again.track(track).seen(document.frames)
    assert was.frame.tolist() == now.frame.tolist()
    np.testing.assert_allclose(now.xyxy, was.xyxy, atol=1e-9)


@given(tables(), st.data())
def test_what_is_accepted_stays_where_it_is_whatever_is_moved_beside_it(table: TrackTable, data: st.DataObject) -> None:
    document = made(table, 3.0)
    if not document.tracks:
        return
    checked = data.draw(st.sets(st.integers(0, FRAMES - 1), min_size=1))
    document = edits.accept(document, checked)
    track = data.draw(st.sampled_from(document.tracks)).id
    free = sorted(set(range(FRAMES)) - checked)
    if not free:
        return
    frame = data.draw(st.sampled_from(free))
    moved = edits.set_box(document, track, frame, (1, 2, 30, 40))
    assert moved.track(track).at(frame) is not None
    for one in checked:
        was, now = document.track(track).at(one), moved.track(track).at(one)
        assert (was is None) == (now is None)
        if was is not None and now is not None:
            np.testing.assert_allclose(now.xyxy, was.xyxy, atol=1e-9)


@given(tables(), st.integers(1, 3), st.integers(0, FRAMES - 1))
def test_deleting_a_box_leaves_all_others(table: TrackTable, track: int, frame: int) -> None:
    document = made(table, 3.0)
    try:
        less = edits.delete_box(document, track, frame)
    except InvalidInputError:
        return
    was = document.table()
    was = was[~((was.frame == frame) & (was.track_id == track))]
    now = less.table()
    order, other = np.lexsort((was.track_id, was.frame)), np.lexsort((now.track_id, now.frame))
    assert was.frame[order].tolist() == now.frame[other].tolist()
    np.testing.assert_allclose(now.xyxy[other], was.xyxy[order], atol=1e-9)
