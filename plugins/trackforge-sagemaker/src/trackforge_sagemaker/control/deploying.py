"""``trackforge sagemaker deploy``: an endpoint from a training job, a model in S3 or a shared package."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from trackforge.errors import ConfigError
from trackforge_sagemaker.client.failures import AwsError, GoneError
from trackforge_sagemaker.control.aws import Aws
from trackforge_sagemaker.control.declaring import AwsWords, subcommand
from trackforge_sagemaker.control.deployment import DeployRun, Plan, planned
from trackforge_sagemaker.control.endpoint_parts import Made, notified, scaled
from trackforge_sagemaker.control.kinds import kind_named
from trackforge_sagemaker.control.waiting import await_end, ended_well
from trackforge_sagemaker.requests import check_name

__all__ = ["DeployRun", "deploy"]


def _deploy(aws: Aws, job: DeployRun, words: AwsWords) -> int:
    if not job.name:
        raise ConfigError("deploy needs a name for the endpoint: deploy street --from-job street-train-1.")
    if not job.name.startswith(f"{aws.project}-"):  # so that rights can be given by names
        job = dataclasses.replace(job, name=f"{aws.project}-{job.name}")
    check_name(job.name, "endpoint")
    before = _before(aws, job.name)
    plan, made = planned(aws, job, before, *_served(aws, job)), Made(aws)
    try:
        facts = _make(aws, job, plan, made, words)
    except BaseException:  # who breaks off, too, leaves nothing behind that costs
        made.undo()
        raise
    return aws.finish(facts, _words(aws, job, facts, before))


def _make(aws: Aws, job: DeployRun, plan: Plan, made: Made, words: AwsWords) -> dict[str, Any]:
    """Make what is planned; return what came of it."""
    model, config, told = plan.model["ModelName"], str(plan.config.get("EndpointConfigName", "")), plan.told
    made.call("sagemaker", "create_model", plan.model, "delete_model", {"ModelName": model})
    if plan.config:
        if told.queue:
            told = notified(aws, job.name, told, made)
        by = {"EndpointConfigName": config}
        made.call("sagemaker", "create_endpoint_config", plan.config, "delete_endpoint_config", by)
        _endpoint(aws, job, plan, made, config)
    facts: dict[str, Any] = {"endpoint": job.name, "way": job.way, "config": config, "model": model, **told.facts()}
    facts["updated"] = plan.update
    if job.wait or plan.scaling is not None or plan.component:
        _await(aws, job, plan, config, words)
    if plan.component:
        facts["component"] = _component(aws, job, plan, made, words)
    if plan.scaling is not None:
        facts["scaling"] = scaled(aws, plan.scaling, made)
    return facts


def _before(aws: Aws, name: str) -> Mapping[str, Any]:
    """Return what is known of an endpoint of that name; nothing where there is none."""
    try:
        return aws.call("sagemaker", "describe_endpoint", {"EndpointName": name}, doing=f"look for {name}")
    except GoneError:
        return {}


def _served(aws: Aws, job: DeployRun) -> tuple[str, str]:
    """Return where the model lies and the image, as far as they were said, or a training job tells."""
    if job.package is not None:
        return "", ""
    data, image = job.model or "", job.image or ""
    if job.from_job is not None:
        data, trained = _trained(aws, job.from_job)
        image = image or trained
    if not data:
        raise ConfigError("deploy needs a model: from_job, model or package. Give --from-job NAME.")
    return data, image


def _trained(aws: Aws, job: str) -> tuple[str, str]:
    """Return model and image of a training job."""
    if aws.dry_run:
        answer = {"ModelArtifacts": {"S3ModelArtifacts": aws.place("MODEL-OF", job, "output/model.tar.gz")}}
    else:
        answer = {}
    known = aws.call(
        "sagemaker", "describe_training_job", {"TrainingJobName": job}, answer=answer, doing=f"find the model of {job}"
    )
    state = known.get("TrainingJobStatus", "Completed")
    place = known.get("ModelArtifacts", {}).get("S3ModelArtifacts", "")
    if state not in ("Completed", "Stopped") or not place:
        why = known.get("FailureReason", "it has left no model")
        raise AwsError(f"The job {job} must have left a model; it is {state}: {why}. Wait for it: wait {job}.")
    return str(place), str(known.get("AlgorithmSpecification", {}).get("TrainingImage", ""))


def _endpoint(aws: Aws, job: DeployRun, plan: Plan, made: Made, config: str) -> None:
    if plan.update:
        aws.call("sagemaker", "update_endpoint", plan.endpoint, doing=f"update the endpoint {job.name}")
        # From now on it may use what was made, unless SageMaker went back to the config before.
        made.used(lambda: not _went_back(_before(aws, job.name), config))
    else:
        made.call("sagemaker", "create_endpoint", plan.endpoint, "delete_endpoint", {"EndpointName": job.name})


def _went_back(known: Mapping[str, Any], config: str) -> bool:
    """Tell whether an endpoint runs, and not on the config that it was given."""
    return known.get("EndpointStatus") == "InService" and known.get("EndpointConfigName") != config


def _await(aws: Aws, job: DeployRun, plan: Plan, config: str, words: AwsWords) -> None:
    """Wait until the endpoint is in service, and on the new config."""
    aws.say(f"endpoint {job.name}: waiting until it is in service")
    kind = kind_named("endpoint")
    known = await_end(aws, kind, job.name, patience=job.patience, quiet=words.quiet)
    ended_well(kind, job.name, known)
    if plan.update and plan.config and _went_back(known, config):
        raise AwsError(
            f"The endpoint {job.name} must take the config {config}; SageMaker went back to "
            f"{known['EndpointConfigName']}, which serves on: {kind.why(known)}"
        )


def _component(aws: Aws, job: DeployRun, plan: Plan, made: Made, words: AwsWords) -> str:
    """Put the model onto the endpoint's machines, under the endpoint's name; return that."""
    kind, request = kind_named("inference-component"), plan.component
    try:
        if not aws.dry_run:
            kind.ask(aws, job.name)
        there = not aws.dry_run
    except (GoneError, AwsError) as error:
        if type(error) not in (GoneError, AwsError):
            raise
        there = False
    if there:
        changed = {key: request[key] for key in ("InferenceComponentName", "Specification")}
        aws.call("sagemaker", "update_inference_component", changed, doing=f"update the component {job.name}")
        made.used(lambda: True)
    else:
        by = {"InferenceComponentName": job.name}
        made.call("sagemaker", "create_inference_component", request, "delete_inference_component", by)
    ended_well(kind, job.name, await_end(aws, kind, job.name, patience=job.patience, quiet=words.quiet))
    return job.name


def _words(aws: Aws, job: DeployRun, facts: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    state = "updated" if before else "made"
    lines = [f"endpoint {job.name} ({job.way}) {state}; model {facts['model']}, config {facts['config']}"]
    lines += [f"  {key}: {facts[key]}" for key in ("component", "output", "failures", "queue") if facts.get(key)]
    if before.get("EndpointConfigName") not in (None, facts["config"]):
        lines.append(f"  the config before, {before['EndpointConfigName']}, stays until it is deleted")
    if not (job.wait or job.most or job.way == "component"):
        lines.append(f"  it takes minutes to start: trackforge sagemaker wait {job.name}")
    if job.way != "serverless":
        lines.append(f"  it costs until it is deleted: trackforge sagemaker delete --project {aws.project} --yes")
    return "\n".join(lines)


deploy = subcommand(
    "deploy",
    DeployRun,
    _deploy,
    first="name",
    groups={
        "Model": ("from_job", "model", "package", "image", "environment"),
        "Endpoint": ("way", "instance", "count", "concurrency", "memory", "gpus", "output", "notify", "startup", "ami"),
        "Autoscaling": ("least", "most", "target", "cooldown"),
    },
)
