"""The shelf for networks carries another family than YOLOX: two outputs, embeddings, other pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import toy_family

import trackforge
from trackforge.errors import InvalidInputError, WeightsError
from trackforge.models import KEY, ModelCard, Preprocessing
from trackforge.registry import registry
from trackforge.testing import check_detector
from trackforge.types import Frame

CARD = ModelCard(
    component="lamps",
    classes=("dark", "lit"),
    preprocessing=Preprocessing(
        size=(64, 96),
        multiple=8,
        rounding="nearest",
        align="centre",
        mapping="drawn",
        interpolation="area",
        order="rgb",
        scale=255.0,
        pad=0,
    ),
    extra={"lit": 1},
)


@pytest.fixture(autouse=True)
def _installed() -> Iterator[None]:
    registry().register(toy_family, "lamps")
    yield
    registry().unregister("lamps")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "street.pth"
    torch.save({"model": toy_family.Lamps().state_dict(), KEY: CARD.to_json()}, path)
    return path


def frame(height: int = 128, width: int = 96) -> Frame:
    """One lamp of 16 pixels, orange, at 32, 48."""
    image = np.zeros((height, width, 3), np.uint8)
    image[48:64, 32:48] = (255, 204, 51)
    return Frame(index=0, image=image)


@pytest.mark.parametrize("form", ["pth", "onnx"])
def test_another_family_is_opened_by_path(form: str, weights: Path, tmp_path: Path) -> None:
    if form == "onnx":
        weights = registry().create("exporter", "lamps", {"weights": weights, "output": tmp_path / "street.onnx"})
    detector = trackforge.detector(weights, score=0.6, threads=1)
    assert isinstance(detector, toy_family.LampDetector)
    assert (detector.classes, detector.card.extra) == (("dark", "lit"), {"lit": 1})
    found = detector.detect([frame(), frame(64, 96), frame()])  # 128 x 96 is drawn at half size in the middle
    for one in (found[0], found[2]):
        np.testing.assert_allclose(one.xyxy, [[32, 48, 48, 64]])
        np.testing.assert_allclose(one.score, [2 / 3], rtol=1e-6)
        np.testing.assert_allclose(one.embedding, [[1.0, 0.8, 0.2]], rtol=1e-6)
        assert one.class_id.tolist() == [1]
    assert len(found[1]) == 4
    check_detector(lambda: trackforge.detector(weights, threads=1), frames=[frame(), frame()])


def test_the_base_says_what_is_wrong(weights: Path) -> None:
    with pytest.raises(InvalidInputError, match="LampDetector needs images; frame 3 has none"):
        trackforge.detector(weights).detect([Frame(index=3, size=(10, 10))])
    with pytest.raises(WeightsError, match="there is no file 'lost'"):
        trackforge.detector("lamps", weights="lost")
    with pytest.raises(WeightsError, match="got 1 names where the weights have 2: dark, lit"):
        trackforge.detector(weights, classes=("lamp",))
    with pytest.raises(WeightsError, match="must be of 'yolox'; they are of the detector 'lamps'"):
        CARD.told("yolox", toy_family.Given(), None)


def test_a_card_survives_its_text() -> None:
    assert ModelCard.from_json(CARD.to_json()) == CARD
