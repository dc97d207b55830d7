"""Which classes of a labelled set are which of a detector: by name, as people spell them; nothing else is guessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trackforge.errors import ConfigError, did_you_mean
from trackforge.types.classes import class_numbers

__all__ = ["SharedClasses", "parse_map", "share_classes"]

SAME = {
    "pedestrian": "person", "people": "person", "human": "person", "aeroplane": "airplane", "motorbike": "motorcycle",
    "motor": "motorcycle", "sofa": "couch", "tvmonitor": "tv", "diningtable": "dining table",
    "pottedplant": "potted plant", "van": "car",
}  # fmt: skip
"""Names of other sets for classes of COCO: what a message proposes, and nobody takes unasked."""
LISTED = 8


@dataclass(frozen=True)
class SharedClasses:
    """The classes that are scored, and what the classes of both sides are among them.

    Attributes:
        names: As the set calls them.
        of_truth: ``(classes of the set + 1,)`` number among ``names``, -1 for those left out; the last is -1, too.
        of_found: The same for classes of the detector; with one class, of any number.
        notes: What is left out or taken for the same, one sentence each.
    """

    names: tuple[str, ...]
    of_truth: npt.NDArray[np.int64]
    of_found: npt.NDArray[np.int64]
    notes: tuple[str, ...] = ()


def parse_map(pairs: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Read ``pedestrian=person``: a class of the set, and the class of the detector that means it.

    Raises:
        ConfigError: One does not read so.
    """
    out = []
    for pair in pairs:
        ours, equals, theirs = (part.strip() for part in pair.partition("="))
        if not (ours and equals and theirs):
            raise ConfigError(
                f"map must read CLASS OF THE SET=CLASS OF THE DETECTOR; got {pair!r}. Write pedestrian=person."
            )
        out.append((ours, theirs))
    return tuple(out)


def share_classes(
    ours: Sequence[str],
    theirs: Sequence[str],
    *,
    pairs: Sequence[tuple[str, str]] | Mapping[str, str] = (),
    only: Sequence[str] = (),
    one_class: bool = False,
    counts: npt.NDArray[np.int64] | None = None,
) -> SharedClasses:
    """Find the classes that a set and a detector have in common.

    Args:
        ours: Classes of the set.
        theirs: Classes of the detector.
        pairs: Which class of the set is which of the detector, where the names differ; several of one side may be one
            of the other.
        only: Classes of the set that are scored.
        one_class: Whether all boxes count as of one class.
        counts: Boxes of each class of the set, for the notes.

    Raises:
        ConfigError: A name is unknown, or there is nothing in common.
    """
    asked = list(pairs.items() if isinstance(pairs, Mapping) else pairs)
    keep = set(class_numbers(only, ours, what="classes", of="the set") if only else range(len(ours)))
    if one_class:
        inside = np.array([0 if k in keep else -1 for k in range(len(ours))] + [-1], np.int64)
        return SharedClasses(("object",), inside, np.zeros(len(theirs) + 1, np.int64))
    links = [(a, b) for a in range(len(ours)) for b in _called(ours[a], theirs)]
    told = {a for name, _ in asked for a in class_numbers([name], ours, what="map", of="the set", numbers=False)}
    links = [(a, b) for a, b in links if a not in told]  # what is said counts more than a name
    for name, other in asked:
        mine = class_numbers([name], ours, what="map", of="the set", numbers=False)
        its = class_numbers([other], theirs, what="map", of="the detector", numbers=False)
        links += [(a, b) for a in mine for b in its]
    links = [(a, b) for a, b in links if a in keep]
    notes = []
    if not links and len(ours) == len(theirs) == 1 and keep:
        links = [(0, 0)]
        notes.append(f"the set's one class {ours[0]!r} is taken for the detector's one class {theirs[0]!r}")
    if not links:
        raise ConfigError(_nothing(ours, theirs, keep))
    names, of_truth, of_found = _joined(ours, theirs, links)
    left = [a for a in sorted(keep) if of_truth[a] < 0 and (counts is None or counts[a])]
    if left:
        notes.append(_left(ours, theirs, left, counts))
    return SharedClasses(names, of_truth, of_found, tuple(notes))


def _called(name: str, classes: Sequence[str]) -> tuple[int, ...]:
    try:
        return class_numbers([name], classes, what="classes", of="the detector", numbers=False)
    except ConfigError:
        return ()


def _joined(
    ours: Sequence[str], theirs: Sequence[str], links: Sequence[tuple[int, int]]
) -> tuple[tuple[str, ...], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Make one class of what is linked, however often; it is called as the set calls it, or what several there are."""
    group = {("ours", a): a for a, _ in links}
    group |= {("theirs", b): len(ours) + b for _, b in links}
    for _ in links:  # until the least number has reached everybody
        for a, b in links:
            group[("ours", a)] = group[("theirs", b)] = min(group[("ours", a)], group[("theirs", b)])
    order = sorted(set(group.values()))
    of_truth, of_found = np.full(len(ours) + 1, -1, np.int64), np.full(len(theirs) + 1, -1, np.int64)
    for (side, number), value in group.items():
        (of_truth if side == "ours" else of_found)[number] = order.index(value)
    names = []
    for place in range(len(order)):
        mine = [ours[a] for a in np.flatnonzero(of_truth == place).tolist()]
        its = [theirs[b] for b in np.flatnonzero(of_found == place).tolist()]
        joined = " + ".join(mine)
        own = len(its) == 1 and its[0] not in set(ours) - set(mine)  # else two classes would have one name
        names.append(its[0] if own and len(mine) > 1 else joined)
    return tuple(names), of_truth, of_found


def _proposal(name: str, theirs: Sequence[str]) -> str:
    """Return a pair to try, or nothing."""
    other = SAME.get(name.casefold().replace(" ", "").replace("_", ""), "")
    return f"{name}={other}" if other in theirs else ""


def _nothing(ours: Sequence[str], theirs: Sequence[str], keep: set[int]) -> str:
    wanted = [ours[a] for a in sorted(keep)] or list(ours)
    proposals = [pair for name in wanted if (pair := _proposal(name, theirs))]
    hint = "" if proposals else did_you_mean(wanted[0], theirs) if wanted else ""
    first = f"{wanted[0] if wanted else 'CLASS'}={theirs[0] if theirs else 'CLASS'}"
    cure = f"--map {','.join(proposals or [first])}"
    return (
        f"Set and detector must have a class in common; the set has {_listed(wanted)}, the detector "
        f"{_listed(theirs)}.{hint} Where two mean the same, say so: {cure}; or score all boxes as one class: "
        "--one-class."
    )


def _left(ours: Sequence[str], theirs: Sequence[str], left: Sequence[int], counts: npt.NDArray[np.int64] | None) -> str:
    names = [ours[a] for a in left]
    boxes = "" if counts is None else f" ({int(counts[list(left)].sum())} boxes)"
    what = f"{len(names)} classes of the set are" if len(names) > 1 else "one class of the set is"
    proposals = [pair for name in names if (pair := _proposal(name, theirs))]
    cure = f"; if they mean the same: --map {','.join(proposals)}" if proposals else ""
    return f"{what} none of the detector's, and not scored{boxes}: {_listed(names)}{cure}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return (", ".join(names[:LISTED]) or "none") + more
