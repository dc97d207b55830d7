"""What makes a list of steps quick: batch normalisation folded into convolutions, and what follows them done with them.

Nothing here changes results beyond rounding. On the CPU, convolutions add what a residual block adds, and cut at 0, in
one pass (`trackforge.models.packed`); where torch lacks the entrances for it (on other processors), or they fail a
trial, plain convolutions do the same.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TypeGuard

import torch
from torch import Tensor

from trackforge.models.packed import PackedConvolution, absorb, bounds, packing_works
from trackforge_mxnet.graph import Edge
from trackforge_mxnet.ops.network import Convolve, Normalise
from trackforge_mxnet.steps import Listing, Step

__all__ = ["fuse"]

ADDITIONS = frozenset({"elemwise_add", "_plus", "_Plus", "_add", "broadcast_add", "broadcast_plus"})
ACTIVATIONS = frozenset({"relu", "Activation"})
FRESH = frozenset({"Convolution", "BatchNorm", "Pooling", "Activation", "relu", "clip", *ADDITIONS})
"""Operators whose output is memory of its own, which may be written over once nobody else needs it."""
_FOLDED, _OWN = 1 << 20, 1 << 21
"""Numbers, above every output, under which the weights that folding makes are kept."""


def fuse(listing: Listing, *, packed: bool) -> Listing:
    """Fold and fuse, in place.

    Args:
        listing: Steps.
        packed: Whether convolutions may take oneDNN's own layout; only for float32 on the CPU.
    """
    with torch.inference_mode():
        _fold_normalisations(listing)
        _fold_cuts(listing)
        if packed and packing_works():
            _pack(listing)
        _write_over(listing)
    return listing


def _sole_user(listing: Listing, edge: Edge, users: dict[Edge, list[Step]]) -> Step | None:
    return users[edge][0] if listing.used[edge] == 1 and len(users.get(edge, ())) == 1 else None


def _users(listing: Listing) -> dict[Edge, list[Step]]:
    users: dict[Edge, list[Step]] = {}
    for step in listing.steps:
        for edge in step.inputs:
            users.setdefault(edge, []).append(step)
    return users


def _fold_normalisations(listing: Listing) -> None:
    users = _users(listing)
    gone: set[int] = set()
    for step in listing.steps:
        if not isinstance(step.function, Convolve) or step.inputs[1] not in listing.constants:
            continue
        norm = _sole_user(listing, Edge(step.node), users)
        if norm is None or not isinstance(norm.function, Normalise) or norm.function.axis != 1:
            continue
        if norm.inputs[0] != Edge(step.node) or any(edge not in listing.constants for edge in norm.inputs[1:]):
            continue
        if any(edge not in listing.constants for edge in step.inputs[2:]):
            continue
        weight, *bias = (listing.constants[edge] for edge in step.inputs[1:])
        statistics = [listing.constants[edge] for edge in norm.inputs[1:]]
        if any(value.shape != weight.shape[:1] for value in statistics):
            continue  # they do not fit: whoever runs it will say so
        scale, shift = norm.function.scale_and_shift(*statistics)
        folded = weight.double() * scale.reshape(-1, *[1] * (weight.ndim - 1))
        moved = shift + bias[0].double() * scale if bias else shift
        # the convolution takes the place of the normalisation
        places = [Edge(step.node, _FOLDED), Edge(step.node, _FOLDED + 1)]
        listing.constants |= dict(zip(places, (folded.to(weight.dtype), moved.to(weight.dtype)), strict=True))
        norm.op, norm.name, norm.function = step.op, step.name, step.function
        norm.inputs = [step.inputs[0], *places]
        gone.add(step.node)
    listing.steps = [step for step in listing.steps if step.node not in gone]
    listing.drop_unused()


def _fold_cuts(listing: Listing) -> None:
    """Turn a normalisation that is cut at 0 before 1 x 1 convolutions into one clamping.

    What is left of it, a factor and a constant a channel, goes into the weights of the convolutions.
    """
    users = _users(listing)
    maker = {Edge(step.node): step for step in listing.steps}
    for cut in listing.steps:
        norm = maker.get(cut.inputs[0]) if _cuts(cut) else None
        if norm is None or not isinstance(norm.function, Normalise) or norm.function.axis != 1:
            continue
        if listing.used[cut.inputs[0]] != 1 or any(edge not in listing.constants for edge in norm.inputs[1:]):
            continue
        taking = users.get(Edge(cut.node), [])
        if len(taking) != listing.used[Edge(cut.node)] or not all(_takes_factor(step, listing) for step in taking):
            continue
        statistics = [listing.constants[edge] for edge in norm.inputs[1:]]
        count = listing.constants[taking[0].inputs[1]].shape[1] if taking else 0
        if any(value.shape != (count,) for value in statistics):
            continue
        scale, shift = norm.function.scale_and_shift(*statistics)
        low, high, factor, constant = bounds(scale, shift)
        for step in taking:
            _take_factor(step, factor, constant, listing)
        places = [Edge(cut.node, _OWN), Edge(cut.node, _OWN + 1)]
        shape = (1, -1, 1, 1)
        listing.constants |= {
            place: side.float().reshape(shape) for place, side in zip(places, (low, high), strict=True)
        }
        cut.op, cut.function, cut.inputs = "clip", torch.clamp, [norm.inputs[0], *places]
    listing.drop_unused()


def _takes_factor(step: Step, listing: Listing) -> bool:
    """Whether a convolution sees each of its input's values once, so that a constant added to them is a bias."""
    plain = step.function
    if not isinstance(plain, Convolve) or plain.sides != 2 or plain.groups != 1 or any(plain.padding):
        return False
    weight = listing.constants.get(step.inputs[1])
    known = all(edge in listing.constants for edge in step.inputs[1:])
    return known and weight is not None and weight.ndim == 4 and weight.dtype == torch.float32


def _take_factor(step: Step, factor: Tensor, constant: Tensor, listing: Listing) -> None:
    weight, *bias = (listing.constants[edge] for edge in step.inputs[1:])
    made = absorb(weight, bias[0] if bias else None, factor, constant)
    places = [Edge(step.node, _OWN), Edge(step.node, _OWN + 1)]
    listing.constants |= dict(zip(places, made, strict=True))
    step.inputs = [step.inputs[0], *places]


@dataclass
class _Fused:
    """What a convolution has taken into itself so far."""

    step: Step
    cut: bool = False
    other: Edge | None = None


def _pack(listing: Listing) -> None:
    """Let convolutions take in the addition and the cut at 0 that follow them."""
    users = _users(listing)
    order = {id(step): place for place, step in enumerate(listing.steps)}
    maker = {Edge(step.node): step for step in listing.steps}
    kept = listing.geometric()  # is computed once, and must stay as it is
    last = {edge: max(order[id(user)] for user in those) for edge, those in users.items()}
    gone: set[int] = set()
    for step in list(listing.steps):
        if not isinstance(step.function, Convolve) or step.function.sides != 2 or step.node in gone:
            continue
        if any(edge not in listing.constants for edge in step.inputs[1:]):
            continue
        weight = listing.constants[step.inputs[1]]
        bias = listing.constants[step.inputs[2]] if len(step.inputs) > 2 else None
        if weight.dtype != torch.float32 or weight.ndim != 4 or (bias is not None and bias.shape != weight.shape[:1]):
            continue
        found = _Fused(step)
        after = _sole_user(listing, Edge(step.node), users)
        if after is not None and after.node in gone:
            after = None  # it was taken in by the other convolution that it adds
        if after is not None and after.op in ADDITIONS and len(after.inputs) == 2:
            other = next(edge for edge in after.inputs if edge != Edge(step.node))
            source = maker.get(other)
            able = other not in listing.heads and _is_fresh(source) and source.node not in kept
            # an alias of it, such as a copy that is none or a part, might be needed later
            able = able and other != step.inputs[0] and all(user.op in FRESH for user in users[other])
            if able and last[other] == order[id(after)]:
                found = _Fused(after, other=other)
        then = _sole_user(listing, Edge(found.step.node), users)
        if then is not None and _cuts(then):
            found = replace(found, step=then, cut=True)
        inputs = [step.inputs[0]] if found.other is None else [step.inputs[0], found.other]
        how = (step.function.stride, step.function.padding, step.function.dilation, step.function.groups)
        function = functools.partial(PackedConvolution(weight, bias, *how), relu=found.cut)
        taken = [step]
        if found.other is not None:
            taken.append(users[Edge(step.node)][0])
        for old in taken:
            if old is not found.step:
                gone.add(old.node)
        end = found.step
        end.op, end.name, end.function, end.inputs, end.shapes = "Convolution", step.name, function, inputs, ()
        maker[Edge(end.node)] = end
    listing.steps = [step for step in listing.steps if step.node not in gone]
    listing.drop_unused()


def _is_fresh(source: Step | None) -> TypeGuard[Step]:
    """Whether what it makes may be written over, and has its full shape: is not spread by broadcasting later."""
    return source is not None and source.op in FRESH and not source.op.startswith("broadcast")


def _cuts(step: Step) -> bool:
    return step.op in ACTIVATIONS and step.function is torch.relu


def _write_over(listing: Listing) -> None:
    """Cut at 0 in place where nobody else needs what was before."""
    maker = {Edge(step.node): step for step in listing.steps}
    for step in listing.steps:
        if not _cuts(step):
            continue
        [edge] = step.inputs
        source = maker.get(edge)
        if listing.used[edge] == 1 and source is not None and source.op in FRESH:
            step.function = torch.relu_
