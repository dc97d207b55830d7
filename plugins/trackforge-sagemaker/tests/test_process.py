"""Processing jobs over real footage: the command, in a mount namespace of its own where its tree is /opt/ml.

What needs neither signals nor mounts is carried out in this process, below `SAGEMAKER_BASE_DIR`.
"""

from __future__ import annotations

import functools
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import cv2
import pytest
from aws_tools import as_opt_ml, can_unshare
from doc_blocks import ROOT, blocks

import trackforge
from trackforge.cli import main as cli
from trackforge_sagemaker.processing import main

COMMAND = str(Path(sys.executable).with_name("trackforge-sagemaker"))
NAMES = ["MOT/S1", "cam1/b", "cam1/c", "shots"]
PATIENCE = 300
"""Seconds that a job may take on a busy machine."""
contained = pytest.mark.skipif(
    not can_unshare(), reason="needs a mount namespace of its own, which this user or machine does not grant"
)


def scene(seed: int) -> trackforge.Source:
    return trackforge.source("synthetic", seed=seed, frames=50, size=(320, 180), walkers=3)


@pytest.fixture(scope="module")
def footage(tmp_path_factory) -> Path:
    """Two films, a folder of pictures and a MOTChallenge sequence, nested; and what the library makes of each."""
    root = tmp_path_factory.mktemp("footage")
    for seed, name in enumerate(("cam1/b", "cam1/c")):
        path = root / f"input/{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        options = {"trail": 0, "labels": False}
        for _ in trackforge.track(scene(seed), Nothing(), "byte", sinks=[trackforge.sink(path, **options)]):
            pass
    for place, seed in (("shots", 2), ("MOT/S1/img1", 3)):
        (root / f"input/{place}").mkdir(parents=True)
        for frame in scene(seed):
            cv2.imwrite(str(root / f"input/{place}/{frame.index + 1:06d}.png"), frame.image[..., ::-1])
    (root / "input/MOT/S1/seqinfo.ini").write_text(
        "[Sequence]\nname=S1\nimDir=img1\nframeRate=20\nseqLength=50\nimWidth=320\nimHeight=180\nimExt=.png\n"
    )
    for name in NAMES:
        source = root / "input" / name
        source = source if source.exists() else source.with_suffix(".mp4")
        sinks = [root / f"expected/{name}.txt", root / f"expected/{name}.jsonl"]
        for _ in trackforge.track(source, trackforge.detector("motion"), "byte", sinks=sinks):
            pass
    assert all((root / f"expected/{name}.txt").stat().st_size > 200 for name in NAMES), "somebody is there to track"
    return root


class Nothing:
    classes, embedding_dim = ("person",), None

    def detect(self, frames):
        return [trackforge.Detections.empty() for _ in frames]


@pytest.fixture
def tree(footage, tmp_path) -> Path:
    """What a job finds at /opt/ml: the footage, and a model.tar.gz that names its detector."""
    ml = tmp_path / "ml"
    shutil.copytree(footage / "input", ml / "processing/input")
    (ml / "processing/model").mkdir()
    (tmp_path / "trackforge.toml").write_text('[detector]\nname = "motion"\n[tracker]\nname = "byte"\n')
    with tarfile.open(ml / "processing/model/model.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "trackforge.toml", "trackforge.toml")
    (ml / "output").mkdir()
    return ml


@pytest.fixture
def here(monkeypatch):
    """Carry out a job in this process; returns its exit code."""
    for key in os.environ:
        if key not in environment():
            monkeypatch.delenv(key)

    def carried_out(ml: Path, *more: str) -> int:
        monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(ml))
        return main(more)

    return carried_out


def test_analytics_of_the_model_and_the_job_are_those_of_analyze(tree, here, tmp_path, capsys):
    shutil.rmtree(tree / "processing/model")
    (tree / "processing/model").mkdir()
    (tree / "processing/model/trackforge.toml").write_text(
        '[detector]\nname = "motion"\n[tracker]\nname = "byte"\n[analytics.lines]\nlines = "door=50%,0 50%,100%"\n'
    )
    for other in ("shots", "MOT", "cam1/c.mp4"):
        subprocess.run(["rm", "-r", str(tree / "processing/input" / other)], check=True)
    film = tree / "processing/input/cam1/b.mp4"
    output = tree / "processing/output/cam1"
    zone = "all=0,0 100%,0 100%,100% 0,100%"
    assert here(tree, "--zone", zone) == 0, capsys.readouterr().err
    asked = ["--detector", "motion", "--tracker", "byte", "--line", "door=50%,0 50%,100%", "--zone", zone]
    assert cli(["analyze", str(film), *asked, "--plots", "none", "-o", f"{tmp_path}/one/"]) == 0
    for name in ("events.csv", "counts.csv", "tracks.csv"):
        made = (output / "b.analytics" / name).read_text()
        assert made == (tmp_path / "one" / name).read_text()
        assert len(made.splitlines()) > 1
    (entry,) = json.loads((tree / "processing/output/summary.json").read_text())["sequences"]
    assert {"cam1/b.txt", "cam1/b.analytics/events.csv", "cam1/b.analytics/tracks.csv"} <= set(entry["outputs"])
    (output / "b.analytics/tracks.csv").unlink()
    assert here(tree, "--zone", zone) == 0
    assert (output / "b.analytics/tracks.csv").is_file()  # what is not whole is made again
    assert here(tree, "--zone", zone) == 0
    assert "kept" in capsys.readouterr().out


def words(ml: Path, *more: str) -> list[str]:
    return as_opt_ml(ml, [COMMAND, "process", *more])


def environment(**more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("TRACKFORGE_PROCESS", "SM_"))}
    kept.pop("SAGEMAKER_BASE_DIR", None)
    return {**kept, "OMP_NUM_THREADS": "1", **more}


def process(ml: Path, *more: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words(ml, *more), env=environment(**variables), capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def configure(ml: Path, *, host: str = "algo-1", hosts: int = 1, kind: str = "FullyReplicated", **more) -> None:
    (ml / "config").mkdir(exist_ok=True)
    names = [f"algo-{k + 1}" for k in range(hosts)]
    (ml / "config/resourceconfig.json").write_text(json.dumps({"current_host": host, "hosts": names}))
    said = {"LocalPath": "/opt/ml/processing/input", "S3DataDistributionType": kind, "S3DataType": "S3Prefix"}
    job = {"ProcessingInputs": [{"InputName": "videos", "S3Input": said}], **more}
    (ml / "config/processingjobconfig.json").write_text(json.dumps(job))


def made(ml: Path, suffix: str = ".txt") -> dict[str, bytes]:
    output = ml / "processing/output"
    files = (path for path in output.rglob(f"*{suffix}") if not path.name.endswith(f".labels{suffix}"))
    return {path.relative_to(output).as_posix().removesuffix(suffix): path.read_bytes() for path in files}


def wanted(footage: Path, suffix: str = ".txt") -> dict[str, bytes]:
    return {name: (footage / f"expected/{name}{suffix}").read_bytes() for name in NAMES}


def states(ml: Path, name: str = "summary.json") -> dict[str, str]:
    summary = json.loads((ml / "processing/output" / name).read_text())
    return {one["name"]: one["state"] for one in summary["sequences"]}


@contained
def test_a_job_gives_what_the_library_gives_and_a_broken_film_takes_no_other_along(tree, footage):
    whole = (tree / "processing/input/cam1/b.mp4").read_bytes()
    (tree / "processing/input/a-broken.mp4").write_bytes(whole[:600] + bytes(2000))
    (tree / "processing/input/cam1/empty.avi").write_bytes(b"")
    configure(tree, Environment={"TRACKFORGE_PROCESS_FORMATS": "mot,jsonl,video,seqlabel"})
    done = process(tree)
    assert done.returncode == 0, done.stdout + done.stderr
    assert made(tree) == wanted(footage)
    sequences = {name: [json.loads(line) for line in text.splitlines()] for name, text in made(tree, ".jsonl").items()}
    expected = {
        name: [json.loads(line) for line in text.splitlines()] for name, text in wanted(footage, ".jsonl").items()
    }
    assert {k: v for k, v in sequences.items() if "processed" not in k} == expected
    assert states(tree) == {**dict.fromkeys(NAMES, "done"), "a-broken": "failed", "cam1/empty": "failed"}
    failures = json.loads((tree / "processing/output/failures.json").read_text())
    assert [one["name"] for one in failures] == ["a-broken", "cam1/empty"]
    assert all("/opt/ml/processing/input/" in one["input"] and one["error"] for one in failures)
    message = (tree / "output/message").read_text()
    assert message.startswith("4 of 6 sequences tracked, 2 failed. a-broken: ")
    assert len(message) <= 1024
    assert not (tree / "output/failure").exists()
    lines = done.stdout.splitlines()
    assert lines[0] == "6 sequences in /opt/ml/processing/input"
    assert [line[:5] for line in lines[1:-1]] == [f"[{k}/6]" for k in range(1, 7)]
    labels = json.loads((tree / "processing/output/shots.seqlabel.json").read_text())["tracking-annotations"]
    assert [frame["frame"] for frame in labels] == [f"{k + 1:06d}.png" for k in range(50)]
    assert len(list(trackforge.source(tree / "processing/output/cam1/b.mp4"))) == 50
    assert not list(tree.rglob("*.partial*"))


def test_two_hosts_together_do_the_whole_and_nothing_twice(footage, here, tree):
    shares = []
    for host in ("algo-1", "algo-2"):
        configure(tree, host=host, hosts=2)
        assert here(tree) == 0
        assert set(states(tree, f"summary-{host}.json")) == set(made(tree))
        shares.append(made(tree))
        shutil.rmtree(tree / "processing/output")
    assert not set(shares[0]) & set(shares[1])
    assert {**shares[0], **shares[1]} == wanted(footage)
    assert {len(mine) for mine in shares} == {2}


def test_a_host_with_files_of_its_own_takes_them_all_but_no_part_of_a_folder(footage, here, tree):
    for other in ("cam1/c.mp4", "MOT"):
        place = tree / "processing/input" / other
        shutil.rmtree(place) if place.is_dir() else place.unlink()
    configure(tree, host="algo-2", hosts=2, kind="ShardedByS3Key")
    assert here(tree) == 0
    assert made(tree) == {"cam1/b": wanted(footage)["cam1/b"]}
    failures = json.loads((tree / "processing/output/failures-algo-2.json").read_text())
    assert [one["name"] for one in failures] == ["shots"]
    assert "S3DataDistributionType FullyReplicated" in failures[0]["error"]


def until(condition, running: subprocess.Popen) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert running.poll() is None, "it ended before it could be stopped"
        assert time.monotonic() < end
        time.sleep(0.02)


@contained
def test_killed_then_stopped_then_finished_is_the_same(footage, tree):
    output = tree / "processing/output"
    slow = ("--progress", "0.001")  # a line a frame tells how far it is

    def lines() -> str:
        return (tree / "log").read_text()

    def within(head: str) -> bool:
        return f"{head} " in lines() and " of 50 frames" in lines().rpartition(head)[2]

    for number, (name, after) in enumerate(((signal.SIGKILL, "[2/4]"), (signal.SIGTERM, "[3/4]"))):
        with (tree / "log").open("w") as log:
            running = subprocess.Popen(words(tree, *slow), env=environment(), stdout=log, stderr=subprocess.STDOUT)
            until(functools.partial(within, after), running)
            running.send_signal(name)
            running.wait(PATIENCE)
        if number:
            assert running.returncode == 128 + signal.SIGTERM, lines()
            assert states(tree)["cam1/c"] == "stopped"
            assert (tree / "output/message").read_text().startswith("Stopped by signal 15. 2 of 4 sequences tracked")
            assert json.loads((output / "summary.json").read_text())["interrupted"]
        else:
            assert running.returncode == -signal.SIGKILL
            assert not (output / "cam1/b.txt").exists(), "half of it stands nowhere under its name"
    before = {name: (output / f"{name}.txt").stat().st_mtime_ns for name in ("MOT/S1", "cam1/b")}
    done = process(tree)
    assert done.returncode == 0, done.stdout + done.stderr
    assert made(tree) == wanted(footage)
    assert states(tree) == {"MOT/S1": "kept", "cam1/b": "kept", "cam1/c": "done", "shots": "done"}
    assert before == {name: (output / f"{name}.txt").stat().st_mtime_ns for name in before}
    assert not list(tree.rglob("*.partial*"))


def test_the_layout_of_fairmots_batch_job(footage, here, tree):
    for other in ("cam1/c.mp4", "MOT", "shots"):
        place = tree / "processing/input" / other
        shutil.rmtree(place) if place.is_dir() else place.unlink()
    assert here(tree, "--formats", "fairmot", "--fairmot.min-area", "10") == 0
    output = tree / "processing/output"
    assert {path.name for path in output.iterdir()} == {
        "results.txt", "b.mp4", "frame", "summary.json", "failures.json", "processed.jsonl",
    }  # fmt: skip
    rows = [line.split(",") for line in (output / "results.txt").read_text().splitlines()]
    assert rows
    assert {tuple(row[6:]) for row in rows} == {("1", "-1", "-1", "-1")}
    assert [row[:6] for row in rows] == [
        line.split(",")[:6]
        for line in wanted(footage)["cam1/b"].decode().splitlines()
        if float(line.split(",")[4]) <= 1.6 * float(line.split(",")[5])
    ]
    assert len(list((output / "frame").glob("*.jpg"))) == 50


@contained
def test_an_output_that_cannot_be_written_to_is_no_fault_and_no_name_writes_lines_of_a_log(tree):
    """`/opt/ml/output` is mounted read-only; the message is in the log, too."""
    given = tree / "processing/input"
    shutil.move(given / "shots/000001.png", tree / "one.png")
    shutil.rmtree(given)
    (given / "red\x1b[31m\nINFO trackforge").mkdir(parents=True)
    shutil.move(tree / "one.png", given / "red\x1b[31m\nINFO trackforge")
    script = 'mount -t tmpfs -o ro tmpfs /opt/ml/output && "$@" process && exec "$@" train'
    done = subprocess.run(
        as_opt_ml(tree, ["sh", "-c", script, "sh", COMMAND]),
        env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert list(states(tree).values()) == ["done"], done.stdout + done.stderr
    said = done.stdout + done.stderr
    assert "\x1b" not in said
    assert "\nINFO trackforge:" not in said
    assert "red\\x1b[31m\\nINFO trackforge" in done.stderr
    assert done.returncode == 1, "whoever trains must leave something there"
    assert "Traceback" not in said
    assert "/opt/ml/output/data must be a folder" in said


@contained
def test_a_full_disk_ends_the_job_at_once(tree):
    """Outputs on a disk of 16 kB, of which the first sequence takes more."""
    script = 'mount -t tmpfs -o size=16k tmpfs /opt/ml/processing/output && exec "$@"'
    (tree / "processing/output").mkdir()
    inside = ["sh", "-c", script, "sh", COMMAND, "process", "--formats", "video,mot"]
    done = subprocess.run(
        as_opt_ml(tree, inside), env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "No space left" in (tree / "output/failure").read_text()
    assert "[2/4]" not in done.stdout


@contained
def test_a_script_of_its_own_may_call_it(tree, tmp_path):
    """As ScriptProcessor's ``code=`` does: the script lies among the inputs, and its arguments are its own."""
    for other in ("cam1", "MOT"):
        shutil.rmtree(tree / "processing/input" / other)
    code = tree / "processing/input/code/track.py"
    code.parent.mkdir()
    (block,) = [one for one in examples() if one.language == "python"]
    code.write_text(f"import sys\nassert sys.argv[1:] == ['--mine', '1']\n{block.text}")
    configure(tree, AppSpecification={"ContainerArguments": ["--mine", "1"]})
    inside = [sys.executable, "/opt/ml/processing/input/code/track.py", "--mine", "1"]
    done = subprocess.run(
        as_opt_ml(tree, inside), env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert states(tree) == {"shots": "done"}
    assert set(made(tree)) == {"shots"}


def examples():
    return [one for one in blocks(ROOT / "docs/sagemaker.md") if one.test.endswith(Path(__file__).name)]


@contained
def test_the_command_of_the_page_runs(tree):
    (block,) = [one for one in examples() if one.language == "sh"]
    done = process(tree, *shlex.split(block.text)[2:], "--frames", "10")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(made(tree, ".mp4")) == set(made(tree, ".seqlabel.json")) == set(NAMES)
