"""What weights say about themselves: component, classes, preprocessing, provenance.

Files that trackforge writes carry a card: ONNX files as the metadata entry ``trackforge``, checkpoints under the key
``trackforge``. Files of others do not, so their family puts a card together from what it knows and what the user says.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from trackforge.errors import ConfigError, WeightsError
from trackforge.intake.documents import parse_json
from trackforge.intake.limits import check_limit
from trackforge.models.preprocessing import Preprocessing
from trackforge.registry.bundles import FIRST_FORMAT

__all__ = ["Given", "ModelCard", "name_classes"]

FORMAT = 2
"""Format 1 named no component and kept nothing of a family but ``variant``."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """What the user says about weights whose file may not say it itself; None and ``"auto"`` leave it to the file."""

    variant: str | None = None
    classes: tuple[str, ...] | None = None
    preprocessing: str = "auto"
    size: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """The facts that weights are useless without.

    Attributes:
        component: Registered name of what runs them, e.g. ``"yolox"``; never a module, which may move.
        kind: Its kind.
        classes: Class names; ``class_id`` indexes them.
        preprocessing: How pictures become input.
        variant: Which network of the family it is, or empty where that is not known (foreign ONNX files).
        provenance: Where the weights come from, free text by key.
        extra: What else a family has to know, by name: numbers, strings, lists and dicts of them.
    """

    component: str
    kind: str = "detector"
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    variant: str = ""
    provenance: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the card as one JSON object."""
        return json.dumps(
            {
                "format": FORMAT,
                "component": {"kind": self.kind, "name": self.component},
                "variant": self.variant,
                "classes": list(self.classes),
                "preprocessing": self.preprocessing.to_dict(),
                "provenance": dict(self.provenance),
                "extra": dict(self.extra),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read what `to_json` gave, also before 0.1.

        Raises:
            WeightsError: It is not that, or was written by a later version.
        """
        try:
            values: dict[str, Any] = parse_json(text, "A description")
            if values["format"] > FORMAT:
                raise WeightsError(
                    f"The weights' description must be of format {FORMAT} or older; it has {values['format']}. "
                    "Update trackforge-mot."
                )
            if values["format"] == 1:
                kind, name = FIRST_FORMAT
                values |= {"component": {"kind": kind, "name": name}, "extra": {}}
            preprocessing = Preprocessing.from_dict(values["preprocessing"])
            check_limit("pixels", math.prod(preprocessing.size), "The input in pixels")
            check_limit("classes", len(values["classes"]), "The number of classes")
            card = cls(
                component=values["component"]["name"],
                kind=values["component"]["kind"],
                classes=tuple(values["classes"]),
                preprocessing=preprocessing,
                variant=values["variant"],
                provenance=dict(values["provenance"]),
                extra=dict(values["extra"]),
            )
            words = (card.component, card.kind, card.variant, *card.classes)
            if not isinstance(values["classes"], list) or not all(isinstance(word, str) for word in words):
                raise TypeError("names must be texts")
            return card
        except WeightsError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise WeightsError(
                f"The weights' description must be readable; it is not ({error!r}). Export them anew."
            ) from error

    def told(self, component: str, given: Given, size: tuple[int, int] | None) -> ModelCard:
        """Let the user change what a file says about itself where that can make sense: names and size.

        Args:
            component: Registered name of who asks.
            given: What the user says.
            size: ``(height, width)`` of the input; None keeps the file's.

        Raises:
            ConfigError: The preprocessing is given though the file knows it.
            WeightsError: The weights are of another component or variant, or have another number of classes.
        """
        if component != self.component:
            raise WeightsError(
                f"The weights must be of {component!r}; they are of the {self.kind} {self.component!r}. Take that one, "
                "or other weights."
            )
        if given.preprocessing != "auto":
            raise ConfigError(
                "preprocessing must be left out for weights that know it themselves, as these do; got "
                f"{given.preprocessing!r}. Leave it out."
            )
        if given.variant not in (None, self.variant):
            raise WeightsError(f"These weights are of {self.variant or 'no published variant'}, not {given.variant}.")
        if given.classes is not None and len(given.classes) != len(self.classes):
            raise WeightsError(
                f"classes must name every class of the weights; got {len(given.classes)} names where the weights have "
                f"{len(self.classes)}: {', '.join(self.classes)}."
            )
        return replace(self, classes=given.classes or self.classes, preprocessing=self.preprocessing.resized(size))


def name_classes(
    count: int, *, given: Sequence[str] | None, usual: Sequence[str] = (), origin: str = "the weights"
) -> tuple[str, ...]:
    """Return a name for each class of weights that do not name them.

    Args:
        count: Number of classes.
        given: Names as the user gives them, or None.
        usual: Names that the family's published weights have; taken where their number fits.
        origin: What to call the file in messages.

    Raises:
        WeightsError: Not every class is named.
    """
    if given is not None:
        if len(given) != count:
            raise WeightsError(
                f"classes must name every class of the weights; got {len(given)} names for the {count} classes of "
                f"{origin}. Give {count} names."
            )
        return tuple(given)
    if len(usual) == count:
        return tuple(usual)
    return ("person",) if count == 1 else tuple(f"class {i}" for i in range(count))
