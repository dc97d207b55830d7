"""Analytics within a session: what steps carry, what is saved, who draws, and whose fault it is."""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_analytic import Middle

from trackforge import Frame, Step
from trackforge.analytics.together import Together
from trackforge.errors import InvalidInputError, PluginError, StateError, UnknownComponentError
from trackforge.io.annotated import PicturesSink, PicturesSinkConfig
from trackforge.io.overlay import OverlaySink, OverlaySinkConfig
from trackforge.packing import pack, unpack
from trackforge.pipeline import track
from trackforge.pool import SessionPool
from trackforge.runs.blame import blaming
from trackforge.runs.component import Component
from trackforge.session import Session
from trackforge.synthetic.crowd import Crowd, CrowdConfig
from trackforge.testing.conformance import check_analytic
from trackforge.types import Detections, Tracks


class Known:
    """A detector that knows the answers; it looks at the frame's index alone."""

    classes = ("person",)
    embedding_dim = None

    def __init__(self, frames: int = 60) -> None:
        crowd = Crowd(CrowdConfig(objects=8, frames=frames, false_positives=1, seed=2))
        self.frames, self.found = map(list, zip(*crowd, strict=True))

    def detect(self, frames: object, /) -> list[Detections]:
        return [self.found[frame.index] for frame in frames]  # type: ignore[attr-defined]


def test_a_step_has_none_unless_asked_and_keeps_them_when_it_moves() -> None:
    step = Step(frame=Frame(index=0, size=(8, 8)), detections=Detections.empty(), tracks=Tracks.empty())
    assert (step.analytics, step.events) == ({}, ())
    more = dataclasses.replace(step, analytics={"a": {"n": 1}}, events=({"kind": "x"},))
    again = pickle.loads(pickle.dumps(more))
    assert (again.analytics, again.events) == (more.analytics, more.events)
    assert dataclasses.replace(more, tracks=Tracks.empty()).analytics == {"a": {"n": 1}}


def test_the_toy_keeps_the_contract() -> None:
    check_analytic(Middle)


def test_pushed_pulled_and_pooled_frames_count_alike(tmp_path: Path) -> None:
    known = Known()
    middles = [Middle() for _ in range(3)]
    pulled = list(track(known.frames, known, "byte", analytics=[middles[0]], sinks=[tmp_path / "a.jsonl"]))
    with Session(known, "byte", analytics={"middle": middles[1]}) as session:
        pushed = [session.step(frame) for frame in known.frames]
    with SessionPool(known) as pool, pool.open("byte", analytics=[middles[2]]) as pooled:
        shared = [pooled.push(frame).result() for frame in known.frames]
    assert middles[0].crossed > 1
    assert middles[0].stream.classes == ("person",)
    assert session.analytics.result() == {"middle": middles[0].result()}
    for steps in (pushed, shared):
        assert [(s.analytics, s.events) for s in steps] == [(s.analytics, s.events) for s in pulled]
    events = [event for step in pulled for event in step.events]
    assert len(events) == middles[0].crossed
    assert events[0].keys() == {"analytic", "frame", "time", "kind", "track_id"}
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [line["analytics"] for line in lines] == [step.analytics for step in pulled]
    assert [event for line in lines for event in line.get("events", [])] == events


def test_what_they_know_moves_with_the_session() -> None:
    known = Known()
    with Session(known, "byte", analytics=[Middle()]) as whole:
        expected = [session_step.analytics for session_step in map(whole.step, known.frames)]
    first = Session(known, "byte", analytics=[Middle()])
    begun = [first.step(frame).analytics for frame in known.frames[:30]]
    state = first.state()
    second = Session.restore(state, known, "byte", analytics=[Middle()])
    assert begun + [second.step(frame).analytics for frame in known.frames[30:]] == expected
    plain = Session.restore(state, known, "byte")  # whoever does not ask for them
    assert plain.step(known.frames[30]).analytics == {}
    old = {key: value for key, value in unpack(state).items() if key != "analytics"}
    anew = Session.restore(pack(old), known, "byte", analytics=[Middle()])
    assert anew.step(known.frames[30]).analytics == {"middle": {"crossed": 0}}
    with pytest.raises(StateError, match="state of analytics"):
        Session.restore(pack({**old, "analytics": 3}), known, "byte", analytics=[Middle()])


def test_what_is_no_analytic_is_refused_before_the_work() -> None:
    known = Known()
    for wrong in (Middle, 3, object()):
        with pytest.raises(InvalidInputError, match=r"object with update\(\), result\(\) and reset\(\)"):
            Session(known, "byte", analytics=[wrong])  # type: ignore[list-item]
    with pytest.raises(InvalidInputError, match=r"Write analytics=\['lines'\]"):
        Session(known, "byte", analytics="lines")
    with pytest.raises(InvalidInputError, match="two are called 'middle'"):
        Session(known, "byte", analytics=[Middle(), Middle()])
    assert list(Together({"a": Middle(), "b": Middle()}).members) == ["a", "b"]
    with pytest.raises(UnknownComponentError):
        Session(known, "byte", analytics=["nothing-like-it"])


def test_an_analytic_that_fails_or_gives_nonsense_is_named() -> None:
    class Mute(Middle):
        def update(self, step: Step, /) -> Any:
            return None

    known = Known()
    with pytest.raises(PluginError, match="Mute gave NoneType"):
        Session(known, "byte", analytics=[Mute()]).step(known.frames[0])
    asked = Component("analytic", "byte")
    blamed = Together([Middle(fails_at=2)], lambda name, where: blaming(dataclasses.replace(asked, name=name), where))
    with pytest.raises(PluginError, match=r"The analytic 'middle' of \S+ failed at frame 2: KeyError: 'middle'"):
        list(track(known.frames, known, "byte", analytics=blamed))


def test_pictures_show_what_analytics_draw(tmp_path: Path) -> None:
    import cv2

    frames = [Frame(index=k, image=np.zeros((48, 64, 3), np.uint8)) for k in range(3)]

    class Nothing:
        classes, embedding_dim = ("person",), None

        def detect(self, given: list[Frame], /) -> list[Detections]:
            return [Detections.empty() for _ in given]

    sinks = [
        PicturesSink(PicturesSinkConfig(path=tmp_path / "shots")),
        OverlaySink(OverlaySinkConfig(path=tmp_path / "film.mp4")),
    ]
    with Session(Nothing(), "byte", sinks=sinks, analytics=[Middle()]) as session:
        for frame in frames:
            session.step(frame)
    assert not frames[0].image.any()  # type: ignore[union-attr]
    drawn = cv2.imread(str(tmp_path / "shots" / "000001.jpg"))
    assert drawn[:, 32].mean() > 200
    assert drawn[:, 5].mean() < 30
    film = cv2.VideoCapture(str(tmp_path / "film.mp4"))
    read, picture = film.read()
    assert read
    assert picture[:, 32].mean() > 150
    with Session(Nothing(), "byte", sinks=sinks[:1]) as session:  # another run of the same sink draws for itself
        session.step(frames[0])
    assert cv2.imread(str(tmp_path / "shots" / "000001.jpg"))[:, 32].mean() < 30


def test_a_lasting_analytic_that_fails_is_left_out_and_the_others_go_on() -> None:
    known = Known()
    together = Together({"bad": Middle(fails_at=2), "good": Middle()}, lasting=True)
    steps = list(track(known.frames, known, "byte", analytics=together))
    assert [sorted(step.analytics) for step in steps[:3]] == [["bad", "good"], ["bad", "good"], ["good"]]
    assert together.failures == {"bad": "'middle'"}
    assert "left out" in together.result()["bad"]["problem"]
    assert together.result()["good"] == {"crossed": 2, "tracks": 9}
    together.load_state_dict({"good": {"of": "another"}})  # after a change of settings
    assert together.result()["good"] == {"crossed": 0, "tracks": 0}
    with pytest.raises(StateError):
        Together({"good": Middle()}).load_state_dict({"good": {"of": "another"}})
