"""A processing job, declared once: what `trackforge-sagemaker process` takes beside the settings of tracking.

A name is a flag ``--on-failure any``, an environment variable ``TRACKFORGE_PROCESS_ON_FAILURE=any``, or the same in the
``Environment`` and ``ContainerArguments`` of the job. Whatever `trackforge.runs.TrackingRun` knows, and what analytics
are told (`trackforge.runs.measuring`), is told the same way: ``--conf 0.4``, ``--line "door=50%,0 50%,100%"``,
``--tracker.min-hits 3``, ``TRACKFORGE_PROCESS_TRACKER__MIN_HITS=3``.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

from trackforge.config import check, setting
from trackforge.errors import ConfigError
from trackforge_sagemaker.processing.places import FORMATS

__all__ = ["ProcessingRun"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProcessingRun:
    """Where a job reads and writes, what it writes, and when it fails.

    Raises:
        ConfigError: A setting is wrong.
    """

    input: Path | None = setting(
        None, help="Videos, folders of pictures and MOT sequences, nested; without it, processing/input."
    )
    output: Path | None = setting(None, help="Folder of the results; without it, processing/output.")
    model: Path | None = setting(
        None, help="Folder or file of the model, model.tar.gz among them; without it, what lies in processing/model."
    )
    config: Path | None = setting(
        None, help="TOML file with settings of tracking, as trackforge track --config takes it."
    )
    formats: tuple[str, ...] = setting(
        ("mot",), commas=True, help=f"What is written of every sequence: {', '.join(FORMATS)}."
    )
    sharding: Literal["auto", "shared", "own"] = setting(
        "auto",
        help="With several hosts: share the sequences out, or take all, since every host has files of its own; auto: "
        "as the S3DataDistributionType of the input says.",
    )
    on_failure: Literal["all", "any"] = setting(
        "all",
        help="The job fails where all sequences failed (with one host), or where any did; the others are done anyway.",
    )
    resume: bool = setting(
        True, help="Keep results of an earlier run that are whole and of the same input and settings."
    )
    progress: float = setting(30.0, above=0, unit="s", help="Time between two lines that say how far a sequence is.")

    def __post_init__(self) -> None:
        check(self)
        unknown = [name for name in self.formats if name not in FORMATS]
        if unknown or not self.formats:
            raise ConfigError(
                f"formats must be some of {', '.join(FORMATS)}; got {', '.join(unknown) or 'none'}. Name one: "
                "--formats mot,video."
            )
