"""``trackforge demo``."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from trackforge.cli.flags import Positive, Whole
from trackforge.cli.printing import put

__all__ = ["demo"]


def demo(
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("demo"),
    frames: Positive = 300,
    seed: Whole = 0,
    as_json: Annotated[bool, Parameter(name=["--json"], show_default=False)] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], show_default=False)] = False,
) -> int:
    """Render a synthetic street, track it and score the result; downloads nothing.

    Parameters
    ----------
    out
        Folder for the videos, the MOT file and the picture.
    frames
        Length of the video.
    seed
        Another number is another street.
    as_json
        Print scores and files as JSON.
    quiet
        Show no progress.
    """
    from trackforge.cli.progress import progress
    from trackforge.synthetic.demo import run

    with progress("demo", frames, quiet=quiet) as advance:
        summary = run(out, frames=frames, seed=seed, progress=advance)
    if as_json:
        put(json.dumps(summary, indent=2, default=str) + "\n")
    else:
        for key, value in summary.items():
            put(f"{key:12} {value:.1%}\n" if isinstance(value, float) else f"{key:12} {value}\n")
        put("\nNow you:\n" + "".join(f"  {command}\n" for command in _next(out)))
    return 0


def _next(out: Path) -> Iterator[str]:
    """Yield three commands that work on what the demo left, spelt as this one was called."""
    called = sys.argv[0] if Path(sys.argv[0]).stem == "trackforge" else "trackforge"
    program = "trackforge" if shutil.which("trackforge") else called
    street, truth = shlex.quote(str(out / "street.mp4")), shlex.quote(str(out / "gt" / "gt.txt"))
    mine = shlex.quote(str(out / "mine"))
    yield f"{program} track {street} -o {mine}/"
    yield f"{program} eval {truth} {mine}/street.txt"
    yield f"{program} track {street} --tracker ocsort --truth {truth} -o {shlex.quote(str(out / 'ocsort.mp4'))}"
