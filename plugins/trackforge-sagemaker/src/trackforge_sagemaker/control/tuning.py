"""``trackforge sagemaker tune`` and ``retrain-best``: a search over trainings, and its best values on all the data."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from trackforge.config import setting
from trackforge.errors import ConfigError
from trackforge_sagemaker import requests
from trackforge_sagemaker.client.failures import AwsError
from trackforge_sagemaker.control.aws import Aws, AwsRun
from trackforge_sagemaker.control.declaring import subcommand
from trackforge_sagemaker.control.jobs import MACHINES, TrainingChoices, assignments
from trackforge_sagemaker.control.training import BUILT_IN, built_in_training, own_training
from trackforge_sagemaker.requests.names import LONGEST

__all__ = ["RetrainRun", "TuneRun", "retrain_best", "tune"]

MAXIMISED = ("ap", "recall", "hota", "mota", "idf1", "mAP", "rank", "tpr", "reid_map", "voc_ap")
"""Beginnings of scores that are better the greater they are; whatever else is a loss."""
GROUPS = {
    "Search": ("tune", "objective", "direction", "jobs", "parallel", "strategy", "early", "seed", "after"),
    "Data": ("channels", "mode", "attributes", "manifest"),
    "Machines": MACHINES,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class TuneRun(TrainingChoices):
    """A tuning job."""

    manifest: str = setting("", help="As for train.")
    tune: tuple[str, ...] = setting(
        (), flags=("--tune", "-t"), help="What to vary: lr=1e-5:1e-3:log, id_loss=ce,focal. May be repeated."
    )
    objective: str = setting("", help="Metric that decides: val_loss, total_loss, ap, validation:mAP.")
    direction: Literal["maximise", "minimise"] | None = setting(
        None, help="As its name says (losses less, scores more) without it."
    )
    jobs: int = setting(10, minimum=1, help="Trainings in all.")
    parallel: int = setting(2, minimum=1, help="Trainings at a time.")
    strategy: Literal["Bayesian", "Random", "Grid"] = setting("Bayesian", help="How values are chosen.")
    early: bool = setting(False, help="Stop trainings that promise nothing.")
    seed: int = setting(-1, minimum=-1, help="Of the search; -1 for none.")
    after: tuple[str, ...] = setting((), commas=True, help="Earlier tunings to learn from.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RetrainRun(AwsRun):
    """The training of a tuning's best values."""

    tuning: str = setting(help="Name of the tuning.")
    name: str = setting("", help="What follows the project in the training's name; best without one.")
    whole: bool = setting(True, flags=("--no-whole",), help="Do not train on what was validated on.")
    hyperparameters: tuple[str, ...] = setting(
        (), flags=("--hyperparameter", "-H"), help="In place of the tuning's: train.epochs=80."
    )


def _tune(aws: Aws, job: TuneRun, words: Any) -> int:  # noqa: ARG001 - the signature of a subcommand
    if not job.objective or not job.tune:
        raise ConfigError("A tuning must have an objective and something to vary; give --objective and --tune.")
    name = job.unique(aws, most=LONGEST["tuning-job"])
    ranges = {key: requests.parse_range(value) for key, value in assignments(job.tune, "--tune")}
    if job.trainer == BUILT_IN:
        training = built_in_training(aws, job, name, job.manifest)
        ranges = requests.checked_ranges(ranges)
    else:
        training = own_training(aws, job, name)
    # The hyperparameters that vary are none of those that stay.
    request = requests.tuning_job(
        name, training, project=aws.project, objective=job.objective, minimise=_minimise(job), ranges=ranges,
        jobs=job.jobs, parallel=job.parallel, strategy=job.strategy, early=job.early,
        seed=None if job.seed < 0 else job.seed, warm_start=job.after,
    )  # fmt: skip
    answer = aws.call("sagemaker", "create_hyper_parameter_tuning_job", request, doing=f"start the tuning {name}")
    facts = {"name": name, "arn": answer.get("HyperParameterTuningJobArn")}
    return aws.finish(facts, f"{name}\nwait for it: trackforge sagemaker wait {name}\n"
                             f"then: trackforge sagemaker retrain-best {name}", name=name)  # fmt: skip


def _minimise(job: TuneRun) -> bool:
    if job.direction:
        return job.direction == "minimise"
    return not job.objective.rpartition(":")[2].startswith(MAXIMISED) and not job.objective.startswith("AP")


def _retrain(aws: Aws, job: RetrainRun, words: Any) -> int:  # noqa: ARG001 - the signature of a subcommand
    best, values = _best(aws, job.tuning)
    training = aws.call(
        "sagemaker", "describe_training_job", {"TrainingJobName": best}, doing=f"look at the training {best}",
        answer=_example(aws),
    )  # fmt: skip
    image = training["AlgorithmSpecification"].get("TrainingImage", "")
    whole = job.whole and "/object-detection:" not in image  # which validates always
    name = requests.unique_name(f"{aws.project}-{job.name or 'best'}")
    said = requests.hyperparameter_texts(dict(assignments(job.hyperparameters, "--hyperparameter")))
    request = requests.best_training(name, training, {**values, **said}, whole=whole)
    request["Tags"] = requests.project_tags(aws.project)  # describing tells none
    answer = aws.call("sagemaker", "create_training_job", request, doing=f"start the training {name}")
    facts = {"name": name, "arn": answer.get("TrainingJobArn"), "best": best, "values": values, "whole": whole}
    shown = ", ".join(f"{key}={value}" for key, value in sorted(values.items()))
    return aws.finish(
        facts,
        f"best of {job.tuning} is {best}: {shown}\n{name}\nwait for it: trackforge sagemaker wait {name}",
        name=name,
    )


def _best(aws: Aws, tuning: str) -> tuple[str, dict[str, str]]:
    """Return the name of a tuning's best training, and its tuned values."""
    told = aws.call(
        "sagemaker", "describe_hyper_parameter_tuning_job", {"HyperParameterTuningJobName": tuning},
        doing=f"look at the tuning {tuning}",
        answer={"BestTrainingJob": {"TrainingJobName": f"{tuning}-001-best", "TunedHyperParameters": {}}},
    )  # fmt: skip
    best = told.get("BestTrainingJob") or {}
    if not best.get("TrainingJobName"):
        status = told.get("HyperParameterTuningJobStatus", "unknown")
        raise AwsError(
            f"The tuning {tuning} must have a training that was scored; its state is {status}, and none was."
        )
    return str(best["TrainingJobName"]), dict(best.get("TunedHyperParameters") or {})


def _example(aws: Aws) -> dict[str, Any]:
    """Return what a dry run takes for the description of the best training."""
    return requests.training_job(
        "example", image=requests.image_uri(aws.account, aws.region, aws.project), role=aws.role, project=aws.project,
        output=aws.place("jobs"), channels={"train": aws.place("data", "example")},
    )  # fmt: skip


tune = subcommand("tune", TuneRun, _tune, first="trainer", groups=GROUPS)
retrain_best = subcommand("retrain-best", RetrainRun, _retrain, first="tuning")
