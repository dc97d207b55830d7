"""Films through a session of the engine: equal to offline, bounded, and no way for a stranger's file to do harm."""

from __future__ import annotations

import contextlib
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from streets import street

import trackforge
from trackforge.errors import DataError, SourceError, TrackforgeError
from trackforge.io.video import VideoSource, VideoSourceConfig
from trackforge.serving import Engine, ServingRun
from trackforge.serving.films import Film, Films, track_film
from trackforge.serving.films.opening import film_name
from trackforge.serving.films.refusals import FilmUnfinished, NoResult, TooManyFilms, UnknownFilm
from trackforge.serving.films.storage import Storage
from trackforge.serving.refusals import NoRoom
from trackforge.types import Step


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    street(folder / "street.mp4", 60)
    street(folder / "street.avi", 60, codec="mjpeg")
    street(folder / "front.mp4", 60, options={"movflags": "faststart"})
    street(folder / "long.mp4", 600)
    return folder


@pytest.fixture(scope="module")
def offline(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("offline")
    sinks = [folder / f"street.{kind}" for kind in ("txt", "jsonl", "json", "mp4")]
    for _ in trackforge.track(made / "street.mp4", "motion", "byte", sinks=sinks):
        pass
    assert (folder / "street.txt").read_text().count("\n") > 60
    return folder


def served(tmp_path: Path, **settings: object) -> Engine:
    return Engine(ServingRun(detector="motion", tracker="byte", films_dir=tmp_path / "spool", **settings))  # type: ignore[arg-type]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with served(tmp_path) as engine:
        yield engine


@pytest.fixture
def films(engine: Engine) -> Iterator[Films]:
    films = Films(engine)
    yield films
    films.close()


def send(films: Films, path: Path, name: str = "", **more: object) -> Film:
    with films.receiving(name or path.name, **more) as film:  # type: ignore[arg-type]
        shutil.copy(path, film.path)
    return film


def until(what: Callable[[], object], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.02)


def test_every_result_is_the_offline_one(films: Films, made: Path, offline: Path) -> None:
    film = send(films, made / "street.mp4", video=True)
    until(lambda: film.over)
    assert (film.state, film.frames, film.total, film.why) == ("done", 60, 60, "")
    until(lambda: all(films.result(film, kind) for kind in ("txt", "jsonl", "json", "mp4")))
    for kind in ("txt", "jsonl", "json"):
        assert film.place(kind).read_bytes() == (offline / f"street.{kind}").read_bytes(), kind
    drawn = [list(trackforge.source(path)) for path in (film.place("mp4"), offline / "street.mp4")]
    assert len(drawn[0]) == len(drawn[1]) == 60
    for one, other in zip(*drawn, strict=True):  # x264 with several threads gives like pictures, not like bytes
        assert one.timestamp == other.timestamp
        assert np.abs(one.image.astype(int) - other.image.astype(int)).mean() < 1
    lines = film.steps.read(0).splitlines()
    assert len(lines) == 60
    assert len(films.engine.sessions) == 0


def test_track_film_alone(engine: Engine, made: Path, offline: Path, tmp_path: Path) -> None:
    steps: list[Step] = []
    summary = track_film(engine, made / "street.mp4", sinks=[tmp_path / "a.txt"], watch=steps.append)
    assert (summary.name, summary.frames, summary.size, summary.rate) == ("street", 60, (160, 120), 10.0)
    assert [step.frame.index for step in steps] == list(range(60))
    assert (tmp_path / "a.txt").read_bytes() == (offline / "street.txt").read_bytes()
    assert not summary.stopped


def test_a_stop_leaves_whole_outputs(engine: Engine, made: Path, tmp_path: Path) -> None:
    stop = threading.Event()
    steps: list[Step] = []
    summary = track_film(
        engine,
        made / "long.mp4",
        sinks=[tmp_path / "a.jsonl"],
        stop=stop,
        watch=lambda step: (steps.append(step), len(steps) == 20 and stop.set()),
    )
    assert summary.stopped
    assert summary.frames == 20
    assert (tmp_path / "a.jsonl").read_text().count("\n") == 20


LISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{film}\n#EXT-X-ENDLIST\n",
    "hls-absolute": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{film}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile street.mp4\n",
    "concat-absolute": "ffconcat version 1.0\nfile '{film}'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT6S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" '
    'bandwidth="1"><BaseURL>{film}</BaseURL></Representation></AdaptationSet></Period></MPD>',
    "smil": '<smil><body><video src="{film}"/></body></smil>',
    "svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="file://{film}"/></svg>',
}
"""What FFmpeg takes, or took, for a list of other places; with each its own film would be read in the client's name."""


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_of_other_places_is_no_film(engine: Engine, made: Path, tmp_path: Path, kind: str) -> None:
    shutil.copy(made / "street.mp4", tmp_path / "street.mp4")
    path = tmp_path / "film"
    path.write_text(LISTS[kind].format(film=tmp_path / "street.mp4"))
    with pytest.raises(SourceError, match=r"evil\.mp4") as failure:
        track_film(engine, path, name="evil.mp4")
    assert str(tmp_path) not in str(failure.value)
    assert failure.value.__cause__ is None
    assert len(engine.sessions) == 0


def test_some_of_these_lists_would_be_followed_otherwise(made: Path, tmp_path: Path) -> None:
    """Else the test above would prove nothing."""
    shutil.copy(made / "street.mp4", tmp_path / "street.mp4")
    path = tmp_path / "film"
    path.write_text(LISTS["concat"])
    assert sum(1 for _ in VideoSource(VideoSourceConfig(path=path))) == 60


@pytest.mark.parametrize("content", [b"", b"no film at all\n" * 50, b"PK\x03\x04" + bytes(500), bytes(100_000)])
def test_what_is_no_film_says_so(engine: Engine, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "film").write_bytes(content)
    with pytest.raises(SourceError, match=r"holiday\.mov") as failure:
        track_film(engine, tmp_path / "film", name="holiday.mov")
    assert str(tmp_path) not in str(failure.value)


def test_a_film_that_is_cut_short_is_tracked_as_far_as_it_goes(films: Films, made: Path, tmp_path: Path) -> None:
    whole = (made / "front.mp4").read_bytes()
    (tmp_path / "half.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    film = send(films, tmp_path / "half.mp4")
    until(lambda: film.over)
    card = film.card()
    assert card["state"] == "done"
    assert 5 < card["frames"] < 60
    assert card["lack"]
    index_at_the_end = (made / "street.mp4").read_bytes()
    (tmp_path / "no-index.mp4").write_bytes(index_at_the_end[: len(index_at_the_end) // 2])
    film = send(films, tmp_path / "no-index.mp4")
    until(lambda: film.over)
    assert film.state == "failed"
    assert "no-index.mp4 cannot be opened" in film.why


def test_limits_of_pixels_and_frames(made: Path, tmp_path: Path) -> None:
    with (
        served(tmp_path, max_pixels=10_000, film_frames=30) as engine,
        pytest.raises(DataError, match="at most 10,000"),
    ):
        track_film(engine, made / "street.mp4")
    with served(tmp_path, film_frames=30) as engine:
        films = Films(engine)
        film = send(films, made / "street.mp4")
        until(lambda: film.over)
        assert film.state == "failed"
        assert "at most 30 frames; street.mp4 has more" in film.why
        with pytest.raises(NoResult, match="at most 30 frames"):
            films.result(film, "txt")
        films.close()


def test_a_broken_film_reports_and_the_others_go_on(films: Films, made: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(4000))
    sent = [send(films, made / "street.mp4"), send(films, tmp_path / "broken.mp4"), send(films, made / "street.avi")]
    until(lambda: all(film.over for film in sent))
    assert [film.state for film in sent] == ["done", "failed", "done"]
    assert sent[1].why


def test_two_films_with_one_session_free_wait_for_each_other(made: Path, tmp_path: Path) -> None:
    with served(tmp_path, max_sessions=1) as engine:
        films = Films(engine)
        sent = [send(films, made / "street.mp4") for _ in range(2)]
        until(lambda: all(film.over for film in sent))
        assert [film.state for film in sent] == ["done", "done"]
        assert sent[0].place("txt").read_bytes() == sent[1].place("txt").read_bytes()
        films.close()


def test_deleting_cancels_and_leaves_nothing(films: Films, made: Path) -> None:
    film = send(films, made / "long.mp4")
    until(lambda: film.frames > 5)
    with pytest.raises(FilmUnfinished):
        films.result(film, "txt")
    films.remove(film.id)
    with pytest.raises(UnknownFilm):
        films.get(film.id)
    until(lambda: film.state == "cancelled" and not film.folder.exists())
    assert film.frames < 600
    until(lambda: not len(films.engine.sessions))


def test_limits_of_number_room_and_age(made: Path, tmp_path: Path) -> None:
    size = (made / "street.mp4").stat().st_size
    with served(tmp_path, max_films=2, film_ttl=0.5, films_space=10 * size) as engine:
        films = Films(engine)
        films.sweep()
        first = send(films, made / "street.mp4")
        with films.receiving("second") as second:
            with pytest.raises(TooManyFilms), films.receiving("third"):
                pass
            second.path.write_bytes(bytes(10 * size))
        films.remove(second.id)
        with films.receiving("large") as large:
            large.path.write_bytes(bytes(10 * size))
            with pytest.raises(NoRoom), films.receiving("another"):
                pass
        folder = first.folder.parent
        until(lambda: not list(films))  # each is over, and its time to live is
        until(lambda: not list(folder.iterdir()))
        films.close()
        assert not list((tmp_path / "spool").iterdir())


def test_room_is_promised_to_films_that_come(tmp_path: Path) -> None:
    with served(tmp_path, films_space=10_000, max_film=8_000) as engine:
        films = Films(engine)
        with films.receiving("first") as first, films.receiving("second") as second:
            assert films.room.take(first, 6_000) == 6_000
            with pytest.raises(NoRoom):
                films.room.take(second, 6_000)
            assert films.room.take(second, None) == 4_000  # of a length that nobody knows
            with pytest.raises(NoRoom), films.receiving("third"):
                pass
            first.path.write_bytes(b"short")
            second.path.write_bytes(b"short")
        with films.receiving("fourth") as fourth:  # those that are here take what they take
            assert films.room.take(fourth, 100_000) == 8_000
            fourth.path.write_bytes(b"short")
        films.close()


def test_results_take_no_more_room_than_there_is(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trackforge.serving.films.room.GLANCE", 0.0)

    def tracked(space: int) -> tuple[Films, Film]:
        engine = stack.enter_context(served(tmp_path, films_space=space))
        films = Films(engine)
        stack.callback(films.close)
        film = send(films, made / "long.mp4")
        until(lambda: film.over)
        return films, film

    size = (made / "long.mp4").stat().st_size
    with contextlib.ExitStack() as stack:
        _, whole = tracked(1 << 30)
        assert whole.state == "done"
        _, grown = tracked(size + 20_000)
        assert (grown.state, 0 < grown.frames < 600) == ("failed", True)
        assert "--films-space" in grown.why
        until(lambda: not grown.path.exists())
        films, film = tracked(whole.room + 1000)
        assert film.state == "done"
        with pytest.raises(NoResult, match="--films-space"):
            until(lambda: films.result(film, "mp4"))
        assert not film.place("mp4").exists()


def test_a_film_that_is_removed_while_it_comes_says_so(films: Films, made: Path) -> None:
    with pytest.raises(UnknownFilm, match="removed"), films.receiving("gone") as film:  # noqa: PT012 - that is the case
        films.remove(film.id)
        shutil.copy(made / "street.mp4", film.path)
    with pytest.raises(UnknownFilm, match="removed"), films.receiving("late") as film:  # noqa: PT012
        film.path.write_bytes(b"all of it")
        held = film.folder.with_name("held")
        film.folder.rename(held)
        films.remove(film.id)
        held.rename(film.folder)
    assert not film.folder.exists()


def test_half_an_upload_leaves_nothing(films: Films) -> None:
    with pytest.raises(ConnectionResetError), films.receiving("half") as film:  # noqa: PT012 - that is the case
        film.path.write_bytes(b"half")
        raise ConnectionResetError
    assert not list(films)
    assert not film.folder.exists()


def test_a_full_disk_is_told_by_the_film_that_met_it(films: Films, made: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with films.receiving("long.mp4") as film:
            shutil.copy(made / "long.mp4", film.path)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        until(lambda: film.over)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert film.state == "failed"
    assert "Make room" in film.why
    assert str(film.folder) not in film.why
    other = send(films, made / "street.mp4")
    until(lambda: other.over)
    assert other.state == "done"


DYING = """
import sys, time
from pathlib import Path
from trackforge.serving.films.storage import Storage
storage = Storage(Path(sys.argv[1]))
(storage.folder / "film").write_bytes(b"x")
print(storage.folder, flush=True)
time.sleep(600)
"""


def test_what_a_killed_server_left_goes_with_the_next_start(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", DYING, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    left = Path(process.stdout.readline().strip())
    alive = Storage(tmp_path)  # a second server beside it harms nobody
    assert (left / "film").exists()
    process.kill()
    process.communicate()
    assert (left / "film").exists()
    third = Storage(tmp_path)
    assert not left.exists()
    assert alive.folder.exists()
    third.close()
    alive.close()
    assert not list(tmp_path.iterdir())


def test_names_of_films() -> None:
    assert film_name("a/b\\c\x1b[2J\n.mp4") == "c\\x1b[2J\\n.mp4"
    assert film_name("..") == "film"
    assert film_name("\u202egpj.mp4") == "\\u202egpj.mp4"
    assert len(film_name("x" * 1000)) == 120


def test_a_server_that_cannot_track_takes_no_film(tmp_path: Path) -> None:
    engine = Engine(ServingRun(detector="motion", films_dir=tmp_path / "spool"))
    engine.load()
    engine.close()
    with pytest.raises(TrackforgeError, match="being stopped"), Films(engine).receiving("a"):
        pass
