"""What a weights file says about itself: variant, classes, preprocessing, provenance.

Files that trackforge writes carry a card: ONNX files as the metadata entry ``trackforge``, checkpoints under the key
``trackforge``. Official files do not, so their card is put together from the variant and what the user says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trackforge.errors import WeightsError
from trackforge_yolox.preprocess import Preprocessing, preprocessing
from trackforge_yolox.variants import Variant

__all__ = ["KEY", "ModelCard", "assume"]

KEY = "trackforge"
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """The facts that weights are useless without.

    Attributes:
        classes: Class names; ``class_id`` indexes them.
        preprocessing: How pictures become input.
        variant: Name of the network, or empty where it is not known (foreign ONNX files).
        provenance: Where the weights come from, free text by key.
    """

    classes: tuple[str, ...]
    preprocessing: Preprocessing
    variant: str = ""
    provenance: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the card as one JSON object."""
        return json.dumps(
            {
                "format": FORMAT,
                "variant": self.variant,
                "classes": list(self.classes),
                "preprocessing": self.preprocessing.to_dict(),
                "provenance": dict(self.provenance),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read what `to_json` gave.

        Raises:
            WeightsError: It is not that, or was written by a later version.
        """
        try:
            values: dict[str, Any] = json.loads(text)
            if values["format"] > FORMAT:
                raise WeightsError(
                    f"The weights' description must be of format {FORMAT} or older; it has {values['format']}. "
                    "Update trackforge-yolox."
                )
            return cls(
                classes=tuple(values["classes"]),
                preprocessing=Preprocessing.from_dict(values["preprocessing"]),
                variant=values["variant"],
                provenance=values["provenance"],
            )
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise WeightsError(
                f"The weights' description must be readable; it is not ({error!r}). Export them anew."
            ) from error


def assume(
    count: int,
    *,
    origin: str,
    variant: Variant | None = None,
    classes: Sequence[str] | None = None,
    dialect: str = "auto",
    size: tuple[int, int] | None = None,
) -> ModelCard:
    """Put a card together for a file that has none.

    Args:
        count: Number of classes of the network.
        origin: What to call the file in messages.
        variant: The network, where known.
        classes: Class names as the user gives them.
        dialect: Name of the preprocessing, or ``"auto"``: the variant's own where the classes are also its own.
        size: ``(height, width)`` of the input where the file fixes it.

    Raises:
        WeightsError: The class names do not fit, or the preprocessing cannot be known.
    """
    if classes is not None:
        names = tuple(classes)
        if len(names) != count:
            raise WeightsError(
                f"classes must name every class of the weights; got {len(names)} names for the {count} classes of "
                f"{origin}. Give {count} names."
            )
    elif variant is not None and len(variant.classes) == count:
        names = variant.classes
    else:
        names = ("person",) if count == 1 else tuple(f"class {i}" for i in range(count))
    if dialect == "auto":
        if variant is None or len(variant.classes) != count:
            raise WeightsError(
                f"{origin} does not say which preprocessing it was trained with, and a wrong one would silently ruin "
                f"the results. Say preprocessing='yolox' (YOLOX since 0.1.1), 'bytetrack' or 'legacy'."
            )
        dialect = variant.preprocessing
    shape = size or (variant.size if variant is not None else (640, 640))
    return ModelCard(
        classes=names,
        preprocessing=preprocessing(dialect, shape),
        variant="" if variant is None else variant.name,
        provenance={"file": origin},
    )
