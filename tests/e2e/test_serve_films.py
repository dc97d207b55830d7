"""Films sent to a real server: tracked as offline, followed while they are, in flat memory, whatever comes."""

from __future__ import annotations

import http.client
import json
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from bright_detector import BrightConfig, BrightDetector, encoded, scene
from served import PATIENCE, Answer, Server, served, until

import trackforge

OCTETS = "application/octet-stream"


def film(path: Path, frames: int = 60, seed: int = 0, size: tuple[int, int] = (160, 120)) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.gop_size = 10
        for index in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(scene(index, seed, size), format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spool")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, spool: Path) -> Iterator[Server]:
    words = ("--tracker", "byte", "--films-dir", spool, "--max-film", 64 << 20, "--max-films", 8)
    with served(tmp_path_factory.mktemp("server"), *words) as running:
        yield running
    assert not list(spool.iterdir())  # with the server goes all that it kept


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("films") / "street.mp4")


def send(server: Server, body: Any, query: str = "", kind: str = OCTETS) -> Answer:
    return server.ask("POST", f"/v1/films{query}", body, Content_Type=kind)


def sent(server: Server, path: Path, query: str = "") -> str:
    answer = send(server, path.read_bytes(), query or f"?name={path.name}", "video/mp4")
    assert answer.status == 202, answer.body
    assert answer.headers["Location"] == f"/v1/films/{answer.json['id']}"
    return str(answer.json["id"])


def over(server: Server, one: str) -> dict[str, Any]:
    until(lambda: server.get(f"/v1/films/{one}").json["state"] in ("done", "failed", "cancelled"))
    return dict(server.get(f"/v1/films/{one}").json)


def remove(server: Server, one: str) -> None:
    assert server.ask("DELETE", f"/v1/films/{one}").status == 200


def test_every_result_is_that_of_offline_tracking(server: Server, street: Path, tmp_path: Path) -> None:
    one = sent(server, street)
    told = over(server, one)
    assert (told["state"], told["frames"], told["total"], told["rate"]) == ("done", 60, 60, 10.0)
    sinks = [tmp_path / f"street.{kind}" for kind in ("txt", "jsonl", "json", "mp4")]
    steps = list(trackforge.track(street, BrightDetector(BrightConfig()), "byte", sinks=sinks))
    assert sum(len(step.tracks.visible) for step in steps) > 100
    for kind, media in (("txt", "text/plain"), ("jsonl", "application/x-ndjson"), ("json", "application/json")):
        answer = server.get(f"/v1/films/{one}/results.{kind}?wait=60")
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith(media)
        assert answer.headers["Content-Disposition"] == f'attachment; filename="street.{kind}"'
        assert answer.body == (tmp_path / f"street.{kind}").read_bytes()
    video = server.get(f"/v1/films/{one}/results.mp4?wait=60")
    assert (video.status, video.headers["Content-Type"]) == (200, "video/mp4")
    (tmp_path / "served.mp4").write_bytes(video.body)
    drawn = [list(trackforge.source(tmp_path / name)) for name in ("served.mp4", "street.mp4")]
    assert len(drawn[0]) == 60
    for got, wanted in zip(*drawn, strict=True):
        assert np.abs(got.image.astype(int) - wanted.image.astype(int)).mean() < 1
    lines = server.get(f"/v1/films/{one}/steps").body.splitlines()
    assert [json.loads(line) for line in lines] == [
        {key: value for key, value in json.loads(line).items() if key != "sequence"}
        for line in (tmp_path / "street.jsonl").read_text().splitlines()
    ]
    part = server.get(f"/v1/films/{one}/results.mp4", Range="bytes=10-19")
    assert (part.status, part.body) == (206, video.body[10:20])
    assert server.get(f"/v1/films/{one}/results.mp4", Range="bytes=x").status == 400
    assert server.get(f"/v1/films/{one}/results.mp4", Range="bytes=999999999-").status == 416
    assert server.get(f"/v1/films/{one}/results.exe").status == 404
    remove(server, one)
    assert server.get(f"/v1/films/{one}/results.txt").status == 404


def test_steps_are_followed_while_the_film_is_tracked(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with served(tmp_path / "server", "--set", f"detector.gate={gate}", "--films-dir", tmp_path / "spool") as server:
        gate.touch()
        one = sent(server, film(tmp_path / "street.mp4", 30))
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        connection.request("GET", f"/v1/films/{one}/steps")
        answer = connection.getresponse()
        until(lambda: server.get(f"/v1/films/{one}").json["state"] == "tracking")
        assert server.get(f"/v1/films/{one}/results.txt").status == 409
        assert server.get(f"/v1/films/{one}").json["frames"] == 0
        until(lambda: server.get("/v1/sessions").json["sessions"])
        (session,) = (told["id"] for told in server.get("/v1/sessions").json["sessions"])
        assert server.frame(session, encoded(scene(0)), "?index=1000000").status == 409  # it is the film's alone
        gate.unlink()
        assert json.loads(answer.readline())["frame"] == 0
        assert [json.loads(line)["frame"] for line in answer] == list(range(1, 30))
        connection.close()
        gate.touch()
        other = sent(server, tmp_path / "street.mp4")
        waiting = [sent(server, tmp_path / "street.mp4") for _ in range(3)]
        until(lambda: server.get(f"/v1/films/{other}").json["state"] == "tracking")
        connection.request("GET", f"/v1/films/{other}/steps")
        answer = connection.getresponse()
        assert server.ask("DELETE", f"/v1/films/{other}").json["state"] in ("tracking", "cancelled")
        gate.unlink()
        last = json.loads(answer.read().splitlines()[-1])
        assert last["problem"]["status"] == 404
        connection.close()
        assert all(over(server, one)["state"] == "done" for one in waiting)
        folder = next((tmp_path / "spool").glob("trackforge-films-*/"))
        until(lambda: not (folder / other).exists())
        process, log = server.process, server.log
        process.kill()  # as a machine that loses its power
        process.wait()
        assert folder.exists(), log
    words = (
        "--films-dir",
        tmp_path / "spool",
        "--set",
        f"detector.gate={gate}",
        "--grace",
        1,
        "--films-space",
        3_000_000,
    )
    with served(tmp_path / "again", *words) as server:
        gate.touch()
        one = sent(server, tmp_path / "street.mp4")
        assert not folder.exists()
        with server.raw() as raw:
            raw.sendall(b"POST /v1/films HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2000000\r\n\r\nhalf")
            until(lambda: len(server.get("/v1/films").json["films"]) == 2)
            assert send(server, bytes(2_000_000)).status == 507  # the other's room is promised
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        connection.request("GET", f"/v1/films/{one}/steps")
        answer = connection.getresponse()
        server.process.send_signal(signal.SIGTERM)
        assert json.loads(answer.read())["problem"]["type"] == "urn:trackforge:problem:draining"
        connection.close()


def memory(process: int) -> int:
    """Return the bytes that a process has in memory now."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def test_a_film_of_30_mb_is_tracked_in_flat_memory(server: Server, street: Path, tmp_path: Path) -> None:
    long = tmp_path / "long.avi"
    noise = np.random.default_rng(0).integers(0, 256, (4, 240, 320, 3), np.uint8)
    with av.open(str(long), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuvj420p"
        stream.codec_context.qmin = stream.codec_context.qmax = 2
        index = 0
        while not long.exists() or long.stat().st_size < 30 << 20:
            frame = av.VideoFrame.from_ndarray(noise[index % 4], format="rgb24")
            container.mux(stream.encode(frame))
            index += 1
        container.mux(stream.encode())
    size = long.stat().st_size
    assert size >= 30 << 20
    first = sent(server, street)
    over(server, first)  # whatever is loaded for the first film is loaded
    remove(server, first)
    before, samples, done = memory(server.process.pid), [], threading.Event()

    def sample() -> None:
        while not done.wait(0.02):
            samples.append(memory(server.process.pid))

    thread = threading.Thread(target=sample)
    thread.start()
    with long.open("rb") as body:
        answer = server.ask("POST", "/v1/films?name=long.avi", body, Content_Type=OCTETS, Content_Length=str(size))
    assert answer.status == 202, answer.body
    told = over(server, answer.json["id"])
    done.set()
    thread.join()
    assert (told["state"], told["bytes"]) == ("done", size)
    assert told["frames"] == index > 200
    grown = max(samples) - before
    assert grown < 24 << 20  # less than the film, let alone its pictures
    until(lambda: server.get(f"/v1/films/{told['id']}/results.txt").status == 200)
    remove(server, told["id"])


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (
            b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n",
            "opened as video",
        ),
        (b"ffconcat version 1.0\nfile /etc/hostname\n", "list of other files"),
        (os.urandom(3000), "opened as video"),
    ],
)
def test_what_is_no_film_is_told_and_harms_nobody(server: Server, street: Path, body: bytes, word: str) -> None:
    one = send(server, body, "?name=bad.mp4").json["id"]
    other = sent(server, street)
    told = over(server, one)
    assert told["state"] == "failed"
    assert any(part in told["why"] for part in word.split("|")), told["why"]
    assert "spool" not in told["why"]
    refused = server.get(f"/v1/films/{one}/results.txt")
    assert refused.status == 404
    assert json.loads(server.get(f"/v1/films/{one}/steps").body)["problem"]["status"] == 404
    assert over(server, other)["state"] == "done"
    remove(server, one)
    remove(server, other)


@pytest.mark.parametrize(
    "name", ["../../evil.mp4", "/etc/passwd", "a%0d%0aX:%20y.mp4", "%22;x=%22.mp4", "%e2%80%ae4pm.mp4", "%c3%bc.mp4"]
)
def test_names_lead_nowhere(server: Server, street: Path, spool: Path, name: str) -> None:
    answer = send(server, street.read_bytes(), f"?name={name}")
    if answer.status == 400:  # what is no plain text is no name
        return
    one = answer.json["id"]
    over(server, one)
    result = server.get(f"/v1/films/{one}/results.txt")
    assert result.status == 200
    assert "X" not in result.headers
    assert "\n" not in result.headers["Content-Disposition"]
    assert {path.parent.parent for path in spool.rglob("results.txt")} == set(spool.glob("trackforge-films-*/"))
    remove(server, one)


def test_who_does_not_read_a_result_is_not_waited_for_and_who_reads_slowly_is(tmp_path: Path, street: Path) -> None:
    size, spool = 12 << 20, tmp_path / "spool"
    spool.mkdir()
    with served(tmp_path, "--films-dir", spool, "--request-timeout", 2) as server:
        one = sent(server, street)
        assert over(server, one)["state"] == "done"
        (place,) = spool.rglob("results.txt")
        place.write_bytes(bytes(size))  # what a film of hours has

        def asked() -> socket.socket:
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            client.settimeout(PATIENCE)
            client.connect(("127.0.0.1", server.port))
            client.sendall(f"GET /v1/films/{one}/results.txt HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            return client

        with asked() as slow, asked():
            came, begun = 0, time.monotonic()
            while came < size:
                piece = slow.recv(1 << 18)
                assert piece, f"cut off after {came} bytes"
                came += len(piece)
                time.sleep(max(0.0, begun + 4 * came / size - time.monotonic()))  # for twice the time of a request
            until(lambda: server.metric("trackforge_http_requests_at_work") == 1)  # this question itself
            series = (
                'trackforge_http_requests_total{method="GET",route="/v1/films/{film_id}/results.{kind}",status="%d"}'
            )
            assert [server.metric(series % status) for status in (200, 499)] == [1, 1]
            assert "Traceback" not in server.log
    with served(tmp_path, "--films-dir", spool, "--grace", 1000) as server:
        one = sent(server, street)
        assert over(server, one)["state"] == "done"
        (place,) = spool.rglob("results.txt")
        place.write_bytes(bytes(size))
        with asked():
            until(lambda: server.metric("trackforge_http_requests_at_work") == 2)
            assert server.end(signal.SIGTERM) == 0  # and not after the grace


def test_what_is_refused_at_the_door(server: Server, street: Path) -> None:
    data = street.read_bytes()
    assert send(server, data, kind="text/html").status == 415
    assert send(server, data, "?name=a&name=b").status == 400
    assert send(server, b"").status == 400
    assert send(server, data, "?tracker=bite").status == 400
    assert send(server, data, "?video=yes").status == 400
    for one in ("nobody", "a" * 32, "%2e%2e", "a" * 100):
        assert server.get(f"/v1/films/{one}").status == 404
    with server.raw() as raw:
        raw.sendall(f"POST /v1/films HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {65 << 20}\r\n\r\n".encode())
        assert raw.recv(100).startswith(b"HTTP/1.1 413")
    with server.raw() as raw:
        raw.sendall(b"POST /v1/films HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nhalf")
        until(lambda: [film["state"] for film in server.get("/v1/films").json["films"]] == ["receiving"])
    until(lambda: not server.get("/v1/films").json["films"])  # half a body leaves nothing
    with server.raw() as raw:
        raw.sendall(b"POST /v1/films HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nhalf")
        until(lambda: server.get("/v1/films").json["films"])
        remove(server, server.get("/v1/films").json["films"][0]["id"])
        raw.sendall(bytes(996))
        assert raw.recv(100).startswith(b"HTTP/1.1 404")


def test_as_many_films_as_may_be(server: Server, street: Path) -> None:
    ids = [sent(server, street) for _ in range(8)]
    refused = send(server, street.read_bytes())
    assert refused.status == 429
    assert refused.headers["Retry-After"]
    for one in ids:
        remove(server, one)
    remove(server, sent(server, street))


def test_a_full_disk_is_told(tmp_path: Path, street: Path) -> None:
    with served(tmp_path, "--films-dir", tmp_path / "spool", largest=20_000) as server:
        answer = send(server, bytes(50_000))
        assert answer.status == 507
        until(lambda: not server.get("/v1/films").json["films"])
        begin = time.monotonic()
        assert over(server, sent(server, street))["state"] in ("done", "failed")
        assert server.get("/readyz").status == 200, begin
        assert not list((tmp_path / "spool").rglob("body-*"))
