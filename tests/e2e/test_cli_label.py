"""``trackforge label`` from a terminal: the whole loop, what a kill leaves, and what comes back from label tools."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import bright_detector
import cv2
import numpy as np
import pytest
from cli_runs import ENVIRONMENT, command, run, run_json

from trackforge import data
from trackforge.data import Boxes, Dataset, Images
from trackforge.labelling.joining import only
from trackforge.review import Document
from trackforge.table import TrackTable

LENGTH = 24
BRIGHT = ("--detector", "bright")
TINY = (
    "--trainer", "yolox", "--set", "trainer.variant=yolox-nano", "--set", "trainer.weights=random",
    "--set", "trainer.size=64x64", "--set", "train.batch_size=4", "--set", "train.workers=0",
    "--set", "train.epochs=1", "--keep", "always",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The detector of lights, installed for the processes of these tests and for the tests themselves."""
    folder = bright_detector.install(tmp_path_factory.mktemp("plugin"))
    patch = pytest.MonkeyPatch()
    patch.setitem(ENVIRONMENT, "PYTHONPATH", str(folder))
    patch.setitem(ENVIRONMENT, "OMP_NUM_THREADS", "1")
    yield
    patch.undo()


def lights(folder: Path, count: int = LENGTH, *, seed: int = 3) -> Path:
    """Pictures of three lights that wander."""
    folder.mkdir(parents=True)
    for k in range(count):
        cv2.imwrite(str(folder / f"{k:04d}.png"), bright_detector.scene(k, seed)[:, :, ::-1])
    return folder


def labels(folder: Path, name: str = "walk") -> Document:
    return Document.load(folder / "sequences" / f"{name}.labels.json")


def corrected(document: Document, frames: list[int]) -> TrackTable:
    """What people make of labels: in every frame one box is moved by 2 pixels, and one is drawn."""
    table = only(document.table(), frames)
    boxes, drawn = table.xyxy.copy(), []
    for frame in frames:
        rows = table.rows(frame)
        if rows.stop > rows.start:
            boxes[rows.start] += [2, 0, 2, 0]
        drawn.append([2.0, 100.0, 14.0, 114.0])
    mine = TrackTable(frame=table.frame, track_id=table.track_id, xyxy=boxes)
    new = TrackTable(frame=np.array(frames), track_id=np.full(len(frames), 77), xyxy=np.array(drawn))
    return TrackTable.concatenate([mine, new], sequence=document.sequence)


def handed_back(document: Document, table: TrackTable, frames: list[int], place: Path) -> Path:
    """As a label tool gives it back."""
    at = np.array(frames)
    files = [document.files[int(np.searchsorted(document.frames, frame))] for frame in frames]
    images = Images(
        path=np.array(files), width=np.full(len(at), document.size[0]), height=np.full(len(at), document.size[1]),
        sequence=np.full(len(at), document.sequence), frame=at,
    )  # fmt: skip
    boxes = Boxes(image=np.searchsorted(at, table.frame), xyxy=table.xyxy, track_id=table.track_id)
    root = Path(document.source)
    data.write(Dataset(images=images, boxes=boxes, classes=("light",), root=root), place, images="none")
    return place


def test_the_whole_loop(tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    pytest.importorskip("trackforge_yolox")
    source, project = lights(tmp_path / "walk"), tmp_path / "project"
    words = ("label", source, "-o", project, *BRIGHT, *TINY, "--count", "8", "--goal", "AP50=0.99,effort<1")
    first = run_json(*words)
    assert (first["next"], first["round"], first["frames"], first["wanted"], first["left"]) == ("check", 0, 24, 8, 8)
    assert first["boxes"] > 40
    assert run_json("label", project) == {**first, "folder": str(project)}  # nothing to do but for people
    assert "nothing to measure" in run("label", project, "--ready", code=2).stderr
    document = labels(project)
    frames = sorted(document.wanted)
    back = handed_back(document, corrected(document, frames), frames, tmp_path / "back.json")
    taken = run_json("label", "import", project, back)
    assert (taken["frames"], taken["sequences"]) == (8, ["walk"])
    assert labels(project).checked == set(frames)
    measured = run_json("label", "measure", project)
    moved = sum(bool(len(document.table().at(frame))) for frame in frames)
    assert (measured["effort"]["moved"], measured["effort"]["added"], measured["effort"]["deleted"]) == (moved, 8, 0)
    assert measured["classes"]["light"]["recall"] < 1
    with subprocess.Popen(command("label", project), env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 120
        while not (project / "rounds/000/train/data/done.json").exists():
            assert time.monotonic() < until
            time.sleep(0.01)
        process.kill()
        assert process.stderr is not None
        assert "from scratch it is 100" in process.stderr.read()
    done = run("label", project)  # goes on behind what was done: nothing is measured twice
    said = done.stderr.splitlines()
    assert not any(line.endswith("from scratch it is 100") for line in said)
    assert "round 0: training on what people have checked" in said
    assert "the new model goes on" in done.stdout
    stands = run_json("label", "status", project)
    assert (stands["round"], stands["next"], stands["checked"], stands["wanted"]) == (1, "check", 8, 8)
    assert stands["goals"] == {"AP50 at least 0.99": False, "effort at most 1": False}
    assert stands["model"].endswith("rounds/000/train/run/model.pth")
    assert stands["scores"]["effort"] == pytest.approx(measured["effort"]["per 100 boxes"])
    after = labels(project)
    assert not set(after.wanted) & set(frames)  # nobody is asked twice
    people = corrected(document, frames)
    kept = only(after.table(), frames)
    assert sorted(map(tuple, kept.xyxy.tolist())) == sorted(map(tuple, people.xyxy.tolist()))  # to the last digit
    judged = json.loads((project / "heldout.json").read_text())
    assert judged == {"0": {"walk": frames[-2:]}}
    moved_away = tmp_path / "elsewhere"  # a project is its folder
    project.rename(moved_away)
    assert run_json("label", "status", moved_away)["model"] == stands["model"]
    assert run_json("label", moved_away, "--goal", "effort<1000")["next"] == "done"


def test_killed_in_the_middle_it_goes_on(tmp_path: Path) -> None:
    source = lights(tmp_path / "walk", 40)
    slow = ("--set", "detector.pause=0.05", "--ahead", "0")
    words = ("label", source, "-o", tmp_path / "killed", *BRIGHT, *slow)
    with subprocess.Popen(command(*words), env=ENVIRONMENT, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 120
        while not any(len(file.read_bytes().splitlines()) > 6 for file in tmp_path.glob("killed/found/*.jsonl")):
            assert time.monotonic() < until
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    (found,) = (tmp_path / "killed" / "found").iterdir()
    before = found.read_bytes()
    before = before[: before.rfind(b"\n") + 1]
    assert not (tmp_path / "killed/sequences").exists()
    again = run_json("label", tmp_path / "killed")
    assert again["next"] == "check"
    assert found.read_bytes().startswith(before)  # what was found is not looked for again
    run("label", source, "-o", tmp_path / "whole", *BRIGHT, *slow[:2])
    assert labels(tmp_path / "killed") == labels(tmp_path / "whole")


def test_a_detector_that_fails_half_way_loses_nothing(tmp_path: Path) -> None:
    source = lights(tmp_path / "walk")
    good = cv2.imread(str(source / "0012.png"))
    bad = good.copy()
    bad[:8, :8] = bright_detector.FAILS[::-1]
    cv2.imwrite(str(source / "0012.png"), bad)
    failed = run("label", source, "-o", tmp_path / "p", *BRIGHT, code=1)
    assert "it fails at such pictures" in failed.stderr
    (found,) = (tmp_path / "p" / "found").iterdir()
    before = found.read_bytes()
    assert len(before.splitlines()) == 1 + 12
    stands = run_json("label", "status", tmp_path / "p")
    assert stands["next"] == "label"
    cv2.imwrite(str(source / "0012.png"), good)
    assert run_json("label", tmp_path / "p")["next"] == "check"
    assert found.read_bytes().startswith(before)


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    source, project = lights(tmp_path / "walk", 6), tmp_path / "p"
    base = ("label", source, "-o", project, *BRIGHT)
    for words, code, message in (
        (("label", tmp_path / "nowhere.mp4", "-o", project), 1, "does not exist"),
        (("label", source), 2, "needs a folder"),
        (("label", "-o", project), 2, "needs something to label"),
        ((*base, "--classes", "ligth"), 2, "Did you mean 'light'?"),
        ((*base, "--goal", "AP50>2"), 2, "share of 1"),
        (("label", "status", tmp_path), 2, "no labelling project"),
    ):
        assert message in run(*words, code=code).stderr
    run(*base, "--count", "2")
    assert "cannot change" in run("label", project, "--classes", "lamp", code=2).stderr
    coco = tmp_path / "other.json"
    document = labels(project)
    handed_back(document, corrected(document, [1]), [1], coco)
    told = json.loads(coco.read_text())
    for change, message in (
        ({"categories": [{"id": 1, "name": "lihgt"}]}, "Did you mean 'light'?"),
        ({"images": [{**told["images"][0], "frame_id": 900}]}, "of walk none is: 899"),
    ):
        coco.write_text(json.dumps({**told, **change}))
        assert (
            message in run("label", "import", project, coco, "--every", code=2 if "categories" in change else 1).stderr
        )
    assert not labels(project).checked  # nothing was taken over by halves
    assert "none is checked" in run("label", "export", project, "coco", "--frames", "checked", code=2).stderr


def test_another_command_is_kept_out(tmp_path: Path) -> None:
    if os.name == "nt":
        pytest.skip("no such locks there")
    source, project = lights(tmp_path / "walk", 8), tmp_path / "p"
    gate = tmp_path / "gate"
    gate.touch()
    words = command("label", source, "-o", project, *BRIGHT, "--set", f"detector.gate={gate}")
    with subprocess.Popen(words, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 60
        while not (project / "working").exists():
            assert time.monotonic() < until
            time.sleep(0.01)
        assert "one command at a time" in run("label", project, code=2).stderr
        gate.unlink()
        assert process.wait(timeout=60) == 0
