"""A subcommand from its declaration: flags = TOML = environment, as core's commands are made."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from trackforge.cli.flags import Words, command
from trackforge.config import describe, setting
from trackforge.runs.layers import Layer, from_environment, options
from trackforge_sagemaker.control.aws import Aws, AwsRun

__all__ = ["AWS_GROUP", "AwsWords", "layered", "subcommand"]

Job = TypeVar("Job", bound=AwsRun)
AWS_GROUP = ("project", "region", "profile", "bucket", "role", "account", "dry_run")
"""What every subcommand takes; its heading on the help page is AWS."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AwsWords(Words):
    """What every subcommand takes beside the job."""

    set: tuple[str, ...] = setting((), flags=(), help="Not used.")
    json: bool = setting(False, help="Print one JSON document.")
    quiet: bool = setting(False, flags=("--quiet", "-q"), help="Print the name of what was made, if anything.")
    dry_run: bool = setting(False, help="Show every request as JSON, and make none.")


def subcommand(
    name: str,
    declaration: type[Job],
    do: Callable[[Aws, Job, Any], int],
    *,
    first: str = "",
    groups: Mapping[str, Sequence[str]] | None = None,
    words: type[AwsWords] = AwsWords,
) -> Callable[..., int]:
    """Return what cyclopts makes a command of: ``trackforge sagemaker NAME``.

    Args:
        name: Of the subcommand.
        declaration: Of the job.
        do: Gets AWS, the job and the words; returns the exit code.
        first: The setting that stands without a flag; every word if it is a list.
        groups: Settings by heading of the help page; what none names stands under "Run".
        words: What is no part of the job.
    """

    def begun(layers: list[Layer], said: Any) -> int:
        job = options(declaration, layers)
        return do(Aws(job, dry_run=said.dry_run, as_json=said.json, quiet=said.quiet), job, said)

    return layered(name, declaration, begun, first=first, groups=groups, words=words)


def layered(
    name: str,
    declaration: type[AwsRun],
    do: Callable[[list[Layer], Any], int],
    *,
    first: str = "",
    groups: Mapping[str, Sequence[str]] | None = None,
    words: type[Words] = AwsWords,
) -> Callable[..., int]:
    """As `subcommand`, for jobs that name components: ``do`` gets what all places say, from weak to strong."""

    def begun(layers: list[Layer], said: Any) -> int:
        return do([*_shared(declaration), *layers], said)

    heads = {**(groups or {}), "AWS": AWS_GROUP}
    made = command(f"sagemaker_{name.replace('-', '_')}", declaration, words, begun, first=first, groups=heads)
    made.__name__ = name
    return made


def _shared(declaration: type[AwsRun]) -> list[Layer]:
    """Read ``TRACKFORGE_SAGEMAKER_PROJECT=street``, which is for all subcommands; weaker than what names one."""
    known = {f"TRACKFORGE_SAGEMAKER_{one.name.upper()}" for one in describe(AwsRun)}
    given = {key: value for key, value in os.environ.items() if key in known}
    return from_environment(declaration, "sagemaker", given)
