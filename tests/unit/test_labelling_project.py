"""A labelling project in Python: labels that go to tools and come back, clips, several models, edits of the page."""

from __future__ import annotations

import json
from pathlib import Path

import bright_detector
import cv2
import numpy as np
import pytest

from trackforge import data
from trackforge.data import Boxes, Dataset, Images
from trackforge.errors import ConfigError, DataError
from trackforge.io.masks import decode_mask
from trackforge.labelling import LabelRun, Project, bring_in, go_on, hand_out, measured, status
from trackforge.labelling.joining import only
from trackforge.labelling.loop import Tell
from trackforge.labelling.teaching import labelled
from trackforge.review import Document
from trackforge.review.edits import accept, add_class, rename, set_attributes, set_box

SEED = 3


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of three lights that wander, and what a detector has found in them, in ``det.txt`` beside the folder."""
    folder = tmp_path_factory.mktemp("lights") / "walk"
    folder.mkdir()
    rows = []
    for k in range(20):
        image = bright_detector.scene(k, SEED)
        cv2.imwrite(str(folder / f"{k:04d}.png"), image[:, :, ::-1])
        _, _, stats, _ = cv2.connectedComponentsWithStats((image.min(axis=2) > 200).astype("u1"))
        rows += [f"{k + 1},-1,{x},{y},{w},{h},0.9,-1,-1,-1" for x, y, w, h, area in stats[1:].tolist() if area > 8]
    (folder.parent / "det.txt").write_text("\n".join(rows) + "\n")
    half = [row for row in rows if int(row.partition(",")[0]) <= 10]
    (folder.parent / "half.txt").write_text("\n".join(half) + "\n")
    return folder


def begun(walk: Path, out: Path, **more: object) -> Project:
    detector = {"name": "file", "path": walk.parent / "det.txt", "classes": ("light",)}
    project = Project.begin(LabelRun(sources=(str(walk),), detector=detector, out=out, **more))  # type: ignore[arg-type]
    go_on(project)
    return project


def labels(project: Project) -> Document:
    document = project.document("walk")
    assert document is not None
    return document


@pytest.mark.parametrize("name", ["cvat", "label-studio", "coco", "mot", "ground-truth"])
def test_labels_come_back_from_a_tool_as_they_went(name: str, walk: Path, tmp_path: Path) -> None:
    project = begun(walk, tmp_path / "p", count=5)
    before = labels(project)
    told = hand_out(project, name)
    assert told.path.is_relative_to(project.folder / "exchange")
    assert told.frames == (5 if name in ("coco", "ground-truth") else 20)
    taken = bring_in(project, told.path)
    assert (taken.frames, taken.left_out) == (5, told.frames - 5)
    after = labels(project)
    assert after.checked == set(before.wanted)
    assert measured(project).effort.touched == 0
    assert {one.id for one in after.tracks} == {one.id for one in before.tracks}


def test_stills_come_back_by_the_names_of_their_files(walk: Path, tmp_path: Path) -> None:
    project = begun(walk, tmp_path / "p", count=5)
    frames = sorted(labels(project).wanted)
    rows = only(labels(project).table(), frames)
    images = Images(path=[f"{frame:04d}.png" for frame in frames], width=[160] * 5, height=[120] * 5)
    boxes = Boxes(image=np.searchsorted(frames, rows.frame), xyxy=rows.xyxy)
    data.write(Dataset(images=images, boxes=boxes, classes=("light",), root=walk), tmp_path / "set", "yolo")
    taken = bring_in(project, tmp_path / "set")
    assert taken.frames == 5
    after = only(labels(project).table(), frames)
    assert sorted(after.track_id.tolist()) == sorted(rows.track_id.tolist())  # by what the boxes lie on
    images = images.replace(path=["elsewhere.png", *images.path.tolist()[1:]])
    data.write(Dataset(images=images, boxes=boxes, classes=("light",)), tmp_path / "lost.json", images="none")
    with pytest.raises(DataError, match=r"1 are not: elsewhere\.png"):
        bring_in(project, tmp_path / "lost.json")


@pytest.mark.parametrize("name", ["voc", "yolo", "cvat-images", "recordio", "boxes"])
def test_frames_that_an_export_named_are_known_when_they_come_back(name: str, walk: Path, tmp_path: Path) -> None:
    project = begun(walk, tmp_path / "p", count=5)
    before = labels(project)
    if name == "boxes":
        told = hand_out(project, "ground-truth", task="boxes", prefix="s3://bucket/x/")
        line = json.loads((told.path / "input.manifest").read_text().splitlines()[0])
        assert line["labels-metadata"]["human-annotated"] == "no"
        assert {one["confidence"] for one in line["labels-metadata"]["objects"]} <= {0.9}
    else:
        told = hand_out(project, name)
    assert bring_in(project, told.path).frames == 5
    after = labels(project)
    assert after.checked == set(before.wanted)
    rows = [only(one.table(), before.wanted) for one in (before, after)]
    np.testing.assert_allclose(rows[1].xyxy, rows[0].xyxy, atol=1)  # whole pixels, in some
    assert rows[1].track_id.tolist() == rows[0].track_id.tolist()


def came(path: Path, sequence: str, frames: list[int], size: tuple[int, int] = (160, 120)) -> Path:
    """Write labels of some frames, a box on each."""
    count = len(frames)
    images = Images(
        path=np.full(count, ""),
        sequence=np.full(count, sequence),
        frame=np.array(frames),
        width=np.full(count, size[0]),
        height=np.full(count, size[1]),
    )
    boxes = Boxes(image=np.arange(count), xyxy=np.array([[k, 1, k + 9, 9] for k in range(count)], np.float64))
    data.write(Dataset(images=images, boxes=boxes, classes=("light",)), path, images="none")
    return path


def test_labels_of_another_film_are_refused(walk: Path, tmp_path: Path) -> None:
    project = begun(walk, tmp_path / "p", count=5)
    before = project.path("walk").read_bytes()
    with pytest.raises(DataError, match=r"'venice' is none.*--sequence 'venice=walk'"):
        bring_in(project, came(tmp_path / "a.json", "venice", [*range(20)]))
    large = came(tmp_path / "b.json", "walk", [*range(20)], (1920, 1080))
    with pytest.raises(DataError, match=r"as large as the project's; those of walk are 1920 x 1080, of walk 160 x 120"):
        bring_in(project, large)
    with pytest.raises(ConfigError, match="--sequence takes OLD=NEW"):
        bring_in(project, tmp_path / "a.json", sequences=("walk",))
    assert project.path("walk").read_bytes() == before
    assert bring_in(project, tmp_path / "a.json", sequences=("venice=walk",)).frames == 5


def test_what_people_have_said_stays_unless_it_shall_be_replaced(walk: Path, tmp_path: Path) -> None:
    """An export that is older than what people said in the page comes back."""
    project = begun(walk, tmp_path / "p", count=5)
    old = hand_out(project, "cvat").path
    document = labels(project)
    first, second, *rest = sorted(document.wanted)
    mine = (1.25, 2.5, 30.125, 40.0)
    for frame in (first, second):
        document = set_box(document, int(document.table().at(frame).track_id[0]), frame, mine)
    document = accept(document, [first])  # the second is drawn on, and not accepted yet
    document.save(project.path("walk"))
    taken = bring_in(project, old)
    assert (taken.frames, taken.kept) == (3, 2)
    assert any(
        f"2 frames of walk stay as people have labelled them before: {first}, {second}" in n for n in taken.notes
    )
    after = labels(project)
    assert after.checked == {first, *rest}
    for frame in (first, second):
        assert after.table().at(frame).xyxy.tolist() == document.table().at(frame).xyxy.tolist()
    with pytest.raises(DataError, match="on all 5 of those"):
        bring_in(project, old)
    assert labels(project) == after
    taken = bring_in(project, old, replace=True)
    assert (taken.frames, taken.kept) == (5, 0)
    assert mine not in map(tuple, labels(project).table().xyxy.tolist())


@pytest.mark.parametrize(
    ("sequence", "numbers", "frames"),
    [
        ("walk-000003-000019-by-4", range(5), range(2, 19, 4)),
        ("walk-000003-000019-by-4", range(3), range(2, 11, 4)),
        ("walk-000003-000019-by-4", range(2, 19, 4), range(2, 19, 4)),
        ("walk-000003-000010", range(8), range(2, 10)),
        ("walk-000003-000010", range(6), range(2, 8)),
        ("walk-000003-000019-by-1", range(5), range(2, 7)),
    ],
)
def test_clips_that_leave_frames_out(sequence: str, numbers: range, frames: range, walk: Path, tmp_path: Path) -> None:
    project = begun(walk, tmp_path / "p", count=5)
    bring_in(project, came(tmp_path / "clip.json", sequence, [*numbers]), every=True)
    assert labels(project).checked == set(frames)


def test_a_clip_that_does_not_tell_which_frames_it_has(walk: Path, tmp_path: Path) -> None:
    project = begun(walk, tmp_path / "p", count=5)
    clip = came(tmp_path / "clip.json", "walk-000003-000019", [*range(5)])
    with pytest.raises(DataError, match=r"Call it walk-000003-000019-by-N .*--sequence 'walk-000003-000019=\.\.\.'"):
        bring_in(project, clip, every=True)
    bring_in(project, clip, every=True, sequences=("walk-000003-000019=walk-000003-000019-by-4",))
    assert labels(project).checked == set(range(2, 19, 4))


def test_clips_that_number_their_objects_anew(walk: Path, tmp_path: Path) -> None:
    """Two clips of one film, each with its own object 1: what they lie on tells whether these are the same."""
    project = begun(walk, tmp_path / "p")
    table = labels(project).table()
    images, boxes = [], []
    for k, (first, last) in enumerate(((0, 9), (10, 19))):
        rows = only(table, range(first, last + 1))
        ids = np.unique(rows.track_id, return_inverse=True)[1]
        name = f"walk-{first + 1:06d}-{last + 1:06d}"
        images.append(Images(path=np.full(10, ""), sequence=np.full(10, name), frame=np.arange(first, last + 1)))
        boxes.append(Boxes(image=rows.frame - first + 10 * k, xyxy=rows.xyxy, track_id=ids.max() + 1 - ids))
    clips = Dataset(images=Images.concatenate(images), boxes=Boxes.concatenate(boxes), classes=("light",))
    data.write(clips, tmp_path / "clips.json", images="none")
    taken = bring_in(project, tmp_path / "clips.json")
    assert (taken.frames, taken.sequences) == (20, ("walk",))
    after = labels(project).table()
    assert sorted(zip(after.frame.tolist(), after.track_id.tolist(), strict=True)) == sorted(
        zip(table.frame.tolist(), table.track_id.tolist(), strict=True)
    )
    stands, _ = go_on(project)
    assert stands.next == "done"  # every frame is checked


def test_two_models_and_their_quarrel(walk: Path, tmp_path: Path) -> None:
    """The second finds nothing on half of the frames: these are asked for."""
    second = {"name": "file", "path": walk.parent / "half.txt", "classes": ("lamp",)}
    project = begun(walk, tmp_path / "p", count=6, model=(second,), rename=("lamp=light",))
    assert project.classes == ("light",)
    alone = begun(walk, tmp_path / "alone", count=6)
    np.testing.assert_allclose(labels(project).table().xyxy, labels(alone).table().xyxy)  # one box a light all the same
    chosen = json.loads((project.place(0) / "chosen.json").read_text())["frames"]
    disputed = [one["frame"] for one in chosen if any(why.startswith("models disagree") for why in one["reasons"])]
    assert len(chosen) == 6
    assert len(disputed) >= 4
    assert min(disputed) >= 10


def test_edits_of_the_page_are_what_counts(walk: Path, tmp_path: Path) -> None:
    """Classes, attributes and boxes that people gave stay through the next round, on frames not accepted too."""
    project = begun(walk, tmp_path / "p", count=4)
    document = labels(project)
    first, *_, last = document.wanted
    track = int(document.table().at(first).track_id[0])
    document = rename(add_class(document, "lamp"), track, 1)
    document = set_attributes(document, track, {"colour": "white"})
    other = next(frame for frame in document.frames.tolist() if frame not in document.wanted)
    mine = (1.25, 2.5, 30.125, 40.0)
    document = set_box(document, int(document.table().at(other).track_id[0]), other, mine)
    accept(document, document.wanted[:3]).save(project.path("walk"))
    stands, _ = go_on(Project.open(project.folder))
    assert (stands.next, stands.checked, stands.left) == ("check", 3, 1)
    project = Project.open(project.folder)
    stands, _ = go_on(project, ready=True)
    assert (stands.round, stands.checked) == (1, 3)
    assert stands.training.startswith("nothing was trained")
    assert project.classes == ("light", "lamp")
    after = labels(project)
    assert after.track(track).attributes == {"colour": "white"}
    assert after.classes[after.track(track).label] == "lamp"
    assert mine in map(tuple, after.table().at(other).xyxy.tolist())
    assert not set(after.wanted) & set(after.checked)
    told = json.loads((project.place(0) / "measure.json").read_text())
    assert told["effort"]["relabelled"] > 0
    assert first in after.checked
    assert last not in after.checked


def test_a_frame_that_is_checked_while_a_model_is_trained_counts_where_it_was_shown(walk: Path, tmp_path: Path) -> None:
    """Its labels were those of the round before; the model that is trained meanwhile has not seen it."""
    project = begun(walk, tmp_path / "p", count=4)
    document = labels(project)
    *first, late = sorted(document.wanted)
    accept(document, first).save(project.path("walk"))

    def while_it_runs(line: str) -> None:
        if "checked: " in line and labels(project).checked == set(first):
            edited, track = labels(project), int(labels(project).table().at(late).track_id[0])
            accept(set_box(edited, track, late, (1, 2, 30, 40)), [late]).save(project.path("walk"))

    stands, _ = go_on(project, ready=True, tell=Tell(line=while_it_runs))
    assert (stands.round, stands.next, stands.checked) == (1, "check", 4)
    before, now = project.rounds()
    assert before.measured == now.checked == {"walk": first}
    assert len(labelled(project, among=before.measured)) == 3  # what a training takes
    told = json.loads((project.place(0) / "measure.json").read_text())
    assert (told["frames"], told["effort"]["moved"]) == (4, 1)
    assert stands.scores["effort"] == told["effort"]["per 100 boxes"]
    with pytest.raises(ConfigError, match="Nothing has been checked in this round"):
        measured(project)  # its labels are people's own by now
    document = labels(project)
    accept(document, document.wanted[:2]).save(project.path("walk"))
    assert measured(project).frames == 2


def test_masks_of_a_model_go_with_the_boxes_that_people_left(walk: Path, tmp_path: Path) -> None:
    """They come back out of every round, and not for boxes that people moved or drew."""
    (tmp_path / "answers").mkdir()
    rows = np.loadtxt(walk.parent / "det.txt", delimiter=",").astype(int)
    for k in range(20):
        here = [(x, y, w, h) for frame, _, x, y, w, h, *_ in rows.tolist() if frame == k + 1]
        masks = [[[1] * w] * (h // 2) + [[0] * w] * (h - h // 2) for _, _, w, h in here]  # the upper half
        corners = [[x, y, x + w, y + h] for x, y, w, h in here]
        told = {"ids": [0] * len(here), "scores": [0.9] * len(here), "bboxes": corners, "masks": masks}
        (tmp_path / "answers" / f"{k:04d}.json").write_text(json.dumps(told))
    detector = {"name": "response", "path": tmp_path / "answers", "classes": ("light",)}
    project = Project.begin(LabelRun(sources=(str(walk),), detector=detector, out=tmp_path / "p", gap=0, count=4))
    go_on(project)
    document = labels(project)
    assert any(note.startswith("masks stay beside") for note in document.notes)
    frame = document.wanted[0]
    track = int(document.table().at(frame).track_id[0])
    document = set_box(document, track, frame, (1, 2, 30, 40))
    accept(document, document.wanted).save(project.path("walk"))
    go_on(project)
    assert project.round().number == 1
    told = hand_out(project, "coco", frames="all")
    boxes = data.read(told.path).boxes
    assert boxes.mask is not None
    assert sum(mask is None for mask in boxes.mask) == 1
    assert f"masks: 1 of {len(boxes)} boxes have none, for people moved or drew them, or they fill a gap" in told.notes
    row = int(np.flatnonzero([mask is not None for mask in boxes.mask])[0])
    x1, y1, x2, y2 = boxes.xyxy[row].astype(int).tolist()
    inside = decode_mask(boxes.mask[row])
    assert inside.sum() == inside[y1 : y1 + (y2 - y1) // 2, x1:x2].sum() == (x2 - x1) * ((y2 - y1) // 2)
    assert any("cannot hold masks" in note for note in hand_out(project, "ground-truth", frames="all").notes)


def test_a_project_is_for_one_thing(walk: Path, tmp_path: Path) -> None:
    project = begun(walk, tmp_path / "p", count=4)
    again = Project.open(project.folder, LabelRun(goal=("effort<3",), count=7))
    assert (again.run.goal, again.run.count, again.run.sources) == (("effort<3",), 7, (str(walk),))
    assert Project.open(project.folder).run.count == 7
    with pytest.raises(ConfigError, match="which cannot change"):
        Project.open(project.folder, LabelRun(sources=("synthetic",)))
    with pytest.raises(ConfigError, match="new or empty"):
        Project.begin(LabelRun(sources=(str(walk),), detector="motion", out=walk))
    assert status(again).goals == {"effort at most 3": False}
