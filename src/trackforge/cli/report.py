"""``trackforge report``."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Sequence
from pathlib import Path

from trackforge.cli.flags import Words, command
from trackforge.cli.printing import put
from trackforge.config import setting
from trackforge.reporting.run import ReportRun
from trackforge.runs.layers import Layer, options

__all__ = ["report"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _ReportWords(Words):
    """What the command takes beside the report."""

    set: tuple[str, ...] = setting((), flags=(), help="Nothing: a report has no components.")
    config: Path | None = setting(None, flags=("--config", "-c"), help="TOML file with options of the report.")
    json: bool = setting(False, help="Print what was written as JSON.")
    quiet: bool = setting(False, flags=("--quiet", "-q"), help="Show no progress and no notes.")


def _report(layers: list[Layer], words: _ReportWords) -> int:
    from trackforge.cli.progress import progress
    from trackforge.reporting.writing import report as write

    written = write(options(ReportRun, layers), progress=functools.partial(progress, quiet=words.quiet))
    if words.json:
        facts = {
            "report": str(written.path),
            "bytes": written.size,
            "films": [str(path) for path in written.films],
            "notes": list(written.notes),
        }
        put(json.dumps(facts, indent=2) + "\n")
        return 0
    put(f"{written.path} ({written.size / 1e6:.1f} MB)\n")
    put("".join(f"  {path}\n" for path in written.films))
    if not words.quiet:
        _aside(written.notes)
    return 0


def _aside(notes: Sequence[str]) -> None:
    from rich.text import Text

    from trackforge.cli.printing import console

    for note in notes:
        console(stderr=True).print(Text(f"note: {note}"), soft_wrap=True)


report = command("report", ReportRun, _ReportWords, _report, first="results")
