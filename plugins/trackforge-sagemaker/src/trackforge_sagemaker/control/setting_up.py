"""``trackforge sagemaker setup``: the bucket, the role of jobs and endpoints, and what the account may run at a time.

What is there is used as it is. ``--print-policies`` shows the rights that are needed, for whoever grants them.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from trackforge.cli.flags import split
from trackforge.cli.printing import put
from trackforge.config import setting
from trackforge.errors import ConfigError
from trackforge_sagemaker import requests
from trackforge_sagemaker.client.failures import AccessError, AwsError, GoneError
from trackforge_sagemaker.control.aws import Aws, AwsRun
from trackforge_sagemaker.control.declaring import subcommand
from trackforge_sagemaker.requests.access import RIGHTS
from trackforge_sagemaker.requests.account import USES
from trackforge_sagemaker.requests.jumpstart import content_bucket
from trackforge_sagemaker.requests.sizes import current, machine
from trackforge_sagemaker.requests.tags import PROJECT

__all__ = ["SetupRun", "setup"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SetupRun(AwsRun):
    """What the account needs before anything runs in it."""

    instances: tuple[str, ...] = setting(
        ("ml.g5.xlarge",), flags=("--instances",), commas=True, help="Sizes whose quotas are looked up."
    )
    uses: tuple[str, ...] = setting(
        ("training", "processing", "endpoint"), commas=True, help=f"What they are for: {', '.join(USES)}."
    )
    raise_to: int = setting(
        0, minimum=0, help="Ask for so many machines of each of these sizes and uses, where less is allowed."
    )
    access: Literal["make", "skip"] = setting("make", help="Make the role where it is not there, or leave roles alone.")
    private: bool = setting(False, help="The role is for machines in a private network, too.")
    print_policies: bool = setting(False, help="Print the rights of the role and of the person, make nothing.")
    keep_days: int = setting(30, minimum=1, help="Days after which scratch data go.", unit="days")


def _setup(aws: Aws, job: SetupRun, words: Any) -> int:  # noqa: ARG001 - the signature of a subcommand
    if job.print_policies:
        put(json.dumps(_policies(aws, job), indent=2) + "\n")
        return 0
    sizes = split(job.instances)
    made = {"bucket": _bucket(aws, job), "role": _role(aws, job) if job.access == "make" else "skipped"}
    quotas, notes = _quotas(aws, sizes, split(job.uses), job.raise_to)
    facts = {"bucket": aws.bucket, "role": aws.role, "made": made, "quotas": quotas, "notes": notes}
    lines = [f"bucket {aws.bucket}: {made['bucket']}", f"role {aws.role}: {made['role']}"]
    lines += [f"quota {one['size']} {USES[one['use']]}: {one['value']:g}" for one in quotas] + notes
    return aws.finish(facts, "\n".join(lines))


def _bucket(aws: Aws, job: SetupRun) -> str:
    name = aws.bucket
    try:
        aws.call("s3", "head_bucket", {"Bucket": name}, doing=f"look for the bucket {name}")
        if not aws.dry_run:
            return "there already; used as it is"
    except GoneError:
        pass
    except AccessError as error:
        raise ConfigError(
            f"The bucket must be this account's; {name} is not, or you may not use it. Name another: --bucket."
        ) from error
    aws.call("s3", "create_bucket", requests.bucket(name, aws.region), doing=f"make the bucket {name}")
    for call in requests.bucket_settings(name, project=aws.project, days=job.keep_days):
        aws.call(call.service, call.operation, call.request, doing=f"set up the bucket {name}")
    return "made; closed to the public, encrypted"


def _role(aws: Aws, job: SetupRun) -> str:
    """Make the role, or give one of the project that another region made this region's rights as well."""
    name, called = aws.role.rpartition("/")[2], f"{RIGHTS}{aws.region}"
    rights = requests.role_policy(name, _policies(aws, job)["role"], called=called)
    try:
        told = aws.call("iam", "get_role", {"RoleName": name}, doing=f"look for the role {name}")
    except GoneError:
        told = {}
    if told:
        return _there(aws, name, called, rights, told["Role"].get("Tags") or ())
    aws.call("iam", "create_role", requests.role(name, account=aws.account, project=aws.project), doing="make the role")
    aws.call("iam", "put_role_policy", rights, doing="give the role its rights")
    return "made; it may use the bucket, the image and the logs of this project"


def _there(aws: Aws, name: str, called: str, rights: dict[str, Any], tags: Iterable[Mapping[str, str]]) -> str:
    if {"Key": PROJECT, "Value": aws.project} not in [dict(one) for one in tags]:
        return "there already; used as it is: it is not of this project, and its rights are its owner's"
    try:
        if called in aws.pages("iam", "list_role_policies", {"RoleName": name}, key="PolicyNames"):
            return "there already; used as it is"
        aws.call("iam", "put_role_policy", rights, doing=f"give the role its rights in {aws.region}")
    except AccessError as error:
        return f"there already; whether it may do anything in {aws.region} could not be seen to: {error}"
    return f"there already; it got the rights of {aws.region}, beside those that it had"


def _policies(aws: Aws, job: SetupRun) -> dict[str, Any]:
    where: dict[str, Any] = {"region": aws.region, "account": aws.account, "bucket": aws.bucket}
    where["repository"] = aws.project
    topics = [aws.arn("sns", f"{aws.project}*")]
    return {
        "trust": requests.trust_policy(aws.account),
        "role": requests.execution_policy(
            **where, read=[content_bucket(aws.region)], topics=topics, private=job.private
        ),
        "person": requests.client_policy(**where, project=aws.project, role=aws.role),
        "endpoints": requests.serving_policy(region=aws.region, account=aws.account, project=aws.project),
        "setup": requests.setup_policy(**where, project=aws.project, role=aws.role),
    }


def _quotas(aws: Aws, sizes: list[str], uses: list[str], wanted: int) -> tuple[list[dict[str, Any]], list[str]]:
    """Return what the account may run at a time, and notes: retired sizes, too few, asked for more."""
    notes = [note for size in sizes if (note := current(size)[1])]
    requests.quotas([], dict.fromkeys(sizes, uses))  # a wrong word is told before AWS is asked
    try:
        listed = list(aws.pages("service-quotas", "list_service_quotas", requests.list_quotas(), key="Quotas"))
    except AwsError as error:
        return [], [*notes, f"quotas could not be read: {error}"]
    if aws.dry_run:
        return [], notes
    found = requests.quotas(listed, dict.fromkeys(sizes, uses))
    notes += [_ask(aws, one, wanted) for one in found if one.value < max(wanted, 1)]
    return [_shown(one) for one in found], notes


def _ask(aws: Aws, quota: requests.Quota, wanted: int) -> str:
    what = f"{quota.size} {USES[quota.use]}"
    if wanted and quota.code and quota.adjustable:
        aws.call("service-quotas", "request_service_quota_increase", requests.quota_increase(quota, wanted))
        return f"{what}: asked for {wanted}; AWS answers in hours or days"
    return f"{what}: {quota.value:g} are allowed; ask for more in the console, or with --raise-to 1"


def _shown(quota: requests.Quota) -> dict[str, Any]:
    known = machine(quota.size)
    has: Mapping[str, Any] = dataclasses.asdict(known) if known else {}
    return {**dataclasses.asdict(quota), "machine": {key: value for key, value in has.items() if key != "name"}}


setup = subcommand("setup", SetupRun, _setup)
