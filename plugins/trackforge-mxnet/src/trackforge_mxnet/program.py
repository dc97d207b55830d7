"""A compiled network: steps in order, and memory given back as soon as nobody needs it.

What depends on the size of the input only, anchors among it, is computed once for each size.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy.typing as npt
import torch
from torch import Tensor

from trackforge.errors import WeightsError
from trackforge_mxnet.fusion import fuse
from trackforge_mxnet.graph import Edge, Graph
from trackforge_mxnet.guard import guarded
from trackforge_mxnet.steps import Listing, Step, carry_out, check_made, list_steps

__all__ = ["Program", "compile_graph"]

KEPT_SIZES = 4
"""Input sizes whose anchors and the like are kept at once."""
Shapes: TypeAlias = tuple[tuple[int, ...], ...]


def compile_graph(
    graph: Graph,
    parameters: Mapping[str, npt.NDArray[Any]],
    *,
    heads: Sequence[Edge] | None = None,
    feeds: Sequence[str] = ("data",),
    device: torch.device | None = None,
    optimise: bool = True,
) -> Program:
    """Compile a graph.

    Args:
        graph: The graph.
        parameters: Weights by name, without ``arg:`` and ``aux:``.
        heads: Outputs that are wanted; None: all of the graph's.
        feeds: Names of variables that come with each call.
        device: Where it runs; None: the CPU.
        optimise: Fold and fuse; off, every node is carried out as it stands in the file.

    Raises:
        WeightsError: As `trackforge_mxnet.steps.list_steps` does.
    """
    device = device or torch.device("cpu")
    with guarded(str(graph.path)):
        listing = list_steps(graph, parameters, tuple(heads or graph.heads), feeds)
        if optimise:
            listing = fuse(listing, packed=device.type == "cpu")
            check_made(listing)
    return Program(listing, device)


class Program:
    """Runs a network.

    Args:
        listing: Its steps.
        device: Where it runs.

    Attributes:
        feeds: Names of what a call has to give.
    """

    def __init__(self, listing: Listing, device: torch.device) -> None:
        self.device = device
        self.feeds = tuple(listing.feeds)
        self._path = listing.path
        self._heads = listing.heads
        self._inputs = [listing.feeds[name] for name in self.feeds]
        self._constants = {edge: value.to(device) for edge, value in listing.constants.items()}
        self._steps = listing.steps
        self._geometric = listing.geometric()
        self._plans: OrderedDict[Shapes, _Plan] = OrderedDict()

    def __call__(self, **given: Tensor) -> list[Tensor]:
        """Return the outputs for inputs by name.

        Raises:
            WeightsError: An input does not fit the network.
        """
        values = [given[name].to(self.device) for name in self.feeds]
        shapes = tuple(tuple(value.shape) for value in values)
        with torch.inference_mode():
            plan = self._plans.get(shapes)
            if plan is None:
                with guarded(self._path):
                    outputs, known = self._first(values)
                self._plans[shapes] = _Plan(self._steps, {**self._constants, **known}, self._inputs, self._heads)
                while len(self._plans) > KEPT_SIZES:
                    self._plans.popitem(last=False)
                return outputs
            self._plans.move_to_end(shapes)
            return plan.run(values)

    def _first(self, given: list[Tensor]) -> tuple[list[Tensor], dict[Edge, Tensor]]:
        """Carry out all steps, and keep what depends on shapes only."""
        plan = _Plan(self._steps, self._constants, self._inputs, self._heads)
        known: dict[Edge, Tensor] = {}
        outputs = plan.run(given, known, self._geometric)
        return outputs, known


class _Plan:
    """Steps by places in one list of values; each says what nobody needs after it."""

    def __init__(
        self,
        steps: Sequence[Step],
        constants: Mapping[Edge, Tensor],
        inputs: Sequence[Edge],
        heads: Sequence[Edge],
    ) -> None:
        outputs = {edge.node: 0 for edge in heads if edge not in constants}
        for edge in heads:
            if edge not in constants:
                outputs[edge.node] = max(outputs[edge.node], edge.output)
        kept: list[Step] = []
        for step in reversed(steps):
            if step.node not in outputs:
                continue
            kept.append(step)
            for edge in step.inputs:
                if edge not in constants:
                    outputs[edge.node] = max(outputs.get(edge.node, 0), edge.output)
        self._kept = kept[::-1]
        edges = [*constants, *inputs]
        self._values: list[Tensor | None] = [*constants.values(), *(None for _ in inputs)]
        place = {edge: number for number, edge in enumerate(edges)}
        self._inputs = [place[edge] for edge in inputs]
        first_made = len(edges)
        produced: list[tuple[int, ...]] = []
        for step in self._kept:
            made = [Edge(step.node, index) for index in range(outputs[step.node] + 1)]
            for edge in made:
                place.setdefault(edge, len(place))
            produced.append(tuple(place[edge] for edge in made))
        self._heads = [place[edge] for edge in heads]
        last: dict[int, int] = {}
        for number, step in enumerate(self._kept):
            for edge in step.inputs:
                last[place[edge]] = number
        ends: list[list[int]] = [[] for _ in self._kept]
        for at, number in last.items():
            if (at >= first_made or at in self._inputs) and at not in self._heads:
                ends[number].append(at)
        takes = [tuple(place[edge] for edge in step.inputs) for step in self._kept]
        self._lines = list(zip(self._kept, takes, produced, map(tuple, ends), strict=True))
        self._room: list[Tensor | None] = [None] * (len(place) - first_made)

    def run(
        self, given: Sequence[Tensor], known: dict[Edge, Tensor] | None = None, geometric: set[int] | None = None
    ) -> list[Tensor]:
        """Carry out the steps; what ``geometric`` nodes make is put into ``known``."""
        values = [*self._values, *self._room]
        for at, value in zip(self._inputs, given, strict=True):
            values[at] = value
        for step, takes, makes, ends in self._lines:
            made = carry_out(step, [values[at] for at in takes])  # type: ignore[misc]
            if len(made) < len(makes):
                raise WeightsError(
                    f"{step.name} gives {len(made)} outputs; the graph takes number {len(makes)}. Is the file damaged?"
                )
            for at, value in zip(makes, made, strict=False):  # further outputs are nobody's
                values[at] = value
            if known is not None and geometric is not None and step.node in geometric:
                known.update((Edge(step.node, index), value) for index, value in enumerate(made[: len(makes)]))
            for at in ends:
                values[at] = None
        return [values[at] for at in self._heads]  # type: ignore[misc]
