"""What one process at a time may work at: a study, the folder of a training run."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from trackforge.errors import ConfigError, SinkError

__all__ = ["owned"]

_held: set[IO[str]] = set()


@contextlib.contextmanager
def owned(mark: Path, what: str) -> Iterator[None]:
    """Hold something while the block runs, as everybody does who works at it.

    The system lets go of it when the process ends, however it ends, so nothing that is left can block anybody. Where
    there are no such locks (Windows), nothing is held.

    Args:
        mark: A file that stands for it meanwhile.
        what: What must not be shared, for the message: ``"A study is for one search at a time"``.

    Raises:
        ConfigError: Another process holds it, or another block of this one.
        SinkError: The file cannot be made.
    """
    if importlib.util.find_spec("fcntl") is None:
        yield
        return
    fcntl: Any = importlib.import_module("fcntl")
    with contextlib.ExitStack() as stack:
        while True:
            try:
                mark.parent.mkdir(parents=True, exist_ok=True)
                file = stack.enter_context(mark.open("a", encoding="utf-8"))
            except OSError as error:
                raise SinkError(f"{mark} cannot be written: {error.strerror}. Choose another place.") from error
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ConfigError(
                    f"{what}; another process works at {mark.parent}. Wait for it, or name another place."
                ) from None
            if mark.exists() and os.path.samestat(os.fstat(file.fileno()), mark.stat()):
                break  # else who held it before has removed it since it was opened
        _held.add(file)
        try:
            yield
        finally:
            _held.discard(file)
            mark.unlink(missing_ok=True)


def _let_go() -> None:
    """In a child that was forked: it may outlive its parent, and must not go on holding what the parent held."""
    for file in _held:
        os.close(file.fileno())
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
