"""What a card of this family says beyond every card: anchors and rule where they are not the variant's own.

``extra`` holds ``levels`` and ``rule`` (where they differ from those that the variant's name stands for), and
``artefact``: what an artefact had beside its numbers, so that one can be written again. Its ``hyperparameters`` are the
built-in algorithm's, in words; training puts its own there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from trackforge.errors import ConfigError, WeightsError
from trackforge.models import ModelCard, Preprocessing
from trackforge_ssd.layout import Level, Rule, Variant
from trackforge_ssd.variants import variant

__all__ = ["make_card", "variant_of"]


def make_card(
    v: Variant,
    classes: Sequence[str],
    preprocessing: Preprocessing,
    *,
    provenance: Mapping[str, str] | None = None,
    artefact: Mapping[str, Any] | None = None,
) -> ModelCard:
    """Return the card of a network.

    Args:
        v: The network, with its anchors and its rule.
        classes: Class names.
        preprocessing: How pictures become input.
        provenance: Where the weights come from.
        artefact: What an artefact had beside its numbers.
    """
    usual = variant(v.name)
    extra: dict[str, Any] = {}
    if v.levels != usual.levels:
        extra["levels"] = [
            {"sizes": list(a.sizes), "ratios": list(a.ratios), "step": None if a.step is None else list(a.step)}
            for a in v.levels
        ]
    if v.rule != usual.rule:
        extra["rule"] = dataclasses.asdict(v.rule)
    if artefact:
        extra["artefact"] = dict(artefact)
    return ModelCard(
        component="ssd",
        classes=tuple(classes),
        preprocessing=preprocessing,
        variant=v.name,
        provenance=dict(provenance or {}),
        extra=extra,
    )


def variant_of(card: ModelCard) -> Variant:
    """Return the network that a card is of, with its own anchors and rule.

    Raises:
        WeightsError: The card is of another family, or damaged.
    """
    if card.component != "ssd":
        raise WeightsError(
            f"The weights must be of 'ssd'; they are of {card.component!r}. Take that, or other weights."
        )
    try:
        v = variant(card.variant)
        levels = tuple(
            Level(
                sizes=tuple(map(float, one["sizes"])),
                ratios=tuple(map(float, one["ratios"])),
                step=None if one["step"] is None else (float(one["step"][0]), float(one["step"][1])),
            )
            for one in card.extra.get("levels", ())
        )
        rule = Rule(**card.extra["rule"]) if "rule" in card.extra else v.rule
    except (ConfigError, KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise WeightsError(f"The weights must describe an SSD; they do not ({error!r}). Export them anew.") from error
    if levels and [a.count for a in levels] != [a.count for a in v.levels]:
        raise WeightsError(f"The weights must have the anchors of {v.name}; theirs are of another number.")
    return dataclasses.replace(v, levels=levels or v.levels, rule=rule)
