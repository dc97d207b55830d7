"""Folders to S3 and back: what is there already, byte for byte, is not moved again, so that what broke off goes on.

Every object carries the SHA-256 of its content. What comes from this machine to feed a job lies at a place named after
its content: other data go elsewhere, and no job reads what was meant for another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from trackforge import data
from trackforge.errors import ConfigError, DataError, MissingFileError
from trackforge.intake.folders import is_companion
from trackforge.intake.names import inside
from trackforge_sagemaker.client.contents import digest_of
from trackforge_sagemaker.client.failures import explaining
from trackforge_sagemaker.client.places import fetch, split_place
from trackforge_sagemaker.control.aws import Aws

__all__ = ["check_whole", "content_name", "download", "listed", "local_files", "local_or_place", "upload"]

DIGEST = "sha256"
"""Name of the checksum in an object's metadata."""
AT_ONCE = 8


def upload(aws: Aws, path: Path, place: str, *, instead: Mapping[str, Path] | None = None) -> tuple[str, int]:
    """Copy a file, or all files of a folder, to S3.

    Args:
        aws: Where to.
        path: The file or folder; hidden files and what systems leave behind stay.
        place: Prefix, ``s3://bucket/a/``; a file lies below it by its name.
        instead: Files that are copied in the place of those of the folder that have their name.

    Returns:
        The prefix, and how many files were copied. What is there with the same content is left alone.

    Raises:
        MissingFileError: There is nothing to copy.
        AwsError: A copy failed.
    """
    place = place.rstrip("/") + "/"
    files = {name: (instead or {}).get(name, file) for name, file in local_files(path).items()}
    same = _same(aws, place, files)
    copied = 0
    for number, (name, source) in enumerate(files.items(), 1):
        if name in same:
            continue
        aws.upload(source, place + name, metadata={DIGEST: digest_of(source)})
        copied += 1
        if number % 500 == 0:
            aws.say(f"{number} of {len(files)} files")
    return place, copied


def download(aws: Aws, place: str, folder: Path) -> int:
    """Copy everything below a prefix to a folder, over what lies there; return how many files came.

    Raises:
        DataError: A name leads out of the folder.
        SinkError: The folder cannot be written to.
        AwsError: A copy failed.
    """
    place = place.rstrip("/") + "/"
    names = listed(aws, place)
    for name in names:
        target = inside(folder, name, "An object", path=place)
        target.parent.mkdir(parents=True, exist_ok=True)
        fetch(aws.client("s3"), place + name, target)
    return len(names)


def local_or_place(aws: Aws, given: str, *words: str) -> str:
    """Return an address in S3: the one given, or where a local file or folder was copied to, named after its content.

    Args:
        aws: Where to.
        given: ``s3://...``, a path, or the name of what was staged (below ``data/``).
        words: Where a local one goes in the bucket.

    Raises:
        ConfigError: A folder here has the name of what was staged.
        MissingFileError: There is nothing of that name, or nothing in it.
        AwsError: A copy failed.
    """
    if given.startswith("s3://"):
        return given
    path, staged = Path(given), aws.place("data", given) + "/"
    if path.is_dir() and path.name == given and listed(aws, staged):
        raise ConfigError(
            f"An input must be one thing; {given} is a folder here, and was staged. Say ./{given} or {staged}."
        )
    if given and path.exists():
        place, _ = upload(aws, path, aws.place(*words, content_name(path)))
        return place + path.name if path.is_file() else place
    if not given or path.is_absolute() or path.suffix or given.startswith("."):
        raise MissingFileError(f"An input must be an address (s3://...), a path, or what was staged; got {given!r}.")
    return staged


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


def content_name(path: Path) -> str:
    """Return a name that only this content has: that of the file or folder, and 12 digits of its checksum.

    Raises:
        MissingFileError: The folder has no file.
    """
    found = hashlib.sha256()
    for name, file in local_files(path).items():
        found.update(f"{digest_of(file)} {name}\n".encode(errors="surrogateescape"))
    stem = path.name.partition(".")[0] if path.is_file() else path.resolve().name
    return f"{stem or 'data'}-{found.hexdigest()[:12]}"


def local_files(path: Path) -> dict[str, Path]:
    """Return a file, or all files of a folder that are copied, by name below it.

    Raises:
        MissingFileError: There is none.
    """
    root, files = (path.parent, [path]) if path.is_file() else (path, list(_files(path)))
    if not files:
        raise MissingFileError(f"There must be a file to copy; {path} has none.")
    return {file.relative_to(root).as_posix(): file for file in files}


def listed(aws: Aws, place: str) -> dict[str, int]:
    """Return the sizes of what lies below a prefix, by name below it; nothing in a dry run."""
    bucket, prefix = split_place(place)
    request = {"Bucket": bucket, "Prefix": prefix}
    pages = aws.pages("s3", "list_objects_v2", request, key="Contents", doing=f"list {place}")
    return {one["Key"].removeprefix(prefix): int(one["Size"]) for one in pages if not one["Key"].endswith("/")}


def _same(aws: Aws, place: str, files: Mapping[str, Path]) -> set[str]:
    """Return the names of files that lie below a prefix with the same content: same size first, then same checksum."""
    there = listed(aws, place)
    alike = [name for name, file in files.items() if there.get(name) == file.stat().st_size]
    if not alike:
        return set()
    bucket, prefix = split_place(place)
    s3 = aws.client("s3")

    def same(name: str) -> bool:
        with explaining("s3", "HeadObject", f"look at {place}{name}"):
            told = s3.head_object(Bucket=bucket, Key=prefix + name)
        return bool(told.get("Metadata", {}).get(DIGEST) == digest_of(files[name]))

    with ThreadPoolExecutor(AT_ONCE, "trackforge-same") as workers:
        return {name for name, found in zip(alike, workers.map(same, alike), strict=True) if found}


def _files(folder: Path) -> Iterator[Path]:
    yield from (one for one in sorted(folder.rglob("*")) if one.is_file() and not is_companion(one, folder))
