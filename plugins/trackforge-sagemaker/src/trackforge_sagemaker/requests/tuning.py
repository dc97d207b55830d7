"""The request of a tuning job (``create_hyper_parameter_tuning_job``), and that of the training of its best values.

A tuning takes a training's request and what to vary. It cannot set the container's command, so the image must know
``train``, which ours does; and its trainings would share one place of checkpoints, so they have none.

Source: Amazon SageMaker API Reference, ``HyperParameterTuningJobConfig``, ``HyperParameterTrainingJobDefinition``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from trackforge.errors import ConfigError, did_you_mean
from trackforge_sagemaker.requests.names import check_name
from trackforge_sagemaker.requests.ranges import Range, name_of, ranges_of
from trackforge_sagemaker.requests.sending import hyperparameter_texts
from trackforge_sagemaker.requests.sizes import in_use
from trackforge_sagemaker.requests.tags import project_tags

__all__ = ["best_training", "tuning_job"]

KEPT = (
    "AlgorithmSpecification", "RoleArn", "InputDataConfig", "VpcConfig", "OutputDataConfig", "ResourceConfig",
    "StoppingCondition", "EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining",
    "RetryStrategy", "Environment",
)  # fmt: skip
"""Members of a training's request that the definition of a tuning's trainings has as well."""
MOST_VARIABLES = 48


def tuning_job(
    name: str, training: Mapping[str, Any], *, project: str, objective: str, minimise: bool,
    ranges: Mapping[str, Range], jobs: int = 10, parallel: int = 2,
    strategy: Literal["Bayesian", "Random", "Grid"] = "Bayesian", early: bool = False, seed: int | None = None,
    warm_start: Sequence[str] = (), tags: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the request of ``sagemaker.create_hyper_parameter_tuning_job``.

    Args:
        name: Of the tuning, at most 32 letters, since the names of its trainings begin with it.
        training: What `training_job` gave: machines, data, and the hyperparameters that stay as they are.
        project: Its tags are put on the tuning; its trainings inherit them.
        objective: A metric of the training, such as ``val_loss`` or ``ap``.
        minimise: Whether less of it is better.
        ranges: What is varied: texts and lists are choices, pairs ``(least, most)`` ranges; see `Range`.
        jobs: How many trainings in all.
        parallel: How many at a time. A search learns from those that are done, so fewer at a time find more.
        strategy: How values are chosen; ``Grid`` tries all choices, and takes no ranges.
        early: Whether trainings that promise nothing are stopped.
        seed: Of the search, to have the same choices again.
        warm_start: Names of earlier tunings to learn from, at most 5.
        tags: Further tags.

    Raises:
        ConfigError: The objective is no metric of the training, a hyperparameter is both varied and fixed, or numbers
            are out of range.
    """
    metrics = [one["Name"] for one in training["AlgorithmSpecification"].get("MetricDefinitions", ())]
    if metrics and objective not in metrics:
        raise ConfigError(
            f"The objective must be a metric that is read from the log; got {objective!r}."
            f"{did_you_mean(objective, metrics)} There are: {', '.join(metrics)}."
        )
    if not 1 <= parallel <= jobs:
        raise ConfigError(f"At least 1 training must run at a time, and at most all {jobs}; got {parallel}.")
    if len(warm_start) > 5:
        raise ConfigError(f"A tuning may learn from 5 others; got {len(warm_start)}.")
    fixed = dict(training.get("HyperParameters", {}))
    both = sorted({name_of(one) for one in ranges} & set(fixed))
    if both:
        raise ConfigError(f"A hyperparameter must be either varied or fixed; both were said of {', '.join(both)}.")
    limits: dict[str, int] = {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": parallel}
    if strategy == "Grid":
        del limits["MaxNumberOfTrainingJobs"]  # the choices say how many there are
    config: dict[str, Any] = {
        "Strategy": strategy,
        "HyperParameterTuningJobObjective": {
            "Type": "Minimize" if minimise else "Maximize", "MetricName": objective,
        },
        "ResourceLimits": limits,
        "ParameterRanges": ranges_of(ranges, choices_only=strategy == "Grid"),
        "TrainingJobEarlyStoppingType": "Auto" if early else "Off",
    }  # fmt: skip
    if seed is not None:
        config["RandomSeed"] = seed
    request: dict[str, Any] = {
        "HyperParameterTuningJobName": check_name(name, "tuning-job"),
        "HyperParameterTuningJobConfig": config,
        "TrainingJobDefinition": _definition(training, fixed),
        "Tags": project_tags(project, tags),
    }
    if warm_start:
        parents = [{"HyperParameterTuningJobName": one} for one in warm_start]
        # Ranges and fixed values may differ, as long as the image is the same.
        request["WarmStartConfig"] = {
            "ParentHyperParameterTuningJobs": parents, "WarmStartType": "TransferLearning",
        }  # fmt: skip
    return request


def best_training(
    name: str, training: Mapping[str, Any], best: Mapping[str, str], *, whole: bool = True
) -> dict[str, Any]:
    """Return the request of a training with a tuning's best values.

    Args:
        name: Of the training.
        training: What `training_job` gave, or what ``describe_training_job`` tells of the tuning's best training.
        best: The tuned values (``TunedHyperParameters``), or all of that training's (``HyperParameters``).
        whole: Whether it trains on all pictures, those that were validated on among them, as our image does with the
            hyperparameter ``whole``. There is nothing to compare then.

    Raises:
        ConfigError: A value cannot be sent.
    """
    kept = {key: training[key] for key in (*KEPT, "Tags", "CheckpointConfig") if training.get(key)}
    stopping = {key: value for key, value in training["StoppingCondition"].items() if key.startswith("Max")}
    resources = {key: value for key, value in training["ResourceConfig"].items() if value not in (None, [], {})}
    if "InstanceType" in resources:
        resources["InstanceType"] = in_use(resources["InstanceType"])  # an old tuning's may be retired
    values = {**training.get("HyperParameters", {}), **best}
    # A tuner's own, such as _tuning_objective_metric, are not sent along.
    texts = hyperparameter_texts({key: value for key, value in values.items() if not key.startswith("_")})
    return {
        "TrainingJobName": check_name(name, "training-job"),
        **kept,
        "StoppingCondition": stopping,
        "ResourceConfig": resources,
        "HyperParameters": texts | ({"whole": "true"} if whole else {}),
    }


def _definition(training: Mapping[str, Any], fixed: Mapping[str, str]) -> dict[str, Any]:
    made = {key: training[key] for key in KEPT if key in training}
    wanted = ("TrainingImage", "TrainingInputMode", "AlgorithmName", "MetricDefinitions")
    specification = made["AlgorithmSpecification"]
    others = sorted(set(specification) - set(wanted))
    if others:
        raise ConfigError(f"A tuning cannot set {', '.join(others)}: take an image whose command is 'train'.")
    if len(made.get("Environment", ())) > MOST_VARIABLES:
        raise ConfigError(
            f"A tuning may set {MOST_VARIABLES} environment variables; the training has {len(made['Environment'])}."
        )
    return {**made, "StaticHyperParameters": dict(fixed)}
