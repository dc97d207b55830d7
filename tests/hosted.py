"""Real containers' processes: ``trackforge-sagemaker serve`` over a model folder, on a free port."""

from __future__ import annotations

import base64
import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bright_model import png, scene
from cli_runs import ENVIRONMENT
from served import Answer, Server, running

import trackforge
from trackforge.serving import step_json
from trackforge.types import Frame

FRAMES = 20
"""That a camera has where nothing else is said."""
SERVE = [sys.executable, "-c", "import sys; from trackforge_sagemaker.command import main; sys.exit(main())", "serve"]


def hosted_environment(base: Path) -> dict[str, str]:
    """Return the variables of a container whose ``/opt/ml`` is ``base``."""
    return {
        **ENVIRONMENT,
        "OMP_NUM_THREADS": "1",
        "SAGEMAKER_BASE_DIR": str(base),
        "TRACKFORGE_SERVE_PORT": "0",
    }


@contextlib.contextmanager
def hosted(base: Path, name: str = "container", *, ready: bool = True, **environment: str) -> Iterator[Server]:
    """Run a container's process while the block does.

    Args:
        base: What it takes for ``/opt/ml``; its folder ``model`` has the model.
        name: Of the files for port and log, below ``base``.
        ready: Wait until ``/ping`` answers 200.
        environment: Further variables.
    """
    port, errors = base / f"{name}-port", base / f"{name}-log"
    errors.unlink(missing_ok=True)
    told = {**hosted_environment(base), "TRACKFORGE_SERVE_PORT_FILE": str(port), **environment}
    with running(SERVE, base, port, errors, told, ready="/ping" if ready else "") as server:
        yield server


def memory(pid: int) -> int:
    """Return the largest resident memory that a process has had, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


def plain(value: Any) -> Any:
    """Return a value as it comes out of JSON."""
    return json.loads(json.dumps(value))


def tracked(detector: Any, camera: int, frames: int = FRAMES) -> list[dict[str, Any]]:
    """Return the steps of offline tracking of a camera, as answers."""
    session = trackforge.Session(detector, "byte")
    pictures = (Frame(index=k, image=image) for k, image in enumerate(scene(camera, frames)))
    return [plain(step_json(session.step(frame), detector.classes)) for frame in pictures]


def invoke(server: Server, body: Any, content_type: str = "image/png", session: str = "", **headers: str) -> Answer:
    """Send a request to ``/invocations``; a dictionary goes as JSON."""
    if session:
        headers["X_Amzn_SageMaker_Session_Id"] = session
    if isinstance(body, dict):
        body, content_type = json.dumps(body).encode(), "application/json"
    return server.ask("POST", "/invocations", body, Content_Type=content_type, **headers)


def opened(server: Server, **asked: Any) -> str:
    """Open a session by its body and return its id."""
    answer = invoke(server, {"requestType": "NEW_SESSION", **asked})
    assert answer.status == 200, answer.body
    identity, _, expires = answer.headers["x-amzn-sagemaker-new-session-id"].partition("; Expires=")
    assert expires.endswith("Z")
    assert answer.json == {"session": identity}
    return str(identity)


def fairmot(index: Any, image: Any, **more: Any) -> dict[str, Any]:
    """Return a frame as the FairMOT example's client sends it."""
    return {"frame_id": index, "frame_data": base64.b64encode(png(image)).decode(), **more}


def sessions(server: Server) -> int:
    """Return how many sessions are open."""
    return len(server.get("/v1/sessions").json["sessions"])


def shown(step: dict[str, Any]) -> dict[str, tuple[float, ...]]:
    """Return the answer of the FairMOT example to a step of ours."""
    boxes = {str(t["track_id"]): (x, y, a - x, b - y) for t in step["tracks"] for x, y, a, b in [t["xyxy"]]}
    return {k: box for k, box in boxes.items() if box[2] <= 1.6 * box[3] and box[2] * box[3] > 10}
