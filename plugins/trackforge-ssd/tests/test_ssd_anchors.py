"""Maps and anchors of every variant."""

from __future__ import annotations

import numpy as np
import pytest

from trackforge.errors import ConfigError
from trackforge_ssd.anchors import anchors
from trackforge_ssd.layout import map_sizes
from trackforge_ssd.variants import VARIANTS, variant

COUNTS = {
    "sagemaker-vgg16-300": 8732,
    "sagemaker-vgg16-512": 24576,
    "sagemaker-resnet50-300": 2268,
    "sagemaker-resnet50-512": 6132,
    "gluoncv-vgg16-300-voc": 8732,
    "gluoncv-vgg16-300-coco": 8732,
    "gluoncv-vgg16-512-voc": 24564,
    "gluoncv-vgg16-512-coco": 24564,
    "gluoncv-resnet50-512-voc": 6132,
    "gluoncv-resnet50-512-coco": 6132,
    "torchvision-vgg16-300": 8732,
}
"""Recorded from the published code."""


@pytest.mark.parametrize("name", VARIANTS)
def test_there_are_as_many_anchors_as_published(name: str) -> None:
    v = variant(name)
    made = anchors(v)
    assert made.shape == (COUNTS[name], 4)
    assert made.dtype == np.float32
    assert (made[:, 2:] > made[:, :2]).all()
    assert sum(h * w * a.count for (h, w), a in zip(map_sizes(v, (v.size, v.size)), v.levels, strict=True)) == len(made)


def test_torchvisions_boxes_by_its_documented_formula() -> None:
    """Written down a second time, one number at a time."""
    scales = [0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05]
    ratios = [[2], [2, 3], [2, 3], [2, 3], [2], [2]]
    expected = []
    for k, (cells, step) in enumerate(zip((38, 19, 10, 5, 3, 1), (8, 16, 32, 64, 100, 300), strict=True)):
        sides = [(scales[k],) * 2, ((scales[k] * scales[k + 1]) ** 0.5,) * 2]
        for ratio in ratios[k]:
            w, h = scales[k] * ratio**0.5, scales[k] / ratio**0.5
            sides += [(w, h), (h, w)]
        for row in range(cells):
            for column in range(cells):
                x, y = (column + 0.5) * step / 300, (row + 0.5) * step / 300
                for w, h in sides:
                    half_w, half_h = min(w, 1) / 2, min(h, 1) / 2
                    expected.append((x - half_w, y - half_h, x + half_w, y + half_h))
    np.testing.assert_allclose(anchors(variant("torchvision-vgg16-300")), expected, atol=2e-7)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("vgg16-300", "There is no variant"),
        ("gluoncv-resnet50-300", "Known: sagemaker-vgg16-300"),
        ("torchvision-resnet50-300", "There is no variant"),
        ("sagemaker-vgg16-5000", "64 to 4096 pixels"),
        ("sagemaker-vgg16-96", "too small"),
        ("sagemaker-vgg16-300/3", "divisor"),
    ],
)
def test_a_name_that_is_none_is_refused(name: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        variant(name)


def test_anchors_of_one_size_are_not_used_for_another() -> None:
    with pytest.raises(ConfigError, match="laid out for it"):
        anchors(variant("sagemaker-vgg16-300"), (416, 416))
    free = anchors(variant("sagemaker-resnet50-512"), (256, 320))
    assert len(free) == sum(h * w * a for (h, w), a in zip([(16, 20), (8, 10), (4, 5), (2, 3), (1, 2), (1, 1)],
                                                           [4, 6, 6, 6, 4, 4], strict=True))  # fmt: skip
