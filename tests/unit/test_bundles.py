"""Files of weights that are damaged or hostile: told as WeightsError, quickly, and nothing in them is run."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import zipfile
from pathlib import Path

import pytest

import trackforge
from trackforge.errors import ConfigError, TrackforgeError, UnknownComponentError, WeightsError
from trackforge.models import ModelCard, Preprocessing
from trackforge.registry.bundles import component_of

CARD = {"format": 2, "component": {"kind": "detector", "name": "nope"}}


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("ran",)


def checkpoint(path: Path, content: bytes, method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("archive/data.pkl", content)
    return path


def card(value: object) -> bytes:
    return pickle.dumps({"trackforge": value, "model": {}})


def test_nothing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError):
        trackforge.detector(checkpoint(tmp_path / "evil.pth", card(Evil())))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "text", ["x.pth", "x" * 5000 + ".pth", "x" * 5000, "~nobody at all/x.pth", "a\0b.pth", "folder.pth"], ids=range(6)
)
def test_files_that_are_not_there(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.pth").mkdir()
    with pytest.raises((WeightsError, UnknownComponentError)):
        trackforge.detector(text)


def test_a_name_means_the_same_whatever_lies_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "motion").write_text("a file")
    assert type(trackforge.detector("motion")).__name__ == "MotionDetector"
    for meant in ("./motion", Path("motion")):
        with pytest.raises(WeightsError, match="must say which detector"):
            trackforge.detector(meant)


@pytest.mark.parametrize("value", [{}, {"format": 2}, {"format": 2, "component": {}}, {"format": 2, "component": None}])
def test_a_description_without_component_is_nobodys(value: object, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="describe itself readably"):
        component_of(checkpoint(tmp_path / "a.pth", card(json.dumps(value))))


@pytest.mark.parametrize(("place", "value"), [(8, 99), (6, 1), (4, 180)])
def test_archives_that_cannot_be_opened(place: int, value: int, tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "a.pth", card(json.dumps(CARD)))
    content = bytearray(path.read_bytes())
    content[place] = content[content.find(b"PK\1\2") + place + 2] = value
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="readable file of weights"):
        component_of(path)


def test_damaged_archives(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "a.pth", card(json.dumps(CARD)) * 9, zipfile.ZIP_DEFLATED)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with contextlib.suppress(TrackforgeError):
            component_of(path)


def test_a_model_of_nothing_is_not_walked_through(tmp_path: Path) -> None:
    for name, start in (("zeros", b""), ("fields", b"\x08\x00" * 70_000)):
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(start)
        with path.open("r+b") as file:
            file.truncate(1 << 31)
        assert component_of(path) is None


def test_a_card_of_unknown_words_is_refused() -> None:
    for wrong in ({"fit": "crop"}, {"interpolation": "lanczos"}, {"multiple": 0}):
        with pytest.raises(ConfigError):
            Preprocessing(size=(64, 64), **wrong)  # type: ignore[arg-type]
    with pytest.raises(WeightsError):
        ModelCard.from_json("[" * 100_000)
