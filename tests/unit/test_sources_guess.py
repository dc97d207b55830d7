from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from io_files import write_picture, write_video

import trackforge
from trackforge.errors import ConfigError, DuplicateComponentError, SourceError
from trackforge.io.images import ImageSource, MotSequenceSource
from trackforge.io.video import VideoSource
from trackforge.registry import ComponentSpec, hookimpl, registry
from trackforge.registry.guess import source_for


class _Plugin:
    """A plugin with a source for an ending and an address of its own, and one that rivals core's."""

    @hookimpl
    def trackforge_components(self) -> Iterator[ComponentSpec]:
        for name, suffixes in (("bag", (".bag", "bag://")), ("rival", (".avi",)), ("longer", (".ir.mkv",))):
            yield ComponentSpec(
                kind="source",
                name=name,
                target="trackforge.io.video:VideoSource",
                config="trackforge.io.video:VideoSourceConfig",
                suffixes=suffixes,
            )


@pytest.fixture
def plugin() -> Iterator[None]:
    registry().register(_Plugin(), "guessing")
    yield
    registry().unregister("guessing")


def sequence(folder: Path, pictures: int = 0) -> Path:
    folder.mkdir()
    (folder / "seqinfo.ini").write_text(
        "[Sequence]\nname=Street\nimDir=img1\nframeRate=5\nseqLength=4\nimWidth=64\nimHeight=48\nimExt=.jpg\n"
    )
    for number in range(1, pictures + 1):
        write_picture(folder / "img1" / f"{number:06d}.jpg", number)
    return folder


def test_paths_become_the_source_that_reads_them(tmp_path: Path) -> None:
    video = write_video(tmp_path / "street.MP4", 3)
    write_picture(tmp_path / "shots" / "1.png")
    assert isinstance(trackforge.source(str(video)), VideoSource)
    assert isinstance(trackforge.source(video), VideoSource)
    assert isinstance(trackforge.source(tmp_path / "shots"), ImageSource)
    assert isinstance(trackforge.source(tmp_path / "shots" / "1.png"), ImageSource)
    assert isinstance(trackforge.source(str(tmp_path / "sh?ts" / "*.png")), ImageSource)
    folder = sequence(tmp_path / "seq")
    assert isinstance(trackforge.source(folder), MotSequenceSource)
    assert isinstance(trackforge.source(folder / "seqinfo.ini"), MotSequenceSource)


def test_settings_go_along(tmp_path: Path) -> None:
    video = trackforge.source(write_video(tmp_path / "v.mp4", 5), start=2)
    assert [frame.index for frame in video] == [2, 3, 4]
    with pytest.raises(ConfigError, match=r"no setting 'strat'\. Did you mean 'start'"):
        trackforge.source(tmp_path / "v.mp4", strat=2)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("0", "camera"),
        ("/dev/video2", "camera"),
        ("video=USB Camera", "camera"),
        ("rtsp://user:secret@host/1", "camera"),
        ("http://host/stream", "camera"),
        ("https://host/clip.mp4?token=1", "camera"),  # which finds out from the stream whether it ends
        ("https://host/snapshot.jpg", "camera"),
        ("bag://host/1", "bag"),
    ],
)
def test_addresses(text: str, name: str, plugin: None) -> None:
    assert source_for(text).name == name


def test_plugins_take_part(tmp_path: Path, plugin: None) -> None:
    for name in ("a.bag", "a.avi", "a.ir.mkv"):
        (tmp_path / name).write_bytes(b"\0")
    assert source_for(str(tmp_path / "a.bag")).name == "bag"
    assert source_for(str(tmp_path / "a.ir.mkv")).name == "longer"
    with pytest.raises(DuplicateComponentError, match=r"several sources: 'rival', 'video'\. Name one"):
        source_for(str(tmp_path / "a.avi"))


def test_a_video_without_an_ending_is_known_by_its_content(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", 3).rename(tmp_path / "clip")
    assert len(list(trackforge.source(path))) == 3


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("street.mp5", r"street\.mp5 does not exist\. Did you mean 'street\.mp4'\?"),
        ("s3://bucket/clip.mp4", r"No source reads s3:// addresses.*Download the file first"),
        ("notes.xyz", r"is none by its ending and content.*the detector 'file'"),
        ("many", r"holds 2\. Name one, e\.g\. .*seq1"),
        ("text", r"must hold pictures or a seqinfo\.ini; .* holds a\.txt\."),
        ("empty", r"holds nothing"),
        ("no*.mp4", r"a glob that matches some; no\*\.mp4 gives none"),
    ],
)
def test_what_stands_for_nothing_is_explained(
    tmp_path: Path, name: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "street.mp4", 1)
    (tmp_path / "notes.xyz").write_text("1,2,3\n")
    (tmp_path / "many").mkdir()
    sequence(tmp_path / "many" / "seq1")
    sequence(tmp_path / "many" / "seq2")
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=words):
        trackforge.source(name)


def test_a_misspelt_source_name_is_recognised() -> None:
    with pytest.raises(SourceError, match=r"Did you mean 'synthetic'\?.*Sources by name: .*video"):
        trackforge.source("synthetik")


# The folders themselves, since their files are at hand here.


def test_pictures_come_in_natural_order_with_their_own_sizes(tmp_path: Path) -> None:
    for index, size in ((2, (64, 48)), (10, (32, 16)), (1, (64, 48))):
        write_picture(tmp_path / "shots" / f"shot{index}.png", index, size)
    (tmp_path / "shots" / "notes.txt").write_text("no picture")
    source = trackforge.source(tmp_path / "shots", rate=2.0)
    frames = list(source)
    assert [f.image[-1, -1, 0] for f in frames] == [24, 28, 60]
    assert [(f.index, f.timestamp, f.sequence) for f in frames] == [(0, 0, "shots"), (1, 0.5, "shots"), (2, 1, "shots")]
    assert [f.size for f in frames] == [(64, 48), (64, 48), (32, 16)]
    assert tuple(frames[0].image[0, 0]) == (220, 30, 30)  # RGB
    assert len(source) == 3


def test_damaged_pictures_leave_a_gap_or_stop(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for index in range(4):
        write_picture(tmp_path / f"{index}.png", index)
    (tmp_path / "1.png").write_bytes(b"no picture")
    (tmp_path / "2.png").write_bytes(b"")
    source = trackforge.source(tmp_path)
    assert [f.index for f in source] == [0, 3]
    assert source.skipped == 2
    assert caplog.text.count("is skipped") == 1
    with pytest.raises(SourceError, match=r"1\.png cannot be decoded"):
        list(trackforge.source(tmp_path, on_corrupt="stop"))
    for index in (0, 3):
        (tmp_path / f"{index}.png").write_bytes(b"x")
    with pytest.raises(SourceError, match="none of 4 files can be decoded"):
        list(trackforge.source(tmp_path))


def test_a_mot_sequence_gives_its_numbers(tmp_path: Path) -> None:
    folder = sequence(tmp_path / "seq", pictures=4)
    (folder / "img1" / "000002.jpg").unlink()
    source = trackforge.source(folder)
    assert [(f.index, f.timestamp) for f in source] == [(0, 0.0), (2, 0.4), (3, 0.6)]
    assert all(f.image is not None and f.sequence == "Street" for f in source)
    assert (len(source), source.rate, source.name) == (3, 5, "Street")


def test_damaged_pictures_of_a_mot_sequence(tmp_path: Path) -> None:
    folder = sequence(tmp_path / "seq", pictures=4)
    (folder / "img1" / "000002.jpg").write_bytes(b"damaged")
    source = trackforge.source(folder)
    assert [frame.index for frame in source] == [0, 2, 3]
    assert source.skipped == 1
    with pytest.raises(SourceError, match=r"000002\.jpg cannot be decoded\. Repair or remove it"):
        list(trackforge.source(folder, on_corrupt="stop"))
    for number in (1, 3, 4):
        (folder / "img1" / f"{number:06d}.jpg").write_bytes(b"damaged")
    with pytest.raises(SourceError, match="none of 4 files can be decoded"):
        list(source)


def test_a_mot_sequence_without_pictures_still_counts(tmp_path: Path) -> None:
    folder = sequence(tmp_path / "seq")
    frames = list(trackforge.source(folder))
    assert [(f.index, f.size, f.image) for f in frames] == [(i, (64, 48), None) for i in range(4)]
    with pytest.raises(SourceError, match=r"numbered \.jpg pictures in img1/; there are none"):
        trackforge.source(folder, images="require")
    sequence(tmp_path / "other", pictures=4)
    assert all(f.image is None for f in trackforge.source(tmp_path / "other", images="none"))


def test_blank_frames() -> None:
    source = trackforge.source("frames", length=3, size="64x48", rate=4)
    assert [(f.index, f.size, f.timestamp) for f in source] == [(i, (64, 48), i / 4) for i in range(3)]
    assert len(source) == 3


def test_closing_ends_an_iteration(tmp_path: Path) -> None:
    for index in range(4):
        write_picture(tmp_path / "shots" / f"{index}.png")
    for source in (
        trackforge.source("frames", length=4),
        trackforge.source(tmp_path / "shots"),
        trackforge.source(sequence(tmp_path / "seq")),
    ):
        seen = 0
        for _ in source:
            seen += 1
            source.close()
        assert seen == 1
        assert len(list(source)) == 4
