"""The page of a server in a browser: the right boxes on the right frame, results, cameras, the token, no harm."""

from __future__ import annotations

import base64
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_runs import run
from films import film
from http_servers import Camera
from served import Server, served, until

import trackforge
from trackforge.io.drawing import colour_of

EVIL = "<img src=x onerror=\"document.title='harmed'\">"
SIZE, COUNT, BITS, STEP = (320, 192), 60, 8, 4
# What number is written in the picture that is shown, what the page says, and how far a line of a box's colour is from
# where the box's left edge would be in that frame.
READ = """([red, green, blue, top]) => {
  const canvas = document.querySelector("#picture"), copy = document.createElement("canvas");
  copy.width = canvas.width;
  copy.height = canvas.height;
  const c = copy.getContext("2d", {willReadFrequently: true}), w = canvas.width / 8, share = canvas.width / 320;
  c.drawImage(canvas, 0, 0);
  const at = (x, y) => c.getImageData(Math.round(x), Math.round(y), 1, 1).data;
  let number = 0;
  for (let bit = 0; bit < 8; bit++) {
    const [r, g, b] = at((bit + .5) * w, canvas.height - 12 * share);
    if (r + g + b > 225) number |= 1 << bit;
  }
  const left = (10 + 4 * number) * share, y = (top + 20) * share;
  let off = 99;
  for (let x = -8; x <= 8; x++) {
    const [r, g, b] = at(left + x, y);
    if (Math.abs(r - red) + Math.abs(g - green) + Math.abs(b - blue) < 120) off = Math.min(off, Math.abs(x) / share);
  }
  return [number, +canvas.dataset.frame, +canvas.dataset.boxes, off];
}"""
DROP = """async ([name, text]) => {
  const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0)), dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name, {type: "video/mp4"}));
  for (const kind of ["dragenter", "dragover", "drop"])
    document.querySelector("main").dispatchEvent(new DragEvent(kind, {dataTransfer, bubbles: true, cancelable: true}));
}"""


def numbered(number: int) -> Any:
    """A picture that says its number, in grey stripes along its lower edge, and has three squares that move."""
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    for bit in range(BITS):
        if number >> bit & 1:
            image[-24:, bit * SIZE[0] // BITS : (bit + 1) * SIZE[0] // BITS] = 150  # too dark for the detector
    for one in range(3):
        left, top = 10 + STEP * number, 10 + 50 * one
        image[top : top + 40, left : left + 20] = 255
    return image


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "clip.mp4"
    pictures = [numbered(number) for number in range(COUNT)]
    return film(path, pictures, rate=20, codec="libx264", coding={"g": "30", "bf": "2", "crf": "12"})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("server")) as running:
        yield running


class Opened:
    """A page of a server, and what a browser has to say against it."""

    def __init__(self, page: Any) -> None:
        self.page, self.problems = page, []
        page.on("console", lambda message: self.problems.append(message.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    def until(self, condition: str, seconds: float = 120) -> None:
        """Wait for what is true in the page; its policy forbids Playwright's own way, which evaluates text in it."""
        end = time.monotonic() + seconds
        while not self.page.evaluate(condition):
            told = self.page.locator("body").inner_text()
            assert time.monotonic() < end, (condition, self.problems, told)
            time.sleep(0.02)

    def shown(self, top: int = 10, track_id: int = 1) -> Any:
        return self.page.evaluate(READ, [*colour_of(track_id), top])

    def at(self, frame: int) -> None:
        self.until(f"document.querySelector('#picture').dataset.frame === '{frame}'")

    def plain(self) -> None:
        """Rest on the first frame, with boxes alone."""
        self.page.locator("#play").focus()
        if self.page.locator("#play").get_attribute("aria-label") == "Pause":
            self.page.locator("#play").click()
        for name in ("#ids", "#classes", "#scores"):
            self.page.locator(name).uncheck()
        self.slide("trail", 0)
        self.page.evaluate("document.activeElement.blur()")
        self.page.keyboard.press("Home")
        self.at(0)

    def slide(self, name: str, value: float) -> None:
        self.page.locator(f"#{name}").fill(str(value))

    def boxes(self) -> int:
        return int(self.page.evaluate("+document.querySelector('#picture').dataset.boxes"))

    def send(self, path: Path) -> None:
        """Choose a film, and wait until it is tracked."""
        self.page.locator("#file").set_input_files(path)
        self.done()

    def done(self) -> None:
        self.until("!document.querySelector('#results').hidden")


@pytest.fixture
def opened(browser: Any, server: Server) -> Iterator[Any]:
    """Open the page; nothing may be said in its console but what a test allows."""
    contexts: list[Any] = []
    pages: list[Opened] = []

    def open_(address: str = "", *, at: Server = server, width: int = 1280, without: str = "", **more: Any) -> Opened:
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, **more))
        contexts[-1].add_init_script(without)
        pages.append(Opened(contexts[-1].new_page()))
        pages[-1].page.goto(at.url + "/" + address)
        pages[-1].until("document.querySelector('#server').dataset.state || document.querySelector('#door').open")
        return pages[-1]

    yield open_
    for context in contexts:
        context.close()
    for kept in server.get("/v1/films").json["films"]:
        server.ask("DELETE", f"/v1/films/{kept['id']}")
    assert [one.problems for one in pages] == [[] for _ in pages]


def saved(opened: Opened, kind: str) -> bytes:
    """Click a result and return the file that is saved."""
    with opened.page.expect_download() as download:
        opened.page.locator(f"[data-result={kind}]").click()
    assert download.value.suggested_filename.endswith(f".{kind}")
    return Path(download.value.path()).read_bytes()


def test_every_frame_has_the_boxes_of_that_frame(opened: Any, clip: Path) -> None:
    page = opened()
    page.send(clip)
    page.plain()
    for frame in (59, 30, 29, 31, 17, 58, 2, 45):
        page.page.locator("#seek").fill(str((frame + 0.5) / 20))
        page.at(frame)
        number, said, boxes, off = page.shown()
        assert (number, said, boxes) == (frame, frame, 3)
        assert off < STEP / 2, frame  # pixels of the film; those of the neighbouring frames are farther away
    page.page.keyboard.press("Home")
    for key, frame in (("ArrowRight", 1), (".", 2), ("Shift+ArrowRight", 12), ("ArrowLeft", 11), ("End", 59)):
        page.page.keyboard.press(key)
        page.at(frame)
        assert page.shown()[:2] == [frame, frame]
    for _ in range(5):  # faster than pictures come
        page.page.keyboard.press("Shift+ArrowLeft")
    page.at(9)
    assert page.shown()[:3] == [9, 9, 3]


def test_a_browser_that_tells_no_time_stamps_shows_the_right_boxes_too(opened: Any, clip: Path) -> None:
    page = opened(without="delete HTMLVideoElement.prototype.requestVideoFrameCallback")
    page.send(clip)
    page.plain()
    for key, frame in (("ArrowRight", 1), ("Shift+ArrowRight", 11), ("End", 59), ("ArrowLeft", 58), ("Home", 0)):
        page.page.keyboard.press(key)
        page.at(frame)
        until(lambda frame=frame: page.shown()[:3] == [frame, frame, 3])
        assert page.shown()[3] < STEP / 2


def test_it_plays_and_rests_on_the_frame_it_says(opened: Any, clip: Path) -> None:
    page = opened()
    page.send(clip)
    page.plain()
    page.page.keyboard.press("Space")
    page.until("+document.querySelector('#picture').dataset.frame > 15")
    for _ in range(3):  # in mid-play, picture and boxes belong together, too
        number, said, boxes, off = page.shown()
        assert number == said
        assert (boxes, off < STEP / 2) == (3, True)
    page.page.keyboard.press("Space")
    page.until("document.querySelector('#play').textContent === '▶'")
    page.page.keyboard.press("Space")
    page.until(f"document.querySelector('#picture').dataset.frame === '{COUNT - 1}'")
    page.until("document.querySelector('#play').textContent === '▶'")
    assert page.shown()[:2] == [COUNT - 1, COUNT - 1]


def test_what_is_drawn_can_be_chosen(opened: Any, clip: Path) -> None:
    page = opened()
    page.send(clip)
    page.plain()
    page.page.keyboard.press("Shift+ArrowRight")
    page.at(10)
    assert page.boxes() == 3
    page.page.locator("#only").fill("2-3")
    assert page.boxes() == 2
    page.until("document.querySelectorAll('#rows tr').length === 2")
    page.page.locator("#only").fill("")
    page.slide("least", 0.95)
    assert page.boxes() == 0
    page.slide("least", 0.85)
    assert page.boxes() == 3
    page.page.evaluate("document.activeElement.blur()")
    before = coloured(page)
    page.slide("line", 6)
    assert coloured(page) > 1.5 * before
    page.page.keyboard.press("b")
    assert coloured(page) == 0
    page.slide("trail", 8)
    assert coloured(page) > 0
    page.page.keyboard.press("b")
    page.until("document.querySelectorAll('#rows tr').length === 3")
    page.page.locator("#rows button").nth(1).click()
    page.until("document.querySelector('#picture').dataset.frame === '0'")
    page.until("document.querySelector('#rows tr.current')?.dataset.id === '2'")
    page.page.keyboard.press("Escape")
    page.until("document.querySelector('#rows tr.current') === null")
    area = page.page.locator("#picture").bounding_box()
    share = area["width"] / SIZE[0]
    page.page.mouse.click(area["x"] + 20 * share, area["y"] + 30 * share)  # where object 1 is in frame 0
    page.until("document.querySelector('#rows tr.current')?.dataset.id === '1'")


def coloured(opened: Opened) -> int:
    """Count the pixels of the picture that are of the first track's colour."""
    count = """([red, green, blue]) => {
      const canvas = document.querySelector("#picture"), copy = document.createElement("canvas");
      copy.width = canvas.width; copy.height = canvas.height;
      const c = copy.getContext("2d", {willReadFrequently: true});
      c.drawImage(canvas, 0, 0);
      const data = c.getImageData(0, 0, copy.width, copy.height).data;
      let found = 0;
      for (let i = 0; i < data.length; i += 4)
        if (Math.abs(data[i] - red) + Math.abs(data[i + 1] - green) + Math.abs(data[i + 2] - blue) < 40) found++;
      return found;
    }"""
    return int(opened.page.evaluate(count, list(colour_of(1))))


def test_results_are_those_of_the_command_line(opened: Any, clip: Path, server: Server, tmp_path: Path) -> None:
    page = opened()
    page.send(clip)
    assert page.page.locator("#told").inner_text() == "clip.mp4: 60 frames, 3 tracks"
    words = ("--detector", "bright", "-q", *(f"-o{tmp_path}/clip.{kind}" for kind in ("txt", "jsonl")))
    path = {"PYTHONPATH": str(server.errors.parent / "plugins")}
    run("track", clip, *words, cwd=tmp_path, **path)
    for kind in ("txt", "jsonl"):
        assert saved(page, kind) == (tmp_path / f"clip.{kind}").read_bytes(), kind
    assert len(json.loads(saved(page, "json"))["annotations"]) == 3 * COUNT
    (tmp_path / "drawn.mp4").write_bytes(saved(page, "mp4"))
    assert len(list(trackforge.source(tmp_path / "drawn.mp4"))) == COUNT


def test_a_film_that_the_browser_cannot_play_is_drawn_by_the_server(
    opened: Any, server: Server, tmp_path: Path
) -> None:
    path = film(tmp_path / "old.avi", [numbered(number) for number in range(20)], rate=20, codec="mpeg4")
    page = opened()
    page.send(path)
    page.until("!document.querySelector('#play').disabled")
    page.until("!document.querySelector('#fixed').hidden")
    page.page.keyboard.press("Home")
    page.at(0)
    page.page.keyboard.press("ArrowRight")
    page.at(1)
    number, said, boxes, off = page.shown()
    assert (number, said, boxes) == (1, 1, 0)
    assert off < STEP / 2  # the box is part of the picture
    again = opened()  # and a page that is loaded later knows the film, too
    again.until("!document.querySelector('#results').hidden")
    assert again.page.locator("#shelf .name").inner_text() == "old.avi"
    assert again.page.locator("#rows tr").count() == 3
    again.page.locator("#shelf [title=Remove]").click()
    again.until("!document.querySelector('#drop').hidden")
    until(lambda: server.get("/v1/films").json["films"] == [])


def test_what_is_no_film_is_told_in_words_and_names_harm_nothing(opened: Any, tmp_path: Path) -> None:
    path = tmp_path / "<img src=x onerror=\"document.title='harmed'\">.mp4"
    path.write_text("this is no film")
    page = opened()
    page.page.locator("#file").set_input_files(path)
    page.until("document.querySelector('#alerts .note') !== null")
    assert EVIL in page.page.locator("#alerts .note").inner_text()
    page.until("document.querySelector('#shelf .failed') !== null")
    assert "cannot be opened as video" in page.page.locator("#shelf li .state").inner_text()
    page.page.locator("#alerts button").click()
    assert page.page.locator("#alerts .note").count() == 0
    assert page.page.title() == "trackforge"
    assert page.page.locator("img").count() == 0


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_nothing_overflows_and_everything_can_be_reached_by_keys(
    opened: Any, clip: Path, width: int, scheme: str
) -> None:
    page = opened(width=width, color_scheme=scheme)
    page.page.keyboard.press("Tab")
    reached = []
    for _ in range(60):
        reached.append(page.page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
        page.page.keyboard.press("Tab")
        if reached[-1] == "choose":
            break
    assert reached == ["Video", "Cameras", "choose"]
    with page.page.expect_file_chooser() as chooser:
        page.page.locator("#choose").press("Enter")
    chooser.value.set_files(clip)
    page.done()
    assert page.page.evaluate("document.documentElement.scrollWidth") <= width
    page.page.locator("#rows button").nth(2).press("Enter")
    page.until("document.querySelector('#rows tr.current')?.dataset.id === '3'")
    page.page.locator("#play").press("Space")
    page.until("document.querySelector('#play').textContent === '❚❚'")
    seen = (
        "[...document.querySelectorAll('button, input, select, canvas[tabindex], a')].filter(one => one.offsetParent)"
    )
    unnamed = f"{seen}.filter(one => !(one.ariaLabel || one.labels?.length || one.textContent.trim())).length"
    assert page.page.evaluate(unnamed) == 0
    page.page.locator("nav a").nth(1).press("Enter")
    page.until("!document.querySelector('#cameras').hidden")
    assert page.page.evaluate("document.documentElement.scrollWidth") <= width


def test_cameras_are_added_watched_and_removed(opened: Any, server: Server) -> None:
    camera = Camera(COUNT, connections=1000, wait=lambda _: time.sleep(0.04), show=lambda number, _: numbered(number))
    page = opened("#cameras")
    page.page.locator("#address").fill(camera.address("live"))
    page.page.locator("#name").fill(EVIL)
    page.page.locator("#name").press("Enter")
    page.until("+document.querySelector('.tile canvas')?.dataset.frame > 10")
    page.until("document.querySelector('.tile').dataset.state === 'live'")
    assert page.page.locator(".tile b").inner_text() == EVIL
    assert " fps" in page.page.locator(".tile .faint").inner_text()
    page.until("+document.querySelector('.tile canvas').dataset.boxes === 3")
    (told,) = server.get("/v1/cameras").json["cameras"]
    assert told["state"] == "live"
    page.page.locator("nav a").first.click()  # nobody looks: nothing is sent
    page.page.locator("nav a").nth(1).click()
    last = page.page.evaluate("+document.querySelector('.tile canvas').dataset.frame")
    page.until(f"+document.querySelector('.tile canvas').dataset.frame > {last + 5}")
    page.page.locator(".tile [title=Remove]").click()
    page.until("document.querySelector('.tile') === null")
    page.until("!document.querySelector('#no-cameras').hidden")
    assert server.get("/v1/cameras").json["cameras"] == []
    assert page.page.title() == "trackforge"


def test_where_no_socket_gets_through_pictures_come_one_by_one(opened: Any, server: Server) -> None:
    sockets = "class { constructor() { setTimeout(() => this.onclose({}), 10); } close() {} }"
    camera = Camera(COUNT, connections=1000, wait=lambda _: time.sleep(0.04), show=lambda number, _: numbered(number))
    told = server.ask("POST", "/v1/cameras", {"address": camera.address("plain"), "name": "plain"})
    page = opened("#cameras", without=f"window.WebSocket = {sockets}")
    page.until("document.querySelector('.tile img')?.naturalWidth === 320")
    page.until("document.querySelector('.tile').dataset.state === 'drawn'")
    assert server.ask("DELETE", f"/v1/cameras/{told.json['id']}").status == 200
    page.until("document.querySelector('.tile') === null")


def test_an_address_that_is_refused_is_told_in_words(opened: Any) -> None:
    page = opened("#cameras")
    page.page.locator("#address").fill("file:///etc/passwd")
    page.page.locator("#address").press("Enter")
    page.until("document.querySelector('#alerts .note') !== null")
    assert "address" in page.page.locator("#alerts .note").inner_text()
    assert page.page.locator(".tile").count() == 0
    (said,) = page.problems
    assert "status of 400" in said  # the browser's own note of the refusal
    page.problems.clear()


def test_this_devices_camera_is_a_session_of_the_server(opened: Any, browser: Any, server: Server) -> None:
    """With the camera that Chromium feigns: a pie, growing on green, and the seconds."""
    switches = ["--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    program = os.environ.get("TRACKFORGE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    own = browser.browser_type.launch(executable_path=program, args=switches)
    page = Opened(own.new_page())
    page.page.goto(server.url + "/#cameras")
    page.page.locator("#webcam").click()
    page.until("+document.querySelector('.tile canvas')?.dataset.frame > 3")
    assert page.page.locator(".tile b").inner_text() == "this device"
    (session,) = (one for one in server.get("/v1/sessions").json["sessions"] if one["name"] == "webcam")
    assert session["frames"] > 3
    page.page.locator(".tile [title=Remove]").click()
    page.until("!document.querySelector('#webcam').disabled")
    until(lambda: server.get(f"/v1/sessions/{session['id']}").status == 410)
    assert page.problems == []
    own.close()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a token, whose detector stands still while there is a file ``gate`` in its folder."""
    words = ("--set", "detector.pause=0.2", "--set", "detector.gate=gate")
    with served(tmp_path_factory.mktemp("guarded"), *words, TRACKFORGE_SERVE_TOKEN="open sesame") as running:
        yield running


def enter(page: Opened, token: str) -> None:
    page.until("document.querySelector('#door').open")
    page.page.locator("#token").fill(token)
    page.page.keyboard.press("Enter")


def test_the_token_is_asked_for_and_opens_everything(opened: Any, clip: Path, guarded: Server) -> None:
    page = opened(at=guarded)
    enter(page, "wrong")
    page.until("document.querySelector('#door-told').textContent.startsWith('That was not it')")
    enter(page, "open sesame")
    page.until("document.querySelector('#server').textContent.includes('bright')")
    page.send(clip)
    assert saved(page, "txt").count(b"\n") == 3 * COUNT
    assert "sesame" not in page.page.evaluate("document.cookie + location + JSON.stringify({...sessionStorage})")
    assert {said for said in page.problems if "401" not in said} == set()
    page.problems.clear()


def test_a_film_is_watched_while_it_is_tracked(opened: Any, clip: Path, guarded: Server) -> None:
    gate = guarded.errors.parent / "gate"
    page = opened(at=guarded)
    enter(page, "open sesame")
    page.until("document.querySelector('#server').textContent.includes('bright')")
    page.problems.clear()
    gate.touch()
    page.page.locator("#file").set_input_files(clip)
    page.until("/^(waits|tracking)/.test(document.querySelector('#shelf li.current .state')?.textContent)")
    frames = (
        "+(document.querySelector('#shelf li.current .state').textContent.match(/tracking, (\\d+) of 60/) || [0, 0])[1]"
    )
    while not page.page.evaluate(frames):
        gate.unlink()
        time.sleep(0.05)
        gate.touch()
        time.sleep(0.5)
    done = int(page.page.evaluate(frames))
    assert 0 < done < COUNT
    page.until("document.querySelector('#note').textContent === 'Waiting for the tracker …'")
    page.until("document.querySelector('#picture').dataset.boxes === '3'")
    number, said, *_ = page.shown()
    assert number == said < done
    assert page.page.locator("#results").is_hidden()
    gate.unlink()
    page.done()
    page.until("document.querySelector('#note').textContent === ''")
    page.until(f"+document.querySelector('#picture').dataset.frame > {done}")  # it has played on by itself


def test_files_are_asked_for_again_but_not_sent_again(server: Server) -> None:
    first = server.get("/static/main.js")
    assert (first.status, first.headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    assert server.get("/static/main.js", If_None_Match=first.headers["ETag"]).status == 304
    for name in ("..%2f__init__.py", "%2e%2e/app.py", "none.js", "", "index.html%00"):
        assert server.get(f"/static/{name}").status == 404, name
    policy = server.get("/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_a_laptop_users_path(opened: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """As README.md has it: ``make demo``, ``trackforge serve``, the street dropped; its tracks are those of `track`."""
    folder = tmp_path_factory.mktemp("laptop")
    run("demo", "-q", "--frames", 60, cwd=folder)
    street = folder / "demo" / "street.mp4"
    with served(folder, detector="") as laptop:
        page = opened(at=laptop)
        assert page.page.locator("#server").inner_text() == "motion · byte · ready"
        page.page.evaluate(DROP, [street.name, base64.b64encode(street.read_bytes()).decode()])
        page.done()
        page.until("document.querySelector('#picture').dataset.boxes > 0")  # it plays by itself
        run("track", street, "-q", "-o", folder / "street.txt", cwd=folder)
        rows = (folder / "street.txt").read_bytes()
        ids = {line.split(b",")[1] for line in rows.splitlines()}
        assert len(ids) > 2
        assert page.page.locator("#rows tr").count() == len(ids)
        assert saved(page, "txt") == rows
        page.page.close()
