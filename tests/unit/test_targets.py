"""Places that cannot be written to, and placeholders that nothing fills in, are refused without making anything."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from lesser_user import as_lesser_user, folder_of_lesser_user

from trackforge.errors import ConfigError, SinkError
from trackforge.io.targets import check_writable


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "{odd}").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        ("file/below.txt", "file", r"below\.txt cannot be written: .*file is no folder\. Choose another place"),
        ("file/far/below", "folder", "file is no folder"),
        ("file/far/below", "either", "file is no folder"),
        ("file", "folder", "it must be a folder, and a file of this name is there"),
        ("folder", "file", "it must be a file, and a folder of this name is there. Name a file in it"),
        ("a" * 300, "file", "File name too long"),
        ("a\0b", "file", "no file can have that name|no folder"),
    ],
)
def test_places_are_refused(place: Path, path: str, kind: Any, message: str) -> None:
    before = sorted(place.rglob("*"))
    with pytest.raises(SinkError, match=message):
        check_writable([place / path], kind=kind)
    assert sorted(place.rglob("*")) == before


@pytest.mark.skipif(os.name != "posix", reason="rights of files")
def test_a_folder_that_must_not_be_written_to_is_refused() -> None:
    def refused() -> None:
        for path, kind in (("folder", "folder"), ("folder/new/a.txt", "file"), ("folder/a", "either")):
            with pytest.raises(SinkError, match="nothing can be made in"):
                check_writable([place / path], kind=kind)  # type: ignore[arg-type]

    with folder_of_lesser_user() as place:
        (place / "folder").mkdir()
        (place / "folder").chmod(0o555)
        as_lesser_user(refused)


def test_what_can_be_written_passes_and_nothing_is_made(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    before = sorted(place.rglob("*"))
    check_writable(["file", "new/far/a.txt", place / "b.txt", "-", os.devnull, "{odd}/a.txt"])
    check_writable(["folder", "new", "new/far", ".", "{odd}"], kind="folder")
    check_writable(["file", "folder", "new"], kind="either")
    check_writable(["new/{name}/{name}.txt"], placeholders=["name"])
    check_writable(["new/{names}.txt"], placeholders=None)
    assert sorted(place.rglob("*")) == before


def test_placeholders_that_nothing_fills_in_are_refused(place: Path) -> None:
    with pytest.raises(ConfigError, match=r"no placeholder \{names\} in .* Did you mean 'name'\? It takes: \{name\}\."):
        check_writable([place / "{names}.txt"], placeholders=["name"])
    with pytest.raises(ConfigError, match=r"no placeholder \{name\} in .* Here a name has none\."):
        check_writable([place / "runs/{name}"], kind="folder")
