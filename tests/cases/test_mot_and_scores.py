"""MOTChallenge text and folders as they come, tables of tracks, scores that would mislead, and what is implausible."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from io_files import write_video
from labelled import write_picture

import trackforge
from trackforge import Detections, Frame, Stream, data
from trackforge.cli import main
from trackforge.errors import DataError, InvalidInputError, TrackforgeError
from trackforge.intake.limits import limited
from trackforge.io.mot import MotSink, MotSinkConfig, read_mot, write_mot
from trackforge.io.seqinfo import picture_folder, read_seqinfo, seqinfo_lines, video_beside
from trackforge.io.tables import convert_tables, read_tables, write_tables
from trackforge.metrics import average_precision, evaluate
from trackforge.table import TrackTable

VISDRONE = "1,1,16,12,32,24,1,4,0,0\n1,2,16,12,12,24,1,1,0,1\n2,1,16,12,32,24,1,4,1,0\n3,1,16,12,32,24,1,11,0,2\n"
INI = "[Sequence]\nname=S\nimDir=img1\nframeRate=30\nseqLength=3\nimWidth=64\nimHeight=48\nimExt=.jpg\n"
LABELS = "pedestrian\npeople\nbicycle\ncar\nvan\ntruck\ntricycle\nawning-tricycle\nbus\nmotor\nothers\n"
TRUTH = "1,1,16,12,32,24,1,1,1\n2,1,16,12,32,24,1,1,1\n3,1,16,12,32,24,1,1,1\n"


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def sequence(folder: Path, truth: str = TRUTH, ini: str | bytes = INI, first: int = 1, place: str = "img1") -> Path:
    write(folder / "gt/gt.txt", truth)
    if ini:
        write(folder / "seqinfo.ini", ini)
    for k in range(first, first + 3):
        write_picture(folder / place / f"{k:06d}.jpg", (64, 48), k)
    return folder


# -- the class column, and what stands behind it


def test_visdrone_has_classes_and_no_world_coordinates(tmp_path: Path) -> None:
    folder = sequence(tmp_path / "S", VISDRONE)
    table = read_mot(folder / "gt/gt.txt", kind="truth")
    assert (table.class_id.tolist(), "world" in table.extra) == ([4, 1, 4, 11], False)
    assert table.extra["after_class"].tolist() == [[0, 0], [0, 1], [1, 0], [0, 2]]
    made = data.read(folder)
    assert (len(made.boxes), made.classes) == (1, ("pedestrian",))
    assert "3 boxes of other classes are background" in made.notes[0]
    every = data.read(folder, rule="all")
    assert [every.classes[k] for k in every.boxes.class_id] == ["bicycle", "pedestrian", "bicycle", "occluder full"]
    names = [
        "pedestrian",
        "people",
        "bicycle",
        "car",
        "van",
        "truck",
        "tricycle",
        "awning-tricycle",
        "bus",
        "motor",
        "others",
    ]
    write(folder / "gt/labels.txt", "\n".join(names))
    own = data.read(folder)
    assert [own.classes[k] for k in own.boxes.class_id] == ["car", "pedestrian", "car", "others"]
    data.write(own, tmp_path / "again", "mot", images="none")
    again = data.read(tmp_path / "again")
    assert [again.classes[k] for k in again.boxes.class_id] == ["car", "pedestrian", "car", "others"]
    assert again.boxes.extra["after_class"].tolist() == own.boxes.extra["after_class"].tolist()


@pytest.mark.parametrize(
    ("rest", "classes", "world"),
    [
        ([",4,0,0", ",1,0,1"], [3, 0], False),
        ([",4,-1,-1", ",-1,-1,-1"], [3, 0], False),
        ([",1,1,0", ",1,1,0"], [0, 0], False),
        ([",-1,1,0", ",-1,1,0"], [0, 0], False),
        ([",-5.0036,11.913,0.69979", ",2.5,1,0"], [0, 0], True),
        ([",-7,11,0", ",-6,3,0"], [0, 0], True),  # world coordinates in whole numbers
        ([",-1,-1,-1", ",2.5,1,0"], [0, 0], True),
    ],
)
def test_world_coordinates_are_what_is_no_class(
    tmp_path: Path, rest: list[str], classes: list[int], world: bool
) -> None:
    file = write(tmp_path / "a.txt", "".join(f"{k + 1},7,10,20,30,40,0.5{more}\n" for k, more in enumerate(rest)))
    table = read_mot(file)
    assert (table.class_id.tolist(), "world" in table.extra) == (classes, world)
    assert "world" in read_mot(file, world=True).extra


def test_one_damaged_class_among_many_is_an_error(tmp_path: Path) -> None:
    file = write(tmp_path / "a.txt", VISDRONE.replace("1,11,0,2", "1,11.5,0,2"))
    with pytest.raises(DataError, match=r"a\.txt:4: The class \(eighth value\) must be a whole number"):
        read_mot(file, kind="truth")


def test_classes_from_zero_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = write(tmp_path / "a.txt", "1,1,0,0,5,5,1,0,-1,-1\n1,2,0,0,5,5,1,2,-1,-1\n1,3,0,0,5,5,1,-1,-1,-1\n")
    assert read_mot(file).class_id.tolist() == [0, 2, 0]
    assert "counts its classes from 0" in caplog.text
    read_mot(file)
    assert len(caplog.records) == 1


def test_labels_that_count_from_zero_and_too_few(tmp_path: Path) -> None:
    folder = sequence(tmp_path / "S", "1,1,1,1,5,5,1,0,1\n2,1,1,1,5,5,1,1,1\n")
    write(folder / "gt/labels.txt", "car\nbus\n")
    made = data.read(folder)
    assert ([made.classes[k] for k in made.boxes.class_id], "count from 0" in made.notes[0]) == (["car", "bus"], True)
    write(folder / "gt/gt.txt", "1,1,1,1,5,5,1,3,1\n")
    with pytest.raises(DataError, match=r"class must be 1\.\.2; got 3 in frame 1.*labels\.txt"):
        data.read(folder)


def test_several_classes_all_state_their_number(tmp_path: Path) -> None:
    table = TrackTable(frame=[0, 0], track_id=[1, 2], class_id=[0, 2], xyxy=[[0, 0, 1, 1], [2, 2, 4, 4]])
    for classes, column in (((), ["-1", "3"]), (("a", "b", "c"), ["1", "3"])):
        with MotSink(MotSinkConfig(path=tmp_path / "a.txt")) as sink:
            sink.open(Stream(classes=classes))
            for step in table.steps():
                sink.write(step)
        assert [line.split(",")[7] for line in (tmp_path / "a.txt").read_text().splitlines()] == column
        assert read_mot(tmp_path / "a.txt").class_id.tolist() == [0, 2]
    write_mot(tmp_path / "b.txt", table)
    assert [line.split(",")[7] for line in (tmp_path / "b.txt").read_text().splitlines()] == ["1", "3"]


@pytest.mark.parametrize("classes", [("pedestrian", "car"), ("car",), ("person", "dog")])
def test_classes_survive_mot_folders(tmp_path: Path, classes: tuple[str, ...]) -> None:
    made = data.read(sequence(tmp_path / "S"))
    made = made.replace(classes=classes, boxes=made.boxes.replace(class_id=np.arange(3) % len(classes)))
    data.write(made, tmp_path / "out", "mot", images="none")
    again = data.read(tmp_path / "out")
    assert [again.classes[k] for k in again.boxes.class_id] == [classes[k] for k in made.boxes.class_id]


def test_a_file_detector_reads_labels(tmp_path: Path) -> None:
    write(tmp_path / "labels.txt", '"car"\nbus\n')
    file = write(tmp_path / "det.txt", "1,-1,0,0,5,5,1,2,-1,-1\n")
    assert trackforge.detector("file", path=file).classes == ("car", "bus")


def test_names_of_classes_go_beside_results_and_back(tmp_path: Path) -> None:
    table = TrackTable(frame=[0, 0], track_id=[1, 2], class_id=[0, 1], xyxy=[[0, 0, 9, 9], [20, 20, 40, 40]])
    with MotSink(MotSinkConfig(path=tmp_path / "out/S.txt")) as sink:
        sink.open(Stream(classes=("car", "bus")))
        for step in table.steps():
            sink.write(step)
    assert (tmp_path / "out/S.labels.txt").read_text() == "car\nbus\n"
    detector = trackforge.detector("file", path=tmp_path / "out/S.txt")
    assert detector.classes == ("car", "bus")
    assert detector.detect([Frame(index=0)])[0].class_id.tolist() == [0, 1]
    assert list(read_tables(tmp_path / "out", "mot")) == ["S"]


def test_class_one_with_more_behind_it_is_a_pedestrian(tmp_path: Path) -> None:
    lines = [f"{k},1,16,12,32,24,1,1,1,0\n" for k in (1, 2, 3)]
    truth = write(tmp_path / "gt.txt", "".join(lines))
    results = write(tmp_path / "res.txt", "".join(f"{k},1,16,12,32,24,0.9,-1,-1,-1\n" for k in (1, 2, 3)))
    for rule in ("mot17", "none"):
        report = evaluate(truth, results, preprocessing=rule)  # type: ignore[arg-type]
        assert (report.combined["MOTA"], report.combined["HOTA"]) == (1, 1)


# -- ids and frames


def test_ids_are_kept_exactly(tmp_path: Path) -> None:
    low, high = 2**53, 2**63 - 1
    text = f"1,{low},20,12,18,24,1,-1,-1,-1\n1,{low + 1},40,12,18,24,1,-1,-1,-1\n2,{high},1,1,2,2,1,-1,-1,-1\n"
    text += "3,1e16,1,1,2,2,1,-1,-1,-1\n3,5,1,1,2,2,1,-1,-1,-1\n"
    file = write(tmp_path / "a.txt", text)
    ids = [low, low + 1, high, 10**16, 5]
    assert read_mot(file).track_id.tolist() == ids
    for name in ("b.jsonl", "c.txt", "d.jsonl"):
        convert_tables(file, tmp_path / name)
        file = tmp_path / name
    (table,) = read_tables(file, "jsonl").values()
    assert table.track_id.tolist() == ids
    assert evaluate(table, table).combined["IDF1"] == 1


@pytest.mark.parametrize("number", ["110000000000000000000", str(2**63), "1e300", "-1e25"])
def test_ids_beyond_int64_are_refused_with_the_line(tmp_path: Path, number: str) -> None:
    file = write(tmp_path / "a.txt", f"1,1,20,12,18,24,1,-1,-1,-1\n2,{number},20,12,18,24,1,-1,-1,-1\n")
    with pytest.raises(DataError, match=r"a\.txt:2: "):
        read_mot(file)


def test_duplicates_of_large_ids_and_frames() -> None:
    ids = np.array([2**62, 2**62 + 1, 2**62], np.int64)
    table = TrackTable(frame=[0, 9_999_999, 9_999_999], track_id=ids, xyxy=[[0, 0, 1, 1]] * 3)
    assert len(table.duplicates()) == 0
    with pytest.raises(InvalidInputError, match="once in a frame"):
        TrackTable(frame=[9_999_999] * 2, track_id=ids[[0, 2]], xyxy=[[0, 0, 1, 1]] * 2)


def test_boxes_without_identity_belong_to_the_truth(tmp_path: Path) -> None:
    folder = sequence(tmp_path / "S", "1,-1,16,12,32,24,1,1,1\n1,-1,2,2,12,24,1,1,1\n2,4,2,2,12,24,1,1,1\n")
    assert data.read(folder).boxes.track_id.tolist() == [-1, -1, 4]
    table = read_mot(folder / "gt/gt.txt", kind="truth")
    write_mot(tmp_path / "again.txt", table, kind="truth")
    assert (tmp_path / "again.txt").read_text() == (folder / "gt/gt.txt").read_text()
    with pytest.raises(InvalidInputError, match=r"must have an id to be evaluated.*--detections"):
        evaluate(folder / "gt/gt.txt", table)
    pytest.importorskip("faster_coco_eval", reason="AP needs faster-coco-eval")
    assert average_precision(folder / "gt/gt.txt", table).mean.ap == 1
    with pytest.raises(DataError, match=r"gt\.txt:1: The id .* or -1 for a box without identity"):
        read_mot(write(folder / "gt/gt.txt", "1,-2,16,12,32,24,1,1,1\n"), kind="truth")


def test_files_and_pictures_counted_from_zero(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    truth = "0,1,16,12,32,24,1,1,1\n1,1,16,12,32,24,1,1,1\n"
    made = data.read(sequence(tmp_path / "F", truth, ini="", first=0))
    assert made.images.path[made.boxes.image].tolist() == ["img1/000000.jpg", "img1/000001.jpg"]
    assert len(made) == 3
    said = [record.getMessage() for record in caplog.records]
    assert ["counts its frames from 0" in words for words in said].count(True) == 1
    assert "numbered from 0" in made.notes[0]
    whole = data.read(sequence(tmp_path / "G", TRUTH, first=0))  # MOT text as it should be, pictures from 0
    assert whole.images.path[whole.boxes.image].tolist() == [f"img1/00000{k}.jpg" for k in range(3)]
    assert not data.check(whole, pictures="decode").errors


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("4000000000,1,0,0,5,5,1,-1,-1,-1", "The frame must be at most 10,000,000; got 4,000,000,000"),
        ("1,1,0,0,5,5,1,2000000000,-1,-1", "The class must be at most 100,000; got 2,000,000,000"),
    ],
)
def test_one_number_takes_no_memory(tmp_path: Path, line: str, words: str) -> None:
    file = write(tmp_path / "a.txt", f"1,1,0,0,5,5,1,-1,-1,-1\n{line}\n")
    uses: list[Callable[[], Any]] = [
        lambda: read_mot(file),
        lambda: evaluate(file, file),
        lambda: convert_tables(file, tmp_path / "b.json"),
        lambda: trackforge.detector("file", path=file),
    ]
    for use in uses:
        with pytest.raises(DataError, match=rf"a\.txt:2: {words}"):
            use()
    with limited(frames=5, classes=5), pytest.raises(DataError, match="at most 5"):
        read_mot(write(file, "6,1,0,0,5,5,1,7,-1,-1\n"))


# -- sequences: seqinfo.ini and the pictures beside it


@pytest.mark.parametrize(
    "text",
    [
        INI.replace("[Sequence]", "[sequence]"),
        INI.replace("[Sequence]", "[SEQUENCE]"),
        INI.replace("[Sequence]\n", ""),
        INI.replace("[Sequence]", "; by hand\n# twice\n[Sequence]").replace("length=3", "length=3 ; frames"),
        INI.replace("=", " = ").replace("seqLength", "SEQLENGTH"),
        INI.replace("=3\n", "=3.0\n").replace("=64", "=64.0"),
        INI.replace("name=S", 'name="S"').replace(".jpg", "jpg"),
        INI.replace("\n", "\r\n"),
        "\ufeff" + INI,
        INI.replace("[Sequence]", "[Sequence]\nname=T"),
        INI.encode("utf-16"),
        INI.replace("[Sequence]", "[Sequence]\n# Zürich").encode("cp1252"),
    ],
)
def test_dialects_of_seqinfo(tmp_path: Path, text: str | bytes) -> None:
    info = read_seqinfo(write(tmp_path / "S/seqinfo.ini", text))
    assert (info.name, info.length, info.rate, info.width, info.height) == ("S", 3, 30, 64, 48)
    assert (info.image_dir, info.image_ext) == ("img1", ".jpg")


@pytest.mark.parametrize(("text", "rate"), [("30000/1001", 30000 / 1001), ("29,97", 29.97), ("25.0", 25)])
def test_rates(tmp_path: Path, text: str, rate: float) -> None:
    file = write(tmp_path / "S/seqinfo.ini", INI.replace("frameRate=30", f"frameRate={text}"))
    info = read_seqinfo(file)
    assert info.rate == rate
    write(file, "\n".join(seqinfo_lines(info)))
    assert abs(read_seqinfo(file).rate - rate) < 1e-8


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("seqLength=3", "seqLength=1000000000000"), "seqLength must be at most 10,000,000; got 1,000,000,000,000"),
        (("seqLength=3", "seqLength=3.5"), "whole numbers"),
        (("seqLength=3", "seqLength=-3"), "negative"),
        (("frameRate=30", "frameRate=30/0"), "zero"),
        (("imWidth=64", "imWidth=1e9"), "imWidth times imHeight must be at most"),
        (("name=S", "name=../../x"), "The sequence must have a name that stays in its folder"),
        (("name=S", "name=/etc/x"), "is absolute"),
    ],
)
def test_a_seqinfo_that_cannot_be(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    file = write(tmp_path / "S/seqinfo.ini", INI.replace(*change))
    with pytest.raises(DataError, match=rf"seqinfo\.ini: .*{words}"):
        read_seqinfo(file)
    with pytest.raises(DataError, match=words):
        data.read(sequence(tmp_path / "S", ini=INI.replace(*change)))


@pytest.mark.parametrize("stated", ["img", "D:\\data\\S\\img1", "/etc", "../../elsewhere", "img1/"])
@pytest.mark.parametrize("place", ["img1", "frames"])
def test_a_wrong_folder_of_pictures_is_said(
    tmp_path: Path, stated: str, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = sequence(tmp_path / "S", ini=INI.replace("imDir=img1", f"imDir={stated}"), place=place)
    made = data.read(folder)
    assert made.images.path[0] == f"{place}/000001.jpg"
    assert not data.check(made, pictures="decode").errors
    right = stated.rstrip("/") == place
    assert ("where no pictures are" in caplog.text) != right


def test_several_other_folders_are_not_guessed(tmp_path: Path) -> None:
    folder = sequence(tmp_path / "S", ini=INI.replace("imDir=img1", "imDir=img"), place="a")
    write_picture(folder / "b/000001.jpg", (64, 48))
    assert picture_folder(folder, read_seqinfo(folder)) is None
    made = data.read(folder)
    assert (made.images.path[0], "without pictures or video" in made.notes[0]) == ("", True)


def test_a_video_beside_seqinfo(tmp_path: Path) -> None:
    folder = sequence(tmp_path / "S", place="gt")  # no folder of pictures: gt/ is none
    for name in ("S.mp4", "._S.mp4"):
        write(folder / name, b"film")
    assert video_beside(folder, "S") == folder / "S.mp4"
    assert data.read(folder).images.path[2] == "S.mp4#2"
    write(folder / "masked.mp4", b"film")
    assert video_beside(folder, "S") == folder / "S.mp4"
    assert video_beside(folder, "T") is None


def test_a_source_plays_the_video_beside_seqinfo(tmp_path: Path) -> None:
    folder = write(tmp_path / "S/seqinfo.ini", INI).parent
    write_video(folder / "film.mp4", 5)
    source = trackforge.source("mot-sequence", path=folder)
    frames = list(source)
    assert [(frame.index, frame.sequence, frame.size) for frame in frames] == [(k, "S", (320, 240)) for k in range(5)]
    assert all(frame.image is not None for frame in frames)
    assert (source.stream.name, source.stream.length, len(source)) == ("S", 5, 5)
    bare = list(trackforge.source("mot-sequence", path=folder, images="none"))
    assert [frame.image for frame in bare] == [None] * 3
    source.close()


def test_a_source_finds_the_pictures_beside_a_wrong_folder(tmp_path: Path) -> None:
    folder = sequence(tmp_path / "S", ini=INI.replace("imDir=img1", "imDir=../../etc"), place="frames")
    frames = list(trackforge.source("mot-sequence", path=folder))
    assert [(frame.index, frame.file) for frame in frames] == [(k, f"frames/00000{k + 1}.jpg") for k in range(3)]


def test_far_too_few_pictures(tmp_path: Path) -> None:
    folder = sequence(tmp_path / "S", ini=INI.replace("seqLength=3", "seqLength=9000000"))
    with pytest.raises(DataError, match="it has 3 pictures for 9,000,000 frames"):
        data.read(folder)


# -- tables of tracks


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"frame": [0.0, 0.5]}, "'frame' must hold whole numbers in 64 bits; row 1 has 0.5"),
        ({"track_id": [1.0, float("nan")]}, "'track_id' must hold whole numbers"),
        ({"track_id": [1, 2**63 + 5]}, "'track_id' must hold whole numbers in 64 bits; row 1"),
        ({"track_id": [1.0, 1e19]}, "'track_id' must hold whole numbers"),
        ({"track_id": ["a", "b"]}, "'track_id' must hold whole numbers; it holds string"),
        ({"x1": ["a", "b"]}, "'x1' must hold numbers; it holds string"),
        ({"frame": [0, 4_000_000_000]}, "The frame must be at most"),
        ({"class_id": [0, 2_000_000_000]}, "The class must be at most"),
        ({"sequence": ["a", "../../x"]}, "The sequence must have a name that stays"),
        ({"frame": [0, -1]}, "frame is 0-based"),
    ],
)
def test_parquet_columns_that_cannot_be(tmp_path: Path, row: dict[str, list[Any]], words: str) -> None:
    pa = pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
    import pyarrow.parquet as parquet

    columns: dict[str, Any] = {name: [0.0, 0.0] for name in ("x1", "y1")} | {name: [5.0, 5.0] for name in ("x2", "y2")}
    columns |= {"score": [1.0, 1.0], "sequence": ["a", "a"], "frame": [0, 1], "track_id": [1, 2], "class_id": [0, 0]}
    columns |= row
    if row.get("track_id") == [1, 2**63 + 5]:
        columns["track_id"] = pa.array(row["track_id"], pa.uint64())
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=words):
        read_tables(tmp_path / "a.parquet", "parquet")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"frame": 0.5}, "frame must be a whole number; got 0.5"),
        ({"frame": 4_000_000_000}, "The frame must be at most"),
        ({"frame": 10**5000}, r"must be"),
        ({"sequence": "../../x"}, "The sequence must have a name that stays"),
        ({"sequence": "/abs"}, "is absolute"),
        ({"tracks": [{"track_id": 2**63, "xyxy": [0, 0, 1, 1]}]}, "track_id must be a whole number from -1"),
        ({"tracks": [{"track_id": 1.5, "xyxy": [0, 0, 1, 1]}]}, "track_id must be a whole number"),
        ({"tracks": [{"track_id": 1, "xyxy": [0, 0, 1, 1], "class_id": 2_000_000_000}]}, "The class must be at most"),
        ({"tracks": [{"track_id": 1, "xyxy": [0, 0, 1, "x"]}]}, "xyxy must be a number; got 'x'"),
    ],
)
def test_json_lines_that_cannot_be(tmp_path: Path, line: dict[str, Any], words: str) -> None:
    good: dict[str, Any] = {"frame": 0, "tracks": [{"track_id": 1, "xyxy": [0, 0, 1, 1]}]}
    text = json.dumps({**good, **line}) if 10**5000 not in line.values() else '{"frame": 1' + "0" * 5000 + "}"
    file = write(tmp_path / "a.jsonl", json.dumps(good) + "\n" + text)
    with pytest.raises(DataError, match=rf"a\.jsonl:2: .*{words}"):
        read_tables(file, "jsonl")


def test_names_of_sequences_stay_in_their_folder(tmp_path: Path) -> None:
    table = TrackTable(frame=[0], track_id=[1], xyxy=[[0, 0, 1, 1]])
    with pytest.raises(DataError, match="must have a name that stays in its folder"):
        write_tables(tmp_path / "out", {"../escaped": table}, "mot")
    assert not (tmp_path / "escaped.txt").exists()


def test_a_table_stays_sorted() -> None:
    table = TrackTable(frame=[0, 1, 2, 2], track_id=[1, 2, 3, 4], xyxy=[[0, 0, 1, 1]] * 4)
    assert table[[3, 0]].track_id.tolist() == [1, 4]
    assert table[[3, 2, 0]].track_id.tolist() == [1, 4, 3]  # within a frame, as they were asked for
    assert table[::-1].frame.tolist() == [0, 1, 2, 2]
    assert table[[-1, 0]].at(2).track_id.tolist() == [4]
    with pytest.raises(InvalidInputError, match="named twice"):
        table[[0, 0]]
    with pytest.raises(InvalidInputError, match="named twice"):
        table[np.array([3, -1])]


WORDS = st.sampled_from(
    ["1", "2", "0", "-1", "0.5", "1e300", "3e38", "nan", "9007199254740993", "9223372036854775808", "1_0", "x", ""]
)
LINES = st.lists(st.lists(WORDS, min_size=5, max_size=11).map(",".join), max_size=4).map("\n".join)
HEAD = st.tuples(st.integers(0, 3), st.integers(-1, 2**63)).map(lambda pair: f"{pair[0]},{pair[1]},")
BOXES = st.lists(st.tuples(HEAD, st.lists(WORDS, min_size=8, max_size=8).map(",".join)).map("".join), max_size=3)


@settings(max_examples=150)
@given(st.one_of(LINES, BOXES.map("\n".join)))
@example("1,1,-3e38,0,3e38,0,1")
@example("1,1,3e38,0,3e38,0,1")
def test_what_is_read_can_be_constructed_and_written(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = write(Path(folder) / "a.txt", text)
        for kind in ("tracks", "truth", "detections"):
            with contextlib.suppress(TrackforgeError):
                table = read_mot(file, kind=kind)  # type: ignore[arg-type]
                names = ("frame", "track_id", "xyxy", "score", "class_id", "extra", "sequence")
                again = TrackTable(**{name: getattr(table, name) for name in names})
                write_mot(Path(folder) / "b.txt", again, kind=kind)  # type: ignore[arg-type]
                back = read_mot(Path(folder) / "b.txt", kind=kind)  # type: ignore[arg-type]
                assert back.track_id.tolist() == table.track_id.tolist()
                assert back.class_id.tolist() == table.class_id.tolist() or "world" in table.extra


# -- scores that would mislead


def test_swapped_files_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    truth = write(tmp_path / "gt/S.txt", TRUTH)
    scored = write(tmp_path / "res/S.txt", "".join(f"{k},1,16,12,32,24,0.9,-1,-1,-1\n" for k in (1, 2, 3)))
    with pytest.raises(DataError, match=r"S\.txt:1: The flag .* are truth and results swapped\?"):
        evaluate(scored, truth)
    whole = write(tmp_path / "one/S.txt", scored.read_text().replace("0.9", "1"))
    evaluate(whole, truth)
    assert "look like results" in caplog.text.replace("looks", "look")
    caplog.clear()
    evaluate(truth, whole)
    assert not caplog.records


@pytest.mark.parametrize(
    ("results", "words"),
    [
        ("7,1,16,12,32,24,0.9,-1,-1,-1\n", "no frame has boxes on both sides; the truth is of frames 1 to 3"),
        ("1,1,500,500,32,24,0.9,-1,-1,-1\n", "not one box of the tracks overlaps"),
        (
            "".join(f"{k % 3 + 1},{k + 1},{16 + k},12,32,24,0.9,-1,-1,-1\n" for k in range(40)),
            "there are 40 boxes for 3",
        ),
    ],
)
def test_unrelated_files_are_said(tmp_path: Path, results: str, words: str, caplog: pytest.LogCaptureFixture) -> None:
    evaluate(write(tmp_path / "gt.txt", TRUTH), write(tmp_path / "res.txt", results))
    assert words in caplog.text
    assert len(caplog.records) == 1


def test_truth_of_which_nothing_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    truth = write(tmp_path / "gt.txt", TRUTH.replace(",1,1,1", ",0,1,1"))
    evaluate(truth, write(tmp_path / "res.txt", "1,1,16,12,32,24,0.9,-1,-1,-1\n"))
    assert "no box of the truth counts" in caplog.text
    evaluate(write(truth, ""), tmp_path / "res.txt")
    assert "the truth has no box at all" in caplog.text


def test_fractional_flags_are_refused(tmp_path: Path) -> None:
    folder = sequence(tmp_path / "S", TRUTH.replace("24,1,1,1", "24,0.98,1,1"))
    for use in (lambda: data.read(folder), lambda: evaluate(folder, folder)):
        with pytest.raises(DataError, match=r"gt\.txt:1: The flag \(seventh value\)"):
            use()


def test_companions_and_labels_are_no_sequences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("gt", "res"):
        write(tmp_path / name / "S.txt", "1,1,16,12,32,24,1,1,1\n" if name == "gt" else "1,1,16,12,32,24,1,-1,-1,-1\n")
        write(tmp_path / name / "._S.txt", b"\0\5\x16\7Mac OS X")
        write(tmp_path / name / "labels.txt", "person\n")
    assert main(["eval", str(tmp_path / "gt"), str(tmp_path / "res")]) == 0
    assert "100.00" in capsys.readouterr().out
    assert list(read_tables(tmp_path / "res", "mot")) == ["S"]


def test_the_folder_of_one_truth_bears_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = sequence(tmp_path / "S")
    results = write(tmp_path / "res/S.txt", TRUTH.replace(",1,1,1", ",1,-1,-1,-1")).parent
    monkeypatch.chdir(folder)
    for truth in ("gt", ".", folder / "gt", folder):
        assert list(evaluate(truth, results).sequences) == ["S"]
    assert list(evaluate("gt/gt.txt", results / "S.txt").sequences) == ["S"]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_tables_of_tracks_are_scored(tmp_path: Path, ending: str) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
    folder = sequence(tmp_path / "S")
    write_tables(tmp_path / f"r.{ending}", {"S": read_mot(folder / "gt/gt.txt", kind="truth")}, ending)
    assert evaluate(folder, tmp_path / f"r.{ending}").combined["HOTA"] == 1


# -- what is valid and implausible


def boxes(*rows: list[float], score: float = 0.9) -> Detections:
    return Detections(xyxy=rows, score=[score] * len(rows))


@pytest.mark.parametrize("name", ["byte", "bytetrack", "sort", "observation-centric", "ocsort"])
@pytest.mark.parametrize(
    ("detections", "words"),
    [
        (boxes([1, 1, 20, 30], score=92), "Divide percent by 100"),
        (boxes([1, 1, 20, 30], score=-1.5), "between 0 and 1"),
        (boxes([0.1, 0.2, 0.3, 0.4]), "shares of the picture"),
        (boxes([1500, 800, 1600, 900]), "1 of 1 in frame 0 lie beside its 320x240 pixels"),
        (boxes([5, 5, 5, 9], [1, 1, 20, 30]), "1 of 2 in frame 0 have none"),
    ],
)
def test_implausible_detections_are_said_once(
    name: str, detections: Detections, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = trackforge.tracker(name)
    for index in range(3):
        tracker.update(detections, Frame(index=index, size=(320, 240)))
    assert [words in record.getMessage() for record in caplog.records] == [True]


def test_plausible_detections_are_not_mentioned(caplog: pytest.LogCaptureFixture) -> None:
    tracker = trackforge.tracker("byte")
    for index in range(200):
        tracker.update(boxes([300, 200, 330, 250], [-5, 0, 5, 9]), Frame(index=index, size=(320, 240), sequence="a"))
    tracker.update(Detections.empty(), Frame(index=200, sequence="a"))
    assert not caplog.records


@pytest.mark.parametrize("name", ["byte", "bytetrack", "sort", "observation-centric", "ocsort"])
def test_a_sequence_without_reset_is_said(name: str, caplog: pytest.LogCaptureFixture) -> None:
    tracker = trackforge.tracker(name)
    for index in range(6):
        tracker.update(boxes([10, 10, 60, 90]), Frame(index=index, sequence="a" if index < 3 else "b"))
    assert ["Call reset() between sequences" in r.getMessage() for r in caplog.records] == [True]
    caplog.clear()
    tracker = trackforge.tracker(name)
    for sequence_name in "ab":
        tracker.reset()
        tracker.update(boxes([10, 10, 60, 90]), Frame(index=0, sequence=sequence_name))
    assert not caplog.records


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([f"{k},-1,15,8,10,20,0.9,-1,-1,-1" for k in range(1, 101)], "they go up to frame 100, and there are 50"),
        (
            [f"{k},-1,{3 * k},{2 * k},{3 * k + 20},{2 * k + 40},0.9,-1,-1,-1" for k in range(1, 51)],
            "are they left, top, right, bottom?",
        ),
        (
            [f"{k},-1,{(k * 37) % 140},{(k * 23) % 100},16,18,0.9,-1,-1,-1" for k in range(1, 51)],
            "were they found in a smaller one?",
        ),
        ([f"{k},-1,{(k * 37) % 300},{(k * 23) % 200},16,18,0.9,-1,-1,-1" for k in range(1, 51)], ""),
        ([f"{k},-1,15,8,10,20,0.9,-1,-1,-1" for k in range(1, 51)], ""),
    ],
)
def test_detections_of_another_video(
    tmp_path: Path, lines: list[str], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = write(tmp_path / "det.txt", "\n".join(lines))
    caplog.set_level(logging.WARNING)
    source = trackforge.source("frames", length=50, size=(320, 240))
    detector = trackforge.detector("file", path=file)
    steps = list(trackforge.track(source, detector, "byte"))
    assert len(steps) == 50
    said = [r.getMessage() for r in caplog.records if "may not fit" in r.getMessage()]
    assert [words in message for message in said] == ([True] if words else [])


def test_a_part_of_a_video_is_no_other_video(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    film = write_video(tmp_path / "film.mp4", 50)
    file = write(tmp_path / "det.txt", "\n".join(f"{k},-1,15,8,10,20,0.9,-1,-1,-1" for k in range(1, 51)))
    for part in ({"stride": 5}, {"start": 10, "stop": 20}):
        source = trackforge.source(film, **part)
        list(trackforge.track(source, trackforge.detector("file", path=file), "byte"))
    assert "may not fit" not in caplog.text


def test_a_time_as_the_index_of_a_frame_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    tracker = trackforge.tracker("byte")
    for step in range(5):
        tracker.update(boxes([10, 10, 60, 90]), Frame(index=17 * 10**17 + step * 40_000_000))
    assert ["frame.index should count frames" in r.getMessage() for r in caplog.records] == [True]
