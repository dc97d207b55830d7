"""Names of classes as people write them: ``Person``, ``traffic_light``, ``2``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from trackforge.errors import ConfigError, did_you_mean

__all__ = ["class_numbers", "folded"]

LISTED = 10
"""Names that a message lists; of more it says how many there are."""


def class_numbers(
    wanted: Iterable[str | int], classes: Sequence[str], *, what: str, of: str, numbers: bool = True
) -> tuple[int, ...]:
    """Return the numbers of the classes that names or numbers stand for, each once, in the order given.

    A name counts as it is written; where no class has it, capitals, and spaces, hyphens and underscores make no
    difference. Where several classes have a name, it stands for all of them.

    >>> class_numbers(["Traffic_Light", "0"], ["person", "car", "traffic light"], what="classes", of="the detector")
    (2, 0)

    Args:
        wanted: Names, or numbers as `trackforge.types.Detections` has them.
        classes: The names that there are, by number.
        what: What the setting is called, for messages.
        of: Whose the classes are, for messages.
        numbers: Whether numbers are taken, too.

    Raises:
        ConfigError: One is not among them, or could be several that differ in spelling only.
    """
    chosen: list[int] = []
    for entry in wanted:
        found = _numbers(entry, classes, numbers)
        names = {classes[number] for number in found}
        if not found:
            more = ", ..." if len(classes) > LISTED else ""
            listing = f"There are {len(classes)}: {', '.join(classes[:LISTED])}{more}" if classes else "There is none"
            raise ConfigError(
                f"{what} must name classes of {of}; {str(entry)!r} is none.{did_you_mean(str(entry), classes)} "
                f"{listing}."
            )
        if len(names) > 1:
            raise ConfigError(
                f"{what} must name classes of {of}; {str(entry)!r} could be {' or '.join(map(repr, sorted(names)))}. "
                "Write it as it is written there."
            )
        chosen += found
    return tuple(dict.fromkeys(chosen))


def _numbers(entry: str | int, classes: Sequence[str], numbers: bool) -> list[int]:
    found = [number for number, name in enumerate(classes) if name == entry]
    text = str(entry).strip()
    if not found and numbers and text.isdecimal() and text.isascii() and len(text) < 10:
        found = [number for number in [int(text)] if number < len(classes)]
    return found or [number for number, name in enumerate(classes) if folded(name) == folded(text)]


def folded(name: str) -> str:
    """Return a name without what makes no difference: capitals, and which of space, hyphen and underscore it has."""
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())
