"""A graph as a list of steps, with weights in their places: what is folded, fused and then run.

A value is named by the edge it comes from; a step takes values and makes the outputs of its node.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from trackforge.errors import TrackforgeError, WeightsError
from trackforge.intake.limits import check_limit
from trackforge.intake.showing import visible
from trackforge_mxnet.attributes import Attributes, UnknownSettingError
from trackforge_mxnet.graph import Edge, Graph, Node
from trackforge_mxnet.operators import Function, Operator
from trackforge_mxnet.table import load_operators

__all__ = ["Listing", "Step", "carry_out", "check_made", "list_steps"]

SHOWN = 8


@dataclass
class Step:
    """One operation.

    Attributes:
        op: MXNet's name of it.
        name: The node's name, for messages.
        function: What is done.
        inputs: What it takes.
        node: Number of the node whose outputs it makes.
        shapes: Inputs of which only the shape counts.
    """

    op: str
    name: str
    function: Function
    inputs: list[Edge]
    node: int
    shapes: tuple[int, ...] = ()


@dataclass
class Listing:
    """All steps in an order in which they can be carried out.

    Attributes:
        steps: The steps.
        constants: Weights and what follows from them alone.
        feeds: By name, the inputs that a picture brings.
        heads: Outputs.
        path: The file, for messages.
    """

    steps: list[Step]
    constants: dict[Edge, Tensor]
    feeds: dict[str, Edge]
    heads: tuple[Edge, ...]
    path: str
    used: Counter[Edge] = field(default_factory=Counter)

    def count_uses(self) -> None:
        """Count how often each value is taken; a head counts as one more."""
        self.used = Counter(edge for step in self.steps for edge in step.inputs)
        self.used.update(self.heads)

    def geometric(self) -> set[int]:
        """Return the nodes whose outputs depend on weights and on shapes only: anchors, say."""
        found: set[int] = set()
        for step in self.steps:
            if all(
                edge in self.constants or edge.node in found or place in step.shapes
                for place, edge in enumerate(step.inputs)
            ):
                found.add(step.node)
        return found

    def drop_unused(self) -> None:
        """Leave out steps whose outputs nobody takes, and constants likewise."""
        needed = set(self.heads)
        nodes = {edge.node for edge in needed if edge not in self.constants}
        kept: list[Step] = []
        for step in reversed(self.steps):
            if step.node in nodes:
                kept.append(step)
                needed.update(step.inputs)
                nodes.update(edge.node for edge in step.inputs if edge not in self.constants)
        self.steps = kept[::-1]
        self.constants = {edge: value for edge, value in self.constants.items() if edge in needed}
        self.count_uses()


def list_steps(
    graph: Graph, parameters: Mapping[str, npt.NDArray[Any]], heads: Sequence[Edge], feeds: Sequence[str]
) -> Listing:
    """Turn a graph and its weights into steps.

    Args:
        graph: The graph.
        parameters: Weights by name, without ``arg:`` and ``aux:``.
        heads: Outputs that are wanted; nothing else is kept.
        feeds: Names of variables that are no weights.

    Raises:
        WeightsError: Operators are unknown (all are named at once), a setting of one is, or weights are missing.
    """
    table = load_operators()
    taken = {name: known.taken for name, known in table.items() if known.taken is not None}
    needed = graph.needed(heads, taken)
    _check_known(graph, needed, table)
    constants: dict[Edge, Tensor] = {}
    inputs: dict[str, Edge] = {}
    steps: list[Step] = []
    missing: list[str] = []
    for number, node in enumerate(graph.nodes):
        if number not in needed:
            continue
        if not node.is_variable:
            steps.append(_step(node, number, table[node.op], graph))
        elif node.name in feeds:
            inputs[node.name] = Edge(number)
        elif node.name in parameters:
            constants[Edge(number)] = _tensor(parameters[node.name], node.name, graph)
        else:
            missing.append(node.name)
    if missing:
        names = ", ".join(visible(name[:80]) for name in missing[:SHOWN]) + (", ..." if len(missing) > SHOWN else "")
        raise WeightsError(
            f"{graph.path} needs a weight for every variable; {len(missing)} are missing in the .params: {names}. Take "
            "the .params that were written with this symbol.json."
        )
    return _folded(Listing(steps, constants, inputs, tuple(heads), str(graph.path)))


def _check_known(graph: Graph, needed: set[int], table: Mapping[str, Operator]) -> None:
    unknown = Counter(graph.nodes[number].op for number in needed if not graph.nodes[number].is_variable)
    unknown = Counter({name: count for name, count in unknown.items() if name not in table})
    if unknown:
        named = ", ".join(f"{visible(name[:80])} ({count}x)" for name, count in sorted(unknown.items())[: 4 * SHOWN])
        more = f" and {len(unknown) - 4 * SHOWN} more" if len(unknown) > 4 * SHOWN else ""
        raise WeightsError(
            f"{graph.path} must be made of operators that are known here; these are not: {named}{more}. The detector "
            "'gluoncv' runs any network of GluonCV's zoo where MXNet itself is installed."
        )


def _step(node: Node, number: int, known: Operator, graph: Graph) -> Step:
    attributes = Attributes(node.attributes, f"{graph.path}: {node}")
    try:
        function = known.make(attributes)
    except UnknownSettingError:
        raise
    except (ValueError, OverflowError, RuntimeError, MemoryError, TypeError, ZeroDivisionError) as error:
        raise WeightsError(f"{graph.path}: {node} has settings that cannot be: {_first(error)}.") from error
    left = attributes.left()
    if left:
        raise WeightsError(
            f"{graph.path}: {node} has settings that are not known here: {', '.join(visible(k[:80]) for k in left)}."
        )
    inputs = list(node.inputs[: known.taken])
    _check_count(function, len(inputs), f"{graph.path}: {node}")
    shapes = tuple(place for place in known.shapes if place < len(inputs))
    return Step(node.op, f"{graph.path}: {node}", function, inputs, number, shapes)


def _check_count(function: Function, count: int, where: str) -> None:
    """Refuse a node with other inputs than its operator takes, before anything relies on them."""
    try:
        inspect.signature(function).bind(*range(count))
    except ValueError:
        return  # torch's own functions do not tell; carrying them out does
    except TypeError as error:
        raise WeightsError(
            f"{where} must have the inputs that its operator takes; it has {count} ({_first(error)}). Is the file "
            "damaged?"
        ) from error


def _tensor(array: npt.NDArray[Any], name: str, graph: Graph) -> Tensor:
    try:
        tensor = torch.from_numpy(array)
    except TypeError as error:
        raise WeightsError(
            f"{graph.path} must have weights of plain numbers; {visible(name[:80])} is {array.dtype}."
        ) from error
    return tensor.float() if tensor.dtype in (torch.float16, torch.float64) else tensor


def _folded(listing: Listing) -> Listing:
    """Carry out what depends on weights only."""
    left: list[Step] = []
    size = 0
    with torch.inference_mode():
        for step in listing.steps:
            if all(edge in listing.constants for edge in step.inputs):
                for index, value in enumerate(carry_out(step, [listing.constants[edge] for edge in step.inputs])):
                    listing.constants[Edge(step.node, index)] = value
                    size += value.nbytes
                    check_limit("bytes", size, f"{step.name}: what follows from weights alone, in bytes,")
            else:
                left.append(step)
    listing.steps = left
    check_made(listing)
    listing.drop_unused()
    return listing


def check_made(listing: Listing) -> None:
    """Refuse outputs of nodes that are no steps, nor known: weights and what was folded or fused have one output only.

    Of nodes that are carried out it shows how many they have.

    Raises:
        WeightsError: An output is taken, or wanted, that nobody makes.
    """
    nodes = {step.node for step in listing.steps}
    known = {*listing.constants, *listing.feeds.values()}
    taken = [(edge, step.name) for step in listing.steps for edge in step.inputs]
    for edge, where in (*taken, *((edge, listing.path) for edge in listing.heads)):
        if edge.node not in nodes and edge not in known:
            raise WeightsError(
                f"{where} takes output {edge.output} of node {edge.node}, which has fewer. Is the file damaged?"
            )


def carry_out(step: Step, values: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Carry out one step.

    Raises:
        WeightsError: The values do not fit it, or fit no memory.
    """
    try:
        made = step.function(*values)
    except TrackforgeError:
        raise
    except (RuntimeError, ValueError, IndexError, TypeError, MemoryError, OverflowError, ZeroDivisionError) as error:
        shapes = ", ".join(str(tuple(value.shape)) for value in values)
        raise WeightsError(
            f"{step.name} cannot be carried out on inputs of shapes {shapes}: {_first(error)}. Symbol and weights may "
            "not belong together, or want an input of another size."
        ) from error
    return made if isinstance(made, tuple) else (made,)


def _first(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return visible(" ".join(text.split())[:200]).rstrip(".")
