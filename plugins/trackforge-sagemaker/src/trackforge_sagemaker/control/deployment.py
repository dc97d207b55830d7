"""What a deployment is told, and everything that it will ask AWS for: built and checked before anything is made."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from trackforge.config import setting
from trackforge.errors import ConfigError
from trackforge_sagemaker import requests as r
from trackforge_sagemaker.control.aws import Aws, AwsRun
from trackforge_sagemaker.control.endpoint_parts import Told, notified_names
from trackforge_sagemaker.control.imaging import default_image, flavour_of
from trackforge_sagemaker.control.jobs import size
from trackforge_sagemaker.requests.scaling import Scaling
from trackforge_sagemaker.requests.sizes import machine

__all__ = ["DeployRun", "Plan", "planned"]

Way = Literal["real-time", "asynchronous", "serverless", "component"]
VARIANT = "all"


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
    count: int | None = setting(
        None, help="Machines at first; 1, and as many as there are where an endpoint is updated.", minimum=1
    )
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
    gpus: int | None = setting(None, help="component: GPUs that a copy needs; 1 on sizes with GPUs.", minimum=0)
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


@dataclasses.dataclass(frozen=True)
class Plan:
    """The requests of one deployment.

    Attributes:
        model: Of ``create_model``.
        config: Of ``create_endpoint_config``; empty where an endpoint's machines carry the new model as well.
        endpoint: Of ``create_endpoint``, or of ``update_endpoint`` where it is there; empty as the config.
        update: Whether the endpoint is there.
        component: Of ``create_inference_component``; empty where there is none.
        scaling: How it grows and shrinks; None for not at all.
        told: Where results go, and who hears of them.
    """

    model: Mapping[str, Any]
    config: Mapping[str, Any]
    endpoint: Mapping[str, Any]
    update: bool
    component: Mapping[str, Any]
    scaling: Scaling | None
    told: Told

    def check(self) -> None:
        """Hold every request against its service's model.

        Raises:
            ConfigError: One does not keep it.
        """
        r.check("sagemaker", "create_model", self.model)
        if self.config:
            r.check("sagemaker", "create_endpoint_config", self.config)
            r.check("sagemaker", "update_endpoint" if self.update else "create_endpoint", self.endpoint)
        if self.component:
            r.check("sagemaker", "create_inference_component", self.component)
        for call in self.scaling.calls() if self.scaling is not None else ():
            call.check()


def planned(aws: Aws, job: DeployRun, before: Mapping[str, Any], data: str, image: str) -> Plan:
    """Return what a deployment will ask for.

    Args:
        aws: Account and region.
        job: What was said, with the endpoint's whole name.
        before: What ``describe_endpoint`` tells of an endpoint of that name; nothing where there is none.
        data: Where the model lies; empty where a package was named.
        image: The image; the project's, of the flavour that fits the machines, without one.

    Raises:
        ConfigError: Something cannot be asked for.
    """
    job = dataclasses.replace(job, instance=size(aws, job.instance))
    least = 1 if job.least is None else job.least
    name, told = r.unique_name(job.name, most=63), _told(aws, job)
    stays = bool(before) and job.way == "component"
    config: Mapping[str, Any] = {} if stays else _config(aws, job, name, told, least)
    made = Plan(
        model=_model(aws, job, name, data, image),
        config=config,
        endpoint={} if stays else _endpoint(aws, job, str(config["EndpointConfigName"]), before),
        update=bool(before),
        component=_component(aws, job, name) if job.way == "component" else {},
        scaling=None if job.most is None else _scaling(aws, job, least, job.most),
        told=told,
    )
    made.check()
    return made


def _model(aws: Aws, job: DeployRun, name: str, data: str, image: str) -> dict[str, Any]:
    variables = job.variables()
    if job.package is not None:
        return r.packaged_model(name, job.package, role=aws.role, project=aws.project, environment=variables)
    image = image or default_image(aws, "cpu" if job.way == "serverless" else flavour_of(job.instance))
    one = r.container(image, data, environment=variables)
    return r.model(name, role=aws.role, project=aws.project, containers=[one])


def _told(aws: Aws, job: DeployRun) -> Told:
    """Return what an asynchronous endpoint tells, and where its results go."""
    if job.way != "asynchronous":
        return Told()
    output = (job.output or aws.place("async", job.name, "out")).rstrip("/")
    told = Told(output=output, failures=f"{output}-failed")
    return notified_names(aws, job.name, told) if job.notify else told


def _config(aws: Aws, job: DeployRun, model: str, told: Told, least: int) -> dict[str, Any]:
    calls, role, count = None, "", job.count or 1
    if job.way == "serverless":
        one = r.serverless_variant(model, name=VARIANT, memory=job.memory, concurrency=job.concurrency)
    elif job.way == "component":
        one = r.component_variant(
            name=VARIANT, instance=job.instance, least=least, most=job.most or count, startup=job.startup
        )
        role = aws.role
    else:
        one = r.variant(
            model, name=VARIANT, instance=job.instance, count=count, startup=job.startup, ami=job.ami
        )  # fmt: skip
    if job.way == "asynchronous":
        calls = r.asynchronous(
            told.output, failures=told.failures, succeeded=told.succeeded, failed=told.failed,
            concurrency=job.concurrency,
        )  # fmt: skip
    return r.endpoint_config(
        r.unique_name(job.name, most=63), [one], project=aws.project, calls=calls, role=role
    )  # fmt: skip


def _endpoint(aws: Aws, job: DeployRun, config: str, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request of the endpoint; an update leaves it as many machines as it has, unless a count was said."""
    if not before:
        return r.endpoint(job.name, config, project=aws.project)
    request = {"EndpointName": job.name, "EndpointConfigName": config}
    there = [one for one in before.get("ProductionVariants") or () if one.get("VariantName") == VARIANT]
    running = any(one.get("CurrentInstanceCount") and "CurrentServerlessConfig" not in one for one in there)
    if job.count is not None or job.way == "serverless" or not running:
        return request
    return request | {"RetainAllVariantProperties": True}


def _component(aws: Aws, job: DeployRun, model: str) -> dict[str, Any]:
    """Return the request of the inference component, which is called like its endpoint.

    Raises:
        ConfigError: A copy needs what the machine has not.
    """
    gpus = job.gpus if job.gpus is not None else int(flavour_of(job.instance) == "gpu")
    known = machine(job.instance)
    if known is not None and (gpus > known.gpus or job.memory > known.memory * 1024):
        raise ConfigError(
            f"A copy must find room on its machine; it needs {gpus} GPUs and {job.memory} MiB, and there is {known}. "
            "Give --gpus, --memory or another --instance."
        )
    return r.inference_component(
        job.name, endpoint=job.name, model=model, project=aws.project, variant=VARIANT, memory=job.memory, gpus=gpus,
        startup=job.startup,
    )  # fmt: skip


def _scaling(aws: Aws, job: DeployRun, least: int, most: int) -> Scaling:
    more: dict[str, Any] = {"project": aws.project, "least": least, "most": most, "cooldown_in": job.cooldown}
    if job.target is not None:
        more["backlog" if job.way == "asynchronous" else "calls"] = job.target
    if job.way == "component":
        return r.component_scaling(job.name, **more)
    if job.way == "asynchronous":
        return r.queue_scaling(job.name, variant=VARIANT, **more)
    return r.variant_scaling(job.name, variant=VARIANT, **more)
