"""Writing a data set in any format: whole or not at all, and over nothing that stands there."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from trackforge.data.formats import Format, check_options, format_named, formats, losses
from trackforge.data.model import Dataset
from trackforge.data.staging import holds, one_file, staged
from trackforge.errors import ConfigError, DataError

__all__ = ["target_format", "write", "write_staged"]


def write(
    dataset: Dataset,
    target: str | Path,
    format: str | None = None,  # noqa: A002 - the natural word
    *,
    overwrite: bool = False,
    **options: Any,
) -> list[str]:
    """Write a data set, whole or not at all.

    Args:
        dataset: What to write.
        target: Folder, or ``.json`` file for COCO; new, or an empty folder.
        format: The format; ``coco`` where the target ends in ``.json``, else it must be given.
        overwrite: Replace the file or the data set that stands there; what holds the pictures of ``dataset`` is kept as
            ``TARGET.before``.
        options: Of the format, e.g. ``images="copy"``, ``"link"`` or ``"none"``.

    Returns:
        What was lost on the way or is otherwise worth knowing, one sentence each.

    Raises:
        ConfigError: No format is given, or it has no such option.
        DataError: A picture is missing, is none or lies elsewhere, a name leads out of its folder, or the size of a
            picture is unknown where the format needs it.
        SinkError: The place cannot be written to, or something stands there.
    """
    target = Path(target)
    chosen = target_format(target, format, options)
    added = _placing(chosen, options) in ("reference", "none") and bool(chosen.beside)
    if added and not overwrite and target.is_dir() and not os.path.lexists(target / chosen.beside):
        return losses(dataset, chosen) + _writer(chosen)(dataset, target, **options)
    return write_staged(dataset, target, chosen, options, sources=(dataset.root,), overwrite=overwrite)


def target_format(target: Path, name: str | None, options: dict[str, Any]) -> Format:
    """Return the format that is to be written.

    Raises:
        ConfigError: None is given where the target does not tell, it is for reading only, or has no such option.
        UnknownComponentError: There is none of that name.
    """
    name = name or ("coco" if target.suffix.lower() == ".json" else None)
    if name is None:
        raise ConfigError(f"Writing to a folder needs a format; say which: {', '.join(formats())}.")
    chosen = format_named(name)
    check_options(_writer(chosen), chosen.name, options, skip=("dataset", "target"))
    return chosen


def _writer(chosen: Format) -> Callable[..., list[str]]:
    if chosen.write is None:
        raise ConfigError(f"The format {chosen.name!r} can be read but not written; choose another.")
    return chosen.write


def _placing(chosen: Format, options: dict[str, Any]) -> Any:
    """What becomes of the pictures: as asked for, or as the format does it."""
    known = inspect.signature(_writer(chosen)).parameters.get("images")
    return options.get("images", known.default if known else None)


def write_staged(
    dataset: Dataset,
    target: Path,
    chosen: Format,
    options: dict[str, Any],
    *,
    sources: Sequence[Path],
    overwrite: bool,
) -> list[str]:
    """Write as `write` does, knowing what is read: ``sources`` are never lost."""
    if overwrite and target.is_dir() and _placing(chosen, options) != "copy" and any(holds(target, s) for s in sources):
        raise ConfigError(
            f"A data set is written in its own place with its pictures copied; say images='copy' (--images copy). What "
            f"stands in {target} is kept, under another name."
        )
    around = one_file if target.suffix.lower() in chosen.files else staged
    with around(target, sources=sources, overwrite=overwrite) as (place, notes):
        try:
            made = _writer(chosen)(dataset, place, **options)
        except UnicodeEncodeError as error:
            raise DataError(
                f"Names must be whole text; {error.object[max(error.start - 20, 0) : error.end + 20]!a} holds half a "
                "character. Rename it."
            ) from error
    return losses(dataset, chosen) + made + notes
