"""A training job, declared once, and carried out; importing this loads no torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from trackforge import data
from trackforge.config import check, setting
from trackforge.errors import ConfigError
from trackforge.io.targets import check_writable
from trackforge.registry.spec import ComponentSpec
from trackforge.runs.component import Component, Wanted, checked
from trackforge.runs.layers import Layer, choose, from_job, options, place
from trackforge.runs.repeating import write_run
from trackforge.training.monitoring import check_monitor
from trackforge.training.progress import Progress, Teller
from trackforge.training.summary import now, write_summary
from trackforge.training.whole import with_folders, with_parts

if TYPE_CHECKING:
    from trackforge.data import Dataset
    from trackforge.training.fitting import FitResult

__all__ = ["LOOP", "TrainingRun", "TrainingTask"]

LOOP = ComponentSpec(
    kind="trainer",
    name="loop",
    target="trackforge.training:fit",
    config="trackforge.training:FitSettings",
    summary="settings of every trainer's loop: --set train.epochs=20",
)
"""The settings of the loop, shown and checked like those of a component."""


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """What to train, on what, and where to."""

    trainer: Wanted = setting("", help="Name of the trainer; trackforge info trainer lists them.")
    train: Wanted = setting("", flags=(), help="Settings of the loop, the same for every trainer.")
    data: tuple[Path, ...] = setting(
        (), help="Folder or file of the data set. May be repeated: sets are mixed, classes joined by name."
    )
    val: Path | None = setting(None, help="Another set, to validate on.")
    format: str | None = setting(
        None, flags=("--from",), help="Format of the sets, where they do not tell: mot, coco, voc, yolo, jde."
    )
    split: str | None = setting(None, help="Train on this part of the set: train.")
    val_split: str | None = setting(None, help="Validate on this part, of --val where it is given, else of --data.")
    halves: Literal["bytetrack", "fairmot"] | None = setting(
        None, help="Divide every sequence in the middle by this rule, and validate on the second halves."
    )
    half_val: Literal[0, 1] = setting(0, help="FairMOT's name of --halves fairmot: 1; 0 trains on all.")
    val_share: float | None = setting(
        None,
        above=0,
        below=1,
        help="Validate on this share of --data, 0 to 1: whole sequences, and stills at random.",
    )
    val_sequences: tuple[str, ...] = setting(
        (), commas=True, help="Validate on these sequences of --data: MOT17-02,MOT17-04."
    )
    classes: tuple[str, ...] = setting(
        (), commas=True, help="Train these classes only, by their new names: person,car."
    )
    rename: tuple[str, ...] = setting(
        (),
        commas=True,
        help="Other names for classes: pedestrian=person; what gets one name becomes one class.",
    )
    weights: str = setting("", help="Start from this file, or published name; without one, from what the recipe says.")
    out: Path | None = setting(None, flags=("--out", "-o"), help="Folder of the run; runs/TRAINER without one.")
    whole: bool = setting(
        False,
        help="Train on what would be validated on too, and validate nothing: for settings that are decided.",
    )
    resume: bool = setting(False, help="Go on with the run in --out, if it was begun.")

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class TrainingTask:
    """A training job whose settings are checked; nothing is read yet.

    Attributes:
        options: The options of the job; its components stand beside it.
        trainer: What is trained.
        loop: Settings of the loop other than the recipe's.
    """

    options: TrainingRun
    trainer: Component
    loop: Mapping[str, Any]

    @classmethod
    def of(cls, *given: TrainingRun | Layer) -> TrainingTask:
        """Put together what a job, or several places about it, say.

        Raises:
            ConfigError: A setting is unknown or wrong; the message says where it stands.
            UnknownComponentError: There is no such trainer.
        """
        layers = [one if isinstance(one, Layer) else from_job(one) for one in given]
        said = options(TrainingRun, layers)
        if not any(layer.tables.get("trainer", {}).get("name") for layer in layers):
            raise ConfigError("train needs the name of a trainer; none is given. See: trackforge info trainer.")
        trainer = choose("trainer", layers)
        loop: dict[str, Any] = {}
        for layer in layers:
            loop |= checked(LOOP, layer.tables.get("train", {}), place(layer.where, "train"))
        return cls(said, trainer, loop)

    @property
    def out(self) -> Path:
        """The folder of the run."""
        return self.options.out or Path("runs") / self.trainer.name

    def check(self) -> None:
        """Refuse what can be seen to be wrong before anything is read.

        Raises:
            ConfigError: No set is named, what to validate on is said in several ways, or no score has the name to
                monitor.
            UnknownComponentError: There is no such tracker to score with.
            SinkError: The folder of the run cannot be written to.
        """
        said = self.options
        if not said.data:
            raise ConfigError("--data must name a data set; none is given. Give a folder or a file of labels.")
        ways = [key for key in ("halves", "half_val", "val_share", "val_sequences") if getattr(said, key)]
        ways += ["val"] if said.val else ["val_split"] if said.val_split else []
        if len(ways) > 1:
            raise ConfigError(
                f"What to validate on must be said in one way; got --{' and --'.join(ways).replace('_', '-')}."
            )
        if any("=" not in pair for pair in said.rename):
            raise ConfigError(f"--rename takes OLD=NEW; got {' '.join(said.rename)}.")
        check_monitor(self.trainer.spec.load_config(), self.loop)
        check_writable([self.out], kind="folder")

    def sets(self) -> tuple[Dataset, Dataset | None]:
        """Read what to train and to validate on; with ``whole`` all of it to train on.

        Raises:
            ConfigError: No set is named, or what to validate on is said in several ways.
            DataError: A set is malformed, or does not have what is asked for.
        """
        self.check()
        said = self.options
        if said.whole:
            return self._whole(), None
        given = self._read(said.data, said.split)
        if said.val:
            return given, self._read([said.val], said.val_split)
        if said.val_split:
            return given, self._read(said.data, said.val_split)
        if said.halves or said.half_val:
            return data.half_split(given, rule=said.halves or "fairmot")
        if said.val_sequences:
            return data.sequence_split(given, val=said.val_sequences)
        if said.val_share:
            return data.sequence_split(given, val=said.val_share)
        return given, None

    def _whole(self) -> Dataset:
        """Return what is given with what is validated on elsewhere; a part that was to be held out is in it."""
        said = self.options
        given = self._each(said.data, said.split)
        known = {name for one in given for name in one.classes}

        def more(paths: Sequence[Path]) -> list[Dataset]:
            sets = self._each(paths, said.val_split)
            return [one.select_classes([name for name in one.classes if name in known]) for one in sets]

        if said.val:
            return with_folders(given, *more([said.val]))
        if said.val_split and said.split:
            return with_parts(given, more(said.data))
        return given[0] if len(given) == 1 else data.concatenate(given)

    def _read(self, paths: Sequence[Path], part: str | None) -> Dataset:
        sets = self._each(paths, part)
        return sets[0] if len(sets) == 1 else data.concatenate(sets)

    def _each(self, paths: Sequence[Path], part: str | None) -> list[Dataset]:
        more = {"split": part} if part else {}
        return [self._prepared(data.read(path, self.options.format, **more)) for path in paths]

    def _prepared(self, dataset: Dataset) -> Dataset:
        rename = self.options.rename
        names = dict(pair.split("=", 1) for pair in rename)
        known = {old: new for old, new in names.items() if old in dataset.classes}
        dataset = dataset.rename_classes(known) if known else dataset
        return dataset.select_classes(self.options.classes) if self.options.classes else dataset

    def job(self) -> TrainingRun:
        """Return the job with everything that was settled, so that it can be written down and repeated."""
        return dataclasses.replace(
            self.options, trainer=self.trainer, train=dict(self.loop), out=self.out, resume=False
        )

    def write(self) -> Path:
        """Put ``run.toml`` into the folder of the run: ``trackforge train --config run.toml`` repeats it.

        Raises:
            SinkError: The place cannot be written to.
        """
        return write_run(self.out, self.job(), "train", "-o ANOTHER-FOLDER")

    def fit(self, *, watch: Callable[[Mapping[str, Any]], None] | None = None, tell: Teller | None = None) -> FitResult:
        """Read the sets and train; see `trackforge.training.fit`, whose errors it raises.

        The folder gets ``run.toml`` at the start, and ``summary.json`` at the end.

        Args:
            watch: Gets a row of facts after every epoch.
            tell: Is told how far the run is.
        """
        self.check()
        began, told = now(), tell or _untold
        told(Progress(stage="loading", words=f"reading {', '.join(map(str, self.options.data))}"))
        train, val = self.sets()  # before the recipe, which imports torch: that takes seconds
        told(Progress(stage="loading", words=f"loading the trainer {self.trainer.name}"))
        from trackforge.training import fit, settings_for

        recipe = self.trainer.create()
        result = fit(
            recipe,
            train,
            val,
            settings_for(recipe, **self.loop),
            self.out,
            weights=self.options.weights,
            resume=self.options.resume,
            watch=watch,
            tell=tell,
            begun=self.write,
        )
        if result.rank == 0:
            trainer = {"name": self.trainer.name, "settings": dict(self.trainer.settings)}
            asked = {"trainer": trainer, "train": dict(self.loop), "weights": self.options.weights}
            write_summary(result, asked, train, val, began)
        return result


def _untold(now: Progress) -> None:
    del now
