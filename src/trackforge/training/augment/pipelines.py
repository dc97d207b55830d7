"""Steps in order, and the recipes of the published detectors with their official numbers.

=================== ================================ ============ =================== =====================
pipeline            mixing                           boxes        colours             size
=================== ================================ ============ =================== =====================
yolox_pipeline      mosaic, affine, mixup            clipped      HSV, added          letterbox, corner
bytetrack_pipeline  mosaic, affine, mixup            not clipped  photometric         letterbox, corner
fairmot_pipeline    affine                           not clipped  S and V, multiplied letterbox, centre
ssd_pipeline        none                             clipped      photometric         expand, crop, stretch
finetune_pipeline   affine, light                    clipped      HSV, added          letterbox, corner
validation_pipeline none                             as they are  as they are         letterbox
=================== ================================ ============ =================== =====================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trackforge.config import check, setting
from trackforge.models.preprocessing import Preprocessing
from trackforge.training.augment import pixels
from trackforge.training.augment.colour import Hsv, HsvGain, Photometric
from trackforge.training.augment.geometry import PAD, Expand, Flip, IouCrop, LetterBox, Prepare, RandomAffine, Stretch
from trackforge.training.augment.mixing import MixUp, Mosaic
from trackforge.training.augment.rules import BoxRule
from trackforge.training.augment.values import Draw, LabelledImage, Transform

__all__ = [
    "Pipeline",
    "bytetrack_pipeline",
    "fairmot_pipeline",
    "finetune_pipeline",
    "ssd_pipeline",
    "validation_pipeline",
    "yolox_pipeline",
]


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """Steps one after the other; a transform itself, frozen and picklable.

    Where a picture had objects and none is left at the end, ``plain`` is done to the picture as it came instead.
    """

    steps: tuple[Transform, ...] = setting((), help="What every picture goes through.")
    strong: tuple[Transform, ...] = setting((), help="What comes before that while mosaic and mixup are on.")
    strong_probability: float = setting(1.0, help="How often it does, while on.", unit="share", minimum=0, maximum=1)
    boxes: BoxRule | None = setting(BoxRule(), help="Which boxes are left at the end; None keeps all as they are.")
    plain: tuple[Transform, ...] = setting((LetterBox(),), help="What is done where no object would be left.")
    max_labels: int | None = setting(
        None, help="Of more objects, so many are kept, drawn at random.", unit="boxes", minimum=1
    )

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, picture: LabelledImage, draw: Draw, /) -> LabelledImage:
        """Return the picture after all steps."""
        strong = bool(self.strong) and draw.chance(self.strong_probability) and draw.strong
        out = self._done(picture, (*self.strong, *self.steps) if strong else self.steps, draw)
        if picture.count and not out.count:
            out = self._done(picture, self.plain, draw)
        if self.max_labels is not None and out.count > self.max_labels:
            chosen = draw.rng.choice(np.flatnonzero(~out.ignore), self.max_labels, replace=False)
            out = out.keep(np.sort(np.concatenate((chosen, np.flatnonzero(out.ignore)))))
        return out

    def _done(self, picture: LabelledImage, steps: Sequence[Transform], draw: Draw) -> LabelledImage:
        for step in steps:
            picture = step(picture, draw)
        return picture if self.boxes is None else self.boxes(picture)


def yolox_pipeline(
    *,
    mosaic: float = 1.0,
    mixup: float = 1.0,
    scale: tuple[float, float] = (0.1, 2.0),
    mixup_scale: tuple[float, float] = (0.5, 1.5),
    degrees: float = 10.0,
    translate: float = 0.1,
    shear: float = 2.0,
    hsv: float = 1.0,
    flip: float = 0.5,
    pivot: Literal["centre", "corner"] = "corner",
    max_labels: int = 120,
    preprocessing: Preprocessing | None = None,
) -> Pipeline:
    """Return YOLOX's recipe; for nano ``mosaic=0.5, mixup=0, scale=(0.5, 1.5)``, for tiny without ``mosaic``.

    Args:
        mosaic: How often, 0..1.
        mixup: How often, of the mosaics, 0..1.
        scale: Least and greatest scale of a mosaic.
        mixup_scale: Least and greatest scale of the second picture.
        degrees: Turned by up to this.
        translate: Moved by up to this, in input sizes.
        shear: Sheared by up to this, degrees.
        hsv: How often colours change, 0..1.
        flip: How often mirrored, 0..1.
        pivot: Around what a mosaic is turned and scaled; the official code takes the corner.
        max_labels: Objects a picture at most.
        preprocessing: How the weights want pictures; YOLOX's letterbox where None.

    Source: Megvii-BaseDetection/YOLOX (Apache-2.0).
    """
    box = _box(preprocessing)
    affine = RandomAffine(degrees=degrees, translate=translate, scale=scale, shear=shear, pivot=pivot)
    return Pipeline(
        strong=(Mosaic(), affine, MixUp(probability=mixup, scale=mixup_scale)),
        strong_probability=mosaic,
        steps=(Hsv(probability=hsv), Flip(probability=flip), box),
        plain=(box,),
        max_labels=max_labels,
    )


def bytetrack_pipeline(
    *,
    mosaic: float = 1.0,
    mixup: float = 1.0,
    scale: tuple[float, float] = (0.1, 2.0),
    mixup_scale: tuple[float, float] = (0.8, 1.6),
    degrees: float = 10.0,
    translate: float = 0.1,
    shear: float = 2.0,
    flip: float = 0.5,
    clip: bool = False,
    max_labels: int = 1000,
    preprocessing: Preprocessing | None = None,
) -> Pipeline:
    """Return ByteTrack's recipe: boxes may reach out of the picture, colours change as in SSD.

    Args:
        mosaic: How often, 0..1.
        mixup: How often, of the mosaics, 0..1.
        scale: Least and greatest scale of a mosaic.
        mixup_scale: Least and greatest scale of the second picture.
        degrees: Turned by up to this.
        translate: Moved by up to this, in input sizes.
        shear: Sheared by up to this, degrees.
        flip: How often mirrored, 0..1.
        clip: Cut boxes at the border, as for MOT20.
        max_labels: Objects a picture at most.
        preprocessing: How the weights want pictures; YOLOX's letterbox where None.

    Source: ifzhang/ByteTrack (MIT).
    """
    box = _box(preprocessing)
    affine = RandomAffine(degrees=degrees, translate=translate, scale=scale, shear=shear, clip=clip)
    paste = MixUp(probability=mixup, scale=mixup_scale, clip=clip, min_side=5.0, max_aspect=20.0)
    return Pipeline(
        strong=(Mosaic(clip=clip), affine, paste),
        strong_probability=mosaic,
        steps=(Photometric(), Flip(probability=flip), box),
        boxes=BoxRule(clip=clip),
        plain=(box,),
        max_labels=max_labels,
    )


def fairmot_pipeline(
    *,
    scale: tuple[float, float] = (0.5, 1.2),
    degrees: float = 5.0,
    translate: float = 0.1,
    shear: float = 2.0,
    flip: float = 0.5,
    clip: bool = False,
    swap_translate: bool = True,
    max_labels: int = 500,
    preprocessing: Preprocessing | None = None,
) -> Pipeline:
    """Return FairMOT's recipe. Shear is about the middle here, about the corner in the official code.

    Args:
        scale: Least and greatest scale.
        degrees: Turned by up to this.
        translate: Moved by up to this, in input sizes.
        shear: Sheared by up to this, degrees.
        flip: How often mirrored, 0..1.
        clip: Cut boxes at the border, as for MOT20.
        swap_translate: Measure moves along x in heights and along y in widths, as the official code does.
        max_labels: Objects a picture at most.
        preprocessing: How the weights want pictures; the published letterbox where None.

    Source: ifzhang/FairMOT (MIT).
    """
    published = LetterBox(pad=128, place="centre", rounding="nearest", interpolation="area")
    box = _box(preprocessing, published)
    affine = RandomAffine(
        degrees=degrees,
        translate=translate,
        scale=scale,
        shear=shear,
        swap_translate=swap_translate,
        tighten=True,
        clip=clip,
        pad=128 if preprocessing is None else preprocessing.pad,
    )
    return Pipeline(
        steps=(HsvGain(), box, affine, Flip(probability=flip)),
        boxes=BoxRule(clip=clip, min_side=4.0, max_aspect=10.0),
        plain=(box,),
        max_labels=max_labels,
    )


def ssd_pipeline(
    *,
    expand: float = 0.5,
    flip: float = 0.5,
    fill: tuple[int, int, int] = (124, 116, 104),
    overlaps: tuple[float, ...] = (0.1, 0.3, 0.5, 0.7, 0.9),
    trials: int = 50,
    free: bool = True,
    interpolation: pixels.Interpolation = "random",
    colours: Sequence[Transform] = (Photometric(order="either"),),
) -> Pipeline:
    """Return SSD's recipe; for mxnet-ssd's ``fill=(127, 127, 127), trials=25, free=False``, and its colours.

    Args:
        expand: How often the picture goes onto a larger canvas, 0..1.
        flip: How often mirrored, 0..1.
        fill: RGB colour of that canvas.
        overlaps: Least overlaps (IoU) between an object and the part that is cut out, to choose from.
        trials: How many parts are tried before the picture stays whole.
        free: Whether a part with no demand on overlap is one of the choices.
        interpolation: How the part is scaled.
        colours: What is done to colours; mxnet-ssd's: ``Hsv(hue=18, saturation=32, value=32), Contrast()``.

    Source: Liu et al., "SSD: Single Shot MultiBox Detector", 2016, sections 2.2 and 3.6.
    """
    return Pipeline(
        steps=(
            *colours,
            Expand(probability=expand, fill=fill),
            IouCrop(overlaps=overlaps, trials=trials, free=free),
            Stretch(interpolation=interpolation),
            Flip(probability=flip),
        ),
        plain=(Stretch(),),
    )


def finetune_pipeline(
    *,
    scale: tuple[float, float] = (0.6, 1.4),
    translate: float = 0.1,
    flip: float = 0.5,
    hsv: float = 1.0,
    pad: int = PAD,
    max_labels: int | None = None,
    preprocessing: Preprocessing | None = None,
) -> Pipeline:
    """Return a light recipe for few pictures and few epochs: moved, scaled, mirrored, recoloured; never mixed.

    Args:
        scale: Least and greatest scale.
        translate: Moved by up to this, in input sizes.
        flip: How often mirrored, 0..1.
        hsv: How often colours change, 0..1.
        pad: Grey value of the padding.
        max_labels: Objects a picture at most; None for all.
        preprocessing: How the weights want pictures; YOLOX's letterbox where None.
    """
    pad = pad if preprocessing is None else preprocessing.pad
    middle: Transform = LetterBox(pad=pad, place="centre")
    if preprocessing is not None and preprocessing.fit == "stretch":
        middle = Prepare(preprocessing=preprocessing)
    affine = RandomAffine(degrees=0, shear=0, scale=scale, translate=translate, clip=False, pad=pad)
    return Pipeline(
        steps=(Hsv(probability=hsv), middle, affine, Flip(probability=flip)),
        boxes=BoxRule(min_visible=0.2),
        plain=(_box(preprocessing, LetterBox(pad=pad)),),
        max_labels=max_labels,
    )


def validation_pipeline(preprocessing: Preprocessing | None = None) -> Pipeline:
    """Return what a detector does and nothing else; every box stays.

    Args:
        preprocessing: How the weights want pictures; YOLOX's letterbox where None.
    """
    box = _box(preprocessing)
    return Pipeline(steps=(box,), boxes=None, plain=(box,))


def _box(preprocessing: Preprocessing | None, published: Transform = LetterBox()) -> Transform:  # noqa: B008 - frozen
    return published if preprocessing is None else Prepare(preprocessing=preprocessing)
