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
    Subcommand("choose", "choosing:choose", "Prepare", "Say which of SageMaker's ways of serving fits, and why."),
    Subcommand("deploy", "deploying:deploy", "Serve", "Make or update an endpoint: real-time, asynchronous, ..."),
    Subcommand("track", "tracking:track", "Serve", "Track films and cameras by an endpoint."),
    Subcommand("curl", "curling:curl", "Serve", "Show, or carry out, an invocation by curl."),
    Subcommand("wait", "waiting:wait", "Watch", "Wait for a job, an endpoint or an asynchronous result."),
    Subcommand("logs", "reading_logs:logs", "Watch", "Show what a job or endpoint writes."),
    Subcommand("delete", "deleting:delete", "Watch", "List, and take away, everything that a project made."),
)
