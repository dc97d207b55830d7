"""The folders and files that SageMaker and a container share, ``/opt/ml`` below a root that may be another.

Containers for training get ``input/config/{hyperparameters,inputdataconfig,resourceconfig}.json`` and
``input/data/CHANNEL``; those for processing ``config/{processingjobconfig,resourceconfig}.json`` and ``processing/``;
hosting gives ``model/``. They leave ``model/``, ``output/data/``, ``checkpoints/``, and on failure the reason in
``output/failure``. The platform itself sets no ``SM_*`` variables: AWS's toolkits do, and here they stand in where a
file is not there. Nothing is read before it is asked for.

Source: Amazon SageMaker AI Developer Guide, "Your Training Algorithm" and "Processing Container"; the variables as
``aws/sagemaker-training-toolkit`` 5.1 and ``aws/sagemaker-python-sdk`` 3.27 set them (both Apache-2.0).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from trackforge.errors import DataError, SinkError
from trackforge.intake.documents import load_json, parse_json
from trackforge.intake.names import plain_name
from trackforge.intake.showing import visible
from trackforge.io.atomic import atomic_path

__all__ = ["BASE", "LONGEST", "Channel", "OptMl", "Resources"]

BASE = "SAGEMAKER_BASE_DIR"
"""The variable that names another root; AWS's toolkit reads the same."""
LONGEST = 1024
"""Bytes of a reason for failure, and of a message, that SageMaker shows; a letter cut in two there fails the job."""
ALONE = "algo-1"


@dataclass(frozen=True)
class Channel:
    """One input of a training job.

    Attributes:
        name: Of the channel.
        path: Its folder, in the modes File and FastFile.
        mode: How the data come.
        content_type: As the job says, such as ``application/x-recordio``; may be empty.
        recordio: Whether a pipe's values are wrapped as RecordIO.
        sharded: Whether every host has a part of the data only.
    """

    name: str
    path: Path
    mode: Literal["File", "FastFile", "Pipe"] = "File"
    content_type: str = ""
    recordio: bool = False
    sharded: bool = False

    def fifo(self, epoch: int) -> Path:
        """Return the pipe of an epoch, counted from 0; it is there once that of the epoch before was closed."""
        return self.path.with_name(f"{self.name}_{epoch}")


@dataclass(frozen=True)
class Resources:
    """The machines of a job.

    Attributes:
        host: The name of this one.
        hosts: All of them, in the order that every one of them agrees on.
        interface: The network interface between them; empty where nobody says.
        instance_type: Such as ``ml.g5.xlarge``; may be empty.
    """

    host: str = ALONE
    hosts: tuple[str, ...] = (ALONE,)
    interface: str = ""
    instance_type: str = ""

    @property
    def rank(self) -> int:
        """The number of this host, from 0."""
        return self.hosts.index(self.host)


class OptMl:
    """What a container is told, and where it leaves what it makes.

    Args:
        root: In place of what ``SAGEMAKER_BASE_DIR`` says, or ``/opt/ml``.
        environment: In place of this process's.

    Attributes:
        root: The root.
        input: Of training: ``input/``.
        data: ``input/data``, where the channels are.
        model: ``model/``: what training leaves, and hosting gives.
        checkpoints: ``checkpoints/``, which SageMaker keeps in step with S3.
        output: ``output/``.
        output_data: ``output/data/``, what becomes ``output.tar.gz``.
        failure: The file that says why a job failed.
        processing: Of processing jobs: ``processing/``.
    """

    def __init__(self, root: str | Path | None = None, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        self.root = Path(root or self._environment.get(BASE) or "/opt/ml")
        told = {} if root else self._environment  # a root that is given stands before what a toolkit says of another
        self.input = Path(told.get("SM_INPUT_DIR") or self.root / "input")
        self.input_config = Path(told.get("SM_INPUT_CONFIG_DIR") or self.input / "config")
        self.data = self.input / "data"
        self.model = Path(told.get("SM_MODEL_DIR") or self.root / "model")
        self.checkpoints = self.root / "checkpoints"
        self.output = self.root / "output"
        self.output_data = Path(told.get("SM_OUTPUT_DATA_DIR") or self.output / "data")
        self.failure = self.output / "failure"
        self.processing = self.root / "processing"

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The hyperparameters as they were sent, mostly texts; ``SM_HPS`` or ``SM_HP_NAME`` where there is no file.

        Raises:
            DataError: The file, or the variable, is no JSON object.
        """
        path = self.input_config / "hyperparameters.json"
        if path.is_file():
            return _mapping(load_json(path, "The file of hyperparameters"), path)
        together = self._environment.get("SM_HPS")
        if together:
            return _mapping(parse_json(together, "SM_HPS"), "SM_HPS")
        head = "SM_HP_"
        return {
            key.removeprefix(head).lower(): value for key, value in self._environment.items() if key.startswith(head)
        }

    @property
    def channels(self) -> dict[str, Channel]:
        """The inputs of a training job by name; ``SM_CHANNEL_NAME`` and else the folders where there is no file.

        Raises:
            DataError: The file is malformed, or a channel has no name that a folder could have.
        """
        path = self.input_config / "inputdataconfig.json"
        if path.is_file():
            given = _mapping(load_json(path, "The file of channels"), path)
            return {name: self._channel(name, _mapping(said, path), path) for name, said in given.items()}
        head = "SM_CHANNEL_"
        told = {k.removeprefix(head).lower(): v for k, v in self._environment.items() if k.startswith(head)}
        if told:
            return {name: Channel(name, Path(place)) for name, place in told.items()}
        folders = sorted(one for one in self.data.iterdir() if one.is_dir()) if self.data.is_dir() else []
        return {one.name: Channel(one.name, one) for one in folders}

    def _channel(self, name: str, said: Mapping[str, Any], path: Path) -> Channel:
        plain_name(name, "A channel", path=path)
        mode = str(said.get("TrainingInputMode") or "File")
        modes: dict[str, Literal["File", "FastFile", "Pipe"]] = {"File": "File", "FastFile": "FastFile", "Pipe": "Pipe"}
        if mode not in modes:
            raise DataError(f"TrainingInputMode must be File, FastFile or Pipe; got {mode!r}.", path=path)
        return Channel(
            name,
            self.data / name,
            modes[mode],
            str(said.get("ContentType") or ""),
            said.get("RecordWrapperType") == "RecordIO",
            said.get("S3DistributionType") == "ShardedByS3Key",
        )

    @property
    def resources(self) -> Resources:
        """The machines of the job, of training or processing; ``SM_HOSTS`` where there is no file, else this one.

        Raises:
            DataError: The file, or the variable, is malformed.
        """
        for path in (self.input_config / "resourceconfig.json", self.root / "config" / "resourceconfig.json"):
            if path.is_file():
                said = _mapping(load_json(path, "The file of machines"), path)
                return _machines(
                    said.get("current_host"), said.get("hosts"), said.get("network_interface_name"),
                    said.get("current_instance_type"), path,
                )  # fmt: skip
        told, hosts = self._environment, self._environment.get("SM_HOSTS")
        return _machines(
            told.get("SM_CURRENT_HOST"), parse_json(hosts, "SM_HOSTS") if hosts else None,
            told.get("SM_NETWORK_INTERFACE_NAME"), told.get("SM_CURRENT_INSTANCE_TYPE"), "SM_HOSTS",
        )  # fmt: skip

    @property
    def hosts(self) -> tuple[str, ...]:
        """The machines of the job, in an order that all of them agree on."""
        return self.resources.hosts

    @property
    def rank(self) -> int:
        """The number of this machine, from 0."""
        return self.resources.rank

    @property
    def processing_job(self) -> dict[str, Any]:
        """What ``config/processingjobconfig.json`` says; empty where it is not there.

        Raises:
            DataError: It is no JSON object.
        """
        path = self.root / "config" / "processingjobconfig.json"
        return _mapping(load_json(path, "The file of the processing job"), path) if path.is_file() else {}

    def begin(self) -> None:
        """Forget what an earlier run on this machine left as its end.

        Raises:
            SinkError: It is there, and cannot be removed: it would be taken for the end of this run.
        """
        for path in (self.failure, self.output / "message"):
            try:
                if path.exists():  # a folder that cannot be written to is no fault where there is nothing
                    path.unlink(missing_ok=True)
            except OSError as error:
                raise SinkError(
                    f"{path}, which an earlier run left, must be removed; it cannot be: {error.strerror or error}. "
                    "Make its folder writable."
                ) from error

    def fail(self, message: str, *, over: bool = False) -> None:
        """Say why the job failed; the first reason counts, since what fails after it mostly fails because of it.

        A place that cannot be written to is no second failure: the log has the reason too.

        Args:
            message: The reason, the most useful words first.
            over: Whether it is known to be the cause of one that was said before.
        """
        if over or not self.failure.is_file() or not self.failure.stat().st_size:
            self._write(self.failure, message)

    def message(self, text: str) -> None:
        """Say what came of a processing job, as its ``ExitMessage``."""
        self._write(self.output / "message", text)

    def _write(self, path: Path, text: str) -> None:
        with contextlib.suppress(OSError), atomic_path(path) as partial:  # SinkError is one
            partial.write_bytes(visible(text).encode(errors="replace")[:LONGEST].decode(errors="ignore").encode())


def _mapping(value: Any, where: str | Path) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError(f"There must be a JSON object of values by name; got {type(value).__name__}.", path=where)
    return value


def _machines(host: Any, hosts: Any, interface: Any, kind: Any, where: str | Path) -> Resources:
    if hosts is None:
        hosts = [host or ALONE]
    if not isinstance(hosts, list) or not hosts or not all(isinstance(one, str) and one for one in hosts):
        raise DataError(f"hosts must be a list of names; got {hosts!r:.80}.", path=where)
    ordered = tuple(sorted(set(hosts)))
    host = host or ordered[0]
    if host not in ordered:
        raise DataError(
            f"current_host must be one of hosts ({', '.join(ordered)[:200]}); got {host!r:.80}.", path=where
        )
    return Resources(str(host), ordered, str(interface or ""), str(kind or ""))
