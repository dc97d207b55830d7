"""``trackforge sagemaker build`` and ``push``: the image of all three containers, made by Docker from a checkout."""

from __future__ import annotations

import base64
import dataclasses
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from trackforge.config import setting
from trackforge.errors import ConfigError, MissingDependencyError, MissingFileError
from trackforge_sagemaker import requests
from trackforge_sagemaker.client.failures import AwsError, ExistsError
from trackforge_sagemaker.control.aws import Aws, AwsRun
from trackforge_sagemaker.control.declaring import subcommand

__all__ = ["BuildRun", "PushRun", "build", "default_image", "flavour_of", "push"]

SCRIPT = Path("plugins/trackforge-sagemaker/container/build.sh")
Flavour = Literal["cpu", "gpu", "onnx"]


def default_image(aws: Aws, tag: str = "gpu") -> str:
    """Return the address of the project's image in the account's registry."""
    return requests.image_uri(aws.account, aws.region, aws.project, tag)


def flavour_of(instance: str) -> Flavour:
    """Return which image is for machines of a size.

    >>> flavour_of("ml.g5.xlarge"), flavour_of("ml.m5.xlarge")
    ('gpu', 'cpu')
    """
    return "gpu" if instance.split(".")[1][0] in "gp" else "cpu"


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildRun(AwsRun):
    """The image to be built."""

    flavour: Flavour = setting("gpu", help="gpu and cpu have everything; onnx serves and processes ONNX files only.")
    tag: str = setting("", help="Its name for Docker; that in the account's registry without one.")
    source: Path | None = setting(None, help="The checkout of trackforge; where this was installed from without one.")
    arguments: tuple[str, ...] = setting(
        (), flags=("--docker",), help="What else docker build takes: --docker=--platform --docker=linux/arm64."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PushRun(AwsRun):
    """The image to be put into the account's registry."""

    flavour: Flavour = setting("gpu", help="Which one; its tag.")
    tag: str = setting("", help="The image, where build was given another name.")
    keep: int = setting(5, minimum=1, help="Images that stay in the registry; older ones go.")


def _build(aws: Aws, job: BuildRun, words: Any) -> int:  # noqa: ARG001 - the signature of a subcommand
    image = job.tag or default_image(aws, job.flavour)
    script = _script(job.source)
    command = ["bash", str(script), job.flavour, image, *job.arguments]
    if aws.dry_run:
        printed = ["bash", str(script), "--print", *command[2:]]
        shown = subprocess.run(printed, capture_output=True, text=True, check=True)  # noqa: S603 - our own script
        return _showing(aws, [shown.stdout.strip()])
    _docker()
    _run(command, "build the image")
    return aws.finish({"image": image}, f"{image}\npush it: trackforge sagemaker push --flavour {job.flavour}")


def _push(aws: Aws, job: PushRun, words: Any) -> int:  # noqa: ARG001 - the signature of a subcommand
    image = default_image(aws, job.flavour)
    local = job.tag or image
    host = image.partition("/")[0]
    commands = [["docker", "tag", local, image]] if local != image else []
    commands.append(["docker", "push", image])
    if not aws.dry_run:
        _docker()
    for call in requests.repository(aws.project, project=aws.project, keep=job.keep):
        try:
            aws.call(call.service, call.operation, call.request, doing=f"make the registry {aws.project}")
        except ExistsError:
            aws.say(f"the registry {aws.project} is there")
    answer = aws.call("ecr", "get_authorization_token", doing="sign in to the registry")
    if aws.dry_run:
        return _showing(aws, [shlex.join(["docker", "login", "--username", "AWS", "--password-stdin", host]),
                              *map(shlex.join, commands)])  # fmt: skip
    _login(answer, host)
    for command in commands:
        _run(command, f"push {image}")
    return aws.finish({"image": image}, image)


def _login(answer: dict[str, Any], host: str) -> None:
    try:
        token = answer["authorizationData"][0]["authorizationToken"]
        user, _, password = base64.b64decode(token).decode().partition(":")
    except (KeyError, IndexError, ValueError):
        raise AwsError("The registry must give a token to sign in with; its answer has none.") from None
    _run(["docker", "login", "--username", user, "--password-stdin", host], "sign in to the registry", given=password)


def _script(source: Path | None) -> Path:
    """Return what builds the image, of a checkout: wheels do not bring it."""
    roots = [source] if source is not None else [Path(__file__).resolve().parents[5], Path.cwd()]
    for root in roots:
        if (root / SCRIPT).is_file():
            return root / SCRIPT
    raise MissingFileError(
        f"The image must be built from a checkout of trackforge; there is none in {', '.join(map(str, roots))}. "
        "Name it: --source FOLDER."
    )


def _docker() -> None:
    if shutil.which("docker") is None:
        raise MissingDependencyError(
            "Docker must be installed to build and push images; it is not on the PATH. --dry-run shows what would be "
            "run."
        )


def _run(command: Sequence[str], doing: str, *, given: str | None = None) -> None:
    ran = subprocess.run(list(command), input=given, text=True, check=False)  # noqa: S603 - no shell reads it
    if ran.returncode:
        raise ConfigError(
            f"Docker must {doing}; {shlex.join(command)} ended with {ran.returncode}. Its words are above."
        )


def _showing(aws: Aws, commands: Sequence[str]) -> int:
    """Show commands beside the requests of a dry run."""
    for one in commands:
        aws.show_command(one)
    return aws.finish({}, "")


build = subcommand("build", BuildRun, _build)
push = subcommand("push", PushRun, _push)
