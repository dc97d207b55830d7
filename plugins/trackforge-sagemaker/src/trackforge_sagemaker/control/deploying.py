"""``trackforge sagemaker deploy``: an endpoint from a training job, a model in S3 or a shared package."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from trackforge.config import setting
from trackforge.errors import ConfigError
from trackforge_sagemaker.client.failures import AwsError, GoneError
from trackforge_sagemaker.control.aws import Aws, AwsRun
from trackforge_sagemaker.control.declaring import AwsWords, subcommand
from trackforge_sagemaker.control.endpoint_parts import Made, Told, notified, scaled
from trackforge_sagemaker.control.kinds import kind_named
from trackforge_sagemaker.control.waiting import await_end, ended_well
from trackforge_sagemaker.requests import (
    asynchronous,
    check_name,
    component_variant,
    container,
    endpoint,
    endpoint_config,
    image_uri,
    inference_component,
    model,
    packaged_model,
    serverless_variant,
    unique_name,
    variant,
)

__all__ = ["DeployRun", "deploy"]

Way = Literal["real-time", "asynchronous", "serverless", "component"]
_VARIANT = "all"


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeployRun(AwsRun):
    """What is deployed, and how."""

    name: str = setting(
        "", help="Name of the endpoint, which begins with the project: cameras is PROJECT-cameras. One that is there "
        "already is updated.",
    )  # fmt: skip
    from_job: str | None = setting(None, help="Training job whose model is taken, and whose image serves it.")
    model: str | None = setting(None, help="Model: s3://bucket/model.tar.gz, or a prefix that ends in /.")
    package: str | None = setting(None, help="Model that a team shares: ARN of a model package.")
    image: str | None = setting(None, help="Image; the project's in ECR where neither this nor a job says.")
    way: Way = setting("real-time", help="real-time, asynchronous, serverless, or component: room for inference "
                       "components, which go down to zero.")  # fmt: skip
    instance: str = setting("ml.g5.xlarge", help="Size of the machines.")
    count: int = setting(1, help="Machines at first.", minimum=1)
    least: int | None = setting(
        None, help="Autoscaling: the fewest machines (or copies); 0 for none at rest.", minimum=0
    )
    most: int | None = setting(None, help="Autoscaling: most machines (or copies); none for no autoscaling.", minimum=1)
    target: float | None = setting(
        None, help="Autoscaling: calls that wait, a machine (asynchronous; 5), or calls a minute (others).", above=0
    )
    cooldown: int = setting(300, help="Autoscaling: seconds after machines were taken away.", minimum=0, unit="s")
    concurrency: int = setting(4, help="asynchronous, serverless: requests at once.", minimum=1)
    memory: int = setting(6144, help="serverless: MB of memory; component: MiB that a copy needs.", minimum=128)
    gpus: int = setting(1, help="component: GPUs that a copy needs.", minimum=0)
    output: str | None = setting(None, help="asynchronous: where results go; below the bucket where it is not given.")
    notify: bool = setting(False, help="asynchronous: make topics, and a queue that hears of results and failures.")
    environment: tuple[str, ...] = setting((), flags=("--environment", "-e"), help="NAME=VALUE. May be repeated.")
    startup: int = setting(600, help="How long loading may take.", minimum=60, maximum=3600, unit="s")
    ami: str = setting("", help="Version of the machines' system, where the image's CUDA needs another driver.")
    wait: bool = setting(False, help="Wait until it is in service; autoscaling and components do so anyway.")
    patience: float = setting(3600.0, help="How long to wait.", minimum=0, unit="s")

    def __post_init__(self) -> None:
        super().__post_init__()
        if sum(one is not None for one in (self.from_job, self.model, self.package)) > 1:
            raise ConfigError("deploy takes one of from_job, model and package; several are given.")
        if self.least is not None and self.most is None:
            raise ConfigError("least needs most: how many machines there may be.")
        if self.way == "serverless" and self.most is not None:
            raise ConfigError("A serverless endpoint scales by itself; leave out least and most, give concurrency.")
        if self.way == "real-time" and self.least == 0:
            raise ConfigError(
                "A real-time endpoint keeps a machine. Down to none goes way=component (calls fail while it comes "
                "back, clients here wait), or way=asynchronous (its queue waits)."
            )

    def variables(self) -> dict[str, str]:
        """Return the environment of the container."""
        pairs = [one.partition("=") for one in self.environment]
        if wrong := [name for name, sign, _ in pairs if not (sign and name)]:
            raise ConfigError(f"environment takes NAME=VALUE; got {wrong[0]!r}.")
        return {name: value for name, _, value in pairs}


def _deploy(aws: Aws, job: DeployRun, words: AwsWords) -> int:
    if not job.name:
        raise ConfigError("deploy needs a name for the endpoint: deploy street --from-job street-train-1.")
    if not job.name.startswith(aws.project):  # so that rights can be given by names
        job = dataclasses.replace(job, name=f"{aws.project}-{job.name}")
    check_name(job.name, "endpoint")
    before = _before(aws, job.name)
    made, stays = Made(aws), bool(before) and job.way == "component"  # its machines carry the new model as well
    told, config = Told(), str(before.get("EndpointConfigName", ""))
    try:
        name = _model(aws, job, made)
        if not stays:
            told = _told(aws, job, made)
            config = _config(aws, job, name, told, made)
            _endpoint(aws, job, config, made, update=bool(before))
    except AwsError:
        made.undo()
        raise
    facts: dict[str, Any] = {"endpoint": job.name, "way": job.way, "config": config, "model": name, **told.facts()}
    facts["updated"] = bool(before)
    if job.wait or job.most is not None or job.way == "component":
        aws.say(f"endpoint {job.name}: waiting until it is in service")
        kind = kind_named("endpoint")
        ended_well(kind, job.name, await_end(aws, kind, job.name, patience=job.patience, quiet=words.quiet))
    if job.way == "component":
        facts["component"] = _component(aws, job, name, words)
    if job.most is not None:
        facts["scaling"] = scaled(
            aws, job.way, job.name, str(facts.get("component", "")), least=job.least if job.least is not None else 1,
            most=job.most, target=job.target, cooldown=job.cooldown, variant=_VARIANT,
        )  # fmt: skip
    return aws.finish(facts, _words(aws, job, facts, before))


def _before(aws: Aws, name: str) -> Mapping[str, Any]:
    """Return what is known of an endpoint of that name; nothing where there is none."""
    try:
        return aws.call("sagemaker", "describe_endpoint", {"EndpointName": name}, doing=f"look for {name}")
    except GoneError:
        return {}


def _model(aws: Aws, job: DeployRun, made: Made) -> str:
    """Make the model and return its name."""
    name, variables = unique_name(job.name, most=63), job.variables()
    if job.package is not None:
        request = packaged_model(name, job.package, role=aws.role, project=aws.project, environment=variables)
    else:
        data, image = job.model or "", job.image
        if job.from_job is not None:
            data, trained = _trained(aws, job.from_job)
            image = image or trained
        if not data:
            raise ConfigError("deploy needs a model: from_job, model or package. Give --from-job NAME.")
        image = image or image_uri(aws.account, aws.region, aws.project)
        request = model(
            name, role=aws.role, project=aws.project, containers=[container(image, data, environment=variables)]
        )
    made.call("sagemaker", "create_model", request, "delete_model", {"ModelName": name})
    return name


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


def _told(aws: Aws, job: DeployRun, made: Made) -> Told:
    """Make what an asynchronous endpoint tells, and say where its results go."""
    if job.way != "asynchronous":
        return Told()
    output = (job.output or aws.place("async", job.name, "out")).rstrip("/")
    told = Told(output=output, failures=f"{output}-failed")
    return notified(aws, job.name, told, made) if job.notify else told


def _config(aws: Aws, job: DeployRun, name: str, told: Told, made: Made) -> str:
    """Make the endpoint's config and return its name."""
    calls, role = None, ""
    if job.way == "serverless":
        one = serverless_variant(name, name=_VARIANT, memory=job.memory, concurrency=job.concurrency)
    elif job.way == "component":
        one = component_variant(
            name=_VARIANT, instance=job.instance, least=job.least if job.least is not None else 1,
            most=job.most or max(job.count, 1), startup=job.startup,
        )  # fmt: skip
        role = aws.role
    else:
        one = variant(
            name, name=_VARIANT, instance=job.instance, count=job.count, startup=job.startup, ami=job.ami
        )  # fmt: skip
    if job.way == "asynchronous":
        calls = asynchronous(
            told.output, failures=told.failures, succeeded=told.succeeded, failed=told.failed,
            concurrency=job.concurrency,
        )  # fmt: skip
    config = unique_name(job.name, most=63)
    request = endpoint_config(config, [one], project=aws.project, calls=calls, role=role)
    made.call("sagemaker", "create_endpoint_config", request, "delete_endpoint_config", {"EndpointConfigName": config})
    return config


def _endpoint(aws: Aws, job: DeployRun, config: str, made: Made, *, update: bool) -> None:
    if update:
        request = {"EndpointName": job.name, "EndpointConfigName": config}
        aws.call("sagemaker", "update_endpoint", request, doing=f"update the endpoint {job.name}")
    else:
        request = endpoint(job.name, config, project=aws.project)
        made.call("sagemaker", "create_endpoint", request, "delete_endpoint", {"EndpointName": job.name})


def _component(aws: Aws, job: DeployRun, name: str, words: AwsWords) -> str:
    """Put the model onto the endpoint's machines, under the endpoint's name; return that."""
    kind, request = kind_named("inference-component"), inference_component(
        job.name, endpoint=job.name, model=name, project=aws.project, variant=_VARIANT, memory=job.memory,
        gpus=job.gpus, startup=job.startup,
    )  # fmt: skip
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
    else:
        aws.call("sagemaker", "create_inference_component", request, doing=f"make the component {job.name}")
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
