"""What is wrong with a data set, and whether that stops the reading."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trackforge.errors import DataError

__all__ = ["Findings", "Problem"]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One finding.

    Attributes:
        level: ``"error"``: training or evaluation would fail or be wrong. ``"warning"``: worth a look.
        kind: Short name, e.g. ``"missing-picture"``.
        message: What is wrong, in one sentence.
        path: The file concerned, where known.
        line: 1-based line in it, where known.
    """

    level: Literal["error", "warning"]
    kind: str
    message: str
    path: Path | None = None
    line: int | None = None

    def __str__(self) -> str:
        place = "" if self.path is None else f"{self.path}: " if self.line is None else f"{self.path}:{self.line}: "
        return f"{self.level}: {place}{self.message} [{self.kind}]"


class Findings:
    """Where readers report malformed content: raised at once, or gathered while reading goes on without it.

    Args:
        gather: Keep what is found in ``problems`` instead of raising.
    """

    def __init__(self, *, gather: bool = False) -> None:
        self.gather = gather
        self.problems: list[Problem] = []

    def bad(
        self, message: str, *, path: str | Path | None = None, line: int | None = None, kind: str = "format"
    ) -> None:
        """Report content that cannot be used.

        Raises:
            DataError: Unless findings are gathered.
        """
        if not self.gather:
            raise DataError(message, path=path, line=line)
        where = Path(path) if isinstance(path, str) else path
        self.problems.append(Problem(level="error", kind=kind, message=message, path=where, line=line))

    def caught(self, error: DataError, *, kind: str = "format") -> None:
        """Report an error that somebody else raised.

        Raises:
            DataError: That error, unless findings are gathered.
        """
        if not self.gather:
            raise error
        message = str(error)
        if error.path is not None:
            place = f"{error.path}:{error.line}: " if error.line is not None else f"{error.path}: "
            message = message.removeprefix(place)
        self.problems.append(Problem(level="error", kind=kind, message=message, path=error.path, line=error.line))

    def warn(self, message: str, *, kind: str, path: str | Path | None = None, line: int | None = None) -> None:
        """Note something odd that does no harm to the reading."""
        where = Path(path) if isinstance(path, str) else path
        self.problems.append(Problem(level="warning", kind=kind, message=message, path=where, line=line))
