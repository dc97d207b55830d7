"""The rules of `trackforge.protocols.Detector`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import numpy as np

from trackforge.protocols import Detector, Remembering, StagedDetector
from trackforge.testing.conformance.rules import difference, require, rule, run, snapshot
from trackforge.types import Detections, Frame

__all__ = ["check_detector"]

Make: TypeAlias = Callable[[], Detector]
TOLERANCE = 1e-3
"""How far numbers may differ between batches of different size: networks add up in another order."""


def check_detector(make: Make, *, frames: Sequence[Frame] | None = None, skip: Iterable[str] = ()) -> None:
    """Try every rule of the Detector protocol.

    Args:
        make: Returns a detector; a new one each time where it remembers anything from frame to frame.
        frames: Successive frames of one sequence, best with something in them to find; where None, a drawn scene.
        skip: Names of rules to leave out (see `trackforge.testing.rules`).

    Raises:
        BrokenRule: At least one rule is broken; the message lists them.
    """
    run("detector", make, skip, frames=frames)


def _scene(frames: Sequence[Frame] | None) -> list[Frame]:
    """Draw bright blocks that cross a noisy ground."""
    if frames is not None:
        return list(frames)
    random = np.random.default_rng(0)
    made = []
    for index in range(6):
        image = random.integers(80, 96, (120, 160, 3)).astype(np.uint8)
        for x, y, colour in ((8 * index, 20, (220, 60, 40)), (120 - 6 * index, 50, (40, 90, 230))):
            image[y : y + 40, x : x + 16] = colour
        made.append(Frame(index=index, image=image, sequence="conformance"))
    return made


def _valid(detector: Detector, found: object, count: int, when: str) -> None:
    require(isinstance(found, list), f"{when} it returned a {type(found).__name__}, not a list.")
    assert isinstance(found, list)  # noqa: S101 - for the type checker
    require(len(found) == count, f"{when} {len(found)} answers came for {count} frames.")
    for number, detections in enumerate(found):
        which = f"{when} answer {number}"
        require(isinstance(detections, Detections), f"{which} is {type(detections).__name__}, not Detections.")
        classes, dim, embedding = len(detector.classes), detector.embedding_dim, detections.embedding
        inside = ((detections.class_id >= 0) & (detections.class_id < classes)).all()
        require(inside, f"{which} has class ids {detections.class_id.tolist()} where there are {classes} classes.")
        require(np.isfinite(detections.score).all(), f"{which} has scores that are not finite.")
        if dim is not None and len(detections):
            width = None if embedding is None else embedding.shape[1]
            require(width == dim, f"{which} has embeddings of width {width} where embedding_dim is {dim}.")
        if dim is None:
            require(embedding is None, f"{which} has embeddings though embedding_dim is None.")


@rule("detector")
def offers_the_attributes(make: Make) -> None:
    """A detector has detect(), classes (names, at least one) and embedding_dim (a width >= 1, or None)."""
    detector = make()
    absent = [name for name in ("detect", "classes", "embedding_dim") if not hasattr(detector, name)]
    require(not absent, f"{type(detector).__name__} has no {', '.join(absent)}.")
    classes, dim = detector.classes, detector.embedding_dim
    names = not isinstance(classes, str) and len(classes) > 0 and all(isinstance(name, str) for name in classes)
    require(names, f"classes is {classes!r}.")
    require(dim is None or (isinstance(dim, int) and dim >= 1), f"embedding_dim is {dim!r}.")


@rule("detector")
def answers_every_frame(make: Make, *, frames: Sequence[Frame] | None = None) -> None:
    """detect() returns a list with one valid Detections a frame, in order, for any number of frames."""
    scene = _scene(frames)
    detector = make()
    _valid(detector, detector.detect([]), 0, "for no frames")
    _valid(detector, detector.detect(scene), len(scene), f"for {len(scene)} frames")
    detector = make()
    for frame in scene:
        _valid(detector, detector.detect([frame]), 1, f"for frame {frame.index} alone")
    detector = make()
    _valid(detector, detector.detect(tuple(scene)), len(scene), "for a tuple of frames")


@rule("detector")
def batches_change_nothing(make: Make, *, frames: Sequence[Frame] | None = None) -> None:
    """Frames given at once are answered as frames given one by one."""
    scene = _scene(frames)
    whole = make().detect(scene)
    detector = make()
    single = [detector.detect([frame])[0] for frame in scene]
    for frame, one, other in zip(scene, single, whole, strict=True):
        found = difference(one, other, "detections", tolerance=TOLERANCE)
        require(not found, f"in frame {frame.index}, given alone, {found}.")


@rule("detector")
def stages_add_up(make: Make, *, frames: Sequence[Frame] | None = None) -> None:
    """Where it has prepare(), infer() and select(), they give what detect() gives, also one frame ahead."""
    scene = _scene(frames)
    staged = make()
    if not isinstance(staged, StagedDetector):
        return
    detector = make()
    ahead = [staged.prepare([frame]) for frame in scene]
    for frame, prepared in zip(scene, ahead, strict=True):
        found = difference(staged.select(staged.infer(prepared)), detector.detect([frame]), "detections")
        require(not found, f"in frame {frame.index}, step by step, {found}.")


@rule("detector")
def remembers_only_what_it_says(make: Make, *, frames: Sequence[Frame] | None = None) -> None:
    """After reset() a detector is as good as new; without one, it answers a frame the same whatever came before."""
    scene = _scene(frames)
    detector = make()
    if isinstance(detector, Remembering):
        before = detector.detect(scene)
        detector.reset("another")
        detector.reset()
        found = difference(detector.detect(scene), before, "answers")
        require(not found, f"after reset() {found}.")
        return
    forward = [detector.detect([frame])[0] for frame in scene]
    for frame, one in reversed(list(zip(scene, forward, strict=True))):
        found = difference(detector.detect([frame])[0], one, "detections")
        require(
            not found, f"in frame {frame.index}, given again after others, {found}; it remembers, and has no reset()."
        )


@rule("detector")
def same_input_gives_same_output(make: Make, *, frames: Sequence[Frame] | None = None) -> None:
    """Two detectors of the same settings find the same."""
    scene = _scene(frames)
    found = difference(make().detect(scene), make().detect(scene), "answers")
    require(not found, f"the second time {found}.")


@rule("detector")
def leaves_its_input_alone(make: Make, *, frames: Sequence[Frame] | None = None) -> None:
    """detect() does not change the frames."""
    scene = _scene(frames)
    before = snapshot(scene)
    make().detect(scene)
    found = difference(snapshot(scene), before, "frames")
    require(not found, f"after detect() {found}.")


@rule("detector")
def takes_any_image(make: Make, *, frames: Sequence[Frame] | None = None) -> None:
    """Black, white and noisy images of odd sizes, each a sequence of its own, are answered."""
    random = np.random.default_rng(0)
    detector = make()
    known = _scene(frames)[0].sequence if frames is not None else ""
    for number, (width, height) in enumerate(((97, 61), (64, 128), (33, 35), (640, 48))):
        shape = (height, width, 3)
        noise = random.integers(0, 256, shape).astype(np.uint8)
        pictures = (np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8), noise)
        if known:
            detector = make()
        batch = [Frame(index=i, image=p, sequence=known or f"odd {number}") for i, p in enumerate(pictures)]
        _valid(detector, detector.detect(batch), len(batch), f"for images of {width}x{height}")
