"""Directives that write reference pages from the code itself, so that they cannot differ from it.

``.. components:: tracker`` lists every tracker with its summary, source and a table of settings;
``.. kinds::`` is one of all kinds of components; ``{command-help} track`` is what ``trackforge track --help`` prints.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.application import Sphinx

from trackforge.config import Setting, describe
from trackforge.registry import KINDS, registry


def _default(setting: Setting) -> str:
    if setting.required:
        return "required"
    return f"``{setting.default!r}``" if setting.default != "" else "empty"


def _range(setting: Setting) -> str:
    low, high = setting.minimum, setting.maximum
    return setting.bounds if low is None or high is None else f"{low:g} to {high:g}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]], *, widths: str) -> list[str]:
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", ""]
    for cells in (head, *rows):
        lines += [f"   {'*' if i == 0 else ' '} - {cell}" for i, cell in enumerate(cells)]
    return lines


class Components(Directive):
    """Write one section for each component of a kind."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        out: list[nodes.Node] = []
        for spec, owner in registry().specs(self.arguments[0]):
            section = nodes.section(ids=[nodes.make_id(f"{spec.kind}-{spec.name}")])
            section += nodes.title(text=spec.name)
            lines = [spec.summary, "", f"From ``{owner}``." + (f" Source: {spec.source}." if spec.source else ""), ""]
            config = spec.load_config()
            rows = describe(config) if config is not None and dataclasses.is_dataclass(config) else ()
            if rows:
                head = ("setting", "type", "default", "range", "meaning")
                lines += _table(head, map(self._cells, rows), widths="22 18 14 12 34")
            self.state.nested_parse(StringList(lines), 0, section)
            out.append(section)
        return out

    @staticmethod
    def _cells(s: Setting) -> tuple[str, ...]:
        unit = f" [{s.unit}]" if s.unit else ""
        return (
            f"``{s.name}``",
            s.type_name.replace("|", "or"),
            _default(s),
            _range(s),
            (s.help + unit).replace("*", "\\*"),
        )


class Kinds(Directive):
    """Write the table of kinds: what each is, its contract and what that asks for, what checks it, what makes one."""

    def run(self) -> list[nodes.Node]:
        rows = []
        for kind in KINDS.values():
            parts = ", ".join(f"``{name}``" for name in _parts(kind.load("protocol")))
            contract, check, door = (
                f"``{getattr(kind, what).replace(':', '.')}``" for what in ("protocol", "check", "door")
            )
            check = check.replace("trackforge.testing.", "")
            rows.append((f"``{kind.name}``", kind.summary, f"{contract}: {parts}", check, door))
        node = nodes.container()
        head = ("kind", "what it is", "contract", "checked by", "made by")
        self.state.nested_parse(StringList(_table(head, rows, widths="10 24 32 18 16")), 0, node)
        return [node]


def _parts(contract: type) -> list[str]:
    """Return the names that a protocol, or a class of plain values, asks for."""
    own = [
        name for base in reversed(contract.__mro__) for name in (*vars(base), *vars(base).get("__annotations__", ()))
    ]
    return [n for n in dict.fromkeys(own) if not n.startswith("_") or n in ("__call__", "__iter__", "__enter__")]


class CommandHelp(Directive):
    """Show the help page of a command."""

    optional_arguments = 2

    def run(self) -> list[nodes.Node]:
        command = [sys.executable, "-m", "trackforge", *self.arguments, "--help"]
        environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
        text = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout  # noqa: S603
        return [nodes.literal_block(text, text, language="text")]


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("components", Components)
    app.add_directive("kinds", Kinds)
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True}
