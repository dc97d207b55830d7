"""Films and drives cut for labelling: exactly the frames, what Ground Truth wants to know, and going on."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from io_files import index_of, write_picture, write_video

from trackforge import data
from trackforge.data.clips import cut_clips
from trackforge.data.drives import cut_drive
from trackforge.data.video import VideoFrames
from trackforge.errors import ConfigError, DataError, SinkError

SIZE = (64, 48)
PREFIX = "s3://bucket/label/"


def greys(file: Path) -> np.ndarray:
    video = VideoFrames(file)
    try:
        return np.array([float(np.median(video.read(k))) for k in range(len(video))])
    finally:
        video.close()


def indices(file: Path, film: Path) -> list[int]:
    """Return which frame of the film each frame of a file is."""
    return np.abs(greys(file)[:, None] - greys(film)[None, :]).argmin(axis=1).tolist()


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("film") / "street.mp4", 47, size=SIZE, gop=10)


@pytest.mark.parametrize("frames", [19, 15])  # at key frames, and between them
def test_clips_hold_exactly_their_frames(tmp_path: Path, street: Path, frames: int) -> None:
    report = cut_clips([street], tmp_path / "out", frames=frames)
    files = sorted((tmp_path / "out/clips").iterdir())
    assert [i for file in files for i in indices(file, street)] == list(range(47))
    assert files[0].name == f"street-000001-{frames:06d}.mp4"
    assert files[-1].name.endswith("-000047.mp4")
    assert (report.clips, report.made, report.frames) == (len(files), len(files), 47)
    assert report.manifests == ()


def test_a_clip_from_key_frame_to_key_frame_loses_nothing(tmp_path: Path, street: Path) -> None:
    whole = VideoFrames(street)
    second = int(whole.key_frames[2])
    cut_clips([street], tmp_path / "out", frames=second)
    first = VideoFrames(tmp_path / f"out/clips/street-000001-{second:06d}.mp4")
    for k in range(second):
        np.testing.assert_array_equal(first.read(k), whole.read(k))
    first.close()
    whole.close()


def test_a_stride_takes_every_so_manieth_frame(tmp_path: Path, street: Path) -> None:
    cut_clips([street], tmp_path / "out", frames=10, stride=3)
    assert indices(tmp_path / "out/clips/street-000001-000028-by-3.mp4", street) == list(range(0, 28, 3))
    with av.open(str(tmp_path / "out/clips/street-000001-000028-by-3.mp4")) as opened:
        assert float(opened.streams.video[0].average_rate) == pytest.approx(25 / 3, rel=1e-3)


def test_frames_come_with_sequence_files_and_a_manifest(tmp_path: Path, street: Path) -> None:
    out = tmp_path / "out"
    report = cut_clips([street], out, frames=20, form="frames", prefix="s3://bucket/label")
    lines = [json.loads(line) for line in (out / "input.manifest").read_text().splitlines()]
    assert report.manifests == (out / "input.manifest",)
    assert len(lines) == 3
    for line in lines:
        document = json.loads((out / line["source-ref"].removeprefix(PREFIX)).read_text())
        assert document["prefix"].startswith(PREFIX)
        assert document["prefix"].endswith("/")
        assert document["number-of-frames"] == len(document["frames"])
        folder = out / document["prefix"].removeprefix(PREFIX)
        assert all((folder / one["frame"]).is_file() for one in document["frames"])
        assert [one["frame-no"] for one in document["frames"]] == list(range(1, len(document["frames"]) + 1))
    assert sorted(file.name for file in (out / "frames/street-000041-000047").iterdir())[0] == "000041.jpg"


def test_more_than_ten_sequences_are_several_jobs(tmp_path: Path, street: Path) -> None:
    report = cut_clips([street], tmp_path / "out", frames=4, form="frames", prefix=PREFIX)
    assert [file.name for file in report.manifests] == ["input-001.manifest", "input-002.manifest"]
    assert len(report.manifests[0].read_text().splitlines()) == 10
    assert any("2 manifests" in note for note in report.notes)


def test_stills_have_a_line_each(tmp_path: Path, street: Path) -> None:
    report = cut_clips([street], tmp_path / "out", form="stills", stride=10, prefix=PREFIX)
    lines = report.manifests[0].read_text().splitlines()
    assert len(lines) == 5
    assert json.loads(lines[1]) == {"source-ref": f"{PREFIX}frames/street-000001-000041-by-10/000011.jpg"}


def test_the_longest_sequence(tmp_path: Path, street: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trackforge.data.clips.MOST_FRAMES", 30)
    report = cut_clips([street], tmp_path / "out", frames=40, form="frames", prefix=PREFIX)
    assert report.clips == 2
    assert "30 frames at most" in report.notes[0]


def test_it_goes_on_where_it_was_broken_off(tmp_path: Path, street: Path) -> None:
    out = tmp_path / "out"

    class Stopped(Exception):
        pass

    def stop(clip: object) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        cut_clips([street], out, frames=20, form="frames", prefix=PREFIX, progress=stop)
    first = out / "frames/street-000001-000020/000001.jpg"
    before = first.stat().st_mtime_ns
    assert not (out / "input.manifest").exists()
    report = cut_clips([street], out, frames=20, form="frames", prefix=PREFIX)
    assert (report.clips, report.made) == (3, 2)
    assert first.stat().st_mtime_ns == before
    assert cut_clips([street], out, frames=20, form="frames", prefix=PREFIX).made == 0
    with pytest.raises(ConfigError, match="frames=20, and frames=30 is asked for"):
        cut_clips([street], out, frames=30, form="frames", prefix=PREFIX)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    with pytest.raises(SinkError, match="holds other things"):
        cut_clips([street], tmp_path / "mine")


def test_a_broken_film_keeps_the_parts_before_and_the_other_films(tmp_path: Path, street: Path) -> None:
    noisy = write_video(tmp_path / "broken.mkv", 40, size=SIZE, noise=True, gop=5)
    noisy.write_bytes(b"nothing of a film")
    report = cut_clips([noisy, street], tmp_path / "out", frames=20)
    assert list(report.failed) == ["broken"]
    assert report.clips == 3
    assert not list((tmp_path / "out").rglob("*partial*"))
    with pytest.raises(ConfigError, match="names of their own"):
        cut_clips([street, street], tmp_path / "two")


def test_a_film_that_breaks_in_the_middle(tmp_path: Path) -> None:
    film = write_video(tmp_path / "street.avi", 40, size=SIZE, noise=True, gop=5, codec="mpeg4")
    with av.open(str(film)) as opened:
        place, size = [(p.pos, p.size) for p in opened.demux(video=0) if p.size][25]
    content = bytearray(film.read_bytes())
    content[place : place + size] = bytes(size)
    film.write_bytes(content)
    report = cut_clips([film], tmp_path / "out", frames=10, form="frames", prefix=PREFIX)
    assert "Frame 25 cannot be decoded" in report.failed["street"]
    folders = [folder.name for folder in sorted((tmp_path / "out/frames").iterdir())]
    assert folders == ["street-000001-000010", "street-000011-000020"]
    assert len(report.manifests[0].read_text().splitlines()) == 2


def test_labels_of_clips_come_back_to_their_film(tmp_path: Path, street: Path) -> None:
    out = tmp_path / "out"
    cut_clips([street], out, frames=20, form="frames", prefix=PREFIX)
    one = {"height": 5, "width": 4, "top": 1, "left": 2, "class-id": "0", "object-id": "a", "object-name": "Car:1"}
    lines = []
    for k, line in enumerate((out / "input.manifest").read_text().splitlines()):
        document = json.loads(line)
        listed = json.loads((out / document["source-ref"].removeprefix(PREFIX)).read_text())["frames"]
        frames = [{"annotations": [one], "frame-no": str(j), "frame": f["frame"]} for j, f in enumerate(listed)]
        file = out / f"annotations/consolidated-annotation/output/{k}/SeqLabel.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps({"tracking-annotations": frames}))
        document["labels-ref"] = f"s3://o/j/annotations/consolidated-annotation/output/{k}/SeqLabel.json"
        document["labels-ref-metadata"] = {"class-map": {"0": "Car"}, "type": "groundtruth/video-object-tracking"}
        lines.append(json.dumps(document))
    (out / "manifests/output").mkdir(parents=True)
    (out / "manifests/output/output.manifest").write_text("\n".join(lines))
    apart = data.read(out)
    assert len(apart.sequences) == 3
    assert apart.images.frame[apart.images.sequence == "street-000021-000040"].tolist() == list(range(20))
    joined = data.read(out, join=True)
    assert joined.sequences == ("street",)
    assert joined.images.frame.tolist() == list(range(47))
    assert joined.identities()[1] == 1
    assert index_of(data.pictures.PictureReader().read(joined.image_path(33))) == 33


# ---- drives


def drive(folder: Path, *, lag: float = 0.02) -> list[Path]:
    for camera, shift in (("front", 0.0), ("rear", lag)):
        for k in range(10):
            write_picture(folder / camera / f"{1501822123.5 + k * 0.1 + shift:.6f}.png", k, SIZE)
    return [folder / "front", folder / "rear"]


def test_a_drive_is_cut_at_the_same_times_in_all_cameras(tmp_path: Path) -> None:
    report = cut_drive(drive(tmp_path / "drive"), tmp_path / "out", seconds=0.45, prefix=PREFIX)
    names = [json.loads(line)["source-ref"] for line in report.manifests[0].read_text().splitlines()]
    assert [name.rpartition("/")[2] for name in names] == [
        "front-001.json", "rear-001.json", "front-002.json", "rear-002.json", "front-003.json", "rear-003.json",
    ]  # fmt: skip
    front, rear = (json.loads((tmp_path / f"out/sequence-files/{n}-002.json").read_text()) for n in ("front", "rear"))
    for document in (front, rear):
        times = [frame["unix-timestamp"] for frame in document["frames"]]
        assert all(1501822123.95 <= time < 1501822124.40 for time in times)
        assert document["number-of-frames"] == len(times)
    assert cut_drive(drive(tmp_path / "drive"), tmp_path / "out", seconds=0.45, prefix=PREFIX).made == 0
    place = "annotations/consolidated-annotation/output/3/SeqLabel.json"
    labels = [{"annotations": [], "frame-no": str(k), "frame": f["frame"]} for k, f in enumerate(rear["frames"])]
    (tmp_path / "out" / place).parent.mkdir(parents=True)
    (tmp_path / "out" / place).write_text(json.dumps({"tracking-annotations": labels}))
    line = {"source-ref": names[3], "l-ref": f"s3://o/{place}"}
    line["l-ref-metadata"] = {"class-map": {}, "type": "groundtruth/video-object-tracking"}
    (tmp_path / "out/manifests/output").mkdir(parents=True)
    (tmp_path / "out/manifests/output/output.manifest").write_text(json.dumps(line))
    made = data.read(tmp_path / "out")
    assert made.sequences == ("rear-002",)
    assert made.images.frame.tolist() == list(range(len(rear["frames"])))
    assert made.images.extra["timestamp"].tolist() == [frame["unix-timestamp"] for frame in rear["frames"]]
    assert made.images.extra["rate"][0] == pytest.approx(10, rel=1e-3)


def test_what_is_no_drive(tmp_path: Path) -> None:
    write_picture(tmp_path / "front/000001.png")
    with pytest.raises(DataError, match="named by the time"):
        cut_drive([tmp_path / "front"], tmp_path / "out", seconds=1)
    with pytest.raises(DataError, match="must be a folder of pictures"):
        cut_drive([tmp_path / "none"], tmp_path / "out", seconds=1)
    with pytest.raises(ConfigError):
        cut_drive([tmp_path / "front"], tmp_path / "out", seconds=0)
    assert not (tmp_path / "out").exists()


def test_the_command(tmp_path: Path, street: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from trackforge.cli.app import app

    other = write_video(tmp_path / "other.mp4", 5, size=SIZE)
    words = ["data", "clip", str(street), str(other), "-o", str(tmp_path / "out"), "--as", "stills", "--json"]
    assert app(words, result_action="return_value") == 0
    assert json.loads(capsys.readouterr().out)["clips"] == 2


def test_frames_are_numbered_anew_where_asked(tmp_path: Path) -> None:
    from labelled import film

    source = film(tmp_path / "source")[[0, 2, 4]]
    data.convert(source, tmp_path / "mot", to="mot", renumber=True)
    made = data.read(tmp_path / "mot")
    assert made.images.frame.tolist() == [0, 1, 2]
    assert data.check(tmp_path / "mot").errors == 0
