"""Files that Ground Truth names by addresses of S3, found among those that are here by as much of their end as is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trackforge.errors import DataError
from trackforge.intake.addresses import is_address, shown_address
from trackforge.intake.names import name_problem

__all__ = ["LocalFiles"]


class LocalFiles:
    """Finds files by their addresses.

    Args:
        roots: Folders that they may lie in, or in folders of which; the first that has a file counts.
        prefix: What addresses begin with; the rest is where a file lies in a folder.
    """

    def __init__(self, roots: Sequence[Path], prefix: str = "") -> None:
        self.roots, self._prefix = tuple(dict.fromkeys(roots)), prefix
        self._last = (0, 0)

    def find(self, address: Any, what: str, *, path: Path, line: int | None = None, least: int = 1) -> Path | None:
        """Return where a file lies; None where it is not here.

        Args:
            address: As the document states it.
            what: What it is, for messages.
            path: The document.
            line: Line of the document, from 1.
            least: How many parts of the end must be there: two of ``output/0/SeqLabel.json``, which all are called so.

        Raises:
            DataError: It is no address, or leads out of the folder.
        """
        if not isinstance(address, str) or not address:
            raise DataError(f"{what} must be named by an address; got {str(address)[:60]!a}.", path=path, line=line)
        key = address.split("://", 1)[1] if is_address(address) else address
        parts = [part for part in key.replace("\\", "/").split("/") if part not in ("", ".")]
        if not parts or ".." in parts or name_problem("/".join(parts)):
            raise DataError(
                f"{what} must have an address that stays in its folder; got {shown_address(address)[:80]!a}.",
                path=path,
                line=line,
            )
        if self._prefix and address.startswith(self._prefix):
            rest = address.removeprefix(self._prefix).lstrip("/")
            found = next((root / rest for root in self.roots if rest and (root / rest).is_file()), None)
            if found is not None:
                return found
        most = max(len(parts) - min(least, len(parts)), 0)
        # most files of a job lie alike: where the last was found is looked at first
        root, dropped = self._last
        if root < len(self.roots) and dropped <= most and (place := self._at(root, parts, dropped)) is not None:
            return place
        for root in range(len(self.roots)):
            for dropped in range(most + 1):
                place = self._at(root, parts, dropped)
                if place is not None:
                    self._last = (root, dropped)
                    return place
        return None

    def _at(self, root: int, parts: list[str], dropped: int) -> Path | None:
        place = self.roots[root].joinpath(*parts[dropped:])
        return place if place.is_file() else None
