"""``trackforge track`` from a shell: outputs, settings from every place, scores, early stops."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from cli_runs import ENVIRONMENT, command, run, run_json
from io_files import write_picture

from trackforge.cli import main
from trackforge.io.mot import read_mot, write_mot
from trackforge.metrics import evaluate
from trackforge.registry import registry
from trackforge.synthetic.world import SyntheticSource, SyntheticSourceConfig

SMALL = ("--set", "source.frames=40", "--set", "source.size=320x240")
MOT = "1,1,10,20,30,60,0.9,-1,-1,-1\n"


@pytest.fixture(scope="module")
def sequences(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two MOTChallenge sequences without pictures: truth, and the truth's boxes as detections."""
    root = tmp_path_factory.mktemp("sequences")
    for seed, name in enumerate(("walk-2", "walk-10")):
        table = SyntheticSource(SyntheticSourceConfig(frames=120, size=(320, 240), seed=seed)).truth
        write_mot(root / name / "gt" / "gt.txt", table, kind="truth")
        write_mot(root / name / "det" / "det.txt", table, kind="detections")
        (root / name / "seqinfo.ini").write_text(
            f"[Sequence]\nname={name}\nimDir=img1\nframeRate=20\nseqLength=120\nimWidth=320\nimHeight=240\nimExt=.jpg\n"
        )
    return root


def frames_of(video: Path) -> int:
    with av.open(str(video)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_a_folder_gets_video_mot_file_and_summary(tmp_path: Path) -> None:
    done = run("track", "synthetic", *SMALL, "-o", tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "run.toml", "street.mp4", "street.txt", "summary.json",
    ]  # fmt: skip
    assert frames_of(tmp_path / "out" / "street.mp4") == 40
    table = read_mot(tmp_path / "out" / "street.txt")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    [sequence] = summary["sequences"]
    assert (sequence["frames"], sequence["boxes"]) == (40, len(table))
    assert sequence["ids"] == len(set(table.track_id.tolist()))
    assert set(sequence["stage_ms"]) == {"decode", "detect", "track", "write"}
    assert "street: 40 frames" in done.stdout
    [chosen] = done.stderr.splitlines()
    assert chosen.startswith("detector: motion, since no network's weights are at hand; --detector yolox downloads")


def test_outputs_by_ending_and_json_on_stdout(tmp_path: Path) -> None:
    outs = [tmp_path / f"a.{ending}" for ending in ("txt", "json", "jsonl", "parquet", "mkv")]
    answer = run_json("track", "synthetic", *SMALL, *(word for out in outs for word in ("-o", out)))
    assert answer["sequences"][0]["outputs"] == [str(out) for out in outs]
    assert all(out.stat().st_size for out in outs)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(out.name for out in outs)
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == 40


@pytest.mark.parametrize("words", [("--ahead", 0), ("--batch-size", 7), ("--batch-size", 3, "--ahead", 1)])
def test_how_far_stages_run_ahead_changes_no_result(tmp_path: Path, words: tuple[object, ...]) -> None:
    run("track", "synthetic", *SMALL, "-o", tmp_path / "a.jsonl")
    run("track", "synthetic", *SMALL, "-o", tmp_path / "b.jsonl", *words)
    assert (tmp_path / "a.jsonl").read_text() == (tmp_path / "b.jsonl").read_text()


def test_flags_leave_the_words_after_them_alone(sequences: Path, tmp_path: Path) -> None:
    folder = sequences / "walk-2"
    words = (
        "--detector",
        "file",
        "--set",
        f"detector.path={folder}/det/det.txt",
        "--truth",
        folder,
        "--classes",
        "object",
    )
    answer = run_json("track", *words, folder, "-o", tmp_path / "a.txt", "--frames", 5)
    assert [one["name"] for one in answer["sequences"]] == ["walk-2"]


def test_video_to_scores_in_one_command(tmp_path: Path) -> None:
    settings = SyntheticSourceConfig(frames=60, size=(480, 270), seed=3)
    truth = tmp_path / "gt.txt"
    write_mot(truth, SyntheticSource(settings).truth, kind="truth")
    words = (
        "track",
        "synthetic",
        "--set",
        "source.frames=60",
        "--set",
        "source.size=480x270",
        "--set",
        "source.seed=3",
    )
    answer = run_json(*words, "--truth", truth, "-o", tmp_path / "a.txt", "--set", "mot.decimals=6")
    scores = answer["scores"]["combined"]
    report = evaluate(truth, tmp_path / "a.txt", lengths=60)
    for name in ("HOTA", "MOTA", "IDF1", "IDSW", "CLR_FP", "CLR_FN"):
        assert scores[name] == pytest.approx(report.combined[name], abs=1e-3), name
    assert 0.2 < scores["HOTA"] < 1
    assert 0.2 < answer["scores"]["detections"]["ap50"] <= 1
    shown = run(*words, "--truth", truth, "--quiet").stdout
    assert "HOTA" in shown
    assert "AP50" in shown
    assert "fps" not in shown


def test_a_folder_of_sequences_with_known_detections(sequences: Path, tmp_path: Path) -> None:
    words = ("track", sequences, "--detector", "file", "--set", f"detector.path={sequences}/{{name}}/det/det.txt")
    answer = run_json(*words, "--truth", sequences, "--box", "detected", "-o", tmp_path / "out")
    assert [one["name"] for one in answer["sequences"]] == ["walk-2", "walk-10"]  # natural order
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"walk-2.txt", "walk-10.txt", "summary.json", "run.toml"}
    assert answer["scores"]["combined"]["MOTA"] > 0.7
    assert answer["scores"]["detections"]["ap50"] > 0.99
    # every sequence by itself gives the same: nothing is carried from one to the next
    alone = ("track", sequences / "walk-10", *words[2:4], "--set", f"detector.path={sequences}/walk-10/det/det.txt")
    run(*alone, "--box", "detected", "-o", tmp_path / "alone.txt")
    assert (tmp_path / "alone.txt").read_text() == (tmp_path / "out" / "walk-10.txt").read_text()
    # and the files score the same with eval
    again = run_json("eval", sequences, tmp_path / "out")
    assert again["combined"]["IDF1"] == pytest.approx(answer["scores"]["combined"]["IDF1"], abs=1e-3)


def test_several_sequences_do_not_share_a_file(sequences: Path, tmp_path: Path) -> None:
    done = run("track", sequences, "-o", tmp_path / "a.txt", code=2)
    assert "2 sequences cannot share the file" in done.stderr
    done = run("track", sequences / "walk-2", sequences / "walk-2", code=2)
    assert "two are called 'walk-2'" in done.stderr


def test_settings_flags_beat_set_beats_file_beats_defaults(sequences: Path, tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text(
        f'sources = ["{sequences}/walk-2"]\nframes = 90\n'
        f'[detector]\nname = "file"\npath = "{sequences}/walk-2/det/det.txt"\nmin_score = 0.5\n'
        '[tracker]\nname = "byte"\nhigh_score = 0.4\nmin_hits = 3\n'
        f'[[sink]]\npath = "{tmp_path}/x.data"\nname = "mot"\ndecimals = 1\nbox = "detected"\n'
    )
    answer = run_json("track", "--config", config)
    assert answer["detector"]["settings"]["min_score"] == 0.5
    assert answer["tracker"]["settings"] == {"high_score": 0.4, "min_hits": 3}
    assert answer["sequences"][0]["frames"] == 90
    first = (tmp_path / "x.data").read_text().splitlines()[0].split(",")
    assert all(len(number.partition(".")[2]) == 1 for number in first[2:6])

    answer = run_json(
        "track", "-c", config, "--set", "tracker.high_score=0.45", "--frames", 5, "-o", tmp_path / "y.txt"
    )
    assert answer["tracker"]["settings"] == {"high_score": 0.45, "min_hits": 3}
    assert answer["sequences"][0]["frames"] == 5
    assert answer["sequences"][0]["outputs"] == [str(tmp_path / "y.txt")]

    done = run("track", "-c", config, "--tracker", "iou", "--json")
    told = json.loads(done.stdout)["tracker"]
    assert (told["name"], told["settings"]) == ("iou", {})
    assert "the settings of tracker 'byte' go unused, since --tracker asks for 'iou'" in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tracker]\nhihg_score = 1\n", "tracker 'byte': ByteTrackerConfig has no setting 'hihg_score'. Did you mean"),
        ("[tracker]\nname = 'bite'\n", "There is no tracker 'bite'. Did you mean 'byte'?"),
        ("[detector]\nname = 'motion'\nhistory = 'x'\n", "MotionDetectorConfig.history must be int; got 'x'"),
        ("[trakcer]\n", "unknown key 'trakcer'. Did you mean 'tracker'?"),
        ("frames = 'x'\n", "frames must be int or none; got 'x'"),
        ("frames = true\n", "frames must be int or none; got True"),
        ("frames = 0\n", "frames must be >= 1; got 0"),
        ("ahead = -1\n", "ahead must be >= 0 frames; got -1"),
        ("detector = 'yolox'\n", "detector must be a table; got 'yolox'. Write [detector] and name = 'yolox'."),
        ("[sink]\npath = 'x.txt'\n", "write [[sink]], not [sink]"),
        ("[[sink]]\nbox = 'detected'\n", "[[sink]] needs a path"),
        ("[[sink]]\npath = 'a.txt'\nboxx = 1\n", "MotSinkConfig has no setting 'boxx'. Did you mean 'box'?"),
        ("[source]\nfrmaes = 1\n", "SyntheticSourceConfig has no setting 'frmaes'. Did you mean 'frames'?"),
        ("a = = 1\n", "this is not TOML"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    config = tmp_path / "run.toml"
    config.write_text(text)
    assert main(["track", "synthetic", "--config", str(config)]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"error: {config}: ")
    assert message in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--detectr", "motion"), "Unknown option: --detectr. Did you mean --detector?"),
        (("--tracker", "bite"), "--tracker: There is no tracker 'bite'. Did you mean 'byte'?"),
        (("--set", "tracker.hihg_score=1"), "--set: tracker 'byte': ByteTrackerConfig has no setting 'hihg_score'"),
        (("--set", "tracker.high_score=x"), "high_score must be float; got 'x'"),
        (("--set", "tracker.high_score"), "--set must read section.key=value"),
        (("--set", "trakcer.high_score=1"), "unknown section 'trakcer'. Did you mean 'tracker'?"),
        (("--set", "sink.box=detected"), "no output has a setting 'box'"),
        (("--set", "sink.boxx=detected", "-o", "a.txt"), "no output has a setting 'boxx'. Did you mean 'box'?"),
        (
            ("--set", "overlay.trial=3", "-o", "a.txt"),
            "OverlaySinkConfig has no setting 'trial'. Did you mean 'trail'?",
        ),
        (("-o", "a.nothing"), "no sink is known for 'a.nothing'"),
        (("-o", "a.txt", "-o", "a.txt"), "a.txt is there twice"),
        (("--frames", "0"), "--frames"),
        (("--batch-size", "many"), "--batch-size"),
        (("--batch-size", "2.5"), "--batch-size: TrackingRun.batch_size must be int; got '2.5'"),
        (("--ahead", "-1"), "--ahead"),
        (("--box", "both"), "--box"),
        (("--classes", "zebra", "--frames", "2"), "'zebra' is none. There are 1: person"),
        (("--config", "nowhere.toml"), "--config must name a TOML file; nowhere.toml cannot be read"),
        (("--truth", ".", "--preprocessing", "mot71"), "preprocessing must be one of"),
        (("--tracker", "byte", "--associator", "iou"), "only 'online' takes one by name"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_one_message(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["track", "synthetic", *words]) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert "Traceback" not in said.err
    assert said.out == ""
    assert not list(tmp_path.iterdir())


def test_failures_are_exit_code_1_and_leave_nothing(tmp_path: Path) -> None:
    (tmp_path / "text.avi").write_text("this is no video\n")
    done = run("track", tmp_path / "text.avi", "-o", tmp_path / "a.txt", code=1)
    assert "text.avi" in done.stderr
    assert "Traceback" not in done.stderr
    done = run("track", tmp_path / "nowhere.mp4", code=1)
    assert "does not exist" in done.stderr
    done = run("track", "synthetic", "--truth", tmp_path / "nowhere.txt", code=1)
    assert "truth must name a file or folder; there is no" in done.stderr
    (tmp_path / "gt.txt").write_text(MOT + "2,1,10,20\n")
    done = run("track", "synthetic", "--truth", tmp_path / "gt.txt", code=1)
    assert "gt.txt:2: " in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["gt.txt", "text.avi"]
    done = run("track", tmp_path / "text.avi", "--debug", code=1)
    assert "Traceback" in done.stderr


def test_damaged_frames_are_counted(tmp_path: Path) -> None:
    for index in range(5):
        write_picture(tmp_path / "shots" / f"{index}.png", index)
    for index in (1, 3):
        (tmp_path / "shots" / f"{index}.png").write_bytes(b"damaged")
    sequence = run_json("track", tmp_path / "shots", "-o", tmp_path / "a.txt")["sequences"][0]
    assert (sequence["frames"], sequence["skipped"]) == (3, 2)
    assert "3 frames (2 damaged ones skipped)" in run("track", tmp_path / "shots").stdout
    done = run("track", tmp_path / "shots", "--set", "source.on_corrupt=stop", "-o", tmp_path / "b.txt", code=1)
    assert "1.png cannot be decoded. Repair or remove it" in done.stderr
    assert not (tmp_path / "b.txt").exists()


def test_an_output_never_replaces_its_source(tmp_path: Path) -> None:
    video = tmp_path / "a.mp4"
    run("track", "synthetic", *SMALL, "-o", video)
    before = video.read_bytes()
    done = run("track", video, "-o", video, code=2)
    assert "An output must not replace its source" in done.stderr
    assert video.read_bytes() == before


def test_associator_and_motion_model_by_name() -> None:
    words = ("track", "synthetic", *SMALL, "--associator", "iou", "--set", "motion.name=xysr")
    answer = run_json(
        *words, "--set", "tracker.min_hits=2", "--set", "associator.min_iou=0.2", "--set", "motion.name=xysr"
    )
    tracker = answer["tracker"]
    assert tracker["name"] == "online"
    assert tracker["settings"]["associator"] == "iou"
    assert tracker["settings"]["associator_settings"] == {"min_iou": 0.2}
    assert tracker["settings"]["motion"] == "xysr"
    assert answer["sequences"][0]["boxes"] > 0


def test_help_shows_every_setting_with_unit_and_default() -> None:
    shown = run("track", "synthetic", "--tracker", "byte", "-o", "a.mp4", "--help-settings").stdout
    for words in ("source synthetic", "detector motion", "tracker byte", "sink overlay"):
        assert words in shown
    facts = run_json("track", "synthetic", "-o", "a.mp4", "--help-settings")
    settings = {(one["kind"], s["name"]): s for one in facts for s in one["settings"]}
    [default] = [s.default for s in registry().find("tracker", "byte").settings() if s.name == "high_score"]
    assert settings["tracker", "high_score"]["default"] == default
    assert settings["source", "frames"]["unit"] == "frames"
    assert settings["sink", "path"]["required"] is True
    assert all(s["help"] for s in settings.values())


def test_a_full_disk_leaves_nothing_under_the_final_name(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="file size limits are a matter of Unix")
    for name in ("a.txt", "a.jsonl", "a.mp4"):
        done = subprocess.run(
            command("track", "synthetic", *SMALL, "-o", tmp_path / name),
            capture_output=True,
            text=True,
            timeout=300,
            env=ENVIRONMENT,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500)),
        )
        assert done.returncode == 1, done.stderr
        assert f"{name} cannot be written" in done.stderr
        assert "Traceback" not in done.stderr
        assert not list(tmp_path.iterdir()), name


@pytest.fixture
def endless(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that takes minutes, some frames under way."""
    words = (
        "track",
        "synthetic",
        "--set",
        "source.frames=100000",
        "--set",
        "source.size=160x120",
        "--detector",
        "motion",
    )
    process = subprocess.Popen(
        command(*words, "-o", tmp_path / "out", "-o", tmp_path / "a.jsonl", "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:
        if any(partial.stat().st_size > 20_000 for partial in tmp_path.glob("a.partial-*.jsonl")):
            break
        time.sleep(0.05)
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_complete_files(
    endless: subprocess.Popen[str], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    endless.send_signal(number)
    out, err = endless.communicate(timeout=300)
    assert endless.returncode == code, err
    assert err == "warning: interrupted; the outputs are whole and hold what came before\n"
    answer = json.loads(out)
    assert answer["interrupted"] is True
    frames = answer["sequences"][0]["frames"]
    assert frames > 10
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.jsonl", "out"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "run.toml", "street.mp4", "street.txt", "summary.json",
    ]  # fmt: skip
    assert frames_of(tmp_path / "out" / "street.mp4") == frames
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [line["frame"] for line in lines] == list(range(frames))
    with (tmp_path / "out" / "street.txt").open() as file:
        assert {len(row) for row in csv.reader(file)} == {10}
    assert len(read_mot(tmp_path / "out" / "street.txt")) == sum(len(line["tracks"]) for line in lines)
