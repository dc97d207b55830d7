"""What goes wrong in one frame, session, output or detector of the server harms no other, and is told."""

from __future__ import annotations

import ctypes
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from served_scenes import (
    ERROR,
    EXIT,
    LENGTH,
    LONG,
    MEMORY,
    Control,
    Encoded,
    feed,
    frames,
    hang,
    image,
    install,
    offline,
    rows,
    started,
    wait_for,
)  # fmt: skip

import trackforge
from trackforge.errors import (
    ConfigError,
    InvalidInputError,
    PluginError,
    SinkError,
    StateError,
    TrackforgeError,
    WeightsError,
)
from trackforge.serving import Engine, NotReady, ServingRun
from trackforge.serving.saving import read_saved
from trackforge.testing.conformance.rules import difference
from trackforge.types import Step


@pytest.fixture
def control() -> Iterator[Control]:
    with install() as made:
        yield made


def without(camera: int, *left_out: int) -> list[object]:
    """Return the rows of offline tracking where some frames never came."""
    indices = [k for k in range(LENGTH) if k not in left_out]
    return rows(list(trackforge.track(frames(camera, indices), Encoded(), "byte")))


@pytest.mark.parametrize(
    ("ask", "told"), [(ERROR, PluginError), (MEMORY, MemoryError), (EXIT, PluginError)], ids=["error", "memory", "exit"]
)
def test_a_frame_that_the_detector_cannot_bear_harms_no_other(control: Control, ask: int, told: type) -> None:
    with started(max_batch=4) as engine:
        sessions = [engine.sessions.open() for _ in range(3)]
        first = hang(sessions[2], control, camera=2)  # so that the next come in one batch
        futures = [[sessions[camera].push(image(camera, k, ask if (camera, k) == (0, 1) else 0)) for k in range(3)]
                   for camera in range(2)]  # fmt: skip
        control.go.set()
        with pytest.raises(told):
            futures[0][1].result(LONG)
        assert isinstance(futures[0][1].exception(), Exception)  # which an event loop survives
        kept = [futures[0][0].result(LONG), futures[0][2].result(LONG)]
        assert difference(rows(kept) + feed(sessions[0], 0, range(3, LENGTH)), without(0, 1)) == ""
        done = rows([future.result(LONG) for future in futures[1]])
        assert difference(done + feed(sessions[1], 1, range(3, LENGTH)), offline(1)) == ""
        assert first.result(LONG).frame.index == 0  # type: ignore[attr-defined]
        assert [one.failed for one in sessions] == [1, 0, 0]
        engine.model.check()  # a blank picture is fine, and so is the detector
        wait_for(lambda: engine.model.pulse.doubt is None)
        assert engine.state == "ready"


@pytest.mark.parametrize(
    "broken", [RuntimeError("CUDA error: device-side assert"), MemoryError("no room"), SystemExit(1)]
)
def test_a_detector_that_fails_for_good_is_told_and_sessions_can_be_saved(
    control: Control, broken: BaseException
) -> None:
    with started() as engine:
        session = engine.sessions.open(name="gate")
        first = feed(session, 0, range(20))
        control.broken = broken
        with pytest.raises((PluginError, MemoryError)):
            session.push(image(0, 20)).result(LONG)
        wait_for(lambda: engine.state == "failed")
        assert type(broken).__name__ in engine.failure or str(broken) in engine.failure
        with pytest.raises(NotReady, match="has failed") as refused:
            session.push(image(0, 21))
        assert refused.value.status == 503
        with pytest.raises(NotReady):
            engine.sessions.open()
        state = session.state()
    control.broken = None
    with started() as engine:
        again = engine.sessions.open(state=state)
        assert difference(first + feed(again, 0, range(20, LENGTH)), offline(0)) == ""


def test_a_detector_that_recovers_is_used_again(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trackforge.serving.model.AGAIN", 0.01)
    with started() as engine:
        session = engine.sessions.open()
        first = feed(session, 0, range(5))
        control.broken = MemoryError("another process has it all")
        with pytest.raises(MemoryError):
            session.push(image(0, 5)).result(LONG)
        wait_for(lambda: engine.state == "failed")
        control.broken = None
        wait_for(lambda: engine.state == "ready")
        assert engine.failure == ""
        assert difference(first + feed(session, 0, range(6, LENGTH)), without(0, 5)) == ""


def test_a_detector_that_hangs_is_told_and_what_it_holds_up_can_be_saved(control: Control) -> None:
    engine = started(hang=0.2, grace=0.5)
    session, other = engine.sessions.open(), engine.sessions.open()
    first = feed(session, 0, range(10))
    future = hang(other, control, camera=1)
    waiting = session.push(image(0, 10))
    wait_for(lambda: engine.state == "failed")
    assert "has not come back" in engine.failure
    state = session.state()  # without waiting for what hangs
    assert session.close()["frames"] == 10
    assert waiting.cancelled()
    engine.close()
    assert engine.state == "closed"
    assert isinstance(future.exception(LONG), TrackforgeError)  # type: ignore[attr-defined]
    control.go.set()
    with started() as engine:
        again = engine.sessions.open(state=state)
        assert difference(first + feed(again, 0, range(10, LENGTH)), offline(0)) == ""


def test_a_detector_that_comes_back_from_a_hang_is_used_again(control: Control) -> None:
    with started(hang=0.2) as engine:
        session = engine.sessions.open()
        future = hang(session, control)
        wait_for(lambda: engine.state == "failed")
        control.go.set()
        assert future.result(LONG).frame.index == 0  # type: ignore[attr-defined]
        wait_for(lambda: engine.state == "ready")
        assert difference(rows([future.result()]) + feed(session, 0, range(1, LENGTH)), offline(0)) == ""  # type: ignore[attr-defined]


def test_a_thread_that_is_killed_tells_who_waits_and_goes_on(control: Control) -> None:
    with started() as engine:
        session, other = engine.sessions.open(), engine.sessions.open()
        first = feed(session, 0, range(10))
        future = hang(other, control, camera=1)
        worker = next(one for one in threading.enumerate() if one.name == "trackforge-pool" and one.is_alive())
        killed = ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(worker.ident or 0), ctypes.py_object(SystemExit)
        )
        assert killed == 1
        control.go.set()
        assert isinstance(future.exception(LONG), (PluginError, type(None)))  # type: ignore[attr-defined]
        assert difference(first + feed(session, 0, range(10, LENGTH)), offline(0)) == ""
        assert worker.is_alive()
        wait_for(lambda: engine.state == "ready")


class Moody:
    """A tracker that fails at a frame, and remembers nothing of it."""

    def __init__(self, at: int, error: BaseException) -> None:
        self._inner, self._at, self._error = trackforge.tracker("byte"), at, error

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def update(self, detections: object, frame: trackforge.Frame, /) -> object:
        if frame.index == self._at:
            raise self._error
        return self._inner.update(detections, frame)  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [ValueError("odd"), SystemExit(2), StopIteration()])
def test_a_tracker_that_fails_harms_its_own_frame_alone(control: Control, error: BaseException) -> None:
    with started() as engine:
        sound = engine.sessions.open()
        pool = engine.model.pool
        moody = pool.open(Moody(3, error), lasting=True)  # type: ignore[arg-type]
        steps, failures, others = [], [], []
        for frame in frames(0):
            future = moody.push(frame)
            others.append(sound.push(image(1, frame.index)).result(LONG))
            failure = future.exception(LONG)
            failures += [failure] if failure else []
            steps += [] if failure else [future.result()]
        assert len(failures) == 1 == moody.failed
        assert isinstance(failures[0], Exception)
        assert difference(rows(steps), without(0, 3)) == ""
        assert difference(rows(others), offline(1)) == ""


class Full:
    """A sink on a full disk."""

    def __init__(self, at: int) -> None:
        self.at = at

    def __enter__(self) -> Full:
        return self

    def write(self, step: Step, /) -> None:
        if step.frame.index == self.at:
            raise SinkError("no space left")

    def __exit__(self, *_: object) -> None: ...


def test_a_full_disk_is_told_and_the_session_goes_on(control: Control, tmp_path: Path) -> None:
    with started() as engine:
        alone = engine.sessions.open(sinks=[Full(4)])
        beside = engine.sessions.open(sinks=[Full(4), tmp_path / "kept.txt"])
        feed(alone, 0, range(4))
        with pytest.raises(SinkError, match="no space left"):
            alone.push(image(0, 4)).result(LONG)
        feed(beside, 1, range(20))
        feed(alone, 0, range(5, 10))
        for session in (alone, beside):
            with pytest.raises(SinkError, match="no space left"):
                session.close()
            assert session.gone == "closed"
        assert (tmp_path / "kept.txt").exists()
        assert len(engine.sessions) == 0


def test_an_expired_session_with_a_failed_output_ends_all_the_same(
    control: Control, caplog: pytest.LogCaptureFixture
) -> None:
    with started() as engine:
        session = engine.sessions.open(sinks=[Full(0)], ttl=0.05)
        assert isinstance(session.push(image(0, 0)).exception(LONG), SinkError)
        wait_for(lambda: not len(engine.sessions))
        assert session.gone == "expired"
    assert "could not be finished" in caplog.text


def test_a_client_that_gives_up_costs_nobody_anything(control: Control) -> None:
    with started() as engine:
        session, other = engine.sessions.open(), engine.sessions.open()
        first = hang(other, control, camera=1)
        futures = [session.push(image(0, k)) for k in range(4)]
        assert futures[1].cancel()
        control.go.set()
        assert [future.result(LONG).frame.index for future in futures if not future.cancelled()] == [0, 2, 3]
        assert (0, 1) not in {code for batch in control.batches for code in batch}
        assert difference(rows([first.result(LONG)]) + feed(other, 1, range(1, LENGTH)), offline(1)) == ""  # type: ignore[attr-defined]
        wait_for(lambda: engine.model.held == 0)


def test_a_detector_that_cannot_be_loaded_is_told(control: Control, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no network")
    with pytest.raises(TrackforgeError):
        Engine(ServingRun(detector="no-such"))
    with pytest.raises((WeightsError, ConfigError)):
        Engine(ServingRun(weights=str(tmp_path / "absent.onnx")))
    engine = Engine(ServingRun(detector="onnx", weights=str(broken)))
    with pytest.raises(TrackforgeError):
        engine.load()
    assert engine.state == "failed"
    assert "broken.onnx" in engine.failure
    with pytest.raises(NotReady, match="has failed"):
        engine.sessions.open()
    engine.close()
    control.broken = RuntimeError("no kernel image is available")
    engine = Engine(ServingRun(detector="encoded"))
    with pytest.raises(PluginError, match="no kernel image"):
        engine.load()
    assert engine.state == "failed"
    control.broken = None
    engine.load()  # once more, when whoever runs it has mended it
    assert engine.state == "ready"
    engine.close()


def test_a_killed_server_loses_seconds_at_most(
    control: Control, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trackforge.serving.keeping.EVERY", 0.01)
    kept, found = tmp_path / "kept", tmp_path / "found"
    with started(sessions_dir=kept) as engine:
        session, closed = engine.sessions.open(), engine.sessions.open()
        feed(closed, 1, range(3))
        wait_for((kept / f"{closed.id}.session").exists)
        monkeypatch.setattr("trackforge.serving.keeping.EVERY", 1000.0)  # no round comes to it
        closed.close()
        assert not (kept / f"{closed.id}.session").exists()
        monkeypatch.setattr("trackforge.serving.keeping.EVERY", 0.01)
        first = feed(session, 0, range(30))
        file = kept / f"{session.id}.session"
        wait_for(lambda: file.exists() and read_saved(file.read_bytes()).counts["frames"] == 30)
        shutil.copytree(kept, found)  # what a kill would have left; what comes after it is lost
        feed(session, 0, range(30, 33))
    with started(sessions_dir=found) as engine:
        again = engine.sessions.get(session.id)
        assert again.last_index == 29
        assert difference(first + feed(again, 0, range(30, LENGTH)), offline(0)) == ""


def test_a_tracker_that_hangs_holds_up_no_end(control: Control) -> None:
    engine = started(hang=0.2, grace=0.5)
    session = engine.sessions.open()
    first = feed(session, 0, range(10))
    stuck = engine.model.pool.open(Stuck(control), lasting=True)  # type: ignore[arg-type]
    future = stuck.push(frames(1)[0])
    wait_for(lambda: engine.state == "failed")
    with pytest.raises(StateError, match="does not come back"):
        stuck.state(within=0.1)
    state = session.state()
    engine.close()
    assert engine.state == "closed"
    assert isinstance(future.exception(LONG), TrackforgeError)
    control.go.set()
    with started() as engine:
        assert difference(first + feed(engine.sessions.open(state=state), 0, range(10, LENGTH)), offline(0)) == ""


class Stuck(Moody):
    """A tracker that does not come back."""

    def __init__(self, control: Control) -> None:
        super().__init__(0, RuntimeError())
        self._control = control

    def update(self, detections: object, frame: trackforge.Frame, /) -> object:
        assert self._control.go.wait(LONG)
        return super().update(detections, frame)


def test_a_large_state_that_is_restored_holds_up_no_other(control: Control) -> None:
    loading, go = threading.Event(), threading.Event()

    class Slow(Moody):
        def load_state_dict(self, state: object) -> None:
            loading.set()
            assert go.wait(LONG)
            self._inner.load_state_dict(state)  # type: ignore[arg-type]

    with started() as engine:
        session = engine.sessions.open()
        pool = engine.model.pool
        state = pool.open("byte").state()
        tracker = Slow(-1, RuntimeError())
        opening = threading.Thread(target=lambda: pool.open(tracker, state=state))  # type: ignore[arg-type]
        opening.start()
        assert loading.wait(LONG)
        assert difference(feed(session, 0, range(LENGTH)), offline(0)) == ""
        with pytest.raises(InvalidInputError, match="tracker of its own"):
            pool.open(tracker)  # type: ignore[arg-type]
        go.set()
        opening.join(LONG)
