"""The parts of a processing job: what is looked at, by which host, where it goes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from io_files import picture

import trackforge
from trackforge import Detections, Frame, Step, Tracks, TrackState
from trackforge.errors import ConfigError, DataError, MissingFileError, SourceError
from trackforge.io.mot import read_mot
from trackforge_sagemaker.opt_ml import OptMl
from trackforge_sagemaker.processing import main
from trackforge_sagemaker.processing.inputs import Item, find_items
from trackforge_sagemaker.processing.places import FORMATS, placed, sweep
from trackforge_sagemaker.processing.saying import listen
from trackforge_sagemaker.processing.sharing import check_whole, share


def laid(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"12345")
    return root


def told(root: Path, *, host: str = "algo-1", hosts: int = 1, inputs=(), **more) -> OptMl:
    """The configuration of a processing job."""
    config = root / "config"
    config.mkdir(parents=True, exist_ok=True)
    names = [f"algo-{k + 1}" for k in range(hosts)]
    (config / "resourceconfig.json").write_text(json.dumps({"current_host": host, "hosts": names}))
    stated = [
        {"InputName": f"in{k}", "S3Input": {"LocalPath": place, "S3DataDistributionType": kind}}
        for k, (place, kind) in enumerate(inputs)
    ]
    (config / "processingjobconfig.json").write_text(json.dumps({"ProcessingInputs": stated, **more}))
    return OptMl(root, {})


# ---- what is looked at


def test_videos_folders_of_pictures_and_sequences_at_any_depth(tmp_path):
    root = laid(
        tmp_path / "input",
        "a.mp4", "cam1/day/b.AVI", "shots/1.jpg", "shots/2.png", "shots/more/3.jpg",
        "MOT/S1/seqinfo.ini", "MOT/S1/img1/000001.jpg", "MOT/S1/gt/gt.txt",
        "cam2/c.mkv", "cam2/preview.jpg", ".hidden/d.mp4", "__MACOSX/._a.mp4", "notes.txt",
    )  # fmt: skip
    (root / "link").symlink_to(root / "cam1")
    laid(root, "out/a.mp4")
    assert [(i.name, i.kind, i.bytes) for i in find_items(root, without=root / "out")] == [
        ("MOT/S1", "sequence", 15), ("a", "video", 5), ("cam1/day/b", "video", 5), ("cam2/c", "video", 5),
        ("shots", "pictures", 10), ("shots/more", "pictures", 5),
    ]  # fmt: skip


def test_what_would_be_called_alike_keeps_its_ending(tmp_path):
    root = laid(tmp_path / "input", "a.mp4", "a.avi", "a/1.jpg", "summary.mp4", "x/summary.mp4")
    laid(root, "summary/1.jpg", "failures-old/1.jpg", "processed/seqinfo.ini", "x/failures/1.jpg")
    assert [i.name for i in find_items(root)] == [
        "a", "a.avi", "a.mp4", "failures-old.pictures", "processed.sequence", "summary.mp4", "summary.pictures",
        "x/failures", "x/summary",
    ]  # fmt: skip
    assert [i.name for i in find_items(root / "summary.mp4")] == ["summary.mp4"]


def test_pictures_in_the_input_itself_a_file_and_nothing(tmp_path):
    assert [i.name for i in find_items(laid(tmp_path / "input", "1.jpg"))] == ["input"]
    assert [i.name for i in find_items(laid(tmp_path, "one.mp4") / "one.mp4")] == ["one"]
    assert find_items(laid(tmp_path / "none", "readme.md")) == []
    with pytest.raises(MissingFileError, match="Check the job's inputs"):
        find_items(tmp_path / "absent")


# ---- by which host


def items(root: Path, count: int = 7, folder: str = "processing/input") -> list[Item]:
    return [Item(f"v{k}", root / folder / f"v{k}.mp4", "video", 1) for k in range(count)]


@pytest.mark.parametrize("hosts", [1, 2, 3, 12])
def test_hosts_share_out_what_all_of_them_have(tmp_path, hosts):
    given = items(tmp_path)
    inputs = [("/opt/ml/processing/input", "FullyReplicated")]
    shares = [share(given, told(tmp_path, host=f"algo-{k + 1}", hosts=hosts, inputs=inputs)) for k in range(hosts)]
    assert sorted(item.name for mine in shares for item in mine) == [item.name for item in given]
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_each_host_takes_all_of_its_own(tmp_path):
    inputs = [("/opt/ml/processing/input", "FullyReplicated"), ("/opt/ml/processing/input/mine", "ShardedByS3Key")]
    ml = told(tmp_path, host="algo-2", hosts=2, inputs=inputs)
    own = items(tmp_path, 3, "processing/input/mine")
    assert [i.path.name for i in share(own, ml)] == ["v0.mp4", "v1.mp4", "v2.mp4"]
    assert [i.name for i in share(items(tmp_path, 4), ml)] == ["v1", "v3"]
    assert len(share(items(tmp_path, 4), ml, "own")) == 4
    assert len(share(own, ml, "shared")) == 1


def test_pictures_that_were_dealt_out_are_no_sequence(tmp_path):
    inputs = [("/opt/ml/processing/input", "ShardedByS3Key")]
    shots = Item("shots", tmp_path / "processing/input/shots", "pictures", 1)
    with pytest.raises(SourceError, match=r"dealt out among 2 hosts .* FullyReplicated"):
        check_whole(shots, told(tmp_path, hosts=2, inputs=inputs))
    check_whole(shots, told(tmp_path, hosts=1, inputs=inputs))
    check_whole(items(tmp_path)[0], told(tmp_path, hosts=2, inputs=inputs))


# ---- where it goes


def test_results_lie_as_their_sequence_does(tmp_path):
    paths = [Path(p["path"]).relative_to(tmp_path).as_posix() for p in placed("c/a", FORMATS, tmp_path, alone=False)]
    assert paths == [
        "c/a.txt", "c/a.jsonl", "c/a.mp4", "c/a.seqlabel.json", "c/a.json", "c/a.csv", "c/a.parquet",
        "c/a/results.txt", "c/a/a.mp4", "c/a/frame",
    ]  # fmt: skip
    alone = [Path(p["path"]).relative_to(tmp_path).as_posix() for p in placed("a", ["fairmot"], tmp_path, alone=True)]
    assert alone == ["results.txt", "a.mp4", "frame"]
    assert placed("{name}{x}", ["mot"], tmp_path, alone=True)[0]["path"] == f"{tmp_path}/(name)(x).txt"
    with pytest.raises(DataError, match="stays in its folder"):
        placed("../a", ["mot"], tmp_path, alone=True)


def test_what_killed_runs_left_is_swept_and_nothing_else(tmp_path):
    laid(tmp_path, "a.partial-0123abcd.txt", "ab.partial-0123abcd.txt", "a.txt", "a.partial-xyz.txt")
    (tmp_path / "frame.partial-0123abcd").mkdir()
    sweep([{"path": str(tmp_path / "a.txt")}, {"path": str(tmp_path / "frame")}, {"path": str(tmp_path / "no/b.txt")}])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.partial-xyz.txt", "a.txt", "ab.partial-0123abcd.txt"]


# ---- what is said


def test_later_places_win(tmp_path):
    job = {
        "Environment": {"TRACKFORGE_PROCESS_FORMATS": "csv", "TRACKFORGE_PROCESS_CONF": "0.1", "OTHER": "x"},
        "AppSpecification": {"ContainerArguments": ["process", "--iou", "0.5"]},
    }
    model = tmp_path / "processing/model"
    model.mkdir(parents=True)
    (model / "trackforge.toml").write_text('[detector]\nname = "motion"\n[serve]\nconf = 0.9\nmax_sessions = 9\n')
    ml = told(tmp_path, **job)

    def merged(said):
        return {key: value for layer in said.layers for key, value in layer.options.items()}

    said = listen([], {}, ml)
    assert said.run.formats == ("csv",)
    assert merged(said) == {"conf": 0.1, "iou": 0.5}
    assert said.names_detector
    environment = {"TRACKFORGE_PROCESS_CONF": "0.2", "TRACKFORGE_PROCESS_TRACKER__MIN_HITS": "4"}
    said = listen(["--conf=0.3", "--formats", "mot,video", "--resume", "false"], environment, ml)
    assert said.run.formats == ("mot", "video")
    assert not said.run.resume
    assert merged(said) == {"conf": 0.3}, "arguments of its own are all that there are"
    assert [dict(layer.tables["tracker"]) for layer in said.layers if "tracker" in layer.tables] == [{"min_hits": "4"}]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--formats", "avi"], "formats must be some of mot, jsonl.*got avi"),
        (["--out", "x.txt"], "writes by its formats; got out"),
        (["--source.name", "synthetic"], "takes its sources from its input.*got source.name"),
        (["--confidence", "1"], "unknown key 'confidence'. Did you mean 'conf'"),
        (["--progress", "0"], "progress"),
        (["stray"], "stray"),
    ],
)
def test_wrong_words_are_told(tmp_path, words, message):
    with pytest.raises(ConfigError, match=message):
        listen(words, {}, told(tmp_path))


def test_help_names_every_setting(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"--{name}  " in text for name in ("formats", "on-failure", "sharding", "conf", "tracker", "stride"))


# ---- the rows of FairMOT's batch job


def test_rows_of_fairmot(tmp_path):
    boxes = [[10, 20, 30, 80], [0, 0, 161, 100], [5, 5, 14, 14]]  # a person, one too flat, one too small
    tracks = Tracks(
        track_id=[4, 5, 6], xyxy=boxes, score=[0.7, 0.8, 0.9], class_id=[0, 0, 0], state=[TrackState.CONFIRMED] * 3,
        age=[9] * 3, time_since_update=[0] * 3, detection=[0, 1, 2],
    )  # fmt: skip
    frame = Frame(index=2, image=picture(0))
    path = tmp_path / "results.txt"
    with trackforge.sink("fairmot", path=path) as sink:
        sink.write(Step(frame=frame, detections=Detections(xyxy=boxes, score=[0.7, 0.8, 0.9]), tracks=tracks))
    assert path.read_text() == "3,4,10.00,20.00,20.00,60.00,1,-1,-1,-1\n"
    assert read_mot(path).track_id.tolist() == [4]
