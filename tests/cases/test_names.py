"""What people write for a source or an output: paths that look like something else, and addresses with secrets."""

from __future__ import annotations

import contextlib
import os
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from cli_runs import run, run_json
from http_servers import Camera
from hypothesis import example, given
from hypothesis import strategies as st
from io_files import write_picture, write_video
from lesser_user import as_lesser_user, folder_of_lesser_user

import trackforge
from trackforge import Frame, Stream
from trackforge.errors import ConfigError, DataError, SinkError, SourceError, UnknownComponentError
from trackforge.intake.addresses import address_name, shown_address, shown_setting, without_secrets
from trackforge.intake.names import name_problem
from trackforge.io.images import BlankSource, ImageSource
from trackforge.registry.guess import source_for
from trackforge.runs.planning import RunPlan, plan
from trackforge.runs.running import Input, open_sources
from trackforge.runs.tracking import TrackingRun
from trackforge.tuning.run import TuningPlan, TuningRun

SECRET = "S3cret"
AWKWARD = ["2024-01-01T12:00:00.mp4", "-clip.mp4", "50%.mp4", "%03d.mp4", "a b?c#d.mp4", "pipe:0.mp4", "[1] ü.mp4"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clips") / "clip.mp4", 5)


def opened(*sources: str, **more: object) -> list[Input]:
    return open_sources(plan(TrackingRun(sources=sources, **more)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", AWKWARD)
def test_paths_that_ffmpeg_would_take_for_something_else(
    clip: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(clip.read_bytes())
    source = trackforge.source(name)
    assert len(list(source)) == 5
    sinks = [f"12:30/{name}", f"12:30/{name}.txt"]
    assert len(list(trackforge.track(name, "motion", "byte", sinks=sinks))) == 5
    assert len(list(trackforge.source(f"12:30/{name}"))) == 5
    assert sorted(path.name for path in Path("12:30").iterdir()) == sorted((name, f"{name}.txt"))


def test_the_command_takes_them_too(clip: Path, tmp_path: Path) -> None:
    for name in AWKWARD[:3]:
        (tmp_path / name).write_bytes(clip.read_bytes())
    run("track", "-q", "-o", "12:30/", "2024-01-01T12:00:00.mp4", "50%.mp4", "--", "-clip.mp4", cwd=tmp_path)
    stems = ["-clip", "2024-01-01T12:00:00", "50%"]
    wanted = [f"{stem}.{ending}" for stem in stems for ending in ("mp4", "txt")] + ["run.toml", "summary.json"]
    assert sorted(path.name for path in (tmp_path / "12:30").iterdir()) == sorted(wanted)


def test_a_path_that_exists_wins_over_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("images", "video", "synthetic", "frames", "7", "video=x"):
        write_picture(tmp_path / name / "1.png")
        assert isinstance(trackforge.source(name), ImageSource)
        [one] = opened(name)
        assert isinstance(one.source, ImageSource)
    # settings that are all a component needs are meant for it
    assert isinstance(trackforge.source("frames", length=3), BlankSource)
    assert isinstance(trackforge.source("images", path="7"), ImageSource)
    [one] = opened(source={"name": "frames", "length": 3})
    assert isinstance(one.source, BlankSource)


def test_a_name_counts_where_no_such_path_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert type(trackforge.source("synthetic")).__name__ == "SyntheticSource"
    with pytest.raises(SourceError, match="does not exist"):
        trackforge.source("x" * 5000)


def test_a_folder_that_hides_a_source_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("synthetic").mkdir()
    with pytest.raises(SourceError, match=r"--set source\.name=synthetic"):
        trackforge.source("synthetic")


@given(st.text() | st.text().map(lambda t: f"rtsp://{t}") | st.text("a/\0.[*?", max_size=600))
@example("a" * 5000 + "/b")
@example("\ud800")
@example("http://[/")
@example("file://\0")
@example("[" * 300)
def test_whatever_stands_for_a_source_is_one_or_an_error_of_ours(text: str) -> None:
    with contextlib.suppress(trackforge.errors.TrackforgeError):
        source_for(text)
    with contextlib.suppress(trackforge.errors.TrackforgeError):
        plan(TrackingRun(sources=(text,)))
    with contextlib.suppress(trackforge.errors.TrackforgeError):
        plan(TrackingRun(sources=("0",), out=(text,)))


def test_addresses_of_files_are_paths(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "a 50%.mp4"
    path.write_bytes(clip.read_bytes())
    for address in (path.as_uri(), f"file://localhost{path.as_uri()[7:]}"):
        assert len(list(trackforge.source(address))) == 5
        [one] = opened(address)
        assert one.name == "a 50%"


@pytest.mark.parametrize("out", ["rtmp://user:S3cret@host/live", "https://host/a.mp4?sig=S3cret", "s3://bucket/out/"])
def test_outputs_are_files_and_never_addresses(
    clip: Path, tmp_path: Path, out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="must be a file or folder") as failure:
        plan(TrackingRun(sources=(str(clip),), out=(out,)))
    assert SECRET not in str(failure.value)
    with pytest.raises((ConfigError, UnknownComponentError)) as failure:
        trackforge.sink(out)
    if "://" in out:
        with pytest.raises(SinkError, match="got an address"):
            list(trackforge.track(str(clip), "motion", "byte", sinks=[trackforge.sink("mot", path=out)]))
    assert not list(tmp_path.iterdir())


class Named:
    """A source of a plugin, with a name from who knows where."""

    def __init__(self, name: str) -> None:
        self.stream = Stream(name=name)

    def __iter__(self) -> Iterator[Frame]:
        return iter(())


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "a/../../b", "a\0b"])
def test_a_name_never_leads_out_of_the_outputs(name: str) -> None:
    named = SimpleNamespace(create=lambda: Named(name), settings={}, name="named", has=lambda _: False)
    made = SimpleNamespace(sources=[named], options=TrackingRun())
    with pytest.raises(DataError, match="stays in its folder"):
        open_sources(cast("RunPlan", made))


def test_an_address_as_a_name_makes_no_folders() -> None:
    source = Named("rtsp://admin:S3cret@10.0.0.7/cam/1")
    named = SimpleNamespace(create=lambda: source, settings={}, name="named", has=lambda _: False)
    made = SimpleNamespace(sources=[named], options=TrackingRun())
    [one] = open_sources(cast("RunPlan", made))
    assert one.name == "10.0.0.7_cam_1"


# Secrets

ADDRESSES = [
    "rtsp://admin:S3cret@127.0.0.1:1/x",
    "http://127.0.0.1:1/cam?user=admin&pwd=S3cret",
    "https://127.0.0.1:1/a.mp4?X-Amz-Signature=S3cret#S3cret",
    "rtsp://127.0.0.1:1/user=admin&password=S3cret&channel=1",
    "rtmp://S3cret@127.0.0.1:1/live",
    "ws://a:S3cret@127.0.0.1/",
    "http://admin:S3cret@[127.0.0.1/x",
    "http://admin:p@S3cret@127.0.0.1:1/x",
    "rtsp://admin:S3cret#S3cret/S3cret?@127.0.0.1:1/x",
    "rtsp://admin:p S3cret@127.0.0.1:1/x",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_goes_wrong_shows_no_secret(address: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    for make in (
        lambda: trackforge.source(address),
        lambda: trackforge.source("video", path=address),
        lambda: trackforge.source("camera", path=address),
    ):
        with pytest.raises(trackforge.errors.TrackforgeError) as failure:
            make()
        assert SECRET not in "".join(traceback.format_exception(failure.value))
    assert SECRET not in caplog.text


@pytest.mark.parametrize("tail", ["cam", "cam?user=admin&pwd=S3cret&channel=2"])
def test_what_is_written_shows_no_secret(tmp_path: Path, tail: str) -> None:
    options = ("--set", "source.options=headers=Authorization: S3cret", "--set", "source.reconnect=0")
    camera = Camera(20, connections=2)
    done = run("track", camera.address(tail, "admin:S3cret"), "-o", f"{tmp_path}/", "--json", "--debug", *options)
    assert SECRET not in done.stdout + done.stderr
    name = f"127.0.0.1_{camera.port}_cam" + ("_channel_2" if "?" in tail else "")
    wanted = [f"{name}.mp4", f"{name}.txt", "run.toml", "summary.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == wanted
    for path in tmp_path.iterdir():
        assert SECRET.encode() not in path.read_bytes()
    assert "passwords and tokens are left out" in (tmp_path / "run.toml").read_text()
    again = run_json("track", camera.address(tail), "--config", tmp_path / "run.toml", cwd=tmp_path)  # repeats the run
    assert again["sequences"][0]["frames"] > 0
    assert SECRET.encode() in camera.queries[0]


def test_parts_of_passwords_are_secret_too() -> None:
    assert shown_address("rtsp://admin:S3#cr/et?@host:554/x") == "rtsp://host:554/x"
    assert shown_address("rtsp://host:554/@a/b") == "rtsp://host:554/@a/b"
    assert shown_address("rtsp://[::1]:554/@a") == "rtsp://[::1]:554/@a"
    assert shown_address("http://[fe80::1]/@a") == "http://[fe80::1]/@a"
    assert without_secrets("http:/admin:S3cret@host/a is not there") == "http:/host/a is not there"
    assert shown_setting(["rtsp://a:p q@host/", "cookies=x", "a.mp4"]) == ["rtsp://host/", "cookies=...", "a.mp4"]


def test_a_search_takes_addresses_without_showing_them() -> None:
    job = TuningRun(sources=("https://u:S3cret@127.0.0.1:1/clip.mp4?sig=S3cret",), truth=(Path("nowhere"),))
    with pytest.raises(trackforge.errors.TrackforgeError) as failure:
        TuningPlan.of(job).footage()
    assert SECRET not in str(failure.value)


def test_wrong_words_show_no_secret() -> None:
    done = run("track", "--sett", "x=rtsp://a:S3cret@host/", code=2)
    assert SECRET not in done.stdout + done.stderr
    done = run("track", "--set", "rtsp://a:S3cret@host/", "0", code=2)
    assert SECRET not in done.stdout + done.stderr


@given(
    user=st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="/?#'\"<>"), max_size=10),
    path=st.text(max_size=30),
)
def test_no_name_or_message_of_an_address_holds_its_secret(user: str, path: str) -> None:
    address = f"rtsp://{user}:{SECRET}@host/{path}"
    shown = shown_address(address)
    assert SECRET not in shown
    assert shown_address(shown) == shown
    name = address_name(address)
    assert SECRET not in name
    assert name_problem(name) is None
    assert "/" not in name
    assert SECRET not in without_secrets(f"{address}: Connection refused")


def test_links_that_lead_nowhere_are_called_so(tmp_path: Path) -> None:
    for name, target in (("loop", "loop"), ("gone.mp4", "nowhere.mp4")):
        (tmp_path / name).symlink_to(target)
        with pytest.raises(SourceError, match="is a link that leads to nothing"):
            trackforge.source(tmp_path / name)


def test_an_empty_name_is_not_the_folder_that_one_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_picture(tmp_path / "0.png")
    monkeypatch.chdir(tmp_path)
    for text in ("", " "):
        with pytest.raises(SourceError, match="Name one"):
            trackforge.source(text)
    assert "Name one" in run("track", "", "-o", "o.txt", code=1).stderr


def test_a_glob_of_films_and_an_address_of_one_slash_are_explained(clip: Path) -> None:
    with pytest.raises(SourceError, match="one by one"):
        trackforge.source(f"{clip.parent}/*.mp4")
    with pytest.raises(SourceError, match="two slashes"):
        trackforge.source("http:/host/film.mp4")


@pytest.mark.skipif(os.name != "posix", reason="rights of files")
def test_what_must_not_be_read_is_an_error_of_ours(clip: Path, tmp_path: Path) -> None:
    write_picture(tmp_path / "0.png")
    for readable in (clip, tmp_path / "0.png"):  # and so all that reads them is imported
        trackforge.source(readable)

    def refused() -> None:
        for name in ("film", "shut", "shut/0.png", "shut/*.png"):
            with pytest.raises(SourceError, match="Permission denied"):
                trackforge.source(place / name)

    with folder_of_lesser_user() as place:
        (place / "film").write_bytes(clip.read_bytes())
        write_picture(place / "shut" / "0.png")
        for name in ("film", "shut"):
            (place / name).chmod(0)
        try:
            as_lesser_user(refused)
        finally:
            (place / "shut").chmod(0o700)


def test_standard_input_is_named_once() -> None:
    with pytest.raises(ConfigError, match="read once"):
        plan(TrackingRun(sources=("-", "-")))


def test_the_number_of_a_camera_may_be_a_number() -> None:
    with pytest.raises(SourceError, match="97"):
        trackforge.source(97)


def test_a_file_of_detections_is_no_detector(tmp_path: Path, clip: Path) -> None:
    file = tmp_path / "det.txt"
    file.write_text("1,-1,10,10,20,40,0.9,-1,-1,-1\n")
    said = run("track", clip, "--detector", file, "-o", tmp_path / "o.txt", code=1).stderr
    assert f"--detector file --set detector.path={file}" in said
