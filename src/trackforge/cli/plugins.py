"""``trackforge plugins``: what is installed, what is missing, what is broken, and how to get or mend it."""

from __future__ import annotations

import json
from typing import Annotated, Any

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from trackforge.cli.printing import console as make_console
from trackforge.cli.printing import put
from trackforge.registry.overview import overview

__all__ = ["plugins"]


def plugins(
    kind: str | None = None, /, *, as_json: Annotated[bool, Parameter(name=["--json"], show_default=False)] = False
) -> int:
    """Show what is installed, what is missing and how to get it.

    Parameters
    ----------
    kind
        Only components of this kind: detector, tracker, sink and so on.
    as_json
        Print JSON.
    """
    facts = overview(kind)
    if as_json:
        put(json.dumps(facts, indent=2) + "\n")
    else:
        _show(facts)
    return 0


def _show(facts: dict[str, Any]) -> None:
    console = make_console()
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("kind", "name", "from", "what it is"):
        table.add_column(column, overflow="fold", no_wrap=column != "what it is")
    last = ""
    for one in facts["components"]:
        what = Text(one["summary"])
        if not one["ready"]:
            what.append(f"\n{one['problem']}", style="yellow")
        name = Text(one["name"], style="green" if one["ready"] else "yellow")
        table.add_row(Text(one["kind"] if one["kind"] != last else ""), name, Text(one["distribution"]), what)
        last = one["kind"]
    console.print(table)
    cures = dict.fromkeys(one["cure"] for one in facts["components"] if one["cure"])
    if cures:
        console.print(Text("\nmissing packages", style="bold yellow"))
        for cure in cures:
            console.print(Text(cure), soft_wrap=True)  # to be copied in one piece
    if facts["broken"]:
        console.print(Text("\nbroken", style="bold red"))
        for one in facts["broken"]:
            console.print(Text(f"{one['plugin']} ({one['distribution']}): {one['reason']}"), soft_wrap=True)
    if facts["available"]:
        console.print(Text("\nnot installed", style="bold"))
        rest = Table(box=None, pad_edge=False, show_header=False)
        for one in facts["available"]:
            rest.add_row(Text(f"pip install {one['install']}"), Text(one["summary"], style="dim"))
        console.print(rest)
