"""The page on which lines, zones and the ground are clicked: what it gives is what the command takes."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_runs import run

from trackforge.io.pictures import decode_picture, picture_bytes
from trackforge.runs.analyzing import AnalysisRun, plan_analysis
from trackforge.runs.layers import from_toml

SIZE = (320, 192)
SOURCE = ("synthetic", "--set", "source.frames=3", "--set", f"source.size={SIZE[0]},{SIZE[1]}")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("picked")
    words = ("--line", "door <b>=10,20 10,78.125%", "--still", folder / "still.png", "--pick", folder / "pick.html")
    done = run("analyze", *SOURCE, *words)
    assert done.stdout.split() == [str(folder / "still.png"), str(folder / "pick.html")]
    return folder


@pytest.fixture
def page(browser: Any, made: Path) -> Iterator[Any]:
    """The page; nothing may be said in its console."""
    problems: list[str] = []
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    opened = context.new_page()
    opened.on("console", lambda message: problems.append(message.text))
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto((made / "pick.html").as_uri())
    yield opened
    context.close()
    assert problems == []


def clicking(page: Any) -> Callable[..., None]:
    box = page.locator("#picture").bounding_box()
    scale = box["width"] / SIZE[0]

    def click(*points: tuple[float, float]) -> None:
        for x, y in points:
            page.mouse.click(box["x"] + x * scale, box["y"] + y * scale)

    return click


def test_a_still_has_a_grid(made: Path) -> None:
    image = decode_picture(picture_bytes(made / "still.png"), made / "still.png")
    assert image.shape == (SIZE[1], SIZE[0], 3)
    assert image[60:180, 100].mean() > image[60:180, 107].mean() + 40


def test_what_is_clicked_is_what_the_command_takes(page: Any, tmp_path: Path) -> None:
    click = clicking(page)
    assert page.locator("#flags").input_value() == '--line "door <b>=10,20 10,150"'
    page.locator("#list button", has_text="Turn").click()
    click((200, 40), (200, 160))
    page.locator("#zone").click()
    click((220, 60), (300, 60), (300, 150), (220, 150))
    page.keyboard.press("Enter")
    page.locator("#ground").click()
    click((60, 80), (120, 80), (150, 170), (30, 170))
    page.locator("#list .ground input[type=number]").nth(1).fill("25")
    page.locator("#list input.name").nth(2).fill('queue "a"')
    words = shlex.split(page.locator("#flags").input_value().replace("\\\n", " "))
    assert words == [
        "--line", "door <b>=10,150 10,20", "--line", "line 1=200,40 200,160",
        "--zone", 'queue "a"=220,60 300,60 300,150 220,150', "--ground", "60,80 120,80 150,170 30,170=10x25",
    ]  # fmt: skip
    (tmp_path / "picked.toml").write_text(page.locator("#toml").input_value())
    layer = from_toml(tmp_path / "picked.toml", AnalysisRun)
    assert layer.tables["analytics"]["lines"] == {"lines": "door <b>=10,150 10,20; line 1=200,40 200,160"}
    assert layer.tables["analytics"]["ground"]["rectangle"] == [10, 25]
    given = dict(zip(words[::2], words[1::2], strict=True))
    job = AnalysisRun(sources=("synthetic",), line=(words[1], words[3]), zone=given["--zone"])
    assert [shape["name"] for shape in plan_analysis(job).shapes(SIZE)] == ["door <b>", "line 1", 'queue "a"']
    page.locator("#shares").check()
    assert "62.5%,20.83% 62.5%,83.33%" in page.locator("#flags").input_value()


def test_points_are_dragged_deleted_and_taken_back(page: Any) -> None:
    click = clicking(page)
    click((100, 50))
    page.locator("#undo").click()
    click((50, 50), (150, 50))
    first = page.locator("#flags").input_value()
    assert "line 1=50,50 150,50" in first
    dot = page.locator(".line .dot").last
    dot.hover()
    page.mouse.down()
    at = page.locator("#picture").bounding_box()
    page.mouse.move(at["x"] + at["width"] / 2, at["y"] + at["height"] / 2)
    page.mouse.up()
    assert "line 1=50,50 160,96" in page.locator("#flags").input_value()
    page.locator(".line .dot").last.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowDown")
    assert "line 1=50,50 159,106" in page.locator("#flags").input_value()
    page.locator("#list button", has_text="Delete").nth(1).click()
    assert "line 1" not in page.locator("#flags").input_value()
    for _ in range(4):
        page.keyboard.press("Control+z")
    assert page.locator("#flags").input_value() == first


def test_the_page_reaches_nothing_and_fits_narrow_screens(page: Any, made: Path) -> None:
    text = (made / "pick.html").read_text(encoding="utf-8")
    assert "door <b>" not in text  # names stand in the data alone, harmless
    page.set_viewport_size({"width": 380, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.reload()
    assert [one for one in requests if not one.startswith(("file:", "data:"))] == []


def test_a_still_needs_pictures(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1,1,0,0,5,5,1,-1,-1,-1\n")
    done = run("analyze", tmp_path / "a.txt", "--still", tmp_path / "a.png", code=1)
    assert "Name the film: --video" in done.stderr
    done = run("analyze", *SOURCE, "--still", tmp_path / "a.bmp", code=2)
    assert "--still must name a .png" in done.stderr
