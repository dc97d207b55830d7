"""Many sessions over one detector: equal to sessions by themselves, fair, and safe from each other."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future, wait
from pathlib import Path

import pytest

import trackforge
from trackforge import Frame, Step
from trackforge.detectors.motion import MotionDetector
from trackforge.errors import InvalidInputError, PluginError, SinkError
from trackforge.pipeline import track
from trackforge.pool import SessionPool
from trackforge.session import Session
from trackforge.synthetic.crowd import Crowd, CrowdConfig
from trackforge.testing.conformance.rules import difference
from trackforge.types import Detections, Stream

LONG = 60.0
"""Seconds after which something hangs; no test waits for time to pass."""
CAMERAS = [f"camera {number}" for number in range(6)]


class Six:
    """A detector that knows what is in the frames of six crowds, and notes its batches."""

    classes = ("person",)
    embedding_dim = None

    def __init__(self, frames: int = 40) -> None:
        self.frames: dict[str, list[Frame]] = {}
        self.found: dict[tuple[str, int], Detections] = {}
        self.batches: list[list[tuple[str, int]]] = []
        self.bad: set[tuple[str, int]] = set()
        for seed, name in enumerate(CAMERAS):
            crowd = list(Crowd(CrowdConfig(objects=6, frames=frames, false_positives=1, seed=seed)))
            self.frames[name] = [Frame(index=frame.index, size=frame.size, sequence=name) for frame, _ in crowd]
            self.found |= {(name, frame.index): found for frame, found in crowd}

    def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
        keys = [(frame.sequence, frame.index) for frame in frames]
        self.batches.append(keys)
        if self.bad.intersection(keys):
            raise PluginError(f"cannot see {sorted(self.bad.intersection(keys))}")
        return [self.found[key] for key in keys]


class Gated(Six):
    """Waits in every detection until it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.go = threading.Semaphore(0), threading.Semaphore(0)

    def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
        self.began.release()
        assert self.go.acquire(timeout=LONG)
        return super().detect(frames)


def results(futures: Sequence[Future[Step]]) -> list[object]:
    return [(step.frame.index, step.detections, step.tracks) for step in (f.result(LONG) for f in futures)]


def offline(known: Six, name: str, tracker: str, **more: object) -> list[object]:
    steps = list(track(known.frames[name], known, tracker, **more))  # type: ignore[arg-type]
    return [(step.frame.index, step.detections, step.tracks) for step in steps]


@pytest.mark.parametrize("tracker", ["byte", "bytetrack", "ocsort"])
def test_six_interleaved_sessions_equal_six_offline_runs(tracker: str, tmp_path: Path) -> None:
    known, futures = Six(), {name: [] for name in CAMERAS}
    with SessionPool(known, max_batch=4, thread=False) as pool:
        sessions = {name: pool.open(tracker, sinks=[tmp_path / f"{name}.txt"]) for name in CAMERAS}
        for index in range(40):
            for name, session in sessions.items():
                futures[name].append(session.push(known.frames[name][index]))
            if index % 3 == 0:
                pool.turn()
    assert max(map(len, known.batches)) == 4
    assert any(len({name for name, _ in batch}) == 4 for batch in known.batches)
    for name in CAMERAS:
        assert difference(results(futures[name]), offline(known, name, tracker, sinks=[tmp_path / "x.txt"])) == ""
        assert (tmp_path / f"{name}.txt").read_bytes() == (tmp_path / "x.txt").read_bytes()


def test_six_threads_push_into_one_pool() -> None:
    known, futures = Six(), {name: [] for name in CAMERAS}
    with SessionPool(known, max_batch=5, waiting=3) as pool:

        def run(name: str) -> None:
            with pool.open("byte") as session:
                futures[name] += [session.push(frame) for frame in known.frames[name]]

        threads = [threading.Thread(target=run, args=(name,)) for name in CAMERAS]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG)
    assert sum(map(len, known.batches)) == 240
    for name in CAMERAS:
        assert difference(results(futures[name]), offline(known, name, "byte")) == ""


def test_every_session_has_its_turn() -> None:
    known = Six()
    with SessionPool(known, max_batch=2, thread=False) as pool:
        sessions = [pool.open("byte") for _ in CAMERAS[:3]]
        for name, session in zip(CAMERAS, sessions, strict=False):
            for frame in known.frames[name][:4]:
                session.push(frame)
        for _ in range(3):
            assert pool.turn() == 2
        assert [[name[-1] for name, _ in batch] for batch in known.batches] == [["0", "1"], ["2", "0"], ["1", "2"]]
        assert pool.turn() == 2
        assert [index for batch in known.batches for name, index in batch if name == CAMERAS[0]] == [0, 1, 2]


def test_the_newest_frame_is_at_most_one_detection_old() -> None:
    known = Gated()
    frames = known.frames[CAMERAS[0]]
    with SessionPool(known, policy="newest") as pool:
        session = pool.open("byte")
        futures = [session.push(frames[0])]
        for newest in (7, 19, 31):  # while one frame is being detected, many come
            assert known.began.acquire(timeout=LONG)
            futures += [session.push(frame) for frame in frames[futures_last(futures) + 1 : newest + 1]]
            known.go.release()
        assert known.began.acquire(timeout=LONG)
        known.go.release()
        wait(futures, LONG)
    detected = [index for batch in known.batches for _, index in batch]
    assert detected == [0, 7, 19, 31]
    assert session.dropped == 28 == sum(future.cancelled() for future in futures)
    done = [future.result().frame.index for future in futures if not future.cancelled()]
    assert done == detected
    with pytest.raises(CancelledError):
        futures[1].result()


def futures_last(futures: list[Future[Step]]) -> int:
    """Return the index of the last frame pushed: they are pushed without gaps."""
    return len(futures) - 1


def test_where_nobody_is_slow_nothing_is_dropped() -> None:
    known = Six()
    with SessionPool(known, policy="newest", thread=False) as pool:
        session = pool.open("byte")
        futures = []
        for frame in known.frames[CAMERAS[1]]:
            futures.append(session.push(frame))
            assert pool.turn() == 1
        assert session.dropped == 0
    assert difference(results(futures), offline(known, CAMERAS[1], "byte")) == ""


def test_who_pushes_too_fast_waits() -> None:
    known, pushed = Gated(), []
    with SessionPool(known, max_batch=1, waiting=2) as pool:
        session = pool.open("byte")

        def run() -> None:
            for frame in known.frames[CAMERAS[0]][:6]:
                session.push(frame)
                pushed.append(frame.index)
                known.go.release()

        thread = threading.Thread(target=run)
        thread.start()
        thread.join(LONG)
        assert pushed == list(range(6))
        assert session.dropped == 0
        known.go.release()


def test_a_pool_without_thread_works_when_it_is_full() -> None:
    known = Six()
    with SessionPool(known, waiting=2, thread=False) as pool:
        session = pool.open("byte")
        futures = [session.push(frame) for frame in known.frames[CAMERAS[0]]]
    assert difference(results(futures), offline(known, CAMERAS[0], "byte")) == ""


class Full:
    """A sink on a full disk."""

    def __init__(self, at: int) -> None:
        self.at, self.left = at, None

    def __enter__(self) -> Full:
        return self

    def write(self, step: Step, /) -> None:
        if step.frame.index == self.at:
            raise SinkError("no space left")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.left = kind


def test_one_session_fails_and_the_others_go_on(tmp_path: Path) -> None:
    known = Six()
    known.bad = {(CAMERAS[0], 5)}
    full = Full(9)
    with SessionPool(known, max_batch=3, thread=False) as pool:
        blind = pool.open("byte", sinks=[tmp_path / "blind.txt"])
        broke = pool.open("byte", sinks=[full, tmp_path / "broke.txt"])
        sound = pool.open("byte", sinks=[tmp_path / "sound.txt"])
        futures: dict[str, list[Future[Step]]] = {name: [] for name in CAMERAS[:3]}
        for index in range(40):
            for name, session in zip(futures, (blind, broke, sound), strict=True):
                with contextlib.suppress(InvalidInputError):
                    futures[name].append(session.push(known.frames[name][index]))
            pool.turn()
        with pytest.raises(PluginError, match="cannot see"):
            futures[CAMERAS[0]][5].result(LONG)
        with pytest.raises(SinkError, match="no space left"):
            broke.close()  # which has gone on with its other output
        assert isinstance(blind.error, PluginError)
        assert sound.error is None
        with pytest.raises(InvalidInputError, match="closed takes no more frames"):
            blind.push(known.frames[CAMERAS[0]][39])
        blind.close()
    assert full.left is SinkError
    assert [len(those) for those in futures.values()] == [6, 40, 40]
    assert not (tmp_path / "blind.txt").exists()
    assert (tmp_path / "broke.txt").read_text().count("\n") > 30
    assert (tmp_path / "sound.txt").exists()
    assert difference(results(futures[CAMERAS[2]]), offline(known, CAMERAS[2], "byte")) == ""


def test_frames_that_wait_fail_with_their_session() -> None:
    known = Six()
    known.bad = {(CAMERAS[0], 1)}
    with SessionPool(known, max_batch=3, thread=False) as pool:
        session = pool.open("byte")
        futures = [session.push(frame) for frame in known.frames[CAMERAS[0]][:5]]
        assert pool.turn() == 3
        assert pool.turn() == 0
    assert futures[0].result().frame.index == 0
    assert [type(future.exception()) for future in futures[1:3]] == [PluginError] * 2
    assert [future.cancelled() for future in futures[3:]] == [True, True]


def test_a_frame_that_nobody_wants_is_not_detected() -> None:
    known = Six()
    with SessionPool(known, thread=False) as pool:
        session = pool.open("byte")
        futures = [session.push(frame) for frame in known.frames[CAMERAS[0]][:3]]
        assert futures[1].cancel()
    assert known.batches == [[(CAMERAS[0], 0), (CAMERAS[0], 2)]]


def test_closing_does_what_waits(tmp_path: Path) -> None:
    known, others = Gated(), threading.enumerate()
    pool = SessionPool(known)
    session = pool.open("byte", sinks=[tmp_path / "a.jsonl"])
    futures = [session.push(frame) for frame in known.frames[CAMERAS[0]][:8]]
    for _ in range(9):
        known.go.release()
    pool.close()
    pool.close()
    assert all(future.done() for future in futures)
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == 8
    assert not any(one.name == "trackforge-pool" for one in threading.enumerate() if one not in others)
    assert not pool.alive
    with pytest.raises(InvalidInputError, match="closed takes no more sessions"):
        pool.open("byte")


def test_an_error_outside_leaves_outputs_partial_and_hangs_nobody(tmp_path: Path) -> None:
    known = Six()
    pool = SessionPool(known, thread=False)
    session = pool.open("byte", sinks=[tmp_path / "a.txt"])
    future = session.push(known.frames[CAMERAS[0]][0])
    pool.__exit__(OSError, OSError("elsewhere"), None)
    assert future.cancelled()
    assert not (tmp_path / "a.txt").exists()


def test_a_session_leaves_one_pool_and_goes_on_in_another() -> None:
    known, frames = Six(), Six().frames[CAMERAS[3]]
    with SessionPool(known) as pool:
        session = pool.open("byte", stream=Stream(name="gate"))
        first = [session.push(frame) for frame in frames[:17]]
        state = session.state()
    with SessionPool(known) as pool:
        session = pool.open("byte", state=state)
        assert session.session.stream.name == "gate"
        with pytest.raises(InvalidInputError, match="must increase strictly"):
            session.push(frames[16])
        second = [session.push(frame) for frame in frames[17:]]
    assert difference(results(first + second), offline(known, CAMERAS[3], "byte")) == ""


def test_what_a_pool_cannot_share() -> None:
    with pytest.raises(InvalidInputError, match="MotionDetector remembers what came before"):
        SessionPool(MotionDetector())
    tracker = trackforge.tracker("byte")
    with SessionPool(Six(), thread=False) as pool:
        pool.open(tracker)
        with pytest.raises(InvalidInputError, match="tracker of its own"):
            pool.open(tracker)
    for wrong in ({"max_batch": 0}, {"waiting": 0}, {"policy": "oldest"}):
        with pytest.raises(InvalidInputError, match="must be"):
            SessionPool(Six(), **wrong)  # type: ignore[arg-type]
    assert Session(MotionDetector(), "byte").last == -1


def test_a_tracker_that_is_in_use_keeps_its_state() -> None:
    known, tracker = Six(), trackforge.tracker("byte")
    fresh = Session(known, "byte").state()
    with SessionPool(known, thread=False) as pool:
        session = pool.open(tracker)
        session.push(known.frames[CAMERAS[0]][0])
        before = session.state()
        with pytest.raises(InvalidInputError, match="tracker of its own"):
            pool.open(tracker, state=fresh)
        assert session.state() == before


def test_ctrl_c_within_a_turn_hangs_nobody() -> None:
    class Stopped(Six):
        def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
            raise KeyboardInterrupt

    known = Stopped()
    pool = SessionPool(known, thread=False)
    session = pool.open("byte")
    futures = [session.push(frame) for frame in known.frames[CAMERAS[0]][:3]]
    with pytest.raises(KeyboardInterrupt):
        pool.turn()
    pool.close()
    assert isinstance(futures[0].exception(), KeyboardInterrupt)
    with SessionPool(known) as pool:
        future = pool.open("byte").push(known.frames[CAMERAS[0]][0])
        assert isinstance(future.exception(LONG), KeyboardInterrupt)
        assert isinstance(pool.open("byte").push(known.frames[CAMERAS[0]][0]).exception(LONG), KeyboardInterrupt)


def test_a_callback_that_would_wait_for_itself_is_told() -> None:
    known, told = Six(), []
    with SessionPool(known, thread=False) as pool:
        session = pool.open("byte")

        def callback(future: Future[Step]) -> None:
            try:
                session.state()
            except InvalidInputError as error:
                told.append(str(error))

        session.push(known.frames[CAMERAS[0]][0]).add_done_callback(callback)
        session.push(known.frames[CAMERAS[0]][1])
        pool.turn()
    assert "Use another thread" in told[0]


def test_each_session_has_a_policy_and_may_have_a_detector_of_its_own() -> None:
    shared, own = Six(), Six()
    with SessionPool(shared, thread=False) as pool:
        every, newest = pool.open("byte"), pool.open("byte", policy="newest")
        alone = pool.open("byte", detector=own)
        futures = [[one.push(frame) for frame in shared.frames[CAMERAS[0]][:3]] for one in (every, newest, alone)]
        with pytest.raises(InvalidInputError, match="detector of its own"):
            pool.open("byte", detector=own)
        with pytest.raises(InvalidInputError, match="policy must be"):
            pool.open("byte", policy="oldest")  # type: ignore[arg-type]
    assert [future.cancelled() for future in futures[1]] == [True, True, False]
    assert own.batches == [[(CAMERAS[0], index)] for index in range(3)]  # one by one, in their order
    assert difference(results(futures[0]), results(futures[2])) == ""
    with (
        SessionPool(None, thread=False) as pool,
        pytest.raises(InvalidInputError, match="needs one with every session"),
    ):
        pool.open("byte")


def test_a_push_that_must_not_wait_says_so() -> None:
    known = Six()
    with SessionPool(known, waiting=2, thread=False) as pool:
        session = pool.open("byte")
        frames = known.frames[CAMERAS[0]]
        futures = [session.try_push(frame) for frame in frames[:3]]
        assert futures[2] is None
        assert pool.turn() == 2
        futures[2] = session.try_push(frames[2])
    assert [future.result(LONG).frame.index for future in futures if future] == [0, 1, 2]


def test_a_lasting_session_outlives_errors_and_single_frames_share_its_batches() -> None:
    known = Six()
    known.bad = {(CAMERAS[0], 1)}
    with SessionPool(known, thread=False) as pool:
        session = pool.open("byte", lasting=True)
        futures = [session.push(frame) for frame in known.frames[CAMERAS[0]][:4]]
        look = pool.detect(known.frames[CAMERAS[1]][7])
        assert look is not None
        assert pool.turn() == 5
        assert difference([look.result(LONG)], [known.found[CAMERAS[1], 7]]) == ""
        assert [type(future.exception(LONG)) for future in futures] == [type(None), PluginError, type(None), type(None)]
        assert (session.frames, session.failed) == (3, 1)
        assert session.last_step is not None
        assert session.last_step.frame.index == 3
    assert {(CAMERAS[0], 0), (CAMERAS[1], 7)} <= set(known.batches[0])


def test_a_pool_ends_within_a_time() -> None:
    known = Gated()
    pool = SessionPool(known, max_batch=1)
    session = pool.open("byte")
    futures = [session.push(frame) for frame in known.frames[CAMERAS[0]][:3]]
    assert known.began.acquire(timeout=LONG)
    pool.close(within=0.1)
    assert isinstance(futures[0].exception(LONG), InvalidInputError)
    assert all(future.cancelled() for future in futures[1:])
    known.go.release()
