"""The command ``trackforge``: everything the library does, from a terminal.

Exit codes: 0 all went well; 1 something failed or a file is bad; 2 the command line or a setting is wrong; 129, 130 and
143 interrupted by a closed terminal, Ctrl-C and SIGTERM, with the outputs so far complete.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from trackforge.errors import ConfigError, DuplicateComponentError, TrackforgeError, UnknownComponentError
from trackforge.intake.showing import visible

__all__ = ["main"]

NEEDS = ("cyclopts", "rich")
USAGE = (ConfigError, UnknownComponentError, DuplicateComponentError)
"""Errors of whoever typed the command, not of the data."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; ``argv`` without the program's name."""
    tokens = list(sys.argv[1:] if argv is None else argv)
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        _say(f"error: the command line needs {' and '.join(missing)}; run: pip install 'trackforge-mot[cli]'")
        return 2
    debug = "--debug" in tokens or os.environ.get("TRACKFORGE_DEBUG", "") not in ("", "0")
    tokens = [word for word in tokens if word != "--debug"]
    _ready_streams()
    _speak_plainly(debug=debug)
    try:
        return _run(tokens, last=argv is None)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except KeyboardInterrupt:
        _say("interrupted")
        return 130
    except BrokenPipeError:  # whoever read us has seen enough: `trackforge plugins | head`
        _print_no_more()
        return 0
    except Exception as error:  # noqa: BLE001 - the last line of defence turns everything into one message
        if debug:
            _say(traceback.format_exc().rstrip())
        return _explain(error)


def _ready_streams() -> None:
    """Make sure that printing goes wrong neither for a name that the terminal cannot show nor without a terminal."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us: `trackforge track ... >&-`, some services
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - for good
    with contextlib.suppress(AttributeError, ValueError):  # a test or a notebook may have put its own there
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _print_no_more() -> None:
    """Keep what is left in the buffer from going wrong once more at the end of the program."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(tokens: list[str], *, last: bool) -> int:
    from cyclopts import CycloptsError

    from trackforge.cli.app import call
    from trackforge.runs.stopping import Stopping

    try:
        with Stopping() as stopping:  # SIGTERM shall unwind as Ctrl-C does, so that no half-written file is left
            stopping.last = last
            code = call(tokens)
            if code in (130, 143):
                stopping.signal = code - 128
    except CycloptsError as error:
        _say(f"error: {error}\nRun 'trackforge {' '.join(error.command_chain or ())}".rstrip() + " --help' to see how.")
        return 2
    sys.stdout.flush()
    return code if isinstance(code, int) else 0


def _explain(error: Exception) -> int:
    if isinstance(error, USAGE):
        _say(f"error: {error}")
        return 2
    if not _here():
        _say("error: The folder that the command runs in is gone. Go to another (cd).")
        return 1
    if type(error) is OSError and error.errno == errno.ENOSPC and error.filename is None:  # no file: what is printed
        _print_no_more()
        _say("error: What the command prints cannot be written: no space left there.")
        return 1
    if isinstance(error, (TrackforgeError, OSError)):
        _say(f"error: {error}")
    else:
        _say(f"error: {type(error).__name__}: {error}\nThis should not happen; --debug shows where it came from.")
    return 1


def _here() -> bool:
    try:
        return Path.cwd().is_dir()
    except OSError:
        return False


def _say(message: str) -> None:
    """Write to stderr; where nobody reads it any more the work goes on, unheard."""
    from trackforge.intake.addresses import without_secrets

    with contextlib.suppress(OSError, ValueError):  # `trackforge track ... 2>&1 | head`; a full disk; closed for good
        sys.stderr.write(visible(without_secrets(message)) + "\n")


class _Stderr(logging.Handler):
    """Writes to what sys.stderr is now: a progress bar takes its place for a while."""

    def emit(self, record: logging.LogRecord) -> None:
        _say(f"{record.levelname.lower()}: {record.getMessage()}")


def _speak_plainly(*, debug: bool) -> None:
    """Show warnings and log messages as one line each."""

    def show(
        message: Warning | str,
        category: type[Warning],  # noqa: ARG001 - the signature of warnings.showwarning
        filename: str,  # noqa: ARG001
        lineno: int,  # noqa: ARG001
        file: TextIO | None = None,  # noqa: ARG001
        line: str | None = None,  # noqa: ARG001
    ) -> None:
        _say(f"warning: {message}")

    if not debug:
        warnings.showwarning = show
    root = logging.getLogger("trackforge")
    if not any(isinstance(handler, _Stderr) for handler in root.handlers):
        root.addHandler(_Stderr())
    root.setLevel(logging.DEBUG if debug else logging.WARNING)
