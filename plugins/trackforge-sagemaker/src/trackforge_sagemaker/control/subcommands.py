"""What there is below ``trackforge sagemaker``: one row each, nothing imported.

A subcommand is what `trackforge_sagemaker.control.declaring.subcommand` returns, in a module of this package.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SUBCOMMANDS", "Subcommand"]


@dataclass(frozen=True)
class Subcommand:
    """One subcommand.

    Attributes:
        name: What people write.
        target: Module of this package and name in it, ``"deploy:deploy"``.
        group: Heading that it stands below.
        help: One sentence.
    """

    name: str
    target: str
    group: str
    help: str


SUBCOMMANDS = (
    Subcommand(
        "setup", "setting_up:setup", "Prepare", "Make bucket and role, look up quotas; print the rights needed."
    ),
    Subcommand("stage", "staging:stage", "Prepare", "Fetch, convert and copy a data set to the bucket."),
    Subcommand("build", "imaging:build", "Prepare", "Build the image with Docker."),
    Subcommand("push", "imaging:push", "Prepare", "Put the image into the account's registry."),
    Subcommand("train", "training:train", "Jobs", "Start a training job."),
    Subcommand("tune", "tuning:tune", "Jobs", "Start a search over trainings."),
    Subcommand("retrain-best", "tuning:retrain_best", "Jobs", "Train a tuning's best values on all the data."),
    Subcommand("process", "processing:process", "Jobs", "Track films as a processing job."),
    Subcommand("label", "labelling:label", "Jobs", "Start, watch, stop and fetch labelling jobs."),
    Subcommand(
        "jumpstart", "jumpstarting:jumpstart", "Prepare", "Look a model of JumpStart up; make it ready to deploy."
    ),
    Subcommand("choose", "choosing:choose", "Prepare", "Say which of SageMaker's ways of serving fits, and why."),
    Subcommand("deploy", "deploying:deploy", "Serve", "Make or update an endpoint: real-time, asynchronous, ..."),
    Subcommand("track", "tracking:track", "Serve", "Track films and cameras by an endpoint."),
    Subcommand("curl", "curling:curl", "Serve", "Show, or carry out, an invocation by curl."),
    Subcommand("wait", "waiting:wait", "Watch", "Wait for a job, an endpoint or an asynchronous result."),
    Subcommand("logs", "reading_logs:logs", "Watch", "Show what a job or endpoint writes."),
    Subcommand("delete", "deleting:delete", "Watch", "List, and take away, everything that a project made."),
)
