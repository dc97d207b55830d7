"""What SageMaker reads the metrics of a training from: lines on standard output, and the regular expressions for them.

``definitions.json`` has the ``MetricDefinitions`` of every trainer here: names that the published jobs tune by
(``val_loss``, ``total_loss``, ``validation:mAP``) with the published expressions, and our own scores.
"""

from __future__ import annotations

import json
from importlib import resources

from trackforge.registry import registry
from trackforge.training.scores import metric_definitions

__all__ = ["definitions"]


def definitions(trainer: str) -> list[dict[str, str]]:
    """Return the ``MetricDefinitions`` of a trainer, for a request: at most 40, each a ``Name`` and a ``Regex``.

    >>> [one["Name"] for one in definitions("fairmot")][:2]
    ['train_loss', 'train_hm_loss']

    Raises:
        UnknownComponentError: There is no such trainer.
    """
    content = (resources.files(__package__) / "definitions.json").read_text(encoding="utf-8")
    known: dict[str, list[dict[str, str]]] = json.loads(content)
    if trainer in known:
        return known[trainer]
    config = registry().find("trainer", trainer).load_config()
    names = dict.fromkeys(("loss", *getattr(config, "monitors", ())))
    return metric_definitions(list(names)[:40])
