"""A page that walks through SageMaker, run block by block: moto for the account, real processes for containers.

What AWS does between two commands of the page, a step of the test does: it trains what a training job was asked for, in
a container's process over a tree like ``/opt/ml``; it starts the process that an endpoint serves by.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import aws_tools
import doc_blocks
import pytest
import sagemaker_run
from hosted import hosted
from served import Server

REGION, ACCOUNT = "eu-west-1", "123456789012"


@dataclasses.dataclass
class Cloud:
    """An account, and the endpoints that its clients reach.

    Attributes:
        folder: Of the test.
        plane: Where endpoints are asked.
        stack: Ends what was started.
        names: What a page calls a thing, and what it is called here.
        blocks: What the page's Python has named so far.
    """

    folder: Path
    plane: Any
    stack: contextlib.ExitStack
    names: dict[str, str] = dataclasses.field(default_factory=dict)
    blocks: dict[str, object] = dataclasses.field(default_factory=dict)

    def client(self, service: str) -> Any:
        """Return boto3's client of a service of the account."""
        import boto3

        return boto3.client(service)

    def walk(self, page: Path, test: str, between: Mapping[str, Callable[[], None]]) -> int:
        """Run the blocks of a page that ``test`` answers for, in order.

        Args:
            page: The page.
            test: Name of the test's file.
            between: What AWS or people do after the block that holds a text; each must come to its turn.

        Returns:
            How many blocks ran.
        """
        waiting, ran = dict(between), 0
        for block in doc_blocks.blocks(page):
            if not block.test.endswith(test):
                continue
            text = block.text
            for said, real in self.names.items():
                text = text.replace(said, real)
            doc_blocks.run(dataclasses.replace(block, text=text, test=""), self.blocks)
            ran += 1
            for key in [key for key in waiting if key in block.text]:
                waiting.pop(key)()
        assert not waiting, f"the page has no block with {list(waiting)}"
        return ran

    def newest_training(self) -> str:
        """Return the name of the training job that was made last."""
        listed = self.client("sagemaker").list_training_jobs()["TrainingJobSummaries"]
        return str(max(listed, key=lambda one: (one["CreationTime"], one["TrainingJobName"]))["TrainingJobName"])

    def train(self, job: str, instead: Mapping[str, str | None], **environment: str) -> str:
        """Do what a training job was asked for, and leave its model where it says; return the log.

        Args:
            job: Its name.
            instead: Hyperparameters in place of what takes a GPU hours; None leaves one out.
            environment: Further variables of the container.
        """
        from trackforge_sagemaker.testing.pipe_agent import PipeAgent, of_manifest, s3_objects

        asked, root = self.client("sagemaker").describe_training_job(TrainingJobName=job), self.folder / "jobs" / job
        values = {k: v for k, v in {**asked["HyperParameters"], **instead}.items() if v is not None}
        objects, channels = s3_objects(self.client("s3")), {}
        inputs = root / "input/data"
        with contextlib.ExitStack() as agents:
            for channel in asked["InputDataConfig"]:
                name, source = channel["ChannelName"], channel["DataSource"]["S3DataSource"]
                mode = channel.get("InputMode", "File")
                channels[name] = {"TrainingInputMode": mode, "S3DistributionType": "FullyReplicated"}
                channels[name] |= {"RecordWrapperType": channel.get("RecordWrapperType", "None")}
                channels[name] |= {"ContentType": channel.get("ContentType", "")}
                if mode == "Pipe":
                    manifest = objects(source["S3Uri"]).decode()
                    content = of_manifest(manifest, source["AttributeNames"], objects)
                    agents.enter_context(PipeAgent(inputs, name, content))
                else:
                    self.fetch(source["S3Uri"], inputs / name)
            (root / "model").mkdir(parents=True, exist_ok=True)
            sagemaker_run.tree(root, values, **channels)
            done = sagemaker_run.train(root, **environment)
        place = asked["ModelArtifacts"]["S3ModelArtifacts"]
        with tarfile.open(root / "model.tar.gz", "w:gz", compresslevel=1) as tar:
            for one in sorted((root / "model").iterdir()):
                tar.add(one, one.name)
        bucket, _, key = place.removeprefix("s3://").partition("/")
        self.client("s3").upload_file(str(root / "model.tar.gz"), bucket, key)
        return done.stdout + done.stderr

    def fetch(self, place: str, folder: Path) -> None:
        """Copy what lies below a prefix, or the object of that name, into a folder."""
        bucket, _, prefix = place.removeprefix("s3://").partition("/")
        for one in self.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ()):
            below = one["Key"].removeprefix(prefix).lstrip("/") or Path(one["Key"]).name
            (folder / below).parent.mkdir(parents=True, exist_ok=True)
            self.client("s3").download_file(bucket, one["Key"], str(folder / below))

    def serve(self, endpoint: str, **environment: str) -> Server:
        """Start the process behind an endpoint that was deployed, over the model that its config names."""
        maker = self.client("sagemaker")
        config = maker.describe_endpoint_config(
            EndpointConfigName=maker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
        )
        model = maker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])["PrimaryContainer"]
        base = self.folder / "hosts" / endpoint
        self.fetch(model["ModelDataUrl"], base / "archive")
        (base / "model").mkdir(exist_ok=True)
        with tarfile.open(next((base / "archive").glob("*.tar.gz"))) as tar:
            tar.extractall(base / "model", filter="data")
        server = self.stack.enter_context(hosted(base, **{**model.get("Environment", {}), **environment}))
        self.plane.scale(endpoint, [server.url])
        return server


@contextlib.contextmanager
def cloud(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, project: str, endpoints: Mapping[str, Any], **more: str
) -> Iterator[Cloud]:
    """Give an account, its environment, and a place where its endpoints are asked, while the block runs.

    Args:
        folder: Of the test; its folder ``page`` becomes the current one.
        monkeypatch: For the environment.
        project: As the page calls it.
        endpoints: By name: where asynchronous results go, or None.
        more: Further variables.
    """
    aws_tools.need("boto3", "moto")
    from trackforge_sagemaker.testing.data_plane import DataPlane, HostedEndpoint

    with aws_tools.moto_server() as address:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        told = {**aws_tools.AWS, "AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION, "AWS_ENDPOINT_URL": address}
        told |= {"AWS_MAX_ATTEMPTS": "1", "TRACKFORGE_SAGEMAKER_PROJECT": project}
        told |= {"TRACKFORGE_CACHE": str(folder / "cache"), **more}
        for name, value in told.items():
            monkeypatch.setenv(name, value)
        import boto3

        hosts = {name: HostedEndpoint(instances=[], output=output) for name, output in endpoints.items()}
        plane = DataPlane(hosts, s3=boto3.client("s3"), sns=boto3.client("sns"))
        with plane, contextlib.ExitStack() as stack:
            monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", plane.url)
            here = folder / "page"
            here.mkdir(exist_ok=True)
            monkeypatch.chdir(here)
            monkeypatch.setenv("PATH", os.pathsep.join((str(_program(folder / "bin")), os.environ["PATH"])))
            yield Cloud(folder, plane, stack)


def _program(folder: Path) -> Path:
    """Write a program called trackforge, for commands that need a shell; return its folder."""
    folder.mkdir()
    program = folder / "trackforge"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m trackforge "$@"\n')
    program.chmod(0o755)
    return folder


def written(path: Path) -> Any:
    """Return what a JSON file holds."""
    return json.loads(path.read_text(encoding="utf-8"))
