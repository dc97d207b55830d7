"""Pictures become the published input, and boxes come back: exactly, or as the published code has it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackforge.errors import ConfigError
from trackforge.models import Preprocessing
from trackforge_fairmot.preprocess import SIZE, preprocessing

STRIDE = 4
SMALL = dataclasses.replace(preprocessing(), size=(152, 272), multiple=8)
"""The golden data are of a size that no network takes."""


@pytest.mark.golden
@pytest.mark.parametrize("case", range(4))
def test_input_is_the_published_one_to_the_bit(golden_dir: Path, case: int) -> None:
    golden = np.load(golden_dir / "fairmot" / "preproc.npz")
    image, wanted, (ratio, left, top) = (golden[f"{name}_{case}"] for name in ("img", "letterbox", "meta"))
    canvas = np.zeros(wanted.shape, np.uint8)
    SMALL.draw(image, canvas)
    np.testing.assert_array_equal(canvas, wanted)
    rgb = np.ascontiguousarray(image[..., ::-1])  # the golden pictures are BGR, as OpenCV reads them
    out = np.full((3, *SMALL.size), np.nan, np.float32)
    placement = SMALL.planes(rgb, out)
    assert np.isfinite(out).all()
    np.testing.assert_array_equal(out[:, 76, ::17][:, :16], golden[f"row_{case}"])
    np.testing.assert_array_equal(out, wanted.transpose(2, 0, 1)[::-1].astype(np.float32) / np.float32(255))
    assert abs(placement.scale[0] / ratio - 1) < 0.005  # rounded to whole pixels, as the picture is drawn
    assert placement.offset == (np.floor(left), np.floor(top))


@pytest.mark.golden
def test_the_published_way_back(golden_dir: Path) -> None:
    golden = json.loads((golden_dir / "fairmot" / "misc.json").read_text())["ctdet_post_process"]
    boxes = STRIDE * np.array(golden["dets"][0], np.float32)[:, :4]
    for case in golden["cases"]:
        height, width = case["img_hw"]
        size = tuple(case["input_hw"])
        wanted = np.array(case["out"])[:, :4]
        published = dataclasses.replace(SMALL, size=size, mapping="nominal").place(width, height)[1].back(boxes)
        np.testing.assert_allclose(published, wanted, atol=1e-3)  # theirs is float32 throughout
        exact = dataclasses.replace(SMALL, size=size).place(width, height)[1].back(boxes)
        assert np.abs(exact - wanted).max() < 2.0  # coordinates far outside the picture are among these


@given(st.integers(1, 700), st.integers(1, 700))
def test_a_box_of_the_picture_comes_back_exactly(width: int, height: int) -> None:
    (left, top, right, bottom), placement = preprocessing((64, 96)).place(width, height)
    assert 0 <= left < right <= 96
    assert 0 <= top < bottom <= 64
    back = placement.back(np.array([[left, top, right, bottom]], np.float32))
    np.testing.assert_allclose(back, [[0, 0, width, height]], rtol=1e-5, atol=1e-4)


def test_the_published_size_and_what_travels_with_weights() -> None:
    assert preprocessing().size == SIZE == (608, 1088)
    assert Preprocessing.from_dict(preprocessing((96, 128)).to_dict()) == preprocessing((96, 128))
    with pytest.raises(ConfigError, match=r"multiples of 32; got \(600, 1088\)"):
        preprocessing((600, 1088))
