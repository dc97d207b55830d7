"""``trackforge sagemaker process``: films in, tracks out, as a processing job; with ``-o`` its results are fetched."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any, Literal

from trackforge.cli.flags import split
from trackforge.config import setting
from trackforge.errors import ConfigError
from trackforge_sagemaker import requests
from trackforge_sagemaker.client.failures import AwsError
from trackforge_sagemaker.control.aws import Aws
from trackforge_sagemaker.control.declaring import subcommand
from trackforge_sagemaker.control.jobs import MACHINES, JobRun, assignments, size
from trackforge_sagemaker.control.kinds import kind_named
from trackforge_sagemaker.control.moving import download, local_or_place
from trackforge_sagemaker.control.waiting import await_end

__all__ = ["ProcessRun", "process"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProcessRun(JobRun):
    """Films to track."""

    source: str = setting(help="Films: s3://PREFIX/, a film, a folder, or what stage called them.")
    model: str = setting("", help="model.tar.gz: s3://... or a file.")
    from_job: str = setting("", help="In its place: name of the training job that made it.")
    to: str = setting("", help="Prefix in S3 of the results; below tracks/ without one.")
    out: Path | None = setting(None, flags=("--out", "-o"), help="Wait, and copy the results to this folder.")
    formats: tuple[str, ...] = setting(
        ("mot",), commas=True, help="mot, jsonl, video, seqlabel, coco, csv, parquet, fairmot."
    )
    settings: tuple[str, ...] = setting(
        (),
        flags=("--setting",),
        help="Setting of 'trackforge-sagemaker process', NAME=VALUE: conf=0.4, tracker.min-hits=3, "
        'line="door=50%,0 50%,100%".',
    )
    shard: bool = setting(False, help="Deal the films out among machines before they start, each copying its own only.")
    code: str = setting("", help="A script of your own that the image runs in place of ours: a file, or s3://...")
    arguments: tuple[str, ...] = setting((), flags=("--argument",), help="What follows the command.")
    upload: Literal["EndOfJob", "Continuous"] = setting("EndOfJob", help="When results are brought to S3.")


def _process(aws: Aws, job: ProcessRun, words: Any) -> int:  # noqa: ARG001 - the signature of a subcommand
    name = job.unique(aws)
    output = (job.to or aws.place("tracks", name)).rstrip("/") + "/"
    inputs = {"input": local_or_place(aws, job.source, "films")}
    model = _model(aws, job)
    if model:
        inputs["model"] = model
    environment = dict(assignments(job.environment, "--environment"))
    environment["TRACKFORGE_PROCESS_FORMATS"] = ",".join(split(job.formats))
    for key, value in assignments(job.settings, "--setting"):
        environment[f"TRACKFORGE_PROCESS_{key.upper().replace('-', '_').replace('.', '__')}"] = value
    request = requests.processing_job(
        name, image=job.of_image(aws), role=aws.role, project=aws.project, inputs=inputs, outputs={"output": output},
        code=local_or_place(aws, job.code, "code") if job.code else "", arguments=job.arguments,
        instance=size(aws, job.instance), count=job.count, volume=job.volume, seconds=round(job.hours * 3600),
        sharded=["input"] if job.shard else [], upload=job.upload, environment=environment, network=job.network,
        key=job.key,
    )  # fmt: skip
    answer = aws.call("sagemaker", "create_processing_job", request, doing=f"start the job {name}")
    facts: dict[str, Any] = {"name": name, "arn": answer.get("ProcessingJobArn"), "output": output}
    text = f"{name}\nresults: {output}\nwait for it: trackforge sagemaker wait {name}"
    if job.out is not None and not aws.dry_run:
        aws.say(f"{name}: waiting")
        facts["message"] = _wait(aws, name, quiet=aws.quiet or aws.as_json)
        facts["files"] = download(aws, output, job.out)
        text = f"{name}: {facts['message'] or 'done'}\n{facts['files']} files in {job.out}"
    return aws.finish(facts, text, name=name)


def _model(aws: Aws, job: ProcessRun) -> str:
    if job.model and job.from_job:
        raise ConfigError("The model must come from one place: --model or --from-job; both were given.")
    if job.model:
        return local_or_place(aws, job.model, "models")
    if not job.from_job:
        return ""
    told = aws.call(
        "sagemaker", "describe_training_job", {"TrainingJobName": job.from_job}, doing=f"look at {job.from_job}",
        answer={"ModelArtifacts": {"S3ModelArtifacts": aws.place("jobs", job.from_job, "output/model.tar.gz")}},
    )  # fmt: skip
    place = (told.get("ModelArtifacts") or {}).get("S3ModelArtifacts")
    if not place:
        status = told.get("TrainingJobStatus", "unknown")
        raise AwsError(f"The training {job.from_job} must have left a model; its state is {status}.")
    return str(place)


def _wait(aws: Aws, name: str, *, quiet: bool) -> str:
    """Wait until a job has ended and return its message.

    Raises:
        AwsError: It failed, or was stopped.
    """
    kind = kind_named("processing-job")
    told = await_end(aws, kind, name, patience=math.inf, quiet=quiet)
    if told.get(kind.state) not in kind.good:
        raise AwsError(
            f"The job {name} must come to its end; it is {told.get(kind.state)}: {kind.why(told)}. Its log: "
            f"trackforge sagemaker logs {name}"
        )
    return str(told.get("ExitMessage") or "")


process = subcommand("process", ProcessRun, _process, first="source", groups={"Machines": MACHINES})
