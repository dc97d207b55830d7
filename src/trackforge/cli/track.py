"""``trackforge track``."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from trackforge.cli.numbers import Count, Positive

__all__ = ["track"]

log = logging.getLogger(__name__)
OPTIONS: dict[str, type | int] = {
    "sources": list, "out": list, "truth": list, "preprocessing": str, "classes": list, "batch_size": 1, "ahead": 0,
    "frames": 1, "box": str,
}  # fmt: skip
"""What a configuration file may say beside its tables: types, and the least of whole numbers."""


def track(
    *sources: str,
    detector: str | None = None,
    tracker: str | None = None,
    associator: str | None = None,
    out: Annotated[list[str] | None, Parameter(name=["--out", "-o"])] = None,
    set_: Annotated[list[str] | None, Parameter(name=["--set"])] = None,
    config: Annotated[Path | None, Parameter(name=["--config", "-c"])] = None,
    classes: list[str] | None = None,
    box: Literal["filtered", "detected"] | None = None,
    truth: list[Path] | None = None,
    preprocessing: str | None = None,
    frames: Positive | None = None,
    batch_size: Positive | None = None,
    ahead: Count | None = None,
    as_json: Annotated[bool, Parameter(name=["--json"], show_default=False)] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], show_default=False)] = False,
    help_settings: Annotated[bool, Parameter(show_default=False)] = False,
) -> int:
    """Track the objects of videos, streams, image folders or MOT sequences.

    Settings come from, weak to strong: defaults, --config, --set, the other flags.

    Parameters
    ----------
    sources
        Video, URL, image folder or glob, MOT sequence, folder of MOT sequences, or the name of a source.
    detector
        Name of the detector; without one, motion: moving things before a static camera.
    tracker
        Name of the tracker; without one, byte.
    associator
        Name of the association method, for the composed tracker: --tracker online.
    out
        File to write, its ending tells the format; or a folder, for a MOT file and a video. May be repeated;
        {name} in it is the name of the sequence.
    set_
        A setting, section.key=value: detector.score=0.3, tracker.high_score=0.6, overlay.trail=30,
        sink.box=detected. May be repeated.
    config
        TOML file with [source], [detector], [tracker], [[sink]].
    classes
        Only objects of these classes: person,bicycle.
    box
        Write the motion model's box (filtered), or that of the detection.
    truth
        Ground truth to score the result against: a MOT or COCO file, or a folder of sequences. May be repeated.
    preprocessing
        What the scores leave out, by benchmark: none, mot15, mot17, mot20.
    frames
        Stop after that many frames.
    batch_size
        Frames that the detector gets at once; 1 if not given.
    ahead
        Frames that decoding and detection may run ahead; 4 if not given, 0 for one thread only.
    as_json
        Print the summary as JSON.
    quiet
        Show neither progress nor summary; scores are printed all the same.
    help_settings
        Show every setting of the chosen source, detector, tracker and outputs, and do nothing.
    """
    from trackforge.cli.layers import Layer, from_assignments, from_toml

    layers = [from_toml(config, OPTIONS)] if config is not None else []
    said: dict[str, Any] = dict(layers[0].options) if layers else {}
    layers.append(from_assignments(set_ or []))
    for kind, name in (("detector", detector), ("tracker", tracker), ("associator", associator)):
        if name is not None:
            layers.append(Layer(f"--{kind}", {kind: {"name": name}}))
    flags = {
        "sources": list(sources) or None,
        "out": out,
        "truth": truth,
        "preprocessing": preprocessing,
        "classes": classes,
        "batch_size": batch_size,
        "ahead": ahead,
        "frames": frames,
        "box": box,
    }
    said.update({name: value for name, value in flags.items() if value is not None})
    return _track(layers, said, as_json=as_json, quiet=quiet, help_settings=help_settings)


def _track(layers: list[Any], said: dict[str, Any], *, as_json: bool, quiet: bool, help_settings: bool) -> int:
    from trackforge.cli.plan import plan
    from trackforge.cli.running import Options, open_sources, run
    from trackforge.cli.scoring import Truth
    from trackforge.cli.stopping import Stopping
    from trackforge.cli.summary import Summary
    from trackforge.cli.words import split
    from trackforge.errors import ConfigError

    made = plan([str(source) for source in said.get("sources", [])], [str(o) for o in said.get("out", [])], layers)
    if "box" in said:
        made = made.writing(said["box"])
    classes = split(said.get("classes"))
    if classes and (keeping := made.keeping(classes)) is not None:
        made, classes = keeping, []  # the detector does it sooner than we could
    if help_settings:
        from trackforge.cli.info import show_settings

        show_settings([choice.spec for choice in made.components()], as_json=as_json)
        return 0
    if not made.sources:
        raise ConfigError("track needs a source: a video, a folder of images, a URL. Give one: trackforge track a.mp4.")
    inputs = open_sources(made)
    truth = None
    if said.get("truth"):
        names = [one.name for one in inputs]
        truth = Truth.find([Path(path) for path in said["truth"]], names, said.get("preprocessing", "none"))
    options = Options(
        batch_size=said.get("batch_size", 1),
        ahead=said.get("ahead", 4),
        frames=said.get("frames"),
        classes=classes,
        box=said.get("box", "filtered"),
        quiet=quiet,
        keep=truth is not None,
    )
    with Stopping() as stopping:
        outcomes = list(run(made, inputs, options, stopping))
    if stopping.signal:
        log.warning("interrupted; the outputs are whole and hold what came before")
    summary = Summary(made, outcomes, stopping.signal)
    if truth is not None:
        summary.scores = truth.score(outcomes)
    summary.write()
    if as_json:
        sys.stdout.write(json.dumps(summary.as_dict(), indent=2) + "\n")
    else:
        summary.show(quiet=quiet)
    return stopping.exit_code
