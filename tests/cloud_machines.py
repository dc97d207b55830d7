"""Moto with machines behind it: its jobs and endpoints are carried out by processes of containers, for whole recipes.

Moto takes a request for a training on and says at once that it is done. Here it is in progress until a container's
process has ended: what the request names is fetched from moto's S3, laid out as ``/opt/ml``, run, and what the
container left is put where the request says. Endpoints are containers that serve, behind the data plane. A tuning tries
the ends of its ranges, reads its objective from the log as SageMaker does, and names the best.

Machines here are small: `Machines.smaller` says which hyperparameters they are sent in the place of a page's own.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import aws_tools
from hosted import hosted
from sagemaker_run import environment, metrics, tree

from trackforge_sagemaker.testing.data_plane import AsyncOutput, DataPlane, HostedEndpoint

ACCOUNT, REGION = "123456789012", "us-east-1"
COMMAND = [sys.executable, "-c", "import sys; from trackforge_sagemaker.command import main; sys.exit(main())"]


class Machines:
    """An account of AWS on one machine; runs within a ``with`` block.

    Args:
        work: Folder for what containers find and leave, which is made.
        smaller: Gets the hyperparameters of a training; returns those that it is sent in their place.
        variables: Environment of every container.

    Attributes:
        url: What boto3 gets as ``AWS_ENDPOINT_URL``.
        plane: The data plane.
        failed: What went wrong in a container, by name of the job.
    """

    def __init__(
        self, work: Path, *, smaller: Callable[[Mapping[str, str]], Mapping[str, str]], **variables: str
    ) -> None:
        self.work, self.smaller, self.variables = work, smaller, variables
        self.failed: dict[str, str] = {}
        self.trained: dict[str, dict[str, str]] = {}
        self.plane: DataPlane
        self._hosting: dict[str, contextlib.ExitStack] = {}
        self._guard = threading.Lock()
        self._ends = contextlib.ExitStack()

    def __enter__(self) -> Machines:
        aws_tools.need("boto3", "moto")
        self.work.mkdir(parents=True)
        import boto3
        from moto.core.models import DEFAULT_ACCOUNT_ID
        from moto.sagemaker.models import sagemaker_backends
        from moto.sagemaker.responses import SageMakerResponse
        from moto.server import ThreadedMotoServer

        assert DEFAULT_ACCOUNT_ID == ACCOUNT
        server = ThreadedMotoServer("127.0.0.1", aws_tools.free_port(), verbose=False)
        server.start()
        self._ends.callback(server.stop)
        self.url = f"http://127.0.0.1:{server._port}"
        self.backend = sagemaker_backends[ACCOUNT][REGION]
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": REGION}
        self._s3, self._sns, self._logs, self.sagemaker = (
            boto3.client(name, endpoint_url=self.url, **keys) for name in ("s3", "sns", "logs", "sagemaker")
        )
        self.plane = self._ends.enter_context(DataPlane({}, s3=self._s3, sns=self._sns))
        self._workers = ThreadPoolExecutor(2, "machine")
        self._ends.callback(self._workers.shutdown)
        for operation, job, key, state, name in (
            ("create_training_job", self._train, "training_jobs", "training_job_status", "TrainingJobName"),
            ("create_processing_job", self._process, "processing_jobs", "processing_job_status", "ProcessingJobName"),
            ("create_hyper_parameter_tuning_job", self._tune, "hyper_parameter_tuning_jobs",
             "hyper_parameter_tuning_job_status", "HyperParameterTuningJobName"),
            ("create_endpoint", self._host, "endpoints", "endpoint_status", "EndpointName"),
        ):  # fmt: skip
            self._ends.enter_context(self._taken_on(SageMakerResponse, operation, job, key, state, name))
        self._ends.enter_context(_before(SageMakerResponse, "delete_endpoint", self._stop))
        self._ends.callback(lambda: [one.close() for one in self._hosting.values()])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Stop containers and servers."""
        self._ends.close()

    def variables_of_a_client(self) -> dict[str, str]:
        """Return what a command's environment needs to find all this."""
        return {
            **aws_tools.AWS,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": self.plane.url,
            "AWS_REGION": REGION,
            "AWS_MAX_ATTEMPTS": "1",
        }

    def watch(self, do: Callable[[], object]) -> None:
        """Do something; where it fails, tell what containers had said."""
        try:
            do()
        except BaseException as error:
            for name, why in self.failed.items():
                error.add_note(f"{name}: {why}")
            raise

    def bucket_names(self) -> list[str]:
        """Return which buckets there are."""
        return [one["Name"] for one in self._s3.list_buckets()["Buckets"]]

    # ---- taking on

    @contextlib.contextmanager
    def _taken_on(
        self, responses: Any, operation: str, job: Callable[[dict[str, Any]], None], kept: str, state: str, name: str
    ) -> Iterator[None]:
        """Have a job of moto's carried out, in progress until then."""
        machines, original = self, getattr(responses, operation)
        doing, done = ("Creating", "InService") if kept == "endpoints" else ("InProgress", "Completed")

        def begun(response: Any) -> Any:
            request, answer = json.loads(response.body), original(response)
            known = getattr(machines.backend, kept)[request[name]]
            setattr(known, state, doing)
            machines._workers.submit(machines._carried_out, job, request, known, state, done, request[name])
            return answer

        setattr(responses, operation, begun)
        try:
            yield
        finally:
            setattr(responses, operation, original)

    def _carried_out(
        self,
        job: Callable[[dict[str, Any]], None],
        request: dict[str, Any],
        known: Any,
        state: str,
        done: str,
        name: str,
    ) -> None:
        try:
            job(request)
        except Exception:  # noqa: BLE001 - whoever waits must hear of it
            self.failed[name] = traceback.format_exc()
            known.failure_reason = "see the test"
            done = "Failed"
        setattr(known, state, done)

    # ---- jobs

    def _train(self, request: dict[str, Any]) -> None:
        self._trained(request["TrainingJobName"], request, request["HyperParameters"])

    def _trained(self, name: str, request: Mapping[str, Any], values: Mapping[str, str]) -> str:
        """Carry a training out and return what it said."""
        root, smaller = self.work / name, self.smaller(values)
        self.trained[name] = dict(values)
        channels = {one["ChannelName"]: one for one in request["InputDataConfig"]}
        for channel, one in channels.items():
            self._fetch(one["DataSource"]["S3DataSource"]["S3Uri"], root / "input/data" / channel)
        tree(root, {**values, **smaller}, **{channel: {} for channel in channels})
        config = root / "input/config/inputdataconfig.json"
        config.write_text(json.dumps({channel: {"TrainingInputMode": "File"} for channel in channels}))
        said = self._run(root, "train", request.get("Environment") or {})
        self._log("TrainingJobs", name, said)
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
            for path in sorted((root / "model").iterdir()):
                archive.add(path, path.name)
        place = f"{request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{name}/output/model.tar.gz"
        bucket, key = _parts(place)
        self._s3.put_object(Bucket=bucket, Key=key, Body=packed.getvalue())
        return said

    def _tune(self, request: dict[str, Any]) -> None:
        """Try both ends of all ranges."""
        tuning, definition = request["HyperParameterTuningJobName"], request["TrainingJobDefinition"]
        config = request["HyperParameterTuningJobConfig"]
        objective, found = config["HyperParameterTuningJobObjective"], {}

        def one(end: int) -> None:
            tried = _ends_of(config["ParameterRanges"], end)
            name = f"{tuning}-{abs(end) + 1:03d}-trial"
            static = definition["StaticHyperParameters"]
            values = {**static, **tried, "_tuning_objective_metric": objective["MetricName"]}
            said = self._trained(name, definition, values)
            read = metrics(said, definition["AlgorithmSpecification"]["MetricDefinitions"])
            found[name] = (read[objective["MetricName"]][-1], tried, values)

        with ThreadPoolExecutor(config["ResourceLimits"]["MaxParallelTrainingJobs"]) as pool:
            list(pool.map(one, (0, -1)))
        choose = min if objective["Type"] == "Minimize" else max
        best = choose(found, key=lambda name: found[name][0])
        kept = ("AlgorithmSpecification", "RoleArn", "InputDataConfig", "OutputDataConfig", "ResourceConfig",
                "StoppingCondition")  # fmt: skip
        snake = {re.sub(r"(?<!^)(?=[A-Z])", "_", key).lower(): definition[key] for key in kept}
        for name, (_, _, values) in found.items():
            self.backend.create_training_job(
                training_job_name=name, hyper_parameters=values, **snake, vpc_config={}, tags=request["Tags"],
                enable_network_isolation=False, enable_inter_container_traffic_encryption=False,
                enable_managed_spot_training=False, checkpoint_config={}, debug_hook_config={},
                debug_rule_configurations=[], tensor_board_output_config={}, experiment_config={},
            )  # fmt: skip
        known = self.backend.hyper_parameter_tuning_jobs[tuning]
        known.best_training_job |= {"TrainingJobName": best, "TunedHyperParameters": found[best][1]}

    def _process(self, request: dict[str, Any]) -> None:
        root = self.work / request["ProcessingJobName"]
        for one in request["ProcessingInputs"]:
            given = one["S3Input"]
            self._fetch(given["S3Uri"], root / Path(given["LocalPath"]).relative_to("/opt/ml"))
        outputs = [one["S3Output"] for one in request["ProcessingOutputConfig"]["Outputs"]]
        places = [(root / Path(one["LocalPath"]).relative_to("/opt/ml"), one["S3Uri"]) for one in outputs]
        for path, _ in places:
            path.mkdir(parents=True, exist_ok=True)
        (root / "config").mkdir()
        (root / "config/resourceconfig.json").write_text('{"current_host": "algo-1", "hosts": ["algo-1"]}')
        (root / "config/processingjobconfig.json").write_text(json.dumps(request))
        application = request["AppSpecification"]
        words = [*application["ContainerEntrypoint"], *application.get("ContainerArguments", ())]
        if words[0] == "trackforge-sagemaker":
            words = [*COMMAND, *words[1:]]
        elif words[0] == "python3":  # code=
            words = [sys.executable, words[1].replace("/opt/ml", str(root)), *words[2:]]
        said = self._run(root, "process", request.get("Environment") or {}, words)
        self._log("ProcessingJobs", request["ProcessingJobName"], said)
        for path, place in places:
            bucket, key = _parts(place)
            for file in (one for one in path.rglob("*") if one.is_file()):
                self._s3.upload_file(str(file), bucket, f"{key.rstrip('/')}/{file.relative_to(path).as_posix()}")

    def _run(self, root: Path, word: str, variables: Mapping[str, str], words: list[str] | None = None) -> str:
        """Run a container to its end and return what it said."""
        told = {key: value for key, value in environment(root).items() if not key.startswith(("TRACKFORGE_", "AWS_"))}
        (root / "model").mkdir(exist_ok=True, parents=True)
        done = subprocess.run(
            words or [*COMMAND, word],
            env={**told, "TRACKFORGE_CACHE": "/dev/null/nothing", **variables, **self.variables},
            capture_output=True, text=True, timeout=300, check=False, cwd=root,
        )  # fmt: skip
        assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    # ---- endpoints

    def _host(self, request: dict[str, Any]) -> None:
        name = request["EndpointName"]
        config = self.sagemaker.describe_endpoint_config(EndpointConfigName=request["EndpointConfigName"])
        model = self.sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
        given, root = model["PrimaryContainer"], self.work / name
        self._fetch(given["ModelDataUrl"], root / "packed")
        with tarfile.open(root / "packed/model.tar.gz") as archive:
            archive.extractall(root / "model", filter="data")
        ends = contextlib.ExitStack()
        server = ends.enter_context(hosted(root, **{**(given.get("Environment") or {}), **self.variables}))
        asked, output = self.backend.endpoint_configs[request["EndpointConfigName"]].async_inference_config, None
        if asked:
            where = asked["OutputConfig"]
            topics = where.get("NotificationConfig") or {}
            output = AsyncOutput(
                output=where["S3OutputPath"], failure=where["S3FailurePath"],
                success_topic=topics.get("SuccessTopic", ""), error_topic=topics.get("ErrorTopic", ""),
            )  # fmt: skip
        with self._guard:
            self._hosting[name] = ends
        self.plane.add(name, HostedEndpoint(instances=[server.url], output=output))

    def _stop(self, request: dict[str, Any]) -> None:
        with self._guard:
            ends = self._hosting.pop(request["EndpointName"], None)
        if ends is not None:
            self.plane.remove(request["EndpointName"])
            ends.close()

    # ---- S3 and logs

    def _fetch(self, place: str, folder: Path) -> None:
        """Lay out below a folder what lies below a prefix, or the one object."""
        bucket, prefix = _parts(place)
        folder.mkdir(parents=True, exist_ok=True)
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for one in page.get("Contents", ()):
                name = one["Key"].removeprefix(prefix).lstrip("/") or one["Key"].rpartition("/")[2]
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                self._s3.download_file(bucket, one["Key"], str(folder / name))

    def _log(self, group: str, name: str, said: str) -> None:
        group, stream, now = f"/aws/sagemaker/{group}", f"{name}/algo-1-1", int(time.time() * 1000)
        with self._guard, contextlib.suppress(self._logs.exceptions.ResourceAlreadyExistsException):
            self._logs.create_log_group(logGroupName=group)
        self._logs.create_log_stream(logGroupName=group, logStreamName=stream)
        events = [{"timestamp": now, "message": line} for line in said.splitlines() if line.strip()]
        self._logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


@contextlib.contextmanager
def _before(responses: Any, operation: str, do: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    original = getattr(responses, operation)

    def begun(response: Any) -> Any:
        do(json.loads(response.body))
        return original(response)

    setattr(responses, operation, begun)
    try:
        yield
    finally:
        setattr(responses, operation, original)


def _ends_of(ranges: Mapping[str, Any], end: int) -> dict[str, str]:
    """Return the first or the last value of all ranges."""
    found = {one["Name"]: one["Values"][end] for one in ranges.get("CategoricalParameterRanges", ())}
    for kind in ("ContinuousParameterRanges", "IntegerParameterRanges"):
        for one in ranges.get(kind, ()):
            found[one["Name"]] = one["MaxValue" if end else "MinValue"]
    return found


def _parts(place: str) -> tuple[str, str]:
    found = urlsplit(place)
    return found.netloc, found.path.lstrip("/")


def docker(folder: Path) -> str:
    """Make a program called docker that writes down what it is told, and return the PATH that finds it."""
    folder.mkdir()
    program = folder / "docker"
    program.write_text(f'#!/bin/sh\necho "$@" >> {folder}/said\n[ "$1" = login ] && cat > /dev/null\nexit 0\n')
    program.chmod(0o755)
    paths = [str(folder), str(Path(sys.executable).parent), os.environ["PATH"]]
    return os.pathsep.join(paths)
