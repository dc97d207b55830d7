"""Dimensions: how they are written, and what is tried where nobody says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackforge.errors import ConfigError, UnknownComponentError
from trackforge.registry import registry
from trackforge.tuning import Choice, Component, Range, Setup, default_space, parse, search_space
from trackforge.tuning.space import parse_all

FILES = Component("detector", "file", {"path": "x.txt"})


def setup(tracker: str = "byte", **parts: Component) -> Setup:
    return Setup(Component("tracker", tracker), FILES, **parts)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("0.3:0.8", Range("tracker.x", 0.3, 0.8)),
        ("10:90:int-log", Range("tracker.x", 10, 90, whole=True, log=True)),
        ("0:1:step=0.25", Range("tracker.x", 0, 1, step=0.25)),
        ("1e-3:1:log", Range("tracker.x", 0.001, 1, log=True)),
        ("iou, giou", Choice("tracker.x", ("iou", "giou"))),
        ([16, None, True], Choice("tracker.x", ("16", "none", "true"))),
        ([[416, 416], [640, 640]], Choice("tracker.x", ("416x416", "640x640"))),
    ],
)
def test_written_dimensions(text, made) -> None:
    assert parse("tracker.x", text) == made


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("high_score", "0:1", "section.setting"),
        ("sink.box", "a,b", "section of detector, tracker"),
        ("tracker.x", "0.8:0.3", "from less to more; got 0.8:0.3"),
        ("tracker.x", "0:1:log", "above 0"),
        ("tracker.x", "0.5:2:int", "whole bounds"),
        ("tracker.x", "a:1", "LOW:HIGH"),
        ("tracker.x", "0:1:lag", "int, log or step"),
        ("tracker.x", "0:1:step=2", "fit into the range"),
        ("tracker.x", "one", "two different values"),
        ("tracker.x", "a,a", "two different values"),
        ("tracker.x", 3, "must read like"),
    ],
)
def test_badly_written_dimensions(name, text, message) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(name, text)


@given(
    low=st.integers(1, 50),
    width=st.integers(1, 50),
    log=st.booleans(),
    whole=st.booleans(),
    step=st.sampled_from([None, 1]),
)
def test_what_is_printed_can_be_read(low, width, log, whole, step) -> None:
    made = Range("tracker.x", low, low + width, whole=whole, log=log and step is None, step=step)
    assert parse("tracker.x", str(made)) == made
    assert made.holds(low)
    assert made.holds(low + width)
    assert not made.holds(low + width + 1)
    assert not made.holds(None)
    assert not made.holds(value=True)
    assert made.holds(low + 0.5) == (not whole and step is None)


def test_command_line_goes_before_file() -> None:
    table = {"tracker": {"high-score": "0:1", "low_score": [0.1, 0.2]}}
    assert parse_all(["tracker.high_score=0.2:0.3", "tracker.max_lost"], table) == {
        "tracker.high_score": "0.2:0.3",
        "tracker.low_score": [0.1, 0.2],
        "tracker.max_lost": None,
    }
    with pytest.raises(ConfigError, match=r"\[search\] must read"):
        parse_all([], {"tracker": 3})


TRACKERS = [spec.name for spec, _ in registry().specs("tracker")]


@pytest.mark.parametrize("name", TRACKERS)
def test_default_space_of_every_tracker_is_within_its_declarations(name) -> None:
    made = setup(name, associator=Component("associator", "byte")) if name == "online" else setup(name)
    space = default_space(made)
    assert space
    for one in space:
        component = made.component(one.name.partition(".")[0])
        key = one.name.partition(".")[2]
        assert isinstance(one, Range)
        for value in (one.low, one.high):  # raises where out of range
            component.convert({key: one.suggested(value)})
        default = made.value(one.name)
        assert one.low <= default <= one.high, f"{one.name}: the default {default} is not searched"


def test_default_space_of_byte() -> None:
    space = {one.name: str(one) for one in default_space(setup())}
    assert space["tracker.max_lost"] == "10:120:int-log"
    assert space["tracker.high_score"] == "0.4:0.8"
    assert "tracker.frame_rate" not in space
    assert "tracker.motion" not in space
    assert "tracker.fuse_score" not in space


def test_a_name_alone_takes_the_declared_range() -> None:
    parts = {"associator": Component("associator", "byte"), "motion": Component("motion", "xywh")}
    asked = ("associator.fuse_score", "motion.position_std", "tracker.classes", "tracker.min_hits")
    space = search_space(setup("online", **parts), dict.fromkeys(asked))
    assert [str(one) for one in space] == ["true,false", "0.017:0.15:log", "ignore,separate,vote", "1:5:int"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"tracker.high_scor": "0:1"}, "Did you mean 'high_score'"),
        ({"tracker.first_limit": "0.5:1.5"}, "first_limit must be >= 0 and <= 1"),
        ({"tracker.motion": "xywh,abc"}, "motion must be xywh | xyah"),
        ({"tracker.max_lost_seconds": None}, "no range to search"),
        ({"tracker.name": None}, "needs the names"),
        ({"motion.position_std": "0:1"}, "There is no motion by itself in tracker 'byte'"),
    ],
)
def test_searches_that_cannot_be(asked, message) -> None:
    with pytest.raises(ConfigError, match=message):
        search_space(setup(), asked)


def test_unknown_component_in_a_choice() -> None:
    with pytest.raises(UnknownComponentError, match="bite"):
        search_space(setup(), {"tracker.name": "byte,bite"})


def test_whole_settings_get_whole_ranges() -> None:
    (one,) = search_space(setup(), {"tracker.min_hits": "1:4"})
    assert one == Range("tracker.min_hits", 1, 4, whole=True)


def test_settings_of_a_setup() -> None:
    base = setup("online", associator=Component("associator", "byte", {"high_score": 0.5}))
    made = base.but({"tracker.min_hits": 3, "associator.low_score": "0.2", "motion.position_std": 0.1})
    tracker = made.make_tracker()
    assert tracker.lifecycle.min_hits == 3
    assert (tracker.associator.high_score, tracker.associator.low_score) == (0.5, 0.2)
    assert tracker.motion.config.position_std == 0.1
    assert base.value("associator.low_score") == 0.1
    assert made.tables() == {
        "tracker": {"name": "online", "min_hits": 3},
        "associator": {"name": "byte", "high_score": 0.5, "low_score": 0.2},
        "motion": {"name": "xyah", "position_std": 0.1},
    }
    with pytest.raises(ConfigError, match="brings its own motion"):
        setup("byte", motion=Component("motion", "xywh"))


def test_another_component_keeps_what_both_know() -> None:
    base = setup("online", motion=Component("motion", "xyah", {"position_std": 0.1, "aspect_std": 0.02}))
    made = base.but({"motion.name": "xywh", "motion.aspect_std": 0.05, "motion.velocity_std": 0.01})
    assert made.tables()["motion"] == {"name": "xywh", "position_std": 0.1, "velocity_std": 0.01}
    made.make_tracker()
