"""From one format to another, and an account of what did not survive."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from trackforge.data.formats import format_named, read, sniff
from trackforge.data.mixing import concatenate
from trackforge.data.model import Dataset
from trackforge.data.parts import renumbered
from trackforge.data.splits import half_split, random_split, sequence_split
from trackforge.data.staging import refuse_filled
from trackforge.data.writing import target_format, write_staged
from trackforge.errors import ConfigError

__all__ = ["ConversionReport", "convert", "prepare"]


@dataclass(frozen=True, kw_only=True)
class ConversionReport:
    """What a conversion did.

    Attributes:
        source: Where it read.
        target: Where it wrote.
        source_format: What it read.
        target_format: What it wrote.
        images: Number of pictures written.
        boxes: Number of boxes in them, ignore regions included.
        ignored: Number of ignore regions among these.
        identities: Number of identities.
        splits: Number of pictures in each part.
        notes: What was lost or is otherwise worth knowing, one sentence each.
    """

    source: tuple[Path, ...]
    target: Path
    source_format: str
    target_format: str
    images: int
    boxes: int
    ignored: int
    identities: int
    splits: dict[str, int]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {count}" for name, count in self.splits.items())
        lines = [
            f"{self.source_format} -> {self.target_format}: {self.target}",
            f"{self.images} images{f' ({parts})' if parts else ''}, {self.boxes} boxes "
            f"({self.ignored} of them ignore regions), {self.identities} identities",
        ]
        return "\n".join(lines + [f"note: {note}" for note in self.notes])


def prepare(
    dataset: Dataset,
    *,
    rename: Mapping[str, str] | None = None,
    classes: Sequence[str] = (),
    min_visibility: float = 0.0,
    ignore: Literal["keep", "background"] = "keep",
    renumber: bool = False,
    halves: Literal["bytetrack", "fairmot"] | None = None,
    val: float | Sequence[str] | None = None,
    seed: int = 0,
) -> Dataset:
    """Filter and divide a set; the parts stay together in one set, told apart by ``images.split``.

    Args:
        dataset: What to start from.
        rename: Other names for classes, ``{"pedestrian": "person"}``; what gets one name becomes one class.
        classes: Keep these classes only, by their new names.
        min_visibility: Boxes less visible than this (0..1) become ignore regions.
        ignore: ``"background"`` drops the ignore regions, as the published training code does.
        renumber: Number the frames of every sequence anew, without gaps, in their order.
        halves: Divide every sequence in the middle by this rule; see `half_split`.
        val: Divide by this share for validation (whole sequences; picture by picture for stills), or by these
            sequences.
        seed: For the choice, where ``val`` is a share.

    Raises:
        ConfigError: Both ``halves`` and ``val``.
        InvalidInputError: An unknown class or sequence, or a share that leaves a part empty.
    """
    if halves and val is not None:
        raise ConfigError("A set is divided in halves or by val, not both; leave one out.")
    if rename:
        dataset = dataset.rename_classes(rename)
    if classes:
        dataset = dataset.select_classes(classes)
    if min_visibility > 0:
        dataset = dataset.min_visibility(min_visibility)
    if ignore == "background":
        dataset = dataset.without_ignored()
    if renumber:
        dataset = renumbered(dataset)
    if halves:
        return concatenate(half_split(dataset, rule=halves), identities="shared", classes=dataset.classes)
    if val is not None:
        stills = isinstance(val, float) and not dataset.sequences
        parts = random_split(dataset, val=val, seed=seed) if stills else sequence_split(dataset, val=val, seed=seed)  # type: ignore[arg-type]
        return concatenate(parts, identities="shared", classes=dataset.classes)
    return dataset


def convert(
    source: str | Path | Sequence[str | Path] | Dataset,
    target: str | Path,
    *,
    to: str | None = None,
    format: str | None = None,  # noqa: A002 - the natural word
    rename: Mapping[str, str] | None = None,
    classes: Sequence[str] = (),
    min_visibility: float = 0.0,
    ignore: Literal["keep", "background"] = "keep",
    renumber: bool = False,
    halves: Literal["bytetrack", "fairmot"] | None = None,
    val: float | Sequence[str] | None = None,
    seed: int = 0,
    images: str | None = None,
    pictures: str | Path | None = None,
    overwrite: bool = False,
    writing: Mapping[str, Any] | None = None,
    **options: Any,
) -> ConversionReport:
    """Convert a data set, or mix several into one; the new one is there whole, or not at all.

    Args:
        source: Path, several paths, or a set in memory.
        target: Folder, or ``.json`` file for COCO; new, or an empty folder.
        to: Format to write; ``coco`` where the target ends in ``.json``.
        format: Format of the source; found out unless given.
        rename: See `prepare`, as for the next seven; a name needs to be in one of the sources only.
        classes: Classes to keep.
        min_visibility: Least visibility of an object, 0..1.
        ignore: What to do with ignore regions.
        renumber: Number frames anew.
        halves: Rule for dividing sequences in the middle.
        val: Share or sequences for validation.
        seed: Of the division.
        images: ``"copy"``, ``"link"`` or ``"none"``; for COCO also ``"reference"``, its default.
        pictures: Folder where the pictures are, if elsewhere than the labels; see `trackforge.data.read`.
        overwrite: Replace the file or the data set at ``target``. A source that stands there is kept, as
            ``TARGET.before``; then the pictures have to be copied.
        writing: Options of the format written, e.g. ``{"resize": 512}`` (recordio).
        options: Of the format read, e.g. ``split="train"`` or ``rule="official"``.

    Raises:
        DataError: The source is missing or malformed, a picture is missing, is none or lies elsewhere, or a name leads
            out of its folder.
        ConfigError: An option is unknown, or no target format is given.
        SinkError: The target cannot be written to, or something stands there.
    """
    target = Path(target)
    placing = dict(writing or {}) | ({} if images is None else {"images": images})
    chosen = target_format(target, to, placing)
    if isinstance(source, Dataset):
        paths: tuple[Path, ...] = (source.root,)
        names, sets = "dataset", [source]
    else:
        paths = (Path(source),) if isinstance(source, (str, Path)) else tuple(map(Path, source))
        if not overwrite:
            refuse_filled(target, paths)
        names = " + ".join(dict.fromkeys(format or sniff(p).name for p in paths))
        sets = _read_all(paths, format, options, pictures)
    whole = sets[0] if len(sets) == 1 else concatenate(sets)
    made = prepare(
        whole,
        rename=rename,
        classes=classes,
        min_visibility=min_visibility,
        ignore=ignore,
        renumber=renumber,
        halves=halves,
        val=val,
        seed=seed,
    )
    sources = (*paths, *(part.root for part in sets))
    notes = write_staged(made, target, chosen, placing, sources=sources, overwrite=overwrite)
    return ConversionReport(
        source=paths,
        target=target,
        source_format=names,
        target_format=chosen.name,
        images=len(made),
        boxes=len(made.boxes),
        ignored=int(made.boxes.ignore.sum()),
        identities=made.identities()[1],
        splits={s: int((made.images.split == s).sum()) for s in made.splits},
        notes=(*made.notes, *notes),
    )


def _read_all(
    paths: Sequence[Path], name: str | None, options: Mapping[str, Any], pictures: str | Path | None
) -> list[Dataset]:
    """Read every source with those of the options that its format has; one that none has is refused by the first."""
    chosen = [format_named(name) if name else sniff(p) for p in paths]
    taken = [set(inspect.signature(c.read).parameters) for c in chosen]
    nobody = {o: v for o, v in options.items() if not any(o in t for t in taken)}
    return [
        read(path, c.name, pictures=pictures, **nobody, **{o: v for o, v in options.items() if o in t})
        for path, c, t in zip(paths, chosen, taken, strict=True)
    ]
