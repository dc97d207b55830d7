"""AWS's own tools, started for tests: moto's server, the training toolkit, MMS and TorchServe, the SDK's drivers.

They live in an environment of their own (``make test-sagemaker``); everything here is a process of it.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PATIENCE = 180
"""Seconds that a server of Java's may take to answer on a busy machine."""
AWS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""What boto3 must find to sign a request; nobody checks it."""
JOB = {
    "TRAINING_JOB_NAME": "trackforge-tests",
    "TRAINING_JOB_ARN": "arn:aws:sagemaker:us-east-1:123456789012:training-job/trackforge-tests",
    "AWS_REGION": "us-east-1",
}
"""What SageMaker itself puts into the environment of a training container."""


def need(*modules: str, java: bool = False, namespaces: bool = False) -> None:
    """Skip the test, or fail it under TRACKFORGE_SAGEMAKER=required, where a tool is absent.

    Args:
        modules: Names that must be importable, such as ``moto`` or ``sagemaker_training``.
        java: Whether Java is needed as well.
        namespaces: Whether mount and process namespaces are, which only root may make.
    """
    missing = [name for name in modules if importlib.util.find_spec(name.partition(".")[0]) is None]
    missing += ["java (apt-get install openjdk-17-jre-headless)"] if java and not shutil.which("java") else []
    if missing:
        message = f"needs {', '.join(missing)}: make test-sagemaker has it"
        if os.environ.get("TRACKFORGE_SAGEMAKER") == "required":
            pytest.fail(message)
        pytest.skip(message)
    if namespaces and not can_unshare():
        pytest.skip("needs namespaces of its own (unshare --mount --pid), which this user or machine does not grant")


def can_unshare() -> bool:
    """Return whether this user may make mount and process namespaces."""
    words = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "true"]
    return shutil.which("unshare") is not None and subprocess.run(words, capture_output=True).returncode == 0


def environment(**more: str) -> dict[str, str]:
    """Return this process's environment with the programs of this environment first on the path, and ``more``.

    Those of the environment beneath (torchrun, trackforge) come second.
    """
    torch = importlib.util.find_spec("torch")
    beneath = [str(Path(torch.origin).parents[4] / "bin")] if torch and torch.origin else []
    path = os.pathsep.join([str(Path(sys.executable).parent), *beneath, os.environ["PATH"]])
    return {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", **more}


def free_port() -> int:
    """Return a port that was free a moment ago, for servers that cannot be asked to choose one.

    Below those that the system hands out itself, which MMS refuses anyway.
    """
    while True:
        with socket.socket() as listener, contextlib.suppress(OSError):
            port = random.randrange(20000, 32000)
            listener.bind(("127.0.0.1", port))
            return port


def as_opt_ml(tree: Path, words: Sequence[str], *, first: bool = False) -> list[str]:
    """Return the command that runs ``words`` with ``tree`` as its ``/opt/ml``, in a mount namespace of its own.

    Args:
        tree: What the command finds at ``/opt/ml``.
        words: The command.
        first: Whether it is process 1 of a process namespace, as in a container.
    """
    namespaces = ["--mount", *(["--pid", "--fork", "--mount-proc", "--kill-child"] if first else [])]
    script = 'mkdir -p /opt/ml && mount --bind "$0" /opt/ml && exec "$@"'
    return ["unshare", *namespaces, "sh", "-c", script, str(tree), *words]


@contextlib.contextmanager
def moto_server() -> Iterator[str]:
    """Run moto's server as a process; give its address, for ``boto3.client(..., endpoint_url=)``."""
    need("moto", "boto3")
    port = free_port()
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _running(words, environment(**AWS), HERE, None) as process:
        _until_answered(f"http://127.0.0.1:{port}/moto-api/", process)
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def mms(base: Path, log: Path, **more: str) -> Iterator[str]:
    """Serve ``base/model`` (with ``code/inference.py``) by sagemaker-inference and multi-model-server.

    Args:
        base: What the toolkit takes for ``/opt/ml``.
        log: Where its output goes.
        more: Environment variables such as ``SAGEMAKER_MAX_PAYLOAD_IN_MB``.

    Yields:
        The server's address, once ``/ping`` answers 200.
    """
    need("sagemaker_inference", "mms", java=True, namespaces=True)
    with _model_server("mms", base, log, more) as address:
        yield address


@contextlib.contextmanager
def torchserve(base: Path, log: Path, **more: str) -> Iterator[str]:
    """Serve ``base/model`` by sagemaker-pytorch-inference and TorchServe; see `mms`."""
    need("sagemaker_pytorch_serving_container", "ts", "torch", java=True, namespaces=True)
    with _model_server("torchserve", base, log, more) as address:
        yield address


@contextlib.contextmanager
def _model_server(kind: str, base: Path, log: Path, more: Mapping[str, str]) -> Iterator[str]:
    # Both toolkits look for *the* server among all processes, write below /etc, and use fixed sockets in the temporary
    # folder: each gets processes, settings and a temporary folder of its own.
    port, work = free_port(), log.parent / f"{log.stem}-{kind}"
    (work / "tmp").mkdir(parents=True)
    settings = {"SAGEMAKER_BASE_DIR": str(base), "SAGEMAKER_BIND_TO_PORT": str(port), "TMPDIR": str(work / "tmp")}
    # The base python, whose startup the workers share, must not be told to buffer what it says.
    settings |= {"SAGEMAKER_MODEL_SERVER_WORKERS": "1", "PYTHONUNBUFFERED": "1", **AWS, **more}
    launcher = [sys.executable, str(HERE / "model_servers.py"), kind, str(work)]
    words = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", *launcher]
    with _running(words, environment(**settings), work, log) as process:
        _until_answered(f"http://127.0.0.1:{port}/ping", process, log)
        yield f"http://127.0.0.1:{port}"


def toolkit_train(base: Path, timeout: float = 600, **more: str) -> subprocess.CompletedProcess[str]:
    """Run sagemaker-training's own ``train`` over ``base`` (its ``/opt/ml``) and return how it ended.

    Args:
        base: Tree with ``input/config/*.json``, ``model`` and ``output`` (without the last it ends with 0 after a
            crash); ``sagemaker_program`` and ``sagemaker_submit_directory`` among the hyperparameters name the script.
        timeout: Seconds it may take.
        more: Environment variables.
    """
    need("sagemaker_training")
    # Without the second it waits a quarter of an hour for the name algo-1 to be known.
    settings = {"SAGEMAKER_BASE_DIR": str(base), "SM_STUDIO_LOCAL_MODE": "true", **more}
    words = [sys.executable, str(Path(sys.executable).parent / "train")]
    return subprocess.run(
        words, env=environment(**settings), cwd=base, capture_output=True, text=True, timeout=timeout, check=False
    )


def model_trainer(base: Path, source: Path, script: str, *, processes: int = 0, **inputs: object) -> list[str]:
    """Let SDK v3's ``ModelTrainer`` make a training job, and lay its containers' inputs below ``base``.

    The job goes to moto; what ModelTrainer uploaded (channels ``code`` and ``sm_drivers``) is laid under
    ``input/data``, its request becomes ``input/config/*.json``, as SageMaker does.

    Args:
        base: Tree to be mounted at ``/opt/ml``.
        source: Folder of the script.
        script: The script's name in it.
        processes: torchrun's processes a host; 0 is ModelTrainer without ``Torchrun``.
        inputs: ``hyperparameters`` (a dict), ``channels`` (name -> folder, copied).

    Returns:
        The command that SageMaker would run in the container (entry point and arguments); it wants `JOB` in its
        environment.
    """
    need("sagemaker.train", "moto")
    request = {"base": str(base), "source": str(source), "script": script, "processes": processes, **inputs}
    with moto_server() as address:
        ran = subprocess.run(
            [sys.executable, str(HERE / "model_trainer.py"), json.dumps(request, default=str)],
            env=environment(AWS_ENDPOINT_URL=address, SAGEMAKER_VALIDATE_ROLE="false", **AWS),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return list(json.loads(ran.stdout.splitlines()[-1]))


@contextlib.contextmanager
def _running(
    words: Sequence[str], variables: Mapping[str, str], folder: Path, log: Path | None
) -> Iterator[subprocess.Popen[bytes]]:
    with (log or Path(os.devnull)).open("wb") as told:
        process = subprocess.Popen(words, env=dict(variables), cwd=folder, stdout=told, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        # unshare keeps signals to itself: the process that it forked is told.
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for pid in map(int, children if words[0] == "unshare" else [str(process.pid)]):
            os.kill(pid, signal.SIGTERM)
        try:
            process.wait(8)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until_answered(address: str, process: subprocess.Popen[bytes], log: Path | None = None) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        told = log.read_text(errors="replace")[-4000:] if log else ""
        assert process.poll() is None, f"it ended with {process.returncode}\n{told}"
        refused = contextlib.suppress(urllib.error.URLError, http.client.HTTPException, OSError)
        with refused, urllib.request.urlopen(address, timeout=5) as answer:
            if answer.status == 200:
                return
        assert time.monotonic() < end, f"{address} did not answer within {PATIENCE} s\n{told}"
        time.sleep(0.2)
