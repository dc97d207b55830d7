"""``trackforge tune``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

__all__ = ["tune"]

OPTIONS: dict[str, type] = {
    "sources": list, "detections": str, "truth": list, "preprocessing": str, "box": str, "search": dict,
    "objective": str, "average": str, "val": list, "val_share": float, "seed": int, "trials": int, "workers": int,
    "pruning": bool, "pick": str, "out": str, "study": str,
}  # fmt: skip
"""What a configuration file may say beside its tables."""
Positive = Annotated[int, Parameter(validator=Number(gte=1))]


def tune(
    *sources: str,
    detections: Path | None = None,
    detector: str | None = None,
    tracker: str | None = None,
    associator: str | None = None,
    motion: str | None = None,
    tune_: Annotated[list[str] | None, Parameter(name=["--tune", "-t"])] = None,
    set_: Annotated[list[str] | None, Parameter(name=["--set"])] = None,
    config: Annotated[Path | None, Parameter(name=["--config", "-c"])] = None,
    truth: list[Path] | None = None,
    preprocessing: str | None = None,
    box: Literal["filtered", "detected"] | None = None,
    objective: str | None = None,
    average: Literal["combined", "sequences"] | None = None,
    val: list[str] | None = None,
    val_share: Annotated[float | None, Parameter(validator=Number(gte=0, lt=1))] = None,
    seed: Annotated[int | None, Parameter(validator=Number(gte=0))] = None,
    trials: Positive | None = None,
    workers: Positive | None = None,
    pick: Literal["best", "steady"] | None = None,
    no_pruning: Annotated[bool, Parameter(show_default=False)] = False,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    study: Path | None = None,
    as_json: Annotated[bool, Parameter(name=["--json"], show_default=False)] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], show_default=False)] = False,
    show_space: Annotated[bool, Parameter(show_default=False)] = False,
) -> int:
    """Search for the settings that score best on some sequences, and score them on others.

    Every trial is kept in a study as it happens: after Ctrl-C, or a crash, the same command goes on. The detector runs
    once; trials replay what it found. Settings come from, weak to strong: defaults, --config, --set, the other flags.

    Parameters
    ----------
    sources
        MOT sequences, folders of such, or videos.
    detections
        Folder with SEQUENCE.txt or SEQUENCE/det/det.txt: tune on these detections, with no detector and no pictures.
    detector
        Name of the detector; without one, motion: moving things before a static camera.
    tracker
        Name of the tracker; without one, byte.
    associator
        Name of the association method, for the composed tracker: --tracker online.
    motion
        Name of the motion model, for the composed tracker.
    tune_
        What to search: tracker.high_score=0.3:0.8, tracker.max_lost=10:90:int-log, motion.name=xyah,xywh,
        detector.score=0.05:0.5, or tracker.min_hits alone for its usual range. May be repeated; without any, the usual
        ranges of all numbers of the tracker.
    set_
        A setting that stays, section.key=value. May be repeated.
    config
        TOML file with [detector], [tracker] and so on, and [search].
    truth
        Ground truth; without it, SEQUENCE/gt/gt.txt beside the sources. May be repeated.
    preprocessing
        What the scores leave out, by benchmark: none, mot15, mot17, mot20.
    box
        Score the motion model's box (filtered, the default), or that of the detection.
    objective
        Score to make large, or a sum: HOTA (the default), HOTA+0.5*IDF1.
    average
        Of all sequences together (combined, the default), or of each by itself, then the mean (sequences).
    val
        Hold out these sequences: a,b.
    val_share
        Hold out sequences with about this share of all frames; 0.3 where --val is not given, 0 for none.
    seed
        Of the split and the search; 0 if not given.
    trials
        Trials in all; 100 if not given. A study that has as many only reports.
    workers
        Processes; 1 if not given. With several the trials are not the same every time.
    pick
        The trial that counts in the end: the one with the greatest gain less its standard error over sequences (steady,
        the default), which may be no trial at all but the settings as they were; or that of the greatest score (best).
    no_pruning
        Let poor trials go on to their end.
    out
        Folder for best.toml, trials.csv, tuning.json and figures; tuning if not given.
    study
        File of the study; study.journal in the output folder if not given.
    as_json
        Print the summary as JSON.
    quiet
        Show no progress.
    show_space
        Show what would be searched, and do nothing.
    """
    from trackforge.cli.layers import Layer, from_assignments, from_toml
    from trackforge.cli.tuning import Request, run

    layers = [from_toml(config, OPTIONS)] if config is not None else []
    said: dict[str, Any] = dict(layers[0].options) if layers else {}
    layers.append(from_assignments(set_ or []))
    for kind, name in (("detector", detector), ("tracker", tracker), ("associator", associator), ("motion", motion)):
        if name is not None:
            layers.append(Layer(f"--{kind}", {kind: {"name": name}}))
    flags = {
        "sources": list(sources) or None,
        "detections": detections,
        "truth": truth,
        "preprocessing": preprocessing,
        "box": box,
        "objective": objective,
        "average": average,
        "val": val,
        "val_share": val_share,
        "seed": seed,
        "trials": trials,
        "workers": workers,
        "pick": pick,
        "pruning": False if no_pruning else None,
        "out": out,
        "study": study,
    }
    said.update({name: value for name, value in flags.items() if value is not None})
    request = Request(layers, said, tune_ or [])
    if show_space:
        space = {one.name: str(one) for one in request.space()}
        lines = [f"{name}={values}" for name, values in space.items()]
        sys.stdout.write((json.dumps(space, indent=2) if as_json else "\n".join(lines)) + "\n")
        return 0
    return run(request, as_json=as_json, quiet=quiet)
