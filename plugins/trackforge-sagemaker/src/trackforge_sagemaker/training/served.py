"""What the model of a job will be served with, checked before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trackforge.errors import ConfigError, TrackforgeError
from trackforge.registry import registry
from trackforge.runs.component import mention
from trackforge.runs.layers import Layer
from trackforge.serving import ServingRun, plan_serving
from trackforge_sagemaker.hyperparameters import UNSAID, Hyperparameter, converted
from trackforge_sagemaker.model_settings import check_tables

__all__ = ["served"]

USUAL = {"fairmot": "fairmot"}
"""Trackers that the models of a trainer are published with; others are served with `OTHERWISE`."""
OTHERWISE = "byte"
MODEL = ("name", "weights")
"""Settings of a detector that are the model's own."""


def served(trainer: str, tracker: str, given: Mapping[str, Mapping[str, Hyperparameter]]) -> dict[str, dict[str, Any]]:
    """Return the tables ``detector``, ``tracker`` and ``serve`` of the model, as far as there is anything in them.

    Args:
        trainer: What is trained; the detector of its models has the same name.
        tracker: Its name; the trainer's usual one if empty.
        given: Hyperparameters by table and setting.

    Raises:
        ConfigError: A setting is unknown or wrong, or belongs to the model or the server's machine.
        UnknownComponentError: There is no such tracker.
    """
    tables = {name: dict(table) for name, table in given.items()}
    said = tables.get("tracker", {}).pop("name", None)
    name = (str(said.text) if said else "") or tracker or _usual(trainer)
    try:
        spec = registry().find("tracker", name)
    except TrackforgeError as error:
        raise mention(error, said.called if said else "Hyperparameter tracker") from None
    owner = f"tracker {spec.name!r}"
    settings = _converted(spec.load_config(), tables.get("tracker", {}), owner)
    try:
        spec.create(settings)
    except ConfigError as error:  # of settings that do not go together
        raise mention(error, f"Hyperparameters of {owner}") from None
    chosen = {"name": spec.name, **settings}
    detector = _detector(trainer, tables.get("detector", {}))
    serve = _serve(tables.get("serve", {}))
    found = {"detector": detector, "tracker": chosen, "serve": serve}
    if trainer in _known("detector"):
        looking = {"name": trainer, **detector}
        plan_serving(Layer("what to serve the model with", {"detector": looking, "tracker": chosen}, options=serve))
    return {table: settings for table, settings in found.items() if settings}


def _detector(trainer: str, table: Mapping[str, Hyperparameter]) -> dict[str, Any]:
    own = next((table[name] for name in MODEL if name in table), None)
    if own is not None:
        raise ConfigError(f"{own.called} must be left out: the detector is what is trained.")
    if trainer not in _known("detector"):  # its plugin knows under which name its models are served
        return {name: one.value for name, one in table.items()}
    return _converted(registry().find("detector", trainer).load_config(), table, f"detector {trainer!r}")


def _serve(table: Mapping[str, Hyperparameter]) -> dict[str, Any]:
    found = _converted(ServingRun, table, "the server")
    check_tables({"serve": found}, "The hyperparameters")
    return found


def _converted(config: type | None, table: Mapping[str, Hyperparameter], owner: str) -> dict[str, Any]:
    if config is None and table:
        raise ConfigError(f"{next(iter(table.values())).called}: {owner} has no settings. Leave it out.")
    found = {name: converted(config, name, one, owner) for name, one in table.items()} if config else {}
    return {name: value for name, value in found.items() if value is not UNSAID}


def _known(kind: str) -> set[str]:
    return {spec.name for spec, _ in registry().specs(kind)}


def _usual(trainer: str) -> str:
    names = _known("tracker")
    return next((one for one in (USUAL.get(trainer, OTHERWISE), OTHERWISE) if one in names), OTHERWISE)
