"""Which formats there are, which one a path holds, and what each cannot hold.

A format is a component of kind ``"dataset"`` whose target, called without arguments, returns a `Format`; core's own, in
`trackforge.data.builtin`, come by the same door as those of plugins.
"""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from trackforge.data.archives import is_archive, unpacked
from trackforge.data.files import RECORD_NAME
from trackforge.data.model import Dataset
from trackforge.data.pictures import split_key
from trackforge.data.problems import Findings
from trackforge.data.staging import refuse_unfinished
from trackforge.errors import (
    ConfigError,
    DataError,
    MissingDependencyError,
    MissingFileError,
    PluginError,
    UnknownComponentError,
    did_you_mean,
)
from trackforge.intake.folders import is_companion
from trackforge.intake.names import name_problem
from trackforge.intake.reading import reading
from trackforge.registry import registry

__all__ = ["Format", "check_options", "format_named", "formats", "losses", "read", "read_with", "sniff"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Format:
    """A way to store a labelled data set.

    Attributes:
        name: What users write: ``trackforge data convert --to yolo``; as registered, whatever is given here.
        summary: One sentence; as registered, too.
        sniff: Tells whether a path looks like it.
        rank: Formats of lower rank are tried first; one that many folders look like needs a high one.
        read: ``read(path, *, findings, split=None, ...)`` makes a `Dataset`.
        write: ``write(dataset, target, *, images=..., ...)`` returns notes, one sentence each; None: read only.
        holds: What survives: some of ``ids ignore visibility sequence rate split names numbers empty masks
            extra``.
        holds_extra: Names of further columns that survive where ``extra`` as a whole does not.
        files: Endings of targets that are one file rather than a folder, such as ``.json``; ``write`` itself writes
            these whole or not at all.
        beside: The one folder that ``write`` makes where it brings no pictures along; it may be added to a folder of
            pictures that lacks it.
    """

    name: str = ""
    summary: str = ""
    sniff: Callable[[Path], bool]
    read: Callable[..., Dataset]
    write: Callable[..., list[str]] | None = None
    holds: frozenset[str] = frozenset()
    holds_extra: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    beside: str = ""
    rank: int = 100


def formats() -> dict[str, Format]:
    """Return every format by name, in the order in which they are tried; one that cannot be loaded is logged."""
    found: dict[str, Format] = {}
    for spec, plugin in registry().specs("dataset"):
        try:
            made: Format = spec.create({})
        except (MissingDependencyError, PluginError) as error:
            log.warning("the data set format %r of %s cannot be used: %s", spec.name, plugin, error)
            continue
        found.setdefault(spec.name, replace(made, name=spec.name, summary=spec.summary))
    return dict(sorted(found.items(), key=lambda item: item[1].rank))


def format_named(name: str) -> Format:
    """Return a format.

    Raises:
        UnknownComponentError: There is none of that name.
    """
    known = formats()
    if name not in known:
        raise UnknownComponentError(
            f"There is no data set format {name!r}.{did_you_mean(name, known)} There are: {', '.join(known)}."
        )
    return known[name]


def sniff(path: str | Path) -> Format:
    """Tell which format a path holds.

    Raises:
        DataError: There is no such path, or it looks like none.
    """
    path = opened(Path(path))
    if not path.exists():
        raise DataError("The data set must exist; there is nothing here. Check the path.", path=path)
    known = formats()
    with reading(path, "The data set"):
        refuse_unfinished(path)
        for candidate in known.values():
            if candidate.sniff(path):
                return candidate
    raise DataError(
        f"This looks like none of the formats {', '.join(known)}. Name the format, if it is one of them.", path=path
    )


def read(
    path: str | Path,
    format: str | None = None,  # noqa: A002 - the natural word
    *,
    pictures: str | Path | None = None,
    **options: Any,
) -> Dataset:
    """Read a labelled data set.

    Args:
        path: File or folder, or a zip archive of such.
        format: Its format; found out unless given.
        pictures: A folder where the pictures are, if they lie elsewhere than the labels. Those that are not where the
            set says are looked for there, and only a folder named here is one that `write` may take pictures from
            besides the set's own.
        options: Of the format, e.g. ``split="train"``, ``rule="all"`` (mot), ``classes=[...]`` (yolo, voc, jde).

    Raises:
        DataError: The path is missing or malformed; with file and line where there is one.
        SourceError: The path, or ``pictures``, cannot be read.
        ConfigError: The format has no such option.
        UnknownComponentError: There is no such format.
    """
    return read_with(Path(path), format, Findings(), options, pictures=pictures)[0]


def read_with(
    path: Path, name: str | None, findings: Findings, options: dict[str, Any], *, pictures: str | Path | None = None
) -> tuple[Dataset, Format]:
    """Read as `read` does, reporting malformed content to ``findings``; return the format as well."""
    path = opened(path)
    chosen = format_named(name) if name else sniff(path)
    if not path.exists():
        raise DataError("The data set must exist; there is nothing here. Check the path.", path=path)
    if pictures is not None and "images" in inspect.signature(chosen.read).parameters:
        options = {"images": Path(pictures), **options}
    check_options(chosen.read, chosen.name, options, skip=("path", "findings"))
    with reading(path, f"The {chosen.name} data set"):
        refuse_unfinished(path)
        made = chosen.read(path, findings=findings, **options)
    if made.folders is None:
        own = path if path.is_dir() else path.parent
        made = made.replace(folders=(own,) if made.root == Path() else (made.root, own))
    return (made if pictures is None else _found_in(made, Path(pictures))), chosen


def _found_in(dataset: Dataset, folder: Path) -> Dataset:
    """Look in another folder for the pictures that are not where the set says."""
    if not folder.is_dir():
        raise MissingFileError(f"The folder of the pictures must exist; {folder} does not. Check the path.")
    paths = []
    for row, stated in enumerate(dataset.images.path.tolist()):
        own = dataset.image_path(row)
        found = stated
        if own is not None and not split_key(own)[0].is_file():
            tail = PurePosixPath(stated.replace("\\", "/"))
            tries = (folder / tail, folder / tail.name) if not name_problem(stated) else (folder / tail.name,)
            found = next((Path(os.path.abspath(p)).as_posix() for p in tries if split_key(p)[0].is_file()), stated)  # noqa: PTH100
        paths.append(found)
    return dataset.replace(images=dataset.images.replace(path=paths), folders=(*(dataset.folders or ()), folder))


def opened(path: Path) -> Path:
    """Return where a set's files lie: the path itself, or the folder of an unpacked archive that looks like a format.

    Raises:
        DataError: The archive is damaged, or breaks a rule of `trackforge.data.archives`.
    """
    if not is_archive(path):
        return path
    top = folder = unpacked(path)
    known = formats()
    while not any(f.sniff(folder) for f in known.values()):
        inside = [entry for entry in folder.iterdir() if not is_companion(entry, folder)]
        if len(inside) != 1:  # archives often hold one folder that holds the set
            return top
        folder = inside[0]
        if folder.is_file():
            return folder
    return folder


def check_options(function: Callable[..., Any], name: str, options: dict[str, Any], skip: Sequence[str]) -> None:
    """Refuse options that the reader or writer of a format does not have.

    Raises:
        ConfigError: There is one.
    """
    known = [p for p in inspect.signature(function).parameters if p not in skip]
    for option in options:
        if option not in known:
            raise ConfigError(
                f"The format {name!r} has no option {option!r}.{did_you_mean(option, known)} "
                f"It has: {', '.join(known)}."
            )


def losses(dataset: Dataset, target: Format) -> list[str]:
    """Say what of a data set a format cannot hold, one sentence each; empty where nothing is lost."""
    images, boxes, out = dataset.images, dataset.boxes, []

    def lost(what: str, count: Any, sentence: str) -> None:
        if what not in target.holds and int(count):
            out.append(f"{target.name} cannot hold {sentence.format(n=int(count))}")

    lost("ids", (boxes.track_id >= 0).sum(), "identities: {n} boxes lose theirs")
    lost("ignore", boxes.ignore.sum(), "ignore regions: {n} were left out, which makes them background")
    lost("visibility", (boxes.visibility != 1).sum(), "visibility: {n} boxes lose theirs")
    masks = 0 if boxes.mask is None else sum(mask is not None for mask in boxes.mask)
    lost("masks", masks, "masks: {n} boxes lose theirs")
    lost("sequence", (images.sequence != "").sum(), "sequences: {n} frames become stills, named by sequence and frame")
    lost("split", (images.split != "").sum(), "splits: {n} images lose theirs")
    lost(
        "numbers",
        dataset.class_numbers != tuple(range(1, len(dataset.classes) + 1)),
        "class numbers other than 1, 2, 3",
    )
    if "extra" not in target.holds:
        names = {*images.extra, *boxes.extra} - {"coco_id", "rate", RECORD_NAME, *target.holds_extra}
        if "area" in names and np.allclose(boxes.extra["area"], boxes.size.prod(axis=1), equal_nan=True):
            names.discard("area")
        lost("extra", len(names), "further fields: " + ", ".join(sorted(names)).replace("{", "").replace("}", ""))
    return out
