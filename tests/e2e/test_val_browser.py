"""The page of a validation in a browser: kinds of mistakes can be hidden, names harm nothing, nothing overflows."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

import trackforge
from trackforge.data import Boxes, Dataset, Images
from trackforge.types import Detections

EVIL = "<img src=x onerror=\"document.title='harmed'\">"


class Wrong:
    """Finds one of two things, at another place."""

    classes, embedding_dim = (EVIL, "car"), None

    def detect(self, frames, /):
        return [Detections(xyxy=[[40, 40, 80, 80]], score=[0.9], class_id=[1]) for _ in frames]


@pytest.fixture
def page_file(tmp_path):
    cv2.imwrite(str(tmp_path / "p.png"), np.full((120, 900, 3), 120, np.uint8))
    dataset = Dataset(
        images=Images(path=["p.png"]),
        boxes=Boxes(image=[0, 0], xyxy=[[0, 0, 30, 30], [40, 40, 80, 80]], class_id=[0, 0]),
        classes=(EVIL, "car"),
        root=tmp_path,
        name=EVIL,
    )
    trackforge.validate(dataset, Wrong()).to_html(tmp_path / "val.html")
    return tmp_path / "val.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page(browser, page_file, scheme):
    page = browser.new_context(viewport={"width": 360, "height": 700}, color_scheme=scheme).new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(page_file.as_uri())
    assert page.title() == f"Detector on {EVIL}"
    shots = page.locator(".shot")
    assert shots.count() == 1
    missed, confused = shots.locator(".k-missed"), shots.locator(".k-confused")
    assert missed.is_visible()
    assert confused.count() == 2  # the true box and the detection
    page.locator("#show-missed").uncheck()
    assert not missed.is_visible()
    assert confused.first.is_visible()
    assert f"confused: car 0.90, in truth {EVIL}" in confused.locator("title").all_text_contents()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert problems == []
