"""A camera over one connection: ``/invocations-bidirectional-stream``."""

from __future__ import annotations

import json
import signal

import pytest
from bright_model import png, scene
from hosted import FRAMES, hosted, sessions
from served import PATIENCE, until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


@pytest.fixture(scope="module")
def container(base):
    with hosted(base) as server:
        yield server
        assert "Traceback" not in server.log


def socket(server):
    return connect(f"ws://127.0.0.1:{server.port}/invocations-bidirectional-stream", open_timeout=PATIENCE)


def told(client):
    return json.loads(client.recv(PATIENCE))


def test_pictures_in_and_tracks_out_as_offline(container, steps):
    with socket(container) as client:
        pictures = [png(image) for image in scene(1, FRAMES)]
        client.send(pictures[0])
        assert len(told(client)["session"]) == 32
        given = [told(client)]
        for picture in pictures[1:]:
            client.send([picture[:100], picture[100:]])  # in parts, as PARTIAL payloads come
            given.append(told(client))
        assert given == steps(1)
        client.send('{"requestType": "CLOSE"}')
        assert told(client)["frames"] == FRAMES
        with pytest.raises(ConnectionClosed):
            client.recv(PATIENCE)
    until(lambda: sessions(container) == 0)


def test_close_waits_for_what_came_before(container, steps):
    with socket(container) as client:
        for image in scene(3, 6):
            client.send(png(image))
        client.send('{"requestType": "CLOSE"}')
        assert "session" in told(client)
        assert [told(client) for _ in range(6)] == steps(3, 6)
        assert told(client)["frames"] == 6
    until(lambda: sessions(container) == 0)


def test_a_stream_on_which_nothing_came_holds_up_no_stop(base):
    with hosted(base, "idle", TRACKFORGE_SERVE_GRACE="1000") as server, socket(server) as client:
        until(lambda: server.metric("trackforge_http_requests_at_work") == 2)
        assert server.end(signal.SIGTERM) == 0
        assert told(client)["ModelStreamError"]["ErrorCode"] == "draining"
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(PATIENCE)
        assert closed.value.rcvd.code == 1012


def test_a_camera_goes_on_in_a_further_connection(container, steps):
    pictures = [png(image) for image in scene(2, FRAMES)]
    given = []
    with socket(container) as client:
        client.send('{"requestType": "NEW_SESSION", "name": "gate"}')
        assert told(client)["expires"].endswith("Z")
        for picture in pictures[:9]:
            client.send(picture)
            given.append(told(client))
        client.send('{"requestType": "CLOSE", "state": true}')
        state = told(client)["state"]
    until(lambda: sessions(container) == 0)
    with socket(container) as client:
        client.send(json.dumps({"requestType": "NEW_SESSION", "state": state}))
        assert "session" in told(client)
        for picture in pictures[9:]:
            client.send(picture)
            given.append(told(client))
    assert given == steps(2)
    until(lambda: sessions(container) == 0)  # the client left without CLOSE


def test_what_is_wrong_is_told_in_sagemakers_words_and_the_session_goes_on(container):
    picture = png(next(scene(1, 1)))
    with socket(container) as client:
        client.send('{"requestType": "NEW_SESSION"}')
        told(client)
        client.send(b"no picture")
        error = told(client)["ModelStreamError"]
        assert error["ErrorCode"] == "bad-picture"
        assert "picture" in error["Message"]
        client.send('{"index": -1}')
        assert told(client)["ModelStreamError"]["ErrorCode"] == "bad-request"
        client.send('{"requestType": "NEW_SESSION"}')  # there is one already
        assert "ModelStreamError" in told(client)
        client.send('{"requestType": "OPEN"}')
        assert "ModelStreamError" in told(client)
        client.send('{"index": 5, "timestamp": 0.2}')
        client.send(picture)
        assert told(client)["frame"] == 5


@pytest.mark.parametrize(
    "first",
    ['{"requestType": "CLOSE"}', '{"requestType": "NEW_SESSION", "tracker": "none"}', '{"requestType": "NEW", "a": [}'],
)
def test_a_stream_that_begins_wrong_is_told_so_and_closed(container, first):
    with socket(container) as client:
        client.send(first)
        assert "ModelStreamError" in told(client)
        with pytest.raises(ConnectionClosed):
            client.recv(PATIENCE)
    assert sessions(container) == 0
