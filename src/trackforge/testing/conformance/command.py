"""The rules of `trackforge.protocols.Command`."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable
from typing import TypeAlias

from trackforge.protocols import Command
from trackforge.testing.conformance.rules import require, rule, run

__all__ = ["check_command"]

Make: TypeAlias = Callable[[], Command]


def check_command(make: Make, *, skip: Iterable[str] = ()) -> None:
    """Try every rule of the Command protocol.

    Args:
        make: Returns the subcommand, as the target of its component does.
        skip: Names of rules to leave out (see `trackforge.testing.rules`).

    Raises:
        BrokenRule: At least one rule is broken; the message lists them.
    """
    run("command", make, skip)


@rule("command")
def explains_itself(make: Make) -> None:
    """--help prints how the subcommand is used, and gives 0."""
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        try:
            code = make()(["--help"])
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    require(code == 0, f"--help gave {code!r}.")
    require(told.getvalue().strip(), "--help printed nothing.")
