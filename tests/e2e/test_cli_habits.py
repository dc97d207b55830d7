"""Flags that hands know by heart, and results on standard output, in real processes."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cli_runs import ENVIRONMENT, command, run

from trackforge.cli import main
from trackforge.io.mot import read_mot

SMALL = ("--set", "source.frames=40", "--set", "source.size=320x240", "--detector", "motion")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A street of 100 frames at 20 a second."""
    import trackforge

    path = tmp_path_factory.mktemp("film") / "street.mp4"
    source = trackforge.source("synthetic", frames=100, size=(320, 240))
    for _ in trackforge.track(source, "motion", "byte", sinks=[trackforge.sink(path, labels=False, trail=0)]):
        pass
    return path


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def boxes(path: Path) -> dict[int, list[tuple[float, ...]]]:
    """Return the boxes of detections by frame, from a CSV file."""
    found: dict[int, list[tuple[float, ...]]] = {}
    with path.open() as file:
        for row in csv.DictReader(file):
            corners = tuple(float(row[name]) for name in ("x1", "y1", "x2", "y2"))
            found.setdefault(int(row["frame"]), []).append(corners)
    return found


@pytest.mark.parametrize("out", [("-o", "-"), ("--out", "-"), ("--out=-",), ("-o", "/dev/stdout")])
def test_standard_output_has_the_results_and_nothing_else(out: tuple[str, ...], tmp_path: Path) -> None:
    done = run("track", "synthetic", *SMALL, *out, "-o", "a.jsonl", cwd=tmp_path)
    assert [line["frame"] for line in lines(done.stdout)] == list(range(40))
    assert done.stdout == (tmp_path / "a.jsonl").read_text()
    assert "street: 40 frames" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["a.jsonl"]  # no file of the name -


def test_the_summary_and_scores_go_to_stderr_then(tmp_path: Path) -> None:
    done = run("track", "synthetic", *SMALL, "-o", "-", "--json", cwd=tmp_path)
    assert len(lines(done.stdout)) == 40
    assert json.loads(done.stderr[done.stderr.index("{") :])["sequences"][0]["frames"] == 40


def test_detections_go_to_standard_output_too(tmp_path: Path) -> None:
    done = run("detect", "synthetic", *SMALL, "-o", "-", "-q", cwd=tmp_path)
    assert {one["track_id"] for line in lines(done.stdout) for one in line["tracks"]} == {-1}


def test_a_reader_who_has_seen_enough_ends_the_run_well(tmp_path: Path) -> None:
    words = command("track", "synthetic", "--set", "source.frames=3000", "--set", "source.size=320x240", "--detector",
                    "motion", "-o", "-", "-o", "a.txt")  # fmt: skip
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=ENVIRONMENT
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["frame"] == 0  # before the run has ended: it has 3000 frames
        process.stdout.close()
        told = process.stderr.read().decode()
        assert process.wait() == 0, told
    assert "error" not in told
    assert "the other outputs hold what came before" in told
    assert (tmp_path / "a.txt").exists()


def test_start_and_stride_give_what_the_whole_film_gives_there(film: Path, tmp_path: Path) -> None:
    run("detect", film, "--detector", "file", "--set", f"detector.path={_known(film, tmp_path)}", "-o", "all.csv",
        cwd=tmp_path)  # fmt: skip
    whole = boxes(tmp_path / "all.csv")
    for start in ("50", "0:02.5", "2.5s"):
        run("detect", film, "--detector", "file", "--set", "detector.path=known.txt", "--start", start, "--stride", "7",
            "-o", "part.csv", "-o", "part.txt", "-o", "part.jsonl", cwd=tmp_path)  # fmt: skip
        assert boxes(tmp_path / "part.csv") == {k: v for k, v in whole.items() if k in range(50, 100, 7)}
        told = lines((tmp_path / "part.jsonl").read_text())
        assert [(one["frame"], round(one["timestamp"], 3)) for one in told] == [
            (k, round(k / 20, 3)) for k in range(50, 100, 7)
        ]
        table = read_mot(tmp_path / "part.txt", kind="detections")  # numbers are the film's own
        assert set(table.frame.tolist()) == set(boxes(tmp_path / "part.csv"))


def _known(film: Path, folder: Path) -> Path:
    run("detect", film, "--detector", "motion", "-o", folder / "known.txt", "-q")
    return folder / "known.txt"


def test_a_run_with_habits_is_repeated_by_what_it_writes(film: Path, tmp_path: Path) -> None:
    """Also what is in the middle of a film, in other letters, with crops."""
    run("track", film, "--detector", "Motion", "--tracker", "BYTE", "--conf", ".3", "--start", "1s", "--stride", "2",
        "--save-crops", "crops", "-o", "out/", cwd=tmp_path)  # fmt: skip
    first = {p: p.read_bytes() for p in (tmp_path / "out").iterdir() if p.suffix in (".txt", ".mp4")}
    crops = sorted(str(p.relative_to(tmp_path / "crops")) for p in (tmp_path / "crops").rglob("*.jpg"))
    assert crops
    assert min(int(Path(name).stem) for name in crops) >= 20
    toml = (tmp_path / "out" / "run.toml").read_text()
    assert 'name = "motion"' in toml
    (tmp_path / "crops").rename(tmp_path / "before")
    run("track", "--config", "out/run.toml", cwd=tmp_path)
    assert first == {p: p.read_bytes() for p in first}
    assert sorted(str(p.relative_to(tmp_path / "crops")) for p in (tmp_path / "crops").rglob("*.jpg")) == crops
    assert (tmp_path / "out" / "run.toml").read_text() == toml
    again = run("track", "--config", "out/run.toml", code=1, cwd=tmp_path)
    assert "must be new or empty" in again.stderr


def test_verbose_says_what_runs_and_quiet_is_its_opposite(tmp_path: Path) -> None:
    done = run("track", "synthetic", *SMALL, "-v", "-o", "a.txt", cwd=tmp_path)
    assert "info: street: the first frame, of 320x240, is done after" in done.stderr
    assert "info:" not in run("track", "synthetic", *SMALL, "-o", "a.txt", cwd=tmp_path).stderr
    assert "--verbose or --quiet" in run("track", "synthetic", *SMALL, "-v", "-q", code=2).stderr


def test_show_without_a_display_fails_before_the_work(tmp_path: Path) -> None:
    pytest.importorskip("tkinter")
    environment = {k: v for k, v in ENVIRONMENT.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run(command("track", "synthetic", *SMALL, "--show", "-o", "a.txt"), capture_output=True,
                          text=True, cwd=tmp_path, env=environment, check=False)  # fmt: skip
    assert done.returncode == 1
    assert "A window needs a display" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--detector", "yolx"], "Did you mean 'yolox'?"),
        (["--tracker", "ByteTrak"], "Did you mean 'bytetrack'?"),
        (["--detector", "motion", "--half"], "half means nothing to the detector 'motion'"),
        (["--start", "1:75"], "as 1:30 or 90s"),
        (["--wieghts", "a.onnx"], "Did you mean --weights?"),
        (["-o", "-", "-o", "/dev/stdout"], "is there twice"),
    ],
)
def test_what_is_wrong_is_told_at_once(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["track", "synthetic", *words]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("name", ["track", "detect"])
def test_help_is_grouped(name: str) -> None:
    shown = run(name, "--help", COLUMNS="80").stdout
    titles = ["Input", "Detector", "Tracker", "Output", "Run"]
    found = [shown.index(f"─ {title} ─") for title in titles if name == "track" or title != "Tracker"]
    assert found == sorted(found)
    assert max(len(line) for line in shown.splitlines()) <= 80
    for flag in ("--weights", "--conf", "--show", "--save-crops", "--start", "--set"):
        assert flag in shown


def test_help_and_first_words_load_nothing_heavy() -> None:
    code = (
        "import sys; from trackforge.cli import main; main(sys.argv[1:])\n"
        "heavy = {'av', 'cv2', 'onnxruntime', 'torch', 'scipy', 'pandas', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    for words in ([], ["--help"]):
        done = subprocess.run(
            [command()[0], "-c", code, *words], capture_output=True, text=True, env=ENVIRONMENT, check=False
        )
        assert done.returncode == 0, done.stderr
