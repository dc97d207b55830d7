"""Parts of arrays: by places, by the shape of another array, and all of them at once."""

from __future__ import annotations

import torch
from torch import Tensor

from trackforge_mxnet.attributes import Attributes
from trackforge_mxnet.operators import Function, operator

__all__: list[str] = []


@operator("SliceChannel", "split")
def _split(attributes: Attributes) -> Function:
    count = attributes.whole("num_outputs", least=1)
    axis, squeeze = attributes.whole("axis", 1), attributes.flag("squeeze_axis", default=False)

    def run(data: Tensor) -> tuple[Tensor, ...]:
        if data.shape[axis] % count:
            raise ValueError(f"axis {axis} of {tuple(data.shape)} must be a multiple of {count}")
        parts = torch.split(data, data.shape[axis] // count, axis)
        return tuple(part.squeeze(axis) for part in parts) if squeeze else tuple(parts)

    return run


@operator("_split_v2")
def _split_v2(attributes: Attributes) -> Function:
    axis, squeeze = attributes.whole("axis", 1), attributes.flag("squeeze_axis", default=False)
    sections = attributes.whole("sections", 0, least=0)
    begins = attributes.wholes("indices", ())

    def run(data: Tensor) -> tuple[Tensor, ...]:
        if sections:
            parts = torch.tensor_split(data, sections, axis)
        else:
            ends = (*begins[1:], data.shape[axis])
            parts = tuple(data.narrow(axis, b, e - b) for b, e in zip(begins, ends, strict=True))
        return tuple(part.squeeze(axis) for part in parts) if squeeze else tuple(parts)

    return run


@operator("slice", "crop")
def _slice(attributes: Attributes) -> Function:
    begin, end = attributes.wholes_or_none("begin"), attributes.wholes_or_none("end")
    step = attributes.wholes_or_none("step", ()) or (None,) * len(begin)
    if not len(begin) == len(end) == len(step):
        raise attributes.refuse("end", "must have as many members as begin")
    parts = list(zip(begin, end, step, strict=True))

    def run(data: Tensor) -> Tensor:
        for axis, (first, last, by) in enumerate(parts):
            if by is not None and by < 0:
                places = range(*slice(first, last, by).indices(data.shape[axis]))
                data = data.index_select(axis, torch.tensor(places, dtype=torch.long, device=data.device))
            else:
                data = data[(slice(None),) * axis + (slice(first, last, by),)]
        return data

    return run


@operator("slice_axis")
def _slice_axis(attributes: Attributes) -> Function:
    axis, begin, end = attributes.whole("axis"), attributes.whole("begin"), attributes.whole_or_none("end")

    def run(data: Tensor) -> Tensor:
        first, last, _ = slice(begin, end).indices(data.shape[axis])
        return data.narrow(axis, first, max(last - first, 0))

    return run


@operator("slice_like", shapes=(1,))
def _slice_like(attributes: Attributes) -> Function:
    axes = attributes.wholes("axes", ())

    def run(data: Tensor, like: Tensor) -> Tensor:
        for axis in axes or range(min(data.ndim, like.ndim)):
            if like.shape[axis] > data.shape[axis]:
                raise ValueError(f"axis {axis} of {tuple(data.shape)} is shorter than that of {tuple(like.shape)}")
            data = data.narrow(axis, 0, like.shape[axis])
        return data

    return run


@operator("Crop", shapes=(1,))
def _crop(attributes: Attributes) -> Function:
    offset, size = attributes.wholes("offset", (0, 0)), attributes.wholes("h_w", (0, 0))
    centred = attributes.flag("center_crop", default=False)

    def run(data: Tensor, like: Tensor | None = None) -> Tensor:
        height, width = size if like is None else like.shape[2:]
        down, across = offset
        if centred:
            down, across = (data.shape[2] - height) // 2, (data.shape[3] - width) // 2
        return data.narrow(2, down, height).narrow(3, across, width)

    return run
