"""What ``trackforge tune`` does, once the command line is read."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from trackforge import tuning
from trackforge.cli.layers import Choice, Layer, choose
from trackforge.cli.plan import COMPOSED, DETECTOR, TRACKER, expand
from trackforge.cli.scoring import Truth
from trackforge.cli.stopping import Stopping
from trackforge.cli.words import split
from trackforge.errors import ConfigError
from trackforge.io.mot import read_seqinfo
from trackforge.registry import registry
from trackforge.registry.guess import source_for
from trackforge.tuning.folders import blank_source
from trackforge.tuning.space import parse_all

__all__ = ["Request", "run"]

log = logging.getLogger(__name__)
SHARE = 0.3
"""Frames held out where nothing is said."""


@dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes:
        layers: Settings, from weak to strong.
        said: Options of the run.
        asked: What to search, as ``section.setting=values``.
    """

    layers: Sequence[Layer]
    said: Mapping[str, Any]
    asked: Sequence[str]

    @property
    def searched(self) -> dict[str, Any]:
        """Values by ``section.setting``, as far as somebody gave any."""
        return parse_all(self.asked, self.said.get("search"))

    def setup(self) -> tuning.Setup:
        """Return the components.

        Raises:
            ConfigError: A setting is wrong, or a part is asked for that the tracker does not take.
            UnknownComponentError: There is no such component.
        """
        sections = {name.partition(".")[0] for name in self.searched}
        asked = {kind for kind in ("associator", "motion") if any(layer.tables.get(kind) for layer in self.layers)}
        tracker = _component(choose("tracker", self.layers, COMPOSED if asked else TRACKER))
        parts: dict[str, Any] = dict.fromkeys(("associator", "motion"))
        bare = tuning.Setup(tracker, self._detector())
        for kind in sorted(asked | (sections & set(parts))):
            default = bare.component(kind)
            chosen = choose(kind, self.layers, default.name)
            kept = default.settings if chosen.spec.name == default.name else {}
            parts[kind] = tuning.Component(kind, chosen.spec.name, {**kept, **chosen.settings})
        return tuning.Setup(tracker, bare.detector, **parts)

    def _detector(self) -> tuning.Component:
        folder = self.said.get("detections")
        if folder is None:
            return _component(choose("detector", self.layers, DETECTOR))
        if any("name" in layer.tables.get("detector", {}) for layer in self.layers):
            raise ConfigError("Give --detections or --detector, not both: stored detections take no detector.")
        folder = Path(folder)
        if not folder.is_dir():
            raise FileNotFoundError(f"--detections must name a folder; there is no {folder}.")
        nested = any(folder.glob("*/det/det.txt"))
        path = folder / "{name}" / "det" / "det.txt" if nested else folder / "{name}.txt"
        file = Layer("--detections", {"detector": {"name": "file", "path": path}})
        return _component(choose("detector", [file, *self.layers]))

    def space(self) -> tuple[tuning.Dimension, ...]:
        """Return what is searched."""
        return tuning.search_space(self.setup(), self.searched)

    def footage(self) -> list[tuning.Footage]:
        """Return the sequences, with their truth.

        Raises:
            ConfigError: There is none, or two have one name.
            InvalidInputError: One has no truth.
        """
        given = [str(source) for source in self.said.get("sources", [])]
        sources = [one for source in given for one in expand(source)]
        if not sources:
            raise ConfigError("tune needs sequences with ground truth. Give some: trackforge tune MOT17/train.")
        names = [Path(one).name if Path(one).is_dir() else Path(one).stem for one in sources]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"Sequences need different names; two are called {name!r}. Tune on one of them.")
        places = [Path(path) for path in self.said.get("truth") or [*given, *sources]]
        truth = Truth.find(places, names, str(self.said.get("preprocessing", "none")))
        return [self._one(name, source, truth) for name, source in zip(names, sources, strict=True)]

    def _one(self, name: str, given: str, truth: Truth) -> tuning.Footage:
        info = read_seqinfo(given) if (Path(given) / "seqinfo.ini").is_file() else None
        length = None if info is None else info.length
        if self.said.get("detections") is not None and info is not None:
            return tuning.Footage(name, blank_source(name, info), truth.tables[name], length)
        if given in {spec.name for spec, _ in registry().specs("source")}:
            choice = choose("source", [*self.layers, Layer("the source", {"source": {"name": given}})])
            return tuning.Footage(name, _component(choice), truth.tables[name], length)
        choice = choose("source", self.layers, source_for(given).name)
        source = tuning.Component("source", choice.spec.name, {**choice.settings, "path": Path(given)})
        return tuning.Footage(name, source, truth.tables[name], length)


def _component(choice: Choice) -> tuning.Component:
    return tuning.Component(choice.spec.kind, choice.spec.name, dict(choice.settings))


def run(request: Request, *, as_json: bool, quiet: bool) -> int:
    """Search, report and write; return the exit code."""
    said = request.said
    out = Path(said.get("out", "tuning"))
    study = Path(said.get("study", out / "study.journal"))
    trials, seed = said.get("trials", 100), said.get("seed", 0)
    problem = _problem(request, seed, out)
    search = tuning.Search(seed=seed, pruning=said.get("pruning", True), pick=said.get("pick", "steady"))
    if not quiet and not as_json:
        _announce(problem)
    with Stopping() as stopping:
        stopping.patient = True
        with _progress(trials, quiet=quiet) as advance:
            outcome = tuning.tune(
                problem,
                study,
                trials=trials,
                workers=said.get("workers", 1),
                search=search,
                on_trial=advance,
                stop=lambda: bool(stopping.signal),
            )
    files = tuning.write(outcome, out)
    if as_json:
        sys.stdout.write(json.dumps({**tuning.facts(outcome), "files": [str(f) for f in files]}, indent=2) + "\n")
    else:
        sys.stdout.write(tuning.text(outcome) + "\n")
        if not quiet:
            sys.stdout.write("".join(f"  {file}\n" for file in files))
    if outcome.interrupted:
        done = sum(trial.state != "failed" for trial in outcome.trials)
        log.warning("stopped after %d of %d trials; the same command goes on from there", done, trials)
    elif outcome.best is None:
        raise ConfigError("No trial was complete; narrow the search so that the settings go together.")
    return stopping.exit_code


def _problem(request: Request, seed: int, out: Path) -> tuning.Problem:
    said = request.said
    setup = request.setup()
    space = tuning.search_space(setup, request.searched)
    footage = request.footage()
    held = split(said.get("val"))
    if held and said.get("val_share") is not None:
        raise ConfigError("Give --val or --val-share, not both.")
    lengths = {one.name: one.length or int(one.truth.frame.max(initial=0)) + 1 for one in footage}
    share = said.get("val_share", SHARE if len(footage) > 1 else 0)
    train, val = tuning.split(lengths, held or share, seed)
    return tuning.Problem(
        setup=setup,
        space=space,
        train=[one for one in footage if one.name in train],
        val=[one for one in footage if one.name in val],
        objective=tuning.Objective.parse(said.get("objective", "HOTA"), said.get("average", "combined")),
        preprocessing=said.get("preprocessing", "none"),
        box=said.get("box", "filtered"),
        library=tuning.Library(setup.detector, space, out / "detections"),
    )


def _announce(problem: tuning.Problem) -> None:
    console = Console(stderr=True)
    for title, names in (
        ("tuned on", [one.name for one in problem.train]),
        ("held out", [one.name for one in problem.val]),
        ("searched", [f"{one.name}={one}" for one in problem.space]),
    ):
        console.print(Text(f"{title}: {', '.join(names) or 'nothing'}", style="dim"), soft_wrap=True)


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Callable[[tuning.Trial], None]]:
    """Show trials done, the best so far and the time left on stderr, where that is a terminal."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield _ignore
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(compact=True))
    with Progress(*columns, console=console, redirect_stdout=False) as bar:
        task = bar.add_task("trials", total=total)
        best = [float("-inf")]

        def advance(trial: tuning.Trial) -> None:
            if trial.value is not None:
                best[0] = max(best[0], trial.value)
            shown = f"best {best[0]:.4f}" if best[0] > float("-inf") else "trials"
            bar.update(task, completed=trial.number + 1, description=shown)

        yield advance


def _ignore(trial: tuning.Trial) -> None:
    del trial
