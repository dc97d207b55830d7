"""Every number equals TrackEval 1.3.0: on real data, on a synthetic street, and on any small world."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from trackeval_official import assert_equal, score_files, score_tables

import trackforge
from trackforge.boxes import iou
from trackforge.io.mot import read_mot, read_seqinfo, write_mot
from trackforge.metrics import matching
from trackforge.metrics.solver import solve_without_scipy
from trackforge.table import TrackTable

BENCHMARKS = {"mot15": "MOT15", "mot16": "MOT16", "mot17": "MOT17", "mot20": "MOT20"}


def chain(boxes: TrackTable, overlap: float = 0.4) -> TrackTable:
    """Link detections that overlap from frame to frame, best pair first: quick, and with all faults a tracker has."""
    track_id, following = np.zeros(len(boxes), np.int64), 1
    before: tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]] = (np.empty((0, 4)), np.empty(0, np.int64))
    for frame in boxes.frames.tolist():
        rows = boxes.rows(frame)
        score = iou(before[0], boxes.xyxy[rows])
        ids = np.zeros(score.shape[1], np.int64)
        while score.size and score.max() > overlap:
            i, j = np.unravel_index(int(score.argmax()), score.shape)
            ids[j] = before[1][i]
            score[i], score[:, j] = 0, 0
        new = ids == 0
        ids[new] = np.arange(following, following + new.sum())
        following += int(new.sum())
        track_id[rows] = ids
        before = boxes.xyxy[rows], ids
    return TrackTable(frame=boxes.frame, xyxy=boxes.xyxy, track_id=track_id, score=boxes.score, sequence=boxes.sequence)


@pytest.fixture(scope="module", params=["mot17-half-val", "mot15-sort"])
def real(
    request: pytest.FixtureRequest, data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, tuple[Path, Path, int]]]:
    """The truth folder, and (truth file, track file, length) by sequence."""
    half_val = request.param == "mot17-half-val"
    root = data_dir / request.param / "gt" if half_val else data_dir / request.param
    out = tmp_path_factory.mktemp(request.param)
    sequences = {}
    for folder in sorted(root.iterdir()):
        file = data_dir / request.param / "det" / f"{folder.name}.txt" if half_val else folder / "det" / "det.txt"
        detections = read_mot(file, kind="detections")
        write_mot(out / f"{folder.name}.txt", chain(detections[detections.score >= 0.4]))
        truth = folder / "gt" / "gt.txt"
        sequences[folder.name] = (truth, out / f"{folder.name}.txt", read_seqinfo(folder).length)
    return root, sequences


def test_real_sequences(
    real: tuple[Path, dict[str, tuple[Path, Path, int]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, sequences = real
    rules = ("mot17", "mot20", "none") if "MOT17-02-FRCNN" in sequences else ("mot15",)
    tracks = next(iter(sequences.values()))[1].parent
    for rule in rules:
        official = score_files(tmp_path / rule, sequences, BENCHMARKS.get(rule, "MOT17"), preprocess=rule != "none")
        for solve in (matching.solver(), solve_without_scipy):
            monkeypatch.setattr(matching, "solver", lambda solve=solve: solve)
            report = trackforge.evaluate(root, tracks, preprocessing=rule)  # type: ignore[arg-type]
            assert_equal(report, official)
            assert report.combined["IDSW"] > 100
            monkeypatch.undo()


def test_synthetic_street(tmp_path: Path) -> None:
    """Crowded walks whose results are shaken, dropped, doubled and swapped."""
    random = np.random.default_rng(7)
    frames, people = 120, 25
    start, speed = random.uniform(0, 600, (people, 2)), random.normal(0, 2.5, (people, 2))
    frame, who = (axis.ravel() for axis in np.meshgrid(np.arange(frames), np.arange(people), indexing="ij"))
    corner = np.round(start[who] + speed[who] * frame[:, None], 1)
    size = np.round(np.stack((30 + who, 70 + 2 * who), axis=1).astype(float), 1)
    seen = random.random(len(frame)) < 0.9
    truth = TrackTable(
        frame=frame,
        track_id=who + 1,
        xyxy=np.concatenate((corner, corner + size), axis=1),
        class_id=random.choice([1, 1, 1, 2, 7, 8, 12, 6, 13], people)[who],
        extra={"flag": (random.random(len(frame)) < 0.95).astype(int)},
    )[seen]
    noise = random.normal(0, 4, truth.xyxy.shape).round(1)
    shaken = np.concatenate((truth.xyxy[:, :2] + noise[:, :2], truth.xyxy[:, 2:] + noise[:, :2]), axis=1)
    kept = random.random(len(truth)) < 0.85
    swapped = np.where(truth.frame > 60, (truth.track_id + 3) % people + 1, truth.track_id)
    tracks = TrackTable(frame=truth.frame, track_id=swapped, xyxy=shaken)[kept]
    doubles = TrackTable(frame=truth.frame, track_id=truth.track_id + 100, xyxy=shaken + 3)[
        ~kept | (truth.frame % 9 == 0)
    ]
    tracks = TrackTable.concatenate([tracks, doubles])
    write_mot(tmp_path / "truth.txt", truth, kind="truth")
    write_mot(tmp_path / "tracks.txt", tracks)
    for rule, benchmark in BENCHMARKS.items():
        files = {"street": (tmp_path / "truth.txt", tmp_path / "tracks.txt", frames)}
        official = score_files(tmp_path / rule, files, benchmark)
        report = trackforge.evaluate(
            {"street": tmp_path / "truth.txt"},
            {"street": tmp_path / "tracks.txt"},
            preprocessing=rule,
            lengths=frames,  # type: ignore[arg-type]
        )
        assert_equal(report, official)


FRAMES = 5
ROW = st.tuples(
    st.integers(0, FRAMES - 1),  # frame
    st.integers(1, 4),  # id
    st.tuples(st.integers(0, 6), st.integers(0, 3), st.integers(0, 6), st.integers(0, 4)),  # x, y, width, height
    st.sampled_from([1, 1, 1, 2, 6, 7, 13]),  # class
    st.sampled_from([1, 1, 1, 0]),  # flag
)
ROWS = st.lists(ROW, max_size=20, unique_by=lambda row: row[:2])
Rows = list[tuple[int, int, tuple[int, int, int, int], int, int]]


def table(rows: Rows, *, truth: bool) -> TrackTable:
    xywh = np.array([row[2] for row in rows], float).reshape(-1, 4)
    return TrackTable(
        frame=[row[0] for row in rows],  # type: ignore[arg-type]
        track_id=[row[1] for row in rows],  # type: ignore[arg-type]
        xyxy=np.concatenate((xywh[:, :2], xywh[:, :2] + xywh[:, 2:]), axis=1),
        class_id=[row[3] if truth else 0 for row in rows],  # type: ignore[arg-type]
        extra={"flag": np.array([row[4] for row in rows], np.int64)} if truth else {},
    )


@pytest.mark.parametrize("scipy", [True, False], ids=["scipy", "lap"])
@settings(max_examples=250)
@given(worlds=st.lists(st.tuples(ROWS, ROWS), min_size=1, max_size=3), rule=st.sampled_from(["none", *BENCHMARKS]))
@example(worlds=[([], [])], rule="mot17")
@example(worlds=[([(0, 1, (0, 0, 3, 3), 1, 1)], [])], rule="mot20")
@example(worlds=[([], [(4, 1, (0, 0, 3, 3), 1, 1)]), ([(0, 1, (0, 0, 3, 3), 1, 1)], [])], rule="mot15")
@example(worlds=[([(0, 1, (0, 0, 3, 3), 1, 0)], [(0, 1, (0, 0, 3, 3), 1, 1)])], rule="none")  # all ignored
@example(  # a frame without results in between interrupts no track
    worlds=[([(f, 1, (0, 0, 3, 3), 1, 1) for f in range(5)], [(f, 1, (0, 0, 3, 3), 1, 1) for f in (0, 1, 3, 4)])],
    rule="none",
)
@example(worlds=[([(0, 1, (0, 0, 3, 3), 7, 1)], [(0, 1, (0, 0, 3, 3), 1, 1)])], rule="mot17")  # a distractor only
def test_any_small_world(scipy: bool, worlds: list[tuple[Rows, Rows]], rule: str) -> None:
    """Whole numbers make ties the rule, empty and ignored sides common."""
    tables = {f"s{k}": (table(gt, truth=True), table(tr, truth=False), FRAMES) for k, (gt, tr) in enumerate(worlds)}
    official = score_tables(tables, BENCHMARKS.get(rule, "MOT17"), preprocess=rule != "none")
    with pytest.MonkeyPatch.context() as patch:
        if not scipy:
            patch.setattr(matching, "solver", lambda: solve_without_scipy)
        report = trackforge.evaluate(
            {name: t[0] for name, t in tables.items()},
            {name: t[1] for name, t in tables.items()},
            preprocessing=rule,  # type: ignore[arg-type]
            lengths=FRAMES,
        )
    assert_equal(report, official)


@pytest.mark.parametrize("seed", range(12))
def test_crowded_frames_full_of_ties(seed: int) -> None:
    """Wide frames, where sums of many overlaps must be rounded as the official evaluator rounds them."""
    random = np.random.default_rng(seed)
    sides = []
    for truth in (True, False):
        rows = []
        for frame in range(8):
            for who in random.permutation(40)[: random.integers(0, 1 + 3 * (seed + 1))].tolist():
                x, y, w, h = random.integers((0, 0, 3, 3), ((6, 16, 40)[seed % 3], 6, 8, 8)).tolist()
                rows.append((frame, who + 1, (x, y, w, h), int(random.choice([1, 1, 2])), int(random.random() < 0.9)))
        sides.append(table(rows, truth=truth))
    official = score_tables({"crowd": (sides[0], sides[1], 8)}, "MOT17")
    assert_equal(
        trackforge.evaluate({"crowd": sides[0]}, {"crowd": sides[1]}, preprocessing="mot17", lengths=8), official
    )
