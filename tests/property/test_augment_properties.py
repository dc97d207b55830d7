"""Boxes follow the pixels: rectangles are painted, transformed, and found again by their colour."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackforge.training import augment as ta

COLOURS = np.array(
    [
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
        (255, 255, 0),
        (255, 0, 255),
        (0, 255, 255),
        (0, 0, 0),
        (255, 255, 255),
        (255, 128, 0),
        (0, 128, 255),
    ],
    np.float64,
)
PAPER = 114
TOLERANCE = (
    2.0  # px: half a pixel of quantisation a side, rounding of the letterbox, corners that are less than half full
)
QUICK = settings(max_examples=25)
SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.sampled_from([(96, 160), (128, 128), (160, 96), (96, 96)])


def painted(rng: np.random.Generator, colours: tuple[int, ...]) -> ta.LabelledImage:
    """Paint rectangles side by side, so that none hides another; identity = 100 + colour, class = colour % 3."""
    width, height = (int(n) for n in rng.integers(120, 260, 2))
    image = np.full((height, width, 3), PAPER, np.uint8)
    xyxy, strip = [], width / len(colours)
    for place, colour in enumerate(colours):
        x1 = int(strip * place + rng.uniform(2, strip * 0.3))
        x2 = int(strip * (place + 1) - rng.uniform(2, strip * 0.3))
        y1, y2 = int(rng.uniform(2, height * 0.4)), int(rng.uniform(height * 0.6, height - 2))
        image[y1:y2, x1:x2] = COLOURS[colour]
        xyxy.append((x1, y1, x2, y2))
    number = np.array(colours)
    return ta.LabelledImage(
        image=image, xyxy=np.array(xyxy, np.float64), class_id=number % 3, identity=100 + number, ignore=number % 4 == 3
    )


def drawing(rng: np.random.Generator, size: tuple[int, int]) -> ta.Draw:
    """A draw whose further pictures bring colours 2 and 3, 4 and 5, and so on, in turn."""
    pairs = iter([(2, 3), (4, 5), (6, 7), (8, 9)])
    return ta.Draw(rng=rng, size=size, another=lambda _labelled: painted(rng, next(pairs)))


def found(image: np.ndarray, colour: int) -> np.ndarray | None:
    """Return the box of the pixels that are nearer to a colour than half way to the paper."""
    distance = np.abs(image.astype(np.float64) - COLOURS[colour]).max(axis=2)
    rows, columns = np.nonzero(distance < np.abs(COLOURS[colour] - PAPER).min() / 2)
    if len(rows) < 12:
        return None
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float64)


def assert_boxes_fit(out: ta.LabelledImage, colours: range, *, everything: bool = True, turned: bool = False) -> None:
    """Compare boxes with what is to be seen; the box around a turned rectangle is wide where the border cuts it."""
    assert len(set(out.identity.tolist())) == len(out), "an identity came twice"
    assert (out.identity - 100) % 3 == pytest.approx(out.class_id)
    assert (((out.identity - 100) % 4 == 3) == out.ignore).all()
    width, height = out.size
    for colour in colours:
        seen = found(out.image, colour)
        rows = np.flatnonzero(out.identity == 100 + colour)
        if not len(rows):
            small = seen is None or (seen[2:] - seen[:2]).min() <= 6
            assert small or not everything, f"colour {colour} is in the picture at {seen}, but its box is gone"
            continue
        box = np.clip(out.xyxy[rows[0]], 0, (width, height, width, height))
        if turned and (box[:2].min() <= 0 or (box[2:] >= (width, height)).any()):
            assert seen is None or np.concatenate((box[:2] - seen[:2], seen[2:] - box[2:])).max() <= TOLERANCE
            continue
        if (box[2:] - box[:2]).min() < 6:
            continue  # a sliver: too few pixels to measure
        assert seen is not None, f"colour {colour} has the box {box}, but is not to be seen"
        assert np.abs(seen - box).max() <= TOLERANCE, f"colour {colour}: seen {seen}, box {box}"


SINGLE = {
    "flip": ta.Flip(probability=1),
    "letterbox": ta.LetterBox(),
    "letterbox, centre": ta.LetterBox(place="centre", rounding="nearest", interpolation="area", pad=128),
    "stretch": ta.Stretch(),
    "affine": ta.RandomAffine(degrees=8, scale=(0.5, 1.6), shear=4),
    "affine, corner": ta.RandomAffine(degrees=5, scale=(0.4, 1.2), pivot="corner"),
    "affine, not clipped": ta.RandomAffine(degrees=0, shear=0, scale=(0.5, 2), translate=0.4, clip=False),
    "affine, swapped": ta.RandomAffine(degrees=0, scale=(0.5, 1), swap_translate=True),
    "expand": ta.Expand(probability=1),
    "expand, limited": ta.Expand(probability=1, ratio=(3, 4), limit=200),
}


@pytest.mark.parametrize("name", SINGLE)
@QUICK
@given(seed=SEEDS, size=SIZES)
def test_boxes_follow_the_pixels(name: str, seed: int, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(seed)
    before = painted(rng, (0, 1, 2, 3))
    pixels, boxes = before.image.copy(), before.xyxy.copy()
    after = SINGLE[name](before, drawing(rng, size))
    assert_boxes_fit(after, range(4), turned=name.startswith("affine"))
    assert (before.image == pixels).all(), "the input was written to"
    assert (before.xyxy == boxes).all(), "the input was written to"


@QUICK
@given(seed=SEEDS, size=SIZES)
def test_the_matrix_says_where_a_box_came_from(seed: int, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(seed)
    before = painted(rng, (0, 1, 2))
    steps = (ta.Flip(), ta.Expand(), ta.LetterBox(place="centre"), ta.RandomAffine(degrees=0, shear=0, clip=False))
    after = ta.Pipeline(steps=steps, boxes=None)(before, drawing(rng, size))
    assert after.matrix is not None
    kept = np.isin(before.identity, after.identity)
    corners = before.xyxy[kept].reshape(-1, 2, 2) @ after.matrix[:2, :2].T + after.matrix[:2, 2]
    wanted = np.concatenate((corners.min(axis=1), corners.max(axis=1)), axis=1)
    np.testing.assert_allclose(after.xyxy, wanted, atol=1e-9)


@QUICK
@given(seed=SEEDS, size=SIZES, clip=st.booleans())
def test_mosaic_and_affine(seed: int, size: tuple[int, int], clip: bool) -> None:
    rng = np.random.default_rng(seed)
    draw = drawing(rng, size)
    mosaic = ta.Mosaic(clip=clip)(painted(rng, (0, 1)), draw)
    assert mosaic.size == (2 * size[1], 2 * size[0])
    assert_boxes_fit(mosaic, range(8))
    affine = ta.RandomAffine(degrees=4, scale=(0.5, 1.2), shear=1, clip=clip)
    turned = affine(mosaic, draw)
    assert turned.size == size[::-1]
    assert turned.matrix is None
    turned = turned.keep(np.isin(turned.identity, mosaic.identity[inside(mosaic)]))
    assert_boxes_fit(turned, range(8), everything=False, turned=True)


def inside(picture: ta.LabelledImage) -> np.ndarray:
    """Which boxes no border has cut; a cut one turns into a hull that the cut rectangle need not fill."""
    width, height = picture.size
    b = picture.xyxy
    return (b[:, 0] > 1) & (b[:, 1] > 1) & (b[:, 2] < width - 1) & (b[:, 3] < height - 1)


@QUICK
@given(seed=SEEDS, size=SIZES, share=st.sampled_from([0.0, 1.0]), clip=st.booleans())
def test_mixup_puts_boxes_of_both_where_they_are(seed: int, size: tuple[int, int], share: float, clip: bool) -> None:
    rng = np.random.default_rng(seed)
    draw = drawing(rng, size)
    base = ta.LetterBox()(painted(rng, (0, 1)), draw)
    out = ta.MixUp(share=share, clip=clip)(base, draw)
    assert out.size == size[::-1]
    if len(out) == len(base):
        return  # nothing of the partner was left
    assert set(base.identity.tolist()) <= set(out.identity.tolist())
    mine = np.isin(out.identity, base.identity)
    visible, colours = (mine, range(2)) if share else (~mine, range(2, 4))
    assert_boxes_fit(out.keep(visible), colours)


@QUICK
@given(seed=SEEDS)
def test_iou_crop_keeps_objects_by_their_centre(seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = painted(rng, (0, 1, 2, 3))
    after = ta.IouCrop(whole=False)(before, drawing(rng, (96, 96)))
    assert after.count >= 1
    assert after.matrix is not None
    moved = before.xyxy - np.tile(-after.matrix[:2, 2], 2)
    centre, (width, height) = (moved[:, :2] + moved[:, 2:]) / 2, after.size
    held = ((centre > 0) & (centre < (width, height))).all(axis=1) & ~before.ignore
    assert set(before.identity[held].tolist()) == set(after.identity[~after.ignore].tolist())
    assert_boxes_fit(after, range(4), everything=False)


@QUICK
@given(seed=SEEDS)
def test_colours_leave_boxes_and_shapes_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = painted(rng, (0, 1, 2))
    for transform in (ta.Hsv(), ta.HsvGain(), ta.Photometric(), ta.Photometric(order="either", probability=1)):
        after = transform(before, drawing(rng, (96, 96)))
        assert after.xyxy is before.xyxy
        assert after.image.shape == before.image.shape
        assert after.image.dtype == np.uint8


PIPELINES = {
    "yolox": ta.yolox_pipeline(),
    "yolox nano": ta.yolox_pipeline(mosaic=0.5, mixup=0, scale=(0.5, 1.5)),
    "bytetrack": ta.bytetrack_pipeline(),
    "fairmot": ta.fairmot_pipeline(),
    "ssd": ta.ssd_pipeline(),
    "finetune": ta.finetune_pipeline(),
    "validation": ta.validation_pipeline(),
}


@pytest.mark.parametrize("name", PIPELINES)
@settings(max_examples=15)
@given(seed=SEEDS, size=SIZES, strong=st.booleans())
def test_pipelines_keep_their_word(name: str, seed: int, size: tuple[int, int], strong: bool) -> None:
    pipeline = PIPELINES[name]

    def run(one: ta.Pipeline) -> ta.LabelledImage:
        rng = np.random.default_rng(seed)
        picture, draw = painted(rng, (0, 1)), drawing(rng, size)
        return one(picture, ta.Draw(rng=rng, size=size, strong=strong, another=draw.another))

    out, again = run(pipeline), run(pickle.loads(pickle.dumps(pipeline)))
    assert out.size == size[::-1]
    assert out.count >= 1, "a picture with objects must not lose them all"
    for column in ("image", "xyxy", "class_id", "identity", "ignore"):
        np.testing.assert_array_equal(getattr(out, column), getattr(again, column))
    assert len(set(out.identity.tolist())) == len(out)
    assert ((out.identity - 100) % 3 == out.class_id).all()
    assert np.isfinite(out.xyxy).all()
    assert (out.xyxy[:, 2:] > out.xyxy[:, :2]).all()
    if pipeline.boxes is not None and pipeline.boxes.clip:
        assert (out.xyxy >= 0).all()
        assert (out.xyxy <= np.tile(out.size, 2)).all()
