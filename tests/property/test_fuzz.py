"""The short form of ``make fuzz``: a few attempts on everything, the same every time; and that it would tell."""

from __future__ import annotations

import logging
import signal
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from fuzz import worker
from fuzz.mutation import Damage
from fuzz.running import fuzz
from fuzz.targets import targets
from fuzz.worker import tried

from trackforge.errors import DataError

SLOW = ("pth", "ckpt", "onnx", "mxnet-graph")
"""They import torch; the suites of training, YOLOX and MXNet have tests of theirs."""
ATTEMPTS = 12


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, worker._too_long)
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", [name for name in targets() if name not in SLOW])
def test_a_damaged_input_gives_a_result_or_an_error_of_ours(name: str, tmp_path: Path) -> None:
    attempt = targets()[name].prepare(tmp_path)
    for number in range(ATTEMPTS):
        assert tried(attempt, Damage(f"short {name} {number}")) == {}, f"--only {name} --seed short --first {number}"


def test_it_would_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    def foreign(_: Damage) -> None:
        raise KeyError("x")

    def large(_: Damage) -> None:
        try:
            raise MemoryError
        except MemoryError as error:
            raise DataError("does not fit") from error

    def ours(_: Damage) -> None:
        raise DataError("line 1")

    damage = Damage("0")
    assert tried(foreign, damage)["error"] == "KeyError: 'x'"
    assert tried(large, damage)["kind"] == "memory"
    assert tried(ours, damage) == {}
    monkeypatch.setattr(worker, "PATIENCE", 0.05)
    assert tried(lambda _: time.sleep(300), damage)["kind"] == "hang"


def test_damage_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    for number in range(50):
        one, other = Damage(f"{number}"), Damage(f"{number}")
        good = b'{"a": [1, {"b": 2}], "c": "x"}'
        assert one.document(good) == other.document(good)
        path = one.file(tmp_path / "a", good)
        assert one.written == {path: path.read_bytes()}


def test_workers_are_watched(tmp_path: Path) -> None:
    found = fuzz(["mot-tracks"], tmp_path, count=30)
    assert found.attempts == 30
    assert found.findings == []
