"""``train`` as a container runs it: tuned, stopped, killed, crashed and spread out, with real processes."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("trackforge_yolox")

from sagemaker_run import TINY, TRAIN, children, environment, metrics, squares_channel, train, tree  # noqa: E402

import trackforge  # noqa: E402
from trackforge_sagemaker import model_dir  # noqa: E402
from trackforge_sagemaker.metrics import definitions  # noqa: E402

RATES = ("0.0001", "0.01", "2.0E-6")
"""As a tuner writes numbers."""
COURSE = {
    **TINY, "basic_lr_per_img": RATES[0], "batch_size": "2", "max_epoch": "8", "eval_interval": "8",
    "print_interval": "1", "train__checkpoint_steps": "1", "train__validate_start": "false",
    "_tuning_objective_metric": "total_loss",
}  # fmt: skip
"""24 steps, a checkpoint after each."""
STEPS = 24


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return squares_channel(tmp_path_factory.mktemp("data"))


def job(root: Path, channel: Path, **more: str) -> Path:
    shutil.copytree(channel, root / "input/data/train")
    return tree(root, {**COURSE, **more})


@pytest.fixture(scope="module")
def tuned(channel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str]]:
    """Three jobs that a tuner starts, by their rate: the tree, and what was said."""
    roots = {rate: job(tmp_path_factory.mktemp("job"), channel, basic_lr_per_img=rate) for rate in RATES}
    with ThreadPoolExecutor(2) as pool:
        logs = list(pool.map(lambda root: train(root).stdout, roots.values()))
    return {rate: (root, log) for (rate, root), log in zip(roots.items(), logs, strict=True)}


def weights(root: Path) -> dict[str, torch.Tensor]:
    return torch.load(root / "model/model.pth", weights_only=True)["model"]


def losses(root: Path, name: str = "loss") -> list[float]:
    with (root / "output/data/losses.csv").open(newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file)]


def assert_same_bits(one: Path, other: Path) -> None:
    mine, its = weights(one), weights(other)
    assert mine.keys() == its.keys()
    for name, value in mine.items():
        assert torch.equal(value, its[name]), name
    assert (one / "output/data/epochs.csv").read_text() == (other / "output/data/epochs.csv").read_text()


def step_of(root: Path) -> int:
    return torch.load(root / "checkpoints/checkpoints/last.ckpt", weights_only=True)["global_step"]


def test_a_tuner_reads_the_metrics_and_finds_the_best(tuned: dict[str, tuple[Path, str]]) -> None:
    found = {rate: metrics(log, definitions("yolox")) for rate, (_, log) in tuned.items()}
    assert {len(one["total_loss"]) for one in found.values()} == {STEPS}
    truth = {}
    for rate, (root, _) in tuned.items():
        assert found[rate]["total_loss"] == pytest.approx(losses(root), rel=1e-4)
        assert found[rate]["iou_loss"] == pytest.approx(losses(root, "box"), rel=1e-4)
        assert len(found[rate]["lr"]) == STEPS
        truth[rate] = json.loads((root / "output/data/summary.json").read_text())
        assert found[rate]["ap"][-1] == pytest.approx(truth[rate]["last"]["ap"], abs=1e-5)
        assert found[rate]["AP"][-1] == pytest.approx(truth[rate]["last"]["ap"], abs=1e-3)
    objective = {rate: one["total_loss"][-1] for rate, one in found.items()}
    assert len(set(objective.values())) == len(RATES)
    best = min(objective, key=objective.__getitem__)
    assert best == min(truth, key=lambda rate: found[rate]["loss"][-1])


def test_the_model_folder_opens_as_a_detector(tuned: dict[str, tuple[Path, str]]) -> None:
    root = tuned[RATES[0]][0]
    found = model_dir.find(root / "model")
    assert found["tracker"] == {"name": "byte"}
    assert trackforge.detector(found["detector"]["name"]).classes == ("square",)
    assert "trackforge train --config run.toml" in (root / "output/data/run.toml").read_text()
    assert {"training.png", "predictions.jpg", "summary.json"} <= {p.name for p in (root / "output/data").iterdir()}
    assert not (root / "output/failure").exists()
    assert not list(root.glob(".trackforge-*"))


def workers(launcher: int) -> list[int]:
    """Return the processes that train, of all that a launcher has started."""
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children(launcher)}
    return [pid for pid, words in commands.items() if b"training.worker" in words]


# ---- a spot instance


def _namespace() -> list[str]:
    """Return what makes a command process 1, as it is in a container; skip where nobody may."""
    for words in (
        ["unshare", "--pid", "--fork", "--kill-child"],
        ["unshare", "-Ur", "--pid", "--fork", "--kill-child"],
    ):
        if (
            shutil.which("unshare")
            and subprocess.run([*words, "true"], check=False, capture_output=True).returncode == 0
        ):
            return words
    pytest.skip("needs a process namespace of its own: unshare --pid, as root or with user namespaces")


class Container:
    """A job whose launcher is process 1."""

    def __init__(self, root: Path) -> None:
        self.process = subprocess.Popen(
            [*_namespace(), *TRAIN], env=environment(root), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.said: list[str] = []

    def wait_for(self, words: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if words in line:
                return
        pytest.fail("".join(self.said))

    @property
    def first(self) -> int:
        return children(self.process.pid)[0]

    def end(self) -> int:
        rest, _ = self.process.communicate(timeout=120)
        self.said.append(rest)
        return self.process.returncode

    @property
    def log(self) -> str:
        return "".join(self.said)


@pytest.mark.slow
def test_taken_away_killed_and_gone_on_is_the_same_model(
    tuned: dict[str, tuple[Path, str]], channel: Path, tmp_path: Path
) -> None:
    """SIGTERM within an epoch, then SIGKILL while a checkpoint is being written, then to the end."""
    root = job(tmp_path / "ml", channel)
    stopped = Container(root)
    stopped.wait_for("epoch: 2/8, iter: 1/3")
    began = time.monotonic()
    os.kill(stopped.first, signal.SIGTERM)
    assert stopped.end() == 128 + signal.SIGTERM, stopped.log
    assert time.monotonic() - began < 60  # 30 where nobody else works
    assert "the checkpoint is saved" in stopped.log
    first = step_of(root)
    assert 4 <= first < STEPS
    assert not (root / "output/failure").exists()

    killed = Container(root)
    killed.wait_for("total_loss")
    folder = root / "checkpoints/checkpoints"
    (worker,) = workers(killed.first)
    until = time.monotonic() + 60
    while True:  # stop it in the middle of writing, see that it is, and then let go of it for good
        assert killed.process.poll() is None, killed.log
        assert time.monotonic() < until
        if not list(folder.glob("last.partial-*")):
            continue
        os.kill(worker, signal.SIGSTOP)
        time.sleep(0.01)
        if list(folder.glob("last.partial-*")):
            break
        os.kill(worker, signal.SIGCONT)
    os.kill(killed.first, signal.SIGKILL)
    assert killed.end() != 0
    assert list(folder.glob("last.partial-*"))
    second = step_of(root)
    assert first <= second < STEPS

    done = train(root)
    assert "which a killed run was writing" in done.stdout
    assert not list(root.rglob("*.partial-*"))
    assert_same_bits(root, tuned[RATES[0]][0])
    assert f"iter: {second % 3 + 1}/3" in done.stdout


# ---- several processes


@pytest.mark.slow
def test_a_crashed_process_fails_the_job(channel: Path, tmp_path: Path) -> None:
    root = job(tmp_path / "ml", channel, processes="2")
    with subprocess.Popen(TRAIN, env=environment(root), stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if "total_loss" in line:
                break
        workers = [
            pid for pid in children(running.pid) if b"training.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        assert len(workers) == 2
        os.kill(workers[1], signal.SIGKILL)
        said = running.stdout.read()
    assert running.returncode == 1, said
    why = (root / "output/failure").read_text()
    assert "SIGKILL" in why
    assert "memory" in why
    assert not list((root / "model").glob("*"))


@pytest.mark.slow
def test_two_machines_train_one_model(tuned: dict[str, tuple[Path, str]], channel: Path, tmp_path: Path) -> None:
    """Each with a tree of its own; the first of ``hosts`` leads, and the second writes nothing."""
    hosts = ("127.0.0.1", "127.0.0.2")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    roots = [job(tmp_path / host, channel) for host in hosts]
    for root, host in zip(roots, hosts, strict=True):
        tree(root, {**COURSE, "train__max_steps": "3"}, hosts=hosts[::-1], host=host)
    with ThreadPoolExecutor(2) as pool:
        logs = list(pool.map(lambda root: train(root, MASTER_PORT=str(port)).stdout, roots))
    assert "total_loss" in logs[0]
    assert "total_loss" not in logs[1]
    alone, together = (losses(root) for root in (tuned[RATES[0]][0], roots[0]))
    assert len(together) == 3
    assert together[:2] == pytest.approx(alone[:2], rel=5e-3)  # which cells learn what is decided by last bits later
    left = [path for folder in ("model", "checkpoints", "output") for path in (roots[1] / folder).rglob("*")]
    assert not [path for path in left if path.is_file()]


# ---- what goes wrong


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"epocs": "3"}, "ConfigError: Every hyperparameter must be one that training yolox knows"),
        ({"train__batch_size": "3", "train__accumulate": "2"}, "ConfigError: train.batch_size must be a multiple"),
        ({"data": "train/gone.json"}, "MissingFileError: The data 'train/gone.json' must be in a channel"),
    ],
)
def test_a_failure_says_why_and_is_no_success(channel: Path, tmp_path: Path, more: dict[str, str], words: str) -> None:
    """The first is seen before a process is started, the second by a process."""
    root = job(tmp_path / "ml", channel, **more)
    done = train(root, code=1)
    assert (root / "output/failure").read_text().startswith(words)
    assert words.partition(": ")[2] in done.stdout
    assert not list((root / "model").glob("*"))
