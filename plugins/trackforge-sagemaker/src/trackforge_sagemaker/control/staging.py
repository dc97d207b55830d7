"""``trackforge sagemaker stage``: a data set is fetched, converted, and copied to the bucket, below ``data/NAME/``."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from urllib.parse import urlsplit

from trackforge import data
from trackforge.config import setting
from trackforge.data.archives import unpacked
from trackforge.errors import ConfigError, MissingFileError
from trackforge.intake.addresses import is_address, shown_address
from trackforge.io.fetch import cache_folder, fetch
from trackforge_sagemaker.client.places import split_place
from trackforge_sagemaker.control.aws import Aws, AwsRun
from trackforge_sagemaker.control.declaring import subcommand
from trackforge_sagemaker.control.moving import check_whole, listed, local_files, upload

__all__ = ["StageRun", "stage"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageRun(AwsRun):
    """What is copied to the bucket."""

    source: str = setting(
        help="Data set, film or folder; or an address (https://...) of a .zip, which is kept in the cache."
    )
    name: str = setting("", help="What it is called below data/ in the bucket; as the source without one.")
    to: str = setting("", help="Format to convert it to first: coco, recordio, manifest, ... As it is without one.")
    from_: str = setting("", flags=("--from",), help="Its format, where it does not tell.")
    sha256: str = setting("", help="Checksum of what is fetched.")
    part: str = setting("", help="Only this folder of the source: train, of a .zip MOT17/train.")
    halves: Literal["bytetrack", "fairmot"] | None = setting(
        None, help="Divide sequences in the middle, by whose rule."
    )
    val: float = setting(0.0, minimum=0, below=1, help="Share of the pictures that is for validation.")
    replace: bool = setting(False, help="Remove what lies below that name in the bucket and is not in the source.")


def _stage(aws: Aws, job: StageRun, words: Any) -> int:  # noqa: ARG001 - the signature of a subcommand
    if (job.halves or job.val) and not job.to:
        raise ConfigError("What is divided is written anew: say the format, --to coco.")
    named = urlsplit(job.source).path if is_address(job.source) else str(Path(job.source).resolve())
    name = job.name or PurePosixPath(named).name.partition(".")[0]
    archive = _archive(job)
    if aws.dry_run and archive is not None and not archive.is_file():
        aws.show_command(f"fetch {shown_address(job.source)} to {archive}, and copy it to {aws.place('data', name)}/")
        return aws.finish({}, "")
    source = _source(aws, job, archive)
    if not job.to:
        check_whole(source, job.from_, "Say the format, --to {}: then they are brought along.")
        return _copied(aws, job, source, name)
    with tempfile.TemporaryDirectory(prefix="trackforge-stage-") as folder:
        target = Path(folder) / name
        report = data.convert(
            source, target, to=job.to, format=job.from_ or None, halves=job.halves, val=job.val or None,
            images="copy",
        )  # fmt: skip
        return _copied(aws, job, target, name, f"{report}\n")


def _archive(job: StageRun) -> Path | None:
    """Return where in the cache an archive that is fetched goes; None for what lies here."""
    if not is_address(job.source):
        return None
    name = PurePosixPath(urlsplit(job.source).path).name
    if not name.lower().endswith(".zip"):
        raise ConfigError(f"What is fetched must be a .zip; got {shown_address(job.source)}.")
    return cache_folder() / "sets" / name


def _source(aws: Aws, job: StageRun, archive: Path | None) -> Path:
    path = Path(job.source) if archive is None else archive
    if archive is not None:
        aws.say(f"fetching {shown_address(job.source)} to {path}")
        fetch(job.source, path, sha256=job.sha256 or None)
    if not path.exists():
        raise MissingFileError(f"The source must be there; there is no {path}.")
    if path.suffix.lower() == ".zip":
        path = unpacked(path)
    path = path / job.part
    if not path.exists():
        raise MissingFileError(f"The part must be a folder of the source; there is no {path}.")
    return path


def _copied(aws: Aws, job: StageRun, path: Path, name: str, report: str = "") -> int:
    """Copy what is staged, which lies alone below its name; a film may come to others.

    Raises:
        ConfigError: Something else lies there.
    """
    place = aws.place("data", name) + "/"
    others = sorted(set(listed(aws, place)) - set(local_files(path))) if job.replace or path.is_dir() else []
    if others and not job.replace:
        raise ConfigError(
            f"A set must lie alone below its name; {place} has {len(others)} files that {job.source} has not, "
            f"{others[0]} among them. Remove them, --replace, or call the set otherwise, --name."
        )
    place, copied = upload(aws, path, place)
    bucket, prefix = split_place(place)
    for key in others:  # after the copy, so that what breaks off loses nothing
        aws.call("s3", "delete_object", {"Bucket": bucket, "Key": prefix + key}, doing=f"remove {place}{key}")
    facts = {"name": name, "place": place, "copied": copied, "removed": len(others)}
    removed = f", {len(others)} removed" if others else ""
    return aws.finish(facts, f"{report}{place}: {copied} files copied{removed}\ntrain with it: --channel train={name}")


stage = subcommand("stage", StageRun, _stage, first="source")
