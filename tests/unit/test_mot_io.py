"""MOTChallenge files: what is read, what is refused and where, what is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trackforge
from trackforge.errors import DataError, InvalidInputError, SinkError
from trackforge.io.mot import MotSink, MotSinkConfig, read_mot, read_seqinfo, write_mot
from trackforge.io.mot_text import class_column
from trackforge.table import TrackTable


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "MOT17-02.txt"


def test_nine_columns_of_truth(file: Path) -> None:
    file.write_text("1,7,10.5,20,30,40,1,1,0.25\n3,7,11,20,30,40,0,8,1\n")
    table = read_mot(file, kind="truth")
    assert table.sequence == "MOT17-02"
    assert table.frame.tolist() == [0, 2]
    assert table.xyxy[0].tolist() == [10.5, 20, 40.5, 60]
    assert table.class_id.tolist() == [1, 8]
    assert table.extra["flag"].tolist() == [1, 0]
    assert table.extra["visibility"].tolist() == [0.25, 1]


def test_ten_columns_of_results(file: Path) -> None:
    file.write_text("1,7,10,20,30,40,0.9,-1,-1,-1\n")
    table = read_mot(file)
    assert (table.score.tolist(), table.class_id.tolist(), dict(table.extra)) == ([0.9], [0], {})


def test_a_class_number_in_results_counts_from_one(file: Path) -> None:
    file.write_text("1,7,10,20,30,40,0.9,3,-1,-1\n1,8,10,20,30,40,0.9,1,-1,-1\n")
    assert read_mot(file).class_id.tolist() == [2, 0]


def test_world_coordinates_are_kept(file: Path) -> None:
    text = "1,1,50,191,61,141,1,-5.0036,11.913,0.69979\n"
    file.write_text(text)
    table = read_mot(file, kind="truth")
    assert table.extra["world"].tolist() == [[-5.0036, 11.913, 0.69979]]
    assert table.class_id.tolist() == [-1]
    write_mot(file, table, kind="truth")
    assert file.read_text() == text


@pytest.mark.parametrize(
    "text",
    [
        "1 7 10 20 30 40 1\n2 7 10 20 30 40 1\n",
        "1\t7\t10\t20\t30\t40\t1\n2\t7\t10\t20\t30\t40\t1\n",
        "1, 7, 10, 20, 30, 40, 1\n2, 7, 10, 20, 30, 40, 1\n",
        "1;7;10;20;30;40;1\n2;7;10;20;30;40;1\n",
        "1,7,10,20,30,40,1,\n2,7,10,20,30,40,1,\n",
        "\ufeff1,7,10,20,30,40,1\r\n\r\n2,7,10,20,30,40,1\r\n",
        "2,7,10,20,30,40,1\n1,7,10,20,30,40,1\n",
        "1.0,7.0,10,20,3e1,40,1\n2,7,10,20,30,40,1",
    ],
    ids=["spaces", "tabs", "comma and space", "semicolon", "comma at the end", "BOM and CRLF", "unsorted", "floats"],
)
def test_dialects(file: Path, text: str) -> None:
    file.write_bytes(text.encode())
    table = read_mot(file)
    assert table.frame.tolist() == [0, 1]
    assert table.track_id.tolist() == [7, 7]
    assert table.xyxy.tolist() == [[10, 20, 40, 60]] * 2


@pytest.mark.parametrize("text", ["", "\n\n", "  \n"])
def test_an_empty_file_is_an_empty_table(file: Path, text: str) -> None:
    file.write_text(text)
    assert len(read_mot(file)) == 0
    assert read_mot(file, sequence="x").sequence == "x"


GOOD = "1,7,10,20,30,40,1,-1,-1,-1\n"


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("2,7,10,20,30", "as many values as the first, 10; got 5. Was the file cut off?"),
        ("2,7,10,twenty,30,40,1,-1,-1,-1", "must be a number; got 'twenty'"),
        ("2,7,10,,30,40,1,-1,-1,-1", "must be a number; got ''"),
        ("2,7,10,nan,30,40,1,-1,-1,-1", "finite number; got 2,7,10,nan"),
        ("2,7,10,inf,30,40,1,-1,-1,-1", "finite number"),
        ("-1,7,10,20,30,40,1,-1,-1,-1", "whole number >= 1"),
        ("2.5,7,10,20,30,40,1,-1,-1,-1", "whole number >= 1"),
        ("2,7,10,20,-30,40,1,-1,-1,-1", "Width and height"),
        ("2,-1,10,20,30,40,1,-1,-1,-1", "holds only boxes that have an id"),
        ("2,7.5,10,20,30,40,1,-1,-1,-1", "The id .* whole number"),
        ("1,7,90,20,30,40,1,-1,-1,-1", "id 7 stands twice in frame 1"),
        ("2,7,10,20,30,40,1,1.5,-1,-1", "The class .* whole number"),
        ("1e300,7,10,20,30,40,1,-1,-1,-1", "at most 3e38"),
        ("# comment", "must be a number; got '#'"),
    ],
)
def test_a_bad_line_is_refused_with_its_number(file: Path, bad: str, message: str) -> None:
    file.write_text(f"{GOOD}\n3,8,10,20,30,40,1,-1,-1,-1\n{bad}\n9,9,10,20,30,40,1,-1,-1,-1\n")
    with pytest.raises(DataError, match=message) as caught:
        read_mot(file)
    assert str(caught.value).startswith(f"{file}:4: ")
    assert (caught.value.path, caught.value.line) == (file, 4)


def test_too_few_columns_and_binary_files(file: Path) -> None:
    file.write_text("1,7,10,20,30,40\n")
    assert read_mot(file, kind="detections").score.tolist() == [1]
    with pytest.raises(DataError, match="must have 7 values or more"):
        read_mot(file)
    file.write_bytes(b"\xff\xfe\x00\x01" * 50)
    with pytest.raises(DataError, match="is text; this one is not"):
        read_mot(file)
    with pytest.raises(FileNotFoundError):
        read_mot(file.with_name("absent.txt"))


def test_detections_have_no_ids_and_may_repeat(tmp_path: Path) -> None:
    path = tmp_path / "Venice-2" / "det" / "det.txt"
    path.parent.mkdir(parents=True)
    path.write_text("1,-1,10,20,30,40,0.9,-1,-1,-1\n1,-1,10,20,30,40,0.9,-1,-1,-1\n")
    table = read_mot(path, kind="detections")
    assert table.track_id.tolist() == [-1, -1]
    assert table.sequence == "Venice-2"


def test_ids_from_zero_are_read_as_other_tools_write_them(file: Path) -> None:
    file.write_text("1,0,10,20,30,40,1,-1,-1,-1\n")
    assert read_mot(file).track_id.tolist() == [0]


def test_writing_and_reading_loses_nothing(file: Path) -> None:
    random = np.random.default_rng(0)
    corner = random.uniform(-50, 1900, (500, 2)).round(2)
    table = TrackTable(
        frame=np.arange(500) // 7,
        track_id=np.arange(500) % 7,
        class_id=np.arange(500) % 3,
        score=random.random(500).round(6),
        xyxy=np.concatenate((corner, corner + random.uniform(0, 300, (500, 2)).round(3)), axis=1),
    )
    write_mot(file, table)
    again = read_mot(file)
    assert np.allclose(again.xyxy, table.xyxy, rtol=0, atol=1e-9)
    assert np.array_equal(again.score, table.score)
    assert np.array_equal(again.class_id, table.class_id)
    write_mot(file.with_name("second.txt"), again)
    assert file.with_name("second.txt").read_bytes() == file.read_bytes()


def test_writing_refuses_rows_without_id(file: Path) -> None:
    table = TrackTable(frame=[0], xyxy=[[0, 0, 1, 1]])  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="has none"):
        write_mot(file, table)
    assert not file.exists()
    write_mot(file, table, kind="detections")
    assert file.read_text() == "1,-1,0,0,1,1,1,-1,-1,-1\n"


def test_real_truth_survives_a_round_trip(data_dir: Path, file: Path) -> None:
    for path in [*data_dir.glob("mot15-sort/*/gt/gt.txt"), *data_dir.glob("mot17-half-val/gt/*/gt/gt.txt")]:
        table = read_mot(path, kind="truth")
        assert table.sequence == path.parent.parent.name
        write_mot(file, table, kind="truth")
        again = read_mot(file, kind="truth")
        assert np.array_equal(again.xyxy, table.xyxy)
        for name, column in table.extra.items():
            assert np.array_equal(again.extra[name], column)


@pytest.mark.parametrize(
    ("rest", "kind", "class_id"),
    [
        ("", "tracks", 0),
        (",1", "tracks", 0),
        (",4", "tracks", 3),
        (",4,-1,-1", "tracks", 3),
        (",4,-1,-1", "detections", 3),
        (",-1,-1,-1", "tracks", 0),
        (",4.5,2,-1", "tracks", 0),  # world coordinates
        ("", "truth", -1),
        (",4", "truth", 4),
        (",7,0.25", "truth", 7),
        (",7,-1,-1", "truth", 7),
    ],
)
def test_the_class_is_where_the_grammar_says(file: Path, rest: str, kind: Any, class_id: int) -> None:
    file.write_text(f"1,7,10,20,30,40,1{rest}\n")
    table = read_mot(file, kind=kind)
    assert table.class_id.tolist() == [class_id]
    assert ("world" in table.extra) == (".5" in rest)
    if kind == "truth":
        assert table.extra["visibility"].tolist() == [0.25 if "0.25" in rest else 1]
    else:
        assert class_column(table.class_id).tolist() == [class_id + 1 if class_id else -1]


def replay(table: TrackTable, sink: MotSink) -> None:
    with sink:
        for step in table.steps():
            sink.write(step)


def test_sink_writes_visible_tracks(file: Path) -> None:
    table = TrackTable(
        frame=[0, 0, 1],
        track_id=[2, 1, 2],
        score=[0.5, 0.25, 1],
        class_id=[0, 3, 0],
        xyxy=[[1, 2, 4, 8], [0, 0, 30, 10], [0, 0, 1, 1]],
    )  # type: ignore[arg-type]
    replay(table, MotSink(MotSinkConfig(path=file, decimals=1)))
    assert file.read_text() == (
        "1,2,1.0,2.0,3.0,6.0,0.5000,-1,-1,-1\n1,1,0.0,0.0,30.0,10.0,0.2500,4,-1,-1\n2,2,0.0,0.0,1.0,1.0,1.0000,-1,-1,-1\n"
    )
    replay(table, MotSink(MotSinkConfig(path=file, min_area=10, max_aspect_ratio=1.6)))
    assert read_mot(file).track_id.tolist() == [2]


def test_sink_is_a_component() -> None:
    sink = trackforge.sink("mot", path="x.txt", decimals="3")
    assert isinstance(sink, MotSink)
    assert sink.config.decimals == 3


def test_sink_leaves_nothing_half_written(file: Path) -> None:
    step = next(TrackTable(frame=[0], track_id=[1], xyxy=[[0, 0, 1, 1]]).steps())  # type: ignore[arg-type]
    sink = MotSink(MotSinkConfig(path=file))
    with pytest.raises(SinkError, match="not open"):
        sink.write(step)

    def write_and_raise(error: type[BaseException]) -> None:
        with sink:
            sink.write(step)
            raise error

    with pytest.raises(RuntimeError):
        write_and_raise(RuntimeError)
    assert not file.exists()
    with pytest.raises(KeyboardInterrupt):
        write_and_raise(KeyboardInterrupt)
    assert file.read_text().startswith("1,1,")
    with pytest.raises(SinkError, match="cannot be written"), MotSink(MotSinkConfig(path=file / "below.txt")):
        pass


def test_seqinfo(tmp_path: Path) -> None:
    path = tmp_path / "seqinfo.ini"
    path.write_text(
        "[Sequence]\nname=S\nimDir=img\nframeRate=14.5\nseqLength=99\nimWidth=640\nimHeight=480\nimExt=.png\n"
    )
    info = read_seqinfo(tmp_path)
    assert (info.name, info.length, info.rate, info.width, info.height) == ("S", 99, 14.5, 640, 480)
    assert (info.image_dir, info.image_ext) == ("img", ".png")
    for text in ("", "[Sequence]\nname=S\n", "[Sequence]\nseqLength=many\n", "no ini"):
        path.write_text(text)
        with pytest.raises(DataError, match=r"seqinfo\.ini must have a section"):
            read_seqinfo(path)
