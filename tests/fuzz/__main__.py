"""``make fuzz``: so many minutes, shared out among the targets, and what was found."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from fuzz.running import fuzz
from fuzz.targets import targets


def main() -> int:
    """Fuzz, print what was done and found, and return 1 where anything was."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="in all")
    parser.add_argument("--count", type=int, help="attempts a target, rather than minutes: the same every time")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--first", type=int, default=0, help="the first attempt; with --count 1, one only")
    parser.add_argument("--only", nargs="*", help=f"of {', '.join(targets())}")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder for the inputs of findings")
    given = parser.parse_args()
    keep = given.keep or Path(tempfile.mkdtemp(prefix="trackforge-fuzz-"))
    names = given.only or list(targets())
    seconds = 60 * given.minutes * given.workers / len(names)
    found = fuzz(
        names, keep, seed=given.seed, first=given.first, workers=given.workers,
        count=given.count, seconds=None if given.count else seconds, say=lambda line: sys.stdout.write(line + "\n"),
    )  # fmt: skip
    for finding in found.different():
        sys.stdout.write(f"{finding}\n")
    sys.stdout.write(
        f"{found.attempts:,} attempts on {len(names)} targets, {len(found.findings)} findings "
        f"at {len(found.different())} places\n"
    )
    return 1 if found.findings else 0


if __name__ == "__main__":
    raise SystemExit(main())
