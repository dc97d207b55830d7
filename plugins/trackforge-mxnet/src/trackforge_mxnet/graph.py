"""The graph of a network as `symbol.json` describes it, read with limits and without running anything.

A document is ``{"nodes": [{"op", "name", "attrs", "inputs": [[node, output, version], ...]}, ...], "arg_nodes",
"heads": [[node, output, version], ...]}``. Nodes stand after what they take. Variables, all weights among them, have
the operator ``null``. Of older versions ``attrs`` is called ``attr``, or is split into ``param`` (of the operator) and
``attr`` (of the user); before 0.9 the moving statistics of a batch normalisation were not listed among its inputs.

Source: the documents themselves; Apache MXNet (Apache-2.0), whose format it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from trackforge.errors import DataError
from trackforge.intake.documents import parse_json
from trackforge.intake.reading import reading
from trackforge.intake.showing import visible

__all__ = ["Edge", "Graph", "Node", "parse_graph"]

MOST_NODES = 100_000
"""The largest network of GluonCV's zoo has 4,642."""
MOST_INPUTS = 10_000
LARGEST = 64 << 20
"""Characters of a document."""
_STATISTICS = {"BatchNorm": ("moving_mean", "moving_var"), "BatchNorm_v1": ("moving_mean", "moving_var")}
"""Inputs that documents before 0.9 did not list."""
_BEFORE_STATISTICS = 3


class Edge(NamedTuple):
    """Output number ``output`` of node ``node``."""

    node: int
    output: int = 0


@dataclass(frozen=True)
class Node:
    """One operation, or a variable where ``op`` is ``"null"``."""

    op: str
    name: str
    attributes: Mapping[str, str]
    inputs: tuple[Edge, ...]

    @property
    def is_variable(self) -> bool:
        """Whether it is an input or a weight."""
        return self.op == "null"

    def __str__(self) -> str:
        return f"{visible(self.name[:80])} ({visible(self.op[:80])})"


@dataclass(frozen=True)
class Graph:
    """Nodes, each after its inputs, and the outputs of the whole.

    Attributes:
        nodes: The nodes.
        heads: Outputs, in the order of the document.
        path: The file, for messages.
    """

    nodes: tuple[Node, ...]
    heads: tuple[Edge, ...]
    path: Path

    def needed(self, heads: Iterable[Edge], taken: Mapping[str, int]) -> set[int]:
        """Return the nodes that outputs depend on.

        Args:
            heads: The outputs.
            taken: By operator, how many of its inputs count; those behind them (labels) are cut off.
        """
        needed: set[int] = set()
        waiting = [head.node for head in heads]
        while waiting:
            number = waiting.pop()
            if number in needed:
                continue
            needed.add(number)
            node = self.nodes[number]
            waiting += [edge.node for edge in node.inputs[: taken.get(node.op)]]
        return needed

    def operators(self) -> Counter[str]:
        """Count operators by name."""
        return Counter(node.op for node in self.nodes if not node.is_variable)

    def names_of(self, heads: Iterable[Edge]) -> tuple[str, ...]:
        """Return the names of the nodes whose outputs they are."""
        return tuple(self.nodes[head.node].name for head in heads)


def parse_graph(text: str, path: str | Path) -> Graph:
    """Read a document.

    Args:
        text: Its text.
        path: Where it comes from, for messages.

    Raises:
        DataError: It is no graph of MXNet's, or larger than any.
    """
    path = Path(path)
    with reading(path, "A symbol.json"):
        if len(text) > LARGEST:
            raise DataError(f"A symbol.json must have at most {LARGEST:,} characters; it has {len(text):,}.", path=path)
        document = parse_json(text, "A symbol.json", path=path)
        if not (
            isinstance(document, dict)
            and isinstance(document.get("nodes"), list)
            and isinstance(document.get("heads"), list)
        ):
            raise DataError(
                "A symbol.json must be an object with lists of nodes and heads, as MXNet writes them; it is something "
                "else. Take the file that ends in -symbol.json.",
                path=path,
            )
        if not 0 < len(document["nodes"]) <= MOST_NODES:
            raise DataError(
                f"A symbol.json must have 1 to {MOST_NODES:,} nodes; it has {len(document['nodes']):,}.", path=path
            )
        builder = _Builder(path)
        for values in document["nodes"]:
            builder.add(values)
        heads = tuple(builder.edge(entry, "heads") for entry in document["heads"])
        if not heads or len(heads) > MOST_INPUTS:
            raise DataError(f"A symbol.json must have 1 to {MOST_INPUTS:,} heads; it has {len(heads):,}.", path=path)
        return Graph(tuple(builder.nodes), heads, path)


class _Builder:
    """Collects nodes; where old documents left variables out, the numbers of those behind them move."""

    def __init__(self, path: Path) -> None:
        self.nodes: list[Node] = []
        self._path = path
        self._number: list[int] = []
        """By number in the document: number here."""

    def add(self, values: Any) -> None:
        at = f"nodes[{len(self._number)}]"
        if not isinstance(values, dict) or not all(isinstance(values.get(key), str) for key in ("op", "name")):
            raise self._error(at, "must have an op and a name")
        if values.get("subgraphs"):
            raise self._error(at, f"must be no loop or branch with a graph of its own; {values['op'][:80]!r} is")
        inputs = values.get("inputs", [])
        if not isinstance(inputs, list) or len(inputs) > MOST_INPUTS:
            raise self._error(at, f"must have a list of at most {MOST_INPUTS:,} inputs")
        edges = [self.edge(entry, at) for entry in inputs]
        op, name = values["op"], values["name"]
        if op in _STATISTICS and len(edges) == _BEFORE_STATISTICS:
            for statistic in _STATISTICS[op]:
                edges.append(Edge(len(self.nodes)))
                self.nodes.append(Node("null", f"{name}_{statistic}", {}, ()))
        self._number.append(len(self.nodes))
        self.nodes.append(Node(op, name, self._attributes(values, at), tuple(edges)))

    def edge(self, entry: Any, at: str) -> Edge:
        whole = isinstance(entry, list) and 2 <= len(entry) <= 3 and all(type(part) is int for part in entry)
        if not whole or not 0 <= entry[1] < MOST_INPUTS:
            raise self._error(at, "must name inputs as [node, output] or [node, output, version]")
        if not 0 <= entry[0] < len(self._number):
            raise self._error(at, f"must take nodes that stand before it; it takes node {entry[0]}")
        found = Edge(self._number[entry[0]], entry[1])
        if found.output and self.nodes[found.node].is_variable:
            raise self._error(at, f"must take the one output of a variable; it takes number {found.output + 1}")
        return found

    def _attributes(self, values: dict[str, Any], at: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for key in ("attr", "param", "attrs"):
            given = values.get(key)
            if given is None:
                continue
            if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
                raise self._error(at, f"must have texts in {key}")
            found |= given
        return found

    def _error(self, at: str, why: str) -> DataError:
        return DataError(f"{at} of a symbol.json {why}. Is the file damaged?", path=self._path)
