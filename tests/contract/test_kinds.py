"""The table of kinds is whole, and the kit knows good components of each newer kind from bad ones."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

import trackforge
from trackforge.data import format_named, formats
from trackforge.errors import ConfigError, SinkError, StateError
from trackforge.io.atomic import atomic_path
from trackforge.io.masks import encode_mask
from trackforge.registry import KINDS, ComponentSpec, hookimpl, kind_named, registry
from trackforge.testing import (
    BrokenRule,
    check_analytic,
    check_camera_motion,
    check_command,
    check_dataset_format,
    check_embedder,
    check_exporter,
    check_segmenter,
    rules,
)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_kind_has_a_contract_a_check_and_a_door(kind):
    assert kind.summary.endswith(".")
    assert (kind.load("protocol").__doc__ or "").strip()
    assert kind.load("door").__doc__
    assert kind.load("check").__name__.startswith("check_")
    assert rules(kind.name)


def test_an_unknown_kind_gets_a_hint():
    with pytest.raises(ConfigError, match="Did you mean 'tracker'"):
        kind_named("trackr")


# -- components of the newer kinds, as short as they can be -----------------------------------------------------------


class Colours:
    """Mean and spread of the colours in a box."""

    dim = 6

    def embed(self, frame, xyxy, /):
        height, width = frame.image.shape[:2]
        out = np.empty((len(xyxy), 6), np.float32)
        for row, (x1, y1, x2, y2) in zip(out, xyxy.astype(int), strict=True):
            part = frame.image[max(y1, 0) : min(y2, height), max(x1, 0) : min(x2, width)].reshape(-1, 3)
            row[:3], row[3:] = part.mean(axis=0), part.std(axis=0)
        return out / np.linalg.norm(out, axis=1, keepdims=True)


class Filled:
    """Takes the whole of a box for the object."""

    def segment(self, frame, xyxy, /):
        height, width = frame.image.shape[:2]
        found = []
        for x1, y1, x2, y2 in xyxy.round().astype(int).clip(0):
            mask = np.zeros((height, width), bool)
            mask[y1:y2, x1:x2] = True
            found.append(encode_mask(mask))
        return found


class Shift:
    """Phase correlation: pure translations."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.before = None

    def motion(self, frame, /):
        before, self.before = self.before, None
        if frame.image is None:
            return None
        self.before = cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY).astype(np.float64)
        if before is None:
            return None
        (x, y), _ = cv2.phaseCorrelate(before, self.before, cv2.createHanningWindow(before.shape[::-1], cv2.CV_64F))
        return np.array([[1.0, 0, x], [0, 1, y]])


class Count:
    def __init__(self):
        self.reset()

    def reset(self):
        self.ids = set()

    def update(self, step, /):
        self.ids.update(step.tracks.visible.track_id.tolist())
        return {"now": len(step.tracks.visible), "total": len(self.ids)}

    def result(self):
        return {"total": len(self.ids)}


class Arrivals(Count):
    """All that an analytic may be."""

    def open(self, stream, /):
        self.classes = stream.classes

    def reset(self):
        super().reset()
        self.classes, self.new = (), []

    def update(self, step, /):
        new = set(step.tracks.visible.track_id.tolist()) - self.ids
        self.new += [
            {"frame": step.frame.index, "time": step.frame.timestamp, "kind": "arrival", "track_id": one} for one in new
        ]
        return super().update(step)

    def events(self):
        new, self.new = self.new, []
        return new

    def draw(self, image, step, /):
        image[:1] = len(step.tracks)

    def state_dict(self):
        return {"format": "arrivals", "ids": sorted(self.ids)}

    def load_state_dict(self, state, /):
        if state.get("format") != "arrivals":
            raise StateError("of somebody else")
        self.ids = set(state["ids"])


def to_json(path):
    with atomic_path(path) as partial:
        partial.write_text(json.dumps({"weights": [1, 2]}))
    return path


def hello(argv):
    sys.stdout.write("hello [--help]\n")
    return 0


def make_hello():
    return hello


def test_good_ones_pass():
    check_embedder(Colours)
    check_segmenter(Filled)
    check_camera_motion(Shift)
    check_analytic(Count)
    check_analytic(Arrivals)
    check_exporter(to_json, suffix=".json")
    check_command(make_hello)


@pytest.mark.parametrize("name", formats())
def test_built_in_formats_pass(name):
    check_dataset_format(lambda: format_named(name))


def test_bad_ones_are_told():
    class Long(Colours):
        def embed(self, frame, xyxy, /):
            return 2 * super().embed(frame, xyxy)

    class Small(Filled):
        def segment(self, frame, xyxy, /):
            return [encode_mask(np.ones((64, 64), bool))] * len(xyxy)

    class Still(Shift):
        def motion(self, frame, /):
            return np.eye(2, 3)

    class Sticky(Count):
        def reset(self):
            self.ids = getattr(self, "ids", set())

    class Meddling(Arrivals):
        def draw(self, image, step, /):
            self.ids.add(-1)

    class Chatty(Arrivals):
        def events(self):
            return self.new

    class Vague(Arrivals):
        def events(self):
            return [{"kind": "arrival", "track": {"id": 1}} for _ in super().events()]

    class Forgetful(Arrivals):
        def load_state_dict(self, state, /):
            super().load_state_dict({**state, "ids": ()})

    class Trusting(Arrivals):
        def load_state_dict(self, state, /):
            self.ids = set(state.get("ids", ()))

    class Picky(Arrivals):
        def open(self, stream, /):
            self.rate = 1 / int(stream.rate or 1)

    def littering(path):
        path.with_suffix(".tmp").write_text("")
        path.write_text("x")
        return path

    def mute(argv):
        return 1

    def nothing_written(given, target):
        target.mkdir(parents=True)
        return []

    for check, make, name in (
        (check_embedder, Long, "gives_one_vector_a_box"),
        (check_segmenter, Small, "gives_one_mask_a_box"),
        (check_camera_motion, Still, "follows_a_pan"),
        (check_analytic, Sticky, "forgets_on_reset"),
        (check_analytic, Meddling, "draws_in_place"),
        (check_analytic, Chatty, "tells_what_happened: events.. tells an event twice"),
        (check_analytic, Vague, "tells_what_happened: an event has no frame, time"),
        (check_analytic, Forgetful, "goes_on_from_its_state"),
        (check_analytic, Trusting, "refuses_a_foreign_state"),
        (check_analytic, Picky, "is_told_about_the_stream"),
        (check_exporter, littering, "writes_one_whole_file"),
        (check_command, lambda: mute, "explains_itself"),
        (
            check_dataset_format,
            lambda: replace(format_named("coco"), write=nothing_written),
            "reads_what_it_writes",
        ),
    ):
        with pytest.raises(BrokenRule, match=name):
            check(make)


def test_an_exporter_that_fails_openly_is_told():
    def raw(path):
        path.write_text("x")
        return path

    with pytest.raises(BrokenRule, match="fails_without_a_trace"):
        check_exporter(raw)
    with pytest.raises(SinkError):
        to_json("/dev/null/x.json")


def test_doors_of_the_newer_kinds_lead_to_plugins(monkeypatch):
    class Plugin:
        @hookimpl
        def trackforge_components(self):
            for kind, target in (
                ("embedder", "Colours"),
                ("segmenter", "Filled"),
                ("camera", "Shift"),
                ("analytic", "Count"),
                ("command", "make_hello"),
            ):
                yield ComponentSpec(kind=kind, name="toy", target=f"{__name__}:{target}")

    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    registry().register(Plugin(), "toy")
    try:
        assert isinstance(trackforge.embedder("toy"), Colours)
        assert isinstance(trackforge.segmenter("toy"), Filled)
        assert isinstance(trackforge.camera_motion("toy"), Shift)
        assert isinstance(trackforge.analytic("toy"), Count)
        assert trackforge.command("toy")(["--help"]) == 0
    finally:
        registry().unregister("toy")
