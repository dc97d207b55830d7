"""AWS as the subcommands see it: one project in one region, called through one place, which can also only show.

>>> aws = Aws(AwsRun(project="street", region="eu-west-1", account="123456789012"), dry_run=True)
>>> aws.bucket, aws.role
('street-eu-west-1-123456789012', 'arn:aws:iam::123456789012:role/street-sagemaker')
"""

from __future__ import annotations

import dataclasses
import functools
import json
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trackforge.cli.printing import put
from trackforge.config import check as check_settings
from trackforge.config import setting
from trackforge.errors import ConfigError
from trackforge.intake.addresses import without_secrets
from trackforge_sagemaker.client.connecting import client, region_of, session
from trackforge_sagemaker.client.failures import explaining
from trackforge_sagemaker.client.places import split_place
from trackforge_sagemaker.requests import bucket_name, check, project_tags

__all__ = ["EXAMPLE_ACCOUNT", "Aws", "AwsRun"]

log = logging.getLogger("trackforge.sagemaker")
EXAMPLE_ACCOUNT = "111122223333"
"""Stands where a dry run does not know the account."""
_PROJECT = re.compile(r"[a-z0-9](?:-?[a-z0-9]){0,23}")
_ACCOUNT = re.compile(r"\d{12}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AwsRun:
    """What every subcommand takes: which project, where, as whom."""

    project: str = setting(
        "trackforge", help="Name of what belongs together: begins all names, and is the tag that delete looks for."
    )
    region: str | None = setting(None, help="Region; that of AWS_REGION or the profile where it is not given.")
    profile: str | None = setting(None, help="Profile of ~/.aws/config.")
    bucket: str | None = setting(None, help="Bucket; PROJECT-REGION-ACCOUNT where it is not given.")
    role: str | None = setting(
        None, help="Role that jobs and endpoints act as, its name or ARN; PROJECT-sagemaker where it is not given."
    )
    account: str | None = setting(None, help="Number of the account; asked of STS where it is not given.")

    def __post_init__(self) -> None:
        check_settings(self)
        if not _PROJECT.fullmatch(self.project):
            raise ConfigError(
                "project must be at most 24 small letters, digits and single hyphens, as buckets' names begin with it; "
                f"got {self.project!r}."
            )
        if self.account is not None and not _ACCOUNT.fullmatch(self.account):
            raise ConfigError(f"account must be 12 digits; got {self.account!r}.")


class Aws:
    """Makes calls for one subcommand, or shows them.

    Args:
        run: Project, region and so on.
        dry_run: Show every call as JSON in place of making it.
        as_json: Print one JSON document at the end: requests, or what came of it.
        quiet: Print nothing else but the name of what was made.
    """

    def __init__(self, run: AwsRun, *, dry_run: bool = False, as_json: bool = False, quiet: bool = False) -> None:
        self.run, self.dry_run, self.as_json, self.quiet = run, dry_run, as_json, quiet
        self.shown: list[dict[str, Any]] = []
        self._clients: dict[str, Any] = {}

    @property
    def project(self) -> str:
        """Name of what belongs together."""
        return self.run.project

    @functools.cached_property
    def region(self) -> str:
        """The region; raises ConfigError where none is known."""
        return region_of(self.run.region, self.run.profile)

    @functools.cached_property
    def account(self) -> str:
        """Number of the account; an example's in a dry run that was not told."""
        if self.run.account is not None:
            return self.run.account
        if self.dry_run:
            return EXAMPLE_ACCOUNT
        return str(self.call("sts", "get_caller_identity", doing="learn the account")["Account"])

    @property
    def partition(self) -> str:
        """First word of ARNs: ``aws``, ``aws-cn`` or ``aws-us-gov``."""
        return {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(self.region.rpartition("-")[0].rpartition("-")[0], "aws")

    @property
    def bucket(self) -> str:
        """Where data, models and results lie."""
        return self.run.bucket or bucket_name(self.account, self.region, base=self.project)

    @property
    def role(self) -> str:
        """ARN of the role that jobs and endpoints act as."""
        role = self.run.role or f"{self.project}-sagemaker"
        return role if role.startswith("arn:") else f"arn:{self.partition}:iam::{self.account}:role/{role}"

    @property
    def tags(self) -> list[dict[str, str]]:
        """What everything that the project makes is tagged with."""
        return project_tags(self.project)

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of something in this account and region: ``arn("sagemaker", "endpoint/street")``."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def place(self, *words: str) -> str:
        """Return an address in the bucket: ``s3://BUCKET/a/b``."""
        return "/".join([f"s3://{self.bucket}", *(word.strip("/") for word in words)])

    def client(self, service: str) -> Any:
        """Return boto3's client of a service, made once."""
        if service not in self._clients:
            self._clients[service] = client(service, region=self.region, made_by=self._session)
        return self._clients[service]

    @functools.cached_property
    def _session(self) -> Any:
        return session(self.region, self.run.profile)

    def call(
        self,
        service: str,
        operation: str,
        request: Mapping[str, Any] | None = None,
        *,
        answer: Mapping[str, Any] | None = None,
        doing: str = "",
    ) -> dict[str, Any]:
        """Make a call, or show it.

        Args:
            service: As boto3 names it.
            operation: The method of boto3's client: ``"create_model"``.
            request: Its arguments.
            answer: What a dry run takes for the answer.
            doing: What it is for, for messages: ``"make the model m"``.

        Returns:
            The answer.

        Raises:
            AwsError: Or one of its kinds: the call failed.
        """
        request = dict(request or {})
        if self.dry_run:
            self._show(service, operation, request)
            return dict(answer or {})
        if service == "sagemaker" and operation.startswith("create_"):
            check(service, operation, request)  # boto3 leaves half of the model to the service
        with explaining(service, self._operation(service, operation), doing):
            return dict(getattr(self.client(service), operation)(**request))

    def pages(
        self, service: str, operation: str, request: Mapping[str, Any] | None = None, *, key: str, doing: str = ""
    ) -> Iterator[Any]:
        """Yield what a listing lists, page after page; nothing in a dry run.

        Args:
            service: As boto3 names it.
            operation: The method of boto3's client: ``"list_endpoints"``.
            request: Its arguments.
            key: Of the list in an answer: ``"Endpoints"``.
            doing: As for `call`.
        """
        request = dict(request or {})
        if self.dry_run:
            self._show(service, operation, request)
            return
        with explaining(service, self._operation(service, operation), doing):
            made = self.client(service)
            if not made.can_paginate(operation):
                yield from getattr(made, operation)(**request).get(key, ())
                return
            for page in made.get_paginator(operation).paginate(**request):
                yield from page.get(key, ())

    def upload(self, path: Path, place: str, *, kind: str = "", metadata: Mapping[str, str] | None = None) -> str:
        """Copy a file to S3, in parts where it is large; return the address.

        Args:
            path: The file.
            place: ``s3://bucket/key``.
            kind: Its ``Content-Type``, where it matters.
            metadata: What S3 keeps beside it.
        """
        bucket, key = split_place(place)
        if self.dry_run:
            body = {"file": str(path), **({"bytes": path.stat().st_size} if path.is_file() else {})}
            self._show("s3", "put_object", {"Bucket": bucket, "Key": key, "Body": body})
            return place
        with explaining("s3", "PutObject", f"copy {path} to {place}"):
            more = {"ContentType": kind, "Metadata": dict(metadata or {})}
            more = {key: value for key, value in more.items() if value}
            self.client("s3").upload_file(str(path), bucket, key, ExtraArgs=more or None)
        return place

    def finish(self, facts: Mapping[str, Any], text: str, *, name: str = "") -> int:
        """Print what came of it: the requests of a dry run, facts as JSON, or words; return exit code 0.

        Args:
            facts: For JSON.
            text: For people.
            name: What alone is printed where silence is wanted: of a job, say, for the next command.
        """
        if self.dry_run:
            if self.as_json:
                put(_text({"requests": self.shown}) + "\n")
            return 0
        if self.as_json:
            put(_text(facts) + "\n")
        elif said := name if self.quiet else text.rstrip("\n"):
            put(f"{said}\n")
        return 0

    def say(self, text: str) -> None:
        """Print a line on the way, unless JSON or silence is wanted."""
        if not (self.as_json or self.quiet or self.dry_run):
            put(text.rstrip("\n") + "\n")

    def show_command(self, command: str) -> None:
        """Show a command of the machine that a dry run does not carry out: ``docker push ...``."""
        self.shown.append({"command": command})
        if not self.as_json:
            put(f"{command}\n")

    def warn(self, text: str) -> None:
        """Say on standard error what went wrong beside the rest."""
        log.warning("%s", text)

    def _show(self, service: str, operation: str, request: dict[str, Any]) -> None:
        check(service, operation, {key: b"" if key == "Body" else value for key, value in request.items()})
        entry = {"service": service, "operation": operation, "request": request}
        self.shown.append(json.loads(_text(entry)))
        if not self.as_json:
            put(_text(entry) + "\n")

    def _operation(self, service: str, operation: str) -> str:
        """Return AWS's name of what boto3 calls ``create_model``."""
        return str(self.client(service).meta.method_to_api_mapping.get(operation, operation))


def _text(value: Any) -> str:
    return without_secrets(json.dumps(value, indent=2, default=_plain, ensure_ascii=False))


def _plain(value: Any) -> Any:
    """Return what JSON does not know as something that it does."""
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": len(value)}
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
