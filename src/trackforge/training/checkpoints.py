"""Checkpoints that are whole or not there, and that say which run they are of."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from trackforge.errors import StateError, WeightsError
from trackforge.io.atomic import atomic_path
from trackforge.models.checkpoints import unpacked

__all__ = [
    "ADVICE",
    "FREEDOM",
    "HEADER",
    "VERSION",
    "AtomicCheckpointIO",
    "changes",
    "check_header",
    "count_in_pieces",
    "read_checkpoint",
    "save_atomically",
    "state_errors",
]

HEADER = "trackforge"
FREEDOM = "trackforge.free"
"""Where a checkpoint says with which settings it was made that a resumed run may change."""
ADVICE = (
    "Resume with gradients clipped (train.clip=10, say) or in more bits (train.precision=bf16, or 32). A lower "
    "learning rate is another run: begin it in another folder, from this one's model.pth."
)
"""What to do where losses or weights are not finite; a resumed run may do it."""
VERSION = 2
"""Of what a checkpoint holds; 1 kept everything between the steps in one piece."""


def save_atomically(content: Mapping[str, Any], path: str | Path) -> None:
    """Write tensors and plain values; the file that stood there stays until the new one is complete on disk.

    Raises:
        SinkError: The place cannot be written to, or is full.
    """
    buffer = io.BytesIO()  # torch's own file writer turns a full disk into an error without a reason
    torch.save(dict(content), buffer)
    with atomic_path(path) as partial, partial.open("wb") as file:
        file.write(buffer.getbuffer())


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint of a training run onto the CPU; nothing but tensors and plain values is unpickled.

    Raises:
        WeightsError: The file is missing, damaged or no checkpoint of a training run.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"To resume, there must be a checkpoint; there is no {path}. Give the folder of the run.")
    try:
        content = unpacked(path)
    except ValueError as error:
        raise WeightsError(
            f"{path} must be a checkpoint of a training run; it cannot be read: {error}. Use another one."
        ) from error
    if not isinstance(content, dict) or HEADER not in content or "loops" not in content:
        raise WeightsError(
            f"{path} must be a checkpoint of a training run, with its optimiser; it holds something else. To start "
            "from weights alone, give them as weights."
        )
    return content


def check_header(found: Mapping[str, Any], wanted: Mapping[str, Any], path: Path) -> None:
    """Refuse to go on with another run than the one that was begun.

    What the checkpoint does not say, since it is of an earlier release, is not compared.

    Raises:
        StateError: Data, classes or settings that decide the course differ, or the checkpoint is of another revision of
            the library.
    """
    if found.get("version") != VERSION:
        raise StateError(
            f"To resume, the checkpoint must be of version {VERSION}; {path} is of version {found.get('version')}. Go "
            "on with the library that wrote it, or start anew from the run's model.pth in another folder."
        )
    said = {name: value for name, value in found.items() if name != "version"}
    other = changes(said, {name: value for name, value in wanted.items() if name in said})
    if other:
        raise StateError(
            f"To resume, the run must be the same; {path} was made with {other}. Give what it was, or start "
            "anew in another folder."
        )


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say what is another than it was; empty where nothing is."""
    return "; ".join(
        f"{name} {_short(before.get(name))}, now it is {_short(now.get(name))}"
        for name in dict.fromkeys((*now, *before))
        if before.get(name) != now.get(name)
    )


def count_in_pieces(checkpoint: Mapping[str, Any], pieces: int) -> None:
    """Make a checkpoint's count of batches one of so many pieces a step, since Lightning's loop counts pieces.

    Without it, a run that is resumed within an epoch with another ``train.accumulate`` would go on in mid-step.
    """
    steps, progress = checkpoint["global_step"], checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
    done = progress["total"]["processed"]
    for count in (progress["total"], progress["current"]):
        more = count["processed"] * steps * pieces // max(done, 1) - count["processed"]
        count.update({name: value + more for name, value in count.items()})


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."


@contextlib.contextmanager
def state_errors(path: Path) -> Iterator[None]:
    """Say what a failure to load weights of another shape means."""
    try:
        yield
    except RuntimeError as error:
        if "loading state_dict" not in str(error):
            raise
        first = str(error).split("\n", 2)[1:2]
        raise StateError(
            f"To resume, the model must be the same; that in {path} is another: {''.join(first).strip()} Give the "
            "settings it was begun with, or start anew in another folder."
        ) from error


class AtomicCheckpointIO(TorchCheckpointIO):
    """How Lightning writes and reads checkpoints here.

    Args:
        header: What a checkpoint that is read must say of its run.
    """

    def __init__(self, header: Mapping[str, Any]) -> None:
        super().__init__()
        self._header = dict(header)

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:  # noqa: ARG002
        """Write; see `save_atomically`."""
        save_atomically(checkpoint, path)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:  # noqa: ARG002
        """Read, and check which run it is of; see `read_checkpoint` and `check_header`."""
        content = read_checkpoint(path)
        check_header(content[HEADER], self._header, Path(path))
        return content
