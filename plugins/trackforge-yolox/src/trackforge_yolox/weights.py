"""Find, download, read and check weights.

Source: names and addresses of Megvii-BaseDetection/YOLOX, release 0.1.1rc0 (Apache-2.0).
"""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from trackforge.errors import InvalidInputError, SourceError, WeightsError, did_you_mean
from trackforge.io.fetch import Progress, cache_folder, fetch, verify
from trackforge_yolox.card import KEY, ModelCard
from trackforge_yolox.variants import VARIANTS

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["RELEASE", "Checkpoint", "download_url", "load", "mismatches", "read_checkpoint", "resolve"]

RELEASE = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0"
LISTED = 3


def download_url(name: str, suffix: Literal[".pth", ".onnx"]) -> str:
    """Return the address of the official file of a ``yolox-*`` variant."""
    return f"{RELEASE}/{name.replace('darknet53', 'darknet').replace('-', '_')}{suffix}"


def resolve(weights: str, *, suffix: Literal[".pth", ".onnx"], progress: Progress | None = None) -> Path:
    """Return the file that ``weights`` stands for, downloading it on first use where it is the name of a variant.

    Raises:
        WeightsError: There is no such file or name, the download failed, or the cached file is damaged.
    """
    if weights not in VARIANTS:
        path = Path(weights).expanduser()
        if path.is_file():
            return path
        raise WeightsError(
            f"weights must be a file or a published name; there is no file {weights!r}."
            f"{did_you_mean(weights, VARIANTS)} Names: {', '.join(VARIANTS)}."
        )
    folder = cache_folder() / "yolox"
    try:
        if weights.startswith("bytetrack-"):  # published on a drive that gives no lasting addresses
            path = folder / f"{weights.replace('-', '_')}_mot17.pth.tar"
            if not path.is_file():
                raise WeightsError(
                    f"The weights {weights!r} cannot be downloaded by a program. Get the file linked in the model zoo "
                    f"of https://github.com/ifzhang/ByteTrack and put it at {path}."
                )
            verify(path)
            return path
        url = download_url(weights, suffix)
        return fetch(url, folder / url.rpartition("/")[2], progress=progress)
    except (SourceError, InvalidInputError) as error:
        raise WeightsError(str(error)) from error


class Checkpoint(NamedTuple):
    """A checkpoint as read: tensors by official key, and what the file says about itself, if anything."""

    state: dict[str, Tensor]
    card: ModelCard | None


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a torch checkpoint onto the CPU; nothing but tensors and plain values is unpickled.

    Takes ``{"model": state}`` (official), ``{"state_dict": state}`` or the bare state; a ``module.`` prefix, as left by
    data-parallel training, is dropped.

    Raises:
        WeightsError: It cannot be read, or holds no tensors.
    """
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch wonders about odd pickles before it refuses them
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"{path} must be a torch checkpoint; {first}. Get the file anew.") from error
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
    return Checkpoint(state, card)


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
        WeightsError: Something does not fit and ``partial`` is off, or nothing fits at all.
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
    network.load_state_dict(fitting, strict=not partial)
    return wrong
