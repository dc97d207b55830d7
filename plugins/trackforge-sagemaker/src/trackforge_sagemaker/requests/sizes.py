"""Sizes of machines: what they have, which retired ones became which, and what serverless endpoints may have.

botocore goes on listing sizes that AWS retired, so a request for one passes every check and fails in the account.

Source: Amazon EC2 instance types (accelerated computing, compute optimised, general purpose), AWS; Amazon SageMaker AI
Developer Guide, "Serverless Inference".
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from trackforge.errors import ConfigError, did_you_mean

__all__ = ["RETIRED", "SERVERLESS", "SIZES", "Machine", "current", "in_use", "machine", "serverless_memory"]


@dataclass(frozen=True)
class Machine:
    """What a size has.

    Attributes:
        name: As SageMaker calls it.
        cpus: Virtual CPUs.
        memory: GiB.
        gpus: How many GPUs.
        gpu: Their kind; empty without one.
        gpu_memory: GB of each.
    """

    name: str
    cpus: int
    memory: int
    gpus: int = 0
    gpu: str = ""
    gpu_memory: int = 0

    def __str__(self) -> str:
        gpus = f", {self.gpus} x {self.gpu} with {self.gpu_memory} GB" if self.gpus else ", no GPU"
        return f"{self.name}: {self.cpus} CPUs, {self.memory} GiB{gpus}"


def _family(family: str, rows: Mapping[str, tuple[int, ...]], gpu: str = "", gpu_memory: int = 0) -> dict[str, Machine]:
    made = {}
    for size, (cpus, memory, *gpus) in rows.items():
        name = f"ml.{family}.{size}"
        count = gpus[0] if gpus else 0
        made[name] = Machine(name, cpus, memory, count, gpu if count else "", gpu_memory if count else 0)
    return made


_G = {
    "xlarge": (4, 16, 1), "2xlarge": (8, 32, 1), "4xlarge": (16, 64, 1), "8xlarge": (32, 128, 1),
    "12xlarge": (48, 192, 4), "16xlarge": (64, 256, 1), "24xlarge": (96, 384, 4), "48xlarge": (192, 768, 8),
}  # fmt: skip
_C = {"xlarge": (4, 8), "2xlarge": (8, 16), "4xlarge": (16, 32)}
_M = {"large": (2, 8), "xlarge": (4, 16), "2xlarge": (8, 32), "4xlarge": (16, 64)}
SIZES: Mapping[str, Machine] = {
    **_family("g4dn", {k: v for k, v in _G.items() if k not in ("24xlarge", "48xlarge")}, "T4", 16),
    **_family("g5", _G, "A10G", 24),
    **_family("g6", _G, "L4", 24),
    **_family("g6e", {k: (v[0], 2 * v[1], v[2]) for k, v in _G.items()}, "L40S", 48),
    **_family("p4d", {"24xlarge": (96, 1152, 8)}, "A100", 40),
    **_family("p4de", {"24xlarge": (96, 1152, 8)}, "A100", 80),
    **_family("p5", {"4xlarge": (16, 256, 1), "48xlarge": (192, 2048, 8)}, "H100", 80),
    **_family("p5en", {"48xlarge": (192, 2048, 8)}, "H200", 141),
    **_family("m5", _M), **_family("m6i", _M), **_family("m7i", _M),
    **_family("c5", _C), **_family("c6i", _C), **_family("c7i", _C),
}  # fmt: skip
"""Sizes that a tracker asks for; SageMaker has many more, and none is refused for standing outside this table."""
RETIRED: Mapping[str, str] = {
    "ml.p2.xlarge": "ml.g4dn.xlarge", "ml.p2.8xlarge": "ml.g5.48xlarge", "ml.p2.16xlarge": "ml.g5.48xlarge",
    "ml.p3.2xlarge": "ml.g5.2xlarge", "ml.p3.8xlarge": "ml.g5.12xlarge", "ml.p3.16xlarge": "ml.g5.48xlarge",
    "ml.p3dn.24xlarge": "ml.p4d.24xlarge",
}  # fmt: skip
"""What is no longer to be had, and what to take in its place: as many GPUs (but 8 for 16), none with less memory."""
SERVERLESS = (1024, 2048, 3072, 4096, 5120, 6144)
"""MB that a serverless endpoint may have. It has no GPU, and takes bodies of at most 4 MB."""


def machine(name: str) -> Machine | None:
    """Return what a size has; None where the table does not know it.

    >>> print(machine("ml.g5.xlarge"))
    ml.g5.xlarge: 4 CPUs, 16 GiB, 1 x A10G with 24 GB
    """
    return SIZES.get(name)


def current(name: str) -> tuple[str, str]:
    """Return a size that can be had, and a note where it is not the one that was asked for.

    Args:
        name: Such as ``ml.p3.2xlarge``; ``p3.2xlarge`` is meant as well.

    >>> current("ml.p3.2xlarge")[0], current("g5.xlarge")
    ('ml.g5.2xlarge', ('ml.g5.xlarge', ''))

    Raises:
        ConfigError: It cannot be the name of a size.
    """
    asked = name if name.startswith("ml.") else f"ml.{name}"
    if asked.count(".") != 2 or not all(asked.split(".")):
        raise ConfigError(f"A size must be ml.FAMILY.SIZE; got {name!r}.{did_you_mean(asked, SIZES)}")
    if asked not in RETIRED:
        return asked, ""
    now = RETIRED[asked]
    return now, f"{asked} is retired; {SIZES[now]} takes its place."


def in_use(name: str) -> str:
    """Return a size that can be had; warn where it is not the one that was asked for."""
    now, note = current(name)
    if note:
        warnings.warn(note, stacklevel=3)
    return now


def serverless_memory(megabytes: int) -> int:
    """Return the memory of a serverless endpoint.

    Raises:
        ConfigError: It is none that serverless endpoints have.
    """
    if megabytes not in SERVERLESS:
        listed = ", ".join(map(str, SERVERLESS))
        raise ConfigError(
            f"A serverless endpoint must have {listed} MB; got {megabytes}. It has no GPU; what needs more, or one, is "
            "for a real-time or an asynchronous endpoint."
        )
    return megabytes
