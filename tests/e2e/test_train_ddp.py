"""Two processes train as one does with the same global batch."""

from __future__ import annotations

import csv
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from train_run import train, train_apart  # noqa: E402

EXACT = {"dropout": 0.0}
"""Dropout would differ: each process has its own random numbers."""


def table(path: Path) -> dict[str, np.ndarray]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in rows[0]}


def assert_same_course(one: Path, other: Path, *, rtol: float = 2e-4) -> None:
    for name in ("losses.csv", "epochs.csv"):
        mine, its = table(one / name), table(other / name)
        assert mine.keys() == its.keys()
        for column in mine:
            np.testing.assert_allclose(mine[column], its[column], rtol=rtol, atol=1e-6, err_msg=f"{name}: {column}")


def test_two_processes_give_the_loss_curve_of_one(tmp_path: Path) -> None:
    """Batch norm included, whose statistics are then of both processes; 3 epochs of 3 steps."""
    options = {"data": str(tmp_path / "data"), "config": EXACT}
    train(tmp_path / "one", **options)
    done = train_apart(tmp_path / "two", **options, settings={"devices": 2, "accelerator": "cpu"})
    assert done.returncode == 0, done.stderr
    assert_same_course(tmp_path / "two", tmp_path / "one")
    mine, its = (torch.load(tmp_path / name / "model.pth", weights_only=True)["model"] for name in ("two", "one"))
    for name, value in its.items():
        torch.testing.assert_close(mine[name], value, rtol=1e-3, atol=1e-4, msg=name)


def test_two_machines_that_share_the_folder_give_the_loss_curve_of_one(tmp_path: Path) -> None:
    """Two processes that are told to be machines: only the first of all holds the folder and writes."""
    options = {"data": str(tmp_path / "data"), "config": EXACT}
    train(tmp_path / "one", **options)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"nodes": 2, "devices": 1, "accelerator": "cpu"}

    def machine(rank: int) -> str:
        told = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "NODE_RANK": str(rank)}
        done = train_apart(tmp_path / "two", timeout=120, environment=told, **options, settings=settings)
        return done.stderr if done.returncode else ""

    with ThreadPoolExecutor() as pool:
        assert list(pool.map(machine, (0, 1))) == ["", ""]
    assert_same_course(tmp_path / "two", tmp_path / "one")


def test_a_signal_to_one_process_stops_both_and_one_goes_on_alone(tmp_path: Path) -> None:
    options = {"data": str(tmp_path / "data"), "config": EXACT}
    train(tmp_path / "one", **options)
    settings = {"devices": 2, "accelerator": "cpu"}
    stopped = train_apart(tmp_path / "two", **options, settings=settings, signal_at=4, signal="TERM", signal_rank=1)
    assert stopped.returncode == 0, stopped.stderr
    assert torch.load(tmp_path / "two/checkpoints/last.ckpt", weights_only=True)["global_step"] == 5
    result = train(tmp_path / "two", **options, resume=True)
    assert (result.steps, result.stopped) == (9, "")
    assert_same_course(tmp_path / "two", tmp_path / "one")


def test_accumulated_pieces_give_the_loss_curve_of_one(tmp_path: Path) -> None:
    """Without batch norm, which sees one piece at a time."""
    options = {"data": str(tmp_path / "data"), "config": {**EXACT, "norm": False}}
    train(tmp_path / "one", **options)
    train(tmp_path / "pieces", **options, settings={"accumulate": 4})
    assert_same_course(tmp_path / "pieces", tmp_path / "one")


@pytest.mark.parametrize(("before", "after"), [(1, 4), (4, 2)])
def test_a_run_stopped_within_an_epoch_goes_on_in_other_pieces(tmp_path: Path, before: int, after: int) -> None:
    options = {"data": str(tmp_path / "data"), "config": {**EXACT, "norm": False}}
    train(tmp_path / "one", **options)
    assert train(tmp_path / "other", **options, settings={"accumulate": before, "max_steps": 4}).steps == 4
    assert train(tmp_path / "other", **options, settings={"accumulate": after}, resume=True).steps == 9
    mine, its = (torch.load(tmp_path / name / "model.pth", weights_only=True)["model"] for name in ("other", "one"))
    for name, value in its.items():
        torch.testing.assert_close(mine[name], value, rtol=1e-3, atol=1e-4, msg=name)
    assert table(tmp_path / "other/losses.csv")["step"].tolist() == list(range(1, 10))


def test_every_scorer_gives_in_two_processes_what_it_gives_in_one(tmp_path: Path) -> None:
    """Boxes by both rules, appearance, losses and a score of the family's own; nothing is learned."""
    options = {"data": str(tmp_path / "data"), "toy": True, "config": {"rate": 0.0}}
    train(tmp_path / "one", **options, settings={"epochs": 1, "validate_batch": 5})
    settings = {"epochs": 1, "validate_batch": 5, "devices": 2, "accelerator": "cpu"}
    done = train_apart(tmp_path / "two", **options, settings=settings)
    assert done.returncode == 0, done.stderr
    mine, its = (table(tmp_path / name / "epochs.csv") for name in ("two", "one"))
    scores = {"ap", "ap50", "voc_ap", "voc_ap11", "reid_map", "rank1", "tpr", "count_error"}
    assert scores | {"val_loss", "val_where", "val_who"} <= its.keys()
    for name in [name for name in its if name in scores or name.startswith("val_")]:
        np.testing.assert_allclose(mine[name], its[name], rtol=1e-5, atol=1e-7, err_msg=name)
