"""A log in which nothing from outside makes a line of its own, or steers a terminal: names of films are such."""

from __future__ import annotations

import logging
import sys

from trackforge.intake.addresses import without_secrets
from trackforge.intake.showing import visible

__all__ = ["Visible", "show_log"]


class Visible(logging.Formatter):
    r"""A line a message, and a traceback below it where there is one, with control characters as escapes.

    >>> Visible().format(logging.makeLogRecord({"msg": "%s is done", "args": ("a\nb\x1b[31m",)}))
    'a\\nb\\x1b[31m is done'
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - as logging has it
        """Return the line."""
        return visible(without_secrets(super().formatMessage(record)), keep="")

    def formatException(self, ei: object) -> str:  # noqa: N802 - as logging has it
        """Return the traceback, whose lines stay lines."""
        return visible(without_secrets(super().formatException(ei)))  # type: ignore[arg-type]


def show_log(level: int = logging.INFO) -> None:
    """Write what is logged to standard error, unless somebody has seen to it already."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Visible("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
