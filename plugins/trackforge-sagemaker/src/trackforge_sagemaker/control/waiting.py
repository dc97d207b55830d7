"""``trackforge sagemaker wait``: until a job or endpoint is done, or an asynchronous result is there."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

from trackforge.cli.telling import Paced
from trackforge.config import setting
from trackforge.errors import ConfigError
from trackforge_sagemaker.client.asynchronous import AsyncEndpoint, Submission
from trackforge_sagemaker.client.failures import AwsError, GoneError, ModelFailedError, UnreachableError
from trackforge_sagemaker.control.aws import Aws, AwsRun
from trackforge_sagemaker.control.declaring import AwsWords, subcommand
from trackforge_sagemaker.control.kinds import KINDS, Kind, find, kind_named

__all__ = ["PATIENCE_ENDED", "WaitRun", "await_end", "await_gone", "ended_well", "wait"]

PATIENCE_ENDED = 124
"""Exit code where the time is over and the thing is not, as of ``timeout``."""
_FIRST, _LONGEST = 0.5, 30.0
"""Seconds between two looks, at first and at last."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class WaitRun(AwsRun):
    """What is waited for."""

    name: str = setting("", help="Name of a job or endpoint, or the address of an asynchronous result, s3://...")
    kind: str | None = setting(None, help=f"Of what: {', '.join(KINDS)}; found out where it is not given.")
    failure: str | None = setting(None, help="Of an asynchronous result: address of its failure (FailureLocation).")
    patience: float = setting(86_400.0, help="How long to wait; exit code 124 then.", minimum=0, unit="s")
    any_end: bool = setting(False, help="A job that was stopped, or failed, has ended well as well: exit code 0.")


def _wait(aws: Aws, job: WaitRun, words: AwsWords) -> int:
    if not job.name:
        raise ConfigError("wait needs the name of a job or endpoint, or an address of a result: wait street-train-1.")
    if job.name.startswith("s3://"):
        return _result(aws, job)
    kind, answer = find(aws, job.name, job.kind)
    if aws.dry_run:
        return aws.finish({}, "")
    ended = await_end(aws, kind, job.name, patience=job.patience, quiet=words.quiet, answer=answer)
    state = ended.get(kind.state)
    facts = {"name": job.name, "kind": kind.name, "state": state, "why": "", "seconds": _seconds(ended)}
    if state not in (*kind.good, *kind.bad):
        aws.finish(facts, f"{kind.name} {job.name} is still {state} after {job.patience:g} s")
        return PATIENCE_ENDED
    if state in kind.bad:
        facts["why"] = kind.why(ended)
    aws.finish(facts, f"{kind.name} {job.name}: {state}" + (f": {facts['why']}" if facts["why"] else ""))
    return 0 if state in kind.good or job.any_end else 1


def await_end(
    aws: Aws,
    kind: Kind,
    name: str,
    *,
    patience: float = 86_400.0,
    quiet: bool = False,
    answer: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Wait until something is done, saying now and then how far it is.

    Args:
        aws: Who is asked.
        kind: Of what.
        name: Its name.
        patience: Seconds; the last answer is returned when they are over, whatever its state.
        quiet: Say nothing.
        answer: What is known already.

    Returns:
        What SageMaker knows of it in the end; nothing in a dry run.
    """
    until, pause, paced = time.monotonic() + patience, _FIRST, Paced()
    known = dict(answer) if answer else kind.ask(aws, name)
    while not aws.dry_run and known.get(kind.state) not in (*kind.good, *kind.bad):
        left = until - time.monotonic()
        if left <= 0:
            break
        if not quiet:
            paced(" ".join(word for word in (kind.name, name, str(known.get(kind.state)), _detail(known)) if word))
        time.sleep(min(pause, left))
        pause = min(1.5 * pause, _LONGEST)
        known = kind.ask(aws, name)
    return known


def await_gone(aws: Aws, kind: str, name: str, *, patience: float = 1200.0, quiet: bool = True) -> None:
    """Wait until something that is being deleted is gone, or the time is over.

    Args:
        aws: Who is asked.
        kind: Name of its kind.
        name: Its name.
        patience: Seconds.
        quiet: Say nothing.
    """
    try:
        await_end(aws, kind_named(kind), name, patience=patience, quiet=quiet)
    except GoneError:
        return
    except AwsError as error:
        if type(error) is not AwsError:
            raise


def ended_well(kind: Kind, name: str, answer: Mapping[str, Any]) -> None:
    """Raise where something did not end well.

    Raises:
        AwsError: It did not.
    """
    state = answer.get(kind.state)
    if answer and state not in kind.good:
        raise AwsError(f"The {kind.name} {name} must be {kind.good[0]}; it is {state}: {kind.why(answer)}")


def _result(aws: Aws, job: WaitRun) -> int:
    sent = Submission("", job.name, job.failure or "")
    if aws.dry_run:
        for place in filter(None, (job.name, job.failure)):
            bucket, _, key = place.removeprefix("s3://").partition("/")
            aws.call("s3", "head_object", {"Bucket": bucket, "Key": key})
        return aws.finish({}, "")
    endpoint = AsyncEndpoint("endpoint", runtime=aws.client("sagemaker-runtime"), s3=aws.client("s3"))
    facts = {"name": job.name, "kind": "result", "state": "Completed", "why": ""}
    try:
        endpoint.wait(sent, patience=job.patience)
    except ModelFailedError as error:
        aws.finish(facts | {"state": "Failed", "why": error.reason}, f"{job.name}: Failed: {error.reason}")
        return 1
    except UnreachableError as error:
        if error.__cause__ is not None:  # S3 itself did not answer
            raise
        aws.finish(facts | {"state": "InProgress"}, f"{job.name} is not there after {job.patience:g} s")
        return PATIENCE_ENDED
    return aws.finish(facts, f"{job.name} is there")


def _detail(answer: Mapping[str, Any]) -> str:
    """Return what else is told on the way."""
    counters = answer.get("TrainingJobStatusCounters") or {}
    if counters:
        return ", ".join(f"{count} {name}" for name, count in counters.items() if count)
    metrics = answer.get("FinalMetricDataList") or ()
    shown = " ".join(f"{one['MetricName']}={one['Value']:.4g}" for one in metrics[:4])
    return " ".join(word for word in (str(answer.get("SecondaryStatus") or ""), shown) if word)


def _seconds(answer: Mapping[str, Any]) -> float | None:
    """Return how long it took, where that is told."""
    for first, last in (
        ("TrainingStartTime", "TrainingEndTime"),
        ("ProcessingStartTime", "ProcessingEndTime"),
        ("CreationTime", "LastModifiedTime"),
    ):
        if answer.get(first) and answer.get(last):
            return float(round((answer[last] - answer[first]).total_seconds(), 1))
    return None


wait = subcommand("wait", WaitRun, _wait, first="name")
