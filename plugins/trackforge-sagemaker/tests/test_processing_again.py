"""Jobs that are started again, and how jobs end: what is kept, what is done anew, and which exit code comes of it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import cv2
import pytest
from bright_model import write_network
from io_files import picture

from trackforge_sagemaker.processing import main
from trackforge_sagemaker.processing.contents import digest
from trackforge_sagemaker.processing.inputs import Item
from trackforge_sagemaker.processing.ledger import DONE, Ledger, seen


@pytest.fixture
def job(tmp_path, monkeypatch, capsys):
    """Carry out a job over three pictures, or what else lies there; returns its exit code and its lines."""
    for key in os.environ:
        if key.startswith(("TRACKFORGE_PROCESS", "SM_")):
            monkeypatch.delenv(key)
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "processing/input/walk"
    place.mkdir(parents=True)
    for k in range(3):
        cv2.imwrite(str(place / f"{k}.bmp"), picture(k, (64, 48)))

    def carried_out(*words):
        code = main(words)
        return code, capsys.readouterr().out.splitlines()

    return carried_out


def told(carried_out) -> str:
    code, lines = carried_out
    assert code == 0, lines
    return lines[1].partition(": ")[2].partition(",")[0]


MOTION = ("--detector", "motion", "--formats", "mot,video", "--sink.box", "detected")


def test_what_other_settings_wrote_is_written_anew(job, tmp_path):
    assert told(job(*MOTION)) == "done"
    assert told(job(*MOTION)) == "kept"
    assert told(job(*MOTION, "--overlay.trail", "0")) == "done"
    assert told(job(*MOTION, "--overlay.trail", "0", "--resume", "false")) == "done"
    assert told(job(*MOTION, "--overlay.trail", "0", "--progress", "9")) == "kept"
    (tmp_path / "processing/output/walk.txt").unlink()
    assert told(job(*MOTION, "--overlay.trail", "0")) == "done"


def test_another_picture_of_the_same_size_is_another_sequence(job, tmp_path):
    place = tmp_path / "processing/input/walk/1.bmp"
    before = place.stat()
    words = (*MOTION[:2], "--formats", "jsonl")
    assert told(job(*words)) == "done"
    assert cv2.imwrite(str(place), picture(9, (64, 48)))
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert place.stat().st_size == before.st_size
    assert told(job(*words)) == "done"
    assert told(job(*words)) == "kept"
    result = tmp_path / "processing/output/walk.jsonl"
    result.write_bytes(bytes(result.stat().st_size))
    assert told(job(*words)) == "done", "an output that is as large, and another"


def test_a_model_that_was_put_in_the_place_of_another_is_another(job, tmp_path):
    onnx = pytest.importorskip("onnx")
    model = write_network(tmp_path / "model.onnx")
    words = ("--detector", "yolox", "--weights", "model.onnx")
    assert told(job(*words)) == "done"
    assert told(job(*words)) == "kept"
    other = onnx.load(str(model))
    other.doc_string = "of another training"
    onnx.save(other, str(model))
    assert told(job(*words)) == "done"


def test_files_count_by_their_content_wherever_they_lie(tmp_path, monkeypatch):
    for place in ("x", "y"):
        (tmp_path / place).mkdir()
        for name in ("m-symbol.json", "m-0000.params", "hyperparams.json", "model.onnx"):
            (tmp_path / place / name).write_text(name)
    shutil.copytree(tmp_path / "x", tmp_path / "w")

    def same(name: str) -> bool:
        return digest({"weights": tmp_path / "x" / name}) == digest({"weights": str(tmp_path / "y" / name)})

    assert all(map(same, ("m-symbol.json", "m-0000.params", "model.onnx", "")))
    (tmp_path / "y/model.onnx").write_text("other")
    assert [same(name) for name in ("model.onnx", "m-symbol.json", "")] == [False, True, False]
    for name in ("m-0000.params", "hyperparams.json"):  # one file of an artefact stands for all of them
        shutil.rmtree(tmp_path / "y")
        shutil.copytree(tmp_path / "x", tmp_path / "y")
        (tmp_path / "y" / name).write_text("other")
        assert [same(one) for one in ("m-symbol.json", "m-0000.params", "model.onnx")] == [False, False, True]
    monkeypatch.chdir(tmp_path)
    before = digest(["model.onnx"]), digest(["x/model.onnx"]), digest({"weights": "x"}), digest(["x"])
    (tmp_path / "model.onnx").write_text("now it is a file")
    (tmp_path / "x/model.onnx").write_text("other")
    after = digest(["model.onnx"]), digest(["x/model.onnx"]), digest({"weights": "x"}), digest(["x"])
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, False, False, True]


def test_what_was_done_whole_is_kept_and_nothing_else(tmp_path):
    items = [Item(f"v{k}", tmp_path / f"in/v{k}.mp4", "video", 1) for k in range(3)]
    (tmp_path / "in").mkdir()
    for item in items:
        item.path.write_bytes(b"1")
        (tmp_path / f"{item.name}.txt").write_bytes(b"12345")
    a, b, c = items
    ledger = Ledger(tmp_path, "", "s1")
    for item, state in ((a, DONE), (b, "stopped"), (c, DONE)):
        outputs = ledger.outputs([f"{item.name}.txt"])
        ledger.add(item, {"state": state, "outputs": outputs, "sha256": seen(item)})
    with (tmp_path / "processed.jsonl").open("a") as file:
        file.write('{"name": "v1", "state": "do')  # killed while it wrote
    again = Ledger(tmp_path, "", "s1")
    assert [again.kept(item) is not None for item in items] == [True, False, True]
    again.add(b, {"state": DONE, "outputs": again.outputs(["v1.txt"]), "sha256": seen(b)})
    (tmp_path / "v2.txt").write_text("shorter" * 9)
    final = Ledger(tmp_path, "algo-2", "s1")
    assert [final.kept(item) is not None for item in items] == [True, True, False]
    assert final.kept(Item("v0", a.path, "video", 2)) is None, "another film of that name"
    assert Ledger(tmp_path, "", "s2").kept(a) is None, "other settings"
    a.path.write_bytes(b"2")
    assert final.kept(a) is None, "another film of that size"
    a.path.unlink()
    assert final.kept(a) is None


# ---- how jobs end


def hosts(root: Path, host: str, count: int = 2) -> None:
    (root / "config").mkdir(exist_ok=True)
    said = {"current_host": host, "hosts": [f"algo-{k + 1}" for k in range(count)]}
    (root / "config/resourceconfig.json").write_text(json.dumps(said))


def broken(root: Path, *names: str) -> None:
    shutil.rmtree(root / "processing/input/walk")
    for name in names:
        (root / "processing/input" / name).write_bytes(b"no film")


def test_no_sequence_makes_one_of_several_hosts_fail_unless_any_does(job, tmp_path):
    broken(tmp_path, "bad1.mp4", "bad2.mp4", "bad3.mp4")
    for host, mine in (("algo-1", 2), ("algo-2", 1)):
        hosts(tmp_path, host)
        assert job(*MOTION[:2])[0] == 0
        message = (tmp_path / "output/message").read_text()
        assert message.startswith(f"{host}: 0 of {mine} sequences tracked, {mine} failed. bad")
        assert not (tmp_path / "output/failure").exists()
        failures = json.loads((tmp_path / f"processing/output/failures-{host}.json").read_text())
        assert len(failures) == mine
        assert job(*MOTION[:2], "--on-failure", "any")[0] == 1
    hosts(tmp_path, "algo-1", 1)
    assert job(*MOTION[:2])[0] == 1, "who is alone knows what all means"


def test_a_folder_called_like_a_file_of_the_job_keeps_its_results(job, tmp_path):
    for name in ("summary", "failures"):
        shutil.copytree(tmp_path / "processing/input/walk", tmp_path / f"processing/input/{name}")
    assert job(*MOTION[:2], "--formats", "coco")[0] == 0
    output = tmp_path / "processing/output"
    assert json.loads((output / "failures.json").read_text()) == []
    assert {one["state"] for one in json.loads((output / "summary.json").read_text())["sequences"]} == {"done"}
    for name in ("summary.pictures", "failures.pictures", "walk"):
        assert len(json.loads((output / f"{name}.json").read_text())["images"]) == 3


WRONG = {
    "all failed": (["--conf", "0.5"], "0 of 1 sequences tracked, 1 failed. bad: "),
    "any failed": (["--on-failure", "any"], "1 of 2 sequences tracked, 1 failed. bad: "),
    "a setting": (["--fromats", "mot"], "unknown key 'fromats'. Did you mean"),
    "no model": ([], "A model must be given: there is none in "),
    "nothing": ([], "must hold videos, folders of pictures or MOT sequences; there is none in"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_job_that_fails_says_why(job, tmp_path, name):
    arguments, message = WRONG[name]
    if name != "any failed":
        shutil.rmtree(tmp_path / "processing/input/walk")
    if name != "nothing":
        (tmp_path / "processing/input/bad.mp4").write_bytes(b"no film")
    (tmp_path / "output").mkdir()
    (tmp_path / "output/failure").write_text("of an earlier run")
    assert job(*(MOTION[:2] if name != "no model" else ()), *arguments)[0] == 1
    assert message in (tmp_path / "output/failure").read_text()
    assert message in (tmp_path / "output/message").read_text()
    if name == "any failed":
        summary = json.loads((tmp_path / "processing/output/summary.json").read_text())
        assert {one["name"]: one["state"] for one in summary["sequences"]} == {"bad": "failed", "walk": "done"}


def test_an_end_of_an_earlier_run_that_cannot_be_removed_is_told(job, tmp_path):
    (tmp_path / "output/failure").mkdir(parents=True)
    code, lines = job(*MOTION[:2])
    assert code == 1
    assert lines[0].startswith(f"The job failed: {tmp_path}/output/failure, which an earlier run left, must be removed")
