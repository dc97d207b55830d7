"""The rules of `trackforge.protocols.Exporter`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

from trackforge.errors import TrackforgeError
from trackforge.testing.conformance.rules import require, rule, run

__all__ = ["check_exporter"]

Make: TypeAlias = Callable[[Path], Path]


def check_exporter(make: Make, *, suffix: str = ".onnx", skip: Iterable[str] = ()) -> None:
    """Try every rule of the Exporter protocol.

    Args:
        make: Exports a small model to the path it is given, and returns what the exporter returned:
            ``lambda path: trackforge.export("yolox", weights=..., output=path)``.
        suffix: Ending of that path, with the dot.
        skip: Names of rules to leave out (see `trackforge.testing.rules`).

    Raises:
        BrokenRule: At least one rule is broken; the message lists them.
    """
    run("exporter", make, skip, suffix=suffix)


@rule("exporter")
def writes_one_whole_file(make: Make, *, suffix: str = ".onnx") -> None:
    """It writes the file it was asked for and no other, and says where that is."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model{suffix}"
        said = make(path)
        require(Path(said) == path, f"it was to write {path.name}, and said {said}.")
        require(path.is_file() and path.stat().st_size > 0, f"there is no {path.name}.")
        others = sorted(file.name for file in Path(folder).iterdir() if file != path)
        require(not others, f"beside {path.name} it left {', '.join(others)}.")


@rule("exporter")
def fails_without_a_trace(make: Make, *, suffix: str = ".onnx") -> None:
    """Where it cannot write, it raises an error of trackforge and leaves nothing."""
    with tempfile.TemporaryDirectory() as folder:
        blocked = Path(folder) / "file"
        blocked.write_bytes(b"in the way")
        try:
            make(blocked / f"model{suffix}")
        except TrackforgeError:
            pass
        else:
            require(holds=False, came="writing into something that is no folder went without an error.")
        require(blocked.read_bytes() == b"in the way", "it changed another file.")
