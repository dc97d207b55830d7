"""One Preprocessing serves the families: pictures lie where they should, values are right, boxes come back."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackforge.errors import ConfigError, WeightsError
from trackforge.models import IMAGENET_MEAN, IMAGENET_STD, Preprocessing

FAMILIES: dict[str, dict[str, Any]] = {
    "yolox": {"size": (64, 96)},
    "fairmot": {
        "size": (64, 96),
        "rounding": "nearest",
        "align": "centre",
        "interpolation": "area",
        "order": "rgb",
        "scale": 255.0,
        "pad": 128,
        "arithmetic": "float32",
    },
    "ssd": {"size": (75, 75), "multiple": 1, "fit": "stretch", "order": "rgb", "mean": (123.0, 117.0, 104.0)},
    "reid": {
        "size": (64, 32),
        "fit": "stretch",
        "interpolation": "adaptive",
        "order": "rgb",
        "scale": 255.0,
        "mean": IMAGENET_MEAN,
        "std": IMAGENET_STD,
    },
}


def image(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def filled(make: Preprocessing, picture: np.ndarray) -> np.ndarray:
    out = np.full((3, *make.size), np.nan, np.float32)
    make.planes(picture, out)
    return out


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shape", [(37, 101), (90, 33), (64, 96), (7, 3)])
def test_planes_are_the_drawn_canvas_through_the_table(family: str, shape: tuple[int, int]) -> None:
    make = Preprocessing(**FAMILIES[family])
    canvas = np.zeros((*make.size, 3), np.uint8)
    placement = make.draw(image(*shape), canvas)
    out = filled(make, image(*shape))
    assert np.isfinite(out).all()
    colours = canvas if make.order == "rgb" else canvas[..., ::-1]
    dtype = np.dtype(make.arithmetic)
    wanted = (colours.astype(dtype) / dtype.type(make.scale) - np.array(make.mean)) / np.array(make.std)
    np.testing.assert_allclose(out, wanted.transpose(2, 0, 1), rtol=1e-6, atol=1e-6)
    assert placement == make.place(shape[1], shape[0])[1]
    assert Preprocessing.from_dict(make.to_dict()) == make


def test_the_letterbox_of_fairmot_is_the_published_one() -> None:
    """Scale 64 / 90 makes 33 x 90 to 23 x 64, and of 73 empty columns 36 lie on the left."""
    make = Preprocessing(**FAMILIES["fairmot"])
    box, placement = make.place(33, 90)
    assert box == (36, 0, 59, 64)
    assert placement.scale == (64 / 90, 64 / 90)
    assert placement.offset == pytest.approx(((96 - 33 * 64 / 90) / 2, 0))
    out = filled(make, image(90, 33))
    scaled = cv2.resize(image(90, 33), (23, 64), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(out[:, :, 36:59], scaled.transpose(2, 0, 1).astype(np.float32) / np.float32(255))
    assert (out[:, :, :36] == np.float32(128) / np.float32(255)).all()


def test_ssd_stretches_and_subtracts() -> None:
    make = Preprocessing(**FAMILIES["ssd"])
    out = filled(make, np.full((50, 150, 3), (123, 118, 106), np.uint8))
    assert [np.unique(plane).tolist() for plane in out] == [[0], [1], [2]]
    box = make.place(150, 50)[1].back(np.array([[75, 75, 37.5, 0]], np.float32))
    np.testing.assert_allclose(box, [[150, 50, 75, 0]])


@pytest.mark.parametrize(
    ("shape", "kind"), [((128, 96), cv2.INTER_AREA), ((9, 9), cv2.INTER_CUBIC), ((100, 9), cv2.INTER_LINEAR)]
)
def test_adaptive_scaling(shape: tuple[int, int], kind: int) -> None:
    make = Preprocessing(size=(64, 32), fit="stretch", interpolation="adaptive", order="rgb")
    wanted = cv2.resize(image(*shape), (32, 64), interpolation=kind)
    np.testing.assert_array_equal(filled(make, image(*shape)), wanted.transpose(2, 0, 1))


@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.sampled_from(["corner", "centre"]),
    st.sampled_from(["down", "nearest"]),
    st.sampled_from(["letterbox", "stretch"]),
)
def test_what_is_drawn_comes_back_exactly(width: int, height: int, align: Any, rounding: Any, fit: Any) -> None:
    make = Preprocessing(size=(64, 96), align=align, rounding=rounding, fit=fit, mapping="drawn")
    box, placement = make.place(width, height)
    assert 0 <= box[0] < box[2] <= 96
    assert 0 <= box[1] < box[3] <= 64
    back = placement.back(np.array([box], np.float32))
    np.testing.assert_allclose(back, [[0, 0, width, height]], rtol=1e-5, atol=1e-4)


def test_sizes_and_descriptions_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match=r"multiples of 8; got \(60, 60\)"):
        Preprocessing(size=(60, 60), multiple=8)
    for values in ({}, {"size": [64, 64], "blur": 1}, []):
        with pytest.raises(WeightsError, match="must be readable"):
            Preprocessing.from_dict(values)  # type: ignore[arg-type]


def test_the_shelf_loads_nothing_heavy() -> None:
    code = (
        "import sys, trackforge.models, trackforge.models.onnx, trackforge.models.checkpoints\n"
        "heavy = sorted({'torch', 'onnx', 'onnxruntime', 'cv2', 'scipy'} & set(sys.modules))\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
