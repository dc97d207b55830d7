"""Shapes: reshape with its codes, order of axes, parts and wholes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from trackforge_mxnet.attributes import Attributes
from trackforge_mxnet.operators import Function, operator

__all__ = ["reshaped"]

SAME, INFERRED, THE_REST, JOIN, SPLIT = 0, -1, -2, -3, -4
"""Codes of ``shape``: keep an axis, find it out, keep all that follow, join two, split one into the two that follow."""


def reshaped(shape: Sequence[int], codes: Sequence[int], *, backwards: bool = False) -> list[int]:
    """Return the shape that codes stand for.

    >>> reshaped((2, 3, 9, 11), (0, -1, 11)), reshaped((2, 3, 9, 11), (2, -4, -1, 3, -2))
    ([2, -1, 11], [2, 1, 3, 9, 11])

    Args:
        shape: Of what is reshaped.
        codes: New sizes, and the codes.
        backwards: Read both from their ends.

    Raises:
        ValueError: They do not fit together.
    """
    if backwards:
        if SPLIT in codes:
            raise ValueError("a split (-4) cannot be read backwards")
        return reshaped(shape[::-1], codes[::-1])[::-1]
    found: list[int] = []
    at, place, codes = 0, 0, list(codes)
    while place < len(codes):
        code = codes[place]
        place += 1
        if code == THE_REST:
            found += shape[at:]
            at = len(shape)
            continue
        if code == JOIN:
            found.append(_axis(shape, at) * _axis(shape, at + 1))
            at += 2
            continue
        if code == SPLIT:
            one, other = codes[place : place + 2]
            place += 2
            whole = _axis(shape, at)
            if -1 in (one, other):
                known = max(one, other)
                if known < 1 or whole % known:
                    raise ValueError(f"an axis of {whole} cannot be split into {one} and {other}")
                one, other = (whole // known, other) if one == -1 else (one, whole // known)
            found += [one, other]
            at += 1
            continue
        if code < THE_REST or code < INFERRED:
            raise ValueError(f"there is no code {code}")
        found.append(_axis(shape, at) if code == SAME else code)
        at += 1
    return found


def _axis(shape: Sequence[int], at: int) -> int:
    if at >= len(shape):
        raise ValueError(f"there is no axis {at} in {tuple(shape)}")
    return int(shape[at])


@operator("Reshape", "reshape")
def _reshape(attributes: Attributes) -> Function:
    codes = attributes.wholes("shape", ()) or attributes.wholes("target_shape", ())
    backwards = attributes.flag("reverse", default=False)
    attributes.wholes("target_shape", ())
    if attributes.flag("keep_highest", default=False):
        raise attributes.refuse("keep_highest", "must be False")
    if not codes:
        raise attributes.refuse("shape", "must be there")
    return lambda data: data.reshape(reshaped(data.shape, codes, backwards=backwards))


@operator("reshape_like", shapes=(1,))
def _reshape_like(attributes: Attributes) -> Function:
    names = ("lhs_begin", "lhs_end", "rhs_begin", "rhs_end")
    begin, end, other_begin, other_end = (attributes.whole_or_none(name) for name in names)

    def run(data: Tensor, like: Tensor) -> Tensor:
        own, other = list(data.shape), list(like.shape)
        first, last = slice(begin, end).indices(len(own))[:2]
        return data.reshape(own[:first] + other[slice(other_begin, other_end)] + own[last:])

    return run


@operator("Flatten", "flatten")
def _flatten(_: Attributes) -> Function:
    return lambda data: data.flatten(1) if data.ndim > 1 else data.reshape(-1, 1)


@operator("transpose")
def _transpose(attributes: Attributes) -> Function:
    axes = attributes.wholes("axes", ())
    return lambda data: data.permute(axes or tuple(range(data.ndim))[::-1])


@operator("SwapAxis", "swapaxes")
def _swap_axes(attributes: Attributes) -> Function:
    one, other = attributes.whole("dim1", 0), attributes.whole("dim2", 0)
    return lambda data: data.transpose(one, other)


@operator("expand_dims")
def _expand_dims(attributes: Attributes) -> Function:
    axis = attributes.whole("axis")
    return lambda data: data.unsqueeze(axis)


@operator("squeeze")
def _squeeze(attributes: Attributes) -> Function:
    axes = attributes.wholes("axis", ())

    def run(data: Tensor) -> Tensor:
        chosen = [axis % data.ndim for axis in axes] or [a for a in range(data.ndim) if data.shape[a] == 1]
        if any(data.shape[axis] != 1 for axis in chosen):
            raise ValueError(f"only axes of one can be left out; {axes} of {tuple(data.shape)} are not")
        return data.reshape([side for axis, side in enumerate(data.shape) if axis not in chosen] or [1])

    return run


@operator("Concat", "concat")
def _concat(attributes: Attributes) -> Function:
    axis = attributes.whole("dim", 1)
    return lambda *data: data[0] if len(data) == 1 else torch.cat(data, axis)


@operator("stack")
def _stack(attributes: Attributes) -> Function:
    axis = attributes.whole("axis", 0)
    return lambda *data: torch.stack(data, axis)


@operator("Pad", "pad")
def _pad(attributes: Attributes) -> Function:
    mode = {"constant": "constant", "edge": "replicate", "reflect": "reflect"}[
        attributes.text("mode", "constant", ("constant", "edge", "reflect"))
    ]
    value, widths = attributes.number("constant_value", 0.0), attributes.wholes("pad_width")
    pairs = list(zip(widths[::2], widths[1::2], strict=True)) if len(widths) % 2 == 0 else []
    if not pairs or any(not 0 <= width <= 1 << 16 for width in widths):
        raise attributes.refuse("pad_width", "must be pairs of whole numbers from 0")

    def run(data: Tensor) -> Tensor:
        inner = pairs if mode == "constant" else pairs[2:]
        around = [width for pair in reversed(inner) for width in pair]
        return torch.nn.functional.pad(data, around, mode, value if mode == "constant" else None)

    return run


@operator("tile")
def _tile(attributes: Attributes) -> Function:
    times = attributes.wholes("reps")
    return lambda data: data.tile(times)


@operator("repeat")
def _repeat(attributes: Attributes) -> Function:
    times, axis = attributes.whole("repeats", least=1), attributes.whole_or_none("axis")
    return lambda data: data.repeat_interleave(times, axis)


@operator("reverse", "flip")
def _reverse(attributes: Attributes) -> Function:
    axes = attributes.wholes("axis")
    return lambda data: data.flip(axes)


@operator("broadcast_axis", "broadcast_axes")
def _broadcast_axis(attributes: Attributes) -> Function:
    axes, sizes = attributes.wholes("axis", ()), attributes.wholes("size", ())

    def run(data: Tensor) -> Tensor:
        shape = list(data.shape)
        for axis, size in zip(axes, sizes, strict=True):
            shape[axis] = size
        return data.expand(shape)

    return run


@operator("broadcast_to")
def _broadcast_to(attributes: Attributes) -> Function:
    wanted = attributes.wholes("shape", ())
    return lambda data: data.expand([old if new == 0 else new for old, new in zip(data.shape, wanted, strict=True)])


@operator("broadcast_like", shapes=(1,))
def _broadcast_like(attributes: Attributes) -> Function:
    own, theirs = attributes.wholes("lhs_axes", ()), attributes.wholes("rhs_axes", ())

    def run(data: Tensor, like: Tensor) -> Tensor:
        shape: list[Any] = list(like.shape)
        if own:
            shape = list(data.shape)
            for axis, other in zip(own, theirs, strict=True):
                shape[axis] = like.shape[other]
        return data.expand(shape)

    return run


@operator("depth_to_space")
def _depth_to_space(attributes: Attributes) -> Function:
    block = attributes.whole("block_size", least=1)

    def run(data: Tensor) -> Tensor:
        b, c, h, w = data.shape
        parts = data.reshape(b, block, block, c // block**2, h, w).permute(0, 3, 4, 1, 5, 2)
        return parts.reshape(b, c // block**2, h * block, w * block)

    return run


@operator("space_to_depth")
def _space_to_depth(attributes: Attributes) -> Function:
    block = attributes.whole("block_size", least=1)

    def run(data: Tensor) -> Tensor:
        b, c, h, w = data.shape
        parts = data.reshape(b, c, h // block, block, w // block, block).permute(0, 3, 5, 1, 2, 4)
        return parts.reshape(b, c * block**2, h // block, w // block)

    return run
