"""What a project has to say, in words for a terminal."""

from __future__ import annotations

import math
from pathlib import Path

from trackforge.labelling.measures import LabelScores, Measures
from trackforge.labelling.standing import Status

__all__ = ["effort_words", "measure_words", "next_words", "status_words"]

COLUMNS = ("boxes", "labels", "precision", "recall", "AP50", "IDF1")


def effort_words(result: Measures) -> str:
    """Return what people had to do, in a line."""
    effort = result.effort
    return (
        f"{result.frames} frames checked: {_number(effort.per_100)} of 100 boxes touched ({effort.kept} left alone, "
        f"{effort.moved} moved, {effort.added} added, {effort.deleted} deleted, {effort.relabelled} relabelled, "
        f"{effort.identities} identities mended); from scratch it is 100"
    )


def measure_words(result: Measures) -> str:
    """Return effort, and a table of scores by class."""
    rows = [["class", *COLUMNS]]
    rows += [[name, *_row(scores)] for name, scores in result.classes.items()]
    rows += [["all", *_row(result.overall)]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
             for row in rows]  # fmt: skip
    return "\n".join([effort_words(result), "", *lines])


def status_words(stands: Status) -> str:
    """Return where a project stands, a line each."""
    lines = [
        f"{stands.folder}: round {stands.round}",
        f"  labels   {stands.boxes} boxes in {stands.tracks} tracks on {stands.frames} frames of "
        f"{stands.sequences} sequence{'' if stands.sequences == 1 else 's'}",
        f"  checked  {stands.checked} frames; of {stands.wanted} asked for in this round {stands.left} are left",
    ]
    if stands.scores:
        told = [f"{name} {_number(value)}" for name, value in stands.scores.items() if value is not None]
        lines.append(f"  measured {', '.join(told)}")
    lines += [f"  goal     {words}: {'reached' if done else 'not yet'}" for words, done in stands.goals.items()]
    if stands.training:
        lines.append(f"  training {stands.training}")
    if stands.model:
        lines.append(f"  model    {stands.model}")
    return "\n".join(lines)


def next_words(stands: Status) -> str:
    """Return what comes next, with the commands."""
    folder = stands.folder
    go_on = f"trackforge label {folder}"
    if stands.next == "label":
        return f"Next: let the model label: {go_on}"
    if stands.next == "check":
        return (
            f"Next: have people check {stands.left} frames, in the page or in a label tool:\n"
            f"  trackforge serve --labels {Path(folder) / 'sequences'}\n"
            f"  trackforge label export {folder} cvat        # or ground-truth, label-studio, coco, ...\n"
            f"  trackforge label import {folder} RESULT\n"
            f"then go on: {go_on}        # --ready, if not all of them are checked"
        )
    if stands.next == "done":
        why = "The goal is reached" if stands.goals and all(stands.goals.values()) else "Every frame is checked"
        return (
            f"{why}. The labels: {Path(folder) / 'sequences'}\n"
            f"  trackforge label export {folder} coco --frames checked        # as a data set"
        )
    return f"Next: measure what people changed, train, label the rest again: {go_on}"


def _row(scores: LabelScores) -> list[str]:
    named = scores.named()
    return [str(scores.boxes), str(scores.labels), *(_share(named[name]) for name in COLUMNS[2:])]


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f}"


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") if abs(value) <= 1 else f"{value:.1f}"
