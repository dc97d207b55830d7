"""What happens to a real server, and what its sessions lose by it: little, and never another's."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

from bright_detector import BrightConfig, BrightDetector, encoded, scene
from served import PATIENCE, Answer, Server, served, until

import trackforge
from trackforge.serving import step_json
from trackforge.serving.saving import read_saved
from trackforge.types import Frame


def steps(server: Server, session: str, frames: range, seed: int = 5) -> list[object]:
    return [server.frame(session, encoded(scene(k, seed)), f"?index={k}").json for k in frames]


def offline(frames: int, seed: int = 5) -> list[object]:
    session = trackforge.Session(BrightDetector(BrightConfig()), "byte")
    return [step_json(session.step(Frame(index=k, image=scene(k, seed))), ("light",)) for k in range(frames)]


def test_a_server_that_is_killed_keeps_its_sessions(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    with served(tmp_path, "--sessions-dir", kept) as server:
        session, closed = server.open(name="gate"), server.open()
        first = steps(server, session, range(8))
        file = kept / f"{session}.session"
        until(lambda: file.exists() and read_saved(file.read_bytes()).counts["frames"] == 8)
        assert server.ask("DELETE", f"/v1/sessions/{closed}").status == 200
        server.process.kill()
        assert server.process.wait(PATIENCE) == -signal.SIGKILL
    with served(tmp_path, "--sessions-dir", kept) as server:
        told = server.get(f"/v1/sessions/{session}").json
        assert (told["name"], told["frames"], told["last_index"]) == ("gate", 8, 7)
        assert first + steps(server, session, range(8, 16)) == offline(16)
        assert server.end(signal.SIGTERM) == 0
    assert read_saved(file.read_bytes()).counts["frames"] == 16  # a stop loses nothing


def test_a_session_that_is_closed_under_its_frame_says_so(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with served(tmp_path, "--set", f"detector.gate={gate}", "--hang", 4) as server:
        both = [server.open() for _ in range(2)]
        gate.touch()
        answers: list[Answer] = []
        waiting = [
            threading.Thread(target=lambda one=one: answers.append(server.frame(one, encoded(scene(0)))))
            for one in both
        ]
        for thread in waiting:
            thread.start()
        until(lambda: server.metric("trackforge_waiting_bytes") == 2 * 160 * 120 * 3)
        assert server.metric("trackforge_body_bytes") >= 2 * 100  # as sent, while they are answered
        until(lambda: server.get("/readyz").status == 503)
        for session in both:
            assert server.ask("DELETE", f"/v1/sessions/{session}").status == 200
        for thread in waiting:
            thread.join(PATIENCE)
        assert [(one.status, one.json["type"]) for one in answers] == [(410, "urn:trackforge:problem:session-gone")] * 2
        assert server.metric("trackforge_body_bytes") == 0
        assert "Traceback" not in server.log
        gate.unlink()


def test_a_detector_that_hangs_is_told_and_what_is_known_can_be_saved(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with served(tmp_path, "--set", f"detector.gate={gate}", "--hang", 0.4) as server:
        session, stuck = server.open(), server.open()
        first = steps(server, session, range(6))
        gate.touch()
        answers: list[Answer] = []
        waiting = threading.Thread(target=lambda: answers.append(server.frame(stuck, encoded(scene(0, 1)))))
        waiting.start()
        until(lambda: server.get("/readyz").status == 503)
        assert "has not come back" in server.log
        assert server.get("/healthz").status == 200
        refused = server.frame(session, encoded(scene(6, 5)))
        assert (refused.status, "Retry-After" in refused.headers) == (503, True)
        saved = server.get(f"/v1/sessions/{session}/state")
        assert (saved.status, read_saved(saved.body).counts["frames"]) == (200, 6)
        gate.unlink()
        waiting.join(PATIENCE)
        assert answers[0].status == 200
        until(lambda: server.get("/readyz").status == 200)
        assert first + steps(server, session, range(6, 12)) == offline(12)
        restored = server.ask("POST", "/v1/sessions/restore", saved.body, Content_Type="application/octet-stream")
        assert first + steps(server, restored.json["id"], range(6, 12)) == offline(12)
