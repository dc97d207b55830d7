"""Folders to S3 and back: what is there already is not moved again, so that what broke off goes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from trackforge import data
from trackforge.errors import ConfigError, DataError, MissingFileError
from trackforge.intake.folders import is_companion
from trackforge.intake.names import inside
from trackforge_sagemaker.client.places import fetch, split_place
from trackforge_sagemaker.control.aws import Aws

__all__ = ["check_whole", "download", "local_or_place", "upload"]


def upload(aws: Aws, path: Path, place: str, *, instead: Mapping[str, Path] | None = None) -> tuple[str, int]:
    """Copy a file, or all files of a folder, to S3.

    Args:
        aws: Where to.
        path: The file or folder; hidden files and what systems leave behind stay.
        place: Prefix, ``s3://bucket/a/``; a file lies below it by its name.
        instead: Files that are copied in the place of those of the folder that have their name.

    Returns:
        The prefix, and how many files were copied. Files of the same size that are there are left alone.

    Raises:
        MissingFileError: There is nothing to copy.
        AwsError: A copy failed.
    """
    place = place.rstrip("/") + "/"
    root, files = (path.parent, [path]) if path.is_file() else (path, list(_files(path)))
    if not files:
        raise MissingFileError(f"There must be a file to copy; {path} has none.")
    there = _sizes(aws, place)
    copied = 0
    for number, file in enumerate(files, 1):
        name = file.relative_to(root).as_posix()
        source = (instead or {}).get(name, file)
        if there.get(name) == source.stat().st_size:
            continue
        aws.upload(source, place + name)
        copied += 1
        if number % 500 == 0:
            aws.say(f"{number} of {len(files)} files")
    return place, copied


def download(aws: Aws, place: str, folder: Path) -> int:
    """Copy everything below a prefix to a folder; return how many files came.

    Raises:
        DataError: A name leads out of the folder.
        SinkError: The folder cannot be written to.
        AwsError: A copy failed.
    """
    place = place.rstrip("/") + "/"
    copied = 0
    for name, size in _sizes(aws, place).items():
        target = inside(folder, name, "An object", path=place)
        if target.is_file() and target.stat().st_size == size:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        fetch(aws.client("s3"), place + name, target)
        copied += 1
    return copied


def local_or_place(aws: Aws, given: str, *words: str) -> str:
    """Return an address in S3: the one given, or where a local file or folder of that name was copied to.

    Args:
        aws: Where to.
        given: ``s3://...``, a path, or the name of what was staged (below ``data/``).
        words: Where a local one goes in the bucket.
    """
    if given.startswith("s3://"):
        return given
    path = Path(given)
    if path.is_file():
        place, _ = upload(aws, path, aws.place(*words))
        return place + path.name
    if path.is_dir():
        return upload(aws, path, aws.place(*words, path.resolve().name))[0]
    if path.is_absolute() or path.suffix or given.startswith("."):
        raise MissingFileError(f"An input must be an address (s3://...), a path, or what was staged; got {given!r}.")
    return aws.place("data", given) + "/"


def check_whole(source: Path, named: str, advice: str) -> None:
    """Refuse a set whose pictures lie elsewhere, for they would not be copied. What is no set, films say, is fine.

    Args:
        source: The set.
        named: Its format; found out if empty.
        advice: What to do, with the format's name for ``{}``.

    Raises:
        ConfigError: A picture lies elsewhere.
        DataError: The set is malformed.
    """
    try:
        found = named or data.sniff(source).name
    except (DataError, ConfigError):
        return
    dataset = data.read(source, format=found)
    root = source if source.is_dir() else source.parent
    for path in dataset.images.path:
        if not (dataset.root / str(path).partition("#")[0]).resolve().is_relative_to(root.resolve()):
            raise ConfigError(
                f"A set that is copied as it is must have its pictures in it; {source} has {path} elsewhere. "
                + advice.format(found)
            )


def _files(folder: Path) -> Iterator[Path]:
    yield from (one for one in sorted(folder.rglob("*")) if one.is_file() and not is_companion(one, folder))


def _sizes(aws: Aws, place: str) -> dict[str, int]:
    """Return the sizes of what lies below a prefix, by name below it."""
    bucket, prefix = split_place(place)
    request = {"Bucket": bucket, "Prefix": prefix}
    pages = aws.pages("s3", "list_objects_v2", request, key="Contents", doing=f"list {place}")
    return {one["Key"].removeprefix(prefix): int(one["Size"]) for one in pages if not one["Key"].endswith("/")}
