"""A disk that fills up while a checkpoint is saved, in a real process with a real limit on the size of files."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from train_run import train, train_apart  # noqa: E402


def test_a_full_disk_is_an_error_and_the_last_checkpoint_stays(tmp_path: Path) -> None:
    options = {"data": str(tmp_path / "data"), "settings": {"checkpoint_steps": 1}, "validate": False}
    failed = train_apart(tmp_path / "run", full_at=4, room=2000, **options)
    assert failed.returncode == 1
    assert failed.stderr.startswith("SinkError: ")
    assert "last.ckpt cannot be written: File too large. Choose another place, or make room there." in failed.stderr
    assert "Traceback" not in failed.stderr
    folder = tmp_path / "run/checkpoints"
    assert [path.name for path in folder.iterdir()] == ["last.ckpt"]
    assert torch.load(folder / "last.ckpt", weights_only=True)["global_step"] == 4
    train(tmp_path / "whole", **options)
    train(tmp_path / "run", resume=True, **options)
    ends = [torch.load(tmp_path / name / "model.pth", weights_only=True)["model"] for name in ("run", "whole")]
    assert all(torch.equal(ends[0][name], value) for name, value in ends[1].items())
