"""One owner for a study."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trackforge.errors import ConfigError

__all__ = ["owned"]


@contextlib.contextmanager
def owned(path: Path) -> Iterator[None]:
    """Hold a study while the block runs, so that two searches do not take each other's trials for abandoned.

    The system lets go of it when the process ends, however it ends. Where there are no such locks (Windows), nothing
    is held.

    Raises:
        ConfigError: Another process holds it.
    """
    if importlib.util.find_spec("fcntl") is None:
        yield
        return
    fcntl: Any = importlib.import_module("fcntl")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".owner").open("w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(
                f"A study is for one search at a time; another process works at {path}. Wait for it, or name another "
                "file."
            ) from None
        yield
