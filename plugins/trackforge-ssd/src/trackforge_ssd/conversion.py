"""Parameters between the names and shapes of each dialect and ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from trackforge.errors import WeightsError
from trackforge.intake.limits import check_limit
from trackforge.models import Given
from trackforge_ssd.layout import Variant
from trackforge_ssd.names import dialect_names
from trackforge_ssd.variants import variant

if TYPE_CHECKING:
    from torch import Tensor

    from trackforge_ssd.model import SSD

__all__ = [
    "Arrays",
    "check_variant",
    "class_count",
    "divisor_suffix",
    "foreign",
    "from_dialect",
    "load_state",
    "to_dialect",
    "usual_names",
]

Arrays = Mapping[str, npt.NDArray[Any]]


def load_state(v: Variant, classes: int, state: Mapping[str, Tensor]) -> SSD:
    """Make a network and put a state into it, in evaluation mode.

    What is announced must be there before memory is taken for it.

    Raises:
        WeightsError: It does not fit.
    """
    import torch

    from trackforge.models.checkpoints import load, mismatches
    from trackforge_ssd.model import SSD

    with torch.device("meta"):
        network = SSD(v, classes)
    if not mismatches(network, state):
        network = SSD(v, classes)
    load(network, state)
    return network.eval()


def from_dialect(v: Variant, classes: int, arrays: Arrays, path: Path) -> SSD:
    """Make a network and put arrays into it, by the dialect's names; in evaluation mode.

    Raises:
        WeightsError: They do not fit it.
    """
    import torch

    from trackforge_ssd.model import SSD

    check_limit("classes", classes, "The number of classes", path=path)
    with torch.device("meta"):
        own = SSD(v, classes).state_dict()
    ours = {name: key for key, name in dialect_names(v).items()}
    state = {key: torch.zeros(()).to(value.dtype) for key, value in own.items() if key.endswith("num_batches_tracked")}
    for name, value in arrays.items():
        key = ours.get(name, name)
        made = torch.from_numpy(np.array(value, np.float32))
        # Scales of channels are (1, C, 1, 1) in MXNet.
        is_scale = key.endswith("scale") and key in own and own[key].numel() == made.numel()
        state[key] = made.reshape(-1) if is_scale else made
    try:
        return load_state(v, classes, state)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error


def to_dialect(network: SSD) -> dict[str, npt.NDArray[np.float32]]:
    """Return the parameters of a network by the dialect's names, in its shapes."""
    theirs = dialect_names(network.variant)
    out = {}
    for key, value in network.state_dict().items():
        if key not in theirs:
            continue
        array = value.detach().cpu().numpy()
        if key in ("backbone.norm.scale", "backbone.input_scale") and network.variant.dialect != "torchvision":
            array = array.reshape(1, -1, 1, 1)
        out[theirs[key]] = np.ascontiguousarray(array)
    return out


def check_variant(given: Given, v: Variant) -> None:
    """Refuse weights of another variant than the user says."""
    if given.variant is not None and variant(given.variant).name != v.name:
        raise WeightsError(f"The weights are of {v.name}, not {given.variant}. Leave variant out, or take others.")


def class_count(arrays: Arrays, name: str, v: Variant, path: Path) -> int:
    """Return the number of classes, from the first prediction's bias."""
    channels, count = (len(arrays[name]) if name in arrays else 0), v.levels[0].count
    if channels % count or channels < 2 * count:
        raise WeightsError(
            f"{path} must predict a background and classes for each of {count} anchors; {name} has {channels} numbers. "
            "It is damaged, or of another model."
        )
    return channels // count - 1


def usual_names(v: Variant, classes: int) -> tuple[str, ...]:
    """Return the names of the published weights with that many classes; anchors alone do not tell the two apart."""
    if len(v.classes) == classes or v.dialect != "gluoncv":
        return v.classes
    other = v.name.replace("-coco", "-voc") if "-coco" in v.name else v.name.replace("-voc", "-coco")
    return variant(other).classes


def divisor_suffix(first: npt.NDArray[Any]) -> str:
    """Return how a variant's name ends, from the weights ``(K, 3, ...)`` of its first layer, of 64 channels over K."""
    divisor = 64 // max(len(first), 1)
    return f"/{divisor}" if divisor > 1 else ""


def foreign(path: Path, arrays: Mapping[str, Any]) -> str:
    """Return the message for weights of another model."""
    first = ", ".join(list(arrays)[:3]) or "nothing"
    return (
        f"{path} must hold an SSD of SageMaker, GluonCV (VGG-16, ResNet-50) or torchvision; it holds {len(arrays)} "
        f"arrays: {first}, ... It belongs to another model."
    )
