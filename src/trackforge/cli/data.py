"""``trackforge data``: labelled data sets."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from trackforge.cli.data_clip import clip
from trackforge.cli.data_merge import consolidate, merge
from trackforge.cli.printing import put

__all__ = ["app"]

HELP = """Check, show and convert labelled data sets.

    trackforge data check coco128 --pictures decode
    trackforge data show MOT17/train --colour identity -o grid.png
    trackforge data convert MOT17/train mot17 --to coco --halves bytetrack --rule official
    trackforge data clip street.mp4 -o clips --frames 200
    trackforge data merge people=a.json bikes=b.json -o labels.json --rules "rider>person"
    trackforge data consolidate anna.json bert.json carla.json -o labels.json

The formats, those of plugins included: trackforge info dataset
"""
app = App(name="data", help=HELP, help_format="plaintext", default_parameter=Parameter(negative=""))
app.command(clip)
app.command(merge)
app.command(consolidate)
Json = Annotated[bool, Parameter(name=["--json"])]
From = Annotated[str | None, Parameter(name=["--from"])]
Names = list[str] | None
"""Given with commas or repeated, see `trackforge.cli.flags.split`."""
Rule = Literal["pedestrian", "official", "all"]


def _options(**given: Any) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _print(facts: dict[str, Any], text: str, *, as_json: bool) -> None:
    put((json.dumps(facts, indent=2, default=str) if as_json else text) + "\n")


@app.command
def check(
    path: Path,
    /,
    *,
    from_: From = None,
    split: str | None = None,
    rule: Rule | None = None,
    pictures: Literal["exist", "size", "decode"] = "size",
    strict: bool = False,
    as_json: Json = False,
) -> int:
    """Look for everything that is wrong with a data set and count what it holds; exit code 1 where errors are found.

    Parameters
    ----------
    path
        Folder or file of the set.
    from_
        Its format by name, where it does not tell; trackforge info dataset lists them.
    split
        This part only.
    rule
        MOTChallenge: which rows are objects (default pedestrian).
    pictures
        How closely to look: that they exist, their size in the header, or decode them whole.
    strict
        Exit with 1 for warnings, too.
    as_json
        Print JSON.
    """
    from trackforge import data

    report = data.check(path, format=from_, pictures=pictures, **_options(split=split, rule=rule))
    facts = dataclasses.asdict(report) | {"errors": report.errors}
    _print(facts, str(report), as_json=as_json)
    return int(report.errors > 0 or (strict and bool(report.problems)))


@app.command
def show(
    path: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("grid.png"),
    from_: From = None,
    split: str | None = None,
    rule: Rule | None = None,
    classes: Names = None,
    count: int = 12,
    columns: int = 4,
    pick: Literal["random", "first", "spread"] = "spread",
    seed: int = 0,
    colour: Literal["class", "identity"] = "class",
) -> int:
    """Draw labelled pictures of a data set into one image; ignore regions are hatched.

    Parameters
    ----------
    path
        Folder or file of the set.
    output
        Picture to write: .png, .jpg or .webp.
    from_
        Its format, where it does not tell.
    split
        This part only.
    rule
        MOTChallenge: which rows are objects (default pedestrian).
    classes
        These classes only: person,car.
    count
        Number of pictures.
    columns
        Pictures in a row.
    pick
        At random, the first, or evenly spread over the set.
    seed
        Of the random choice.
    colour
        One colour a class, or one an identity.
    """
    from trackforge import data
    from trackforge.cli.flags import split as words

    dataset = data.read(path, from_, **_options(split=split, rule=rule))
    if classes:
        dataset = dataset.select_classes(words(classes))
    data.show(dataset, output, count=count, columns=columns, pick=pick, seed=seed, colour=colour)
    put(f"{output}\n")
    return 0


@app.command
def convert(
    source: Path,
    target: Path,
    /,
    *more: Path,
    to: str | None = None,
    from_: From = None,
    split: str | None = None,
    rule: Rule | None = None,
    rename: Names = None,
    classes: Names = None,
    min_visibility: float = 0.0,
    ignore: Literal["keep", "background"] = "keep",
    halves: Literal["bytetrack", "fairmot"] | None = None,
    renumber: bool = False,
    join: bool = False,
    workers: bool = False,
    val: float | None = None,
    val_sequences: Names = None,
    seed: int = 0,
    images: Literal["copy", "link", "reference", "none"] | None = None,
    pictures: Path | None = None,
    resize: int | None = None,
    quality: int | None = None,
    encoding: Literal["keep", "jpg", "png"] | None = None,
    shuffle: bool = False,
    prefix: str | None = None,
    overwrite: bool = False,
    as_json: Json = False,
) -> int:
    """Convert a data set to another format, or mix several into one; says what the format cannot hold.

    Parameters
    ----------
    source
        Folder or file to read.
    target
        Folder to write, or .json file for COCO; new, or an empty folder. With several sources the target comes last.
    more
        Further sources, then the target.
    to
        Format to write by name, where the target does not end in .json; trackforge info dataset lists them.
    from_
        Format of the source, where it does not tell.
    split
        Read this part only.
    rule
        MOTChallenge: which rows are objects (default pedestrian).
    rename
        Other names for classes, as OLD=NEW,OLD=NEW; what gets one name becomes one class.
    classes
        Keep these classes only, by their new names: person,car.
    min_visibility
        Boxes less visible than this, 0 to 1, become ignore regions.
    ignore
        Keep ignore regions, or make them background as the published training code does.
    halves
        Divide every sequence in the middle, by this rule, into train_half and val_half.
    renumber
        Number the frames of every sequence anew, 1, 2, 3, where the set has not all of a film.
    join
        Ground Truth: make one sequence of the clips of a film.
    workers
        Ground Truth: take what single workers answered, and consolidate it.
    val
        Divide off this share of the pictures, 0 to 1, for validation; whole sequences.
    val_sequences
        Divide off these sequences for validation: MOT17-02,MOT17-04.
    seed
        Of the division, and of --shuffle.
    images
        What becomes of the pictures: copy (default), link, reference (COCO only, its default), none.
    pictures
        Folder where the pictures are, if they lie elsewhere than the labels.
    resize
        RecordIO: scale pictures, so that the shorter side has so many pixels. Without this and the next two, pictures
        go in as they are, as im2rec has it with --pass-through.
    quality
        RecordIO: encode pictures anew as JPEG of this quality, 1 to 100.
    encoding
        RecordIO: encode pictures anew as this.
    shuffle
        RecordIO: records in random order, by --seed.
    prefix
        Augmented manifest: the address that the folder will be uploaded to, s3://bucket/folder/.
    overwrite
        Replace the data set, or the file, that stands at the target; a source that stands there is kept as
        TARGET.before.
    as_json
        Print JSON.
    """
    from trackforge import data
    from trackforge.cli.flags import split as words
    from trackforge.errors import ConfigError
    from trackforge.io.targets import check_writable

    if val is not None and val_sequences:
        raise ConfigError("Give --val or --val-sequences, not both.")
    pairs = words(rename)
    if any("=" not in pair for pair in pairs):
        raise ConfigError(f"--rename takes OLD=NEW; got {','.join(pairs)}.")
    paths, renamed = (source, target, *more), dict(pair.split("=", 1) for pair in pairs)
    shuffled = {"shuffle": True, "seed": seed} if shuffle else {}
    check_writable([paths[-1]], kind="either")
    report = data.convert(
        paths[:-1],
        paths[-1],
        to=to,
        format=from_,
        rename=renamed,
        classes=words(classes),
        min_visibility=min_visibility,
        ignore=ignore,
        halves=halves,
        renumber=renumber,
        val=words(val_sequences) or val,
        seed=seed,
        images=images,
        pictures=pictures,
        overwrite=overwrite,
        writing=_options(resize=resize, quality=quality, encoding=encoding, prefix=prefix, **shuffled),
        **_options(split=split, rule=rule, join=join or None, workers=workers or None),
    )
    _print(dataclasses.asdict(report), str(report), as_json=as_json)
    return 0
