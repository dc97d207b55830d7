"""Folders to S3 and back: what is there already, by its content, is not moved again, so that what broke off goes on.

S3 lists a checksum of every object, which two files of one size do not share. What a job is given from here goes to a
place that is named for its content: no job finds there what another one was given.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from trackforge.errors import ConfigError, MissingFileError
from trackforge.intake.folders import is_companion
from trackforge.intake.names import inside
from trackforge_sagemaker.client.contents import digest_of
from trackforge_sagemaker.client.places import fetch, split_place
from trackforge_sagemaker.control.aws import PART, Aws

__all__ = ["content_place", "download", "local_or_place", "strangers", "upload"]

_SHOWN = 12
"""Digits of a content's digest in the name of its place."""


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
    files, there = _named(path), _listed(aws, place)
    copied = 0
    for number, (name, file) in enumerate(files.items(), 1):
        source = (instead or {}).get(name, file)
        if _same(source, there.get(name)):
            continue
        aws.upload(source, place + name)
        copied += 1
        if number % 500 == 0:
            aws.say(f"{number} of {len(files)} files")
    return place, copied


def strangers(aws: Aws, path: Path, place: str) -> list[str]:
    """Return names below a prefix that `upload` of a file or folder to it would not bring.

    Raises:
        MissingFileError: There is nothing to copy.
        AwsError: The place cannot be listed.
    """
    files = _named(path)
    return [name for name in _listed(aws, place.rstrip("/") + "/") if name not in files]


def download(aws: Aws, place: str, folder: Path) -> int:
    """Copy everything below a prefix to a folder; return how many files came.

    Raises:
        DataError: A name leads out of the folder.
        SinkError: The folder cannot be written to.
        AwsError: A copy failed.
    """
    place = place.rstrip("/") + "/"
    copied = 0
    for name, known in _listed(aws, place).items():
        target = inside(folder, name, "An object", path=place)
        if target.is_file() and _same(target, known):
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

    Raises:
        ConfigError: A folder here has the name of what was staged.
        MissingFileError: There is no such file.
        AwsError: A copy failed.
    """
    if given.startswith("s3://"):
        return given
    path, staged = Path(given), aws.place("data", given) + "/"
    if path.is_dir() and path.name == given and _listed(aws, staged):
        raise ConfigError(
            f"An input must be one thing; {given} is a folder here, and was staged. Say ./{given} or {staged}."
        )
    if path.is_file() or path.is_dir():
        place, _ = upload(aws, path, content_place(aws, path, *words))
        return place + path.name if path.is_file() else place
    if path.is_absolute() or path.suffix or given.startswith("."):
        raise MissingFileError(f"An input must be an address (s3://...), a path, or what was staged; got {given!r}.")
    return staged


def content_place(aws: Aws, path: Path, *words: str) -> str:
    """Return the place of a file or folder that nothing with other contents has: its name, and a digest.

    Args:
        aws: Whose bucket.
        path: The file or folder.
        words: Where it goes in the bucket.

    Raises:
        MissingFileError: A folder without files.
    """
    lines = "".join(f"{name}\0{digest_of(file)}\n" for name, file in _named(path).items())
    digest = hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()[:_SHOWN]
    return aws.place(*words, f"{path.resolve().name.partition('.')[0] or 'local'}-{digest}") + "/"


def _named(path: Path) -> dict[str, Path]:
    """Return what is copied of a file or folder, by name below it."""
    if path.is_file():
        return {path.name: path}
    files = {one.relative_to(path).as_posix(): one for one in _files(path)}
    if not files:
        raise MissingFileError(f"There must be a file to copy; {path} has none.")
    return files


def _files(folder: Path) -> Iterator[Path]:
    yield from (one for one in sorted(folder.rglob("*")) if one.is_file() and not is_companion(one, folder))


def _listed(aws: Aws, place: str) -> dict[str, tuple[int, str]]:
    """Return size and checksum (``ETag``) of what lies below a prefix, by name below it."""
    bucket, prefix = split_place(place)
    request = {"Bucket": bucket, "Prefix": prefix}
    pages = aws.pages("s3", "list_objects_v2", request, key="Contents", doing=f"list {place}")
    return {
        one["Key"].removeprefix(prefix): (int(one["Size"]), str(one.get("ETag", "")).strip('"'))
        for one in pages
        if not one["Key"].endswith("/")
    }


def _same(path: Path, known: tuple[int, str] | None) -> bool:
    """Tell whether an object has a file's content. A checksum of another kind, as KMS makes it, tells nothing: no."""
    return known is not None and path.stat().st_size == known[0] and _checksum(path) == known[1]


def _checksum(path: Path) -> str:
    """Return the checksum that S3 gives what `Aws.upload` brings: MD5, of what has parts the MD5 of theirs."""
    md5: Callable[[bytes], bytes] = lambda block: hashlib.md5(block, usedforsecurity=False).digest()  # noqa: E731
    with path.open("rb") as file:
        parts = [md5(block) for block in iter(lambda: file.read(PART), b"")]
    if path.stat().st_size < PART:
        return (parts or [md5(b"")])[0].hex()
    return f"{md5(b''.join(parts)).hex()}-{len(parts)}"
