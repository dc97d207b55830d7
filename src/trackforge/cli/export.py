"""``trackforge export``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from trackforge.cli.printing import put

__all__ = ["export"]


def export(
    name: str,
    /,
    *,
    weights: str | None = None,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    to: str | None = None,
    set_: Annotated[list[str] | None, Parameter(name=["--set"])] = None,
    as_json: Annotated[bool, Parameter(name=["--json"], show_default=False)] = False,
    help_settings: Annotated[bool, Parameter(show_default=False)] = False,
) -> int:
    """Export a model, say to ONNX.

    Parameters
    ----------
    name
        Name of the exporter; trackforge info exporter lists them. Or a checkpoint that training wrote, which says
        itself which one it needs, or an artefact of SageMaker's (model.tar.gz).
    weights
        Checkpoint, or published name of one.
    out
        File to write.
    to
        What to write, where an exporter knows several forms: onnx, sagemaker (model.tar.gz), trackforge (.pth).
    set_
        A setting of the exporter, key=value. May be repeated.
    as_json
        Print JSON.
    help_settings
        Show every setting of the exporter, and do nothing.
    """
    from trackforge.errors import ConfigError
    from trackforge.io.targets import check_writable, keep_apart
    from trackforge.registry.bundles import component_for
    from trackforge.runs.component import checked

    spec, settings = component_for("exporter", name)
    if help_settings:
        from trackforge.cli.info import show_settings

        show_settings([spec], as_json=as_json)
        return 0
    assigned: dict[str, Any] = {}
    for assignment in set_ or []:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise ConfigError(f"--set must read key=value, e.g. dynamic=false; got {assignment!r}.")
        assigned[key.strip().removeprefix("export.")] = value
    settings.update(checked(spec, assigned, f"--set: exporter {spec.name!r}"))
    if to is not None:
        if all(setting.name != "to" for setting in spec.settings()):
            raise ConfigError(f"--to is for exporters that know several forms; {spec.name!r} knows one. Leave it out.")
        settings.update(checked(spec, {"to": to}, f"--to: exporter {spec.name!r}"))
    settings.update({key: value for key, value in (("weights", weights), ("output", out)) if value is not None})
    check_writable([settings["output"]] if settings.get("output") else [])
    if out is not None and settings.get("weights"):
        keep_apart([out], [settings["weights"]])
    written = spec.create(settings)
    put((json.dumps({"output": str(written)}) if as_json else f"{written}") + "\n")
    return 0
