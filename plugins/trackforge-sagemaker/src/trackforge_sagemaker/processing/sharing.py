"""Which host of a job looks at what: together at everything, and at nothing twice.

Amazon S3 data come to the hosts in one of two ways, which the job's configuration says of every input
(``S3DataDistributionType``): ``FullyReplicated``, each host has all files, and host k of n takes every n-th sequence of
their sorted names; ``ShardedByS3Key``, each host has files that no other has, and takes them all. In the second way
the pictures of one folder are dealt out among the hosts: no host has the sequence, so it is refused.

Source: Amazon SageMaker AI Developer Guide, "Processing Container"; API reference, ``ProcessingS3Input``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from trackforge.errors import SourceError
from trackforge_sagemaker.opt_ml import OptMl
from trackforge_sagemaker.processing.inputs import Item

__all__ = ["check_whole", "share"]

BASE = "/opt/ml"
SHARDED = "ShardedByS3Key"


def share(items: Sequence[Item], ml: OptMl, sharding: Literal["auto", "shared", "own"] = "auto") -> list[Item]:
    """Return what this host looks at.

    Args:
        items: All that it sees, sorted by name.
        ml: What the job says of its hosts and inputs.
        sharding: Whether the sequences are shared out, or each host's own; auto, as the job's inputs say.

    Raises:
        DataError: The job's configuration is malformed.
    """
    hosts, rank = len(ml.hosts), ml.rank
    if hosts == 1:
        return list(items)
    own = [sharding == "own" or (sharding == "auto" and _is_sharded(item.path, ml)) for item in items]
    common = [item for item, is_own in zip(items, own, strict=True) if not is_own]
    mine = {item.name for item in common[rank::hosts]}
    return [item for item, is_own in zip(items, own, strict=True) if is_own or item.name in mine]


def check_whole(item: Item, ml: OptMl) -> None:
    """Refuse a sequence of which other hosts have a part.

    Raises:
        SourceError: It is a folder, and its files were dealt out among several hosts.
    """
    if item.kind != "video" and len(ml.hosts) > 1 and _is_sharded(item.path, ml):
        raise SourceError(
            f"A folder of pictures must be whole on one host; the files of {item.name} are dealt out among "
            f"{len(ml.hosts)} hosts ({SHARDED}). Give the input S3DataDistributionType FullyReplicated."
        )


def _is_sharded(path: Path, ml: OptMl) -> bool:
    """Tell how the input that a path lies in was distributed; of inputs in one another the inner one counts."""
    deepest, found = -1, False
    for place, distribution in _inputs(ml):
        if (path == place or place in path.parents) and len(place.parts) > deepest:
            deepest, found = len(place.parts), distribution == SHARDED
    return found


def _inputs(ml: OptMl) -> list[tuple[Path, str]]:
    """Return where each input of the job lies, and how it came there."""
    found = []
    for one in ml.processing_job.get("ProcessingInputs") or ():
        for kind, key in (("S3Input", "S3DataDistributionType"), ("DatasetDefinition", "DataDistributionType")):
            said: Any = one.get(kind) if isinstance(one, Mapping) else None
            if isinstance(said, Mapping) and isinstance(said.get("LocalPath"), str):
                place = Path(said["LocalPath"])
                inside = place.is_relative_to(BASE)
                found.append((ml.root / place.relative_to(BASE) if inside else place, str(said.get(key) or "")))
    return found
