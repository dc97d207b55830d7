"""Counting and measuring from the command line: tracked or stored, the same numbers; outputs, refusals, a plugin."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest
from cli_runs import ENVIRONMENT, run, run_json
from toy_analytic import install

from trackforge.review import Document
from trackforge.runs.analyzing import AnalysisRun, plan_analysis
from trackforge.runs.stored_files import read_stored
from trackforge.runs.summary import carry_out

LINE = "door=30%,0 30%,100%"
SOURCE = ("synthetic", "--set", "source.frames=150", "--set", "source.size=320,192")
ZONE = "left=0,0 50%,0 50%,100% 0,100%"
GROUND = "100,80 220,80 300,180 20,180=20x15"
TABLES = ("events.csv", "counts.csv", "tracks.csv", "analytics.json")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(autouse=True)
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let only the first run draw figures, which takes its time."""
    monkeypatch.setitem(ENVIRONMENT, "TRACKFORGE_ANALYZE_PLOTS", "none")


def crossed(folder: Path) -> list[str]:
    """Who crossed the line, in which direction."""
    return [row["track_id"] + row["direction"] for row in rows(folder / "events.csv") if row["analytic"] == "lines"]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small street, tracked and analysed."""
    folder = tmp_path_factory.mktemp("analysed")
    run("analyze", *SOURCE, "--line", LINE, "--zone", ZONE, "--ground", GROUND, "-o", folder / "out")
    return folder / "out"


def test_a_folder_gets_tables_json_and_a_video(out: Path) -> None:
    names = {path.name for path in out.iterdir()}
    assert {*TABLES, "tracks.parquet", "steps.jsonl", "overlay.mp4", "summary.json", "run.toml"} <= names
    assert {"lines-counts.png", "ground-map.png"} <= names
    result = json.loads((out / "analytics.json").read_text())["analytics"]["lines"]["result"]
    events = [row for row in rows(out / "events.csv") if row["analytic"] == "lines"]
    door = result["lines"]["door"]
    assert len(events) == door["in"] + door["out"] > 0
    assert {row["kind"] for row in events} == {"crossing"}
    counts = [row for row in rows(out / "counts.csv") if row["analytic"] == "lines"]
    assert sum(int(row["in"]) + int(row["out"]) for row in counts) == len(events)
    steps = [json.loads(line) for line in (out / "steps.jsonl").read_text().splitlines()]
    assert steps[-1]["analytics"]["lines"]["door"] == {"in": door["in"], "out": door["out"]}
    assert sum(len(step.get("events", ())) for step in steps) == len(rows(out / "events.csv"))
    lives: dict[int, list[int]] = {}
    for step in steps:
        for track in step["tracks"]:
            lives.setdefault(track["track_id"], []).append(step["frame"])
    for row in rows(out / "tracks.csv"):
        frames = lives.pop(int(row["track_id"]))
        assert [int(row[name]) for name in ("first_frame", "last_frame", "frames")] == [
            frames[0],
            frames[-1],
            len(frames),
        ]
        assert float(row["dwell_s"]) == pytest.approx(float(row["last_time"]) - float(row["first_time"]))
    assert not lives


def test_stored_tracks_give_the_same_without_tracking(out: Path, tmp_path: Path) -> None:
    words = ("--line", LINE, "--zone", ZONE, "--ground", GROUND)
    facts = run_json("analyze", out / "steps.jsonl", *words, "-o", tmp_path / "again")
    for name in (*TABLES, "ground-path.csv", "zones-visits.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes(), name
    assert facts["command"] == "analyze"
    assert facts["detector"]["name"] == "tracks"
    door = json.loads((out / "analytics.json").read_text())["analytics"]["lines"]["result"]["lines"]["door"]
    told = facts["sequences"][0]["analytics"]["lines"]["lines"]["door"]
    assert (told["in"], told["out"]) == (door["in"], door["out"])
    run("analyze", "--config", out / "run.toml", "-o", tmp_path / "repeated", cwd=tmp_path)
    assert (tmp_path / "repeated" / "events.csv").read_bytes() == (out / "events.csv").read_bytes()


def test_stored_tracks_with_their_film_are_drawn(out: Path, tmp_path: Path) -> None:
    run("convert", out / "steps.jsonl", tmp_path / "street.txt")
    run("convert", out / "steps.jsonl", tmp_path / "street.parquet")
    words = ("--line", LINE, "--video", out / "overlay.mp4", "-o", tmp_path / "drawn")
    run("analyze", tmp_path / "street.parquet", *words)
    assert (tmp_path / "drawn" / "overlay.mp4").stat().st_size > 1000
    crossings = crossed(out)
    assert crossed(tmp_path / "drawn") == crossings
    run(
        "analyze", tmp_path / "street.txt", "--line", LINE, "--size", "320x192", "--rate", "25", "-o", tmp_path / "text"
    )
    assert crossed(tmp_path / "text") == crossings
    assert not (tmp_path / "text" / "overlay.mp4").exists()


def test_python_and_a_parquet_of_events(out: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as parquet

    places = (str(tmp_path / "a.events.parquet"), str(tmp_path / "a.events.jsonl"))
    gate = {"gate": {"name": "lines", "lines": LINE}}
    job = AnalysisRun(sources=(str(out / "steps.jsonl"),), analytics=gate, out=places)
    summary = carry_out(plan_analysis(job))
    table = parquet.read_table(places[0]).to_pylist()
    assert table == [json.loads(line) for line in Path(places[1]).read_text().splitlines()]
    assert [f"{row['track_id']}{row['direction']}" for row in table] == crossed(out)
    assert {row["analytic"] for row in table} == {"gate"}
    assert summary.results[0].analytics["gate"]["lines"]["door"]["in"] >= 0
    assert summary.as_dict()["job"]["analytics"] == {"gate": {"name": "lines", "lines": LINE}}


def test_labels_and_checked_tracks_are_stored_tracks_too(out: Path, tmp_path: Path) -> None:
    steps = plan_analysis(
        AnalysisRun(sources=(str(out / "steps.jsonl"),), line=LINE, out=(str(tmp_path / "a.seqlabel.json"),))
    )
    whole = carry_out(steps).results[0]
    ((name, table),) = read_stored(out / "steps.jsonl")[0].items()
    frames = tuple(range(150))
    document = Document.from_table(table, classes=["person"], frames=frames, sequence=name, size=(320, 192), rate=25.0)
    document.save(tmp_path / "a.labels.json")
    counts = []
    for file, known in (("a.seqlabel.json", {"size": (320, 192), "rate": 25.0}), ("a.labels.json", {})):
        job = AnalysisRun(sources=(str(tmp_path / file),), line=LINE, **known)
        (result,) = carry_out(plan_analysis(job)).results
        counts.append(len(result.analytics["lines"]["crossings"]))
        assert result.classes == ("person",) or result.classes[-1] == "person"
    assert counts == [len(whole.analytics["lines"]["crossings"])] * 2


def test_settings_come_from_files_environment_and_flags(out: Path, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(f'[analytics.lines]\nlines = "{LINE}"\nmargin = 500\n')
    words: Any = ("analyze", out / "steps.jsonl", "--config", tmp_path / "a.toml", "-o", tmp_path / "out")
    run(*words)
    assert rows(tmp_path / "out" / "events.csv") == []  # nobody is so far beyond
    run(*words, "--set", "analytics.lines.margin=0")
    assert crossed(tmp_path / "out") == crossed(out)
    run(*words, TRACKFORGE_ANALYZE_ANALYTICS__LINES__MARGIN="0", TRACKFORGE_ANALYZE_LINE="other=0,0 9,0")
    settings = json.loads((tmp_path / "out" / "analytics.json").read_text())["analytics"]["lines"]["settings"]
    assert settings == {"lines": "other=0,0 9,0", "margin": 0.0}


def test_an_analytic_of_a_plugin(out: Path, tmp_path: Path) -> None:
    path = os.pathsep.join([str(install(tmp_path / "plugins")), str(Path(__file__).parents[1])])
    words = ("analyze", out / "steps.jsonl", "--analytic", "middle")
    done = run(*words, "-o", tmp_path / "out", PYTHONPATH=path)
    assert "middle crossed " in done.stdout
    assert len(rows(tmp_path / "out" / "events.csv")) > 0
    refused = run(*words, code=2)
    assert "'middle'" in refused.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--analytic", "lnies"), "Did you mean 'lines'"),
        (("--line", "door=1,2,3"), "must have 2 points"),
        (("--line", "door=1,2 x,4"), "must be numbers"),
        (("--line", "door=5000,5000 6000,5000"), "must lie in the picture, 320x192"),
        (("--set", "analytics.lines.limes=3"), "limes"),
        (("--set", "analytics.lines=3"), "must read analytics.NAME.key"),
        (("--line", LINE, "--set", "analytics.lines.margin=wide"), "margin must be float"),
        (("--zone", "queue=0,0 5000,0 50,50", "--zone", "far=900,900 999,900 999,999"), "must lie in the picture"),
        (("--ground", "100,500=0,0 900,500=10,0"), "points"),
        (("--ground", "10,10 50,50 90,90 130,130=5x5"), "--ground"),
        (("--ground", "ten"), "--ground must read X,Y=METRES,METRES"),
    ],
)
def test_what_is_wrong_is_said_before_the_work(out: Path, tmp_path: Path, words: Any, said: str) -> None:
    done = run("analyze", out / "steps.jsonl", *words, "-o", tmp_path / "out", code=2)
    assert said in done.stderr
    assert not (tmp_path / "out").exists()


def test_stored_tracks_are_taken_by_themselves(out: Path, tmp_path: Path) -> None:
    done = run("analyze", out / "steps.jsonl", "synthetic", code=2)
    assert "read by themselves" in done.stderr
    done = run("analyze", *SOURCE, "--video", "a.mp4", code=2)
    assert "--video belongs to stored tracks" in done.stderr
    (tmp_path / "a.txt").write_text("1,0,0,0,5,5,1,-1,-1,-1\n")
    done = run("analyze", tmp_path / "a.txt", "--line", LINE, "--size", "100x100", code=1)
    assert "must have ids from 1 on" in done.stderr
