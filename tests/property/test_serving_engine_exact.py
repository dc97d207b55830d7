"""Whatever order the frames of several cameras come in, and however they are batched: every row is that of offline."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from served_scenes import LENGTH, LONG, Encoded, feed, frames, image, install, rows, started

import trackforge
from trackforge.serving import Busy
from trackforge.serving.saving import read_saved
from trackforge.testing.conformance.rules import difference
from trackforge.types import Step

TRACKERS = ["byte", "bytetrack", "ocsort", "sort", {"name": "byte", "min_hits": 1, "max_lost": 3}]
CAMERAS = st.lists(st.tuples(st.sampled_from(TRACKERS), st.sampled_from(["every", "newest"])), min_size=1, max_size=5)


@pytest.fixture(scope="module", autouse=True)
def detector() -> Iterator[None]:
    with install():
        yield


def offline(camera: int, indices: list[int], tracker: Any) -> list[Any]:
    table = {"name": tracker} if isinstance(tracker, str) else dict(tracker)
    made = trackforge.tracker(table.pop("name"), **table)
    return rows(list(trackforge.track(frames(camera, indices), Encoded(), made)))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(CAMERAS, st.integers(1, 8), st.integers(1, 4), st.data())
def test_any_interleaving_gives_the_rows_of_offline_runs(
    cameras: list[tuple[Any, str]], max_batch: int, waiting: int, data: st.DataObject
) -> None:
    order = data.draw(st.lists(st.integers(0, len(cameras) - 1), min_size=1, max_size=80))
    moves = data.draw(st.sets(st.integers(0, len(order) - 1), max_size=3))  # where a session moves to a new one
    with started(max_batch=max_batch, waiting=waiting) as engine:
        sessions = [engine.sessions.open(tracker=tracker, policy=policy) for tracker, policy in cameras]  # type: ignore[arg-type]
        handed: list[list[Future[Step]]] = [[] for _ in cameras]
        refused: list[set[int]] = [set() for _ in cameras]
        index = [0] * len(cameras)
        for turn, camera in enumerate(order):
            if index[camera] == LENGTH:
                continue
            if turn in moves:
                state = sessions[camera].state()
                before = sessions[camera].close()
                sessions[camera] = engine.sessions.open(state=state)
                assert read_saved(state).counts["frames"] == before["frames"] == sessions[camera].frames
            try:
                handed[camera].append(sessions[camera].push(image(camera, index[camera]), index=index[camera]))
            except Busy:
                assert cameras[camera][1] == "every"
                refused[camera].add(index[camera])
            index[camera] += 1
    for camera, (tracker, policy) in enumerate(cameras):
        steps = [future.result(LONG) for future in handed[camera] if not future.cancelled()]
        done = [step.frame.index for step in steps]
        assert done == sorted(done)
        assert policy == "newest" or set(done) == set(range(index[camera])) - refused[camera]
        assert sessions[camera].frames == len(done)
        assert sessions[camera].dropped == sum(future.cancelled() for future in handed[camera])
        assert difference(rows(steps), offline(camera, done, tracker)) == ""


def test_the_rows_do_not_depend_on_who_else_is_there() -> None:
    with started() as engine:
        alone = feed(engine.sessions.open(), 7, range(LENGTH))
        crowd = [engine.sessions.open() for _ in range(40)]
        for index in range(LENGTH):
            futures = [session.push(image(7, index)) for session in crowd]
            for future in futures:
                future.result(LONG)
        last = [rows([session.last_step])[0] for session in crowd]
    assert all(difference(one, alone[-1]) == "" for one in last)
