"""``trackforge sagemaker label``: a folder of ``write_job`` becomes labelling jobs; their state, end and labels.

    trackforge sagemaker label exchange/check --workteam ARN
    trackforge sagemaker label street-20261127-101500-ab12 --do status
    trackforge sagemaker label street-20261127-101500-ab12 --do fetch -o labelled/

AWS takes no new customers for Ground Truth since 31 July 2026; accounts that have used it go on.
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any, Literal

from trackforge.cli.flags import split
from trackforge.config import setting
from trackforge.errors import ConfigError
from trackforge_sagemaker import requests
from trackforge_sagemaker.client.failures import AccessError, GoneError
from trackforge_sagemaker.client.places import split_place
from trackforge_sagemaker.control.aws import Aws, AwsRun
from trackforge_sagemaker.control.declaring import subcommand
from trackforge_sagemaker.control.label_folder import LabelFolder, addressed, read_folder
from trackforge_sagemaker.control.moving import content_name, download, upload

__all__ = ["LabelRun", "label"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelRun(AwsRun):
    """A labelling job."""

    what: str = setting(help="Folder that 'trackforge label' or write_job made; or the name of a job.")
    do: Literal["start", "status", "stop", "fetch", "team"] = setting(
        "start", help="start from a folder; of a job: status, stop, fetch. team makes a team of that name."
    )
    workteam: str = setting("", help="ARN of the people, or the name of a private team.")
    name: str = setting("", help="What follows the project in the job's name; labels without one.")
    kind: Literal["adjustment", "verification", "new"] | None = setting(None, help="As the folder says without it.")
    task: Literal["video-tracking", "video-detection", "boxes"] | None = setting(
        None, help="As the folder says without it."
    )
    attribute: str = setting("", help="Name of the labels that people make: checked-ref for video, checked for boxes.")
    workers: int = setting(0, minimum=0, maximum=9, help="People a task; 1 for video, 3 for boxes with 0.")
    minutes: float = setting(
        0.0,
        minimum=0,
        help="That a person may take for a task; a day for video, an hour for a picture with 0.",
        unit="min",
    )
    days: float = setting(10.0, above=0, help="That a task may wait for somebody.", unit="days")
    title: str = setting("", help="What people see of the job.")
    description: str = setting("", help="The same, longer.")
    keywords: tuple[str, ...] = setting((), commas=True, help="At most 5.")
    topic: str = setting("", help="ARN of a topic that is told of every answer.")
    pool: str = setting("", help="With --do team: Cognito's user pool.")
    pool_group: str = setting("", help="With --do team: the group of its people.")
    pool_client: str = setting("", help="With --do team: the client of its app.")
    oidc_groups: tuple[str, ...] = setting((), commas=True, help="With --do team: groups of an own identity provider.")
    out: Path | None = setting(None, flags=("--out", "-o"), help="With --do fetch: folder for the job's output.")


def _label(aws: Aws, job: LabelRun, words: Any) -> int:  # noqa: ARG001 - the signature of a subcommand
    if job.do == "start":
        return _start(aws, job)
    if job.do == "team":
        return _make_team(aws, job)
    if job.do == "stop":
        aws.call("sagemaker", "stop_labeling_job", {"LabelingJobName": job.what}, doing=f"stop the job {job.what}")
        return aws.finish({"name": job.what, "stopped": True}, f"{job.what}: stopping; finished tasks are kept")
    told = aws.call(
        "sagemaker", "describe_labeling_job", {"LabelingJobName": job.what}, doing=f"look at the job {job.what}",
        answer={"LabelingJobStatus": "Completed", "OutputConfig": {"S3OutputPath": aws.place("labels/out")}},
    )  # fmt: skip
    if job.do == "fetch":
        return _fetch(aws, job, told)
    counted = dict(told.get("LabelCounters") or {})
    status = told.get("LabelingJobStatus")
    text = f"{job.what}: {status}; {counted.get('HumanLabeled', 0)} labelled, {counted.get('Unlabeled', 0)} to go"
    failed = told.get("FailureReason") or ""
    facts = {"name": job.what, "status": status, "counters": counted, "failure": failed}
    return aws.finish(facts, f"{text}\n{failed}" if failed else text)


def _start(aws: Aws, job: LabelRun) -> int:
    folder = read_folder(Path(job.what), kind=job.kind or "", task=job.task or "")
    team = _team(aws, job)
    place, copied = _copied(aws, folder)
    _let_pages_read(aws, split_place(place)[0])
    names = []
    for number, manifest in enumerate(folder.manifests, 1):
        part = f"-{number}" if len(folder.manifests) > 1 else ""
        name = requests.unique_name(f"{aws.project}-{job.name or 'labels'}{part}")
        request = _request(aws, job, folder, name=name, place=place, manifest=place + manifest.name, team=team)
        aws.call("sagemaker", "create_labeling_job", request, doing=f"start the labelling job {name}")
        names.append(name)
    facts = {"names": names, "place": place, "copied": copied, "kind": folder.kind, "task": folder.task}
    text = "\n".join(
        [f"{place}: {copied} files copied", *names, f"its state: trackforge sagemaker label {names[0]} --do status"]
    )
    return aws.finish(facts, text, name="\n".join(names))


def _request(
    aws: Aws, job: LabelRun, folder: LabelFolder, *, name: str, place: str, manifest: str, team: str
) -> dict[str, Any]:
    return requests.labeling_job(
        name, region=aws.region, role=aws.role, project=aws.project, workteam=team, manifest=manifest,
        output=f"{place}out/", attribute=job.attribute or folder.attribute, categories=place + folder.categories.name,
        kind=folder.kind, task=folder.task, template=place + folder.template.name if folder.template else "",
        audited=folder.audited, workers=job.workers or None, seconds=round(job.minutes * 60) or None,
        available=round(job.days * 86400), title=job.title, description=job.description, keywords=split(job.keywords),
        told=job.topic,
    )  # fmt: skip


def _copied(aws: Aws, folder: LabelFolder) -> tuple[str, int]:
    """Copy a folder to where its manifest says that it lies; else below ``labels/``, with addresses."""
    if folder.prefix:
        if not folder.prefix.startswith("s3://"):
            raise ConfigError(f"The folder must be for a place in S3; {folder.path} was written for {folder.prefix!r}.")
        return upload(aws, folder.path, folder.prefix)
    place = aws.place("labels", content_name(folder.path)) + "/"
    with tempfile.TemporaryDirectory(prefix="trackforge-label-") as scratch:
        return upload(aws, folder.path, place, instead=addressed(folder, place, Path(scratch)))


def _let_pages_read(aws: Aws, bucket: str) -> None:
    """Let the pages of Ground Truth read the bucket's pictures, as far as the people who look at them may."""
    try:
        try:
            told = aws.call("s3", "get_bucket_cors", {"Bucket": bucket}, doing=f"look at the rules of {bucket}")
        except GoneError:  # it has no rule
            told = {}
        request = requests.bucket_cors(bucket, told.get("CORSRules", ()))
        if request is not None:
            aws.call("s3", "put_bucket_cors", request, doing=f"let workers' pages read pictures of {bucket}")
    except AccessError as error:
        aws.warn(f"workers see no pictures unless the bucket has a rule for it (CORS), which could not be set: {error}")


def _team(aws: Aws, job: LabelRun) -> str:
    if not job.workteam:
        raise ConfigError("Somebody must do the work: name a team, --workteam ARN or the name of a private one.")
    if job.workteam.startswith("arn:"):
        return job.workteam
    return aws.arn("sagemaker", f"workteam/private-crowd/{job.workteam}")


def _make_team(aws: Aws, job: LabelRun) -> int:
    request = requests.workteam(
        job.what, project=aws.project, description=job.description or f"People who label for {aws.project}",
        pool=job.pool, group=job.pool_group, client=job.pool_client, groups=split(job.oidc_groups), told=job.topic,
    )  # fmt: skip
    answer = aws.call("sagemaker", "create_workteam", request, doing=f"make the team {job.what}")
    arn = answer.get("WorkteamArn") or aws.arn("sagemaker", f"workteam/private-crowd/{job.what}")
    return aws.finish({"name": job.what, "arn": arn}, f"{arn}\nlabel with it: --workteam {job.what}")


def _fetch(aws: Aws, job: LabelRun, told: dict[str, Any]) -> int:
    if job.out is None:
        raise ConfigError("What is fetched must have a folder: -o FOLDER.")
    place = f"{str(told['OutputConfig']['S3OutputPath']).rstrip('/')}/{job.what}/"
    files = 0 if aws.dry_run else download(aws, place, job.out)
    manifest = job.out / "manifests/output/output.manifest"
    if not (aws.dry_run or manifest.is_file()):
        aws.say(f"no {manifest.name} yet: the job is {told.get('LabelingJobStatus')}")
    facts = {"name": job.what, "place": place, "files": files, "folder": str(job.out)}
    return aws.finish(facts, f"{files} files in {job.out}\nread them: trackforge data show {job.out}")


label = subcommand("label", LabelRun, _label, first="what")
