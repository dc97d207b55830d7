"""What subcommands that make jobs share: machines, data, settings, as flags; and what is made of them."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from trackforge.cli.flags import split
from trackforge.config import setting
from trackforge.errors import ConfigError, DataError
from trackforge_sagemaker import requests
from trackforge_sagemaker.control.aws import Aws, AwsRun
from trackforge_sagemaker.control.imaging import default_image, flavour_of
from trackforge_sagemaker.control.moving import check_whole, local_or_place
from trackforge_sagemaker.requests.sizes import current

__all__ = ["MACHINES", "JobRun", "TrainingChoices", "assignments", "read_channels", "size"]

MACHINES = ("instance", "count", "volume", "hours", "spot", "warm", "subnets", "groups", "isolated")
"""What stands below "Machines" on help pages."""
_ELSEWHERE = "Write it with them, 'trackforge data convert --to {0} --images copy', or stage it with --to {0}."


@dataclasses.dataclass(frozen=True, kw_only=True)
class JobRun(AwsRun):
    """What every job is told."""

    name: str = setting("", help="What follows the project in the job's name; then come time and chance.")
    image: str = setting("", help="Address of the image; that of 'trackforge sagemaker push' without one.")
    instance: str = setting("ml.g5.xlarge", help="Size of the machines; a retired one is replaced.")
    count: int = setting(1, minimum=1, help="How many machines.")
    volume: int = setting(50, minimum=1, help="Disk of each.", unit="GB")
    hours: float = setting(24.0, above=0, help="How long it may run.", unit="h")
    environment: tuple[str, ...] = setting(
        (), flags=("--environment", "-e"), help="Variable of the container, NAME=VALUE."
    )
    subnets: tuple[str, ...] = setting((), commas=True, help="Of a private network.")
    groups: tuple[str, ...] = setting((), commas=True, help="Security groups of the private network.")
    isolated: bool = setting(False, help="The container reaches no network.")
    key: str = setting("", help="KMS key of disks and outputs.")

    def unique(self, aws: Aws, *, most: int = 63) -> str:
        """Return a name for the job: the project's first, for rights are given by it."""
        return requests.unique_name(f"{aws.project}-{self.name}" if self.name else aws.project, most=most)

    @property
    def network(self) -> requests.Network | None:
        """Where the machines stand; None where nothing was said."""
        if not (self.subnets or self.groups or self.isolated):
            return None
        return requests.Network(subnets=split(self.subnets), groups=split(self.groups), isolated=self.isolated)

    def of_image(self, aws: Aws) -> str:
        """Return the image: the one said, or the project's, for GPUs if the machines have some."""
        return self.image or default_image(aws, flavour_of(size(aws, self.instance)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingChoices(JobRun):
    """What a training and a tuning are told alike."""

    trainer: str = setting("", help="Who trains: yolox, fairmot, ssd, ...; or object-detection, the built-in.")
    channels: tuple[str, ...] = setting(
        (), flags=("--channel",), help="Data, NAME=PLACE: s3://..., a folder or file, or what stage called it."
    )
    mode: Literal["File", "FastFile", "Pipe"] = setting("File", help="How data come.")
    attributes: tuple[str, ...] = setting(
        (), commas=True, help="Of manifests: names in a line, the picture's first. Channels are read as manifests then."
    )
    hyperparameters: tuple[str, ...] = setting(
        (), flags=("--hyperparameter", "-H"), help="Setting of the training, NAME=VALUE: train.epochs=30."
    )
    spot: bool = setting(False, help="Take spare machines, cheaper and interrupted; checkpoints are kept.")
    checkpoints: str = setting("", help="Where checkpoints lie; below checkpoints/ with --spot and without this.")
    warm: float = setting(0.0, minimum=0, maximum=60, help="Keep the machines for the next job.", unit="min")

    def values(self) -> dict[str, Any]:
        """Return the hyperparameters that were said."""
        return dict(assignments(self.hyperparameters, "--hyperparameter"))


def assignments(given: Iterable[str], flag: str) -> list[tuple[str, str]]:
    """Return ``NAME=VALUE`` taken apart.

    >>> assignments(["train=s3://mot/a=b"], "--channel")
    [('train', 's3://mot/a=b')]

    Raises:
        ConfigError: One has no ``=``, or a name comes twice.
    """
    found: list[tuple[str, str]] = []
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"{flag} must be NAME=VALUE; got {one!r}.")
        if name.strip() in (known for known, _ in found):
            raise ConfigError(f"{flag} must be said once for {name.strip()!r}; it came twice.")
        found.append((name.strip(), value))
    return found


def read_channels(aws: Aws, job: TrainingChoices) -> list[dict[str, Any]]:
    """Return the channels of a job; local data are copied to the bucket first.

    Raises:
        ConfigError: There is none, or one is no NAME=PLACE.
        AwsError: A copy failed.
    """
    given = assignments(job.channels, "--channel")
    if not given:
        raise ConfigError("A training must have data; give --channel train=PLACE.")
    attributes = split(job.attributes)
    made = []
    for name, where in given:
        if Path(where).is_dir():
            with contextlib.suppress(DataError):  # a set that only the job's own settings read
                check_whole(Path(where), "", _ELSEWHERE)
        place = local_or_place(aws, where, "data")
        if attributes and place.endswith((".manifest", ".jsonl")):
            made.append(requests.manifest_channel(name, place, attributes))
        else:
            weights = name in ("model", "pretrain", "pretrained", "weights")
            made.append(requests.channel(name, place, mode="File" if weights else job.mode))
    return made


def size(aws: Aws, asked: str) -> str:
    """Return a size that can be had; say where it is another than was asked for."""
    now, note = current(asked)
    if note:
        aws.say(note)
    return now
