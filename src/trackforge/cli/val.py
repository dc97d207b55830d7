"""``trackforge val``."""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path

from trackforge.cli.flags import Words, command
from trackforge.cli.printing import put
from trackforge.config import setting
from trackforge.runs.layers import Layer
from trackforge.runs.validating import ValidationRun

__all__ = ["val"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _ValWords(Words):
    """What the command takes beside the run."""

    set: tuple[str, ...] = setting((), help="A setting, detector.key=value: detector.nms=0.6. May be repeated.")
    config: Path | None = setting(
        None, flags=("--config", "-c"), help="TOML file with [detector] and options; the run.toml of a run repeats it."
    )
    json: bool = setting(False, help="Print everything as JSON; shares are fractions of 1.")
    quiet: bool = setting(False, flags=("--quiet", "-q"), help="Show no progress and no notes; scores all the same.")


def _val(layers: list[Layer], words: _ValWords) -> int:
    from trackforge.cli.progress import progress
    from trackforge.runs.validating import carry_out_validation, plan_validation

    plan = plan_validation(*layers)
    if plan.why and not words.quiet:
        _aside(f"detector: {plan.detector.name}, {plan.why}")
    report = carry_out_validation(plan, progress=functools.partial(progress, quiet=words.quiet))
    if words.json:
        put(json.dumps(report.to_dict(), indent=2) + "\n")
        return 0
    mean, counts = report.precision.mean, report.mistakes.counts()
    recalls = {
        "1": mean.recall1, "10": mean.recall10, "100": mean.recall, "small": mean.recall_small,
        "medium": mean.recall_medium, "large": mean.recall_large,
    }  # fmt: skip
    sizes = {"small": mean.ap_small, "medium": mean.ap_medium, "large": mean.ap_large}
    put(report.table() + "\n")
    put(f"AP of boxes: {_shares(sizes)}\nAR: {_shares(recalls)}\n")
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    put(f"at score {report.mistakes.score:.3f}: {told}\n")
    if not words.quiet:
        speed = len(report.dataset) / report.seconds if report.seconds else 0.0
        put(f"{len(report.dataset)} pictures, {speed:.1f} a second\n")
        put("".join(f"  {path}\n" for path in plan.outputs))
        for note in report.notes:
            _aside(f"note: {note}")
        if not plan.outputs:
            _aside("-o out/ writes a page with curves, confusion and the worst pictures.")
    return 0


def _aside(text: str) -> None:
    from rich.text import Text

    from trackforge.cli.printing import console

    console(stderr=True).print(Text(text), soft_wrap=True)


def _shares(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {'-' if value != value else f'{100 * value:.2f}'}" for name, value in values.items())


val = command("val", ValidationRun, _ValWords, _val, first="data")
