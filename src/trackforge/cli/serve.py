"""``trackforge serve``."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import logging
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

from trackforge.cli.flags import Words, command
from trackforge.config import setting
from trackforge.errors import ConfigError, MissingDependencyError
from trackforge.runs.layers import Layer
from trackforge.serving.run import ServingRun

if TYPE_CHECKING:
    from trackforge.serving.planning import ServingPlan

__all__ = ["serve"]

NEEDS = ("starlette", "uvicorn", "websockets", "prometheus_client")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServeWords(Words):
    """What the command takes beside the server."""

    set: tuple[str, ...] = setting(
        (), help="A setting, section.key=value: detector.score=0.3, tracker.high_score=0.6. May be repeated."
    )
    json: bool = setting(False, help="With --help-settings: print them as JSON.")
    quiet: bool = setting(False, flags=("--quiet", "-q"), help="Say warnings only, no line a request.")
    verbose: bool = setting(False, flags=("--verbose", "-v"), help="Say every request, frames and health included.")
    help_settings: bool = setting(False, help="Show every setting of the chosen detector and tracker, and do nothing.")


def _serve(layers: list[Layer], words: ServeWords) -> int:
    from trackforge.serving.planning import plan_serving

    plan: ServingPlan = plan_serving(*layers)
    if words.help_settings:
        from trackforge.cli.info import show_settings

        show_settings([component.spec for component in (plan.detector, plan.tracker)], as_json=words.json)
        return 0
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingDependencyError(f"The server needs {', '.join(missing)}. Run: pip install 'trackforge-mot[serve]'")
    from trackforge.serving.server import serve as run

    if words.quiet and words.verbose:
        raise ConfigError("Give --verbose or --quiet, not both.")
    level = logging.DEBUG if words.verbose else logging.WARNING if words.quiet else logging.INFO
    return _left(run(plan, level=level))


def _left(code: int) -> int:
    """Return the exit code, or end here and now where a library is still loading, or looking at a picture.

    Outputs are final by now. A thread within C++ that the interpreter ends would abort the process.
    """
    ours = [thread for thread in threading.enumerate() if thread.name.startswith("trackforge")]
    until = time.monotonic() + MOMENT
    for thread in ours:
        thread.join(max(0.0, until - time.monotonic()))
    if any(thread.is_alive() for thread in ours):
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    return code


MOMENT = 0.3
"""Seconds that threads with nothing to do get to end."""
GROUPS = {
    "Detector": ("detector", "weights", "conf", "iou", "classes", "class_agnostic", "imgsz", "device", "half"),
    "Tracker": ("tracker", "associator", "motion"),
    "Analytics": ("line", "zone", "ground", "heat", "trails", "analytic"),
    "Address": ("host", "port", "port_file", "token", "tls_cert", "tls_key", "hosts", "origins"),
    "Frames": ("policy", "waiting", "max_batch"),
    "Sessions": ("max_sessions", "session_ttl", "sessions_dir"),
    "Cameras and films": (
        "allow_cameras", "allow_devices", "max_cameras", "films_dir", "max_film", "max_films", "films_at_once",
        "films_space", "film_frames", "film_ttl",
    ),
    "Limits": (
        "max_body", "max_pixels", "max_waiting_bytes", "max_requests", "max_connections", "request_timeout", "hang",
        "grace",
    ),
    "Log": ("log_format", "quiet", "verbose"),
}  # fmt: skip
"""Headings of the help page; the rest stands under "Run"."""

serve = command("serve", ServingRun, ServeWords, _serve, first="cameras", groups=GROUPS)
