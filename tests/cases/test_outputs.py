"""Outputs: whole or not there, each for itself, never in the place of something that is read."""

from __future__ import annotations

import errno
import json
import os
import random
import shlex
import signal
import socket
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest
from cli_runs import ENVIRONMENT, command, run
from labelled import stills

import trackforge
from trackforge import data
from trackforge.cli import main
from trackforge.errors import ConfigError, SinkError
from trackforge.io.atomic import PartialFile, atomic_path
from trackforge.io.outputs import finishing
from trackforge.io.targets import keep_apart
from trackforge.pool import SessionPool
from trackforge.runs.stopping import Stopping
from trackforge.types import Frame

SMALL = ("--set", "source.frames=12", "--set", "source.size=96x64")
SCENE = ("track", "synthetic", *SMALL, "--quiet")


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    assert main([*SCENE, "-o", str(path)]) == 0
    return path


def track(*words: object) -> int:
    return main(["track", *map(str, words), "--quiet"])


# -- names ------------------------------------------------------------------------------------------------------------


def test_a_source_with_the_name_that_was_a_temporary_one_is_left_alone(film: Path, tmp_path: Path) -> None:
    source = film.rename(tmp_path / "a.partial.mp4")
    before = source.read_bytes()
    assert track(source, "-o", tmp_path / "a.mp4") == 0
    assert source.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "a.partial.mp4"]


@pytest.mark.parametrize("spelling", ["same", "dots", "link", "hard", "setting", "setting dots"])
def test_an_output_never_replaces_its_source(film: Path, tmp_path: Path, spelling: str) -> None:
    before = film.read_bytes()
    (tmp_path / "d").mkdir()
    out = {"same": film, "dots": tmp_path / "d" / ".." / "film.mp4"}.get(spelling, tmp_path / "other.mp4")
    words: list[object] = []
    if spelling == "link":
        out.symlink_to(film)
    elif spelling == "hard":
        os.link(film, out)
    elif spelling.startswith("setting"):
        words = ["--set", f"overlay.path={tmp_path / ('d/../film.mp4' if 'dots' in spelling else 'film.mp4')}"]
    assert track(film, "-o", out, *words) == 2
    assert film.read_bytes() == before


def test_nor_its_detections_nor_its_truth(film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    boxes = tmp_path / "boxes.txt"
    boxes.write_text("1,-1,10,10,20,20,0.9,-1,-1,-1\n")
    assert track(film, "--detector", "file", "--set", f"detector.path={boxes}", "-o", f"{tmp_path}/./boxes.txt") == 2
    assert "must not replace its source" in capsys.readouterr().err
    boxes.write_text("1,1,10,10,20,20,1,1,1\n")
    assert track(film, "--truth", boxes, "-o", boxes) == 2
    assert boxes.read_text() == "1,1,10,10,20,20,1,1,1\n"


def test_scores_do_not_replace_the_truth(tmp_path: Path) -> None:
    boxes = tmp_path / "gt.txt"
    boxes.write_text("1,1,10,10,20,20,1,1,1\n")
    assert main(["eval", str(boxes), str(boxes), "--csv", f"{tmp_path}/../{tmp_path.name}/gt.txt"]) == 2
    assert boxes.read_text() == "1,1,10,10,20,20,1,1,1\n"


def test_two_spellings_of_one_output_are_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "b.txt"
    assert main([*SCENE, "-o", str(out), "-o", f"{tmp_path}/./b.txt"]) == 2
    assert "needs a file of its own" in capsys.readouterr().err
    assert not out.exists()
    (tmp_path / "c.txt").symlink_to(out)
    with pytest.raises(ConfigError, match="the same"):
        keep_apart([out, tmp_path / "c.txt"])
    keep_apart([os.devnull, os.devnull, out])


def test_a_setting_may_name_another_place(tmp_path: Path) -> None:
    assert main([*SCENE, "-o", str(tmp_path / "q.txt"), "--set", f"mot.path={tmp_path / 'other.txt'}"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["other.txt"]


def test_planted_links_are_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("victim")
    (tmp_path / "c.partial.txt").symlink_to(victim)
    (tmp_path / "c.txt").symlink_to(victim)
    partial = PartialFile(tmp_path / "c.txt")
    assert not partial.path.is_symlink()
    partial.path.write_text("result")
    partial.commit()
    assert victim.read_text() == "victim"
    assert not (tmp_path / "c.txt").is_symlink()
    assert (tmp_path / "c.txt").read_text() == "result"


def test_two_runs_with_one_output_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "d.txt"
    one, other = PartialFile(path), PartialFile(path)
    assert one.path != other.path
    one.path.write_text("one")
    other.path.write_text("other")
    one.commit()
    assert path.read_text() == "one"
    other.commit()
    assert path.read_text() == "other"
    assert list(tmp_path.iterdir()) == [path]


def test_names_as_long_as_they_may_be(tmp_path: Path) -> None:
    path = tmp_path / ("ü" * 125 + ".txt")
    with atomic_path(path) as partial:
        partial.write_text("x")
    assert path.read_text() == "x"
    for name in ("x" * 300 + ".txt", "a\0b.txt"):
        with pytest.raises(SinkError, match="cannot be written"):
            PartialFile(tmp_path / name)


def test_an_output_has_the_rights_of_other_files(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    with atomic_path(tmp_path / "out") as partial:
        partial.write_text("x")
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "usual").stat().st_mode


# -- what is no file --------------------------------------------------------------------------------------------------


def test_devices_and_sockets_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "n.csv"
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))
    boxes = tmp_path / "gt.txt"
    boxes.write_text("1,1,10,10,20,20,1,1,1\n")
    assert main(["eval", str(boxes), str(boxes), "--csv", str(path)]) == 1
    assert "device or socket" in capsys.readouterr().err
    assert stat.S_ISSOCK(path.stat().st_mode)


def test_a_device_node_under_any_name_stays_one(tmp_path: Path) -> None:
    node = tmp_path / "n.csv"
    try:
        os.mknod(node, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except (OSError, AttributeError):
        pytest.skip("only root makes device nodes")
    with pytest.raises(SinkError, match="device or socket"):
        PartialFile(node)
    assert stat.S_ISCHR(node.stat().st_mode)


def test_a_fifo_is_written_to(tmp_path: Path) -> None:
    path = tmp_path / "pipe.jsonl"
    os.mkfifo(path)
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(path.read_text()), daemon=True)
    reader.start()
    assert main([*SCENE, "-o", str(path)]) == 0
    reader.join(300)
    assert len(got[0].splitlines()) == 12
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert list(tmp_path.iterdir()) == [path]


def test_the_null_device_and_stdout_are_written_to(tmp_path: Path) -> None:
    boxes = tmp_path / "gt.txt"
    boxes.write_text("1,1,10,10,20,20,1,1,1\n")
    before = Path(os.devnull).stat()
    assert main(["eval", str(boxes), str(boxes), "--csv", os.devnull]) == 0
    assert Path(os.devnull).stat().st_ino == before.st_ino
    done = run("eval", boxes, boxes, "--csv", "/dev/stdout")
    assert "HOTA" in done.stdout
    assert Path("/dev/stdout").is_symlink()


# -- each for itself --------------------------------------------------------------------------------------------------


def test_an_encoder_that_fails_takes_no_result_along(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("-o", str(tmp_path / "a.txt"), "-o", str(tmp_path / "b.mp4"), "-o", str(tmp_path / "c.jsonl"))
    assert main([*SCENE, *words, "--set", "overlay.encoder=nosuch", "--json"]) == 1
    said = capsys.readouterr()
    assert "the others go on" in said.err
    assert "error: " in said.err
    assert "make room" not in said.err
    assert "nosuch" in json.loads(said.out)["sequences"][0]["failed"]
    assert len((tmp_path / "c.jsonl").read_text().splitlines()) == 12
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "c.jsonl"]


def test_it_fails_at_once_where_nothing_is_left_to_write(tmp_path: Path) -> None:
    assert main([*SCENE, "-o", str(tmp_path / "b.mp4"), "--set", "overlay.encoder=nosuch"]) == 1
    assert not list(tmp_path.iterdir())


def test_the_next_sequences_are_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        assert main([*SCENE, "-o", str(tmp_path / f"{name}.mp4")]) == 0
    films = [str(tmp_path / f"{name}.mp4") for name in ("one", "two")]
    out = tmp_path / "out"
    assert main(["track", *films, "-o", f"{out}/", "--set", "overlay.encoder=nosuch", "--quiet"]) == 1
    assert sorted(path.name for path in out.iterdir()) == ["one.txt", "run.toml", "summary.json", "two.txt"]
    assert [one["frames"] for one in json.loads((out / "summary.json").read_text())["sequences"]] == [12, 12]


@pytest.mark.parametrize(
    ("number", "advice"),
    [(errno.ENOSPC, "make room"), (errno.EFBIG, "make room"), (errno.EINVAL, "settings of this output"),
     (542398533, "settings of this output"), (0, "settings of this output"), (errno.EACCES, "Choose another place.")],
)  # fmt: skip
def test_the_advice_fits_what_went_wrong(tmp_path: Path, number: int, advice: str) -> None:
    partial = PartialFile(tmp_path / "a.mp4")
    message = str(partial.failure(OSError(number, "what the encoder says")))
    assert advice in message
    assert ("make room" in message) == (advice == "make room")


# -- signals ----------------------------------------------------------------------------------------------------------


def send(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(0.01)


def test_no_signal_comes_between_while_outputs_become_final() -> None:
    with Stopping() as stop:
        stop.patient = True
        with finishing():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
                send(number)
        assert stop.signal == signal.SIGINT


def test_a_burst_enforces_one_stop() -> None:
    with Stopping() as stop:
        stop.patient = True
        send(signal.SIGINT)
        with pytest.raises(SystemExit):
            send(signal.SIGTERM)
        for _ in range(5):
            send(signal.SIGINT)
        assert stop.exit_code == 128 + signal.SIGTERM


@pytest.mark.parametrize("seed", range(3))
def test_a_burst_of_signals_loses_nothing(tmp_path: Path, seed: int) -> None:
    pick = random.Random(seed)
    names = ["k.txt", "k.mp4", "k.json", "k.jsonl", "k.parquet"]
    words = [word for name in names for word in ("-o", str(tmp_path / name))]
    process = subprocess.Popen(
        command("track", "synthetic", "--set", "source.frames=100000", "--set", "source.size=96x64", "--quiet", *words),
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=ENVIRONMENT,
    )  # fmt: skip
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:
        if any(partial.stat().st_size > 5_000 for partial in tmp_path.glob("k.partial-*.jsonl")):
            break
        time.sleep(0.02)
    for _ in range(4):
        if process.poll() is None:
            process.send_signal(pick.choice([signal.SIGINT, signal.SIGTERM]))
            time.sleep(pick.choice([0, 0.002, 0.01, 0.05, 0.2]))
    try:
        _, err = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode in (130, 143), err
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names), err
    lines = (tmp_path / "k.jsonl").read_text().splitlines()
    assert [json.loads(line)["frame"] for line in lines] == list(range(len(lines)))
    assert abs(len(list(trackforge.source(tmp_path / "k.mp4"))) - len(lines)) <= 1
    assert len(json.loads((tmp_path / "k.json").read_text())["images"]) >= len(lines) - 1


# -- sessions ---------------------------------------------------------------------------------------------------------


def test_two_cameras_of_a_pool_keep_their_files_apart(tmp_path: Path) -> None:
    detector = trackforge.detector("file", path=write_detections(tmp_path))
    with SessionPool(detector) as pool:
        first = pool.open("byte", sinks=[tmp_path / "a.txt"])
        with pytest.raises(ConfigError, match="a file of its own"):
            pool.open("byte", sinks=[f"{tmp_path}/./a.txt"])
        first.close()
        pool.open("byte", sinks=[tmp_path / "a.txt"])  # one after the other is fine


def test_two_spellings_in_one_session_are_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    detector = trackforge.detector("file", path=write_detections(tmp_path))
    session = trackforge.Session(detector, "byte", sinks=["t.txt", tmp_path / "t.txt"])
    with pytest.raises(ConfigError, match="are the same"):
        session.step(Frame(index=0))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["det.txt"]


def write_detections(folder: Path) -> Path:
    path = folder / "det.txt"
    path.write_text("1,-1,10,10,20,40,0.9,-1,-1,-1\n")
    return path


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="a system without terminals that close")
def test_a_closed_terminal_ends_a_run_properly(tmp_path: Path) -> None:
    words = "track", "synthetic", "--set", "source.frames=100000", "--set", "source.size=96x64", "--quiet"
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup
    try:
        process = subprocess.Popen(
            command(*words, "-o", str(tmp_path / "k.jsonl")),
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=ENVIRONMENT,
        )
    finally:
        signal.signal(signal.SIGHUP, before)
    try:
        while process.poll() is None and not any(p.stat().st_size > 5_000 for p in tmp_path.glob("k.partial-*.jsonl")):
            time.sleep(0.02)
        process.send_signal(signal.SIGHUP)
        _, err = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 129, err
    assert [path.name for path in tmp_path.iterdir()] == ["k.jsonl"]


def test_nohup_is_respected() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Stopping() as stop:
            send(signal.SIGHUP)
            assert not stop.signal
    finally:
        signal.signal(signal.SIGHUP, before)


# -- what is printed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "code", "words"),
    [(">&-", 0, ""), (">/dev/full", 1, "What the command prints cannot be written"), ("2>&- >/dev/null", 0, "")],
)
def test_a_standard_output_that_takes_nothing(tmp_path: Path, where: str, code: int, words: str) -> None:
    if "full" in where and not Path("/dev/full").exists():
        pytest.skip("no such device here")
    line = shlex.join(command("track", "synthetic", *SMALL, "--json", "-o", str(tmp_path / "a.jsonl")))
    done = subprocess.run(
        ["bash", "-c", f"{line} {where}"], capture_output=True, text=True, env=ENVIRONMENT, timeout=300, check=False
    )
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Error" not in done.stderr
    assert (tmp_path / "a.jsonl").stat().st_size  # the result is there whatever becomes of the summary


def test_a_terminal_without_the_characters_for_bars(tmp_path: Path) -> None:
    data.write(stills(tmp_path / "source", classes=("straße", "car")), tmp_path / "set", "yolo")
    shown = run("data", "check", tmp_path / "set", PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C").stdout
    assert "####" in shown
    assert "stra\\xdfe" in shown


def test_the_folder_that_one_stands_in_is_gone(tmp_path: Path) -> None:
    line = shlex.join(command("data", "check", str(tmp_path / "nothing")))
    script = f"mkdir gone && cd gone && rmdir ../gone && {line}"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, env=ENVIRONMENT, cwd=tmp_path, timeout=300, check=False
    )
    assert (done.returncode, done.stderr) == (
        1,
        "error: The folder that the command runs in is gone. Go to another (cd).\n",
    )


def test_a_figure_goes_into_a_fifo(tmp_path: Path) -> None:
    from trackforge.figures import drawing, save

    os.mkfifo(tmp_path / "a.png")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "a.png").read_bytes()), daemon=True)
    reader.start()
    with drawing("trackforge-mot[plot]") as figure:
        save(figure(), tmp_path / "a.png")
    reader.join(300)
    assert got[0].startswith(b"\x89PNG")


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    with (
        pytest.raises(SinkError, match=r"no file can have that name\. Choose another"),
        atomic_path(f"{tmp_path}/a\0"),
    ):
        pass
