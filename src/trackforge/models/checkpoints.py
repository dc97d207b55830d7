"""Read weights from a checkpoint, safely, and put them into a network, saying in words what does not fit."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from trackforge.errors import WeightsError
from trackforge.models.card import ModelCard
from trackforge.registry.bundles import KEY

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Checkpoint", "load", "mismatches", "read_checkpoint", "unpacked"]

LISTED = 3
BEGINNINGS = (b"PK", b"\x80")
"""How checkpoints begin: as an archive or, those of old, as a pickle."""
SHOWN = 24
"""Bytes of a file that is no checkpoint at all, by which people know it: a web page, the pointer of Git LFS."""


class Checkpoint(NamedTuple):
    """A checkpoint as read: tensors by the network's keys, and what the file says about itself, if anything."""

    state: dict[str, Tensor]
    card: ModelCard | None


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a torch checkpoint onto the CPU; nothing but tensors and plain values is unpickled.

    Takes ``{"model": state}``, ``{"state_dict": state}`` or the bare state; a ``module.`` prefix, as left by
    data-parallel training, is dropped.

    Raises:
        WeightsError: It cannot be read, or holds no tensors.
    """
    import torch

    try:
        content = unpacked(path)
    except ValueError as error:
        raise WeightsError(f"{path} must be a torch checkpoint; {error}. Get the file anew.") from error
    card = None
    if isinstance(content, Mapping):
        if isinstance(content.get(KEY), str):
            card = ModelCard.from_json(content[KEY])
        for key in ("model", "state_dict"):
            if isinstance(content.get(key), Mapping):
                content = content[key]
                break
    if not isinstance(content, Mapping):
        raise WeightsError(f"{path} must hold a state dict; it holds {type(content).__name__}. Take another file.")
    state = {str(k).removeprefix("module."): v for k, v in content.items() if isinstance(v, torch.Tensor)}
    if not state:
        raise WeightsError(f"{path} must hold tensors; it holds none. Take another file.")
    for key, value in state.items():
        if value.layout is not torch.strided or value.is_meta or value.is_quantized or value.is_complex():
            raise WeightsError(
                f"{path} must hold plain tensors of real numbers; {key} is none: {value.dtype}, {value.layout} on "
                f"{value.device}. Save it with dense tensors on the CPU."
            )
    return Checkpoint(state, card)


def unpacked(path: Path) -> Any:
    """Return what torch saved in a file, on the CPU; nothing but tensors and plain values is unpickled.

    Raises:
        ValueError: It cannot be read: why, in words, without a full stop.
    """
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch wonders about odd pickles before it refuses them
            _check_size(path)
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes torch raise almost anything
        raise ValueError(_reason(path, error)) from error


def _check_size(path: Path) -> None:
    """Refuse an archive that holds more than it weighs: torch packs without compressing."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        held, size = sum(member.file_size for member in archive.infolist()), path.stat().st_size
    if held > size:
        message = f"its {size} bytes unpack to {held}, and torch does not compress"
        raise ValueError(message)


def _reason(path: Path, error: Exception) -> str:
    """Say why torch could not read a file; its own answer is a bare number for many."""
    try:
        with path.open("rb") as file:
            begin = file.read(SHOWN)
    except OSError as refused:
        return f"it cannot be opened: {refused.strerror}"
    if not begin:
        return "it is empty"
    if not begin.startswith(BEGINNINGS):
        return f"it begins with {begin!r}, as none does"
    first = str(error).partition("\n")[0].rstrip(".")
    if not first or "weights_only" in first:  # torch's advice is to run a stranger's code
        return "it is damaged, or holds more than tensors and plain values"
    return first


def mismatches(network: nn.Module, state: Mapping[str, Tensor]) -> list[str]:
    """Say in words, one entry a key, what keeps a state from fitting a network."""
    own = network.state_dict()
    found = [
        f"{key} has shape {tuple(state[key].shape)} where {tuple(own[key].shape)} is needed"
        for key in own
        if key in state and state[key].shape != own[key].shape
    ]
    found += [f"{key} is missing" for key in own if key not in state]
    found += [f"{key} is not expected" for key in state if key not in own]
    return found


def load(network: nn.Module, state: Mapping[str, Tensor], *, partial: bool = False) -> list[str]:
    """Put a state into a network.

    Args:
        network: Gets the tensors.
        state: Tensors by key.
        partial: Load what fits and leave the rest of the network as it is, as fine-tuning to other classes needs.

    Returns:
        What was not loaded, in words, one entry a key; empty without ``partial``.

    Raises:
        WeightsError: Something does not fit and ``partial`` is off, or nothing fits at all; or a weight is no finite
            number, so that nothing would ever be found.
    """
    wrong = mismatches(network, state)
    own = network.state_dict()
    fitting = {key: value for key, value in state.items() if key in own and value.shape == own[key].shape}
    if (wrong and not partial) or not fitting:
        kinds = [[line for line in wrong if f" {kind} " in f"{line} "] for kind in ("has", "missing", "expected")]
        shown = "; ".join(
            line
            if len(kind) <= LISTED or line != kind[LISTED - 1]
            else f"{line}; and {len(kind) - LISTED} more like this"
            for kind in kinds
            for line in kind[:LISTED]
        )
        raise WeightsError(
            f"The weights must fit the network in all {len(own)} keys; {len(fitting)} fit. {shown}. Say which variant "
            "they belong to, or take other weights."
        )
    lost = [key for key, value in fitting.items() if value.is_floating_point() and not value.isfinite().all()]
    if lost:
        raise WeightsError(
            f"Weights must be finite numbers; {lost[0]} and {len(lost) - 1} more of {len(fitting)} tensors hold NaN or "
            "infinity. The training diverged, or the file is damaged: take an earlier checkpoint."
        )
    network.load_state_dict(fitting, strict=not partial)
    return wrong
