"""Short names for what a result depends on: a stored one is used again only where it would come out the same."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trackforge.table import TrackTable

__all__ = ["fingerprint", "of_files", "of_table", "versions"]


def fingerprint(facts: Mapping[str, Any]) -> str:
    """Return 16 hexadecimal digits that change with anything in the facts; files are told by size and time."""
    text = json.dumps(of_files(facts), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def of_files(value: Any) -> Any:
    """Replace every path of an existing file or folder by the path, its size and the time it was last changed."""
    if isinstance(value, Mapping):
        return {str(key): of_files(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [of_files(one) for one in value]
    if isinstance(value, Path) or (isinstance(value, str) and 0 < len(value) < 1000 and "\0" not in value):
        return list(_facts(Path(value))) or str(value)
    return value


def _facts(path: Path) -> Iterator[tuple[str, int, int]]:
    try:
        if path.is_file():
            files = [path]
        elif path.is_dir() and path.name not in ("", ".", ".."):
            files = sorted(file for file in path.rglob("*") if file.is_file())
        else:
            return
        for file in files:
            stat = file.stat()
            yield str(file.resolve()), stat.st_size, stat.st_mtime_ns
    except OSError:  # a URL too long for a file name, a folder we may not look into
        return


def of_table(table: TrackTable) -> str:
    """Return 16 hexadecimal digits that change with any box of a table."""
    digest = hashlib.sha256()
    for column in (table.frame, table.track_id, table.xyxy, table.score, table.class_id):
        digest.update(column.tobytes())
    for name in sorted(table.extra):
        digest.update(name.encode() + table.extra[name].tobytes())
    return digest.hexdigest()[:16]


def versions(target: str) -> str:
    """Return the version of the distribution that a component's ``"package.module:Name"`` comes from."""
    package = target.partition(":")[0].partition(".")[0]
    for name in importlib.metadata.packages_distributions().get(package, ()):
        return f"{name} {importlib.metadata.version(name)}"
    return package
