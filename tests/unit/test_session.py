"""Pushing frames: the same steps as pulling them, outputs, and states that move between processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import trackforge
from trackforge import Frame, Step
from trackforge.detectors.motion import MotionDetector
from trackforge.errors import InvalidInputError, PluginError, StateError
from trackforge.packing import pack, unpack
from trackforge.pipeline import track
from trackforge.session import Session
from trackforge.synthetic.crowd import Crowd, CrowdConfig
from trackforge.testing.conformance.rules import difference
from trackforge.types import Detections, Stream

TRACKERS = ["byte", "bytetrack", "sort", "ocsort", "observation-centric"]


class Known:
    """A detector that knows the answers; it looks at the frame's index alone."""

    classes = ("person",)
    embedding_dim = None

    def __init__(self, seed: int = 0, frames: int = 60) -> None:
        crowd = Crowd(CrowdConfig(objects=8, frames=frames, false_positives=1, seed=seed))
        self.frames, self.found = map(list, zip(*crowd, strict=True))

    def detect(self, frames: object, /) -> list[Detections]:
        return [self.found[frame.index] for frame in frames]  # type: ignore[attr-defined]


def rows(steps: list[Step]) -> list[object]:
    return [(step.frame.index, step.detections, step.tracks) for step in steps]


@pytest.mark.parametrize("name", TRACKERS)
def test_pushed_frames_give_what_the_pulled_pipeline_gives(name: str, tmp_path: Path) -> None:
    known = Known()
    outs = [[tmp_path / who / f"out.{ending}" for ending in ("txt", "json", "jsonl")] for who in ("pulled", "pushed")]
    pulled = list(track(known.frames, known, name, sinks=outs[0]))
    with Session(known, name, sinks=outs[1]) as session:
        pushed = [session.step(frame) for frame in known.frames]
    assert difference(rows(pushed), rows(pulled)) == ""
    assert [a.read_bytes() for a in outs[0]] == [b.read_bytes() for b in outs[1]]


def test_the_motion_detector_too() -> None:
    frames = list(trackforge.source("synthetic", frames=40, size=(320, 192)))
    with Session(MotionDetector(), "byte") as session:
        pushed = [session.step(frame) for frame in frames]
        with pytest.raises(StateError, match="MotionDetector remembers frames, too"):
            session.state()
    assert difference(rows(pushed), rows(list(track(frames, MotionDetector(), "byte")))) == ""


GO_ON = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_session import Known, Session
known, folder = Known(), Path(sys.argv[1])
session = Session.restore((folder / "state").read_bytes(), known, sys.argv[3], sinks=[folder / "second.jsonl"])
with session:
    for frame in known.frames[session.last + 1 :]:
        session.step(frame)
"""


@pytest.mark.parametrize("name", TRACKERS)
def test_a_session_moves_to_another_process(name: str, tmp_path: Path) -> None:
    known = Known()
    with Session(known, name, sinks=[tmp_path / "whole.jsonl"]) as session:
        for frame in known.frames:
            session.step(frame)
    with Session(known, name, sinks=[tmp_path / "first.jsonl"], stream=Stream(name="yard", rate=5.0)) as session:
        for frame in known.frames[:25]:
            session.step(frame)
        (tmp_path / "state").write_bytes(session.state())
    words = [sys.executable, "-c", GO_ON, str(tmp_path), str(Path(__file__).parent), name]
    subprocess.run(words, check=True, timeout=120)
    first, second, whole = ((tmp_path / f"{name}.jsonl").read_text() for name in ("first", "second", "whole"))
    assert first + second == whole


@pytest.mark.parametrize("name", TRACKERS)
def test_the_state_is_plain_and_exact(name: str) -> None:
    known = Known()
    session = Session(known, name)
    for frame in known.frames[:30]:
        session.step(frame)
    again = Session.restore(session.state(), known, name)
    assert difference(unpack(again.state()), unpack(session.state())) == ""
    assert again.stream == session.stream


def test_states_of_others_are_refused() -> None:
    known = Known()
    session = Session(known, "byte")
    session.step(known.frames[0])
    state = unpack(session.state())
    for wrong in (
        {},
        {**state, "format": 2},
        {**state, "stream": {"rate": "fast"}},
        {**state, "stream": 3},
        {**state, "frame": "last"},
        {**state, "tracker": {}},
    ):
        with pytest.raises(StateError):
            Session.restore(pack(wrong), known, "byte")
    with pytest.raises(StateError):
        Session.restore(session.state(), known, "ocsort")
    with pytest.raises(StateError):
        Session.restore(b"nothing", known, "byte")


def test_frames_must_follow_and_sessions_end() -> None:
    known = Known()
    session = Session(known, "byte")
    session.step(known.frames[3])
    for frame in known.frames[2:4]:
        with pytest.raises(InvalidInputError, match="must increase strictly"):
            session.step(frame)
    with pytest.raises(InvalidInputError, match=r"must yield trackforge\.Frame objects; got int"):
        session.step(5)  # type: ignore[arg-type]
    session.step(known.frames[4])
    session.close()
    session.close()
    with pytest.raises(InvalidInputError, match="closed takes no more frames"):
        session.step(known.frames[5])
    with pytest.raises(InvalidInputError, match="sinks must be a list"):
        Session(known, "byte", sinks="out.txt")


def test_outputs_are_whole_or_not_there(tmp_path: Path) -> None:
    known = Known()
    session = Session(known, "byte", sinks=[tmp_path / "closed.json"])
    session.step(known.frames[0])
    assert not (tmp_path / "closed.json").exists()
    session.close()
    assert (tmp_path / "closed.json").exists()
    with Session(known, "byte", sinks=[tmp_path / "empty.json"]):
        pass
    assert '"name": "person"' in (tmp_path / "empty.json").read_text()
    with Session(known, "byte", sinks=[tmp_path / "failed.txt"]) as session:
        session.step(known.frames[0])
        error = OSError("no camera")
        session.__exit__(OSError, error, None)
    assert not (tmp_path / "failed.txt").exists()


def test_a_detector_that_forgets_a_frame_is_told() -> None:
    class Forgetful(Known):
        def detect(self, frames: object, /) -> list[Detections]:
            return []

    with pytest.raises(PluginError, match="Forgetful gave 0 for 1 frames"):
        Session(Forgetful(), "byte").step(Frame(index=0))
