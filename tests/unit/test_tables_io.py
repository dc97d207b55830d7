"""Files of tracks in JSON lines and Parquet: what is refused, and where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

import trackforge
from trackforge.errors import DataError, MissingFileError
from trackforge.io.tables import read_tables, write_tables
from trackforge.table import TrackTable

GOOD = '{"frame": 0, "tracks": [{"track_id": 1, "xyxy": [1, 2, 3, 4]}]}\n'


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (
            '{"frame": 1, "tracks": [{"track_id": -2, "xyxy": [1, 2, 3, 4]}]}',
            "track_id must be .* from -1 to .*got -2",
        ),
        ('{"frame": 1, "tracks": [{"track_id": 1, "xyxy": [1, 2, 3]}]}', "xyxy must have four numbers, not 3"),
        ('{"frame": 1, "tracks": [{"xyxy": [1, 2, 3, 4]}]}', "'track_id' is missing"),
        ('{"frame": "x", "tracks": []}', "frame must be a whole number; got 'x'"),
        (
            '{"frame": 1, "tracks": [{"track_id": 1, "xyxy": [1, 2, 3, 4], "mask": {"size": [1]}}]}',
            "'counts' is missing",
        ),
        ("[]", "has no attribute"),
        ('{"frame": 1, ', "Expecting"),
    ],
)
def test_a_bad_line_is_refused_with_its_number(tmp_path: Path, line: str, what: str) -> None:
    (tmp_path / "a.jsonl").write_text(GOOD + line + "\n")
    with pytest.raises(DataError, match=rf"a\.jsonl:2: A line must be an object with frame and tracks.*{what}"):
        read_tables(tmp_path / "a.jsonl", "jsonl")


def test_an_id_stands_once_in_a_frame(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(GOOD + GOOD)
    with pytest.raises(DataError, match=r"a\.jsonl: An id may stand once in a frame; row 1 of 'a' \(frame 0, id 1,"):
        read_tables(tmp_path / "a.jsonl", "jsonl")


@pytest.mark.parametrize(("box", "what"), [(9.0, "x1 <= x2"), (float("nan"), "must be a finite number")])
def test_impossible_boxes(tmp_path: Path, box: float, what: str) -> None:
    (tmp_path / "a.jsonl").write_text(GOOD.replace("[1,", f"[{'NaN' if box != box else box},"))
    with pytest.raises(DataError, match=what):
        read_tables(tmp_path / "a.jsonl", "jsonl")


def test_parquet_rows_without_id(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
    import pyarrow.parquet as parquet

    columns = {name: [1.0, 1.0] for name in ("x1", "y1", "x2", "y2", "score")}
    columns |= {"sequence": ["a", "a"], "frame": [0, 1], "track_id": [1, -2], "class_id": [0, 0]}
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="must be >= 0, or -1 for a box without one; row 1 has -2"):
        read_tables(tmp_path / "a.parquet", "parquet")


def test_boxes_without_identity_come_back(tmp_path: Path) -> None:
    """As `trackforge.detect` writes them."""

    class Two:
        classes, embedding_dim = ("person",), None

        def detect(self, frames: list[trackforge.Frame], /) -> list[trackforge.Detections]:
            boxes = [[0, 0, 4, 4], [1, 1, 5, 5]]
            return [trackforge.Detections(xyxy=boxes, score=[0.9, 0.8]) for _ in frames]  # type: ignore[arg-type]

    pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
    frames = [trackforge.Frame(index=0, size=(9, 9)), trackforge.Frame(index=1, size=(9, 9))]
    for _ in trackforge.detect(frames, Two(), sinks=[tmp_path / "a.jsonl", tmp_path / "a.parquet"]):
        pass
    for name in ("jsonl", "parquet"):
        (back,) = read_tables(tmp_path / f"a.{name}", name).values()
        assert back.track_id.tolist() == [-1] * 4
        assert back.xyxy[:2].tolist() == [[0, 0, 4, 4], [1, 1, 5, 5]]


def test_a_column_is_missing(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
    import pyarrow.parquet as parquet

    parquet.write_table(pa.table({"frame": [0], "sequence": ["a"]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="must have the column 'track_id'; it does not"):
        read_tables(tmp_path / "a.parquet", "parquet")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="there is none"):
        read_tables(tmp_path / "a.jsonl", "jsonl")


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_time_and_masks_go_to_a_file_and_back(tmp_path: Path, form: str) -> None:
    masks = [{"size": [2, 2], "counts": counts} for counts in ("04", b"13", [0, 4])]
    table = TrackTable(
        frame=[0, 0, 2],
        track_id=[1, 2, 1],
        xyxy=[[1, 2, 3, 4]] * 3,
        timestamp=[0.0, 0.0, 0.1],
        mask=masks,
        sequence="s",
    )
    write_tables(tmp_path / f"a.{form}", {"s": table}, form)
    back = read_tables(tmp_path / f"a.{form}", form)["s"]
    assert back.timestamp is not None
    assert back.timestamp.tolist() == [0.0, 0.0, 0.1]
    if form == "jsonl":
        assert back.mask is not None
        assert [mask["counts"] for mask in back.mask] == ["04", "13", [0, 4]]
