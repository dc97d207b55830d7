"""One process that fuzzes one target: ``python -m fuzz.worker TARGET SEED FIRST COUNT FOLDER SECONDS``.

The number of the attempt stands in ``FOLDER/at`` while it runs, findings are lines of JSON in ``FOLDER/findings``.
"""

from __future__ import annotations

import json
import logging
import resource
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path
from types import FrameType
from typing import Any

from fuzz.mutation import Damage
from fuzz.targets import targets
from trackforge.errors import TrackforgeError

__all__ = ["PATIENCE", "main", "tried"]

PATIENCE = 10.0
"""Seconds of an attempt."""
ROOM = 3 << 30
"""Bytes of address space beyond what a worker takes before it begins."""
GROWTH = 400
"""MiB that an attempt may add to the highest use of memory."""


class HangError(BaseException):
    """An attempt takes too long; nobody catches it by accident."""


def main(name: str, seed: str, first: int, count: int, folder: Path, seconds: float) -> None:
    """Make attempts until they are done or the time is."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    place = folder / "place"
    place.mkdir(parents=True, exist_ok=True)
    attempt = targets()[name].prepare(place)
    signal.signal(signal.SIGALRM, _too_long)
    used = (
        int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if sys.platform == "linux" else 0
    )
    if used:
        resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, used + ROOM))
    end = time.monotonic() + seconds
    with (folder / "at").open("w") as at, (folder / "findings").open("a") as findings:
        for number in range(first, first + count):
            if time.monotonic() > end:
                break
            at.seek(0)
            at.write(f"{number}\n")
            at.flush()
            damage = Damage(f"{seed} {name} {number}")
            found = tried(attempt, damage)
            if found:
                kept = folder / f"{name}-{number}"
                kept.mkdir(exist_ok=True)
                for path, content in damage.written.items():
                    (kept / path.name).write_bytes(content)
                findings.write(
                    json.dumps({"target": name, "seed": seed, "number": number, **found, "kept": str(kept)}) + "\n"
                )
                findings.flush()
        else:
            number += 1
        at.seek(0)
        at.write(f"{number} done\n")


def tried(attempt: Any, damage: Damage) -> dict[str, str]:
    """Return what is wrong with an attempt; nothing where it gives a result or an error of ours."""
    before = _highest()
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        attempt(damage)
    except TrackforgeError as error:
        if _for_memory(error):
            return {"kind": "memory", "error": "MemoryError", "where": _where(error)}
    except HangError as error:
        return {"kind": "hang", "error": f"more than {PATIENCE:.0f} s", "where": _where(error)}
    except BaseException as error:  # noqa: BLE001 - that is the question
        return {"kind": "foreign", "error": f"{type(error).__name__}: {str(error)[:200]}", "where": _where(error)}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    grown = _highest() - before
    return {"kind": "memory", "error": f"{grown} MiB", "where": ""} if grown > GROWTH else {}


def _highest() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> (10 if sys.platform == "linux" else 20)


def _for_memory(error: BaseException | None) -> bool:
    while error is not None:
        if type(error) is MemoryError:  # FFmpeg's own is its refusal of what a file asks for
            return True
        error = error.__cause__
    return False


def _where(error: BaseException) -> str:
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "trackforge" in frame.filename]
    return f"{'/'.join(Path(ours[-1].filename).parts[-2:])}:{ours[-1].lineno}" if ours else ""


def _too_long(number: int, frame: FrameType | None) -> None:
    raise HangError


if __name__ == "__main__":
    given = sys.argv[1:]
    main(given[0], given[1], int(given[2]), int(given[3]), Path(given[4]), float(given[5]))
