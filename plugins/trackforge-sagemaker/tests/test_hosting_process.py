"""``trackforge-sagemaker serve`` as a process: when it is ready, what its limits are, how it ends."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import threading

import numpy as np
import pytest
from bright_detector import install
from bright_model import HEIGHT, WIDTH, png, scene, write_film, write_model
from hosted import SERVE, fairmot, hosted, hosted_environment, invoke, sessions
from served import until


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return write_film(tmp_path_factory.mktemp("film") / "camera.mp4", 9, 40)


def test_a_stop_waits_for_what_is_at_work_but_not_for_ever(film, tmp_path):
    plugins, gate = install(tmp_path / "plugins"), tmp_path / "model" / "gate"
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "trackforge.toml").write_text('[detector]\nname = "bright"\ngate = "gate"\n')
    for kind, body, session in (
        ("image/png", png(next(scene(1, 1))), "NEW_SESSION"),
        ("video/mp4", film.read_bytes(), ""),
    ):
        gate.unlink(missing_ok=True)
        with hosted(tmp_path, PYTHONPATH=str(plugins), TRACKFORGE_SERVE_GRACE="1") as server:
            gate.touch()
            answers = []
            asking = threading.Thread(target=lambda: answers.append(_asked(server, body, kind, session)))  # noqa: B023
            asking.start()
            until(lambda: server.metric("trackforge_http_requests_at_work") > 1)
            assert server.end(15) == 0  # within the 30 s that SageMaker gives, though the detector hangs
            asking.join()
            assert answers[0] in (503, 0)


def _asked(server, body, kind, session):
    with contextlib.suppress(OSError, http.client.HTTPException):
        return invoke(server, body, kind, session=session).status
    return 0


def test_ping_tells_when_the_model_is_loaded_and_why_it_never_will_be(tmp_path):
    plugins, load = install(tmp_path / "plugins"), tmp_path / "model" / "load"
    settings = tmp_path / "model" / "trackforge.toml"
    settings.parent.mkdir()
    settings.write_text('[detector]\nname = "bright"\nload = "load"\n')
    with hosted(tmp_path, ready=False, PYTHONPATH=str(plugins)) as server:
        assert server.get("/ping").status == 503
        assert invoke(server, png(next(scene(1, 1)))).status == 503
        load.touch()
        until(lambda: server.get("/ping").status == 200)
        assert server.end(15) == 0
    settings.write_text('[detector]\nname = "bright"\nbroken = true\n')
    ended = subprocess.run(
        SERVE,
        env={**hosted_environment(tmp_path), "PYTHONPATH": str(plugins)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode not in (0, None)
    assert "it cannot be made" in ended.stderr


def test_what_cannot_be_served_ends_with_a_reason_and_a_code(tmp_path):
    def ends(*words, **environment):
        return subprocess.run(
            [*SERVE, *words],
            env={**hosted_environment(tmp_path), **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    missing = ends()
    assert missing.returncode == 1
    assert "model" in missing.stderr
    write_model(tmp_path / "model")
    wrong = ends(TS_MAX_REQUEST_SIZE="6 MB")
    assert wrong.returncode == 2
    assert "TS_MAX_REQUEST_SIZE must be a whole number" in wrong.stderr
    assert ends("--port", "80").returncode == 2
    helped = ends("--help")
    assert helped.returncode == 0
    assert "SAGEMAKER_BIND_TO_PORT" in helped.stdout


def test_aws_s_variables_set_limits_times_and_sessions(base):
    with hosted(
        base,
        "limits",
        TS_MAX_REQUEST_SIZE="9000",
        SAGEMAKER_MAX_PAYLOAD_IN_MB="",
        TS_MAX_RESPONSE_SIZE="40",
        SAGEMAKER_SESSIONS_EXPIRATION="1",
        TRACKFORGE_HOSTING_RESPONSE="bytetrack",
        INPUT_HEIGHT=str(HEIGHT),
        INPUT_WIDTH=str(WIDTH),
    ) as server:
        dark = png(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
        assert invoke(server, dark).body == b"[null]"
        large = invoke(server, png(next(scene(1, 1))))
        assert large.status == 507
        assert "TS_MAX_RESPONSE_SIZE" in large.json["detail"]
        assert invoke(server, b"x" * 9001).status == 413
        assert invoke(server, b"x" * 9001, "video/mp4").status == 413
        assert invoke(server, b"x" * 9001, "application/octet-stream").status == 413
        assert server.get("/execution-parameters").json["MaxPayloadInMB"] == 1
        identity = (
            invoke(server, b"", session="NEW_SESSION").headers["x-amzn-sagemaker-new-session-id"].partition(";")[0]
        )
        until(lambda: sessions(server) == 0)
        gone = invoke(server, dark, session=identity)
        assert gone.status == 410
        assert "expired" in gone.json["detail"]


def test_sessions_can_be_switched_off(base):
    with hosted(base, "stateless", SAGEMAKER_ENABLE_STATEFUL_SESSIONS="false") as server:
        image = next(scene(1, 1))
        assert invoke(server, png(image)).status == 200
        for body, session in (
            ({"requestType": "NEW_SESSION"}, ""),
            (png(image), "NEW_SESSION"),
            (fairmot(0, image), ""),
        ):
            answer = invoke(server, body, session=session)
            assert answer.status == 400
            assert "SAGEMAKER_ENABLE_STATEFUL_SESSIONS" in answer.json["detail"]
