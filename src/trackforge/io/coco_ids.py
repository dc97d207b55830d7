"""What an id in a COCO json refers to, however the program that wrote it spells it.

``7``, ``"7"`` and ``"007"`` are one where the list they point to has only one of them; where it has several, each is
only itself. A category may be called by its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trackforge.intake.limits import PREFIX, limits
from trackforge.io.coco_entries import Id, MalformedError, whole

__all__ = ["Ids", "Numbers"]


class Ids(dict[Id, Id]):
    """The id that is meant, by what entries state; looking up what means nothing raises `MalformedError`.

    >>> known = Ids([0, "007"], "must belong to an image")
    >>> known["0"], known[7]
    (0, '007')

    Args:
        ids: The ids there are.
        rule: What an entry must do: ``"must belong to an image"``.
        kind: Kind of problem where it does not.
        names: Names of the ids, which are as good where no two share one.
        merged: Ids that stand for others.
    """

    def __init__(
        self,
        ids: Iterable[Id],
        rule: str,
        *,
        kind: str = "format",
        names: Mapping[Id, str] | None = None,
        merged: Mapping[Id, Id] | None = None,
    ) -> None:
        super().__init__({one: one for one in ids})
        self.update(merged or {})
        self._rule, self._kind, self._names = rule, kind, names or {}
        self._spellings: dict[Id, Id | None] | None = None

    def __missing__(self, stated: Id) -> Id:
        if self._spellings is None:  # few files need them
            self._spellings = _spellings(self, self._names)
        number = _number(stated)
        meant = None if number is None else self._spellings.get(number)
        if meant is None:
            meant = self._spellings.get(stated)
        if meant is None:
            raise MalformedError(f"{self._rule}; there is none with id {stated}", self._kind)
        self[stated] = meant
        return meant


def _spellings(known: Mapping[Id, Id], names: Mapping[Id, str]) -> dict[Id, Id | None]:
    """Return what each number and name means; None for what may mean several."""
    out: dict[Id, Id | None] = {}
    for stated, meant in known.items():
        number = _number(stated)
        if number is not None:
            out[number] = meant if out.get(number, meant) == meant else None
    called: dict[Id, Id | None] = {}
    for one, name in names.items():
        called[name] = one if called.get(name, one) == one else None
    return called | out


def _number(stated: Id) -> int | None:
    if isinstance(stated, int):
        return stated
    return int(stated) if stated.isascii() and stated.isdecimal() and len(stated) < 20 else None


class Numbers(dict[Id, int]):
    """The number from 0 on that is meant, by what entries state, where a file lists nothing that ids refer to.

    Args:
        name: What entries call it: ``"image_id"``.
        limit: The limit that holds for it, see `trackforge.intake.limits`.
    """

    def __init__(self, name: str, limit: str) -> None:
        super().__init__()
        self._name, self._limit, self._most = name, limit, int(getattr(limits(), limit))

    def __missing__(self, stated: Id) -> int:
        number = whole(stated)
        if number < 0:
            raise MalformedError(f"must have {self._name} >= 0")
        if number > self._most:
            raise MalformedError(
                f"must have {self._name} of at most {self._most:,} (the limit is {PREFIX}{self._limit.upper()})"
            )
        self[stated] = number
        return number
