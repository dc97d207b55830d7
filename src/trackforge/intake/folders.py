"""What lies in a folder, as people mean it: without what their systems left beside it, and in the order they count.

macOS writes ``._a.jpg`` and ``__MACOSX/``, Jupyter ``.ipynb_checkpoints/``, Windows ``Thumbs.db``, a NAS ``@eaDir/``:
copies and notes that bear the endings of pictures or labels, and are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Listing", "is_companion", "list_files", "natural_key"]

_COMPANIONS = frozenset({"__macosx", "@eadir", "$recycle.bin", "thumbs.db", "desktop.ini", "system volume information"})


@dataclass(frozen=True)
class Listing:
    """Files of a folder.

    Attributes:
        files: In natural order.
        companions: How many files with a wanted ending were left out as nobody's.
        others: How many files have another ending.
    """

    files: tuple[Path, ...]
    companions: int
    others: int


def is_companion(path: str | Path, root: str | Path | None = None) -> bool:
    """Tell whether a file, or a folder on the way to it from ``root``, was left there by a system.

    >>> is_companion("set/__MACOSX/._a.jpg"), is_companion("set/a.jpg")
    (True, False)
    """
    path = Path(path)
    parts = path.parts if root is None else path.relative_to(root).parts
    return any((part.startswith(".") and part not in (".", "..")) or part.lower() in _COMPANIONS for part in parts)


def list_files(folder: str | Path, suffixes: Iterable[str], *, recursive: bool = False) -> Listing:
    """List the files of a folder that end in one of ``suffixes`` (lower case, with the dot; case is ignored in names).

    Raises:
        OSError: The folder cannot be listed.
    """
    folder, wanted = Path(folder), tuple(suffixes)
    files, companions, others = [], 0, 0
    for path in folder.rglob("*") if recursive else folder.iterdir():
        if not path.name.lower().endswith(wanted):
            others += not is_companion(path, folder) and path.is_file()
        elif is_companion(path, folder):
            companions += 1
        elif path.is_file():
            files.append(path)
    files.sort(key=lambda path: natural_key(str(path.relative_to(folder))))
    return Listing(tuple(files), companions, others)


def natural_key(text: str) -> tuple[list[tuple[int, int | str]], str]:
    """Return a sort key that counts, whatever the case: ``2.jpg`` before ``10.jpg``, ``a.jpg`` before ``B.jpg``.

    >>> sorted(["10.jpg", "2.jpg", "B.jpg", "a.jpg"], key=natural_key)
    ['2.jpg', '10.jpg', 'a.jpg', 'B.jpg']
    """
    parts = re.split(r"(\d+)", text.casefold())
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part], text
