"""One picture with what a detector finds in it: the proof that its file was understood."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.errors import SinkError
from trackforge.io.atomic import atomic_path
from trackforge.io.pictures import opencv
from trackforge.protocols import Detector
from trackforge.types import Detections, Frame

__all__ = ["draw_found", "look"]

Image = npt.NDArray[np.uint8]
SURE = 0.3
"""Score from which on a box is drawn with its name; those below are dashed."""
ENDINGS = (".png", ".jpg", ".jpeg", ".webp")


def look(detector: Detector, image: Image, out: str | Path) -> str:
    """Let a detector look at a picture, draw what it finds, and say it in a sentence.

    Args:
        detector: Any.
        image: RGB uint8 ``(H, W, 3)``.
        out: Picture to write.

    Raises:
        SinkError: It cannot be written.
        TrackforgeError: Whatever the detector raises.
    """
    path = Path(out)
    if path.suffix.lower() not in ENDINGS:
        raise SinkError(f"The picture must be written as {', '.join(ENDINGS)}; got {path.name!r}.")
    [found] = detector.detect([Frame(index=0, image=image)])
    done, data = opencv().imencode(path.suffix.lower(), draw_found(image, found, detector.classes)[:, :, ::-1])
    if not done:
        raise SinkError(f"{path} cannot be written: OpenCV could not encode it. Choose another ending.")
    with atomic_path(path) as partial:
        partial.write_bytes(data.tobytes())
    return _sentence(found, detector.classes)


def draw_found(image: Image, found: Detections, classes: Any) -> Image:
    """Return a copy of a picture with boxes, names and scores; doubtful boxes are dashed."""
    from trackforge.io.drawing import Canvas, colour_of  # it loads OpenCV

    drawn: Image = np.array(image)
    canvas = Canvas((image.shape[1], image.shape[0]))
    sure = found.score >= SURE
    for row in [*np.flatnonzero(~sure), *np.flatnonzero(sure)[::-1]]:  # the best come last, on top
        canvas.box(drawn, found.xyxy[row], colour_of(int(found.class_id[row]) + 1), faint=not sure[row])
    for row in np.flatnonzero(sure)[::-1]:
        text = f"{_name(int(found.class_id[row]), classes)} {found.score[row]:.2f}"
        canvas.label(drawn, found.xyxy[row], text, colour_of(int(found.class_id[row]) + 1))
    return drawn


def _sentence(found: Detections, classes: Any) -> str:
    sure = found[found.score >= SURE]
    counts = Counter(_name(number, classes) for number in sure.class_id.tolist())
    doubtful = len(found) - len(sure)
    said = ", ".join(f"{count} {name}" for name, count in counts.most_common()) or "nothing"
    also = f", {doubtful} doubtful below it (dashed)" if doubtful else ""
    best = f"; best score {found.score.max():.2f}" if len(found) else ""
    doubt = "" if counts else ". If there is something to find, the head, order, scale or size may be others: --set"
    return f"{said} from score {SURE:g} on{also}{best}{doubt}"


def _name(number: int, classes: Any) -> str:
    return str(classes[number]) if 0 <= number < len(classes) else str(number)
