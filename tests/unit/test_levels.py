from __future__ import annotations

import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackforge.io.levels import Levels, stretch


def grey(*values: int) -> np.ndarray:
    return np.array([values], np.uint16)


def test_a_picture_that_uses_the_range_gives_its_upper_bits() -> None:
    assert stretch(grey(0, 255, 256, 65535)).tolist() == [[0, 0, 1, 255]]
    assert stretch(grey(30000, 62768)).tolist() == [[117, 245]]


def test_a_sensor_of_fewer_bits_is_stretched_and_the_first_picture_decides() -> None:
    levels = Levels()
    assert levels(grey(7000, 7600, 8200)).tolist() == [[0, 127, 255]]
    assert levels(grey(7600, 6000, 9000, 0, 65535)).tolist() == [[127, 0, 255, 0, 255]]
    assert levels.span == (7000, 8200)


def test_a_closed_shutter_decides_nothing() -> None:
    levels = Levels()
    assert levels(grey(7168, 7168)).tolist() == [[28, 28]]
    assert levels.span is None
    assert levels(grey(7000, 8200)).tolist() == [[0, 255]]


def test_what_is_lost_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    levels = Levels("street")
    with caplog.at_level(logging.WARNING):
        for image in (grey(10, 200), grey(10, 3000), grey(4000, 4000)):
            levels(image)
    assert [record.message[:64] for record in caplog.records] == [
        "street: 50 % of a picture lie outside of 10 to 200, which the fi"
    ]


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=40))
def test_brighter_stays_brighter(values: list[int]) -> None:
    made = stretch(grey(*sorted(values)))[0].astype(int)
    assert (np.diff(made) >= 0).all()
    assert stretch(np.zeros((0, 4), np.uint16)).shape == (0, 4)
