"""Zip archives of data sets: read where they lie, and no way out of the folder, nor into all of the memory."""

from __future__ import annotations

import contextlib
import io
import shutil
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from io_files import write_picture

from trackforge import data
from trackforge.data.archives import unpacked
from trackforge.errors import DataError, TrackforgeError
from trackforge.intake.limits import limited


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRACKFORGE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def packed(path: Path, **files: bytes | str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def yolo(folder: Path) -> Path:
    for k in range(2):
        write_picture(folder / f"images/train/{k}.png")
        (folder / "labels/train").mkdir(parents=True, exist_ok=True)
        (folder / f"labels/train/{k}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (folder / "data.yaml").write_text("train: images/train\nnames: [person]\n")
    return folder


@pytest.mark.parametrize("within", ["", "set", "deep/er"])
def test_a_set_is_read_where_it_lies(tmp_path: Path, within: str) -> None:
    yolo(tmp_path / "top" / within)
    write_picture(tmp_path / "top/__MACOSX/._0.png")
    archive = Path(shutil.make_archive(str(tmp_path / "people"), "zip", tmp_path / "top"))
    before = sorted(tmp_path.iterdir())
    made = data.read(archive)
    assert data.sniff(archive).name == "yolo"
    assert (len(made), len(made.boxes), made.splits) == (2, 2, ("train",))
    assert data.Samples(made)[0].image.shape == (48, 64, 3)
    assert sorted(p for p in tmp_path.iterdir() if p.name != "cache") == before
    assert data.read(archive).root == made.root


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil", "a/../../evil", "..\\evil", "C:/evil", "x" * 300])
def test_no_member_leaves_the_folder(tmp_path: Path, cache: Path, name: str) -> None:
    archive = packed(tmp_path / "a.zip", **{"good.txt": "", name: "evil"})
    with pytest.raises(DataError, match=r"a\.zip: A file in an archive must have a name that stays in its folder"):
        data.read(archive)
    assert not list(tmp_path.rglob("good.txt"))
    assert not list(tmp_path.rglob("evil*"))
    assert not (cache / "archives").exists() or not list((cache / "archives").iterdir())


def test_links_bombs_twins_and_crowds_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match="must hold no links"):
        unpacked(tmp_path / "link.zip")
    bomb = packed(tmp_path / "bomb.zip", zeros=bytes(200 * 2**20))
    with pytest.raises(DataError, match="must unpack to at most"):
        unpacked(bomb)
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a", "1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a", "2")
    with pytest.raises(DataError, match="stands twice"):
        unpacked(tmp_path / "two.zip")
    with limited(members=1), pytest.raises(DataError, match="must be at most 1; got 2"):
        unpacked(packed(tmp_path / "many.zip", a="", b=""))


def test_an_interrupted_unpacking_leaves_nothing(tmp_path: Path, cache: Path) -> None:
    archive = packed(tmp_path / "a.zip", a="x" * 5000, b="y" * 5000)
    torn = bytearray(archive.read_bytes())
    torn[torn.index(b"b") + 5] ^= 0xFF  # content of the second member
    archive.write_bytes(torn)
    with pytest.raises(DataError, match=r"a\.zip: "):
        unpacked(archive)
    assert list((cache / "archives").iterdir()) == []


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_the_bytes_the_error_is_ours(tmp_path: Path, draw: st.DataObject) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.yaml", "names: [a]")
        archive.writestr("labels/a.txt", "0 .5 .5 .1 .1")
    content = bytearray(buffer.getvalue())
    for at in draw.draw(st.lists(st.integers(0, len(content) - 1), max_size=6)):
        content[at] = draw.draw(st.integers(0, 255))
    archive_path = tmp_path / "fuzz.zip"
    archive_path.write_bytes(bytes(content[: draw.draw(st.integers(0, len(content)))]))
    with contextlib.suppress(TrackforgeError):
        unpacked(archive_path)


def test_an_archive_whose_name_leads_out_is_kept_in_its_folder(tmp_path: Path, cache: Path) -> None:
    yolo(tmp_path / "top")
    archive = Path(shutil.make_archive(str(tmp_path / "people"), "zip", tmp_path / "top")).rename(tmp_path / "...zip")
    made = data.read(archive)
    assert len(made) == 2
    (only,) = (cache / "archives").iterdir()
    assert made.root.is_relative_to(only)
