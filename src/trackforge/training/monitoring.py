"""Whether there will be a score of the name to monitor, told before data and model are loaded; loads no torch.

What is scored is certain once scorers have seen the data (`trackforge.training.scores.Monitor` checks the name then). A
trainer can say it before: a class variable ``monitors`` of its settings, the names of its losses and of its scores.

>>> class Config:
...     monitors = ("box", *DETECTION)
>>> check_monitor(Config, {"monitor": "ap_50"})
Traceback (most recent call last):
    ...
trackforge.errors.ConfigError: train.monitor must be one of ap, ap50, ...; got 'ap_50'. Did you mean 'ap50'?
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from trackforge.errors import ConfigError, did_you_mean
from trackforge.registry import registry

__all__ = ["DETECTION", "TRACKING", "check_monitor", "name_hint", "usual_name"]

DETECTION = ("ap", "ap50", "ap75", "recall")
"""Scores of boxes that every validation has, unless a trainer brings scorers of its own."""
TRACKING = ("hota", "mota", "idf1")
"""Scores of tracks, with ``train.tracker``."""


def check_monitor(config: type | None, loop: Mapping[str, Any]) -> None:
    """Refuse a name to monitor that no score or loss will have, and an unknown tracker to score with.

    Scores of single classes, ``ap person``, are left for when the classes are known.

    Args:
        config: Of the trainer's settings; without ``monitors`` nothing is known yet, and nothing refused.
        loop: Settings of the loop that somebody gave.

    Raises:
        ConfigError: There is no such score.
        UnknownComponentError: There is no such tracker.
    """
    tracker = str(loop.get("tracker") or "")
    if tracker:
        registry().find("tracker", tracker)
    own: tuple[str, ...] = getattr(config, "monitors", ())
    name = loop.get("monitor")
    if not own or name is None:
        return
    known = {*own, "loss", *(TRACKING if tracker else ())}
    if loop.get("validate_losses"):
        plain = (one for one in (*own, "loss") if not one.startswith("val_"))
        known |= {f"val_{one}" for one in plain if one not in (*DETECTION, *TRACKING)}
    name = usual_name(str(name), getattr(config, "other_names", {}))
    first, blank, rest = name.partition(" ")
    if name not in known and not (blank and rest and first in known):
        raise ConfigError(
            f"train.monitor must be one of {', '.join(sorted(known))}; got {name!r}.{name_hint(name, known)}"
        )


def usual_name(name: str, others: Mapping[str, str]) -> str:
    """Return what a loss is called here, where somebody calls it by another of its names; of validation losses, too.

    >>> usual_name("val_offset_loss", {"offset_loss": "off_loss"})
    'val_off_loss'
    """
    prefix, plain = ("val_", name[4:]) if name.startswith("val_") else ("", name)
    return prefix + others.get(plain, plain)


def name_hint(name: str, known: Iterable[str]) -> str:
    """Return what may have been meant by a name that is not known, as the end of a message."""
    if name in TRACKING:
        return " For tracking scores, set train.tracker."
    hint = did_you_mean(name, known)
    return f"{hint} For validation losses, set train.validate_losses=true." if name.startswith("val_") else hint
