"""A server as its clients see it: what it tells, tracks, saves and counts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bright_detector import BrightConfig, BrightDetector, encoded, scene
from served import Server, served

import trackforge
from trackforge.serving import step_json
from trackforge.types import Frame


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("server"), "--tracker", "byte") as running:
        yield running


def offline(seed: int, frames: int) -> list[dict[str, object]]:
    session = trackforge.Session(BrightDetector(BrightConfig()), "byte")
    return [step_json(session.step(Frame(index=k, image=scene(k, seed))), ("light",)) for k in range(frames)]


def test_two_cameras_by_turns_are_tracked_as_offline(server: Server) -> None:
    ids = [server.open(name=f"camera {seed}") for seed in (1, 2)]
    got: list[list[dict[str, object]]] = [[], []]
    for k in range(12):
        for one, seed in enumerate((1, 2)):
            answer = server.frame(ids[one], encoded(scene(k, seed)))
            assert answer.status == 200, answer.body
            got[one].append(answer.json)
    for one, seed in enumerate((1, 2)):
        assert got[one] == offline(seed, 12)
        assert any(step["tracks"] for step in got[one])
        told = server.get(f"/v1/sessions/{ids[one]}").json
        assert (told["frames"], told["dropped"], told["last_step"]) == (12, 0, got[one][-1])
        assert server.ask("DELETE", f"/v1/sessions/{ids[one]}").json["frames"] == 12
        assert server.get(f"/v1/sessions/{ids[one]}").status == 410
