"""CSV, webm, gif, crops and the window; what goes to standard output."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import trackforge
from trackforge import Detections, Frame, Step, Tracks, TrackState
from trackforge.errors import DeviceError, InvalidInputError, MissingDependencyError, SinkError
from trackforge.io.csv_lines import COLUMNS
from trackforge.io.window import WindowSink
from trackforge.online.unlinked import Unlinked
from trackforge.types import Stream

SIZE = (96, 64)


def step(index: int, boxes: Any, ids: list[int], kinds: list[int] | None = None, **more: Any) -> Step:
    """Return a frame of noise with boxes of confirmed tracks; ids of -1 are those of detections."""
    xyxy = np.array(boxes, np.float32).reshape(-1, 4)
    n, image = len(xyxy), np.random.default_rng(index).integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)
    detections = Detections(xyxy=xyxy, score=[0.1] * n, class_id=kinds or [0] * n)
    frame = Frame(index=index, image=image, timestamp=index / 20, **more)
    if min(ids) < 0:
        return Step(frame=frame, detections=detections, tracks=Unlinked().update(detections, frame))
    tracks = Tracks(
        track_id=ids, xyxy=xyxy, score=[0.1] * n, class_id=kinds or [0] * n, state=[TrackState.CONFIRMED] * n,
        age=[1] * n, time_since_update=[0] * n, detection=list(range(n)),
    )  # fmt: skip
    return Step(frame=frame, detections=detections, tracks=tracks)


def moving(frames: int) -> Iterator[Step]:
    for index in range(frames):
        yield step(index, [[index, 5, index + 20, 45], [60, 10, 80, 50]], [1, 2], [0, 1])


def write(place: Path | str, steps: Any, classes: tuple[str, ...] = (), **settings: Any) -> None:
    with trackforge.sink(place, **settings) as sink:
        sink.open(Stream(name="street", classes=classes))
        for one in steps:
            sink.write(one)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_csv_has_a_header_and_a_row_a_track(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", moving(3), ("person", 'a "car", red'))
    assert (tmp_path / "a.csv").read_text().splitlines()[0] == ",".join(COLUMNS)
    found = rows(tmp_path / "a.csv")
    assert [(r["frame"], r["time"], r["id"], r["class"]) for r in found[:3]] == [
        ("0", "0.0", "1", "person"), ("0", "0.0", "2", 'a "car", red'), ("1", "0.05", "1", "person"),
    ]  # fmt: skip
    assert (found[2]["x1"], found[2]["score"], found[2]["sequence"]) == ("1.0", "0.1", "street")


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=4, max_size=4).filter(lambda b: b[0] < b[2] and b[1] < b[3]))
def test_csv_gives_back_the_very_numbers(tmp_path_factory: pytest.TempPathFactory, box: list[float]) -> None:
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    write(path, [step(0, [box], [7])])
    [row] = rows(path)
    assert [np.float32(row[name]) for name in ("x1", "y1", "x2", "y2")] == [np.float32(value) for value in box]


@pytest.mark.parametrize("name", ["=1+1", "+x", "-x", "@SUM(A1)"])
def test_csv_holds_no_formula(name: str, tmp_path: Path) -> None:
    write(tmp_path / "a.csv", [step(0, [[1, 1, 9, 9]], [1], file=name)], (name,))
    [row] = rows(tmp_path / "a.csv")
    assert row["class"] == row["file"] == f"'{name}"


def played(path: Path) -> tuple[str, list[tuple[float, Any]]]:
    with av.open(str(path)) as container:
        pictures = [(round(float(f.time or 0), 3), f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
        return container.streams.video[0].codec_context.name, pictures


def test_webm_plays_at_the_pace_of_the_source(tmp_path: Path) -> None:
    write(tmp_path / "a.webm", moving(10))
    codec, pictures = played(tmp_path / "a.webm")
    assert codec in ("vp9", "vp8", "libvpx-vp9", "libvpx")
    assert [seconds for seconds, _ in pictures] == [round(k / 20, 3) for k in range(10)]
    assert pictures[0][1].shape == (SIZE[1], SIZE[0], 3)


def test_gif_moves_at_the_pace_of_the_source_with_at_most_12_pictures_a_second(tmp_path: Path) -> None:
    write(tmp_path / "a.gif", moving(10))
    codec, pictures = played(tmp_path / "a.gif")
    assert codec == "gif"
    assert [seconds for seconds, _ in pictures] == [0.0, 0.1, 0.2, 0.3, 0.4]
    first, last = pictures[0][1].astype(int), pictures[-1][1].astype(int)
    assert np.abs(first - last).mean() > 5
    assert b"NETSCAPE2.0" in (tmp_path / "a.gif").read_bytes()  # it repeats


def test_a_large_gif_is_drawn_smaller(tmp_path: Path) -> None:
    big = Frame(index=0, image=np.zeros((600, 960, 3), np.uint8))
    write(tmp_path / "a.gif", [Step(frame=big, detections=Detections.empty(), tracks=Tracks.empty())])
    assert played(tmp_path / "a.gif")[1][0][1].shape == (300, 480, 3)


def test_crops_are_one_folder_a_track_and_one_picture_a_frame(tmp_path: Path) -> None:
    steps = [step(0, [[10, 10, 30, 50], [-50, 0, -10, 9]], [1, 2]), step(4, [[80, 40, 200, 200]], [1])]
    write("crops", steps, path=tmp_path / "crops")
    files = sorted(str(p.relative_to(tmp_path / "crops")) for p in (tmp_path / "crops").rglob("*.jpg"))
    assert files == ["1/000000.jpg", "1/000004.jpg"]  # what lies outside leaves none
    first, cut = (cv2.imread(str(tmp_path / "crops" / name)) for name in files)
    assert first is not None
    assert cut is not None
    assert first.shape == (40, 20, 3)
    assert cut.shape == (24, 16, 3)
    assert steps[0].frame.image is not None
    whole = steps[0].frame.image[10:50, 10:30].mean((0, 1))
    assert np.abs(first[..., ::-1].mean((0, 1)) - whole).max() < 6
    with pytest.raises(SinkError, match="new or empty"):
        write("crops", steps, path=tmp_path / "crops")


def test_crops_of_a_run_that_failed_stand_beside_their_place(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def failing() -> Iterator[Step]:
        yield step(0, [[10, 10, 30, 50]], [1])
        raise RuntimeError

    (tmp_path / "crops").mkdir()
    with pytest.raises(RuntimeError):
        write("crops", failing(), path=tmp_path / "crops")
    assert list((tmp_path / "crops").iterdir()) == []
    [kept] = tmp_path.glob("crops.partial-*")
    assert [p.name for p in kept.rglob("*.jpg")] == ["000000.jpg"]
    assert kept.name in caplog.text


def test_every_and_margin_of_crops(tmp_path: Path) -> None:
    steps = [step(k, [[20, 20, 40, 40]], [1]) for k in range(7)]
    write("crops", steps, path=tmp_path / "crops", every=3, margin=0.5)
    assert sorted(p.name for p in (tmp_path / "crops" / "1").iterdir()) == ["000000.jpg", "000003.jpg", "000006.jpg"]
    picture = cv2.imread(str(tmp_path / "crops" / "1" / "000000.jpg"))
    assert picture is not None
    assert picture.shape == (40, 40, 3)


def test_crops_without_identity_go_by_class_and_none_is_replaced(tmp_path: Path) -> None:
    boxes = [[0, 0, 20, 20], [30, 0, 50, 20], [0, 30, 20, 60]]
    names = ("person", "../../x")
    write("crops", [step(k, boxes, [-1, -1, -1], [0, 0, 1]) for k in (0, 1)], names, path=tmp_path / "crops")
    found = sorted(str(p.relative_to(tmp_path / "crops")) for p in (tmp_path / "crops").rglob("*.jpg"))
    assert found == [
        "class-1/000000-2.jpg", "class-1/000001-2.jpg", "person/000000-0.jpg", "person/000000-1.jpg",
        "person/000001-0.jpg", "person/000001-1.jpg",
    ]  # fmt: skip


def test_crops_and_window_need_pictures(tmp_path: Path) -> None:
    one = step(0, [[1, 1, 9, 9]], [1])
    bare = Step(frame=Frame(index=0, size=SIZE), detections=one.detections, tracks=one.tracks)
    with pytest.raises(InvalidInputError, match="Crops need pictures"):
        write("crops", [bare], path=tmp_path / "crops")
    assert list(tmp_path.iterdir()) == []


def test_standard_output_gets_lines_and_its_end_is_no_error(tmp_path: Path) -> None:
    code = (
        "import trackforge; from trackforge.synthetic.world import *\n"
        "steps = trackforge.track('synthetic', 'motion', 'byte', sinks=['-'])\n"
        "print(sum(1 for _ in steps), file=__import__('sys').stderr)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b'{"frame": 0,')
        process.stdout.close()
        told = process.stderr.read().decode()
        assert process.wait() == 0, told
    assert 1 <= int(told) < 300  # the reader left, and so the loop ended
    assert list(tmp_path.iterdir()) == []


def test_a_window_without_a_display_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tkinter")
    if sys.platform in ("win32", "darwin"):
        pytest.skip("there is always a display")
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(DeviceError, match="A window needs a display") as caught, WindowSink():
        pass
    assert "-o out.mp4" in str(caught.value)


def test_a_window_without_tk_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tkinter", None)
    with pytest.raises(MissingDependencyError, match="apt install python3-tk"), WindowSink():
        pass


WATCHED = """
import sys
import time
import numpy as np
from trackforge import Detections, Frame, Step, Tracks
from trackforge.io.window import WindowSink
from trackforge.types import Stream

with WindowSink() as sink:
    sink.open(Stream(name="street"))
    frame = Frame(index=0, image=np.full((64, 96, 3), 90, np.uint8))
    step = Step(frame=frame, detections=Detections.empty(), tracks=Tracks.empty())
    sink.write(step)
    root = sink._root
    assert not sink.ended
    assert root.winfo_width() <= 80 * 0.9 + 1, root.winfo_width()  # no larger than the screen
    assert root.title() == "street - trackforge (q ends)", root.title()
    end = time.monotonic() + 60
    while not sink.ended and time.monotonic() < end:
        root.focus_force()
        root.event_generate(sys.argv[1])
        sink.write(step)
    assert sink.ended
    sink.write(step)
"""


@pytest.fixture
def display() -> Iterator[str]:
    """A screen that nobody sees. Who draws on it has a process of its own: Xlib ends it with the screen."""
    pytest.importorskip("tkinter")
    program = shutil.which("Xvfb")
    if program is None:
        pytest.skip("this test needs Xvfb")
    get, put = os.pipe()
    with subprocess.Popen(
        [program, "-displayfd", str(put), "-screen", "0", "80x60x24"], pass_fds=[put], stderr=subprocess.DEVNULL
    ) as server:
        os.close(put)
        with os.fdopen(get) as told:
            number = told.readline().strip()
        yield f":{number}"
        server.terminate()


@pytest.mark.parametrize("key", ["<Key-q>", "<Escape>"])
def test_a_window_shows_pictures_and_a_key_ends_it(key: str, display: str) -> None:
    environment = {**os.environ, "DISPLAY": display}
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, key], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
