"""Pictures that a manifest names by addresses of a storage service, found among those that are here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from trackforge.data.problems import Findings
from trackforge.errors import DataError
from trackforge.intake.addresses import is_address, shown_address
from trackforge.intake.names import name_problem

__all__ = ["LocalPictures"]


class _Placed(Protocol):
    @property
    def place(self) -> str: ...
    @property
    def file(self) -> Path: ...
    @property
    def line(self) -> int: ...


_Item = TypeVar("_Item", bound=_Placed)


class LocalPictures:
    """Finds pictures by their addresses.

    Args:
        root: The folder that they lie in, or in folders of which.
        prefix: What addresses begin with; the rest is where a picture lies in the folder.
        findings: Where pictures that are not there are reported.
    """

    def __init__(self, root: Path, prefix: str, findings: Findings) -> None:
        self.root, self._prefix, self._findings = root, prefix, findings
        self._dropped = 0
        self._owner: dict[str, str] = {}

    def find(self, address: Any, file: Path, line: int) -> str:
        """Return where a picture lies, relative to the folder; or where it would, where it is not there.

        Raises:
            DataError: It is no address, leads out of the folder, or the picture is another address's already.
        """
        if not isinstance(address, str) or not address:
            raise DataError("A line must name its picture, 'source-ref'; it names none.", path=file, line=line)
        place = self._place(address, file, line)
        if self._owner.setdefault(place, address) != address:
            raise DataError(
                f"Pictures must be told apart here, too; {shown_address(address)} would be {place!r}, as "
                f"{shown_address(self._owner[place])} is. Keep their folders, and say where: prefix=..., pictures=...",
                path=file,
                line=line,
            )
        return place

    def _place(self, address: str, file: Path, line: int) -> str:
        if self._prefix:
            if not address.startswith(self._prefix):
                raise DataError(
                    f"Every address must begin with {self._prefix!r}; got {shown_address(address)!a}.",
                    path=file,
                    line=line,
                )
            return self._checked(address.removeprefix(self._prefix).lstrip("/"), address, file, line)
        key = address.split("://", 1)[1] if is_address(address) else address
        parts = [part for part in key.replace("\\", "/").split("/") if part not in ("", ".")]
        if not parts:
            raise DataError(f"An address must name a picture; got {address!a}.", path=file, line=line)
        # most lines of a manifest lie alike: what was found for the last is tried first
        for dropped in dict.fromkeys((min(self._dropped, len(parts) - 1), *range(len(parts)))):
            name = "/".join(parts[dropped:])
            if name_problem(name) is None and (self.root / name).is_file():
                self._dropped = dropped
                return name
        return self._checked(parts[-1], address, file, line)

    @staticmethod
    def _checked(name: str, address: str, file: Path, line: int) -> str:
        problem = name_problem(name)
        if problem:
            raise DataError(
                f"An address must name a picture that stays in its folder; {address[:80]!a} {problem}.",
                path=file,
                line=line,
            )
        return name

    def present(self, items: Sequence[_Item], notes: list[str]) -> list[_Item]:
        """Return what has its picture and report what has not; all, with a note, where none has."""
        found = [item for item in items if (self.root / item.place).is_file()]
        if items and not found:
            first = items[0]
            notes.append(
                f"none of the pictures is there ({first.place!r} of {first.file.name}:{first.line} is the first): "
                "labels only. If they lie elsewhere, say where: pictures=..., prefix=..."
            )
            return list(items)
        for item in items:
            if not (self.root / item.place).is_file():
                self._findings.bad(
                    f"The picture {item.place!r} must be in {self.root}; it is missing. Restore it, or leave the line "
                    "out.",
                    path=item.file,
                    line=item.line,
                    kind="missing-picture",
                )
        return found
