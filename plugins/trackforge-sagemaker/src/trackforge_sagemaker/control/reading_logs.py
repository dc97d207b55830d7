"""``trackforge sagemaker logs``: what a job or endpoint wrote to CloudWatch, and what it goes on writing."""

from __future__ import annotations

import collections
import dataclasses
import re
import time
from collections.abc import Iterator
from typing import Any

from trackforge.cli.printing import put
from trackforge.config import setting
from trackforge.errors import ConfigError
from trackforge_sagemaker.client.failures import GoneError
from trackforge_sagemaker.control.aws import Aws, AwsRun
from trackforge_sagemaker.control.declaring import AwsWords, subcommand
from trackforge_sagemaker.control.kinds import KINDS, Kind, find
from trackforge_sagemaker.requests import log_events

__all__ = ["LogsRun", "logs"]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_PAUSE = 3.0
"""Seconds between two looks for more."""
_LATE = 20
"""Looks that are taken after a job has ended, since its last lines come late: in seconds, a minute."""
_REMEMBERED = 20_000
"""Lines by whose ids those are known that come twice."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LogsRun(AwsRun):
    """Whose log, and which part of it."""

    name: str = setting("", help="Name of a job, endpoint or inference component.")
    kind: str | None = setting(None, help=f"Of what: {', '.join(KINDS)}; found out where it is not given.")
    since: str | None = setting(None, help="Lines of the last 10m, 2h or 1d only.")
    filter: str | None = setting(None, help='Lines with these words, as CloudWatch filters: ERROR, "out of memory".')
    follow: bool = setting(False, flags=("--follow", "-f"), help="Go on until the job has ended, or Ctrl-C.")


def _logs(aws: Aws, job: LogsRun, words: AwsWords) -> int:  # noqa: ARG001 - a subcommand's signature
    if not job.name:
        raise ConfigError("logs needs the name of a job or endpoint: logs street-train-1.")
    kind, _ = find(aws, job.name, job.kind)
    since = None if job.since is None else int(1000 * (time.time() - _seconds(job.since)))
    if aws.dry_run:
        aws.call("logs", "filter_log_events", _request(kind, job, since, ""))
        return aws.finish({}, "")
    seen: collections.OrderedDict[str, None] = collections.OrderedDict()
    shown, ended = 0, 0
    while True:
        for event in _events(aws, kind, job, since):
            since = max(since or 0, int(event.get("timestamp", 0)))
            if event["eventId"] not in seen:
                seen[event["eventId"]] = None
                shown += 1
                put(_line(event, as_json=aws.as_json))
        while len(seen) > _REMEMBERED:
            seen.popitem(last=False)
        if not job.follow or ended > _LATE:
            break
        state = kind.ask(aws, job.name).get(kind.state)
        ended = ended + 1 if kind.name != "endpoint" and state in (*kind.good, *kind.bad) else 0
        time.sleep(_PAUSE)
    if not shown:
        aws.say(f"{kind.name} {job.name} has written nothing as yet, or nothing of this")
    return 0


def _events(aws: Aws, kind: Kind, job: LogsRun, since: int | None) -> Iterator[dict[str, Any]]:
    token = ""
    while True:
        try:
            answer = aws.call("logs", "filter_log_events", _request(kind, job, since, token), doing="read the log")
        except GoneError:  # the group comes with the first line
            return
        yield from answer.get("events", ())
        token = str(answer.get("nextToken") or "")
        if not token:
            return


def _request(kind: Kind, job: LogsRun, since: int | None, token: str) -> dict[str, Any]:
    made = log_events(kind.name, job.name, since=since, pattern=job.filter or "", token=token)
    return {key: value for key, value in made.items() if value is not None}


def _line(event: dict[str, Any], *, as_json: bool) -> str:
    if as_json:
        import json

        return json.dumps({key: event.get(key) for key in ("timestamp", "logStreamName", "message")}) + "\n"
    stream = str(event.get("logStreamName", "")).rpartition("/")[2]
    return f"{stream}  {str(event.get('message', '')).rstrip()}\n"


def _seconds(text: str) -> float:
    """Return the seconds that a text means.

    >>> _seconds("10m")
    600.0
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if found is None:
        raise ConfigError(f"since must be a time such as 30s, 10m, 2h or 1d; got {text!r}.")
    return float(found[1]) * _UNITS[found[2]]


logs = subcommand("logs", LogsRun, _logs, first="name")
