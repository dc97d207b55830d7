"""Where machines stand: in a private network (VPC) or not, cut off from everything or not.

Source: Amazon SageMaker API Reference, ``VpcConfig``, ``NetworkConfig``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trackforge.errors import ConfigError

__all__ = ["Network"]


@dataclass(frozen=True, kw_only=True)
class Network:
    """Where a job's or a model's machines stand.

    Attributes:
        subnets: Of a private network, at most 16; empty for none.
        groups: Its security groups, at most 5.
        isolated: Whether the container reaches nothing; SageMaker brings and takes its data then too. Our image needs
            no network.
        encrypted: Whether what machines of a job say to each other is encrypted, which costs time.

    Raises:
        ConfigError: Subnets came without groups, or the other way round, or too many.
    """

    subnets: Sequence[str] = ()
    groups: Sequence[str] = ()
    isolated: bool = False
    encrypted: bool = False

    def __post_init__(self) -> None:
        if bool(self.subnets) != bool(self.groups) or len(self.subnets) > 16 or len(self.groups) > 5:
            raise ConfigError(
                "A private network must have 1 to 16 subnets and 1 to 5 security groups; got "
                f"{len(self.subnets)} and {len(self.groups)}."
            )

    @property
    def vpc(self) -> dict[str, Any]:
        """The member ``VpcConfig`` with its content; nothing without a private network."""
        if not self.subnets:
            return {}
        return {"VpcConfig": {"Subnets": list(self.subnets), "SecurityGroupIds": list(self.groups)}}

    def of_training(self) -> dict[str, Any]:
        """Return the members of a training's request."""
        made = {**self.vpc, "EnableNetworkIsolation": self.isolated}
        return made | {"EnableInterContainerTrafficEncryption": self.encrypted}

    def of_processing(self) -> dict[str, Any]:
        """Return the members of a processing job's request."""
        return {"NetworkConfig": self.of_training()}

    def of_model(self) -> dict[str, Any]:
        """Return the members of a model's request."""
        return {**self.vpc, "EnableNetworkIsolation": self.isolated}
