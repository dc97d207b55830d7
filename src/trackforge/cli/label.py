"""``trackforge label``: a labelling project, and what hangs below it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from trackforge.cli.flags import Positive, Words, command
from trackforge.cli.flags import split as separate
from trackforge.cli.printing import put
from trackforge.cli.telling import Paced, telling
from trackforge.config import setting
from trackforge.labelling.loop import Tell, go_on, measured, status, working
from trackforge.labelling.project import Project, is_project
from trackforge.labelling.run import LabelRun
from trackforge.labelling.standing import Status
from trackforge.labelling.words import measure_words, next_words, status_words
from trackforge.runs.layers import Layer
from trackforge.training.progress import Progress

__all__ = ["app", "label"]

log = logging.getLogger(__name__)
GROUPS = {
    "Input": ("start", "stride", "frames"),
    "Models": (
        "detector", "weights", "conf", "iou", "classes", "rename", "class_agnostic", "imgsz", "device", "batch_size",
        "also", "agree", "rules",
    ),
    "Tracks": ("tracker", "associator", "motion", "settle", "gap", "tolerance"),
    "People": ("count", "doubt", "same", "goal", "ready"),
    "Training": ("trainer", "start_weights", "more_data", "holdout", "keep"),
}  # fmt: skip
"""Headings of the help page; the rest stands under "Run"."""
HELP = """Label footage by a model, have people check, measure, train, and again until it is good enough.

    trackforge label street.mp4 --classes person -o street-labels    # a model labels; says what people look at
    trackforge serve --labels street-labels/sequences                # people check
    trackforge label street-labels                                   # measures, trains, labels the rest again

The folder holds everything: the same command goes on after a kill. A file or folder called status, export, import,
measure, choose or train is ./status and so on.
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _LabelWords(Words):
    """What the command takes beside the project."""

    set: tuple[str, ...] = setting(
        (),
        help="A setting, section.key=value: detector.score=0.2, train.epochs=10, trainer.size=416x416. May be "
        "repeated.",
    )
    config: Path | None = setting(
        None, flags=("--config", "-c"), help="TOML file with settings; the label.toml of a project repeats it."
    )
    ready: bool = setting(
        False, help="Go on, though people have not looked at every frame that they were asked to look at."
    )
    json: bool = setting(False, help="Print where the project stands as JSON.")
    quiet: bool = setting(False, flags=("--quiet", "-q"), help="Show no progress.")


def _label(layers: list[Layer], words: _LabelWords) -> int:
    given = [source for layer in layers for source in layer.options.get("sources", ())]
    if len(given) == 1 and is_project(given[0]):
        rest = [_without_sources(layer) for layer in layers]
        project = Project.open(Path(given[0]), *rest)
    else:
        project = Project.begin(*layers)
    with _telling(quiet=words.quiet or words.json) as tell:
        stands, signal = go_on(project, ready=words.ready, tell=tell)
    _show(stands, as_json=words.json)
    return 128 + signal if signal else 0


def _without_sources(layer: Layer) -> Layer:
    return dataclasses.replace(layer, options={k: v for k, v in layer.options.items() if k not in ("sources", "out")})


def _show(stands: Status, *, as_json: bool) -> None:
    if as_json:
        put(json.dumps(stands.as_dict(), indent=2) + "\n")
    else:
        put(status_words(stands) + "\n\n" + next_words(stands) + "\n")


@contextlib.contextmanager
def _telling(*, quiet: bool) -> Iterator[Tell]:
    with telling(quiet=quiet) as shown:
        paced, sequence = Paced(), ""

        def look(name: str, done: int, total: int | None) -> None:
            nonlocal paced, sequence
            if quiet:
                return
            said = f"labelling {name}: {done}{f'/{total}' if total else ''} frames"
            if name != sequence:
                paced, sequence = Paced(), name
            if shown.on_terminal:
                shown.now(Progress(stage="loading", words=said, done=done, total=total or 0))
            else:
                paced(said)

        def epoch(row: Mapping[str, Any]) -> None:
            from trackforge.training.scores import epoch_words

            shown.line(epoch_words(row))

        def line(said: str) -> None:
            if not quiet:
                shown.line(said)

        yield Tell(look=look, line=line, epoch=None if quiet else epoch, train=shown.now)


label = command("label", LabelRun, _LabelWords, _label, first="sources", groups=GROUPS)
app = App(name="label", help=HELP, help_format="plaintext", default_parameter=Parameter(negative=""))
app.default(label)
Json = Annotated[bool, Parameter(name=["--json"], show_default=False)]
Quiet = Annotated[bool, Parameter(name=["--quiet", "-q"], show_default=False)]


@app.command(name="status")
def show_status(project: Path, /, *, as_json: Json = False) -> int:
    """Say where a project stands, and what comes next.

    Parameters
    ----------
    project
        Folder of the project.
    as_json
        Print JSON.
    """
    _show(status(Project.open(project)), as_json=as_json)
    return 0


@app.command(name="export")
def export(
    project: Path,
    format_: Annotated[str, Parameter(name="format")],
    /,
    *,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    frames: Literal["wanted", "checked", "unchecked", "all"] | None = None,
    kind: Literal["adjustment", "verification", "new"] = "adjustment",
    task: Literal["video-tracking", "video-detection", "boxes"] = "video-tracking",
    prefix: str = "",
    overwrite: bool = False,
    as_json: Json = False,
) -> int:
    """Write the labels for another program: ground-truth, cvat, label-studio, coco, mot and the other formats.

    Parameters
    ----------
    project
        Folder of the project.
    format_
        ground-truth (a labelling job of SageMaker, to be uploaded), cvat, label-studio, coco, mot, ...
    out
        Where to; below exchange/ of the project, if left out.
    frames
        Which frames; those that people are asked to look at, and all for cvat, label-studio and mot, if left out.
    kind
        Ground Truth: people adjust, verify, or begin anew.
    task
        Ground Truth: what is labelled.
    prefix
        Ground Truth: the address that the folder will be uploaded to, s3://bucket/folder/.
    overwrite
        Replace what stands at --out.
    as_json
        Print JSON.
    """
    from trackforge.labelling.exporting import hand_out

    opened = Project.open(project)
    with working(opened):
        done = hand_out(opened, format_, out, frames=frames, kind=kind, task=task, prefix=prefix, overwrite=overwrite)
    if as_json:
        put(json.dumps(done.as_dict(), indent=2) + "\n")
        return 0
    put(f"{done.path}: {done.frames} frames, {done.boxes} boxes\n" + "".join(f"note: {one}\n" for one in done.notes))
    back = f"What people checked comes back with: trackforge label import {project} RESULT"
    put(f"{done.following}\n{back}\n" if done.following else f"{back}\n")
    return 0


@app.command(name="import")
def bring(
    project: Path,
    labels: Path,
    /,
    *,
    from_: Annotated[str | None, Parameter(name=["--from"])] = None,
    every: bool = False,
    replace: bool = False,
    rename: list[str] | None = None,
    sequence: tuple[str, ...] = (),
    as_json: Json = False,
) -> int:
    """Read back what people checked elsewhere; joined by sequence, frame and file name.

    Parameters
    ----------
    project
        Folder of the project.
    labels
        What came back: a folder or file in any format; documents of the page too.
    from_
        Its format, where it does not tell.
    every
        Take every frame as checked, not only those that were asked for.
    replace
        Let what came take the place of what people have said before, on frames that they checked or drew on.
    rename
        Names of the project's classes for those that came, as OLD=NEW,OLD=NEW.
    sequence
        Names of the project's sequences for those that came, as OLD=NEW, once for each.
    as_json
        Print JSON.
    """
    from trackforge.labelling.importing import bring_in

    opened = Project.open(project)
    with working(opened):
        done = bring_in(
            opened, labels, from_, every=every, replace=replace, rename=separate(rename), sequences=sequence
        )
    if as_json:
        put(json.dumps(done.as_dict(), indent=2) + "\n")
        return 0
    put(f"{done.frames} frames of {', '.join(done.sequences)} are checked now, {done.boxes} boxes\n")
    if done.left_out:
        put(f"{done.left_out} other frames came back and were not asked for; --every takes them too\n")
    put("".join(f"note: {one}\n" for one in done.notes))
    put("\n" + next_words(status(opened)) + "\n")
    return 0


@app.command(name="measure")
def show_measure(project: Path, /, *, as_json: Json = False) -> int:
    """Say what people changed in the labels of this round: effort, precision, recall, AP, IDF1 by class.

    Parameters
    ----------
    project
        Folder of the project.
    as_json
        Print JSON.
    """
    opened = Project.open(project)
    with working(opened):
        result = measured(opened)
    put((json.dumps(result.as_dict(), indent=2) if as_json else measure_words(result)) + "\n")
    return 0


@app.command(name="choose")
def show_chosen(project: Path, /, *, count: Positive | None = None, as_json: Json = False) -> int:
    """Choose anew which frames people shall look at in this round, and say why.

    Parameters
    ----------
    project
        Folder of the project.
    count
        How many; as the project says, if left out.
    as_json
        Print JSON.
    """
    from trackforge.labelling.prelabelling import choose_again

    opened = Project.open(project)
    with working(opened):
        chosen = choose_again(opened, count)
    if as_json:
        put(json.dumps(chosen, indent=2) + "\n")
    else:
        put("".join(f"{one['sequence']}  frame {one['frame']}  {'; '.join(one['reasons'])}\n" for one in chosen))
    return 0


@app.command(name="train")
def train(project: Path, /, *, quiet: Quiet = False, as_json: Json = False) -> int:
    """Train on what has been checked so far, and label the rest again: as if every frame asked for were checked.

    Parameters
    ----------
    project
        Folder of the project.
    quiet
        Show no progress.
    as_json
        Print where the project stands as JSON.
    """
    opened = Project.open(project)
    with _telling(quiet=quiet or as_json) as tell:
        stands, signal = go_on(opened, ready=True, tell=tell)
    _show(stands, as_json=as_json)
    return 128 + signal if signal else 0
