"""Analytics of a real server: sessions, films and cameras count as offline, live, saved, drawn and scraped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from bright_detector import BrightConfig, BrightDetector, encoded, scene
from camera_processes import Cameras
from cli_runs import run
from films import film
from served import Server, served, until

import trackforge
from trackforge.io.camera import CameraSource, CameraSourceConfig

FRAMES = 40
POINTS = "10,10 150,10 155,110 5,110"
LINES = "middle=50%,0 50%,100%; across=0,50% 100%,50%"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    ground = f'[analytics.ground]\npoints = "{POINTS}"\nrectangle = [16, 12]\n'
    (folder / "serve.toml").write_text(f'[analytics.lines]\nlines = "{LINES}"\nanchor = "center"\n{ground}')
    with served(folder, "--tracker", "byte", "--config", folder / "serve.toml") as running:
        yield running


def lines() -> dict[str, Any]:
    return {
        "lines": trackforge.analytic("lines", lines=LINES, anchor="center"),
        "ground": trackforge.analytic("ground", points=POINTS, rectangle=(16.0, 12.0)),
    }


def plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def offline(source: Any) -> tuple[list[trackforge.Step], Any]:
    made = lines()
    steps = list(trackforge.track(source, BrightDetector(BrightConfig()), "byte", analytics=made))
    return steps, plain({name: one.result() for name, one in made.items()})


def told(steps: list[trackforge.Step]) -> list[Any]:
    return plain([(step.analytics, list(step.events)) for step in steps])


def got(steps: list[dict[str, Any]]) -> list[Any]:
    return [[step["analytics"], step.get("events", [])] for step in steps]


def frames(seed: int) -> Iterator[trackforge.Frame]:
    for index in range(FRAMES):
        yield trackforge.Frame(index=index, image=scene(index, seed), timestamp=index / 10, sequence="gate")


def test_a_session_counts_as_offline_and_goes_on_where_it_was_saved(server: Server) -> None:
    steps, result = offline(frames(7))
    assert sum(len(step.events) for step in steps) > 0
    pictures = [encoded(scene(index, 7)) for index in range(FRAMES)]
    first = server.open(name="gate", frame_rate=10)
    assert server.get(f"/v1/sessions/{first}/analytics").json["lines"]["lines"]["middle"]["in"] == 0
    begun = [server.frame(first, picture).json for picture in pictures[:20]]
    state = server.get(f"/v1/sessions/{first}/state").body
    answer = server.ask("POST", "/v1/sessions/restore", state, Content_Type="application/octet-stream")
    second = str(answer.json["id"])
    ended = [server.frame(second, picture).json for picture in pictures[20:]]
    assert got(begun + ended) == told(steps)
    assert server.get(f"/v1/sessions/{second}").json["last_step"]["analytics"] == plain(steps[-1].analytics)
    assert server.get(f"/v1/sessions/{second}/analytics").json == result
    for one in (first, second):
        server.ask("DELETE", f"/v1/sessions/{one}")
    assert server.get(f"/v1/sessions/{second}/analytics").status == 410
    counted = server.get("/metrics").body.decode().split("trackforge_analytic_events_total{")[1:]
    assert sum(float(line.split("\n")[0].split("} ")[1]) for line in counted) >= sum(len(s.events) for s in steps)
    assert 'analytic="lines",class="light",' in "".join(counted)


def test_a_session_may_have_lines_of_its_own(server: Server) -> None:
    own = {"lines": {"lines": "mine=0,0 160,120"}, "ground": None, "gate": {"name": "lines", "lines": "a=0,9 9,0"}}
    one = server.open(analytics=own, frame_rate=10)
    assert sorted(server.frame(one, encoded(scene(0))).json["analytics"]) == ["gate", "lines"]
    assert list(server.get(f"/v1/sessions/{one}/analytics").json["lines"]["lines"]) == ["mine"]
    state = server.get(f"/v1/sessions/{one}/state").body
    restored = server.ask("POST", "/v1/sessions/restore", state, Content_Type="application/octet-stream").json["id"]
    assert list(server.get(f"/v1/sessions/{restored}/analytics").json["lines"]["lines"]) == ["mine"]
    for wrong in (
        {"lnies": {}},
        {"lines": 3},
        {"lines": {"lines": {"a": {"b": 1}}}},
        {"lines": {"lines": "a=1,2"}},
        {"lines": {"lines": [[[[[[1]]]]]]}},
        {"": {}},
        {"x": {"name": 3}},
        {"ground": {"points": "1,1 2,2 3,3 4,4", "rectangle": [1, 2]}},
    ):
        answer = server.ask("POST", "/v1/sessions", {"analytics": wrong})
        assert answer.status in (400, 404, 422), (wrong, answer.body)
    camera = {"address": "http://127.0.0.1:9/x", "analytics": {"lnies": {}}}
    assert server.ask("POST", "/v1/cameras", camera).status in (400, 404, 422)


def test_a_film_counts_as_offline_and_shows_it(server: Server, tmp_path: Path) -> None:
    street = film(tmp_path / "street.mp4", [scene(index, 7) for index in range(FRAMES)], rate=10, codec="libx264")
    steps, result = offline(street)
    answer = server.ask("POST", "/v1/films?name=street.mp4&video=true", street.read_bytes(), Content_Type="video/mp4")
    one = str(answer.json["id"])
    until(lambda: server.get(f"/v1/films/{one}").json["state"] in ("done", "failed"))
    assert server.get(f"/v1/films/{one}/analytics").json == result
    for path in ("steps", "results.jsonl"):
        found = [json.loads(line) for line in server.get(f"/v1/films/{one}/{path}").body.splitlines()]
        assert got(found) == told(steps)
    (tmp_path / "drawn.mp4").write_bytes(server.get(f"/v1/films/{one}/results.mp4?wait=60").body)
    with_lines = next(iter(trackforge.source(tmp_path / "drawn.mp4"))).image
    list(trackforge.track(street, BrightDetector(BrightConfig()), "byte", sinks=[tmp_path / "bare.mp4"]))
    bare = next(iter(trackforge.source(tmp_path / "bare.mp4"))).image
    assert np.abs(with_lines[:, 78:83].astype(int) - bare[:, 78:83]).mean() > 10


def test_a_camera_counts_as_offline_and_shows_it_live(server: Server) -> None:
    cameras = Cameras()
    try:
        address = cameras.http(f"ts/7?frames={FRAMES}&fps=100")
        answer = server.ask("POST", "/v1/cameras", {"address": address, "policy": "every", "timeout": 60})
        camera = str(answer.json["id"])
        until(lambda: server.get(f"/v1/cameras/{camera}").json["frames"] >= FRAMES)
        result = server.get(f"/v1/cameras/{camera}/analytics").json
        source = CameraSource(CameraSourceConfig(path=address, latest=False, reconnect=0))
        _, wanted = offline(source)
        for name, line in wanted["lines"]["lines"].items():  # more, once the camera has been reached again
            there = result["lines"]["lines"][name]
            assert (there["points"], there["in"] >= line["in"]) == (line["points"], True)
        picture = live(server, camera)
        assert picture[:, 80].mean() > picture[:, 70].mean()
        server.ask("DELETE", f"/v1/cameras/{camera}")
    finally:
        cameras.stop()


def live(server: Server, camera: str) -> np.ndarray:
    """Return the first picture of the live view."""
    with server.raw() as connection:
        request = f"GET /v1/cameras/{camera}/stream.mjpeg HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n"
        connection.sendall(request.encode())
        data = b""
        while b"\xff\xd9" not in data:
            data += connection.recv(1 << 16)
    begin = data.index(b"\xff\xd8")
    return cv2.imdecode(np.frombuffer(data[begin : data.index(b"\xff\xd9") + 2], np.uint8), cv2.IMREAD_COLOR)


def test_the_page_draws_lines_and_counts_over_a_live_picture(server: Server, browser: Any) -> None:
    cameras, problems = Cameras(), []
    try:
        address = cameras.http("mjpeg/7?fps=20")
        camera = str(server.ask("POST", "/v1/cameras", {"address": address}).json["id"])
        context = browser.new_context(viewport={"width": 1000, "height": 800})
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(server.url + "/#cameras")
        until(lambda: page.evaluate("document.querySelector('.tile canvas')?.dataset.shapes") == "2")
        middle = """() => {
          const canvas = document.querySelector(".tile canvas"), c = canvas.getContext("2d");
          const [x, y] = [Math.round(canvas.width / 2), Math.round(canvas.height / 5)];
          return [...c.getImageData(x, y, 1, 1).data.slice(0, 3)];
        }"""
        until(lambda: np.abs(np.array(page.evaluate(middle)) - (255, 146, 43)).max() < 60)
        context.close()
        server.ask("DELETE", f"/v1/cameras/{camera}")
    finally:
        cameras.stop()
    assert problems == []


def test_an_analytic_that_cannot_be_is_refused_at_the_start() -> None:
    assert "Did you mean 'lines'" in run("serve", "--analytic", "lnies", code=2).stderr
    assert "must have 2 points" in run("serve", "--line", "a=1,2", code=2).stderr
