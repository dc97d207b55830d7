"""``ModelTrainer``, ``HyperparameterTuner`` and processors of the SDK, made from our requests; not started.

Our image knows the word ``train``: no ``source_code`` is given, so that the SDK leaves its entry point alone, and no
shell stands between SageMaker and the training when it is stopped.

What the SDK does beside: it asks IAM what the role may (unless ``SAGEMAKER_VALIDATE_ROLE=false``), asks STS for a
default bucket (unless the session has one), and sends telemetry (unless its configuration says
``TelemetryOptOut: true``).

Source: ``aws/sagemaker-python-sdk`` 3.27 (Apache-2.0): names and meaning of its classes' arguments.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from trackforge.errors import MissingDependencyError
from trackforge_sagemaker.sdk.fields import resource_fields

__all__ = ["hyperparameter_tuner", "model_builder_fields", "model_trainer", "processor"]

INSTALL = "pip install 'sagemaker-train>=1.27,<2'"


def model_trainer(request: Mapping[str, Any], *, session: Any = None) -> tuple[Any, list[Any]]:
    """Return a ``ModelTrainer`` and its channels, from what `training_job` gave.

    Start it by ``trainer.train(input_data_config=channels, wait=False)``.

    Args:
        request: Of a training on our image.
        session: ``sagemaker.core.helper.session_helper.Session``; the SDK makes one without it.

    Raises:
        MissingDependencyError: The SDK is not installed.
    """
    train, configs, shapes = (_sdk(f"sagemaker.{one}") for one in ("train", "train.configs", "core.shapes"))
    fields = resource_fields(request)
    container = fields["algorithm_specification"]
    network = {
        key: fields[key]
        for key in ("enable_network_isolation", "enable_inter_container_traffic_encryption")
        if key in fields
    } | fields.get("vpc_config", {})
    compute = fields["resource_config"] | {"enable_managed_spot_training": fields.get("enable_managed_spot_training")}
    given: dict[str, Any] = {
        "training_image": container["training_image"],
        "training_input_mode": container["training_input_mode"],
        "role": fields["role_arn"],
        "base_job_name": fields["training_job_name"],
        "compute": configs.Compute(**compute),
        "stopping_condition": configs.StoppingCondition(**fields["stopping_condition"]),
        "output_data_config": configs.OutputDataConfig(**fields["output_data_config"]),
        "hyperparameters": fields.get("hyper_parameters", {}),
        "environment": fields.get("environment", {}),
        "tags": [shapes.Tag(**one) for one in fields.get("tags", ())],
    }
    if network:
        given["networking"] = configs.Networking(**network)
    if "checkpoint_config" in fields:
        given["checkpoint_config"] = configs.CheckpointConfig(**fields["checkpoint_config"])
    if session is not None:
        given["sagemaker_session"] = session
    made = train.ModelTrainer(**given)
    metrics = container.get("metric_definitions", ())
    if metrics:
        made = made.with_metric_definitions([configs.MetricDefinition(**one) for one in metrics])
    return made, [shapes.Channel(**one) for one in fields.get("input_data_config", ())]


def hyperparameter_tuner(
    request: Mapping[str, Any], training: Mapping[str, Any], *, session: Any = None
) -> tuple[Any, list[Any]]:
    """Return a ``HyperparameterTuner`` and its channels, from what `tuning_job` and `training_job` gave.

    Start it by ``tuner.tune(inputs=channels, wait=False)``.

    Args:
        request: Of the tuning.
        training: The request that it was made from.
        session: As for `model_trainer`.

    Raises:
        MissingDependencyError: The SDK is not installed.
    """
    tuner = _sdk("sagemaker.train.tuner").HyperparameterTuner
    trainer, channels = model_trainer(training, session=session)
    config = request["HyperParameterTuningJobConfig"]
    objective, limits = config["HyperParameterTuningJobObjective"], config["ResourceLimits"]
    given: dict[str, Any] = {
        "model_trainer": trainer,
        "objective_metric_name": objective["MetricName"],
        "objective_type": objective["Type"],
        "hyperparameter_ranges": _ranges(config["ParameterRanges"]),
        "metric_definitions": request["TrainingJobDefinition"]["AlgorithmSpecification"].get("MetricDefinitions"),
        "strategy": config["Strategy"],
        "max_jobs": limits.get("MaxNumberOfTrainingJobs"),
        "max_parallel_jobs": limits["MaxParallelTrainingJobs"],
        "early_stopping_type": config["TrainingJobEarlyStoppingType"],
        "base_tuning_job_name": request["HyperParameterTuningJobName"],
        "tags": list(request["Tags"]),
    }
    if "RandomSeed" in config:
        given["random_seed"] = config["RandomSeed"]
    return tuner(**given), channels


def processor(request: Mapping[str, Any], *, session: Any = None) -> tuple[Any, dict[str, Any]]:
    """Return a ``Processor``, and the arguments of its ``run``, from what `processing_job` gave.

    Start it by ``made.run(**arguments, wait=False, logs=False)``.

    Args:
        request: Of the job.
        session: As for `model_trainer`.

    Raises:
        MissingDependencyError: The SDK is not installed.
    """
    processing, shapes = _sdk("sagemaker.core.processing"), _sdk("sagemaker.core.shapes")
    cluster, application = request["ProcessingResources"]["ClusterConfig"], request["AppSpecification"]
    given: dict[str, Any] = {
        "role": request["RoleArn"],
        "image_uri": application["ImageUri"],
        "entrypoint": application["ContainerEntrypoint"],
        "instance_count": cluster["InstanceCount"],
        "instance_type": cluster["InstanceType"],
        "volume_size_in_gb": cluster["VolumeSizeInGB"],
        "volume_kms_key": cluster.get("VolumeKmsKeyId"),
        "output_kms_key": request["ProcessingOutputConfig"].get("KmsKeyId"),
        "max_runtime_in_seconds": request["StoppingCondition"]["MaxRuntimeInSeconds"],
        "env": request.get("Environment"),
        "tags": list(request["Tags"]),
    }
    if "NetworkConfig" in request:
        network = request["NetworkConfig"]
        vpc = network.get("VpcConfig", {})
        given["network_config"] = _sdk("sagemaker.core.network").NetworkConfig(
            enable_network_isolation=network["EnableNetworkIsolation"],
            security_group_ids=vpc.get("SecurityGroupIds"),
            subnets=vpc.get("Subnets"),
        )
    if session is not None:
        given["sagemaker_session"] = session
    fields = resource_fields(request)
    arguments = {
        "inputs": [shapes.ProcessingInput(**one) for one in fields["processing_inputs"]],
        "outputs": [shapes.ProcessingOutput(**one) for one in fields["processing_output_config"]["outputs"]],
        "arguments": application.get("ContainerArguments"),
        "job_name": request["ProcessingJobName"],
    }
    return processing.Processor(**given), arguments


def model_builder_fields(model: Mapping[str, Any], config: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the arguments of ``sagemaker.serve.ModelBuilder`` that a model's request says.

    The rest is the SDK's: what is served (``model`` or ``inference_spec``) and by which server (``model_server``),
    which it asks for where an image is named. Our image is its own server; `resource_fields` with
    ``sagemaker.core.resources.Model`` and ``Endpoint`` asks for nothing more.

    Args:
        model: What `model` gave, with one container.
        config: What `endpoint_config` gave, for the size.
    """
    container = model["PrimaryContainer"]
    source = container.get("ModelDataSource") or container.get("ModelDataUrl")
    given = {
        "image_uri": container["Image"],
        "s3_model_data_url": source,
        "role_arn": model["ExecutionRoleArn"],
        "env_vars": dict(container.get("Environment", {})),
    }
    if config is not None and "InstanceType" in config["ProductionVariants"][0]:
        given["instance_type"] = config["ProductionVariants"][0]["InstanceType"]
    return {key: value for key, value in given.items() if value is not None}


def _ranges(ranges: Mapping[str, Any]) -> dict[str, Any]:
    parameter = _sdk("sagemaker.core.parameter")
    made: dict[str, Any] = {}
    for one in ranges.get("IntegerParameterRanges", ()):
        made[one["Name"]] = parameter.IntegerParameter(int(one["MinValue"]), int(one["MaxValue"]), one["ScalingType"])
    for one in ranges.get("ContinuousParameterRanges", ()):
        least, most = float(one["MinValue"]), float(one["MaxValue"])
        made[one["Name"]] = parameter.ContinuousParameter(least, most, one["ScalingType"])
    for one in ranges.get("CategoricalParameterRanges", ()):
        made[one["Name"]] = parameter.CategoricalParameter(list(one["Values"]))
    return made


def _sdk(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("sagemaker"):
            raise
        raise MissingDependencyError(
            f"The SageMaker Python SDK v3 must be installed for its classes; {module} is not there. {INSTALL}; boto3 "
            "alone does the same by the request."
        ) from None
