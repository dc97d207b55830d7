"""What weights are, for people who have a file and wonder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.models.picturing import look
from trackforge.models.staged import StagedNetwork
from trackforge.registry.doors import detector

__all__ = ["describe"]


def describe(
    path: str | Path,
    *,
    settings: Mapping[str, Any] | None = None,
    image: npt.NDArray[np.uint8] | None = None,
    out: str | Path = "found.png",
) -> dict[str, Any]:
    """Return facts about the weights of a detector: who runs them, classes, input, and what was only understood.

    Args:
        path: The file.
        settings: Of the detector, for what the file does not say.
        image: RGB uint8 ``(H, W, 3)``, to try the detector on.
        out: Where to draw what it finds there.

    Raises:
        TrackforgeError: As `trackforge.detector` and `trackforge.models.picturing.look` do.
    """
    opened = detector(Path(path), **(settings or {}))
    facts: dict[str, Any] = {"file": str(path), "classes": list(opened.classes)}
    if isinstance(opened, StagedNetwork):
        card = opened.card
        height, width = card.preprocessing.size
        facts |= {"detector": card.component, "variant": card.variant, "input": f"{height} high, {width} wide"}
        facts |= {"preprocessing": card.preprocessing.to_dict(), "provenance": dict(card.provenance)}
        facts["details"] = dict(card.extra)
        facts["understood"] = list(opened.understood)
    if image is not None:
        facts |= {"found": look(opened, image, out), "picture": str(out)}
    return {name: value for name, value in facts.items() if value not in ("", [], {})}
