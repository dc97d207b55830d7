"""Small labelled data sets on disk, for the tests of trackforge.data."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from trackforge.data import Boxes, Dataset, Images


def write_picture(path: Path, size: tuple[int, int], seed: int = 0) -> Path:
    """Write a picture of (width, height) with a gradient that tells pictures apart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[: size[1], : size[0]]
    image = np.stack((rows % 256, columns % 256, np.full_like(rows, seed * 40 % 256)), axis=2).astype(np.uint8)
    cv2.imwrite(str(path), image)
    return path


def stills(root: Path, *, count: int = 4, classes: tuple[str, ...] = ("person", "car")) -> Dataset:
    """Return ``count`` pictures of 64x48 on disk, each with two boxes, in the splits train and val."""
    for k in range(count):
        write_picture(root / f"pictures/p{k}.png", (64, 48), k)
    owner = np.repeat(np.arange(count), 2)
    xyxy = np.stack((owner + 1, owner + 2, owner + 21.5, owner + 32.25), axis=1)
    xyxy[1::2] += [10, 5, 10, 5]
    return Dataset(
        images=Images(
            path=[f"pictures/p{k}.png" for k in range(count)],
            width=[64] * count,
            height=[48] * count,
            split=["train"] * (count - count // 2) + ["val"] * (count // 2),
        ),
        boxes=Boxes(image=owner, xyxy=xyxy, class_id=np.arange(2 * count) % len(classes)),
        classes=classes,
        root=root,
        name="stills",
    )


def film(root: Path, *, frames: int = 6, name: str = "street") -> Dataset:
    """Return a sequence of 64x48 pictures on disk: two walkers, and an ignore region in frame 0."""
    for k in range(frames):
        write_picture(root / f"{name}/img1/{k + 1:06d}.png", (64, 48), k)
    frame = np.repeat(np.arange(frames), 2)
    xyxy = np.stack((frame * 2 + 1, frame + 1, frame * 2 + 11, frame + 31), axis=1).astype(float)
    xyxy[1::2] += [20, 0, 20, 0]
    boxes = Boxes(image=frame, xyxy=xyxy, track_id=[3, 7] * frames, visibility=[1.0, 0.2] * frames)
    region = Boxes(image=[0], xyxy=[[40, 30, 60, 40]], track_id=[9], ignore=[True])
    return Dataset(
        images=Images(
            path=[f"{name}/img1/{k + 1:06d}.png" for k in range(frames)],
            width=[64] * frames,
            height=[48] * frames,
            sequence=[name] * frames,
            frame=np.arange(frames),
        ),
        boxes=Boxes.concatenate([boxes, region]),
        classes=("pedestrian",),
        root=root,
        name="film",
    )
