"""``trackforge sagemaker jumpstart``: a model's id becomes image, model, script; ``--pack`` readies it for deploy."""

from __future__ import annotations

import dataclasses
import gzip
import shlex
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from trackforge.config import setting
from trackforge.io.tar_reading import Tar
from trackforge_sagemaker.client.failures import explaining
from trackforge_sagemaker.client.places import fetch
from trackforge_sagemaker.control.aws import Aws, AwsRun
from trackforge_sagemaker.control.declaring import subcommand
from trackforge_sagemaker.requests import JumpStartModel
from trackforge_sagemaker.requests.jumpstart import MANIFEST, content_bucket, from_hub, hub_content, resolve
from trackforge_sagemaker.requests.jumpstart import fetch as fetch_document

__all__ = ["JumpStartRun", "jumpstart", "packed"]

SCRIPT = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
"""What AWS's serving images must be told of a script that lies in the model."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class JumpStartRun(AwsRun):
    """A model of JumpStart, or of a team's hub."""

    model: str = setting(help="Id of the model, such as mxnet-is-mask-rcnn-fpn-resnet50-v1b-coco.")
    version: str = setting("*", help="1.2.3, 1.*, or * for the newest.")
    hub: str = setting("", help="Name or ARN of a private hub that has it, in place of JumpStart.")
    instance: str = setting("", help="Size of the machines; what the model is meant for without one.")
    pack: bool = setting(False, help="Put script and model into one model.tar.gz in the bucket, where they are apart.")


def _jumpstart(aws: Aws, job: JumpStartRun, words: Any) -> int:  # noqa: ARG001 - the signature of a subcommand
    if aws.dry_run:
        return _shown(aws, job)
    found = _found(aws, job)
    variables, place = dict(found.environment), found.data
    if found.script:
        variables |= SCRIPT
    if job.pack and found.script:
        place = _pack(aws, found)
    command = ["trackforge", "sagemaker", "deploy", "NAME", "--image", found.image, "--model", place]
    command += ["--instance", found.instance]
    command += [word for key, value in variables.items() for word in ("-e", f"{key}={value}")]
    facts = {**dataclasses.asdict(found), "environment": variables, "model": place, "deploy": shlex.join(command)}
    apart = found.script and not job.pack
    lines = [f"{found.id} {found.version}", f"image   {found.image}", f"model   {place}"]
    lines += [f"script  {found.script}", "pack both before it is deployed: --pack"] if apart else [shlex.join(command)]
    return aws.finish(facts, "\n".join(lines))


def _shown(aws: Aws, job: JumpStartRun) -> int:
    if job.hub:
        aws.call("sagemaker", "describe_hub_content", hub_content(job.hub, job.model))
    else:
        aws.call("s3", "get_object", {"Bucket": content_bucket(aws.region), "Key": MANIFEST})
    return aws.finish({}, "")


def _found(aws: Aws, job: JumpStartRun) -> JumpStartModel:
    if job.hub:
        request = hub_content(job.hub, job.model, version="" if "*" in job.version else job.version)
        answer = aws.call("sagemaker", "describe_hub_content", request, doing=f"look {job.model} up in {job.hub}")
        return from_hub(answer, instance=job.instance)
    with explaining("s3", "GetObject", f"look {job.model} up in JumpStart"):
        spec = fetch_document(aws.client("s3"), job.model, aws.region, version=job.version)
    return resolve(spec, aws.region, instance=job.instance)


def _pack(aws: Aws, found: JumpStartModel) -> str:
    with tempfile.TemporaryDirectory(prefix="trackforge-jumpstart-") as scratch:
        folder = Path(scratch)
        for place, name in ((found.data, "data.tar.gz"), (found.script, "script.tar.gz")):
            aws.say(f"fetching {place}")
            fetch(aws.client("s3"), place, folder / name)
        whole = packed(folder / "data.tar.gz", folder / "script.tar.gz", folder / "model.tar.gz")
        return aws.upload(whole, aws.place("models", found.id, found.version, "model.tar.gz"))


def packed(model: Path, script: Path, target: Path) -> Path:
    """Write one archive of a model and its script, which comes to lie in ``code/``; the same bytes every time.

    Args:
        model: Archive of the model.
        script: Archive of the script.
        target: Where the archive goes.

    Raises:
        DataError: An archive is none, is too large, or a member leads out of it.
    """
    with tempfile.TemporaryDirectory(prefix="trackforge-pack-", dir=target.parent) as scratch:
        folder = Path(scratch) / "whole"
        for archive, where in ((model, folder), (script, folder / "code")):
            where.mkdir(parents=True, exist_ok=True)
            with Tar(archive) as given:
                given.unpack(where)
        with (
            target.open("wb") as opened,
            gzip.GzipFile("", "wb", fileobj=opened, mtime=0) as zipped,
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.GNU_FORMAT) as tar,
        ):
            for path in sorted(one for one in folder.rglob("*") if one.is_file()):
                member = tarfile.TarInfo(path.relative_to(folder).as_posix())
                member.size = path.stat().st_size
                with path.open("rb") as content:
                    tar.addfile(member, content)
    return target


jumpstart = subcommand("jumpstart", JumpStartRun, _jumpstart, first="model")
