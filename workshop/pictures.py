"""Draws the pictures of README and docs: ``pictures.py street``, ``serve``, ``labels`` or ``photographs F W``.

The street is rendered, found and tracked by the library with nothing set but its size. The photographs are three of
those that the package scikit-image ships (``F`` is its ``skimage/data``), all free of rights: the astronaut
Eileen Collins (NASA, public domain), the cat Chelsea (Stefan van der Walt, CC0) and a cup of coffee (Rachel Michetti,
CC0); ``W`` are YOLOX-nano. ``serve`` is the page of ``trackforge serve`` with the street of ``trackforge demo``
dropped into it, as Chromium shows it (``TRACKFORGE_CHROMIUM``, or on the PATH; Playwright drives it); ``labels`` is its
view of labels, with the tracks of the same street to check.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

import trackforge
from trackforge.io.mot import read_mot
from trackforge.io.overlay import OverlaySink, OverlaySinkConfig
from trackforge.review import Document
from trackforge.synthetic.world import SyntheticSource, SyntheticSourceConfig
from trackforge.types import Frame, Step

IMAGES = Path(__file__).parents[1] / "docs" / "images"


def street(*, first: int = 160, count: int = 28, every: int = 2, size: tuple[int, int] = (448, 252)) -> Path:
    """Write ``street.gif``: tracked at full size, shown smaller; without noise and clouds, which make a GIF large."""
    overlay = OverlaySink(OverlaySinkConfig(path=Path("unused.mp4"), trail=20, line_width=1))
    source = SyntheticSource(SyntheticSourceConfig(frames=first + count * every, noise=0.0, light=0.0))
    share = size[0] / source.config.size[0]
    shown = []
    for step in trackforge.track(source, trackforge.detector("motion"), trackforge.tracker("byte")):
        picture = cv2.resize(step.frame.image, size, interpolation=cv2.INTER_AREA)
        overlay.draw(picture, replace(step, tracks=replace(step.tracks, xyxy=step.tracks.xyxy * share)))
        if step.frame.index >= first and step.frame.index % every == 0:
            shown.append(Image.fromarray(picture))
    palette = shown[len(shown) // 2].quantize(48)
    frames = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in shown]
    out = IMAGES / "street.gif"
    pause = round(1000 * every / source.rate)
    frames[0].save(out, save_all=True, append_images=frames[1:], duration=pause, loop=0, optimize=True)
    return out


def photographs(folder: Path, weights: str, *, height: int = 400) -> Path:
    """Write ``photographs.jpg``: one picture large, two small, each with what the detector finds in it."""
    detector = trackforge.detector("yolox", weights=weights, score=0.55)

    def tile(name: str, height: int) -> np.ndarray:
        image = np.ascontiguousarray(cv2.imread(str(folder / f"{name}.png"))[:, :, ::-1])
        share = height / image.shape[0]
        frame = Frame(index=0, image=image)
        found = detector.detect([frame])[0]
        found = replace(found, xyxy=found.xyxy * share)
        image = cv2.resize(image, (round(share * image.shape[1]), height), interpolation=cv2.INTER_AREA)
        frame = Frame(index=0, image=image)
        tracks = trackforge.tracker("byte", high_score=0.4, birth_score=0.4).update(found, frame)
        overlay = OverlaySink(OverlaySinkConfig(path=Path("unused.mp4"), line_width=2))
        overlay.open(trackforge.Stream(classes=detector.classes))
        overlay.draw(image, Step(frame=frame, detections=found, tracks=tracks))
        return image

    small = [tile(name, height // 2)[:, : height * 3 // 4] for name in ("chelsea", "coffee")]
    out = IMAGES / "photographs.jpg"
    Image.fromarray(np.hstack((tile("astronaut", height), np.vstack(small)))).save(out, quality=80, optimize=True)
    return out


def serve(*, frame: int = 245, size: tuple[int, int] = (1180, 740)) -> Path:
    """Write ``serve.png``: the page of the server with the street tracked, at rest on a lively frame."""
    with _page(size) as (folder, page):
        page.locator("#file").set_input_files(folder / "demo" / "street.mp4")
        _until(lambda: page.locator("#results").is_visible())
        page.keyboard.press("Home")
        for _ in range(frame // 10):
            page.keyboard.press("Shift+ArrowRight")
        for _ in range(frame % 10):
            page.keyboard.press("ArrowRight")
        _until(lambda: page.locator("#picture").get_attribute("data-frame") == str(frame))
        time.sleep(1)  # the curve and the table are told a little later
        return _taken(page, folder, "serve.png")


def labels(*, frame: int = 245, size: tuple[int, int] = (1280, 860)) -> Path:
    """Write ``labels.png``: the view of labels, a box chosen that a person has moved, some frames accepted."""
    with _page(size, labels=True) as (folder, page):
        page.goto(page.url + f"#labels?name=street&frame={frame}")
        _until(lambda: page.locator("#desk-picture").get_attribute("data-frame") == str(frame))
        for key in ("Shift+ArrowLeft", "a", "ArrowRight", "Shift+A", *["ArrowRight"] * 9, "]", "Alt+ArrowRight"):
            page.keyboard.press(key)
            _until(lambda: page.locator("#desk-saved").inner_text() == "Saved")
        _until(lambda: page.locator("#desk-picture").get_attribute("data-frame") == str(frame))
        _until(lambda: page.locator("#desk-picture").get_attribute("data-picture") == "shown")
        time.sleep(1)  # what is told a little later is told
        return _taken(page, folder, "labels.png")


@contextlib.contextmanager
def _page(size: tuple[int, int], *, labels: bool = False) -> Iterator[tuple[Path, Any]]:
    """Give a folder with the demonstration, and the page of a server in it."""
    from playwright.sync_api import sync_playwright

    program = os.environ.get("TRACKFORGE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    command = [sys.executable, "-m", "trackforge"]
    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        folder = Path(name)
        subprocess.run([*command, "demo", "-q"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        if labels:
            tracks = read_mot(folder / "demo" / "tracks.txt")
            more: dict[str, Any] = {"tolerance": 4.0, "rate": 11.0, "size": (960, 540), "wanted": range(0, 300, 5)}
            Document.from_table(
                tracks, classes=("person",), frames=range(300), sequence="street", source="street.mp4", **more
            ).save(folder / "demo" / "street.labels.json")
        words = ["serve", "--port", "0", "--port-file", "port", "--detector", "motion"]
        words += ["--labels", "demo"] if labels else []
        server = subprocess.Popen([*command, *words], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _until((folder / "port").exists)
            switches = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
            page = driver.chromium.launch(executable_path=program, args=switches).new_page(
                viewport={"width": size[0], "height": size[1]}, color_scheme="light"
            )
            page.goto(f"http://127.0.0.1:{(folder / 'port').read_text().strip()}/")
            yield folder, page
        finally:
            server.terminate()
            server.wait(30)


def _taken(page: Any, folder: Path, name: str) -> Path:
    """Write what a page shows."""
    page.screenshot(path=folder / "page.png")
    out = IMAGES / name
    picture = Image.open(folder / "page.png").convert("RGB")
    picture.point(lambda value: value & 252 | value >> 6).save(out, optimize=True)  # six bits, which is smaller
    return out


def _until(what: Callable[[], bool], *, patience: float = 120.0) -> None:
    end = time.monotonic() + patience
    while not what():
        assert time.monotonic() < end, "waited for too long"
        time.sleep(0.05)


if __name__ == "__main__":
    makers = {"street": street, "serve": serve, "labels": labels}
    made = makers[sys.argv[1]]() if len(sys.argv) == 2 else photographs(Path(sys.argv[2]), sys.argv[3])
    sys.stdout.write(f"{made}: {made.stat().st_size} bytes\n")
