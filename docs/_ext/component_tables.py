"""Directives that write reference pages from the code itself, so that they cannot differ from it.

``{components} tracker`` lists every tracker with its summary, source and a table of settings; ``{command-help} track``
is what ``trackforge track --help`` prints.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.application import Sphinx

from trackforge.config import Setting, describe
from trackforge.registry import registry


def _default(setting: Setting) -> str:
    if setting.required:
        return "required"
    return f"``{setting.default!r}``" if setting.default != "" else "empty"


def _range(setting: Setting) -> str:
    low, high = setting.minimum, setting.maximum
    return setting.bounds if low is None or high is None else f"{low:g} to {high:g}"


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
                lines += [".. list-table::", "   :header-rows: 1", "   :widths: 22 18 14 12 34", ""]
                for cells in (("setting", "type", "default", "range", "meaning"), *map(self._cells, rows)):
                    lines += [f"   {'*' if i == 0 else ' '} - {cell}" for i, cell in enumerate(cells)]
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


class CommandHelp(Directive):
    """Show the help page of a command."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        command = [sys.executable, "-m", "trackforge", *self.arguments, "--help"]
        environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
        text = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout  # noqa: S603
        return [nodes.literal_block(text, text, language="text")]


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("components", Components)
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True}
