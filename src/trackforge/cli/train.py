"""``trackforge train``."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

if TYPE_CHECKING:
    from trackforge.data import Dataset
    from trackforge.training import FitResult

__all__ = ["train"]

SECTIONS = ("train", "trainer")
OPTIONS = ("data", "val", "split", "val_split", "halves", "val_share", "val_sequences", "weights", "out", "classes")
"""What a configuration file may say beside its tables; flags win."""
Names = list[str] | None


def train(
    name: str,
    /,
    *,
    data: list[Path] | None = None,
    val: Path | None = None,
    from_: Annotated[str | None, Parameter(name=["--from"])] = None,
    split: str | None = None,
    val_split: str | None = None,
    halves: Literal["bytetrack", "fairmot"] | None = None,
    val_share: Annotated[float | None, Parameter(validator=Number(gt=0, lt=1))] = None,
    val_sequences: Names = None,
    classes: Names = None,
    rename: Names = None,
    weights: str | None = None,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    set_: Annotated[list[str] | None, Parameter(name=["--set"])] = None,
    config: Annotated[Path | None, Parameter(name=["--config", "-c"])] = None,
    resume: Annotated[bool, Parameter(show_default=False)] = False,
    as_json: Annotated[bool, Parameter(name=["--json"], show_default=False)] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], show_default=False)] = False,
    help_settings: Annotated[bool, Parameter(show_default=False)] = False,
) -> int:
    """Train a detector on labelled pictures.

    The folder --out gets model.pth (one file, for --set detector.weights=... and for trackforge export), checkpoints,
    tables and figures of losses and scores. SIGTERM and Ctrl-C save a checkpoint and stop; the same command with
    --resume goes on from there, or begins where there is none yet. Settings come from, weak to strong: defaults of the
    recipe, --config, --set, the other flags; --help-settings shows every one.

    Parameters
    ----------
    name
        Name of the trainer; trackforge info trainer lists them.
    data
        Folder or file of the data set. May be repeated: sets are mixed, classes joined by name.
    val
        Another set, to validate on.
    from_
        Format of the sets, where they do not tell: mot, coco, voc, yolo, jde.
    split
        Train on this part of the set: train.
    val_split
        Validate on this part, of --val where it is given, else of --data.
    halves
        Divide every sequence in the middle by this rule, and validate on the second halves.
    val_share
        Validate on this share of --data, 0 to 1: whole sequences, and stills at random.
    val_sequences
        Validate on these sequences of --data: MOT17-02,MOT17-04.
    classes
        Train these classes only, by their new names: person,car.
    rename
        Other names for classes: pedestrian=person; what gets one name becomes one class.
    weights
        Start from this file, or published name; without one, from what the recipe says.
    out
        Folder of the run; runs/NAME without one.
    set_
        A setting, train.epochs=20 or trainer.variant=yolox-nano. May be repeated.
    config
        TOML file with tables [train] and [trainer], and data, val, weights, out before them.
    resume
        Go on with the run in --out, if it was begun.
    as_json
        Print JSON.
    quiet
        No line for every epoch.
    help_settings
        Show every setting of the trainer and of the loop, and do nothing.
    """
    from trackforge.cli.words import split as listed
    from trackforge.registry import registry

    spec = registry().find("trainer", name)
    if help_settings:
        from trackforge.cli.info import show_settings

        show_settings([spec, _loop()], as_json=as_json)
        return 0
    given = {
        "data": data,
        "val": val,
        "split": split,
        "val_split": val_split,
        "halves": halves,
        "val_share": val_share,
        "val_sequences": listed(val_sequences) or None,
        "classes": listed(classes) or None,
        "weights": weights,
        "out": out,
    }
    tables, options = _layers(config, set_ or [])
    options |= {key: value for key, value in given.items() if value is not None}
    result = _run(name, spec, tables, options, listed(rename), from_=from_, resume=resume, quiet=quiet)
    if result.rank == 0:
        sys.stdout.write((json.dumps(_facts(result), indent=2) if as_json else _summary(result)) + "\n")
    return 128 + result.signal if result.stopped == "signal" else 0


def _run(
    name: str,
    spec: Any,
    tables: Sequence[tuple[str, Mapping[str, Mapping[str, Any]]]],
    options: Mapping[str, Any],
    rename: Sequence[str],
    *,
    from_: str | None,
    resume: bool,
    quiet: bool,
) -> FitResult:
    from trackforge.cli.layers import checked
    from trackforge.training import fit, settings_for

    of: dict[str, dict[str, Any]] = {"train": {}, "trainer": {}}
    for where, sections in tables:
        of["train"] |= checked(_loop(), sections.get("train", {}), f"{where}: train")
        of["trainer"] |= checked(spec, sections.get("trainer", {}), f"{where}: trainer {name!r}")
    train_set, val_set = _sets(options, rename, from_)  # before the recipe, which imports torch: that takes seconds
    recipe = spec.create(of["trainer"])
    settings = settings_for(recipe, **of["train"])
    return fit(
        recipe,
        train_set,
        val_set,
        settings,
        Path(options.get("out", f"runs/{name}")),
        weights=str(options.get("weights", "")),
        resume=resume,
        watch=None if quiet else _watch(),
    )


def _layers(config: Path | None, assignments: Sequence[str]) -> tuple[list[tuple[str, dict[str, Any]]], dict[str, Any]]:
    """Return the tables of --config and --set, weak to strong, and the options of the file."""
    from trackforge.errors import ConfigError, did_you_mean

    layers: list[tuple[str, dict[str, Any]]] = []
    options: dict[str, Any] = {}
    if config is not None:
        content = _toml(config)
        tables = {key: content.pop(key) for key in SECTIONS if key in content}
        for key, table in tables.items():
            if not isinstance(table, dict):
                raise ConfigError(f"{config}: {key} must be a table; got {table!r}. Write [{key}].")
        for key in content:
            if key not in OPTIONS:
                hint = did_you_mean(key, [*SECTIONS, *OPTIONS])
                listing = ", ".join([*(f"[{section}]" for section in SECTIONS), *OPTIONS])
                raise ConfigError(f"{config}: unknown key {key!r}.{hint} It may have: {listing}.")
        layers.append((str(config), tables))
        options = content
    given: dict[str, Any] = {}
    for assignment in assignments:
        path, equals, value = assignment.partition("=")
        section, dot, key = path.strip().partition(".")
        if not (equals and dot and key) or section not in SECTIONS:
            raise ConfigError(f"--set must read train.KEY=VALUE or trainer.KEY=VALUE; got {assignment!r}.")
        given.setdefault(section, {})[key.strip()] = value
    return [*layers, ("--set", given)], options


def _toml(path: Path) -> dict[str, Any]:
    from trackforge.errors import ConfigError

    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        content: dict[str, Any] = toml.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--config must name a TOML file; {path} cannot be read: {error}.") from error
    except toml.TOMLDecodeError as error:
        raise ConfigError(f"{path}: this is not TOML: {error}.") from error
    return content


def _sets(options: Mapping[str, Any], rename: Sequence[str], from_: str | None) -> tuple[Dataset, Dataset | None]:
    """Read what to train and to validate on."""
    from trackforge import data
    from trackforge.errors import ConfigError

    paths = options.get("data") or []
    paths = [paths] if isinstance(paths, (str, Path)) else paths
    if not paths:
        raise ConfigError("--data must name a data set; none is given. Give a folder or a file of labels.")
    ways = [key for key in ("halves", "val_share", "val_sequences") if options.get(key)]
    ways += ["val"] if options.get("val") else ["val_split"] if options.get("val_split") else []
    if len(ways) > 1:
        raise ConfigError(
            f"What to validate on must be said in one way; got --{' and --'.join(ways).replace('_', '-')}."
        )
    prepare = _preparing(rename, options.get("classes") or ())

    def read(which: Sequence[Any], part: str | None) -> Dataset:
        sets = [prepare(data.read(path, from_, **({"split": part} if part else {}))) for path in which]
        return sets[0] if len(sets) == 1 else data.concatenate(sets)

    whole = read(paths, options.get("split"))
    if options.get("val"):
        return whole, read([options["val"]], options.get("val_split"))
    if options.get("val_split"):
        return whole, read(paths, options["val_split"])
    if options.get("halves"):
        return data.half_split(whole, rule=options["halves"])
    if options.get("val_share") or options.get("val_sequences"):
        return data.sequence_split(whole, val=options.get("val_sequences") or float(options["val_share"]))
    return whole, None


def _preparing(rename: Sequence[str], classes: Sequence[str]) -> Callable[[Dataset], Dataset]:
    from trackforge.errors import ConfigError

    if any("=" not in pair for pair in rename):
        raise ConfigError(f"--rename takes OLD=NEW; got {' '.join(rename)}.")
    names = dict(pair.split("=", 1) for pair in rename)

    def prepare(dataset: Dataset) -> Dataset:
        known = {old: new for old, new in names.items() if old in dataset.classes}
        dataset = dataset.rename_classes(known) if known else dataset
        return dataset.select_classes(classes) if classes else dataset

    return prepare


def _loop() -> Any:
    """The settings of the loop, shown and checked like those of a component."""
    from trackforge.registry.spec import ComponentSpec

    return ComponentSpec(
        kind="trainer",
        name="loop",
        target="trackforge.training:fit",
        config="trackforge.training:FitSettings",
        summary="settings of every trainer's loop: --set train.epochs=20",
    )


def _watch() -> Callable[[Mapping[str, Any]], None]:
    def watch(row: Mapping[str, Any]) -> None:
        from trackforge.training.scores import epoch_words

        sys.stderr.write(epoch_words(row) + "\n")

    return watch


def _facts(result: FitResult) -> dict[str, Any]:
    return {
        "model": None if result.model is None else str(result.model),
        "out": str(result.out),
        "epochs": result.epochs,
        "steps": result.steps,
        "stopped": result.stopped,
        "best": dict(result.best),
        "seconds": round(result.seconds, 1),
    }


def _summary(result: FitResult) -> str:
    from trackforge.training.scores import best_words

    words = {
        "signal": f"stopped after {result.steps} steps, checkpoint saved; go on with --resume",
        "early": f"stopped after {result.epochs} epochs: the score gets no better",
        "steps": f"stopped after {result.steps} steps",
        "": f"{result.epochs} epochs, {result.steps} steps",
    }
    lines = [f"{words[result.stopped]} ({result.seconds:.0f} s)"]
    if result.best:
        lines.append(best_words(result.best["epoch"], result.scores))
    if result.model is not None:
        lines.append(str(result.model))
    return "\n".join(lines)
