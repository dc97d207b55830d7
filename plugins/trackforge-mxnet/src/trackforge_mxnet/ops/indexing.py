"""What makes, finds, orders and gathers values, and what sums them up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from trackforge_mxnet.attributes import Attributes
from trackforge_mxnet.operators import Function, operator
from trackforge_mxnet.ops.elementwise import DTYPES

__all__: list[str] = []

MOST = 100_000_000
"""Values that a graph may make out of nothing."""


def _dtype(attributes: Attributes, default: str = "float32") -> torch.dtype:
    attributes.text("ctx", "")
    return DTYPES[attributes.text("dtype", default, tuple(DTYPES))]


def _shape(attributes: Attributes) -> tuple[int, ...]:
    shape = attributes.wholes("shape")
    total = 1
    for side in shape:
        total *= max(side, 0)
    if total > MOST or any(side < 0 for side in shape):
        raise attributes.refuse("shape", f"must have at most {MOST:,} values")
    return shape


@operator("_arange", "arange")
def _arange(attributes: Attributes) -> Function:
    start, stop = attributes.number("start", 0.0), attributes.number_or_none("stop")
    step, times = attributes.number("step", 1.0), attributes.whole("repeat", 1, least=1)
    dtype = _dtype(attributes)
    if attributes.flag("infer_range", default=False):
        raise attributes.refuse("infer_range", "must be False")
    if stop is None:
        start, stop = 0.0, start
    if step == 0 or (stop - start) / step * times > MOST:
        raise attributes.refuse("stop", f"must give at most {MOST:,} values")
    empty = (stop - start) / step <= 0
    values = torch.empty(0, dtype=dtype) if empty else torch.arange(start, stop, step, dtype=dtype)
    return _made(values.repeat_interleave(times))


@operator("_zeros", "zeros")
def _zeros(attributes: Attributes) -> Function:
    return _made(torch.zeros(_shape(attributes), dtype=_dtype(attributes)))


@operator("_ones", "ones")
def _ones(attributes: Attributes) -> Function:
    return _made(torch.ones(_shape(attributes), dtype=_dtype(attributes)))


@operator("_full")
def _full(attributes: Attributes) -> Function:
    return _made(torch.full(_shape(attributes), attributes.number("value"), dtype=_dtype(attributes)))


def _made(values: Tensor) -> Function:
    return lambda: values


@operator("zeros_like", shapes=(0,))
def _zeros_like(attributes: Attributes) -> Function:
    attributes.text("dtype", "None")  # MXNet passes it over
    return torch.zeros_like


@operator("ones_like", shapes=(0,))
def _ones_like(attributes: Attributes) -> Function:
    attributes.text("dtype", "None")  # MXNet passes it over
    return torch.ones_like


@operator("shape_array", shapes=(0,))
def _shape_array(_: Attributes) -> Function:
    return lambda data: torch.tensor(data.shape, dtype=torch.int64, device=data.device)


@operator("size_array", shapes=(0,))
def _size_array(_: Attributes) -> Function:
    return lambda data: torch.tensor([data.numel()], dtype=torch.int64, device=data.device)


@operator("_contrib_arange_like", shapes=(0,))
def _arange_like(attributes: Attributes) -> Function:
    start, step = attributes.number("start", 0.0), attributes.number("step", 1.0)
    times, axis = attributes.whole("repeat", 1, least=1), attributes.whole_or_none("axis")
    attributes.text("ctx", "")

    def run(data: Tensor) -> Tensor:
        count = data.numel() if axis is None else data.shape[axis]
        values = torch.arange(-(-count // times), dtype=data.dtype, device=data.device)
        values = (start + step * values).repeat_interleave(times)[:count]
        return values.reshape(data.shape) if axis is None else values

    return run


@operator("argsort")
def _argsort(attributes: Attributes) -> Function:
    axis, rises = attributes.whole_or_none("axis", -1), attributes.flag("is_ascend", default=True)
    dtype = _dtype(attributes)

    def run(data: Tensor) -> Tensor:
        data, along = (data.flatten(), 0) if axis is None else (data, axis)
        return data.sort(dim=along, descending=not rises, stable=True).indices.to(dtype)

    return run


@operator("sort")
def _sort(attributes: Attributes) -> Function:
    axis, rises = attributes.whole_or_none("axis", -1), attributes.flag("is_ascend", default=True)

    def run(data: Tensor) -> Tensor:
        data, along = (data.flatten(), 0) if axis is None else (data, axis)
        return data.sort(dim=along, descending=not rises, stable=True).values

    return run


@operator("topk")
def _topk(attributes: Attributes) -> Function:
    axis, count = attributes.whole_or_none("axis", -1), attributes.whole("k", 1, least=0)
    gives = attributes.text("ret_typ", "indices", ("indices", "value", "both"))
    rises, dtype = attributes.flag("is_ascend", default=False), _dtype(attributes)

    def run(data: Tensor) -> Any:
        data, along = (data.flatten(), 0) if axis is None else (data, axis)
        size = data.shape[along]
        kept = min(count, size) if count else size
        values, places = data.sort(dim=along, descending=not rises, stable=True)
        values, places = values.narrow(along, 0, kept), places.narrow(along, 0, kept).to(dtype)
        return {"indices": places, "value": values, "both": (values, places)}[gives]

    return run


def _arg(choose: Callable[..., Tensor]) -> Callable[[Attributes], Function]:
    def make(attributes: Attributes) -> Function:
        axis, keeps = attributes.whole_or_none("axis"), attributes.flag("keepdims", default=False)

        def run(data: Tensor) -> Tensor:
            if axis is None:
                return choose(data.flatten(), 0, keepdim=True).to(data.dtype)
            return choose(data, axis, keepdim=keeps).to(data.dtype)

        return run

    return make


operator("argmax")(_arg(torch.argmax))
operator("argmin")(_arg(torch.argmin))


@operator("argmax_channel")
def _argmax_channel(_: Attributes) -> Function:
    return lambda data: data.argmax(1).to(data.dtype)


@operator("gather_nd")
def _gather_nd(_: Attributes) -> Function:
    def run(data: Tensor, places: Tensor) -> Tensor:
        return data[tuple(places.long().unbind(0))]

    return run


@operator("take")
def _take(attributes: Attributes) -> Function:
    axis, mode = attributes.whole("axis", 0), attributes.text("mode", "clip", ("clip", "wrap"))

    def run(data: Tensor, places: Tensor) -> Tensor:
        along, size = axis % data.ndim, data.shape[axis]
        wanted = places.long()
        wanted = wanted % size if mode == "wrap" else wanted.clamp(0, size - 1)
        found = data.index_select(along, wanted.flatten())
        return found.reshape((*data.shape[:along], *wanted.shape, *data.shape[along + 1 :]))

    return run


@operator("batch_take")
def _batch_take(_: Attributes) -> Function:
    return lambda data, places: data.gather(1, places.long().clamp(0, data.shape[1] - 1).reshape(-1, 1)).flatten()


@operator("pick", "choose_element_0index")
def _pick(attributes: Attributes) -> Function:
    axis, keeps = attributes.whole_or_none("axis", -1), attributes.flag("keepdims", default=False)
    mode = attributes.text("mode", "clip", ("clip", "wrap"))

    def run(data: Tensor, places: Tensor) -> Tensor:
        data, along = (data.flatten(), 0) if axis is None else (data, axis % data.ndim)
        size = data.shape[along]
        wanted = places.long()
        wanted = wanted if wanted.ndim == data.ndim else wanted.unsqueeze(along)
        wanted = wanted % size if mode == "wrap" else wanted.clamp(0, size - 1)
        found = data.gather(along, wanted)
        return found if keeps else found.squeeze(along)

    return run


@operator("one_hot")
def _one_hot(attributes: Attributes) -> Function:
    depth = attributes.whole("depth", least=1)
    high, low = attributes.number("on_value", 1.0), attributes.number("off_value", 0.0)
    dtype = _dtype(attributes)
    if depth > 1 << 20:
        raise attributes.refuse("depth", "must be at most 1048576")

    def run(places: Tensor) -> Tensor:
        hot = places.long().unsqueeze(-1) == torch.arange(depth, device=places.device)
        return torch.where(hot, high, low).to(dtype)

    return run


def _reduction(reduce: Callable[..., Tensor]) -> Callable[[Attributes], Function]:
    def make(attributes: Attributes) -> Function:
        axes, keeps = attributes.wholes("axis", ()), attributes.flag("keepdims", default=False)
        rest = attributes.flag("exclude", default=False)

        def run(data: Tensor) -> Tensor:
            chosen = sorted({axis % data.ndim for axis in axes}) or list(range(data.ndim))
            if rest and axes:
                chosen = [axis for axis in range(data.ndim) if axis not in chosen]
            found = reduce(data, chosen, keepdim=keeps)
            return found if found.ndim else found.reshape(1)

        return run

    return make


def _product(data: Tensor, axes: list[int], *, keepdim: bool) -> Tensor:
    for axis in sorted(axes, reverse=True):
        data = data.prod(axis, keepdim=keepdim)
    return data


operator("sum", "sum_axis")(_reduction(torch.sum))
operator("mean")(_reduction(torch.mean))
operator("max", "max_axis")(_reduction(torch.amax))
operator("min", "min_axis")(_reduction(torch.amin))
operator("prod")(_reduction(_product))
operator("nansum")(_reduction(torch.nansum))


@operator("norm")
def _norm(attributes: Attributes) -> Function:
    order, axes = attributes.whole("ord", 2), attributes.wholes("axis", ())
    keeps = attributes.flag("keepdims", default=False)
    attributes.text("out_dtype", "None", ("None",))
    if order not in (1, 2):
        raise attributes.refuse("ord", "must be 1 or 2")

    def run(data: Tensor) -> Tensor:
        chosen = list(axes) or list(range(data.ndim))
        powers = data.abs() if order == 1 else data.square()
        size = powers.sum(chosen, keepdim=keeps)
        size = size if order == 1 else size.sqrt()
        return size if size.ndim else size.reshape(1)

    return run


@operator("dot")
def _dot(attributes: Attributes) -> Function:
    one_turned, other_turned = (attributes.flag(name, default=False) for name in ("transpose_a", "transpose_b"))
    attributes.text("forward_stype", "None", ("None", "default"))

    def run(one: Tensor, other: Tensor) -> Tensor:
        if one_turned:
            one = one.permute((*range(1, one.ndim), 0))
        if other_turned:
            other = other.permute((other.ndim - 1, *range(other.ndim - 1)))
        product: Tensor = torch.tensordot(one, other, 1)
        return product

    return run


@operator("batch_dot")
def _batch_dot(attributes: Attributes) -> Function:
    one_turned, other_turned = (attributes.flag(name, default=False) for name in ("transpose_a", "transpose_b"))
    attributes.text("forward_stype", "None", ("None", "default"))
    return lambda one, other: (one.mT if one_turned else one) @ (other.mT if other_turned else other)
