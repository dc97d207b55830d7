"""The page of a run in a browser: the right boxes on the right frame, jumps, filters, two runs, no harm from names."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from cli_runs import run, run_json
from films import film

from trackforge import reporting
from trackforge.io.mot import write_mot
from trackforge.table import TrackTable

EVIL = "<img src=x onerror=\"document.title='harmed'\"></script>"
SIZE, COUNT, BITS = (320, 192), 60, 8
READ = """() => {
  const canvas = document.querySelector(".panel canvas"), copy = document.createElement("canvas");
  copy.width = canvas.width;
  copy.height = canvas.height;
  const c = copy.getContext("2d", {willReadFrequently: true}), w = canvas.width / 8;
  c.drawImage(canvas, 0, 0);
  let number = 0;
  for (let bit = 0; bit < 8; bit++) {
    const [r, g, b] = c.getImageData(Math.round((bit + .5) * w), Math.round(canvas.height / 2), 1, 1).data;
    if (r + g + b > 384) number |= 1 << bit;
  }
  return [number, +canvas.dataset.number, +canvas.dataset.boxes];
}"""


def numbered(number):
    """A picture that says its number: eight stripes, white where a bit is set."""
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    for bit in range(BITS):
        if number >> bit & 1:
            image[:, bit * SIZE[0] // BITS : (bit + 1) * SIZE[0] // BITS] = 255
    return image


def tracks(ids=3, frames=COUNT, gap=()):
    """Objects that move to the right; object k is there from frame k on, the first two are not
    in the frames of the gap."""
    frame, number = (grid.ravel() for grid in np.meshgrid(np.arange(frames), np.arange(ids), indexing="ij"))
    there = (frame >= number) & ~(np.isin(frame, gap) & (number < 2))
    frame, number = frame[there], number[there]
    left = 10.0 + 2 * frame
    top = 10.0 + 50 * (number % 3)
    boxes = np.stack([left, top, left + 20, top + 40], axis=1)
    return TrackTable(frame=frame, xyxy=boxes, track_id=number + 1, score=np.full(len(frame), 0.75))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "clip.mp4"
    return film(path, [numbered(number) for number in range(COUNT)], rate=20, codec="libx264", coding={"g": "30"})


@pytest.fixture
def out(tmp_path, clip):
    """A folder as a run leaves it, with its truth beside: from frame 30 on, object 1 has another id."""
    (tmp_path / "out").mkdir()
    truth = tracks()
    found = tracks(gap=range(20, 26))
    ids = np.where((found.track_id == 1) & (found.frame >= 30), 9, found.track_id)
    made = TrackTable(frame=found.frame, xyxy=found.xyxy, track_id=ids, score=found.score)
    write_mot(tmp_path / "out" / "clip.txt", made, kind="tracks")
    write_mot(tmp_path / "gt.txt", truth, kind="truth")
    one = {"name": "clip", "source": str(clip), "frames": COUNT, "skipped": 0, "fps": 40.0, "notes": [EVIL]}
    one |= {"stage_ms": {"decode": 1.0, "detect": 20.0, EVIL: 1.0}, "class_names": [EVIL]}
    (tmp_path / "out" / "summary.json").write_text(json.dumps({"sequences": [one], "machine": {EVIL: [EVIL]}}))
    return tmp_path / "out"


@pytest.fixture
def opened(browser):
    """Open a page; nothing may be said in its console."""
    problems: list[str] = []
    contexts = []

    def open_(path, width=1000, **more):
        contexts.append(browser.new_context(viewport={"width": width, "height": 800}, **more))
        page = contexts[-1].new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(path.as_uri())
        _still(page)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert problems == []


def _until(page, condition):
    """Wait for what is true in the page; its policy forbids Playwright's own way, which evaluates text in the page."""
    end = time.monotonic() + 60
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        time.sleep(0.02)


def _at(page, frame):
    """Wait until a frame is drawn."""
    _until(page, f"document.querySelector('.panel canvas').dataset.number === '{frame}'")
    _still(page)


def _still(page):
    """Wait until what was asked for is drawn."""
    root = "document.querySelector('[data-scene]:not(.hidden)').dataset"
    _until(page, f"{root}.waiting === undefined && {root}.number !== undefined")


def _go(page, frame):
    page.locator("#frame").fill(str(frame))
    page.locator("#frame").press("Enter")
    page.locator("#frame").blur()
    _at(page, frame)


def _plain(page):
    for name in ("boxes", "names", "truth", "trails"):
        if page.locator(f"#{name}").count():
            page.locator(f"#{name}").uncheck()


def test_every_frame_is_the_one_it_says(opened, out):
    written = reporting.report(out)
    assert written.path == out / "report.html"
    page = opened(written.path)
    _plain(page)
    present = tracks(gap=range(20, 26))
    for frame in (0, 1, 2, 59, 30, 29, 31, 17, 58, 20, 19, 0):
        _go(page, frame)
        assert page.evaluate(READ) == [frame, frame, int((present.frame == frame).sum())]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    _at(page, 2)

    assert page.evaluate(READ)[:2] == [2, 2]
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowLeft")
    _at(page, 11)

    assert page.evaluate(READ)[:2] == [11, 11]


def test_it_plays_to_its_end_and_rests_on_the_frame_it_says(opened, out):
    page = opened(reporting.report(out).path)
    _plain(page)
    page.keyboard.press("+")
    assert page.locator("#speed").input_value() == "2"
    page.keyboard.press("Space")
    _until(page, "+document.querySelector('.panel canvas').dataset.number > 5")
    page.keyboard.press("Space")
    _still(page)
    shown, said, _ = page.evaluate(READ)
    assert shown == said > 5
    page.keyboard.press("Space")
    _until(page, f"+document.querySelector('.panel canvas').dataset.number === {COUNT - 1}")
    _until(page, "document.querySelector('#play').textContent === '▶'")
    _still(page)
    assert page.evaluate(READ)[:2] == [COUNT - 1, COUNT - 1]


def test_boxes_are_where_the_tracks_are_and_can_be_chosen(opened, out):
    page = opened(reporting.report(out).path)
    _go(page, 40)
    boxes = "+document.querySelector('.panel canvas').dataset.boxes"
    assert page.evaluate(boxes) == 3
    page.locator("#ids").fill("2, 7-9")
    assert page.evaluate(boxes) == 2
    assert page.locator(".timeline").get_attribute("data-shown") == "2"
    page.locator("#ids").fill("")
    area = page.locator(".panel canvas").bounding_box()
    scale = area["width"] / SIZE[0]
    page.mouse.click(area["x"] + 100 * scale, area["y"] + 30 * scale)  # where object 1 is in frame 40
    assert page.evaluate("[...scene.tracks[0]]") == [9]
    page.keyboard.press("Escape")
    assert page.evaluate("scene.tracks") is None


def test_a_click_on_a_bar_jumps_there(opened, out):
    page = opened(reporting.report(out).path)
    line = page.locator(".timeline canvas")
    line.scroll_into_view_if_needed()
    line.click(position={"x": 20, "y": 18 + 3 * 15 + 7})  # the id of the fourth bar, which begins at frame 30
    _at(page, 30)
    assert page.evaluate("[...scene.tracks[0]]") == [9]


def test_moments_are_those_of_the_scores(opened, out):
    written = reporting.report(out, truth=(out.parent / "gt.txt",))
    page = opened(written.path)
    titles = page.locator("h3").all_text_contents()
    assert "1 identity switch" in titles
    assert "2 fragmentations" in titles
    assert "2 stretches of misses, 12 boxes" in titles
    assert "0 stretches of false positives" in titles
    card = page.locator(".moment").first
    assert card.locator("b").inner_text() == "object 1: id 1 → 9, after 24 frames"
    _until(page, "[...document.images].every(image => image.naturalWidth === 150)")
    card.click()
    _at(page, 30)
    assert page.evaluate("[...scene.tracks[0]].sort()") == [1, 9]
    page.keyboard.press("n")
    _at(page, 26)
    scores = page.locator("table").first.inner_text()
    assert "IDSW" in scores


def test_two_runs_stand_side_by_side(opened, out):
    (out.parent / "other").mkdir()
    write_mot(out.parent / "other" / "clip.txt", tracks(ids=2), kind="tracks")
    (out.parent / "other" / "summary.json").write_text((out / "summary.json").read_text())
    told = run_json(
        "report", out, "--against", out.parent / "other", "--truth", out.parent / "gt.txt", "-o", out / "pair.html"
    )
    assert told["report"] == str(out / "pair.html")
    page = opened(out / "pair.html")
    assert page.locator(".panel figcaption b").all_text_contents() == ["out", "other"]
    _go(page, 40)
    shown = "[...document.querySelectorAll('.panel canvas')].map(c => [c.dataset.number, c.dataset.boxes])"
    assert page.evaluate(shown) == [["40", "3"], ["40", "2"]]
    assert page.evaluate("scene.films.length") == 1  # one film, shared
    assert "difference" in page.locator("table").first.inner_text()


def test_hundreds_of_ids_can_be_seen_and_reached(opened, tmp_path):
    (tmp_path / "out").mkdir()
    frame = np.repeat(np.arange(600), 3)
    ids = np.arange(len(frame)) % 3 + 1 + 3 * (frame // 3)
    table = TrackTable(frame=frame, xyxy=np.tile([10.0, 10, 30, 50], (len(frame), 1)), track_id=ids)
    write_mot(tmp_path / "out" / "crowd.txt", table, kind="tracks")
    page = opened(reporting.report(tmp_path / "out").path)
    assert page.locator(".timeline").get_attribute("data-shown") == "600"
    assert "no film is at hand" in page.locator(".note").all_text_contents()[-1]
    page.evaluate("document.querySelector('.timeline').scrollTop = 1e6")
    line = page.locator(".timeline canvas")
    line.click(position={"x": 20, "y": line.bounding_box()["height"] - 12})
    _at(page, 597)
    assert page.evaluate("[...scene.tracks[0]]") == [600]
    page.locator("#least").fill("4")
    assert page.locator(".timeline").get_attribute("data-shown") == "0"


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1400, "light")])
def test_names_harm_nothing_and_nothing_overflows(opened, out, width, scheme):
    page = opened(reporting.report(out, truth=(out.parent / "gt.txt",)).path, width=width, color_scheme=scheme)
    assert page.title() == "clip"
    assert EVIL in page.locator(".note").first.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("[...document.images].every(image => image.src.startsWith('data:'))")


def test_a_film_beside_the_page_is_the_same_film(opened, out):
    written = reporting.report(out, film="beside", out=out / "page" / "a.html")
    assert [path.name for path in written.films] == ["0-0-clip.mp4"]
    page = opened(written.path)
    page.locator("#boxes").uncheck()
    page.locator("#names").uncheck()
    _until(page, "scene.lead.video.readyState >= 2")
    _go(page, 37)
    assert page.evaluate("scene.lead.video.src").startswith("file:")


def test_without_the_film_the_drawn_one_is_shown_and_said(opened, out, clip):
    told = json.loads((out / "summary.json").read_text())
    told["sequences"][0]["source"] = "gone.mp4"
    (out / "summary.json").write_text(json.dumps(told))
    (out / "clip.mp4").write_bytes(clip.read_bytes())
    page = opened(reporting.report(out).path)
    assert any("boxes drawn in already" in text for text in page.locator(".note").all_text_contents())
    assert not page.locator("#boxes").is_checked()
    page.locator("#truth").count()
    _go(page, 44)
    assert page.evaluate(READ)[:2] == [44, 44]


def test_what_is_left_out_is_said(opened, out):
    written = reporting.report(out, frames=10)
    assert any("ends after 10 of 60 frames" in note for note in written.notes)
    page = opened(written.path)
    _go(page, 40)
    assert page.evaluate(READ)[1:] == [40, 3]
    assert page.locator(".panel canvas").get_attribute("data-film") == "-1"


def test_a_run_of_the_command_has_its_page(opened, tmp_path, clip):
    run("track", clip, "--detector", "motion", "--quiet", "-o", "out/", cwd=tmp_path)
    done = run("report", "out", cwd=tmp_path)
    assert done.stdout.startswith("out/report.html (")
    page = opened(tmp_path / "out" / "report.html")
    assert "motion and byte" in page.locator(".panel figcaption").inner_text()
    _plain(page)
    _go(page, 33)
    assert page.evaluate(READ)[:2] == [33, 33]
