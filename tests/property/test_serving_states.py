"""Saved sessions that somebody has changed: refused, or tracked on; never a harm to the server or to other sessions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from served_scenes import LENGTH, LONG, feed, image, install, offline, started

from trackforge.errors import TrackforgeError
from trackforge.packing import pack, unpack
from trackforge.serving import Engine
from trackforge.testing.conformance.rules import difference

WILD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([-1, 0, 2**31, 2**63 - 1, 2**70, -(2**63)]),
    st.floats(),
    st.text(max_size=3),
    st.just([]),
    st.just({}),
    st.just("x" * 5000),
    st.builds(lambda n: np.zeros((n, 4)), st.integers(0, 3)),
    st.builds(lambda n: np.full(n, 2**62), st.integers(0, 7)),
    st.builds(lambda n: np.full(n, np.nan, np.float32), st.integers(0, 7)),
)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with install(), started(max_sessions=10_000) as made:
        yield made


def changed(node: Any, data: st.DataObject) -> Any:
    """Return a value with something in it replaced, taken out or turned around."""
    children = list(node) if isinstance(node, dict) else []
    if isinstance(node, (list, tuple)):
        children = list(range(len(node)))
    if not children or data.draw(st.integers(0, 4)) == 0:
        if isinstance(node, np.ndarray) and node.size and data.draw(st.booleans()):
            made = node.copy()
            made.flat[data.draw(st.integers(0, node.size - 1))] = data.draw(st.sampled_from([0, 1, 127]))
            return made[: data.draw(st.integers(0, len(node)))] if node.ndim and data.draw(st.booleans()) else made
        return data.draw(WILD)
    child = data.draw(st.sampled_from(children))
    if isinstance(node, dict):
        if data.draw(st.integers(0, 9)) == 0:
            return {key: value for key, value in node.items() if key != child}
        return {**node, child: changed(node[child], data)}
    return type(node)(changed(one, data) if k == child else one for k, one in enumerate(node))


def _with(state: dict[str, Any], key: str, data: st.DataObject) -> dict[str, Any]:
    return {**state, key: changed(state[key], data)}


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(["byte", "ocsort", "bytetrack"]), st.booleans(), st.data())
def test_a_changed_state_is_refused_or_goes_on_and_harms_nobody(
    engine: Engine, tracker: str, inner: bool, data: st.DataObject
) -> None:
    session = engine.sessions.open(tracker=tracker)
    feed(session, 0, range(4))
    state = unpack(session.state())
    session.close()
    if inner:
        within = unpack(state["session"].tobytes())
        within = _with(within, data.draw(st.sampled_from(["tracker", "tracker", "stream", "frame"])), data)
        state["session"] = np.frombuffer(pack(within), np.uint8)
    else:
        state = _with(state, data.draw(st.sampled_from(sorted(state))), data)
    try:
        again = engine.sessions.open(state=pack(state))
    except TrackforgeError:
        pass
    else:
        for k in (50, 51):
            try:
                future = again.push(image(0, k), index=k)
            except TrackforgeError:
                break
            assert isinstance(future.exception(LONG), (Exception, type(None)))
        again.close()
    assert engine.state == "ready"


def test_after_all_that_the_engine_is_well(engine: Engine) -> None:
    assert difference(feed(engine.sessions.open(), 1, range(LENGTH)), offline(1)) == ""
    assert len(engine.sessions) == 1
    assert engine.model.held == 0
