"""Which processes train, and how they find each other: devices of this machine, and the machines of the job.

Source: Amazon SageMaker AI Developer Guide, "How Amazon SageMaker provides training information"; the variables that
``torch.distributed`` reads.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trackforge.errors import ConfigError, DataError
from trackforge_sagemaker.opt_ml import Resources

__all__ = ["PORT", "Placement", "gpus_here", "placed", "started_elsewhere"]

PORT = 7777
"""Where the first machine listens, as SageMaker's own drivers have it."""
PATIENCE = 300.0
"""Seconds within which the first machine must have an address."""


@dataclass(frozen=True)
class Placement:
    """The processes of a job.

    Attributes:
        processes: On this machine.
        gpus: Whether each has a GPU.
        ids: Which GPUs of the machine; empty for the first ones.
        machines: How many there are.
        rank: The number of this one.
        first: Address of the first one.
        interface: The network interface between them; empty for whichever.
    """

    processes: int = 1
    gpus: bool = False
    ids: tuple[str, ...] = ()
    machines: int = 1
    rank: int = 0
    first: str = "127.0.0.1"
    interface: str = ""

    @property
    def world(self) -> int:
        """Processes in all."""
        return self.processes * self.machines

    def variables(self, local: int, port: int) -> dict[str, str]:
        """Return what the environment of a process says of it.

        Args:
            local: Number of the process on this machine.
            port: Where the first process listens.
        """
        if self.world == 1:
            return {"CUDA_VISIBLE_DEVICES": ",".join(self.ids)} if self.ids else {}
        told = {
            "MASTER_ADDR": self.first,
            "MASTER_PORT": str(port),
            "NODE_RANK": str(self.rank),
            "GROUP_RANK": str(self.rank),
            "LOCAL_RANK": str(local),
            "RANK": str(self.rank * self.processes + local),
            "LOCAL_WORLD_SIZE": str(self.processes),
            "WORLD_SIZE": str(self.world),
        }
        if self.ids:
            told["CUDA_VISIBLE_DEVICES"] = ",".join(self.ids)
        if self.machines > 1 and self.interface in (name for _, name in socket.if_nameindex()):
            told |= {"NCCL_SOCKET_IFNAME": self.interface, "GLOO_SOCKET_IFNAME": self.interface}
        if "OMP_NUM_THREADS" not in os.environ:
            told["OMP_NUM_THREADS"] = str(max((os.cpu_count() or 1) // self.processes, 1))
        return told

    def port(self) -> int:
        """Return where the first process is to listen: one that is free, where all are on this machine."""
        told = os.environ.get("MASTER_PORT") or os.environ.get("SM_MASTER_PORT")
        if self.machines > 1 or told:
            return int(told or PORT)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    def wait_for_first(self, patience: float = PATIENCE) -> None:
        """Wait until the first machine has an address: names of other machines may be known late.

        Raises:
            DataError: It has none.
        """
        until = time.monotonic() + patience
        while True:
            try:
                socket.getaddrinfo(self.first, None)
            except OSError as error:
                if time.monotonic() > until:
                    raise DataError(
                        f"The first machine must have an address; {self.first!r} has none after {patience:.0f} s: "
                        f"{error}. Look at resourceconfig.json and the network of the job."
                    ) from error
                time.sleep(1)
            else:
                return


def gpus_here(environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return which GPUs this machine gives, by number or name; loads nothing."""
    told = os.environ if environment is None else environment
    visible = told.get("CUDA_VISIBLE_DEVICES")
    names = tuple(one.strip() for one in (visible or "").split(",") if one.strip() not in ("", "-1"))
    if told.get("SM_NUM_GPUS", "").isdecimal():
        many = int(told["SM_NUM_GPUS"])
        return names if len(names) == many else tuple(map(str, range(many)))
    if visible is not None:
        return names
    numbers = (path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia*"))
    return tuple(map(str, range(sum(one.isdecimal() for one in numbers))))


def placed(
    resources: Resources, here: Sequence[str], *, asked: int | None, ids: tuple[str, ...], processes: int
) -> Placement:
    """Return the processes of a job.

    Args:
        resources: Its machines.
        here: The GPUs that each has.
        asked: How many of them are wanted; None for all.
        ids: Which, where the job names them.
        processes: Of each machine, where there is no GPU to use.

    Raises:
        ConfigError: More GPUs are wanted than there are, or others.
    """
    gpus = len(here)
    if gpus and (asked or 0) > gpus:
        raise ConfigError(
            f"Hyperparameter gpus must be at most what a machine has, {gpus}; got {asked}. Take another instance type, "
            "or leave it out: all are used."
        )
    absent = [one for one in ids if one not in here]
    if gpus and absent:
        raise ConfigError(
            f"Hyperparameter gpus must name GPUs that a machine has, {','.join(here)}; got {','.join(ids)[:80]}. Say "
            f"how many instead, gpus={len(ids)}, or leave it out: all are used."
        )
    used = gpus if asked is None else min(asked, gpus)
    return Placement(
        processes=used or processes,
        gpus=used > 0,
        ids=ids if used else (),
        machines=len(resources.hosts),
        rank=resources.rank,
        first=resources.hosts[0] if len(resources.hosts) > 1 else "127.0.0.1",
        interface=resources.interface,
    )


def started_elsewhere(environment: Mapping[str, str] | None = None) -> Placement | None:
    """Return the processes of a job whose processes somebody else starts, torchrun or MPI with its variables."""
    told = os.environ if environment is None else environment
    if not all(told.get(name, "").isdecimal() for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")):
        return None
    here = int(told.get("LOCAL_WORLD_SIZE") or 1)
    machines = max(int(told["WORLD_SIZE"]) // here, 1)
    return Placement(
        processes=here, gpus=bool(gpus_here(told)), machines=machines, rank=int(told["RANK"]) // here,
        first=told.get("MASTER_ADDR", "127.0.0.1"),
    )  # fmt: skip
