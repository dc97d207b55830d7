"""A run that was killed or stopped, and resumed, ends with the same bits as one that was not."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from train_run import SIGNALS, train, train_apart  # noqa: E402

COURSE = {"epochs": 4, "checkpoint_steps": 2, "plain_epochs": 1}
"""10 pictures in steps of 4: 3 steps an epoch, 12 in all."""


def state(folder: Path, name: str = "last") -> dict[str, Any]:
    return torch.load(folder / f"checkpoints/{name}.ckpt", weights_only=True)


def assert_same_bits(one: Any, other: Any, where: str = "") -> None:
    assert type(one) is type(other), where
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same_bits(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), where
        for k, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_same_bits(a, b, f"{where}[{k}]")
    else:
        assert one == other, where


def assert_same_run(one: Path, other: Path) -> None:
    for name in ("last", "best"):
        mine, its = state(one, name), state(other, name)
        for part in ("state_dict", "optimizer_states", "callbacks", "global_step"):
            assert_same_bits(mine[part], its[part], part)
    bundles = [torch.load(folder / "model.pth", weights_only=True) for folder in (one, other)]
    assert_same_bits(bundles[0]["model"], bundles[1]["model"])
    assert_same_bits(bundles[0]["training"]["scores"], bundles[1]["training"]["scores"])
    for name in ("losses.csv", "epochs.csv"):
        assert (one / name).read_text() == (other / name).read_text(), name


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nobody disturbed."""
    root = tmp_path_factory.mktemp("whole")
    result = train(root / "run", data=str(root / "data"), settings=COURSE)
    assert (result.steps, result.epochs, result.stopped) == (12, 4, "")
    return root / "run"


@pytest.mark.parametrize(("kill_at", "saved", "workers"), [(7, 6, 2), (5, 4, 0)], ids=["epoch's end", "mid-epoch"])
def test_killed_and_resumed_is_bit_equal(whole: Path, tmp_path: Path, kill_at: int, saved: int, workers: int) -> None:
    """The second is killed between two checkpoints in mid-epoch; the first at once after an epoch's, with workers."""
    options = {"data": str(tmp_path / "data"), "settings": {**COURSE, "workers": workers}}
    killed = train_apart(tmp_path / "run", signal_at=kill_at, signal="KILL", **options)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert state(tmp_path / "run")["global_step"] == saved
    result = train(tmp_path / "run", resume=True, **options)
    assert (result.steps, result.stopped) == (12, "")
    assert_same_run(tmp_path / "run", whole)


@pytest.mark.parametrize(
    ("at", "name"),
    [(4, "TERM"), (5, "TERM"), (11, "TERM"), (6, "INT")],
    ids=["mid-epoch", "before validation", "before the last validation", "Ctrl-C"],
)
def test_a_signal_saves_and_stops(whole: Path, tmp_path: Path, at: int, name: str) -> None:
    before = signal.getsignal(SIGNALS[name])
    options = {"data": str(tmp_path / "data"), "settings": COURSE}
    stopped = train(tmp_path / "run", signal_at=at, signal=name, **options)
    assert (stopped.steps, stopped.stopped, stopped.signal) == (at + 1, "signal", SIGNALS[name])
    assert signal.getsignal(SIGNALS[name]) is before
    train(tmp_path / "run", resume=True, **options)
    assert_same_run(tmp_path / "run", whole)


def test_accumulated_pieces_resume_too(tmp_path: Path) -> None:
    options = {"data": str(tmp_path / "data"), "settings": {"epochs": 2, "accumulate": 2}}
    train(tmp_path / "whole", **options)
    stopped = train(tmp_path / "run", signal_at=3, signal="TERM", **options)
    assert stopped.steps == 4
    train(tmp_path / "run", resume=True, **options)
    assert_same_run(tmp_path / "run", tmp_path / "whole")


def test_resuming_a_finished_run_changes_nothing(whole: Path) -> None:
    before = {path: path.read_bytes() for path in (whole / "model.pth", whole / "losses.csv", whole / "epochs.csv")}
    result = train(whole, data=str(whole.parent / "data"), settings=COURSE, resume=True)
    assert (result.steps, result.stopped) == (12, "")
    assert {path: path.read_bytes() for path in before} == before
