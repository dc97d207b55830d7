"""A folder of labels to check: a film with a document, pictures with another, and one whose pictures are away."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from films import film

from trackforge.io.pictures import opencv
from trackforge.review import Document, Keyframe, LabelTrack

SIZE, COUNT = (160, 96), 24
EVIL = "<img src=x onerror=\"document.title='harmed'\">"


def picture(number: int) -> Any:
    """Return a grey picture that is as bright as its number says, with a white square that moves."""
    image = np.full((SIZE[1], SIZE[0], 3), 20 + 8 * number, np.uint8)
    image[30:60, 10 + 4 * number : 40 + 4 * number] = 255
    return image


def labelled(folder: Path) -> Path:
    """Write a folder with a film, a folder of pictures, and a document for each, whatever was there; return it."""
    shutil.rmtree(folder / "pictures", ignore_errors=True)
    for one in folder.glob("*.json*"):
        one.unlink()
    folder.mkdir(exist_ok=True)
    film(folder / "street.mp4", [picture(k) for k in range(COUNT)], rate=10)
    (folder / "pictures").mkdir()
    for k in range(3):
        opencv().imwrite(str(folder / "pictures" / f"{k}.png"), picture(k))
    walk = (
        Keyframe(frame=0, xyxy=(10, 30, 40, 60), score=0.9),
        Keyframe(frame=23, xyxy=(102, 30, 132, 60), score=0.6),
    )
    stay = (
        Keyframe(frame=4, xyxy=(60, 70, 90, 90), score=0.4),
        Keyframe(frame=12, xyxy=(60, 70, 90, 90), outside=True),
    )
    street = Document(
        sequence="street",
        source="street.mp4",
        rate=10.0,
        size=SIZE,
        frames=np.arange(COUNT),
        classes=("person", "bicycle", EVIL),
        tracks=(LabelTrack(id=1, keyframes=walk), LabelTrack(id=2, label=1, keyframes=stay)),
        wanted=(0, 5, 10, 15),
    )
    street.save(folder / "street.labels.json")
    stills = street.replace(
        sequence="stills",
        source="pictures",
        frames=np.arange(3),
        files=("0.png", "1.png", "2.png"),
        tracks=(),
        wanted=(),
    )
    stills.save(folder / "some stills ä.labels.json")
    stills.replace(source="away", files=()).save(folder / "away.labels.json")
    return folder
