"""A labelling project, declared once: flags, ``label.toml`` and Python are spellings of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from trackforge.config import same_setting, setting
from trackforge.errors import ConfigError
from trackforge.labelling.goals import Goal
from trackforge.runs.component import Wanted
from trackforge.runs.layers import Layer, from_mapping
from trackforge.runs.tracking import Basis, Looking, Run, TrackingRun

__all__ = ["FIXED", "LabelRun", "tracking_layers"]

FIXED = ("sources", "source", "classes", "rename", "start", "stride", "frames")
"""What a project is about: settings that cannot change once it has begun, since labels hang on them."""
LOOKING = (
    "sources", "source", "detector", "tracker", "associator", "motion", "weights", "conf", "iou", "imgsz", "device",
    "class_agnostic", "start", "stride", "frames", "batch_size", "ahead",
)  # fmt: skip
"""Settings that mean the same as in a tracking run."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelRun(Basis):
    """What to label, with which models, how much people shall look at, and when it is good enough.

    >>> run = LabelRun(sources=("street.mp4",), detector="motion", goal=("AP50=0.9",), out="street")
    >>> run.goals()[0].words
    'AP50 at least 0.9'

    Raises:
        ConfigError: A setting is wrong, or a goal cannot be read.
    """

    sources: tuple[str, ...] = setting(
        (), help="Videos, folders of pictures, MOT sequences; or the folder of a project, to go on with it."
    )
    weights: str | None = same_setting(Looking, "weights")
    conf: float | None = same_setting(TrackingRun, "conf")
    iou: float | None = same_setting(Looking, "iou")
    imgsz: int | tuple[int, int] | None = same_setting(Looking, "imgsz")
    device: str | None = same_setting(Looking, "device")
    classes: tuple[str, ...] = setting(
        (), commas=True, help="Label these classes only, by their new names: person,car. Without any, what models know."
    )
    rename: tuple[str, ...] = setting(
        (),
        commas=True,
        help="Names of labels for classes of the models: pedestrian=person; of one model alone, yolox:truck=car.",
    )
    class_agnostic: bool = same_setting(Looking, "class_agnostic")
    start: str | int = same_setting(Looking, "start")
    stride: int = same_setting(Looking, "stride")
    frames: int | None = same_setting(Looking, "frames")
    batch_size: int = same_setting(Looking, "batch_size")
    ahead: int = same_setting(Looking, "ahead")
    tracker: Wanted = same_setting(Run, "tracker")
    associator: Wanted = same_setting(Run, "associator")
    motion: Wanted = same_setting(Run, "motion")
    also: tuple[str, ...] = setting(
        (),
        help="A further detector, by name or file of weights: its labels are merged in, and frames on which the models "
        "disagree are labelled sooner. May be repeated.",
    )
    model: tuple[Mapping[str, Any], ...] = setting(
        (), flags=(), help="Further detectors as tables: name, and settings of each."
    )
    agree: float = setting(
        0.6, minimum=0, maximum=1, unit="IoU", help="Overlap from which boxes of several models mean one object."
    )
    rules: tuple[str, ...] = setting(
        (), commas=True, help="What overlaps of two classes of several models mean: rider>person, car~truck, a+b."
    )
    gap: int = setting(
        10, minimum=0, unit="frames", help="Gaps of a track up to this length are filled in straight lines; 0 for none."
    )
    tolerance: float = setting(
        0.5, minimum=0, unit="px", help="How far a box may be off so that a track needs fewer keyframes."
    )
    count: int = setting(100, minimum=1, unit="frames", help="Frames that people are asked to look at in a round.")
    doubt: float = setting(0.5, minimum=0, maximum=1, unit="score", help="A box with a lower score is in doubt.")
    same: float = setting(
        0.99, minimum=0, maximum=1, unit="IoU", help="A box that people left overlapping itself this much is untouched."
    )
    trainer: Wanted = setting(
        "", help="Name of the trainer; without one, that of the detector, where there is one. none: never train."
    )
    train: Wanted = setting("", flags=(), help="Settings of the training loop: --set train.epochs=20.")
    start_weights: str | None = setting(
        None, help="What the first training starts from; without it, the detector's weights."
    )
    more_data: tuple[Path, ...] = setting((), help="A labelled set to train on as well. May be repeated.")
    holdout: float = setting(
        0.25,
        minimum=0,
        below=1,
        help="Share of the checked frames, the last of each sequence, that training never sees: they judge it.",
    )
    keep: Literal["better", "always", "never"] = setting(
        "better", help="Go on with the trained model if it is better on these, in any case, or never."
    )
    settle: Literal["hota", "effort", "never"] = setting(
        "hota",
        help="Choose the tracker's least score (conf) anew for every round, by what people have checked: for the best "
        "HOTA, or the least effort. Not where --conf is given.",
    )
    goal: tuple[str, ...] = setting(
        (),
        commas=True,
        help="When it is good enough, all of: AP50=0.9, IDF1=0.8, precision, recall, HOTA, MOTA, or effort<10.",
    )
    out: Path | None = setting(None, flags=("--out", "-o"), help="Folder of the project; new, or to go on.")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.goals()
        if any("=" not in pair for pair in self.rename):
            raise ConfigError(f"--rename takes OLD=NEW; got {','.join(self.rename)}.")

    def goals(self) -> tuple[Goal, ...]:
        """Return the goals, all of which must be reached."""
        return tuple(Goal.parse(one) for one in self.goal)

    @property
    def settles(self) -> bool:
        """Whether the tracker's least score is chosen by what people have checked."""
        return self.settle != "never" and self.conf is None

    def models(self) -> list[Mapping[str, Any]]:
        """Return the further detectors as tables."""
        return [{"name": name} for name in self.also] + [dict(table) for table in self.model]


def tracking_layers(run: LabelRun, detector: Mapping[str, Any] | None = None) -> list[Layer]:
    """Return what a project says of looking and tracking, as layers for `trackforge.runs.planning.plan`.

    Args:
        run: The project.
        detector: Another detector in the place of the declared one, as a table; habits such as ``conf`` stay.

    Classes are left out: what models call them is known when they are made.
    """
    defaults = {f.name: f.default for f in dataclasses.fields(LabelRun)}
    said = {name: getattr(run, name) for name in LOOKING if getattr(run, name) != defaults[name]}
    if detector is not None:
        said |= {"detector": dict(detector)}
        said.pop("weights", None)
    return [from_mapping(said, TrackingRun, "")]
