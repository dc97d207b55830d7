"""Labels checked in a browser: boxes dragged and drawn, tracks cut and joined, all of it saved, nothing lost or run."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_runs import ENVIRONMENT, command
from labelled_street import EVIL, SIZE, labelled
from served import Server, running, served, until

from trackforge.review import Document


class Desk:
    """The page, and the document on disk that it is about."""

    def __init__(self, page: Any, folder: Path) -> None:
        self.page, self.folder = page, folder
        self.problems: list[str] = []
        self.expected: list[str] = []
        page.on("console", lambda message: self.problems.append(message.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    @property
    def document(self) -> Document:
        return Document.load(self.folder / "street.labels.json")

    def shows(self, frame: int) -> None:
        until(lambda: self.page.locator("#desk-picture").get_attribute("data-frame") == str(frame))

    def saved(self) -> None:
        until(lambda: self.page.locator("#desk-saved").inner_text() == "Saved")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.saved()

    def frame(self, number: int) -> None:
        self.page.locator("#desk-frame").fill(str(number))
        self.page.keyboard.press("Enter")
        self.page.evaluate("document.activeElement.blur()")
        self.shows(number)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point of the picture is on the screen, unless it is zoomed."""
        box = self.page.locator("#desk-picture").bounding_box()
        scale = min(box["width"] / SIZE[0], box["height"] / SIZE[1])
        left = box["x"] + (box["width"] - SIZE[0] * scale) / 2
        top = box["y"] + (box["height"] - SIZE[1] * scale) / 2
        return left + x * scale, top + y * scale

    def click(self, x: float, y: float, **more: Any) -> None:
        self.page.mouse.move(*self.at(x, y))
        for name in more.get("hold", ()):
            self.page.keyboard.down(name)
        self.page.mouse.down()
        self.page.mouse.up()
        for name in more.get("hold", ()):
            self.page.keyboard.up(name)
        self.saved()

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.page.mouse.move(*self.at(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.at((start[0] + end[0]) / 2, (start[1] + end[1]) / 2))
        self.page.mouse.move(*self.at(*end))
        self.page.mouse.up()
        self.saved()

    def box(self, track: int, frame: int) -> list[float]:
        """Return a box as it is on disk."""
        found = self.document.track(track).at(frame)
        assert found is not None
        return list(found.xyxy)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    with served(home, "--labels", labelled(home / "labels"), detector="motion") as made:
        yield made


@pytest.fixture
def folder(home: Path) -> Path:
    """Return the folder of the server, with its documents as they were in the beginning."""
    return labelled(home / "labels")


@pytest.fixture
def desk(browser: Any, server: Server, folder: Path) -> Iterator[Desk]:
    """Open the page, which shows the labels by itself; nothing may be said in its console."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    made = Desk(context.new_page(), folder)
    made.page.goto(server.url + "/#labels?name=street")
    made.shows(0)
    yield made
    context.close()
    assert [one for one in made.problems if not any(word in one for word in made.expected)] == []


def test_boxes_are_moved_resized_drawn_and_deleted(desk: Desk) -> None:
    desk.frame(10)
    assert desk.page.locator("#desk-picture").get_attribute("data-boxes") == "2"
    desk.drag((65, 45), (75, 50))  # in the middle of track 1, which is about at 50..80
    box = desk.box(1, 10)
    assert box == pytest.approx([60, 35, 90, 65], abs=0.5)
    desk.drag((box[2], box[3]), (100, 80))  # its lower right handle
    assert desk.box(1, 10) == pytest.approx([60, 35, 100, 80], abs=1)
    assert desk.page.locator("#desk-track-name").inner_text() == "Track 1"
    desk.press("Alt+ArrowLeft", "Alt+Shift+ArrowUp")
    assert desk.box(1, 10) == pytest.approx([59, 25, 99, 70], abs=1)
    desk.page.locator("[data-side]").nth(2).fill("30")
    desk.page.keyboard.press("Enter")
    desk.saved()
    until(lambda: desk.box(1, 10)[2] == pytest.approx(89, abs=1))
    desk.page.evaluate("document.activeElement.blur()")
    assert desk.document.effort.touched == 1
    desk.press("Escape", "d")
    desk.drag((110, 5), (150, 25))
    assert desk.box(3, 10) == pytest.approx([110, 5, 150, 25], abs=1)
    desk.press("ArrowRight", "ArrowRight", "ArrowRight", "e", "Delete")
    desk.shows(13)
    assert desk.document.track(3).seen(desk.document.frames).frame.tolist() == [10, 11, 12]
    desk.press("Shift+Delete")
    assert [one.id for one in desk.document.tracks] == [1, 2]


def test_frames_are_accepted_and_tracks_cut_joined_and_renamed(desk: Desk) -> None:
    desk.press("a", "n")
    desk.shows(5)
    desk.press("Shift+A", "n")
    assert desk.document.checked == set(range(6))
    desk.shows(10)
    assert "2 of 4 accepted" in desk.page.locator("#desk-told").inner_text()
    assert desk.page.locator("#desk-shelf .current .state").inner_text() == "2 of 4"
    desk.click(65, 45)
    desk.press("s")
    assert [one.id for one in desk.document.tracks] == [1, 2, 3]
    desk.press("2")
    assert desk.document.track(3).label == 1
    desk.press("r")
    desk.page.locator("#desk-class").select_option("2")
    desk.saved()
    assert desk.document.classes[desk.document.track(3).label] == EVIL
    assert desk.page.locator("#desk-rows tr[data-id='3'] td").nth(1).inner_text() == EVIL
    desk.press("m")
    desk.click(75, 80)  # track 2, which is seen at the same time
    assert "must not be seen at once" in desk.page.locator("#alerts").inner_text()
    desk.page.locator("#alerts button").click()
    desk.press("Escape")
    desk.page.locator("#desk-here").uncheck()
    desk.page.locator("#desk-rows tr[data-id='1']").click()
    desk.page.locator("#desk-rows tr[data-id='3']").click(modifiers=["Shift"])
    desk.press("m")
    assert [one.id for one in desk.document.tracks] == [1, 2]
    assert len(desk.document.track(1).seen(desk.document.frames)) == 24
    desk.page.locator("#desk-class").select_option("new")
    desk.page.locator("#desk-name").fill("  dog & cat ")
    desk.page.keyboard.press("Enter")
    until(lambda: desk.document.classes[-1] == "dog & cat" and desk.document.track(1).label == 3)
    desk.page.locator("#desk-class").select_option("rename")
    desk.page.locator("#desk-name").fill("pet")
    desk.page.keyboard.press("Enter")
    until(lambda: desk.document.classes[-1] == "pet")
    desk.expected.append("400")
    assert desk.page.title() == "trackforge"  # nothing that a name says is run


def test_everything_is_undone_and_there_after_a_reload(desk: Desk) -> None:
    original = (desk.folder / "street.labels.json").read_bytes()
    desk.frame(10)
    desk.click(65, 45)
    desk.press("k", "o", "z", "b", "a")
    edited = (desk.folder / "street.labels.json").read_bytes()
    assert desk.document.track(1).keyframes[0].frame == 10
    desk.page.reload()
    desk.shows(10)  # the address says where it was
    assert desk.page.locator("#desk-accept").get_attribute("aria-pressed") == "true"
    desk.press("z", "z", "z")
    assert (desk.folder / "street.labels.json").read_bytes() == original
    desk.press("z")
    assert "nothing to undo" in desk.page.locator("#desk-note").inner_text()
    desk.press("Shift+Z", "Shift+Z", "Shift+Z")
    assert (desk.folder / "street.labels.json").read_bytes() == edited


def test_an_edit_outlives_a_server_that_is_killed(desk: Desk, tmp_path: Path) -> None:
    with served(tmp_path, "--labels", desk.folder, detector="motion") as server:
        _outlives(desk, server, tmp_path)


def _outlives(desk: Desk, server: Server, home: Path) -> None:
    desk.page.goto(server.url + "/#labels?name=street")
    desk.shows(0)
    desk.frame(10)
    desk.click(65, 45)
    desk.press("k")
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    assert desk.document.track(1).keyframes[1].frame == 10
    desk.page.keyboard.press("Alt+ArrowRight")
    desk.page.keyboard.press("a")
    until(lambda: "Not saved yet" in desk.page.locator("#desk-saved").inner_text())
    assert len(desk.document.checked) == 0
    line = command(
        "serve", "--labels", desk.folder, "--port", server.port, "--port-file", home / "port", "--detector", "motion"
    )
    with running(line, home, home / "port", home / "stderr", dict(ENVIRONMENT), ready="/readyz"):
        desk.saved()
        assert desk.document.checked == {10}
        assert desk.document.edits == 3
    desk.expected.append("ERR_")


def test_what_somebody_else_changed_is_never_overwritten(desk: Desk, folder: Path) -> None:
    desk.frame(10)
    desk.click(65, 45)
    desk.document.replace(notes=("made anew",)).save(folder / "street.labels.json")
    desk.page.keyboard.press("k")
    until(lambda: "changed meanwhile" in desk.page.locator("#alerts").inner_text())
    desk.saved()
    assert desk.document.notes == ("made anew",)
    assert desk.document.edits == 0
    desk.press("k")
    assert desk.document.edits == 1
    desk.expected.append("409")


def test_it_zooms_plays_and_fits_a_narrow_window(desk: Desk) -> None:
    desk.frame(10)
    before = desk.page.locator("#desk-picture").screenshot()
    desk.page.mouse.move(*desk.at(65, 45))
    desk.page.mouse.wheel(0, -1500)
    until(lambda: desk.page.locator("#desk-picture").screenshot() != before)
    larger = desk.page.locator("#desk-picture").bounding_box()
    desk.page.mouse.move(*desk.at(65, 45))
    desk.page.mouse.down()
    desk.page.mouse.move(*desk.at(75, 45))
    desk.page.mouse.up()
    desk.saved()
    moved = desk.box(1, 10)[0] - 50
    assert 0 < moved < 6, "the same way on the screen is a shorter one in an enlarged picture"
    assert desk.page.locator("#desk-picture").bounding_box() == larger
    desk.press("0", "z")
    desk.page.set_viewport_size({"width": 900, "height": 800})
    assert desk.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    desk.page.keyboard.press("Space")
    desk.shows(23)
    desk.page.keyboard.press("?")
    assert desk.page.locator("#desk-keys").is_visible()
    desk.page.keyboard.press("Escape")
    line = desk.page.locator("#desk-line").bounding_box()
    desk.page.mouse.click(line["x"] + line["width"] * 2.5 / 24, line["y"] + 40)
    desk.shows(2)
    assert desk.page.locator("#desk-line").get_attribute("aria-valuetext") == "frame 2"


def test_a_sequence_without_pictures_says_so_and_can_be_checked(desk: Desk) -> None:
    desk.page.locator("#desk-shelf [data-name=away]").click()
    until(lambda: "away is not there" in desk.page.locator("#desk-note").inner_text())
    desk.press("a")
    assert Document.load(desk.folder / "away.labels.json").checked == {0}
    desk.page.locator("#desk-shelf [data-name='some stills ä']").click()
    until(lambda: desk.page.locator("#desk-note").inner_text() == "")
    desk.expected.append("404")
