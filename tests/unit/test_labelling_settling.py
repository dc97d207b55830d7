"""The least score of a project's tracker: chosen by what people have checked, and by nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import bright_detector
import cv2
import numpy as np
import pytest

from trackforge import data
from trackforge.data import Boxes, Dataset, Images
from trackforge.labelling import LabelRun, Project, Tell, bring_in, go_on
from trackforge.labelling.settling import ENOUGH, judging, settled
from trackforge.labelling.thresholds import GRID, threshold_of, thresholds
from trackforge.review import Document
from trackforge.table import TrackTable
from trackforge.types import Detections

FRAMES, HALF = 24, 12


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[int]]]:
    """Pictures of three lights that wander, and where these are, as frame, x, y, width, height."""
    folder = tmp_path_factory.mktemp("settling") / "walk"
    folder.mkdir()
    boxes = []
    for k in range(FRAMES):
        image = bright_detector.scene(k, 3)
        cv2.imwrite(str(folder / f"{k:04d}.png"), image[:, :, ::-1])
        _, _, stats, _ = cv2.connectedComponentsWithStats((image.min(axis=2) > 200).astype("u1"))
        boxes += [[k, *row[:4]] for row in stats[1:].tolist() if row[4] > 8]
    return folder, boxes


def found(boxes: list[list[int]], path: Path, score: float) -> dict[str, object]:
    """What a detector found that gives all its boxes one score; as the table of a detector."""
    rows = [f"{k + 1},-1,{x},{y},{w},{h},{score},-1,-1,-1" for k, x, y, w, h in boxes]
    path.write_text("\n".join(rows) + "\n")
    return {"name": "file", "path": path, "classes": ("light",)}


@pytest.fixture(scope="module")
def by_hand(street: tuple[Path, list[list[int]]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What people hand back: the lights tracked through the first half."""
    folder, boxes = street
    place = tmp_path_factory.mktemp("hand")
    project = Project.begin(
        LabelRun(sources=(str(folder),), detector=found(boxes, place / "sure.txt", 0.95), out=place / "p")
    )
    go_on(project)
    table = labels(project)
    table = table[table.frame < HALF]
    images = Images(path=np.full(HALF, ""), sequence=np.full(HALF, "walk"), frame=np.arange(HALF))
    rows = Boxes(image=table.frame, xyxy=table.xyxy, track_id=table.track_id)
    data.write(Dataset(images=images, boxes=rows, classes=("light",)), place / "back.json", images="none")
    return place / "back.json"


def labels(project: Project) -> TrackTable:
    document = project.document("walk")
    assert isinstance(document, Document)
    return document.table()


def test_a_model_with_low_scores_labels_after_people_have_checked(
    street: tuple[Path, list[list[int]]], by_hand: Path, tmp_path: Path
) -> None:
    """A tracker would start nothing at these scores; what people checked says that it should."""
    folder, boxes = street
    detector = found(boxes, tmp_path / "low.txt", 0.45)
    for settle, expected in (("hota", 0.1), ("effort", 0.1), ("never", None)):
        out = tmp_path / settle
        run = LabelRun(sources=(str(folder),), detector=detector, settle=settle, out=out)  # type: ignore[arg-type]
        project = Project.begin(run)
        go_on(project)
        assert not len(labels(project))
        bring_in(project, by_hand, every=True)
        go_on(project, ready=True)
        assert (project.round().number, project.round().conf) == (1, expected)
        told = project.place(0) / "settled.json"
        assert told.is_file() == (settle != "never")
        if settle == "never":
            continue
        after = labels(project)
        later = after[after.frame >= HALF]
        assert len(later) == sum(row[0] >= HALF for row in boxes)
        why = json.loads(told.read_text())
        assert why["frames"] == HALF
        assert next(iter(why["tried"])) == "the least score as set"
        assert "another threshold" in why["words"]
    again = Project.open(tmp_path / "hota", LabelRun(conf=0.6))  # what the user says wins
    assert threshold_of(again.run, 0.1).conf is None
    assert not again.run.settles


def test_the_setting_at_hand_stays_where_no_other_is_better(
    street: tuple[Path, list[list[int]]], by_hand: Path, tmp_path: Path
) -> None:
    folder, boxes = street
    project = Project.begin(
        LabelRun(sources=(str(folder),), detector=found(boxes, tmp_path / "high.txt", 0.95), out=tmp_path / "p")
    )
    go_on(project)
    bring_in(project, by_hand, every=True)
    lines: list[str] = []
    go_on(project, ready=True, tell=Tell(line=lines.append))
    assert project.round().conf is None
    assert any(line.startswith("tracking stays with the least score as set") for line in lines)


def test_a_model_that_scores_lower_is_as_good_and_one_that_misses_is_worse(
    street: tuple[Path, list[list[int]]], by_hand: Path, tmp_path: Path
) -> None:
    folder, boxes = street
    high = found(boxes, tmp_path / "high.txt", 0.95)
    project = Project.begin(LabelRun(sources=(str(folder),), detector=high, out=tmp_path / "p"))
    go_on(project)
    bring_in(project, by_hand, every=True)
    frames = {"walk": frozenset(range(HALF))}
    low = found(boxes, tmp_path / "low.txt", 0.35)
    blind = found([row for row in boxes if row[0] % 3], tmp_path / "blind.txt", 0.95)
    before, lower, worse = (settled(project, one, frames, None) for one in (high, low, blind))
    assert lower.conf is not None
    assert lower.worth == pytest.approx(before.worth)
    assert lower.tried["the least score as set"] < lower.worth
    assert worse.worth < before.worth


def test_nothing_but_checked_frames_is_compared(
    street: tuple[Path, list[list[int]]], by_hand: Path, tmp_path: Path
) -> None:
    """Labels of other frames, right or wrong, change nothing; frames held out judge alone where there are enough."""
    folder, boxes = street
    low = found(boxes, tmp_path / "low.txt", 0.45)
    project = Project.begin(LabelRun(sources=(str(folder),), detector=low, out=tmp_path / "p"))
    go_on(project)
    bring_in(project, by_hand, every=True)
    frames, fair = judging(project, trained=False)
    assert (frames, fair) == ({"walk": frozenset(range(HALF))}, True)
    assert judging(project, trained=True) == (frames, False)  # nothing is held out yet
    held = list(range(HALF - ENOUGH, HALF))
    (project.folder / "heldout.json").write_text(json.dumps({"0": {"walk": [*held, FRAMES - 1]}}))
    assert judging(project, trained=True) == ({"walk": frozenset(held)}, True)
    one = settled(project, low, frames, None)
    document = project.document("walk")
    assert document is not None
    before = document.table()
    wrong = TrackTable(frame=[FRAMES - 1], track_id=[99], xyxy=[[0.0, 0.0, 9.0, 9.0]], extra={"origin": ["person"]})
    assert len(before[before.frame >= HALF]) == 0
    more = Document.from_table(
        TrackTable.concatenate([before, wrong]), classes=document.classes, frames=document.frames.tolist()
    )
    document.replace(tracks=more.tracks).save(project.path("walk"))
    assert settled(project, low, frames, None).as_dict() == one.as_dict()


def test_a_least_score_means_the_same_as_conf(street: tuple[Path, list[list[int]]], tmp_path: Path) -> None:
    """To a tracker that minds scores it is a setting; before one that minds none, boxes are left out."""
    folder, boxes = street
    run = LabelRun(sources=(str(folder),), detector=found(boxes, tmp_path / "det.txt", 0.9))
    assert threshold_of(run, None).tracker.settings == {}
    assert threshold_of(run, 0.4).tracker.settings["birth_score"] == 0.4
    assert [one.conf for one in thresholds(run, 0.3)] == [0.3, None, *(one for one in GRID if one != 0.3)]
    fixed = LabelRun(
        sources=run.sources, detector=run.detector, tracker={"name": "byte", "birth_score": 0.5, "high_score": 0.4}
    )
    assert len(thresholds(fixed, None)) == 1  # what is set of the tracker itself counts more
    detections = Detections(xyxy=[[0, 0, 5, 5]] * 2, score=[0.2, 0.6])
    assert len(threshold_of(run, 0.4).kept(detections)) == 2
    blind = LabelRun(sources=run.sources, detector=run.detector, tracker="sort")
    assert len(threshold_of(blind, 0.4).kept(detections)) == 1
