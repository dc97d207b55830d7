"""The Dockerfile carried out in a plain root, and its image run: train, serve, process from wheels, no network."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import image_root
import pytest

PATIENCE = 300
OURS = ("mot", "byte", "yolox", "onnx", "fairmot", "mxnet", "ssd", "sagemaker")
WHERE = """
import importlib.metadata, importlib.util, json, os, pkgutil, sys, socket
import trackforge, trackforge_sagemaker
for name in ("boto3", "botocore", "sagemaker"):
    sys.modules[name] = None  # to import it is an error, whatever the base has
for module in pkgutil.walk_packages(trackforge_sagemaker.__path__, "trackforge_sagemaker."):
    importlib.import_module(module.name)
def reached():
    try:
        socket.create_connection(("192.0.2.1", 80), timeout=2)
    except OSError as error:
        return error.strerror
found = importlib.metadata.distributions(path=[p for p in sys.path if p.startswith("/opt")])
ours = [d for d in found if d.name.startswith("trackforge")]
print(json.dumps({
    "modules": [trackforge.__file__, trackforge_sagemaker.__file__],
    "path": sys.path,
    "files": sorted(str(p) for d in ours for p in d.files or () if ".dist-info/" not in str(p)),
    "ours": sorted(d.name for d in ours),
    "requires": sorted({r for d in ours for r in d.requires or ()}),
    "imported": sum(name.startswith("trackforge_sagemaker.") for name in sys.modules),
    "ml": os.listdir("/opt/ml"),
    "left": [p for p in ("/wheels", "/build", "/root/.cache/pip") if os.path.exists(p) and os.listdir(p)],
    "unreached": reached(),
    "first": os.getpid(),
}))
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    image_root.need()
    with image_root.built(tmp_path_factory.mktemp("root")) as made:
        yield made


@pytest.fixture
def ml(tmp_path):
    for name in ("input/config", "input/data", "model", "output/data", "checkpoints"):
        (tmp_path / "ml" / name).mkdir(parents=True)
    return tmp_path / "ml"


def run(words, timeout=PATIENCE):
    return subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=False)


def test_it_starts_as_sagemaker_wants_it(image):
    said = image.description
    assert said["entrypoint"] == ["trackforge-sagemaker"]
    assert said["command"] == ["serve"]
    assert said["ports"] == ["8080"]
    assert said["labels"]["com.amazonaws.sagemaker.capabilities.bidirectional-streaming"] == "true"
    assert said["variables"]["PYTHONUNBUFFERED"] == "1"
    for layer in said["layers"][1:]:
        found = image.within(["find", layer["folder"], "-path", "*/opt/ml*"]).stdout
        assert not found, "/opt/ml is SageMaker's own"


def test_it_holds_our_wheels_and_no_checkout(image, ml):
    ran = run(image.container(ml, python=WHERE))
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert all(path.startswith("/opt/trackforge/lib/") for path in said["modules"]), said["modules"]
    held = {name for name in said["files"] if name.startswith("trackforge") and "__pycache__" not in name}
    assert held == _sources(), "every file of our packages, and none beside: pages, styles and types as well"
    assert not any(path.startswith(str(image_root.ROOT)) for path in said["path"])
    assert set(said["ours"]) >= {f"trackforge-{name}" for name in OURS}
    needed = [text for text in said["requires"] if "extra ==" not in text]  # [client] is for who drives AWS
    assert not any(word in text for word in ("boto", "sagemaker=", "awscli") for text in needed)
    assert said["imported"] > 20, "every module, without any SDK of AWS"
    assert sorted(said["ml"]) == ["checkpoints", "input", "model", "output"]
    assert said["left"] == []
    assert said["unreached"], "a container reaches no network"
    assert said["first"] == 1


def _sources():
    folders = [image_root.ROOT / "src", *image_root.ROOT.glob("plugins/*/src")]
    files = [(path, folder) for folder in folders for path in folder.rglob("*") if path.is_file()]
    names = {path.relative_to(folder).as_posix() for path, folder in files}
    return {name for name in names if not re.search(r"__pycache__|\.egg-info/|\.pyc$", name)}


def test_what_is_no_command_is_refused(image, ml):
    ran = run(image.container(ml, "dance"))
    assert ran.returncode == 2
    assert "train, serve, process" in ran.stderr


def test_it_trains_and_serves_what_it_trained(image, ml, tmp_path):
    from sagemaker_run import TINY, squares_channel, tree
    from tiny_training import squares

    squares_channel(ml)
    tree(ml, {**TINY, "max_epoch": "1", "train__validate_start": "false"})
    ran = run(image.container(ml, "train", OMP_NUM_THREADS="1"))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (ml / "model" / "trackforge.toml").is_file()
    assert not (ml / "output" / "failure").exists()
    picture = next(squares(tmp_path / "picture", count=1).root.rglob("*.png"))
    ((_, answer),) = _served(image, ml, [picture])
    assert "detections" in answer


def test_it_serves_a_network_and_processes_films_with_it(image, ml, tmp_path):
    from bright_model import png, scene, write_film, write_model

    write_model(ml / "model")
    images = list(scene(1, 3))
    pictures = [tmp_path / f"{number}.png" for number in range(3)]
    for path, shown in zip(pictures, images, strict=True):
        path.write_bytes(png(shown))
    for status, answer in _served(image, ml, pictures):
        assert status == 200
        assert len(answer["detections"]) >= 3, answer
    write_model(ml / "processing" / "model")
    (ml / "processing" / "input").mkdir()
    write_film(ml / "processing" / "input" / "film.mp4", camera=1, frames=12)
    ran = run(image.container(ml, "process"))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    rows = (ml / "processing" / "output" / "film.txt").read_text().splitlines()
    assert {row.split(",")[0] for row in rows} == {str(number) for number in range(1, 13)}


def test_a_job_that_cannot_be_done_fails_with_a_text(image, ml):
    from sagemaker_run import TINY, tree

    tree(ml, {**TINY, "max_epoch": "many"})
    ran = run(image.container(ml, "train"))
    assert ran.returncode not in (0, 2), ran.stdout + ran.stderr
    assert (ml / "output" / "failure").read_text()


def _served(image, ml, pictures):
    """Serve in a container, ask about each picture, end it as SageMaker does; return status and answer of each."""
    errors = ml.parent / "stderr"
    with errors.open("wb") as log:
        process = subprocess.Popen(image.container(ml, "serve"), stdout=subprocess.DEVNULL, stderr=log)
    try:
        first = _first(process, errors)
        # From inside its network, which has no way out and no way in.
        ask = ["nsenter", f"--target={first}", "--net", "--", sys.executable, "-c", ASK]
        end = time.monotonic() + PATIENCE
        while run([*ask, "GET", "/ping"]).stdout != "200 ":
            assert process.poll() is None, errors.read_text()
            assert time.monotonic() < end, errors.read_text()
            time.sleep(0.2)
        said = [run([*ask, "POST", "/invocations", str(path)]).stdout.partition(" ") for path in pictures]
        os.kill(first, signal.SIGTERM)
        assert process.wait(60) == 0, errors.read_text()
        return [(int(status), json.loads(body)) for status, _, body in said]
    finally:
        process.kill()
        process.wait()


ASK = """
import sys, http.client
method, path, *file = sys.argv[1:]
connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=60)
try:
    body = open(file[0], "rb").read() if file else None
    connection.request(method, path, body, {"Content-Type": "application/x-image"} if file else {})
    answer = connection.getresponse()
    print(answer.status, answer.read().decode() if file else "", end="")
except OSError as error:
    print(error, end="")
"""


def _first(process, errors):
    """Return process 1 of a container, once it runs the entry point."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    end = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None, errors.read_text()
        assert time.monotonic() < end
        for pid in listed.read_text().split():
            if b"/opt/trackforge/bin/" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return int(pid)
        time.sleep(0.05)
