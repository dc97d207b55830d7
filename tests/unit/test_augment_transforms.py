"""What each transform does exactly, and which settings it refuses."""

from __future__ import annotations

import colorsys
from typing import Any

import cv2
import numpy as np
import pytest

from trackforge.errors import ConfigError
from trackforge.models import IMAGENET_MEAN, IMAGENET_STD, InputValues, Preprocessing
from trackforge.training import augment as ta
from trackforge_yolox.preprocess import preprocessing


def picture(width: int = 64, height: int = 48, boxes=((8, 8, 24, 40), (30, 4, 60, 20)), seed: int = 0, **columns):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image = cv2.GaussianBlur(image, (5, 5), 0)
    return ta.LabelledImage(image=image, xyxy=np.array(boxes, np.float64), **columns)


def draw(size=(48, 64), seed: int = 0, another=lambda _labelled: None, **more) -> ta.Draw:
    return ta.Draw(rng=np.random.default_rng(seed), size=size, another=another, **more)


# ---- boxes


def test_a_rule_clips_and_drops() -> None:
    boxes = [(-10, 5, 10, 15), (60, 5, 80, 15), (-20, 5, -1, 15), (64, 5, 80, 15), (63.5, 5, 80, 30), (5, 5, 6, 30)]
    before = picture(boxes=boxes, identity=range(6))
    after = ta.BoxRule()(before)
    assert after.identity.tolist() == [0, 1]
    assert after.xyxy.tolist() == [[0, 5, 10, 15], [60, 5, 64, 15]]
    loose = ta.BoxRule(clip=False)(before)
    assert loose.identity.tolist() == [0, 1, 4]
    assert loose.xyxy.tolist() == [list(map(float, boxes[k])) for k in (0, 1, 4)]
    assert ta.BoxRule(min_visible=0.4)(before).identity.tolist() == [0]
    assert ta.BoxRule(clip=False, max_aspect=1.6)(before).identity.tolist() == [4]


def test_no_ignore_region_is_too_small_to_stay() -> None:
    before = picture(boxes=[(5, 5, 5.5, 30), (-9, 5, 0.5, 30), (-9, 5, 0, 30)], ignore=[True] * 3, identity=range(3))
    assert ta.BoxRule(min_visible=0.5, max_aspect=2)(before).identity.tolist() == [0, 1]


def test_a_rule_takes_a_picture_without_boxes() -> None:
    assert len(ta.BoxRule(min_visible=0.5, max_aspect=2)(picture(boxes=()))) == 0


# ---- geometry


@pytest.mark.parametrize("size", [(416, 416), (320, 640), (608, 1088)])
@pytest.mark.parametrize("shape", [(64, 48), (480, 641), (769, 577)])
def test_validation_shows_the_network_what_the_detector_shows_it(size, shape) -> None:
    before = picture(*shape, boxes=[(3, 4, 30.5, 40)])
    after = ta.validation_pipeline()(before, draw(size))
    canvas = np.empty((*size, 3), np.uint8)
    ratio = preprocessing("yolox", size).draw(before.image, canvas).scale[0]
    np.testing.assert_array_equal(after.image, canvas)
    np.testing.assert_allclose(after.xyxy, before.xyxy * ratio)


FAIRMOT = {
    "align": "centre",
    "rounding": "nearest",
    "interpolation": "area",
    "pad": 128,
    "order": "rgb",
    "scale": 255.0,
}
WAYS = {
    "yolox": Preprocessing(size=(64, 96)),
    "fairmot": Preprocessing(size=(64, 96), **FAIRMOT),
    "ssd": Preprocessing(size=(64, 96), fit="stretch", order="rgb", mean=(123.0, 117.0, 104.0)),
    "reid": Preprocessing(
        size=(64, 96),
        fit="stretch",
        interpolation="adaptive",
        order="rgb",
        scale=255,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", [(64, 48), (48, 131), (96, 64)])
def test_every_family_is_shown_in_training_what_its_detector_sees(way: str, shape: tuple[int, int]) -> None:
    """Pixels and values to the bit, boxes by the detector's own way back."""
    torch = pytest.importorskip("torch")
    make, before = WAYS[way], picture(*shape, boxes=[(3, 4, 30.5, 40), (-2, 0, 9, 9)])
    after = ta.validation_pipeline(make)(before, draw(make.size))
    wanted = np.empty((3, *make.size), np.float32)
    placement = make.planes(before.image, wanted)
    pixels = torch.from_numpy(after.image).permute(2, 0, 1)[None]
    np.testing.assert_array_equal(InputValues(make)(pixels)[0], wanted)
    np.testing.assert_array_equal(InputValues(make)(pixels.contiguous())[0], wanted)
    np.testing.assert_allclose(placement.back(after.xyxy.astype(np.float32)), before.xyxy, atol=1e-4)
    np.testing.assert_allclose(after.matrix @ [3, 4, 1], [*after.xyxy[0, :2], 1])


@pytest.mark.parametrize("shape", [(64, 48), (480, 641), (769, 577), (96, 64)])
def test_yolox_is_prepared_as_it_always_was(shape: tuple[int, int]) -> None:
    before = picture(*shape, boxes=[(3, 4, 30.5, 40)])
    one, other = (step(before, draw((64, 96))) for step in (ta.Prepare(preprocessing=WAYS["yolox"]), ta.LetterBox()))
    for name in ("image", "xyxy", "matrix"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize(
    ("pipeline", "way"),
    [
        (ta.finetune_pipeline, "ssd"),
        (ta.finetune_pipeline, "fairmot"),
        (ta.fairmot_pipeline, "fairmot"),
        (ta.yolox_pipeline, "ssd"),
    ],
)
def test_augmentation_pads_and_stretches_as_the_weights_want(pipeline: Any, way: str) -> None:
    make = WAYS[way]
    before = picture(40, 160, boxes=[(10, 5, 90, 35)])
    made = pipeline(preprocessing=make)
    canvas = np.empty((*make.size, 3), np.uint8)
    make.draw(before.image, canvas)
    (plain,) = made.plain
    np.testing.assert_array_equal(plain(before, draw(make.size)).image, canvas)
    if make.fit == "stretch":
        assert plain in made.steps
    assert {step.pad for step in made.steps if isinstance(step, ta.RandomAffine)} <= {make.pad}


@pytest.mark.golden
@pytest.mark.parametrize("case", range(4))
def test_the_centred_letterbox_is_fairmots(golden_dir, case: int) -> None:
    golden = np.load(golden_dir / "fairmot" / "preproc.npz")
    image, (ratio, left, top) = golden[f"img_{case}"], golden[f"meta_{case}"]
    box = ta.LetterBox(pad=128, place="centre", rounding="nearest", interpolation="area")
    after = box(ta.LabelledImage(image=image, xyxy=[[3, 4, 30, 40]]), draw((152, 272)))
    np.testing.assert_array_equal(after.image, golden[f"letterbox_{case}"])
    wanted = np.array([3, 4, 30, 40]) * ratio + np.floor([left, top, left, top])  # where the pixels are
    np.testing.assert_allclose(after.xyxy[0], wanted)


def test_a_picture_of_the_right_size_is_passed_on() -> None:
    before = picture()
    assert ta.LetterBox()(before, draw()) is before


def test_an_affine_map_that_does_nothing_changes_nothing() -> None:
    before = picture()
    for pivot in ("centre", "corner"):
        still = ta.RandomAffine(degrees=0, translate=0, scale=(1, 1), shear=0, pivot=pivot)
        after = still(before, draw())
        np.testing.assert_array_equal(after.image, before.image)
        np.testing.assert_allclose(after.xyxy, before.xyxy)


def test_scaling_by_an_affine_map_is_scaling_to_half_a_pixel() -> None:
    before = picture(boxes=[(2, 2, 10, 12)])
    twice = ta.RandomAffine(degrees=0, translate=0, scale=(2, 2), shear=0, pivot="corner")
    after = twice(before, draw((96, 128)))
    wanted = cv2.resize(before.image, (128, 96), interpolation=cv2.INTER_LINEAR).astype(int)
    assert np.abs(after.image.astype(int) - wanted)[2:-2, 2:-2].max() <= 8  # OpenCV warps in steps of 1/32 pixel
    assert after.xyxy.tolist() == [[4, 4, 20, 24]]


def test_turning_keeps_lengths_and_right_angles() -> None:
    turn = ta.RandomAffine(degrees=60, translate=0, scale=(1.5, 1.5), shear=0, clip=False)
    for seed in range(8):
        linear = turn(picture(), draw(seed=seed)).matrix[:2, :2]
        np.testing.assert_allclose(linear @ linear.T, 2.25 * np.eye(2), atol=1e-12)
        assert abs(linear[0, 1]) <= 1.5 * np.sin(np.radians(60))


def test_the_pivot_is_what_stays() -> None:
    before, half = picture(), {"degrees": 0, "translate": 0, "scale": (0.5, 0.5), "shear": 0}
    corner = ta.RandomAffine(pivot="corner", **half)(before, draw())
    centre = ta.RandomAffine(pivot="centre", **half)(before, draw())
    np.testing.assert_allclose(corner.xyxy, before.xyxy / 2)
    np.testing.assert_allclose(centre.xyxy, before.xyxy / 2 + (16, 12, 16, 12))
    assert (corner.image[30:] == 114).all()


def test_moves_can_be_swapped_and_hulls_tightened() -> None:
    still = {"degrees": 0, "scale": (1, 1), "shear": 0, "clip": False, "translate": 0.2}
    before = picture(640, 320, boxes=[(300, 150, 340, 170)])
    own = ta.RandomAffine(**still)(before, draw((320, 640)))
    swapped = ta.RandomAffine(swap_translate=True, **still)(before, draw((320, 640)))
    own_move, swapped_move = (p.xyxy[0, :2] - before.xyxy[0, :2] for p in (own, swapped))
    np.testing.assert_allclose(swapped_move, own_move * (0.5, 2))
    turned = {"degrees": 30, "scale": (1, 1), "shear": 0, "clip": False, "translate": 0}
    loose = ta.RandomAffine(**turned)(before, draw((320, 640)))
    tight = ta.RandomAffine(tighten=True, **turned)(before, draw((320, 640)))
    side, tighter = (p.xyxy[0, 2:] - p.xyxy[0, :2] for p in (loose, tight))
    angle = np.radians(30 * np.random.default_rng(0).uniform(-1, 1, 5)[0])
    np.testing.assert_allclose(tighter / side, np.sqrt(np.cos(angle)))


def test_expand_keeps_the_canvas_small() -> None:
    after = ta.Expand(probability=1, ratio=(4, 4), limit=128)(picture(), draw())
    assert max(after.size) <= 128
    assert (after.image == (124, 116, 104)).all(axis=2).mean() > 0.8


def test_iou_crop_demands_overlap() -> None:
    before = picture(boxes=[(10, 10, 34, 40)])
    crop = ta.IouCrop(overlaps=(0.5,), whole=False, free=False)
    for seed in range(20):
        after = crop(before, draw(seed=seed))
        if after is before:
            continue
        (x, y), (w, h) = -after.matrix[:2, 2], after.size
        inter = (min(34, x + w) - max(10, x)) * (min(40, y + h) - max(10, y))
        assert inter / (w * h + 24 * 30 - inter) >= 0.5
        assert 0.5 <= w / h <= 2
        assert w >= 0.3 * 64 - 1
        assert h >= 0.3 * 48 - 1
    assert ta.IouCrop(overlaps=(), free=False)(before, draw()) is before


# ---- colours


def test_hsv_adds_what_it_says() -> None:
    before, changed = picture(boxes=()), np.zeros(3, bool)
    for seed in range(12):
        after = ta.Hsv()(before, draw(seed=seed))
        rng = np.random.default_rng(seed)
        rng.random()
        amount = np.trunc(rng.uniform(-1, 1, 3) * (5, 30, 30)) * rng.integers(0, 2, 3)
        changed |= amount != 0
        if not amount.any():
            assert after is before
            continue
        hsv = cv2.cvtColor(before.image, cv2.COLOR_RGB2HSV).astype(int) + amount.astype(int)
        hsv[..., 0] %= 180
        wanted = cv2.cvtColor(np.clip(hsv, 0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB)
        np.testing.assert_array_equal(after.image, wanted)
    assert changed.all()


def test_hsv_left_alone_is_not_touched() -> None:
    before = picture()
    assert ta.Hsv(probability=0)(before, draw()) is before
    assert ta.Hsv(hue=0, saturation=0, value=0)(before, draw()) is before


def test_gain_multiplies_value() -> None:
    colour = np.array([200, 100, 50])
    before = ta.LabelledImage(image=np.full((4, 4, 3), colour, np.uint8), xyxy=[])
    factor = 1 + 0.5 * np.random.default_rng(4).uniform(-1, 1, 2)
    after = ta.HsvGain()(before, draw(seed=4))
    hue, saturation, value = colorsys.rgb_to_hsv(*(colour / 255))
    wanted = np.array(colorsys.hsv_to_rgb(hue, min(saturation * factor[0], 1), min(value * factor[1], 1))) * 255
    np.testing.assert_allclose(after.image[0, 0], wanted, atol=3)


@pytest.mark.parametrize("one", ["brightness", "contrast", "saturation", "hue"])
def test_photometric_changes_one_thing_at_a_time(one: str) -> None:
    nothing = {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0, "probability": 1}
    usual = {"brightness": 32, "contrast": 0.5, "saturation": 0.5, "hue": 18}
    grey = ta.LabelledImage(image=np.full((8, 8, 3), 100, np.uint8), xyxy=[])
    before, after = picture(boxes=()), ta.Photometric(**nothing | {one: usual[one]})
    np.testing.assert_allclose(ta.Photometric(**nothing)(before, draw()).image, before.image, atol=6)  # HSV is coarse
    assert np.abs(after(before, draw()).image.astype(int) - before.image).max() > 6
    still_grey = after(grey, draw()).image
    assert (still_grey == still_grey[0, 0, 0]).all()
    assert (still_grey[0, 0, 0] == 100) == (one in ("saturation", "hue"))
    rng = np.random.default_rng(0).uniform(-1, 1, 3)
    if one == "brightness":
        assert still_grey[0, 0, 0] == int(100 + 32 * rng[0])
    if one == "contrast":
        assert still_grey[0, 0, 0] == int(100 * (1 + 0.5 * rng[1]))


# ---- mixing


def test_a_mosaic_of_four_touches_in_its_centre() -> None:
    shades = iter([60, 120, 180])

    def flat(shade: int) -> ta.LabelledImage:
        return ta.LabelledImage(image=np.full((48, 64, 3), shade, np.uint8), xyxy=[[0, 0, 64, 48]], identity=[shade])

    out = ta.Mosaic(centre=(1, 1))(flat(10), draw(another=lambda _labelled: flat(next(shades))))
    assert out.size == (128, 96)
    for k, (shade, (x, y)) in enumerate(zip((10, 60, 120, 180), ((0, 0), (64, 0), (0, 48), (64, 48)), strict=True)):
        assert (out.image[y : y + 48, x : x + 64] == shade).all()
        assert out.xyxy[k].tolist() == [x, y, x + 64, y + 48]
        assert out.identity[k] == shade


def test_a_truth_outside_its_picture_does_not_reach_into_the_neighbour() -> None:
    boxes = [(60, 10, 90, 30), (70, 10, 90, 30)]
    out = ta.Mosaic(centre=(1, 1))(picture(boxes=boxes), draw(another=lambda _labelled: picture(boxes=())))
    assert out.xyxy.tolist() == [[60, 10, 64, 30]]
    free = ta.Mosaic(centre=(1, 1), clip=False)(picture(boxes=boxes), draw(another=lambda _l: picture(boxes=())))
    assert free.xyxy.tolist() == [[60, 10, 90, 30]]


def test_mixup_needs_objects_on_both_sides() -> None:
    before, bare = picture(), picture(boxes=())
    assert ta.MixUp()(bare, draw(another=lambda _labelled: before)) is bare
    assert ta.MixUp()(before, draw()) is before
    assert ta.MixUp(probability=0)(before, draw(another=lambda _labelled: before)) is before
    tiny = picture(boxes=[(5, 5, 6, 6)])
    assert ta.MixUp(min_side=5)(before, draw(another=lambda _labelled: tiny)) is before


def test_mixup_is_half_and_half() -> None:
    grey = ta.LabelledImage(image=np.full((48, 64, 3), 100, np.uint8), xyxy=[[1, 1, 20, 20]], identity=[1])
    white = ta.LabelledImage(image=np.full((24, 64, 3), 200, np.uint8), xyxy=[[2, 2, 40, 20]], identity=[2])
    out = ta.MixUp(scale=(0.5, 0.5), flip=0)(grey, draw(another=lambda _labelled: white))
    assert (out.image[:12, :32] == 150).all()  # 24 rows of the other at half size
    assert (out.image[12:24, :32] == 107).all()  # its letterbox
    assert (out.image[24:] == 50).all()  # nothing at all
    assert (out.image[:, 32:] == 50).all()
    assert out.identity.tolist() == [1, 2]
    assert out.xyxy[1].tolist() == [1, 1, 20, 10]
    flipped = ta.MixUp(scale=(0.5, 0.5), flip=1)(grey, draw(another=lambda _labelled: white))
    assert flipped.xyxy[1].tolist() == [12, 1, 31, 10]
    narrow = ta.LabelledImage(image=np.full((48, 16, 3), 200, np.uint8), xyxy=[[0, 0, 16, 48]], identity=[2])
    flipped = ta.MixUp(scale=(1, 1), flip=1)(grey, draw(another=lambda _labelled: narrow))
    assert flipped.xyxy[1].tolist() == [48, 0, 64, 48]  # the letterbox is mirrored with it
    assert (flipped.image[:, 48:] == 150).all()


# ---- pipelines


def test_where_no_object_would_be_left_the_plain_picture_is_taken() -> None:
    def gone(p: ta.LabelledImage, _draw: ta.Draw) -> ta.LabelledImage:
        return p.replace(image=np.zeros_like(p.image)).keep(np.zeros(len(p), bool))

    before = picture()
    after = ta.Pipeline(steps=(gone, ta.LetterBox()))(before, draw())
    np.testing.assert_array_equal(after.image, before.image)
    assert len(after) == 2
    bare = ta.Pipeline(steps=(gone, ta.LetterBox()))(picture(boxes=()), draw())
    assert not bare.image.any()


def test_of_too_many_labels_some_are_drawn_and_ignore_regions_stay() -> None:
    boxes = [(k, 2, k + 5, 20) for k in range(30)]
    before = picture(boxes=boxes, identity=range(30), ignore=np.arange(30) >= 28)
    pipeline = ta.Pipeline(steps=(ta.LetterBox(),), max_labels=10)
    after = pipeline(before, draw())
    assert (len(after), after.count) == (12, 10)
    assert after.identity.tolist() == sorted(set(after.identity.tolist()))
    assert pipeline(before, draw(seed=1)).identity.tolist() != after.identity.tolist()


def test_strong_steps_come_as_often_as_told() -> None:
    seen = []

    def note(p: ta.LabelledImage, _draw: ta.Draw) -> ta.LabelledImage:
        seen.append(1)
        return p

    for probability, strong, wanted in ((1.0, True, 50), (1.0, False, 0), (0.0, True, 0)):
        seen.clear()
        pipeline = ta.Pipeline(strong=(note,), strong_probability=probability)
        for seed in range(50):
            pipeline(picture(), draw(seed=seed, strong=strong))
        assert len(seen) == wanted


def test_bytetrack_boxes_reach_out_and_yolox_boxes_do_not() -> None:
    before = picture(boxes=[(-10, 5, 20, 60)])
    for pipeline, reaches in ((ta.bytetrack_pipeline(), True), (ta.yolox_pipeline(), False)):
        after = pipeline(before, draw(strong=False))
        assert ((after.xyxy < 0).any() or (after.xyxy[:, 2:] > after.size).any()) == reaches


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ta.Flip(probability=1.5), "probability must be"),
        (lambda: ta.RandomAffine(scale=(2, 0.1)), "must be low,high"),
        (lambda: ta.RandomAffine(scale=(0, 1)), "scale must be"),
        (lambda: ta.MixUp(scale=(1.5, 0.5)), "must be low,high"),
        (lambda: ta.Mosaic(centre=(1.5, 0.5)), "must be low,high"),
        (lambda: ta.Expand(ratio=(4, 1)), "must be low,high"),
        (lambda: ta.IouCrop(aspect=(2, 0.5)), "must be low,high"),
        (lambda: ta.LetterBox(place="middle"), "place must be corner | centre"),
        (lambda: ta.LetterBox(interpolation="fast"), "interpolation must be nearest"),
        (lambda: ta.Pipeline(max_labels=0), "max_labels must be"),
        (lambda: ta.Hsv(hue=91), "hue must be"),
        (lambda: ta.yolox_pipeline(mosaic=2), "strong_probability must be"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("|", r"\|")):
        make()


def test_the_recipes_have_the_published_numbers() -> None:
    mosaic, affine, mixup = ta.yolox_pipeline().strong
    assert (affine.degrees, affine.translate, affine.scale, affine.shear) == (10, 0.1, (0.1, 2.0), 2)
    assert (mosaic.clip, affine.clip, mixup.scale, mixup.share) == (True, True, (0.5, 1.5), 0.5)
    hsv, flip, box = ta.yolox_pipeline().steps
    assert (hsv.hue, hsv.saturation, hsv.value, flip.probability, box.pad) == (5, 30, 30, 0.5, 114)
    assert (ta.yolox_pipeline().max_labels, ta.bytetrack_pipeline().max_labels) == (120, 1000)
    byte = ta.bytetrack_pipeline()
    assert not any(step.clip for step in (*byte.strong, byte.boxes))
    assert all(step.clip for step in (*ta.bytetrack_pipeline(clip=True).strong, ta.bytetrack_pipeline(clip=True).boxes))
    gain, box, affine, _ = ta.fairmot_pipeline().steps
    assert (gain.saturation, gain.value, box.pad, box.place) == (0.5, 0.5, 128, "centre")
    assert (affine.degrees, affine.scale, affine.swap_translate, affine.clip) == (5, (0.5, 1.2), True, False)
