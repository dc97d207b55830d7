"""The question that a search answers: which settings score best on which sequences."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from trackforge.errors import InvalidInputError, did_you_mean
from trackforge.metrics import Report, combine, evaluate
from trackforge.metrics.preprocessing import Preprocessing
from trackforge.runs.fingerprint import fingerprint, of_table, versions
from trackforge.runs.recordings import Footage
from trackforge.runs.replaying import replay
from trackforge.runs.setups import Setup
from trackforge.table import TrackTable
from trackforge.tuning.library import Library
from trackforge.tuning.objective import Objective
from trackforge.tuning.space import Dimension

__all__ = ["Problem", "split"]


def split(lengths: Mapping[str, int], val: Sequence[str] | float, seed: int = 0) -> tuple[list[str], list[str]]:
    """Divide sequences into those to tune on and those held out; both in the order given.

    Args:
        lengths: Frames by name of sequence.
        val: Names of the sequences to hold out, or the share of all frames that they should come nearest to; 0 or no
            names holds out nothing.
        seed: For the choice, where ``val`` is a share.

    Raises:
        InvalidInputError: A name is unknown, a share not within 0..1, or no sequence would be left to tune on.
    """
    if isinstance(val, (int, float)):
        if not 0 <= val < 1:
            raise InvalidInputError(f"The share of frames held out must be >= 0 and < 1; got {val}.")
        names, total, wanted = list(lengths), 0, val * sum(lengths.values())
        held: set[str] = set()
        for i in np.random.default_rng(seed).permutation(len(names)):
            size = lengths[names[i]]
            if wanted and len(held) < len(names) - 1 and abs(total + size - wanted) < abs(total - wanted):
                held.add(names[i])
                total += size
        if wanted and not held:
            raise InvalidInputError(
                f"A share of {val:g} holds out none of {len(names)} sequences. Give a greater one, or names."
            )
    else:
        for name in val:
            if name not in lengths:
                raise InvalidInputError(
                    f"Sequences held out must be among those given; {name!r} is not.{did_you_mean(name, lengths)} "
                    f"There are: {', '.join(lengths)}."
                )
        held = set(val)
    train = [name for name in lengths if name not in held]
    if not train:
        raise InvalidInputError("At least one sequence must be left to tune on; all are held out. Hold out fewer.")
    return train, [name for name in lengths if name in held]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Problem:
    """Everything that the score of a trial depends on, its values apart.

    Attributes:
        setup: Detector and tracker as they are without tuning.
        space: What varies.
        train: Sequences to tune on.
        val: Sequences held out; only the final result is scored on them.
        objective: What shall be large.
        preprocessing: What scores leave out, as in `trackforge.evaluate`.
        box: Which box counts, the motion model's or the detection's.
        library: Detections of all sequences.
    """

    setup: Setup
    space: Sequence[Dimension]
    train: Sequence[Footage]
    val: Sequence[Footage] = ()
    objective: Objective = dataclasses.field(default_factory=Objective)
    preprocessing: Preprocessing = "none"
    box: Literal["filtered", "detected"] = "filtered"
    library: Library

    def defaults(self) -> dict[str, Any]:
        """Return what the dimensions are without tuning; those that lie outside their range are left out."""
        values = {}
        for one in self.space:
            value = self.setup.value(one.name)
            if one.holds(value):
                values[one.name] = one.suggested(value)
        return values

    def reports(self, values: Mapping[str, Any], footage: Iterable[Footage]) -> Iterator[Report]:
        """Track sequence by sequence with some values, and yield the scores of each.

        Raises:
            ConfigError: The values do not go together.
        """
        setup = self.setup.but(values)
        tracker = setup.make_tracker()
        detecting = {name.partition(".")[2]: v for name, v in values.items() if name.startswith("detector.")}
        for one in footage:
            found = self.library.find(one, detecting)
            steps = replay(zip(found.frames, found.detections, strict=True), tracker)
            table = TrackTable.from_steps(steps, self.box, sequence=one.name)
            ends = (table.frame[-1:].tolist(), one.truth.frame[-1:].tolist(), [found.frames[-1].index])
            length = one.length or max(end[0] for end in ends if end) + 1
            yield evaluate(
                {one.name: one.truth}, {one.name: table}, preprocessing=self.preprocessing, lengths={one.name: length}
            )

    def score(
        self,
        values: Mapping[str, Any],
        footage: Sequence[Footage] | None = None,
        *,
        after: Callable[[int, Report], None] | None = None,
    ) -> Report:
        """Return the scores of some values over all sequences to tune on, or others.

        Args:
            values: By ``section.setting``; the rest is as it is without tuning.
            footage: Sequences.
            after: Called after each with its number and the scores of all so far; may raise to stop.

        Raises:
            ConfigError: The values do not go together.
        """
        parts: list[Report] = []
        for number, report in enumerate(self.reports(values, self.train if footage is None else footage)):
            parts.append(report)
            if after is not None:
                after(number, combine(parts))
        return combine(parts)

    def left_out(self, report: Report) -> dict[str, float]:
        """Return the objective of a report without each of its sequences; empty for a single one."""
        if len(report.sequences) < 2:
            return {}
        parts = {
            name: dataclasses.replace(report, sequences={name: report.sequences[name]}) for name in report.sequences
        }
        return {
            name: self.objective(combine([part for other, part in parts.items() if other != name])) for name in parts
        }

    def identity(self) -> dict[str, Any]:
        """Return what trials must have in common to be compared, in words that tell what differs."""
        named = [self.setup.tracker, self.setup.detector, *self.setup.parts()]
        return {
            "space": {one.name: str(one) for one in self.space},
            "objective": f"{self.objective} ({self.objective.average})",
            "preprocessing": self.preprocessing,
            "box": self.box,
            "sequences": [f"{one.name} {of_table(one.truth)} {one.length}" for one in self.train],
            **{one.kind: f"{one.name} {fingerprint(one.settings)} {versions(one.spec.target)}" for one in named},
            "detections": fingerprint({one.name: [one.source.name, one.source.settings] for one in self.train}),
        }
