"""JSON lines and Parquet sinks, and what all file sinks promise about the file under their name."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from io_files import picture

import trackforge
from trackforge import Detections, Frame, Step, Tracks, TrackState
from trackforge.errors import SinkError
from trackforge.io.atomic import PartialFile, atomic_path
from trackforge.types import Stream

ENDINGS = ["txt", "json", "jsonl", "parquet", "mp4"]


def steps(frames: int) -> Iterator[Step]:
    """Frame 1 is empty; elsewhere track 1 is there, track 2 lost and track 3 not yet confirmed."""
    for index in range(frames):
        frame = Frame(index=index, image=picture(index), timestamp=index / 10, sequence="street")
        if index == 1:
            yield Step(frame=frame, detections=Detections.empty(), tracks=Tracks.empty())
            continue
        detections = Detections(xyxy=[[1, 2, 3, 4], [10.1, 20.2, 30.3, 40.4 + index]], score=[0.5, 0.9])
        tracks = Tracks(
            track_id=[2, 1, 3],
            xyxy=[[5, 5, 9, 9], [10.7, 20, 30, 40], [1, 1, 2, 2]],
            score=[0.8, 0.9, 0.5],
            class_id=[0, 1, 0],
            state=[TrackState.LOST, TrackState.CONFIRMED, TrackState.TENTATIVE],
            age=[3, 3, 1],
            time_since_update=[1, 0, 0],
            detection=[-1, 1, 0],
        )
        yield Step(frame=frame, detections=detections, tracks=tracks)


def written(path: Path, frames: int = 3, **settings: object) -> Path:
    with trackforge.sink(path, **settings) as sink:
        for step in steps(frames):
            sink.write(step)
    return path


def test_json_lines(tmp_path: Path) -> None:
    path = written(tmp_path / "out.jsonl", classes="person,car")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [line["frame"] for line in lines] == [0, 1, 2]
    assert lines[1]["tracks"] == []
    assert lines[2] == {
        "frame": 2,
        "timestamp": 0.2,
        "sequence": "street",
        "width": 320,
        "height": 240,
        "tracks": [{"track_id": 1, "xyxy": [10.7, 20.0, 30.0, 40.0], "score": 0.9, "class_id": 1, "class": "car"}],
    }


def test_json_numbers_give_back_the_float32(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    corner = random.uniform(-1e4, 1e4, (50, 2)).astype(np.float32)
    boxes = np.concatenate((corner, corner + random.uniform(0, 500, (50, 2)).astype(np.float32)), axis=1)
    ones = np.ones(50, np.int64)
    tracks = Tracks(
        track_id=np.arange(1, 51),
        xyxy=boxes,
        score=random.uniform(0, 1, 50),
        class_id=0 * ones,
        state=2 * ones,
        age=ones,
        time_since_update=0 * ones,
        detection=np.arange(50),
    )
    with trackforge.sink("jsonl", path=tmp_path / "out.jsonl") as sink:
        sink.write(Step(frame=Frame(index=0), detections=Detections(xyxy=boxes), tracks=tracks))
    (line,) = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    np.testing.assert_array_equal(np.array([t["xyxy"] for t in line["tracks"]], np.float32), tracks.xyxy)
    np.testing.assert_array_equal(np.array([t["score"] for t in line["tracks"]], np.float32), tracks.score)
    assert line["timestamp"] is None


def test_parquet(tmp_path: Path) -> None:
    table = pq.read_table(written(tmp_path / "out.parquet", 5))
    assert table.column_names == [
        "sequence",
        "frame",
        "timestamp",
        "track_id",
        "x1",
        "y1",
        "x2",
        "y2",
        "score",
        "class_id",
    ]
    rows = table.to_pylist()
    assert [row["frame"] for row in rows] == [0, 2, 3, 4]
    assert rows[1] == {
        "sequence": "street",
        "frame": 2,
        "timestamp": 0.2,
        "track_id": 1,
        "x1": float(np.float32(10.7)),
        "y1": 20.0,
        "x2": 30.0,
        "y2": 40.0,
        "score": float(np.float32(0.9)),
        "class_id": 1,
    }


def test_parquet_groups_rows(tmp_path: Path) -> None:
    file = pq.ParquetFile(written(tmp_path / "out.parquet", 8, group=3, compression="none"))
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [3, 3, 1]
    assert file.read()["frame"].to_pylist() == [0, 2, 3, 4, 5, 6, 7]


def test_parquet_without_tracks_is_an_empty_table(tmp_path: Path) -> None:
    assert pq.read_table(written(tmp_path / "out.parquet", 0)).num_rows == 0


def test_a_missing_clock_is_null_in_parquet(tmp_path: Path) -> None:
    step = next(steps(1))
    with trackforge.sink(tmp_path / "out.parquet") as sink:
        sink.write(Step(frame=Frame(index=0), detections=step.detections, tracks=step.tracks))
    assert pq.read_table(tmp_path / "out.parquet")["timestamp"].to_pylist() == [None]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_the_detected_box(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path / f"out.{ending}", box="detected")
    if ending == "jsonl":
        box = json.loads(path.read_text().splitlines()[2])["tracks"][0]["xyxy"]
    else:
        box = [pq.read_table(path)[name].to_pylist()[1] for name in ("x1", "y1", "x2", "y2")]
    np.testing.assert_array_equal(np.array(box, np.float32), np.array([10.1, 20.2, 30.3, 42.4], np.float32))


# What every file sink promises.


def write(path: Path, then: BaseException | type[BaseException] | None) -> None:
    with trackforge.sink(path) as sink:
        for step in steps(3):
            sink.write(step)
        assert not path.exists() or path.read_text() == "an earlier result"
        if then is not None:
            raise then


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("stop", [None, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_result_is_final_at_the_end_and_at_a_stop(
    tmp_path: Path, ending: str, stop: type[BaseException] | None
) -> None:
    path = tmp_path / "deep" / f"out.{ending}"
    with pytest.raises(stop) if stop else contextlib.nullcontext():
        write(path, then=stop)
    assert path.stat().st_size > 0
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_error_leaves_the_part_but_no_result(tmp_path: Path, ending: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / f"out.{ending}"
    path.write_text("an earlier result")
    with pytest.raises(ZeroDivisionError):
        write(path, then=ZeroDivisionError)
    assert path.read_text() == "an earlier result"
    (partial,) = tmp_path.glob(f"out.partial-*.{ending}")
    assert partial.stat().st_size > 0
    assert str(partial) in caplog.text


@pytest.mark.parametrize("ending", ENDINGS)
def test_places_that_cannot_be_written(tmp_path: Path, ending: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / f"folder.{ending}").mkdir()
    with pytest.raises(SinkError, match=r"file/out.* cannot be written: .*file is no folder\. Choose another place"):
        trackforge.sink(tmp_path / "file" / f"out.{ending}").__enter__()
    with pytest.raises(SinkError, match="is a folder"):
        trackforge.sink(tmp_path / f"folder.{ending}").__enter__()


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_failure_of_another_output_keeps_the_part(tmp_path: Path, ending: str) -> None:
    other = SinkError("another output cannot be written")
    other.path = tmp_path / "other.txt"
    with pytest.raises(SinkError, match="another output"):
        write(tmp_path / f"out.{ending}", then=other)
    (left,) = tmp_path.iterdir()
    assert left.match(f"out.partial-*.{ending}")


@pytest.mark.parametrize("ending", ENDINGS)
def test_writing_before_the_block_is_refused(tmp_path: Path, ending: str) -> None:
    with pytest.raises(SinkError, match="inside 'with sink:'"):
        trackforge.sink(tmp_path / f"out.{ending}").write(next(steps(1)))


def test_a_partial_file_that_failed_is_removed(tmp_path: Path) -> None:
    partial = PartialFile(tmp_path / "out.txt")
    partial.path.write_text("half")
    error = partial.failure(OSError(28, "No space left on device"))
    assert str(error).startswith(f"{tmp_path / 'out.txt'} cannot be written: No space left on device. ")
    partial.settle(SinkError, error)
    assert list(tmp_path.iterdir()) == []


def test_a_commit_that_fails_leaves_nothing(tmp_path: Path) -> None:
    partial = PartialFile(tmp_path / "out.txt")
    partial.path.write_text("whole")
    (tmp_path / "out.txt").mkdir()  # somebody was faster
    with pytest.raises(SinkError, match="cannot be written"):
        partial.commit()
    assert [file.name for file in tmp_path.iterdir()] == ["out.txt"]


def test_atomic_path(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), atomic_path(tmp_path / "a.txt") as place:
        place.write_text("new")
        assert not (tmp_path / "a.txt").exists()
    assert (tmp_path / "a.txt").read_text() == "new"
    with pytest.raises(ValueError, match="no number"), atomic_path(tmp_path / "a.txt"):
        raise ValueError("no number")
    with (
        pytest.raises(SinkError, match=r"a\.txt cannot be written: Input/output error"),
        atomic_path(tmp_path / "a.txt"),
    ):
        raise OSError(5, "Input/output error")
    assert (tmp_path / "a.txt").read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_parquet_holds_what_is_known_about_the_stream(tmp_path: Path) -> None:
    step = next(steps(1))
    with trackforge.sink(tmp_path / "out.parquet") as sink:
        sink.open(Stream(name="yard", rate=5.0, size=(64, 48), classes=("person",)))
        sink.write(Step(frame=Frame(index=0), detections=step.detections, tracks=step.tracks))
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["sequence"].to_pylist() == ["yard"]
    assert json.loads(table.schema.metadata[b"trackforge.stream"])["classes"] == ["person"]
