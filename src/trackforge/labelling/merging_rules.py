"""What the settings of a merger say: which class becomes which, and which class stays where two overlap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from trackforge.errors import ConfigError, did_you_mean
from trackforge.labelling.merging_rows import Between

__all__ = ["class_map", "rules_between"]

Ints = npt.NDArray[np.int64]
ANY = "*"
SIGNS = {">": "over", "~": "best", "+": "both"}


def class_map(
    models: Sequence[str], theirs: Sequence[Sequence[str]], rename: Sequence[str], wanted: Sequence[str]
) -> tuple[list[Ints], tuple[str, ...]]:
    """Return what each class of each model becomes, and the classes of the result.

    >>> maps, classes = class_map(["a", "b"], [("pedestrian", "car"), ("car",)], ["pedestrian=person", "b:*="], ())
    >>> [table.tolist() for table in maps], classes
    ([[0, 1], [-1]], ('person', 'car'))

    Args:
        models: Their names.
        theirs: The classes of each.
        rename: ``NAME=TARGET`` and ``MODEL:NAME=TARGET``; ``*`` stands for the classes that nothing else names, an
            empty target for none. What is said of one model comes before what is said of all, a name before ``*``.
        wanted: The classes of the result; where empty, those that come.

    Returns:
        For each model, ``(C,)`` the number of its class in the result, -1 for what is left out.

    Raises:
        ConfigError: A pair has no ``=``, or names a class that there isn't.
    """
    said: dict[tuple[str, str], str] = {}
    for pair in rename:
        old, sign, target = pair.partition("=")
        if not sign:
            raise ConfigError(f"rename takes OLD=NEW; got {pair}.")
        model, colon, name = old.partition(":")
        if not colon or model not in models:
            model, name = "", old
        known = sorted({n for m, names in zip(models, theirs, strict=True) if model in ("", m) for n in names})
        if name not in (ANY, *known):
            whose = f"model {model}" if model else "the models"
            raise ConfigError(
                f"rename must name classes of {whose}; {name!r} is none.{did_you_mean(name, known)} There are: "
                f"{', '.join(known) or 'none'}."
            )
        said[model, name] = target.strip()
    targets = []
    for model, names in zip(models, theirs, strict=True):
        keys = [((model, name), ("", name), (model, ANY), ("", ANY)) for name in names]
        targets.append([next((said[k] for k in key if k in said), name) for key, name in zip(keys, names, strict=True)])
    came = dict.fromkeys(target for of_model in targets for target in of_model if target)
    classes = tuple(dict.fromkeys(wanted or came))
    number = {name: n for n, name in enumerate(classes)}
    return [np.array([number.get(target, -1) for target in of_model], np.int64) for of_model in targets], classes


def rules_between(rules: Sequence[str], classes: Sequence[str], overlap: float) -> dict[tuple[int, int], Between]:
    """Return what happens where boxes of two classes overlap.

    >>> rules_between(["rider>person@0.3"], ["person", "rider"], 0.5)
    {(1, 0): Between(what='over', overlap=0.3)}

    Args:
        rules: ``A>B`` (A stays), ``A~B`` (the better stays), ``A+B`` (both stay), each with ``@OVERLAP`` or without.
        classes: Of the result.
        overlap: From which on a rule without one of its own holds.

    Raises:
        ConfigError: A rule can't be read, names a class that there isn't, or contradicts others.
    """
    found: dict[tuple[int, int], Between] = {}
    for text in rules:
        pair, at, own = text.partition("@")
        sign = next((sign for sign in SIGNS if sign in pair), None)
        if sign is None:
            raise ConfigError(f"A rule must be A>B, A~B or A+B, with @OVERLAP or without; got {text!r}.")
        names = [name.strip() for name in pair.split(sign, 1)]
        for name in names:
            if name not in classes:
                raise ConfigError(
                    f"Rules must name classes of the result; {name!r} in {text!r} is none."
                    f"{did_you_mean(name, classes)} There are: {', '.join(classes)}."
                )
        first, second = (classes.index(name) for name in names)
        if first == second or (first, second) in found or (second, first) in found:
            raise ConfigError(f"Rules must be one for each two classes; {text!r} is another, or of one class alone.")
        found[first, second] = Between(SIGNS[sign], _share(own, text) if at else overlap)  # type: ignore[arg-type]
    _refuse_circles({pair for pair, rule in found.items() if rule.what == "over"}, classes)
    return found


def _share(text: str, rule: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = float("nan")
    if not 0 < share <= 1:
        raise ConfigError(f"The overlap of a rule must be above 0 and at most 1; got {rule!r}.")
    return share


def _refuse_circles(over: set[tuple[int, int]], classes: Sequence[str]) -> None:
    """Take away, again and again, what stands above something and below nothing; what is left goes in a circle."""
    left = set(over)
    while left:
        below = {second for _, second in left}
        free = {pair for pair in left if pair[0] not in below}
        if not free:
            names = ", ".join(f"{classes[a]}>{classes[b]}" for a, b in sorted(left))
            raise ConfigError(f"Rules must not go in a circle; these do: {names}. Leave one out.")
        left -= free
