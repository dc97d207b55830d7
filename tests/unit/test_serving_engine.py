"""The engine of the server: sessions over one detector, limited, expiring, saved, and equal to offline tracking."""

from __future__ import annotations

import dataclasses
import gc
import json
import math
import threading
import time
import tracemalloc
import weakref
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest
from served_scenes import LONG, Control, Encoded, feed, frames, hang, image, install, offline, rows, started, wait_for

import trackforge
from trackforge.errors import ConfigError, InvalidInputError, StateError, TrackforgeError
from trackforge.runs.planning import plan
from trackforge.runs.tracking import TrackingRun
from trackforge.serving import (
    Busy,
    Draining,
    Engine,
    NotReady,
    ServedSession,
    ServingRun,
    SessionGone,
    SessionInUse,
    TooManySessions,
    UnknownSession,
    plan_serving,
    step_json,
)
from trackforge.serving.answers import detections_json
from trackforge.serving.saving import read_saved
from trackforge.testing.conformance.rules import difference
from trackforge.types import Stream


@pytest.fixture
def control() -> Iterator[Control]:
    with install() as made:
        yield made


@pytest.fixture
def engine(control: Control) -> Iterator[Engine]:
    with started() as made:
        yield made


def test_nothing_is_taken_before_the_detector_is_loaded(control: Control) -> None:
    engine = Engine(ServingRun(detector="encoded"))
    assert (engine.state, engine.classes) == ("loading", ())
    with pytest.raises(NotReady, match="still being loaded"):
        engine.sessions.open()
    with pytest.raises(NotReady):
        engine.detect(frames(0)[0])
    engine.load()
    assert (engine.state, engine.failure, engine.classes) == ("ready", "", ("person",))
    engine.close()
    assert engine.state == "closed"
    engine.close()
    with pytest.raises(Draining):
        engine.sessions.open()


@pytest.mark.parametrize("tracker", ["byte", "ocsort", {"name": "sort", "min_hits": 1}])
def test_interleaved_cameras_get_the_rows_of_offline_runs(engine: Engine, tracker: object) -> None:
    sessions = [engine.sessions.open(name=f"camera {k}", tracker=tracker) for k in range(3)]  # type: ignore[arg-type]
    assert len({one.id for one in sessions}) == 3
    assert all(len(one.id) == 32 and one.id.isalnum() for one in sessions)
    steps: list[list[object]] = [[], [], []]
    for index in range(60):
        futures = [session.push(image(camera, index)) for camera, session in enumerate(sessions)]
        for camera, future in enumerate(futures):
            steps[camera].append(future.result(LONG))
    table = {"name": tracker} if isinstance(tracker, str) else dict(tracker)  # type: ignore[call-overload]
    name = table.pop("name")
    for camera, got in enumerate(steps):
        assert difference(rows(got), offline(camera, name, **table)) == ""
        assert sessions[camera].frames == 60
        assert sessions[camera].last_step is not None
        assert sessions[camera].last_step.frame.image is None


def test_settings_mean_what_they_mean_for_track(control: Control) -> None:
    for said in (
        {"conf": 0.6},
        {"tracker": {"name": "byte", "min_hits": 1}, "conf": 0.3},
        {"associator": "iou"},
        {"detector": "motion", "classes": ("person",)},
    ):
        run, server = plan(TrackingRun(**said)), plan_serving(ServingRun(**said))  # type: ignore[arg-type]
        assert (server.detector, server.tracker) == (run.detector, run.tracker)
        assert (tuple(server.classes), server.class_agnostic) == (tuple(run.classes), run.class_agnostic)
    with pytest.raises(ConfigError, match="no such setting"):
        plan_serving(ServingRun(detector="encoded", device="cuda"))


def test_a_session_has_the_tracker_that_it_asks_for_over_that_of_the_server(control: Control) -> None:
    with started(tracker={"name": "byte", "min_hits": 1}, conf=0.5) as engine:
        settings = engine.sessions.open().tracker.settings
        assert settings["min_hits"] == 1
        other = engine.sessions.open(tracker={"max_lost": 9}).tracker
        assert (other.name, dict(other.settings)) == ("byte", {**settings, "max_lost": 9})
        assert engine.sessions.open(tracker="Sort").tracker.name == "sort"
        for wrong in ("bite", "/etc/passwd", "model.onnx", {"name": 3}, {"min_hits": "x"}, {"no_such": 1}, [1], {1: 2}):
            with pytest.raises(ConfigError):
                engine.sessions.open(tracker=wrong)  # type: ignore[arg-type]
        assert len(engine.sessions) == 3


def test_indices_and_times(engine: Engine) -> None:
    session = engine.sessions.open(frame_rate=10)
    assert session.push(image(0, 0)).result(LONG).frame.timestamp == 0
    assert session.push(image(0, 5), index=5).result(LONG).frame.timestamp == 0.5
    with pytest.raises(InvalidInputError, match="must increase strictly"):
        session.push(image(0, 5), index=5)
    with pytest.raises(InvalidInputError, match="timestamp must increase"):
        session.push(image(0, 6), timestamp=0.5)
    with pytest.raises(InvalidInputError, match="finite"):
        session.push(image(0, 6), timestamp=math.nan)
    with pytest.raises(InvalidInputError, match="0-based"):
        session.push(image(0, 6), index=-1)
    with pytest.raises(InvalidInputError, match="RGB"):
        session.push(np.zeros((4, 4), np.uint8))
    step = session.push(image(0, 6), timestamp=2.5, name="six.jpg").result(LONG)
    assert (step.frame.index, step.frame.timestamp, step.frame.file) == (6, 2.5, "six.jpg")
    assert (session.frames, session.failed, engine.model.held) == (3, 0, 0)


def test_where_too_many_wait_a_frame_is_refused_and_may_come_again(control: Control) -> None:
    with started(waiting=2) as engine:
        session, other = engine.sessions.open(), engine.sessions.open()
        first = hang(session, control)
        futures = [first, session.push(image(0, 1)), session.push(image(0, 2))]
        with pytest.raises(Busy) as refused:
            session.push(image(0, 3))
        assert (refused.value.status, refused.value.retry_after) == (429, 1.0)
        futures_of_other = [other.push(image(1, 0))]  # which has room of its own
        control.go.set()
        assert [future.result(LONG).frame.index for future in futures] == [0, 1, 2]  # type: ignore[attr-defined]
        assert session.push(image(0, 3)).result(LONG).frame.index == 3
        assert futures_of_other[0].result(LONG).frame.index == 0
        assert session.dropped == 0


def test_of_the_newest_policy_what_gives_way_is_counted(control: Control) -> None:
    with started(policy="newest") as engine:
        session = engine.sessions.open()
        every = engine.sessions.open(policy="every")
        assert (session.policy, every.policy) == ("newest", "every")
        first = hang(session, control)
        later = [session.push(image(0, k)) for k in range(1, 9)]
        control.go.set()
        assert first.result(LONG).frame.index == 0  # type: ignore[attr-defined]
        assert later[-1].result(LONG).frame.index == 8
        assert all(future.cancelled() for future in later[:-1])
        with pytest.raises(CancelledError):
            later[0].result()
        assert (session.frames, session.dropped, session.failed) == (2, 7, 0)
        wait_for(lambda: engine.model.held == 0)


def test_pictures_that_wait_take_no_more_than_the_limit(control: Control) -> None:
    size = image(0, 0).nbytes
    with started(max_waiting_bytes=3 * size) as engine:
        sessions = [engine.sessions.open() for _ in range(3)]
        first = hang(sessions[0], control)
        futures = [first, sessions[1].push(image(1, 0)), sessions[1].push(image(1, 1))]
        with pytest.raises(Busy, match="may take"):
            sessions[2].push(image(2, 0))
        control.go.set()
        for future in futures:
            future.result(LONG)  # type: ignore[attr-defined]
        wait_for(lambda: engine.model.held == 0)
        assert sessions[2].push(image(2, 0)).result(LONG).frame.index == 0


def test_one_at_a_time_may_be_at_work(engine: Engine) -> None:
    session = engine.sessions.open()
    with session.exclusive():
        with pytest.raises(SessionInUse) as refused, session.exclusive():
            pass
        assert refused.value.status == 409
    with session.exclusive():
        assert session.push(image(0, 0)).result(LONG).frame.index == 0


def test_unknown_closed_and_expired_are_told_apart(control: Control) -> None:
    with started() as engine:
        sessions = engine.sessions
        closed, brief, lasting = sessions.open(), sessions.open(ttl=0.05), sessions.open(ttl=math.inf)
        assert brief.expires_at < lasting.expires_at == math.inf
        brief.push(image(0, 0)).result(LONG)
        assert sessions.close(closed.id) == {**closed.counts(), "frames": 0}
        with pytest.raises(SessionGone, match="closed") as gone:
            sessions.get(closed.id)
        assert gone.value.status == 410
        for use in (lambda: sessions.close(closed.id), lambda: closed.push(image(0, 0)), closed.state, closed.close):
            with pytest.raises(SessionGone, match="closed"):
                use()
        wait_for(lambda: brief.gone)  # the engine's own thread sweeps
        with pytest.raises(SessionGone, match="expired"):
            sessions.get(brief.id)
        with pytest.raises(UnknownSession) as unknown:
            sessions.get("0" * 32)
        assert unknown.value.status == 404
        assert sessions.get(lasting.id) is lasting
        assert [one.id for one in sessions] == [lasting.id]
        assert engine.figures()["sessions_expired"] == 1


def test_a_session_at_work_does_not_expire(control: Control) -> None:
    with started() as engine:
        session = engine.sessions.open(ttl=0.01)
        future = hang(session, control)
        time.sleep(0.05)
        assert engine.sessions.sweep() == 0
        control.go.set()
        assert future.result(LONG).frame.index == 0  # type: ignore[attr-defined]


def test_so_many_sessions_and_no_more(control: Control) -> None:
    with started(max_sessions=2) as engine:
        first = engine.sessions.open()
        brief = engine.sessions.open(ttl=0.01)
        wait_for(lambda: brief.idle > 0.01)
        second = engine.sessions.open()  # what has expired makes room at once
        with pytest.raises(TooManySessions) as refused:
            engine.sessions.open()
        assert refused.value.status == 429
        assert refused.value.retry_after is not None
        first.close()
        assert len(engine.sessions) == 1
        engine.sessions.open()
        assert second.gone == ""
        with pytest.raises(TrackforgeError):
            engine.sessions.open(ttl=-1)


def test_a_thousand_openings_at_once_stay_within_the_limit(control: Control) -> None:
    with started(max_sessions=5) as engine:
        refused = []

        def knock() -> None:
            for _ in range(20):
                try:
                    engine.sessions.open()
                except TooManySessions as error:
                    refused.append(error)

        threads = [threading.Thread(target=knock) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG)
        assert (len(engine.sessions), len(refused)) == (5, 155)


@pytest.mark.parametrize("tracker", ["byte", "ocsort", {"name": "bytetrack", "track_buffer": 7}])
def test_a_session_goes_on_elsewhere(control: Control, tracker: object) -> None:
    with started() as engine:
        session = engine.sessions.open(name="gate", tracker=tracker, frame_rate=25, policy="newest")  # type: ignore[arg-type]
        first = feed(session, 3, range(23))
        state = session.state()
    with started(tracker={"name": "sort"}) as engine:
        again = engine.sessions.open(state=state)
        assert (again.name, again.frame_rate, again.policy, again.frames) == ("gate", 25, "newest", 23)
        assert again.last_index == 22
        with pytest.raises(InvalidInputError, match="must increase"):
            again.push(image(3, 22), index=22)
        second = rows([again.push(image(3, k)).result(LONG) for k in range(23, 60)])
        name, settings = (tracker, {}) if isinstance(tracker, str) else ("bytetrack", {"track_buffer": 7})
        assert difference(first + second, offline(3, str(name), rate=25, **settings)) == ""
        assert again.counts()["frames"] == 60
        with pytest.raises(StateError):
            engine.sessions.open(state=state, tracker="ocsort" if tracker != "ocsort" else "byte")
        for wrong in (b"", b"TFSTATE1", state[:-3], state[:40] + b"\0" + state[41:]):
            with pytest.raises(StateError):
                engine.sessions.open(state=wrong)


def test_a_plain_session_goes_on_in_the_server(engine: Engine) -> None:
    plain = trackforge.Session(Encoded(), "byte")
    first = rows([plain.step(frame) for frame in frames(2, range(30))])
    session = engine.sessions.open(state=plain.state(), name="two")
    assert difference(first + feed(session, 2, range(30, 60)), offline(2)) == ""
    assert session.name == "two"


def test_each_session_has_its_own_detector_where_that_remembers() -> None:
    rng = np.random.default_rng(0)
    films = []
    for _ in range(2):
        still = rng.integers(0, 60, (120, 160, 3)).astype(np.uint8)
        film = []
        for k in range(30):
            film.append(still.copy())
            film[-1][40:90, 10 + 4 * k : 26 + 4 * k] = 220
        films.append(film)
    with Engine(ServingRun(detector="motion")) as engine:
        sessions = [engine.sessions.open() for _ in films]
        got: list[list[object]] = [[], []]
        for index in range(30):
            for which, session in enumerate(sessions):
                got[which].append(session.push(films[which][index]).result(LONG))
        with pytest.raises(StateError, match="remembers frames"):
            sessions[0].state()
        with pytest.raises(InvalidInputError, match="compares each frame"):
            engine.detect(trackforge.Frame(index=0, image=films[0][0]))
        assert engine.card()["detector"]["remembers"]
    for which, film in enumerate(films):
        alone = [trackforge.Frame(index=k, image=one) for k, one in enumerate(film)]
        assert difference(rows(got[which]), rows(list(trackforge.track(alone, "motion", "byte")))) == ""
        assert any(len(step.tracks.visible) for step in got[which])  # type: ignore[attr-defined]


def test_single_pictures_share_the_batches_of_sessions(control: Control) -> None:
    with started() as engine:
        session = engine.sessions.open()
        first = hang(session, control)
        look = engine.detect(trackforge.Frame(index=0, image=image(4, 7)))
        step = session.push(image(0, 1))
        for _ in range(63):
            engine.detect(trackforge.Frame(index=0, image=image(4, 7)))
        with pytest.raises(Busy):
            engine.detect(trackforge.Frame(index=0, image=image(4, 7)))
        control.go.set()
        found = look.result(LONG)
        assert step.result(LONG).frame.index == 1
        assert first.result(LONG).frame.index == 0  # type: ignore[attr-defined]
    assert difference([found], [Encoded().detect([trackforge.Frame(index=0, image=image(4, 7))])[0]]) == ""
    assert any({(0, 1), (4, 7)} <= set(batch) for batch in control.batches)


def test_outputs_are_whole_when_a_session_is_closed_or_the_server_stops(control: Control, tmp_path: Path) -> None:
    with started() as engine:
        one = engine.sessions.open(name="one", sinks=[tmp_path / "one.jsonl"])
        two = engine.sessions.open(name="two", sinks=[tmp_path / "two.jsonl"])
        with pytest.raises(ConfigError):
            engine.sessions.open(sinks=[tmp_path / "two.jsonl"])
        steps = [one.push(image(0, k)).result(LONG) for k in range(20)]
        futures = [two.push(image(1, k)) for k in range(8)]
        assert one.close()["frames"] == 20
        lines = [json.loads(line) for line in (tmp_path / "one.jsonl").read_text().splitlines()]
        assert [{key: line[key] for key in line if key != "sequence"} for line in lines] == [
            step_json(step, engine.classes) for step in steps
        ]
    assert all(future.done() and not future.cancelled() for future in futures)
    assert len((tmp_path / "two.jsonl").read_text().splitlines()) == 8


def test_stopping_does_what_waits_and_refuses_what_is_new(control: Control) -> None:
    engine = started()
    session = engine.sessions.open()
    first = hang(session, control)
    waiting = [session.push(image(0, k)) for k in range(1, 5)]
    closing = threading.Thread(target=engine.close)
    closing.start()
    wait_for(lambda: engine.state == "draining")
    with pytest.raises(Draining) as refused:
        session.push(image(0, 5))
    assert refused.value.status == 503
    control.go.set()
    closing.join(LONG)
    assert [one.result(LONG).frame.index for one in (first, *waiting)] == [0, 1, 2, 3, 4]  # type: ignore[attr-defined]
    assert engine.state == "closed"
    assert session.gone == "closed"


def test_the_shape_of_answers(engine: Engine) -> None:
    session = engine.sessions.open(frame_rate=5)
    steps = [session.push(image(1, k)).result(LONG) for k in range(5)]
    told = json.loads(json.dumps(step_json(steps[-1], engine.classes)))
    assert list(told) == ["frame", "timestamp", "width", "height", "tracks"]
    assert (told["frame"], told["timestamp"], told["width"], told["height"]) == (4, 0.8, 64, 48)
    assert list(told["tracks"][0]) == ["track_id", "xyxy", "score", "class_id", "class"]
    assert np.array_equal(np.float32([track["xyxy"] for track in told["tracks"]]), steps[-1].tracks.visible.xyxy)
    found = detections_json(steps[-1].frame, steps[-1].detections, engine.classes)
    assert list(found["detections"][0]) == ["xyxy", "score", "class_id", "class"]
    assert len(found["detections"]) == len(steps[-1].detections)
    json.dumps(engine.card())
    json.dumps(engine.figures())


def test_kept_sessions_go_on_after_a_stop(control: Control, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    with started(sessions_dir=folder) as engine:
        session, ended = engine.sessions.open(name="gate", ttl=77), engine.sessions.open()
        camera = engine.sessions.open(ttl=math.inf)  # whoever opened it opens it anew
        camera.push(image(2, 0)).result(LONG)
        first = feed(session, 5, range(31))
        tracks = session.tracks
        feed(ended, 1, range(3))
        ended.close()
    assert [file.name for file in folder.iterdir()] == [f"{session.id}.session"]
    assert (folder / f"{session.id}.session").stat().st_mode & 0o077 == 0
    (folder / f"{'0' * 32}.session").write_bytes(b"damaged")
    with started(sessions_dir=folder) as engine:
        again = engine.sessions.get(session.id)
        assert (again.name, again.frames, again.last_index) == ("gate", 31, 30)
        assert (again.ttl, again.tracks) == (77, tracks)
        assert tracks > 1
        assert difference(first + feed(again, 5, range(31, 60)), offline(5)) == ""
        assert len(engine.sessions) == 1


def test_the_name_in_a_saved_state_is_one(engine: Engine) -> None:
    session = engine.sessions.open()
    session.push(image(0, 0)).result(LONG)
    saved = read_saved(session.state())
    with pytest.raises(StateError):
        engine.sessions.open(state=dataclasses.replace(saved, name="x" * 201).to_bytes())
    told = dataclasses.replace(saved, name="a\x1b[2J\nb", ttl=5.0).to_bytes()
    again = engine.sessions.open(state=told)
    assert again.name.isprintable()
    assert again.ttl == 5
    assert engine.sessions.open(state=told, ttl=9).ttl == 9
    assert engine.sessions.open(state=dataclasses.replace(saved, ttl=1e9).to_bytes()).ttl == engine.run.session_ttl
    for ttl in (math.nan, math.inf, 0.0, -1):
        with pytest.raises(StateError):
            engine.sessions.open(state=dataclasses.replace(saved, ttl=ttl).to_bytes())
    plain = trackforge.Session(Encoded(), "byte", stream=Stream(name="y\n" * 1000))
    assert len(engine.sessions.open(state=plain.state()).name) <= 200


def test_sessions_that_have_ended_leave_nothing_behind(engine: Engine) -> None:
    def some(count: int) -> list[weakref.ref[ServedSession]]:
        refs = []
        for _ in range(count):
            session = engine.sessions.open()
            session.push(image(0, 0)).result(LONG)
            session.close()
            refs.append(weakref.ref(session))
        return refs

    some(50)
    tracemalloc.start()
    try:
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        refs = some(200)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert not any(ref() for ref in refs[:-1])  # a thread may have the last in its hands
    assert grown < 200 * 1000  # the id that is remembered, and little else


def test_many_frames_take_no_more_memory_than_few(engine: Engine, control: Control) -> None:
    session = engine.sessions.open(tracker={"max_lost": 5})

    def some(begin: int, count: int) -> None:
        for k in range(begin, begin + count):
            session.push(image(0, k % 60), index=k).result(LONG)
        control.batches.clear()

    some(0, 300)
    tracemalloc.start()
    try:
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        some(300, 1200)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 100_000
    assert session.frames == 1500
