"""What hangs on an endpoint: what ``deploy`` made with it, told by names, so that it is found without it, too."""

from __future__ import annotations

from trackforge_sagemaker.control.endpoint_parts import HEARD, TOPICS
from trackforge_sagemaker.control.inventory import Thing
from trackforge_sagemaker.requests import log_group
from trackforge_sagemaker.requests.names import made_from
from trackforge_sagemaker.requests.scaling import WAKING

__all__ = ["hangs_on"]


def hangs_on(thing: Thing, name: str) -> bool:
    """Tell whether something is what a name says, or was made by ``deploy`` with the endpoint of that name.

    >>> hangs_on(Thing("scalable-target", "endpoint/street-films/variant/all"), "street-films")
    True
    >>> hangs_on(Thing("endpoint", "street-films-2"), "street-films")
    False

    Args:
        thing: Of the project.
        name: Of an endpoint, or of anything.
    """
    if thing.name == name:
        return True
    if thing.kind == "scalable-target":
        return thing.name.split("/")[1:2] == [name]
    if thing.kind in ("model", "endpoint-config"):
        return made_from(thing.name, name)
    of: dict[str, tuple[str, ...]] = {
        "alarm": tuple(f"{name}-{metric}" for metric in WAKING),
        "topic": tuple(f"{name}-{ending}" for ending in TOPICS),
        "queue": (f"{name}-{HEARD}",),
        "log-group": tuple(log_group(kind, name) for kind in ("endpoint", "inference-component")),
    }
    return thing.name in of.get(thing.kind, ())
