"""The boxes that a network of the family starts from: its anchors, in each dialect's own arithmetic.

Predictions are offsets from anchors, and a wrong anchor is no error, only a worse detector; so these are, to the bit,
those of the code that trained the weights. NumPy only. Order: map by map, row by row, column by column; at each place
the small square, the large one, then the other ratios.

Source: Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, section 2.2; MXNet's MultiBoxPrior (Apache-2.0),
GluonCV's anchors (Apache-2.0) and torchvision's default boxes (BSD-3-Clause), as recorded numbers.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.errors import ConfigError
from trackforge_ssd.layout import Level, Variant, map_sizes

__all__ = ["anchor_constants", "anchors", "native_anchors", "prior_boxes"]

Floats: TypeAlias = npt.NDArray[np.float32]


def prior_boxes(level: Level, height: int, width: int) -> Floats:
    """Return MXNet's MultiBoxPrior of one map: corners ``(height * width * A, 4)``, parts of the input.

    Computed in float32 step by step, as the operator does. A box is as wide, in pixels, as the *height* says.

    >>> prior_boxes(Level(sizes=(0.5,), ratios=(1.0,)), 1, 2).tolist()
    [[0.125, 0.25, 0.375, 0.75], [0.625, 0.25, 0.875, 0.75]]
    """
    one, two = np.float32(1), np.float32(2)
    down, across = level.step or (-1.0, -1.0)
    step_y = np.float32(down) if down > 0 else one / np.float32(height)
    step_x = np.float32(across) if across > 0 else one / np.float32(width)
    sizes = np.array(level.sizes, np.float32)
    ratios = np.sqrt(np.array(level.ratios, np.float32))
    side = np.concatenate((sizes, np.repeat(sizes[:1], len(ratios) - 1)))
    ratio = np.concatenate((np.repeat(ratios[:1], len(sizes)), ratios[1:]))
    half_w = side * np.float32(height) / np.float32(width) * ratio / two
    half_h = side / ratio / two
    y = ((np.arange(height, dtype=np.float32) + np.float32(0.5)) * step_y)[:, None, None]
    x = ((np.arange(width, dtype=np.float32) + np.float32(0.5)) * step_x)[None, :, None]
    corners = np.broadcast_arrays(x - half_w, y - half_h, x + half_w, y + half_h)
    return np.stack(corners, axis=-1).reshape(-1, 4)


def _centres(level: Level, height: int, width: int) -> npt.NDArray[np.float64]:
    """Return centre x, y, width and height ``(height, width, A, 4)`` in float64, as GluonCV computes them."""
    down, across = level.step or (1 / height, 1 / width)
    root = np.sqrt(level.ratios[1:])
    w = np.concatenate((level.sizes, level.sizes[0] * root))
    h = np.concatenate((level.sizes, level.sizes[0] / root))
    y = ((np.arange(height) + 0.5) * down)[:, None, None]
    x = ((np.arange(width) + 0.5) * across)[None, :, None]
    return np.stack(np.broadcast_arrays(x, y, w, h), axis=-1)


def _default_boxes(level: Level, cells: tuple[int, int], size: tuple[int, int]) -> Floats:
    """Return torchvision's boxes of one map: corners in pixels, rounded to float32 wherever torchvision rounds."""
    down, across = level.step or (1.0, 1.0)
    sides = [(side, side) for side in level.sizes]
    for ratio in level.ratios[1::2]:  # each with its inverse, from the same root
        root = math.sqrt(ratio)
        wide, narrow = level.sizes[0] * root, level.sizes[0] / root
        sides += [(wide, narrow), (narrow, wide)]
    half = np.array(sides, np.float32).clip(0, 1) * np.float32(0.5)
    y = (np.arange(cells[0], dtype=np.float32) + np.float32(0.5)) / np.float32(size[0] / down)
    x = (np.arange(cells[1], dtype=np.float32) + np.float32(0.5)) / np.float32(size[1] / across)
    centre = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), axis=-1)[:, :, None]
    scale = np.array([size[1], size[0]], np.float32)
    return np.concatenate(((centre - half) * scale, (centre + half) * scale), axis=-1).reshape(-1, 4)


def anchor_constants(v: Variant, cells: Sequence[int]) -> tuple[Floats, ...]:
    """Return what GluonCV stores as ``anchor_generators.{i}.anchors``, ``(1, 1, cells, cells, 4 A)`` a map.

    Args:
        v: A variant of ``gluoncv``.
        cells: Of each map, across and down; published weights have 128, 64, 32 and then 16.
    """
    return tuple(
        _centres(level, n, n).astype(np.float32).reshape(1, 1, n, n, -1)
        for level, n in zip(v.levels, cells, strict=True)
    )


@functools.lru_cache(maxsize=16)
def native_anchors(v: Variant, size: tuple[int, int]) -> Floats:
    """Return the anchors in the form that the dialect decodes with; see `anchors`.

    ``sagemaker``: corners, parts of the input. ``gluoncv``: centre x, y, width, height in pixels. ``torchvision``:
    corners in pixels.

    Raises:
        ConfigError: The input is too small, or these anchors belong to another size.
    """
    maps = map_sizes(v, size)
    if len(maps) != len(v.levels):
        raise ConfigError(f"size must be large enough for the {len(v.levels)} maps of {v.name}; got {size}.")
    if v.dialect == "sagemaker" and size != (v.size, v.size) and any(level.step for level in v.levels):
        raise ConfigError(
            f"size must be {v.size},{v.size} for {v.name}, whose anchors are laid out for it; got {size}. Leave it out."
        )
    parts: list[Floats] = []
    for level, (height, width) in zip(v.levels, maps, strict=True):
        if v.dialect == "sagemaker":
            parts.append(prior_boxes(level, height, width))
        elif v.dialect == "gluoncv":
            parts.append(_centres(level, height, width).astype(np.float32).reshape(-1, 4))
        else:
            parts.append(_default_boxes(level, (height, width), size))
    out = np.concatenate(parts)
    out.flags.writeable = False
    return out


@functools.lru_cache(maxsize=16)
def anchors(v: Variant, size: tuple[int, int] | None = None) -> Floats:
    """Return the anchors as corners ``(N, 4)``, parts of the input, whatever the dialect; what training matches with.

    Args:
        v: The network.
        size: ``(height, width)`` of the input; the variant's own if left out.

    Raises:
        ConfigError: As `native_anchors` does.
    """
    size = size or (v.size, v.size)
    native = native_anchors(v, size)
    if v.dialect == "sagemaker":
        return native
    scale = np.array([size[1], size[0]] * 2, np.float32)
    if v.dialect == "torchvision":
        out = native / scale
    else:
        centre, half = native[:, :2], native[:, 2:] / np.float32(2)
        out = np.concatenate((centre - half, centre + half), axis=1) / scale
    out.flags.writeable = False
    return out
