"""``trackforge sagemaker curl``: an invocation by curl, signed by curl itself; shown, or carried out.

What is shown names the environment variables that hold the credentials, never the credentials. What is run gets them by
curl's standard input, where no list of processes shows them.
"""

from __future__ import annotations

import dataclasses
import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

from trackforge.cli.printing import put
from trackforge.config import setting
from trackforge.errors import ConfigError, MissingDependencyError, MissingFileError
from trackforge_sagemaker.client.connecting import session
from trackforge_sagemaker.client.contents import kind_of
from trackforge_sagemaker.client.failures import CredentialsError, explaining
from trackforge_sagemaker.client.invoking import check_endpoint
from trackforge_sagemaker.control.aws import Aws, AwsRun
from trackforge_sagemaker.control.declaring import AwsWords, subcommand
from trackforge_sagemaker.requests.places import partition

__all__ = ["CurlRun", "curl"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CurlRun(AwsRun):
    """What is sent, to whom."""

    endpoint: str = setting("", help="Name of the endpoint.")
    file: Path | None = setting(None, help="What is sent: a picture, a film, JSON.")
    content_type: str | None = setting(None, help="Its type; told by its ending where it is not given.")
    accept: str = setting("application/json", help="Form of the answer.")
    session: str | None = setting(None, help="Session: its id, or NEW_SESSION.")
    component: str | None = setting(None, help="Inference component that is meant.")
    input: str | None = setting(None, help="Asynchronous: address of the input, s3://bucket/key, in place of a file.")
    run: bool = setting(False, help="Carry it out with the credentials that boto3 finds.")


def _curl(aws: Aws, job: CurlRun, words: AwsWords) -> int:  # noqa: ARG001 - a subcommand's signature
    if not job.endpoint or (job.file is None) == (job.input is None):
        raise ConfigError("curl needs an endpoint and either --file or --input: curl boats --file boats.jpg.")
    if job.file is not None and not job.file.is_file():
        raise MissingFileError(f"file must be there to be sent; there is no {job.file}.")
    plain = _words(aws, check_endpoint(job.endpoint), job)
    told = ["--user", '"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"', *_header_words()]
    text = " ".join([*(shlex.quote(word) for word in plain[:-1]), *told, shlex.quote(plain[-1])])
    if not job.run or aws.dry_run:
        return _shown(aws, text)
    program = shutil.which("curl")
    if program is None:
        raise MissingDependencyError("curl must be installed (7.75 or newer, for --aws-sigv4); it is not on the path.")
    ran = subprocess.run(  # noqa: S603 - words of our own, no shell
        [program, "--config", "-", *plain[1:]], input=_secrets(aws).encode(), check=False
    )
    return 0 if ran.returncode == 0 else 1


def _shown(aws: Aws, text: str) -> int:
    if aws.as_json:
        import json

        put(json.dumps({"command": text}) + "\n")
    else:
        put(text + "\n")
    return 0


def _words(aws: Aws, name: str, job: CurlRun) -> list[str]:
    """Return the words of the command without credentials; the address comes last."""
    host = os.environ.get("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME") or os.environ.get("AWS_ENDPOINT_URL")
    host = (host or f"https://runtime.sagemaker.{aws.region}.{partition(aws.region)[1]}").rstrip("/")
    way = "async-invocations" if job.input is not None else "invocations"
    source = job.content_type or kind_of(job.input or str(job.file))
    headers: dict[str, Any] = {
        "X-Amzn-SageMaker-Content-Type" if job.input else "Content-Type": source,
        "X-Amzn-SageMaker-Accept" if job.input else "Accept": job.accept,
        "X-Amzn-SageMaker-Session-Id": job.session,
        "X-Amzn-SageMaker-Inference-Component": job.component,
        "X-Amzn-SageMaker-InputLocation": job.input,
    }
    words = ["curl", "--silent", "--show-error", "--fail-with-body", "--aws-sigv4", f"aws:amz:{aws.region}:sagemaker"]
    for header, value in headers.items():
        if value:
            words += ["--header", f"{header}: {value}"]
    words += ["--data-binary", f"@{job.file}"] if job.file is not None else ["--request", "POST"]
    return [*words, f"{host}/endpoints/{quote(name)}/{way}"]


def _header_words() -> list[str]:
    """Return the header of temporary credentials; where there is no token, nothing is sent."""
    return ["${AWS_SESSION_TOKEN:+--header}", '${AWS_SESSION_TOKEN:+"x-amz-security-token: $AWS_SESSION_TOKEN"}']


def _secrets(aws: Aws) -> str:
    """Return credentials as a configuration of curl.

    Raises:
        CredentialsError: There are none.
    """
    with explaining("sts", "GetCredentials"):
        found = session(aws.region, aws.run.profile).get_credentials()
        frozen = found.get_frozen_credentials() if found is not None else None
    if frozen is None:
        raise CredentialsError("AWS must be asked with credentials; none are found. Run 'aws configure'.")
    lines = [f'user = "{frozen.access_key}:{frozen.secret_key}"']
    if frozen.token:
        lines.append(f'header = "x-amz-security-token: {frozen.token}"')
    return "\n".join(lines) + "\n"


curl = subcommand("curl", CurlRun, _curl, first="endpoint")
