"""A run is data: the same in Python, TOML, flags, environment and hyperparameters, and again from what it wrote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import trackforge
from trackforge import runs
from trackforge.cli import main
from trackforge.config import describe
from trackforge.errors import ConfigError
from trackforge.io.mot import write_mot
from trackforge.protocols import StreamAware
from trackforge.runs.layers import content, options, sections
from trackforge.runs.values import toml
from trackforge.synthetic.world import SyntheticSource, SyntheticSourceConfig
from trackforge.training.run import TrainingRun, TrainingTask
from trackforge.tuning.run import TuningPlan, TuningRun


@pytest.fixture
def sequences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two MOTChallenge sequences without pictures, in the working directory."""
    for seed, name in enumerate(("walk-2", "walk-10")):
        table = SyntheticSource(SyntheticSourceConfig(frames=40, size=(320, 240), seed=seed)).truth
        write_mot(tmp_path / "set" / name / "gt" / "gt.txt", table, kind="truth")
        write_mot(tmp_path / "set" / name / "det" / "det.txt", table, kind="detections")
        (tmp_path / "set" / name / "seqinfo.ini").write_text(
            f"[Sequence]\nname={name}\nimDir=img1\nframeRate=20\nseqLength=40\nimWidth=320\nimHeight=240\nimExt=.jpg\n"
        )
    monkeypatch.chdir(tmp_path)
    return tmp_path


DETECTIONS = "set/{name}/det/det.txt"
JOB = runs.TrackingRun(
    sources=("set",),
    detector=runs.Component("detector", "file", {"path": DETECTIONS}),
    tracker={"name": "byte", "min_hits": 3, "duplicate_iou": None},
    out=("out/", "out/{name}.jsonl"),
    sinks={"mot": {"decimals": 4}},
    truth=(Path("set"),),
    frames=30,
    batch_size=4,
    box="detected",
)
FILE = f"""
sources = ["set"]
out = ["out/", "out/{{name}}.jsonl"]
truth = ["set"]
frames = 30
batch_size = 4
box = "detected"
[detector]
name = "file"
path = "{DETECTIONS}"
[tracker]
name = "byte"
min_hits = 3
duplicate_iou = "none"
[sinks.mot]
decimals = 4
"""
FLAGS = (
    "set", "--detector", "file", "--set", f"detector.path={DETECTIONS}", "--tracker", "byte", "--set",
    "tracker.min_hits=3", "--set", "tracker.duplicate_iou=none", "-o", "out/", "-o", "out/{name}.jsonl", "--set",
    "mot.decimals=4", "--truth", "set", "--frames", "30", "--batch-size", "4", "--box", "detected",
)  # fmt: skip
TEXTS = {
    "sources": "set", "detector": "file", "detector.path": DETECTIONS, "tracker": "byte", "tracker.min_hits": "3",
    "tracker.duplicate_iou": "none", "out": "out/,out/{name}.jsonl", "mot.decimals": "4", "truth": "set",
    "frames": "30", "batch_size": "4", "box": "detected",
}  # fmt: skip


def files(folder: Path) -> dict[str, bytes]:
    """Return what a run wrote, times apart."""
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    summary = json.loads(found.pop("summary.json"))
    for sequence in summary["sequences"]:
        for name in ("seconds", "fps", "stage_ms", "started"):
            del sequence[name]
    del summary["started"], summary["ended"]
    return found | {"summary.json": json.dumps(summary).encode()}


def in_python() -> None:
    runs.carry_out(runs.plan(JOB))


def in_a_file() -> None:
    Path("job.toml").write_text(FILE)
    assert main(["track", "--config", "job.toml", "-q"]) == 0


def in_flags() -> None:
    assert main(["track", *FLAGS, "-q"]) == 0


def in_hyperparameters() -> None:
    runs.carry_out(runs.plan(runs.from_strings(TEXTS, runs.TrackingRun, "hyperparameters")))


def in_the_environment() -> None:
    for key, value in TEXTS.items():
        os.environ["TRACKFORGE_TRACK_" + key.replace(".", "__").upper()] = value
    try:
        assert main(["track", "-q"]) == 0
    finally:
        for key in [key for key in os.environ if key.startswith("TRACKFORGE_TRACK_")]:
            del os.environ[key]


def in_a_request() -> None:
    given = json.loads(json.dumps({**content(JOB), "truth": ["set"]}))
    runs.carry_out(runs.plan(runs.from_mapping(given, runs.TrackingRun, "request")))


def test_every_spelling_writes_the_same_bytes(sequences: Path) -> None:
    written = []
    spellings: tuple[Callable[[], None], ...] = (
        in_python, in_a_file, in_flags, in_hyperparameters, in_the_environment, in_a_request,
    )  # fmt: skip
    for spelling in spellings:
        spelling()
        written.append(files(sequences / "out"))
        (sequences / "out").rename(sequences / spelling.__name__)
    assert set(written[0]) == {
        "walk-2.txt", "walk-10.txt", "walk-2.jsonl", "walk-10.jsonl", "run.toml", "summary.json",
    }  # fmt: skip
    assert json.loads(written[0]["summary.json"])["scores"]["combined"]["MOTA"] > 0.5
    for spelling, other in zip(spellings, written, strict=True):
        assert other == written[0], spelling.__name__


def test_what_a_run_wrote_down_repeats_it(sequences: Path) -> None:
    in_flags()
    before = files(sequences / "out")
    config = sequences / "again.toml"
    (sequences / "out" / "run.toml").rename(config)
    assert main(["track", "--config", str(config), "-q"]) == 0
    assert files(sequences / "out") == before


def test_outputs_given_as_tables_are_written_down_whole() -> None:
    job = runs.TrackingRun(
        sources=("synthetic",),
        source={"frames": 5, "size": (160, 120)},
        associator={"name": "iou", "min_iou": 0.2},
        sink=({"path": "a.data", "name": "mot", "decimals": 1}, {"path": "b.txt"}),
        box="detected",
    )
    plan = runs.plan(job)
    settled = plan.job()
    assert [sink["name"] for sink in settled.sink] == ["mot", "mot"]
    assert isinstance(settled.tracker, runs.Component)
    assert settled.tracker.settings["associator_settings"] == {"min_iou": 0.2}
    again = runs.plan(settled)
    assert again.job() == settled
    assert list(again.components()) == list(plan.components())
    lines = ("[[sink]]", 'path = "a.data"', 'name = "mot"', 'box = "detected"', "decimals = 1", "")
    assert "\n".join(lines) in toml(content(settled))


def test_any_text_in_a_run_can_be_read_back(tmp_path: Path) -> None:
    odd = "a 'b' \"c\" \\ = \u00fc \u2028 \x00 \x7f\n{name}"
    job = runs.TrackingRun(sources=(odd,), detector={"name": "file", "path": odd, odd: [1e-07, None, True]})
    file = tmp_path / "run.toml"
    file.write_text(toml(content(job)), encoding="utf-8")
    layer = runs.from_toml(file, runs.TrackingRun)
    assert layer.options["sources"] == (odd,)
    assert layer.tables["detector"] == {"name": "file", "path": odd, odd: [1e-07, "none", True]}


def test_progress_and_stopping_are_passed_in() -> None:
    seen: list[Any] = []

    class Bar:
        def __init__(self, name: str, total: int | None) -> None:
            seen.append((name, total))

        def __enter__(self) -> Callable[[], None]:
            return self.advance

        def __exit__(self, *error: object) -> None:
            seen.append("closed")

        def advance(self) -> None:
            seen.append("frame")
            if seen.count("frame") == 3:
                stopping.signal = 15

    stopping = runs.Stopping()
    job = runs.TrackingRun(sources=("synthetic",), source={"frames": 9, "size": (160, 120)})
    [result] = runs.run(runs.plan(job), progress=Bar, stopping=stopping)
    assert seen == [("street", 9), *["frame"] * 3, "closed"]
    assert (result.frames, result.stopped) == (3, True)


def test_stronger_places_win(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = [
        runs.from_mapping({"frames": 3, "ahead": 1, "tracker": {"name": "byte", "min_hits": 2}}, runs.TrackingRun, "a"),
        *runs.from_environment(
            runs.TrackingRun,
            "track",
            {"TRACKFORGE_TRACK_FRAMES": "7", "TRACKFORGE_TRACK_TRACKER__MIN_HITS": "4", "TRACKFORGE_DEBUG": "1"},
        ),
    ]
    made = runs.plan(*layers, runs.TrackingRun(sources=("synthetic",)))
    assert (made.options.frames, made.options.ahead) == (7, 1)
    assert made.tracker.settings == {"min_hits": 4}


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"TRACKFORGE_TRACK_FRMES": "1"}, "TRACKFORGE_TRACK_FRMES: unknown key 'frmes'. Did you mean 'frames'?"),
        ({"TRACKFORGE_TRACK_FRAMES": "0"}, "TRACKFORGE_TRACK_FRAMES: TrackingRun.frames must be >= 1; got '0'"),
        ({"TRACKFORGE_TRACK_SINK": "a.txt"}, "outputs are given by 'out'"),
        ({"TRACKFORGE_TRACK_TRACKR__MIN_HITS": "1"}, "unknown section 'trackr'. Did you mean 'tracker'?"),
    ],
)
def test_what_is_wrong_in_the_environment_is_told_with_its_name(environment: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match="TRACKFORGE_TRACK_") as raised:
        runs.from_environment(runs.TrackingRun, "track", environment)
    assert message in str(raised.value)


def test_an_empty_variable_says_nothing() -> None:
    environment = {"TRACKFORGE_TRACK_TRACKER": "", "TRACKFORGE_TRACK_BATCH_SIZE": ""}
    assert runs.from_environment(runs.TrackingRun, "track", environment) == []


def test_settings_of_sinks_by_name_are_checked() -> None:
    for wrong in ({"overly": {}}, {"mot": 3}):
        with pytest.raises(ConfigError, match="settings of sinks are tables by name"):
            runs.from_mapping({"sinks": wrong}, runs.TrackingRun, "request")


@pytest.mark.parametrize("declaration", [runs.TrackingRun, TuningRun, TrainingRun])
def test_every_setting_of_a_job_has_a_word_of_help(declaration: type) -> None:
    assert all(s.help for s in describe(declaration))
    assert not any(s.required for s in describe(declaration))
    assert sections(declaration)


def test_jobs_of_training_and_tuning_are_data_too(tmp_path: Path) -> None:
    texts = {"trainer": "yolox", "data": "a,b", "val_share": "0.25", "train.epochs": "3", "rename": "a=b,c=d"}
    task = TrainingTask.of(runs.from_strings(texts, TrainingRun, "hyperparameters"))
    assert (task.trainer.name, task.loop, task.out) == ("yolox", {"epochs": 3}, Path("runs/yolox"))
    assert task.options.data == (Path("a"), Path("b"))
    assert task.options.rename == ("a=b", "c=d")
    with pytest.raises(ConfigError, match="val_share must be > 0 and < 1"):
        runs.from_strings({"val_share": "1"}, TrainingRun, "hyperparameters")
    with pytest.raises(ConfigError, match="needs the name of a trainer"):
        TrainingTask.of(TrainingRun(data=(tmp_path,)))
    search = TuningPlan.of(TuningRun(tracker="byte", tune=("tracker.min_hits",)))
    assert [one.name for one in search.space()] == ["tracker.min_hits"]
    assert options(TuningRun, [runs.from_strings({"pruning": "no"}, TuningRun, "x")]).pruning is False


def test_replay_begins_anew_and_tells_the_tracker_of_the_stream() -> None:
    class Listening:
        def __init__(self) -> None:
            self.inner = trackforge.tracker("iou")
            self.told: list[Any] = []

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        def open(self, stream: Any, /) -> None:
            self.told.append((stream.name, stream.size))

    frames = [trackforge.Frame(index=i, size=(90, 60), sequence="walk") for i in range(3)]
    boxes = trackforge.Detections(xyxy=[[10, 10, 50, 50]], score=[0.9])
    tracker: Any = Listening()
    assert isinstance(tracker, StreamAware)
    for _ in range(2):
        steps = list(runs.replay([(frame, boxes) for frame in frames], tracker))
        assert [step.tracks.track_id.tolist() for step in steps] == [[1]] * 3
    assert tracker.told == [("walk", (90, 60))] * 2


def test_a_run_needs_neither_the_command_line_nor_its_packages() -> None:
    code = (
        "import sys\n"
        "heavy = ('cyclopts', 'rich', 'torch', 'cv2', 'av', 'scipy', 'matplotlib', 'optuna', 'pyarrow')\n"
        "from trackforge import runs\n"
        "assert not {'trackforge.cli', *heavy} & set(sys.modules), sorted(sys.modules)\n"
        "sys.modules |= dict.fromkeys(('cyclopts', 'rich'))\n"
        "job = runs.TrackingRun(sources=('synthetic',), source={'frames': 5, 'size': '160x120'})\n"
        "assert runs.carry_out(runs.plan(job)).results[0].frames == 5\n"
        "assert 'trackforge.cli' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_file_of_weights_names_its_detector() -> None:
    weights = Path(__file__).parents[2] / "plugins/trackforge-yolox/tests/fixtures/people-format1.onnx"
    detector = runs.plan(
        runs.TrackingRun(sources=("synthetic",), detector={"name": str(weights), "score": 0.4})
    ).detector
    assert (detector.name, detector.settings) == ("yolox", {"weights": str(weights), "score": 0.4})
