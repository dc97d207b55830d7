"""Figures of analytics: each result gets those that suit it, whole files of their kind."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from analytic_steps import followed, steps_of

import trackforge
from trackforge.analytics.plotting import plots_of, write_plots
from trackforge.errors import ConfigError

pytest.importorskip("matplotlib")
PATHS = {1: [(20.0 + 4 * k, 300.0) for k in range(90)], 2: [(600.0 - 5 * k, 200.0 + k) for k in range(90)]}


def results(rate=0.5):
    made = {
        "door": trackforge.analytic("lines", lines="l=320,0 320,480"),
        "hall": trackforge.analytic("zones", zones="z=200,100 440,100 440,400 200,400"),
        "warmth": trackforge.analytic("heat", columns=16),
        "ways": trackforge.analytic("trails"),
        "ground": trackforge.analytic("ground", points="0,0 640,0 640,480 0,480", rectangle=(32.0, 24.0)),
    }
    for one in made.values():
        followed(one, steps_of(PATHS, rate=rate))
    return {name: one.result() for name, one in made.items()}


def test_every_result_gets_its_figures(tmp_path):
    still = np.full((480, 640, 3), 120, np.uint8)
    paths = write_plots(tmp_path / "figures", results(), still=still)
    assert [path.name for path in paths] == [
        "door-counts.png", "hall-counts.png", "hall-dwell.png", "warmth-heat.png", "ways-map.png", "ground-speeds.png",
        "ground-map.png",
    ]  # fmt: skip
    for path in paths:
        picture = cv2.imread(str(path))
        assert picture.std() > 5
    assert sorted(tmp_path.rglob("*")) == sorted([tmp_path / "figures", *paths])


def test_figures_are_drawings_too_and_need_no_still(tmp_path):
    paths = write_plots(tmp_path, {"door": results()["door"], "heat": results()["warmth"]}, ending=".svg")
    assert all(path.read_text(encoding="utf-8").lstrip().startswith("<?xml") for path in paths)
    with pytest.raises(ConfigError, match="must end with"):
        write_plots(tmp_path, {}, ending=".docx")


def test_who_has_nothing_to_show_gets_none():
    empty = [
        trackforge.analytic("lines", lines="l=320,0 320,480"),
        trackforge.analytic("zones", zones="z=200,100 440,100 440,400"),
        trackforge.analytic("heat"),
        trackforge.analytic("trails"),
        trackforge.analytic("ground", points="0%,0% 100%,0% 100%,100% 0%,100%", rectangle=(3.0, 2.0)),
    ]
    assert [plots_of(one.result()) for one in empty] == [{}] * 5
    assert plots_of({"anything": 1}) == {}
